# SPDX-License-Identifier: Apache-2.0
# cases.sh - sourced by every file of lab cases.
#
# behaviour NAME [TEXT]
#                 runs the function NAME, which fails with its first failing
#                 command; shown as TEXT, or NAME with blanks for underscores
# dom0 SCRIPT     run in dom0
# web, db SCRIPT  run in that guest; output and exit status are the script's
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
. "$TOP/tests/report.sh"
OUT=$LAB_DIR/share/out		# the same as /mnt/out in dom0
FAILED=0

behaviour() {
	local t0=$EPOCHREALTIME text=${2:-${1//_/ }} log rc=0

	mkdir -p "$LAB_LOG/lab"
	log=$LAB_LOG/lab/${text//[^a-z0-9]/_}.log
	set +e
	(set -eu; "$1") > "$log" 2>&1 < /dev/null
	rc=$?
	set -e
	if [ $rc = 0 ]; then
		report 1 0 "$(since "$t0")" "lab: $text"
	else
		echo "exit status $rc; what the lab looked like: $log.lab" >> "$log"
		evidence > "$log.lab" 2>&1
		report 0 1 "$(since "$t0")" "lab: $text" "$log"
		FAILED=1
	fi
}

# What one wants to see of the lab when something failed in it.
evidence() {
	"$LAB_SRC/in-dom0" -t 20 'xl list; vhsmctl monitor list
		vhsmctl alerts list; tail -n 15 /var/log/vhsmd.log
		tail -n 15 /var/log/vhsm-responder.log
		for log in /var/log/xen/guest-*.log; do
			echo "--- console: $log"
			tail -n 8 $log
		done; dmesg | tail -n 5' | cut -c 1-200
}

dom0() {
	"$LAB_SRC/in-dom0" -t "${LIMIT:-300}" "$1"
}

in_guest() {
	dom0 "guest -t ${LIMIT:-300} $1 run <<'END_OF_SCRIPT'
$2
END_OF_SCRIPT"
}

web() {
	in_guest web "$1"
}

db() {
	in_guest db "$1"
}

# fails TEXT COMMAND...: it must fail, and say what matches TEXT.
fails() {
	local want=$1 out

	shift
	if out=$("$@" 2>&1); then
		echo "succeeded, but must not: $*"
		echo "$out"
		return 1
	fi
	grep -Eiq -- "$want" <<< "$out" || {
		echo "failed without saying \"$want\": $*"
		echo "$out"
		return 1
	}
}

# eventually SECONDS COMMAND...: it succeeds within that time; its last output
# is shown.
eventually() {
	local end=$((SECONDS + $1)) out

	shift
	until out=$("$@" 2>&1); do
		[ $SECONDS -lt $end ] || {
			echo "not in time: $*"
			echo "$out"
			return 1
		} >&2
		sleep 0.3
	done
	echo "$out"
}
