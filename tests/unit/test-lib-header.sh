#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test-lib-header.sh - the public header stands alone, in C and in C++, and
# every function it declares is exported, and nothing else is.
set -eu
top=${top_srcdir:-$srcdir}
lib=.libs/libvhsm.so
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '#include <vhsm/vhsm.h>\nint use(struct vhsm *h);\n%s\n' \
	'int use(struct vhsm *h) { return vhsm_fd(h); }' > "$dir/use.c"
cp "$dir/use.c" "$dir/use.cc"
flags="-Wall -Wextra -Werror -pedantic
	-I$top/frontend/lib -I$top/xenstore-schema"
# shellcheck disable=SC2086
${CC:-cc} -std=c11 $flags -c "$dir/use.c" -o "$dir/use.o"
if command -v c++ > /dev/null; then
	# shellcheck disable=SC2086
	c++ -std=c++11 $flags -c "$dir/use.cc" -o "$dir/use-cc.o"
	# extern "C": the name must not be mangled.
	nm "$dir/use-cc.o" | grep -q ' U vhsm_fd$'
fi

grep -oE '\bvhsm_[a-z_]+\(' "$top/frontend/lib/vhsm/vhsm.h" | tr -d '(' |
	sort -u > "$dir/mentioned"
nm -D --defined-only "$lib" | awk '$2 == "T" { print $3 }' |
	sed 's/@.*//' | sort -u > "$dir/exported"
[ -s "$dir/exported" ]
diff "$dir/mentioned" "$dir/exported"
