#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test-abi.sh - vhsmif.h compiles alone in every dialect its users speak, with
# the layout that abi-check.c asserts; and those assertions can fail.
set -u

: "${srcdir:=.}" "${CC:=cc}" "${CXX:=c++}"
schema=$srcdir/xenstore-schema
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0
warnings="-Wall -Wextra -Wundef -pedantic -Werror -fsyntax-only"
xen=-D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__

ok() {		# ok NAME COMMAND...
	name=$1; shift
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"; head -n 20 "$dir/out"; failed=1
	fi
}
fails() { ! "$@"; }

for ring in "" -DVHSMIF_NO_RING; do
	with=with${ring:+out}_ring
	ok "c11_$with" \
		$CC -std=c11 $warnings $xen $ring "$schema/abi-check.c"
	command -v ${CXX%% *} >/dev/null && ok "cxx17_$with" \
		$CXX -x c++ -std=c++17 $warnings $xen $ring "$schema/abi-check.c"
done

# 32 bits: a freestanding compiler needs no 32-bit C library.
if echo 'int x;' | $CC -m32 -fsyntax-only -x c - 2>/dev/null; then
	ok c11_in_32_bits $CC -m32 -ffreestanding -std=c11 $warnings \
		-DVHSMIF_NO_RING "$schema/abi-check.c"
fi

cp "$schema/vhsmif.h" "$schema/abi-check.c" "$dir"
sed -i 's/vhsm_u32 flags;/vhsm_u64 flags;/' "$dir/vhsmif.h"
ok a_changed_layout_is_noticed fails \
	$CC -std=c11 $warnings -DVHSMIF_NO_RING "$dir/abi-check.c"
cp "$schema/vhsmif.h" "$dir"
sed -i 's/VHSM_S_REVOKED = 205/VHSM_S_REVOKED = 305/' "$dir/vhsmif.h"
ok a_changed_number_is_noticed fails \
	$CC -std=c11 $warnings -DVHSMIF_NO_RING "$dir/abi-check.c"

# Everything the header numbers, abi-check.c asserts.
names=$(sed -n -e 's/^\t\(VHSM_[A-Z0-9_]*\) = .*/\1/p' \
	-e 's/^#define \(VHSM_[A-Z0-9_]*\)\t.*/\1/p' "$schema/vhsmif.h")
for name in $names; do
	case $name in VHSM_DEVICE_CLASS) continue ;; esac
	ok "asserted_$name" grep -q "ABI_VALUE($name," "$schema/abi-check.c"
done

# The generator refuses what it does not understand.
gen=$schema/paths-gen
head -n 50 "$schema/vhsm.paths" | grep '^\$' >"$dir/head"
for line in 'nonsense' '~/x = STRING' '~/x = INTEGER [b]' '~/x = NUMBER [b]' \
	'~/$NONE = STRING [b,c=X]' '~/x = STRING [q,c=X]' '~/x = STRING [c=X]'; do
	{ cat "$dir/head"; printf '%s\n\tText.\n' "$line"; } >"$dir/paths"
	ok "refused: $line" fails sh -c \
		'"$0" rules "$1" && "$0" header "$1"' "$gen" "$dir/paths"
done
exit $failed
