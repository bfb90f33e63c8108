#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test-ctl-baseline - vhsmctl baseline, on a store of its own and the lab's
# kernel.  Run by make check in the build folder.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
kernel=${VHSM_TEST_KERNEL:-$top/build/cache/vmlinux}
[ -r "$kernel" ] || { echo "$kernel: not there (tests/lab/fetch)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
store=$work/store
uuid=4f2e9a60-6a35-4d0e-9c0d-0123456789ab
failed=0

is() {
	local name=$1

	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/# /' "$work/out" "$work/err"
		failed=1
	fi
}

# ctl EXIT ARGUMENT...: whether it exits so; what it says is in out and err.
ctl() {
	local expected=$1 rc=0

	shift
	./vhsmctl baseline "$@" --store "$store" > "$work/out" 2> "$work/err" ||
		rc=$?
	[ $rc = "$expected" ]
}

make_one() {
	ctl 0 make --libexec-dir "$PWD" --name "$1" --kernel "$kernel" \
		--ramdisk "$work/ramdisk" --cmdline "$2"
}

says() {
	grep -q -e "$1" "$work/out" "$work/err"
}

json() {
	python3 -c "import json, sys
d = json.load(open('$work/out'))
sys.exit(not ($1))"
}

echo cpio > "$work/ramdisk"
: > "$work/out"
is make_without_a_kernel_is_a_mistake ctl 2 make --name a
is make_says_what_it_made make_one web 'root=/dev/xvda1 quiet'
is make_names_the_next_step says 'baseline approve --domain'
is make_shows_progress says 'reading the kernel'
is make_replaces_nothing ctl 1 make --libexec-dir "$PWD" --name web \
	--kernel "$kernel"
is make_another make_one db 'root=/dev/xvda2 quiet'
is approve_needs_a_domain ctl 2 approve web
is approve ctl 0 approve --domain $uuid web
is approve_twice_is_no_error ctl 0 approve --domain $uuid web
is approve_of_none_is_an_error ctl 1 approve --domain $uuid nothing
is list_as_json ctl 0 list --json
is list_tells_for_whom json "d['baselines'][1]['approved'] == ['$uuid'] and
	d['baselines'][0]['approved'] == [] and len(d['signer']) == 64"
is show ctl 0 show web
is show_has_the_command_line says 'command line root=/dev/xvda1 quiet'
is show_as_json ctl 0 show --json web
is show_has_the_manifest json "d['manifest']['boot']['cmdline'] ==
	'root=/dev/xvda1 quiet' and d['approved'][0]['current']"
echo loader > "$work/loader"
is make_of_a_boot_loader ctl 0 make --libexec-dir "$PWD" --name grub \
	--kernel "$work/loader" --guest-kernel "$kernel"
is show_of_a_boot_loader ctl 0 show grub
is show_has_what_starts_the_kernel says "started by   $(
	sha256sum < "$work/loader" | cut -d' ' -f1)"
is show_has_the_kernel_that_is_started says "$(
	sha256sum < "$kernel" | cut -d' ' -f1)"
is diff_of_two_exits_1 ctl 1 diff web db
is diff_names_both_sides says '+ root=/dev/xvda2 quiet'
is diff_says_only_what_differs bash -c "! grep -q boot.kernel $work/out"
is diff_of_one_exits_0 ctl 0 diff web web
is diff_needs_two ctl 2 diff web
is diff_as_json ctl 1 diff web db --json
is diff_lists_members json "[x['what'] for x in d] == ['boot.cmdline']"
is revoke ctl 0 revoke --domain $uuid web
is revoke_of_nothing_is_an_error ctl 1 revoke --domain $uuid web
is learn_needs_a_domain ctl 2 learn web
printf x >> "$store/web/reference"
is a_changed_file_exits_4 ctl 4 show web
is a_changed_file_is_named says 'reference is not the file of its manifest'
is a_changed_baseline_is_not_approved ctl 4 approve --domain $uuid web
is list_tells_of_the_problem ctl 0 list
is list_names_the_file says 'reference is not the file'
is remove ctl 0 remove --yes web --json
is remove_as_json json "d == {'baseline': 'web'}"
is remove_of_none_is_an_error ctl 1 remove --yes web
exit $failed
