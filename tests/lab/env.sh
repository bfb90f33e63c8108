# SPDX-License-Identifier: Apache-2.0
# env.sh - sourced by every lab script: where things are, how long to wait.
#
# LAB_DIR     work directory of one lab (default build/lab); labs with
#             different directories run side by side
# LAB_BUILD   configured build tree the images are made from (default
#             build/normal)
# LAB_IMAGES  the images that every lab boots from (default build/images)
# Everything a lab writes is below these, build/cache and build/log.

LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LAB_SRC/../.." && pwd)
BUILDS=${BUILDS:-$TOP/build}
LAB_DIR=${LAB_DIR:-$BUILDS/lab}
LAB_BUILD=${LAB_BUILD:-$BUILDS/normal}
LAB_IMAGES=${LAB_IMAGES:-$BUILDS/images}
LAB_LOG=${LAB_LOG:-$BUILDS/log}
LAB_CACHE=${LAB_CACHE:-$BUILDS/cache}
XEN_BIN=/usr/lib/xen-4.17/bin
mkdir -p "$LAB_DIR" "$LAB_IMAGES" "$LAB_LOG" "$LAB_CACHE"
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

# alive PID: whether that process runs; one that nobody has waited for does not.
alive() {
	local stat

	{ read -r stat < "/proc/$1/stat"; } 2>/dev/null &&
		[[ ${stat##*) } != Z* ]]
}

# The machine's rate in hundredths, as it was last measured (tests/lab/rate).
rate_last() {
	local rate=100

	[ ! -s "$LAB_CACHE/rate" ] || read -r rate < "$LAB_CACHE/rate"
	echo "$rate"
}

# patience SECONDS: for how long to wait, on this machine, for what takes at most
# so many seconds on one of rate 1.  It is three times as long again, since other
# work may share the processors, and who waits goes on at once when the event comes.
patience() {
	echo $(($1 * 300 / $(rate_last) + 1))
}
