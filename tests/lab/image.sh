# SPDX-License-Identifier: Apache-2.0
# image.sh - sourced: put an initramfs together.  $ROOT is its directory.
# Nothing may be left out because a part of a pipe failed.
set -o pipefail

# The least a Linux system has, and busybox under all its names.
image_base() {
	rm -rf "$ROOT"
	mkdir -p "$ROOT"/{bin,sbin,proc,sys,dev,tmp,run/lock,root,mnt,etc} \
		"$ROOT"/lib/modules "$ROOT"/usr/{bin,sbin,lib} \
		"$ROOT"/var/{lib,log}
	ln -s ../run "$ROOT/var/run"
	ln -s ../run/lock "$ROOT/var/lock"
	cp /bin/busybox "$ROOT/bin/"
	ln -s busybox "$ROOT/bin/sh"
}

# image_copy FILE... - host files to the same place, with the libraries they
# are linked with.
image_copy() {
	local f

	for f; do
		[ -e "$f" ] || die "image: $f is missing on this machine"
		install -D "$f" "$ROOT$f"
		image_libs "$f"
	done
}

# image_libs FILE - the libraries FILE is linked with; the product's own come
# from its staged installation and go where they are installed.
image_libs() {
	local l said

	# Scripts, static programs and data have none.
	said=$(LC_ALL=C LD_LIBRARY_PATH=$LAB_IMAGES/stage/usr/lib ldd "$1" 2>&1) ||
		case $said in
		*"not a dynamic executable"*) return 0 ;;
		*) die "image: libraries of $1: $said" ;;
		esac
	case $said in
	*"not found"*) die "image: $1 lacks libraries: $said" ;;
	esac
	sed -n 's,^[^/]*\(/[^ ]*\) (0x.*,\1,p' <<< "$said" | while read -r l; do
		[ -e "$ROOT${l#"$LAB_IMAGES/stage"}" ] ||
			install -D "$l" "$ROOT${l#"$LAB_IMAGES/stage"}"
	done
}

# image_product FILE... - files of the product, from its staged installation,
# with their libraries.
image_product() {
	local f

	for f; do
		mkdir -p "$ROOT$(dirname "$f")"
		cp -a "$LAB_IMAGES/stage$f" "$ROOT$f"
		image_libs "$LAB_IMAGES/stage$f"
	done
}

# image_modules NAME... - kernel modules with those they need.  The load order
# is kept in /lib/modules/order.
image_modules() {
	local krel m

	krel=$(cat "$LAB_CACHE/kernel-release")
	for m; do
		modprobe -d "$LAB_CACHE/root" -S "$krel" -D "$m" ||
			die "image: no module $m"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
	while read -r m; do
		cp "$m" "$ROOT/lib/modules/"
		basename "$m" >> "$ROOT/lib/modules/order"
	done
}

# image_pack OUT - not compressed: the kernel would unpack it in emulation.  The
# same files are always the same image, since saved states are named by it.
image_pack() {
	find "$ROOT" -exec touch -h -d @0 {} +
	(cd "$ROOT" && find . | LC_ALL=C sort |
		cpio -o -H newc --quiet -R 0:0 --reproducible) > "$1.new"
	mv "$1.new" "$1"
}
