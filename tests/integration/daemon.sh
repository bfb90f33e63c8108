# SPDX-License-Identifier: Apache-2.0
#
# daemon.sh - sourced by the integration tests: a vhsmd of one's own, over the
# local transport, in a directory of one's own; and ways to say what is to be.
#
# Works as root, whose children then become users 65533 and 65534, and as
# anyone else.  Run in the build directory, or with $BUILD set to it.
set -u

BUILD=${BUILD:-$(pwd)}
DIR=$(mktemp -d "${TMPDIR:-/tmp}/vhsm-test.XXXXXX")
chmod 711 "$DIR"
WEB=7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01
DB=7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b02
VHSMD_PID=
failed=0

configure_daemon() {
	local vault= engine=
	if [ "$(id -u)" = 0 ]; then
		vault=65534
		engine=65533
	fi
	mkdir -p "$DIR/libexec" "$DIR/xen" "$DIR/monitor.d"
	chmod 755 "$DIR/libexec"
	# Programs in the build tree may be scripts that find their libraries.
	for p in vhsm-vault vhsm-engine; do
		ln -sf "$BUILD/$p" "$DIR/libexec/$p"
	done
	cat > "$DIR/vhsmd.conf" <<X
store-dir = "$DIR/store"
root-key = "file:$DIR/root.key"
run-dir = "$DIR/run"
libexec-dir = "$DIR/libexec"
local-socket = "$DIR/local.sock"
config-dirs = { "$DIR/xen" }
policy-dir = "$DIR/monitor.d"
xen = off
vault-user = "$vault"
engine-user = "$engine"
X
}

ctl() {
	"$BUILD/vhsmctl" "$@" --run-dir "$DIR/run"
}

# client UUID COMMAND ...
client() {
	local uuid=$1
	shift
	timeout 240 "$BUILD/tests/integration/client" \
		"local:$DIR/local.sock?uuid=$uuid" "$@"
}

# call SOCKET METHOD PARAMS: as the responder does.
call() {
	local socket=$1
	shift
	"$BUILD/tests/integration/call" "$DIR/run/$socket" "$@"
}

daemon_start() {
	"$BUILD/vhsmd" --config "$DIR/vhsmd.conf" --verbose \
		>> "$DIR/vhsmd.log" 2>&1 &
	VHSMD_PID=$!
	within 30 ctl status > /dev/null
}

# Its children end by themselves.
daemon_kill() {
	kill "-$1" "$VHSMD_PID"
	wait "$VHSMD_PID" 2> /dev/null
	VHSMD_PID=
}

vault_pid() {
	ctl status --json | sed -n 's/.*"pid": \([1-9][0-9]*\).*/\1/p'
}

engine_pid() {
	ctl device list --json | sed -n 's/.*"engine_pid": \([0-9]*\).*/\1/p' |
		head -n 1
}

# within SECONDS COMMAND: it succeeds, sooner or later.
within() {
	local tries=$(($1 * 10))
	shift
	while ! "$@" 2> "$DIR/within.err"; do
		tries=$((tries - 1))
		if [ $tries -le 0 ]; then
			cat "$DIR/within.err" >&2
			return 1
		fi
		sleep 0.1
	done
}

# fails STATUS TEXT COMMAND: it exits so, and says so.
fails() {
	local status=$1 text=$2 was=0
	shift 2
	"$@" > "$DIR/out" 2>&1 || was=$?
	if [ $was != "$status" ] || ! grep -qi -e "$text" "$DIR/out"; then
		echo "expected status $status and \"$text\" of: $*" >&2
		echo "got status $was and:" >&2
		cat "$DIR/out" >&2
		return 1
	fi
}

# A case is a function whose name says what it proves.
behaviour() {
	local status

	# Not as the condition of an if: there, set -e is without effect.
	(set -e; "$1") > "$DIR/case.log" 2>&1
	status=$?
	if [ $status = 0 ]; then
		echo "ok $1"
	else
		echo "FAILED $1"
		sed 's/^/    /' "$DIR/case.log"
		failed=$((failed + 1))
	fi
}

finish() {
	if [ $failed != 0 ]; then
		echo "--- the daemon's log ends:"
		tail -n 30 "$DIR/vhsmd.log"
	fi
	exit $((failed != 0))
}

cleanup() {
	[ -z "$VHSMD_PID" ] || daemon_kill TERM
	rm -rf "$DIR"
}
trap cleanup EXIT
