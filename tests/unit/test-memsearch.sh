#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test-memsearch.sh - vhsm-memsearch over image files: what it prints and its
# exit status.  The fingerprints are computed here with the openssl command,
# so that the format is checked against a second implementation.
set -u

tool=./vhsm-memsearch
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0

ok() {		# ok NAME COMMAND... : the command must succeed
	name=$1; shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; failed=1; fi
}

exits() {	# exits STATUS ARGUMENT... : run the tool
	want=$1; shift
	"$tool" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ $got -eq "$want" ] && return 0
	echo "exit status $got, not $want"; cat "$dir/out" "$dir/err"
	return 1
}

salt=$(printf '%064d' 7)
secret='a secret, 16 by.'
hmac() {
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$salt" -r | cut -c1-32
}
digest=$(printf %s "$secret" | hmac)

# The filter, from its definition: the window's words folded, the sum of that
# and its byte-swapped self times an odd multiplier out of an HMAC, the top 16
# bits modulo 2^64.
filter() {
	words=$(printf 'vhsm fingerprint filter' | hmac)
	python3 - "$words" "$secret" <<-'END'
	import struct, sys
	k = struct.unpack("<2Q", bytes.fromhex(sys.argv[1]))[0] | 1
	a, b, c, d = struct.unpack("<4I", sys.argv[2].encode())
	word = a ^ b ^ c ^ d
	swapped = struct.unpack(">I", struct.pack("<I", word))[0]
	print(((word + swapped) * k & (1 << 64) - 1) >> 48)
	END
}
command -v python3 >/dev/null || exit 77

cat >"$dir/fp" <<END
{"format":"vhsm-fingerprints","version":1,"salt":"$salt","entries":[
{"label":"web-data/1 aes-key","filter":$(filter),"digest":"$digest"}]}
END
control='the control string of this test'

{ head -c 10000 /dev/urandom; printf %s "$control"; head -c 5000 /dev/zero; } \
	>"$dir/clean"
{ cat "$dir/clean"; printf %s "$secret"; } >"$dir/leak"

ok a_clean_image_exits_0 exits 0 -i "$dir/clean" -f "$dir/fp" -c "$control"
ok a_clean_image_says_so grep -q '^no secret found$' "$dir/out"
ok a_leak_exits_1 exits 1 -i "$dir/leak" -f "$dir/fp" -c "$control"
ok a_leak_names_the_key_and_the_address \
	grep -q '^FOUND web-data/1 aes-key at 0x3ab7$' "$dir/out"
ok a_leak_does_not_print_the_secret sh -c '! grep -q secret, "$0"' "$dir/out"
ok a_missing_control_exits_3 \
	exits 3 -i "$dir/leak" -f "$dir/fp" -c "not to be found anywhere"
ok json_is_one_object exits 1 -i "$dir/leak" -f "$dir/fp" -c "$control" --json
ok json_tells_the_same python3 - "$dir/out" <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["pages"] == 4 and r["unreadable"] == 0 and r["fingerprints"] == 1, r
assert r["controls"] == [1] and r["found"] == 1, r
assert r["hits"] == [{"label": "web-data/1 aes-key", "address": "0x3ab7"}], r
END
echo '{"format":"vhsm-fingerprints","version":1}' >"$dir/bad"
ok a_malformed_set_exits_2 exits 2 -i "$dir/clean" -f "$dir/bad"
ok a_malformed_set_is_named grep -q "$dir/bad" "$dir/err"
ok a_missing_image_exits_2 exits 2 -i "$dir/none" -f "$dir/fp"
ok a_short_control_exits_2 exits 2 -i "$dir/clean" -f "$dir/fp" -c short
ok no_target_exits_2 exits 2 -f "$dir/fp"
ok two_targets_exit_2 exits 2 -i "$dir/clean" -d web -f "$dir/fp"
ok help_exits_0 exits 0 --help
ok version_exits_0 exits 0 --version
ok version_names_the_program grep -q '^vhsm-memsearch [0-9]' "$dir/out"
exit $failed
