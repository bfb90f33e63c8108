#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# faults.sh - each process is killed in mid-load: callers get their answer or
# an error to try again, never a wrong answer; devices come back by
# themselves; what was reported done is done.
. "$(dirname "$0")/daemon.sh"

configure_daemon
daemon_start || { cat "$DIR/vhsmd.log"; exit 1; }
ctl key generate --domain $WEB --type ed25519 web-ssh > /dev/null || exit 1

load_start() {
	client $WEB load web-ssh "$1" > "$DIR/load.out" 2> "$DIR/load.err" &
	LOAD=$!
	within 10 engine_runs
}

load_ends_well() {
	local status=0
	wait $LOAD || status=$?
	cat "$DIR/load.err" "$DIR/load.out"
	return $status
}

engine_runs() {
	[ -n "$(engine_pid)" ]
}

another_engine_runs() {
	[ -n "$(engine_pid)" ] && [ "$(engine_pid)" != "$1" ]
}

a_killed_engine_is_replaced_in_mid_load() {
	local was
	load_start 6
	sleep 1
	was=$(engine_pid)
	kill -9 "$was"
	within 5 another_engine_runs "$was"
	load_ends_well
	ctl audit show --event device.engine-died | grep -q $WEB
}

a_killed_vault_is_replaced_in_mid_load() {
	load_start 8
	sleep 1
	kill -9 "$(vault_pid)"
	within 10 ctl status
	load_ends_well
}

keys_reported_made_survive_a_killed_vault() {
	local i k
	: > "$DIR/made"
	(for i in $(seq 40); do
		if ctl key generate --domain $DB --type ed25519 "k$i"; then
			echo "k$i" >> "$DIR/made"
		fi
	done) > /dev/null 2>&1 &
	k=$!
	for i in 1 2 3; do
		sleep 0.4
		kill -9 "$(vault_pid)" || true
		within 10 ctl status > /dev/null
	done
	wait $k || true
	[ -s "$DIR/made" ]
	within 10 ctl key list --domain $DB > "$DIR/list"
	for i in $(cat "$DIR/made"); do
		grep -qw "$i" "$DIR/list"
	done
	# And each that is there is whole: it signs.
	echo text > "$DIR/message"
	for i in $(awk 'NR > 1 { print $1 }' "$DIR/list"); do
		client $DB sign "$i" "$DIR/message" "$DIR/sig"
	done
	ctl audit verify
}

behaviour a_killed_engine_is_replaced_in_mid_load
behaviour a_killed_vault_is_replaced_in_mid_load
behaviour keys_reported_made_survive_a_killed_vault

# Here, not in a case: the new daemon is to outlive it.
load_start 12
sleep 1
vault=$(vault_pid)
engine=$(engine_pid)
daemon_kill KILL
children_of_a_killed_broker_end() {
	[ -n "$vault" ]
	[ -n "$engine" ]
	within 5 process_ended "$vault"
	within 5 process_ended "$engine"
}
process_ended() {
	! kill -0 "$1"
}
callers_get_on_with_a_new_broker() {
	cat "$DIR/load.err" "$DIR/load.out"
	[ "$load_status" = 0 ]
}
behaviour children_of_a_killed_broker_end
daemon_start
wait $LOAD
load_status=$?
behaviour callers_get_on_with_a_new_broker
finish
