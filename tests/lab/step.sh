# SPDX-License-Identifier: Apache-2.0
# step.sh - sourced: run something long with its progress shown and its output
# kept in a file.
#
# step NAME TEXT COMMAND...
#	Output goes to $LAB_LOG/NAME.log.  While it runs, the seconds are shown,
#	and what the lab is waited for: on a terminal on the spot, elsewhere as a
#	line every half minute.  When it fails, the end of the log is shown and
#	this exits with status 1.

# What the lab is waited for now, in at most so many characters.
step_awaited() {
	local said=

	{ read -r said < "$LAB_DIR/share/awaited"; } 2>/dev/null
	echo "${said::$1}"
}

step_wait() {
	local pid=$1 text=$2 start=$SECONDS shown=0 now said

	rm -f "$LAB_DIR/share/awaited"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		[ $now -gt $shown ] || continue
		shown=$now
		if [ -t 1 ]; then
			printf '\r  %-58s %4d s  %-40s' "$text" $now \
				"$(step_awaited 40)"
		elif [ $((now % 30)) = 0 ]; then
			said=$(step_awaited 100)
			echo "  ... $text: $now s${said:+; $said}"
		fi
	done
	[ ! -t 1 ] || printf '\r%-110s\r' ""
}

step() {
	local name=$1 text=$2 t0=$EPOCHREALTIME log=$LAB_LOG/$1.log pid rc=0

	shift 2
	[ ! -t 1 ] || printf '  %-58s' "$text"
	"$@" > "$log" 2>&1 < /dev/null &
	pid=$!
	step_wait $pid "$text"
	wait $pid || rc=$?
	if [ $rc -ne 0 ]; then
		printf '  %-58s FAILED after %s s\n' "$text" "$(since "$t0")"
		tail -n 25 "$log" | sed 's/^/    | /'
		echo "${0##*/}: step \"$name\" failed: $text"
		echo "  whole log: $log"
		exit 1
	fi
	printf '  %-58s %6s s\n' "$text" "$(since "$t0")"
}
