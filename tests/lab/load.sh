# SPDX-License-Identifier: Apache-2.0
# load.sh - sourced by cases: a guest that works all the time, and keeps count.
#
# It signs the same file with the same Ed25519 key again and again (RFC 8032
# signatures are deterministic), so each answer can be told right from wrong:
# LOAD_FILE, or one that takes long.  Meanwhile, if asked, a second process keeps
# the ring full.
LOAD_FILE=${LOAD_FILE:-/bin/busybox}

LOAD='
ok=0 error=0 wrong=0
while [ -e /tmp/load.on ]; do
	rm -f /tmp/load.sig
	if vhsm sign web-ssh --in "$1" --out /tmp/load.sig 2>> /tmp/load.err
	then
		if cmp -s /tmp/load.sig /tmp/load.want
		then ok=$((ok + 1)); else wrong=$((wrong + 1)); fi
	else
		error=$((error + 1))
	fi
	usleep 200000
	echo "ok=$ok error=$error wrong=$wrong" > /tmp/load.new
	mv /tmp/load.new /tmp/load.count
done'

FLOOD='while [ -e /tmp/load.on ]; do
	vhsm bench --quick --op sign --key web-ssh --depth 32
done'

# load_start GUEST [flood]
load_start() {
	in_guest "$1" "
	set -e
	rm -f /tmp/load.*
	vhsm sign web-ssh --in $LOAD_FILE --out /tmp/load.want
	touch /tmp/load.on
	cat > /tmp/load.sh <<'X'
$LOAD
X
	cat > /tmp/flood.sh <<'X'
$FLOOD
X
	sh /tmp/load.sh $LOAD_FILE > /dev/null 2>&1 &
	[ -z '${2-}' ] || sh /tmp/flood.sh > /tmp/flood.log 2>&1 &
	"
	eventually 30 load_passed "$1" 2
}

# load_count GUEST: sets ok, error, wrong
load_count() {
	eval "$(in_guest "$1" 'cat /tmp/load.count' |
		grep -E '^ok=[0-9]+ error=[0-9]+ wrong=[0-9]+$')"
}

# load_passed GUEST N: N good answers were counted
load_passed() {
	local ok=0 error wrong

	load_count "$1"
	[ $ok -ge "$2" ]
}

# load_goes_on GUEST [SECONDS]: more good answers keep coming, and none was
# wrong; sets what load_count sets
load_goes_on() {
	load_count "$1"
	eventually "${2:-60}" load_passed "$1" $((ok + 3))
	load_count "$1"
	echo "load in $1: ok=$ok error=$error wrong=$wrong"
	[ "$wrong" = 0 ]
}

load_stop() {
	in_guest "$1" 'rm -f /tmp/load.on; sleep 1; cat /tmp/load.err | tail -n 5'
}
