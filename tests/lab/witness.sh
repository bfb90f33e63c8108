# SPDX-License-Identifier: Apache-2.0
# witness.sh - sourced: a guest that is watched, tampered with and released.

# tamper_web EVIL [ARGUMENT...]: loads the module while web-ssh is in use; fails
# unless the key stops.  What tamper says is the output.
tamper_web() {
	local module=$1

	shift
	web "tamper web-ssh $(patience 30) \
		insmod /lib/modules/evil/$module.ko $*"
}

# alert_of CHECK: the UID of web's last open alert of that check.
alert_of() {
	eventually 30 alert_look "$1"
}

alert_look() {
	dom0 'vhsmctl alerts list --domain web --json' |
		python3 "$LAB_SRC/alerts.py" "$1"
}

web_signs() {
	web 'vhsm sign web-ssh --in /init --out /tmp/s'
}

# keys_answer: web's keys answer as soon as its monitor has seen it clean.
keys_answer() {
	dom0 'await_lease web'
	eventually 90 web_signs > /dev/null
}

# put_right TEXT: web is as it should be; its keys are given back.
put_right() {
	dom0 "vhsmctl release --domain web --reason '$1'"
	keys_answer
}

watched_by() {
	dom0 "vhsmctl monitor list --json | grep -q '\"policy\": *\"$1\"'"
}

# watch_web POLICY: web is watched by it, and its monitor has seen it clean.
watch_web() {
	dom0 "vhsmctl monitor start --domain web --policy $1"
	eventually 90 watched_by "$1"
	keys_answer
}

# policy_make NAME LINE...: a policy of dom0; what the witness's own troubles
# cost is the lease alone.
policy_make() {
	local name=$1

	shift
	printf '%s\n' "lease-ms = 10000" "$@" \
		'check monitor-lost { reactions = { "record" } }' \
		'check blinded { reactions = { "record" } }' \
		'check monitor-broken { reactions = { "record" } }' \
		'check boot-unapproved { reactions = { "record" } }' \
		> "$OUT/policy"
	dom0 "cp /mnt/out/policy /etc/vhsm/monitor.d/$name.conf"
}

# twin_policy NAME LINE...: a policy that revokes the keys whatever it finds.
twin_policy() {
	policy_make "$@" 'on medium { reactions = { "revoke" } }' \
		'on high { reactions = { "revoke" } }' \
		'on critical { reactions = { "revoke" } }'
}

# reacted NAME: the alert $UID_ says that it was done.
reacted() {
	dom0 "await_line vhsm-responder.log ': $1: '"
	eventually 20 dom0 "vhsmctl alerts show $UID_ --json |
		grep -q '\"reaction\": *\"$1\"'"
}

# reaction NAME LINE...: web is watched by a policy that does that, with these
# lines more, then tampered with.
reaction() {
	local name=$1

	shift
	policy_make "react-$name" 'checks = { "module-unapproved" }' \
		"on high { reactions = { \"$name\" } }" "$@"
	watch_web "react-$name"
	EVIL=evil-module
	web "insmod /lib/modules/evil/$EVIL.ko"
	UID_=$(alert_of module-unapproved)
	reacted "$name"
}

# What the policy "ladder" does: each reaction has an evil of its own, and the
# check that sees it.
LADDER='throttle kernel-rodata evil-rodata
verify-only syscall-table evil-syscall
revoke cpu-entry evil-lstar
freeze inline-hook evil-inline
destroy kernel-text evil-text'

ladder_policy() {
	local reaction check checks='' lines=()

	while read -r reaction check _; do
		checks+="\"$check\", "
		lines+=("check $check { reactions = { \"$reaction\" } }")
	done <<< "$LADDER"
	policy_make ladder "checks = { ${checks%, } }" "full-ms = 0" \
		"throttle-rate = 2" "${lines[@]}"
}

# rung REACTION: in state "ladder", its evil is done to web, and it happens.
rung() {
	local check

	read -r _ check EVIL <<< "$(grep "^$1 " <<< "$LADDER")"
	web "insmod /lib/modules/evil/$EVIL.ko"
	UID_=$(alert_of "$check")
	reacted "$1"
}

undo() {
	web "rmmod ${EVIL/-/_}"
	put_right "$EVIL removed"
}

# The evil is still there, and would be found again; it can be removed only once
# the guest is given back.  So that guest is but watched, meanwhile.
let_go() {
	dom0 'vhsmctl monitor start --domain web --policy watch'
	eventually 60 dom0 "vhsmctl release --domain web --reason 'looked at'"
	eventually 60 web "rmmod ${EVIL/-/_}"
	keys_answer
}

# What was found in the web that was, would be found again as long as it runs.
web_ended() {
	dom0 'xl destroy web || true'
	eventually 30 dom0 '! xl list web'
	dom0 'vhsmctl release --domain 7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01 \
		--reason new || true'
}

# A web that is new, and strictly watched by its configuration, whatever an admin
# said before.
web_watched() {
	web_ended
	dom0 'set -e
	vhsmctl monitor stop --domain 7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01 ||
		true
	sed -i "s/, *monitor=[a-z-]*//
		s/^vhsm = \[ \"\(.*\)\" \]/vhsm = [ \"\1, monitor=strict\" ]/" \
		/etc/xen/web.cfg
	guests-up web'
	eventually 90 watched_by strict
	keys_answer
}
