# SPDX-License-Identifier: Apache-2.0
# cases.sh - sourced by whatever does something in the lab of $LAB_DIR.
#
# dom0 SCRIPT     run in dom0
# web, db SCRIPT  run in that guest; output and exit status are the script's
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
OUT=$LAB_DIR/share/out		# the same as /mnt/out in dom0

# awaited TEXT: what the lab is waited for now, to be shown.
awaited() {
	echo "$*" > "$LAB_DIR/share/awaited"
}

# evidence: what one wants to see of the lab when something failed in it.
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
	"$LAB_SRC/in-dom0" "$1"
}

in_guest() {
	dom0 "guest $1 run <<'END_OF_SCRIPT'
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

# lab_pulse: changes while something goes on in the lab.
lab_pulse() {
	dom0 'cat /var/log/xen/guest-*.log /var/log/vhsm*.log | wc -c
		xenstore-list /local/domain' 2>&1
}

# eventually SECONDS COMMAND...: it succeeds, within that time on a machine of
# rate 1 (see patience), or later as long as something goes on in the lab, at
# most ten times that; its last output is shown.  The command has the lab's one
# processor for a part of the time only: the rest is for what it waits for.
eventually() {
	local limit start=$SECONDS end out pulse='' now t0 took

	limit=$(patience "$1")
	shift
	end=$((start + limit))
	while t0=${EPOCHREALTIME/./}; ! out=$("$@" 2>&1); do
		took=$(((${EPOCHREALTIME/./} - t0) / 1000))
		if [ $SECONDS -ge $end ]; then
			now=$(lab_pulse)
			[ "$now" != "$pulse" ] &&
				[ $((SECONDS - start)) -lt $((limit * 10)) ] || {
				echo "not in time ($((SECONDS - start)) s): $*"
				echo "$out"
				return 1
			} >&2
			pulse=$now end=$((SECONDS + limit))
		fi
		awaited "$(cut -c 1-60 <<< "$*")"
		took=$((took < 2000 ? took : 2000))
		sleep "$((took / 1000)).$(printf %03d $((took % 1000)))"
		sleep 0.1
	done
	echo "$out"
}
