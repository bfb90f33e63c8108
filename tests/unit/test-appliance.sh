#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test-appliance.sh - an image of monitor domains is whole, or is not made.
# The machine's modules and tools are played by programs in a directory of PATH.
set -u

build=${srcdir:-.}/monitor/appliance/build
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0
[ -e /bin/busybox ] && ! ldd /bin/busybox > /dev/null 2>&1 ||
	{ echo "no static busybox"; exit 77; }
for tool in cpio zstd; do
	command -v $tool > /dev/null || { echo "no $tool"; exit 77; }
done

ok() {		# ok NAME COMMAND...: the command must succeed
	local name=$1; shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; failed=1; fi
}

# modprobe knows all modules but $MISSING; what $BROKEN names fails.
mkdir "$dir/bin"
cat > "$dir/bin/modprobe" <<-'X'
	#!/bin/sh
	for last; do :; done
	[ "$last" != "${MISSING-}" ] || exit 1
	: > "$MODULES/$last.ko"
	echo "insmod $MODULES/$last.ko "
X
cat > "$dir/bin/ldd" <<-'X'
	#!/bin/sh
	[ "${BROKEN-}" != ldd ] || [ "$1" = /bin/busybox ] ||
		{ echo "	libmade-up.so.1 => not found"; exit 0; }
	exec /usr/bin/ldd "$@"
X
cat > "$dir/bin/cpio" <<-'X'
	#!/bin/sh
	PATH=${PATH#*:}
	cpio "$@"
	[ "${BROKEN-}" != cpio ]
X
chmod +x "$dir"/bin/*
export PATH=$dir/bin:$PATH MODULES=$dir

make_image() {
	rm -f "$dir/image" "$dir/image.new"
	"$build" --program "$(command -v cat)" --kernel-release 1.2.3 \
		--root / --out "$dir/image" > "$dir/said" 2>&1
}

makes_all() {
	make_image || { cat "$dir/said"; return 1; }
	zstd -dcq "$dir/image" | PATH=${PATH#*:} cpio -it --quiet \
		> "$dir/list" 2> /dev/null
	for f in xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xen-blkfront; do
		grep -q "lib/modules/$f.ko" "$dir/list" || return 1
	done
	grep -q 'libc.so' "$dir/list"
}

refuses() {	# refuses WORD: no image, and an error that has the word
	! make_image || { echo "an image was made"; return 1; }
	[ ! -e "$dir/image" ] && [ ! -e "$dir/image.new" ] &&
		grep -q "^build: .*$1" "$dir/said" || { cat "$dir/said"; return 1; }
}

makes_no_half() {
	! make_image && [ ! -e "$dir/image" ] && [ ! -e "$dir/image.new" ]
}

ok an_image_has_every_module_and_library makes_all
for m in xen-privcmd xen-gntdev xen-blkfront; do
	MISSING=$m ok "without_${m}_none_is_made" refuses "no module $m"
done
BROKEN=ldd ok without_a_library_none_is_made refuses libmade-up
BROKEN=cpio ok one_that_was_not_packed_is_not_kept makes_no_half
exit $failed
