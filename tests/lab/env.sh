# SPDX-License-Identifier: Apache-2.0
# env.sh - sourced by every lab script: where things are, how to talk.
#
# LAB_DIR    work directory of one lab (default build/lab); two labs with
#            different directories run side by side
# LAB_BUILD  configured build tree the images are made from (default
#            build/normal)
# Everything a lab writes is below these two and build/cache, build/log.

LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LAB_SRC/../.." && pwd)
BUILDS=${BUILDS:-$TOP/build}
LAB_DIR=${LAB_DIR:-$BUILDS/lab}
LAB_BUILD=${LAB_BUILD:-$BUILDS/normal}
LAB_LOG=${LAB_LOG:-$BUILDS/log}
LAB_CACHE=${LAB_CACHE:-$BUILDS/cache}
XEN_BIN=/usr/lib/xen-4.17/bin
mkdir -p "$LAB_DIR" "$LAB_LOG" "$LAB_CACHE"
LAB_DIR=$(cd "$LAB_DIR" && pwd)

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# The kernel of dom0 and guests is the one whose headers are installed, since
# the frontend module is built against these.
kernel_release() {
	basename "$(dirname "$(find /lib/modules -maxdepth 2 -name build |
		sort -V | tail -n 1)")"
}

# Seconds, with a tenth, since the moment given (of $EPOCHREALTIME).
since() {
	local us=$(((${EPOCHREALTIME/./} - ${1/./}) / 100000))

	printf '%d.%d' $((us / 10)) $((us % 10))
}
