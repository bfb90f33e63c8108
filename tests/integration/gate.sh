#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# gate.sh - a guest's keys answer as far as the responder says, and as long:
# levels, leases, revocation in the vault, and what is left of them when
# processes are killed.
. "$(dirname "$0")/daemon.sh"

configure_daemon
daemon_start || { cat "$DIR/vhsmd.log"; exit 1; }
ctl key generate --domain $WEB --type ec-p256 web-tls > /dev/null || exit 1
ctl key generate --domain $WEB --type aes-256 web-data > /dev/null || exit 1
ctl key generate --domain $DB --type ed25519 db-sign > /dev/null || exit 1
echo message > "$DIR/message"

# gate UUID LEVEL VALID_MS [REASON [RATE]]
gate() {
	call vhsmd.sock guest.gate "{\"uuid\": \"$1\", \"level\": \"$2\",
		\"rate\": ${5:-null}, \"valid_ms\": $3,
		\"reason\": \"${4:-test}\"}"
}

web_sign() {
	client $WEB sign web-tls "$DIR/message" "$DIR/sig"
}

web_seal() {
	client $WEB seal web-data "$DIR/message"
}

events() {
	ctl audit show --event "$1" | grep -c "$2"
}

a_guest_nobody_watches_has_all_and_no_lease() {
	web_sign
	call vhsmd.sock guest.gate "{\"uuid\": \"$WEB\", \"level\": \"full\",
		\"valid_ms\": null, \"reason\": \"\"}" | grep '"epoch":1[,}]'
	[ "$(events guest. .)" = 0 ]
}

orders_that_make_no_sense_are_refused() {
	local p u="\"uuid\": \"$WEB\"" l='"level": "full"'
	local v='"valid_ms": null' r='"reason": "x"'
	web_sign
	for p in "$l, $v, $r" "\"uuid\": \"web\", $l, $v, $r" "$u, $v, $r" \
		"$u, \"level\": \"none\", $v, $r" "$u, \"level\": 0, $v, $r" \
		"$u, $l, $r" "$u, $l, \"valid_ms\": -1, $r" \
		"$u, $l, \"valid_ms\": 1.5, $r" "$u, $l, $v" \
		"$u, $l, \"valid_ms\": true, $r" "$u, $l, $v, \"reason\": 1" \
		"$u, \"level\": \"throttled\", $v, $r" \
		"$u, \"level\": \"throttled\", \"rate\": 0, $v, $r" \
		"$u, \"level\": \"throttled\", \"rate\": 1000001, $v, $r" \
		"$u, $l, \"rate\": \"1\", $v, $r" "$u, $l, $v, $r, \"x\": 1" \
		"$u, $l, $v, $r, \"domid\": -1" \
		"$u, $l, $v, $r, \"domid\": \"web\"" \
		"$u, $l, $v, $r, \"valid_until_ms\": -1" \
		"$u, $l, $v, $r, \"valid_until_ms\": \"now\"" \
		"$u, $l, $v, $r, \"unwatched\": 1" \
		"$u, $l, \"valid_ms\": 1, $r, \"unwatched\": true"; do
		fails 1 '^bad-request: ' call vhsmd.sock guest.gate "{$p}"
	done
	fails 1 '^not-found: ' gate 99999999-0b7e-4d43-9c54-6a1d0f2e8b01 full \
		null
	web_sign
}

a_revoked_guest_is_told_so_and_no_other_is() {
	local was
	web_sign
	client $DB sign db-sign "$DIR/message" "$DIR/sig"
	gate $WEB revoked null 'kernel text\u001b changed'
	fails 1 'revoked: guest not approved' web_sign
	fails 1 'revoked: guest not approved' web_seal
	client $DB sign db-sign "$DIR/message" "$DIR/sig"
	client $WEB public web-tls "$DIR/der"
	was=$(events request.refused '"unapproved"')
	[ "$was" -ge 2 ]
	gate $WEB full null released
	web_sign
	ctl audit show --event guest.level > "$DIR/levels"
	[ "$(wc -l < "$DIR/levels")" = 2 ]
	grep '"from":"full","to":"revoked"' "$DIR/levels" | grep 'x1b changed'
	grep '"to":"full"' "$DIR/levels" | grep released
	ctl audit verify
}

# Every client is another device, with an engine of its own.
a_level_outlives_engines_and_devices() {
	local was
	web_sign
	gate $WEB throttled null slow 1000000
	client $WEB load web-tls 6 > "$DIR/load.out" 2>&1 &
	within 10 engine_runs
	was=$(engine_pid)
	kill -9 "$was"
	within 10 another_engine_runs "$was"
	ctl device list | grep 'throttled (1000000/s)'
	wait $!
	gate $WEB verify-only null
	fails 1 'may only verify and decrypt' web_sign
	gate $WEB throttled null slow 1
	fails 1 'limited for now' client $WEB load web-tls 5
	gate $WEB full null
	web_sign
}

engine_runs() {
	[ -n "$(engine_pid)" ]
}

another_engine_runs() {
	[ -n "$(engine_pid)" ] && [ "$(engine_pid)" != "$1" ]
}

a_lease_that_is_not_renewed_runs_out_by_itself() {
	web_sign
	gate $WEB full 1500
	web_sign
	sleep 1.6
	fails 1 'integrity lease is stale' web_sign
	fails 1 'integrity lease is stale' web_seal
	for i in 1 2 3 4 5; do
		gate $WEB full 60000
	done
	web_sign
	[ "$(events guest.lease '"to":"valid"')" = 2 ]
	[ "$(events guest.lease '"to":"stale"')" = 1 ]
	gate $WEB full null
}

# Signing all the while, by four devices: what is asked for once the order has
# been answered is refused.  An answer that was in the ring by then is read later
# by who waits for a processor, so when it was read is measured, not judged.
nothing_asked_for_after_the_order_is_answered() {
	local i from to asked last answered pids= late=0 span=0
	for i in 1 2 3 4; do
		client $WEB until web-tls 120 211 > "$DIR/until.$i" &
		pids="$pids $!"
	done
	for i in 1 2 3 4; do
		within 60 grep -q serving "$DIR/until.$i"
	done
	CALL_TIMES=$DIR/times gate $WEB revoked null
	for i in $pids; do
		wait "$i"
	done
	read -r from to < "$DIR/times"
	for i in 1 2 3 4; do
		read -r asked last answered < <(tail -n 1 "$DIR/until.$i")
		[ "$answered" -ge 100 ]
		[ "$asked" -lt "$to" ]
		[ $((last - from)) -le $span ] || span=$((last - from))
		[ $((last - to)) -le $late ] || late=$((last - to))
	done
	echo "from the order to the last answer: $((span / 1000)) us," \
		"after its own answer: $((late / 1000)) us" |
		tee "$DIR/measured"
	gate $WEB full null
}

revocation_in_the_vault_is_confirmed() {
	client $WEB until web-tls 120 205 > "$DIR/until" &
	within 60 grep -q serving "$DIR/until"
	call vault.sock guest.revoke "{\"uuid\": \"$WEB\", \"reason\": \"hook\"}" \
		> "$DIR/out.json"
	cat "$DIR/out.json"
	grep '"keys":2' "$DIR/out.json"
	grep '"engines":2' "$DIR/out.json"
	grep '"unconfirmed":0' "$DIR/out.json"
	wait $!
	ctl key list --domain $WEB | grep 'web-tls.*revoked (guest)'
	ctl key show --domain $WEB web-tls | grep 'withheld.*hook'
	fails 1 'is revoked' web_sign
	kill -9 "$(vault_pid)"
	within 10 ctl status
	fails 1 'is revoked' web_sign
}

# By a new broker, and its vault.
revocation_lasts_until_the_release() {
	fails 1 'is revoked' web_sign
	gate $WEB full null 'the gate alone opens nothing'
	fails 1 'is revoked' web_seal
	call vault.sock guest.release "{\"uuid\": \"$WEB\", \"reason\": \"alarm\"}"
	web_sign
	web_seal
	ctl key list --domain $WEB | grep 'web-tls.*enabled'
	[ "$(events guest.revoked hook)" = 1 ]
	[ "$(events guest.released alarm)" = 1 ]
}

status_says_what_is_restricted() {
	gate $WEB throttled null 'odd page' 1000000
	client $WEB load web-tls 5 > /dev/null &
	within 10 engine_runs
	ctl status | grep 'throttled (1000000/s)'
	ctl status | grep 'odd page'
	ctl device list --json | grep '"lease": *"none"'
	gate $WEB full 60000
	ctl status | grep -E ' full .* (60.0|59.[0-9]) s left'
	ctl status --json > "$DIR/status.json"
	python3 - "$DIR/status.json" <<'X'
import json, sys
status = json.load(open(sys.argv[1]))
assert status["responder"] is None
assert [d["level_text"] for d in status["devices"]] == ["full"]
X
	gate $WEB full null
	wait
}

# responder_plays RESULT [METHOD]: a responder that answers one call, as rpc.h
# has it.
responder_plays() {
	python3 - "$DIR/run/responder.sock" "$1" "${2:-status}" <<'X' &
import json, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen(1)
peer = listener.accept()[0]
call = json.loads(peer.recv(4096))
assert call["method"] == sys.argv[3], call
answer = {"id": call["id"], "result": json.loads(sys.argv[2])}
peer.send(json.dumps(answer).encode())
X
	PLAYER=$!
	within 10 test -S "$DIR/run/responder.sock"
}

status_tells_of_the_responder() {
	ctl status | grep 'responder NOT RUNNING'
	responder_plays '{"guests": 2, "monitors": 1, "incidents": 1,
		"open_alerts": 3}'
	ctl status | grep '^responder 2 .* 1 mon.* 1 incidents, 3 open alerts'
	wait $PLAYER
	rm "$DIR/run/responder.sock"
	responder_plays '{"guests": [{"domain": "db", "problem": ""},
		{"domain": "web", "problem": "its keys"}]}' watch.list
	ctl monitor list > "$DIR/list"
	wait $PLAYER
	rm "$DIR/run/responder.sock"
	[ "$(tail -n 1 "$DIR/list")" = 'web: its keys' ]
	[ "$(wc -l < "$DIR/list")" = 4 ]
}

# It has a socket, and takes no call from it.
status_does_not_wait_for_a_responder_that_hangs() {
	local start=$SECONDS
	python3 - "$DIR/run/responder.sock" <<'X' &
import signal, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen(4)
signal.pause()
X
	PLAYER=$!
	within 10 test -S "$DIR/run/responder.sock"
	ctl status > "$DIR/status" 2> "$DIR/status.err" && return 1
	[ $? = 3 ]
	[ $((SECONDS - start)) -lt 30 ]
	grep '^responder NO ANSWER' "$DIR/status"
	grep '^vault  *ready' "$DIR/status"
	grep 'vhsm-responder runs but does not answer.*systemctl restart' \
		"$DIR/status.err"
	fails 3 'does not answer' ctl monitor list
	kill $PLAYER
	rm "$DIR/run/responder.sock"
}

policy() {
	printf '%s\n' "$2" > "$DIR/monitor.d/$1.conf"
}

# Not in a case: the new daemon is to outlive it.
restart_with_monitor() {
	[ -z "$VHSMD_PID" ] || daemon_kill "${2:-TERM}"
	sed -i '/^local-monitor/d' "$DIR/vhsmd.conf"
	echo "local-monitor = \"$1\"" >> "$DIR/vhsmd.conf"
	daemon_start
}

a_policy_with_a_lease_starts_without_one() {
	fails 1 'integrity lease is stale' web_sign
	gate $WEB full 60000
	web_sign
}

# A policy without a lease watches the guest, and one of its devices demands
# one.
a_word_that_knows_of_no_lease_opens_nothing() {
	gate $WEB full 60000
	client $WEB until web-tls 20 212 > "$DIR/until" &
	within 10 engine_runs
	sleep 1
	gate $WEB full null | grep '"lease":"stale"'
	wait $!
}

# Nor is one who was revoked told to wait for its monitor.
a_new_broker_knows_of_no_lease() {
	fails 1 'integrity lease is stale' web_sign
	call vault.sock guest.revoke "{\"uuid\": \"$WEB\", \"reason\": \"hook\"}"
	fails 1 'is revoked' web_sign
	gate $WEB revoked 0
	fails 1 'revoked: guest not approved' web_sign
	gate $WEB full 0
	call vault.sock guest.release "{\"uuid\": \"$WEB\", \"reason\": \"alarm\"}"
	fails 1 'integrity lease is stale' web_seal
	gate $WEB full 60000
	web_sign
}

a_policy_without_a_lease_asks_for_none() {
	web_sign
	ctl audit verify
}

a_policy_that_is_missing_gives_no_device() {
	fails 1 . web_sign
	grep 'refused: monitor=missing' "$DIR/vhsmd.log"
}

a_policy_that_is_broken_gives_no_device() {
	fails 1 . web_sign
	grep 'refused: monitor=broken' "$DIR/vhsmd.log"
}

for case in a_guest_nobody_watches_has_all_and_no_lease \
	orders_that_make_no_sense_are_refused \
	a_revoked_guest_is_told_so_and_no_other_is \
	a_level_outlives_engines_and_devices \
	a_lease_that_is_not_renewed_runs_out_by_itself \
	nothing_asked_for_after_the_order_is_answered \
	status_says_what_is_restricted status_tells_of_the_responder \
	status_does_not_wait_for_a_responder_that_hangs \
	revocation_in_the_vault_is_confirmed; do
	behaviour $case
done
restart_with_monitor '' KILL
behaviour revocation_lasts_until_the_release
policy strict 'lease-ms = 5000'
policy watch 'lease-ms = 0'
policy broken 'lease-ms = soon'
restart_with_monitor strict
behaviour a_policy_with_a_lease_starts_without_one
behaviour a_word_that_knows_of_no_lease_opens_nothing
restart_with_monitor strict KILL
behaviour a_new_broker_knows_of_no_lease
restart_with_monitor watch
behaviour a_policy_without_a_lease_asks_for_none
restart_with_monitor missing
behaviour a_policy_that_is_missing_gives_no_device
restart_with_monitor broken
behaviour a_policy_that_is_broken_gives_no_device
cat "$DIR/measured"
finish
