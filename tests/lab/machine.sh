# SPDX-License-Identifier: Apache-2.0
# machine.sh - sourced: the emulated machine of $LAB_DIR.
#
# QEMU emulates all of it; no hardware virtualisation is asked for.
# What is switched off, and why:
#   smap           dom0's kernel dies at its first instruction
#   rdtscp         PVH guests take #GP: Xen cannot decode it under emulation
#   avx*, xsave*   programs in dom0 crash at random beside a second domain
#   -smp 1         PVH guests die at random with two processors
#   bootscrub      Xen would write to all of the memory, which is then kept
#   spec-ctrl, mitigations   an emulator does not speculate; Xen and dom0 take an
#                  eighth longer with them
#
# In $LAB_DIR:
#   qmp            QEMU's control socket (machine.py)
#   bell.in, .out  dom0's virtio port: a line rings, see dom0/serve
#   serial         dom0's console, kept in serial.log
#   share/         dom0's /mnt
#   disk.img       dom0's disk: /var/lib/vhsm and /etc/vhsm

MACHINE_CPU=max,-smap,-pku,-la57,-rdtscp,-fsgsbase,-avx,-avx2,-fma,-f16c
MACHINE_CPU=$MACHINE_CPU,-xsave,-xsaveopt,-xgetbv1,-vaes
MACHINE_MEMORY=3072		# MiB; a saved state is of this size
MACHINE_DOM0_MEMORY=1024

SHARE=$LAB_DIR/share
MACHINE_XEN_WORDS='' MACHINE_LINUX_WORDS='' MACHINE_MORE=()

machine_runs() {
	[ -e "$LAB_DIR/qemu.pid" ] && alive "$(cat "$LAB_DIR/qemu.pid")"
}

# machine_clear: nothing is left of the machine that ran here but its disk.
machine_clear() {
	! machine_runs || die "a lab is running in $LAB_DIR: \
end it first ($LAB_SRC/power off)"
	(cd "$LAB_DIR" &&
		rm -rf share qmp bell.in bell.out serial serial.log wake.log)
	mkdir -p "$SHARE/q" "$SHARE/boot" "$SHARE/out"
	mkfifo "$LAB_DIR/bell.in" "$LAB_DIR/bell.out"
}

# machine_command [MEMORY-FILE on|off]: sets qemu to the command.  The memory is
# that file, written to (on) or only read (off), or, without one, the emulator's.
machine_command() {
	local memory=(-m "$MACHINE_MEMORY") clock=(-accel "tcg,thread=multi")

	[ $# = 0 ] || memory+=(-machine pc,memory-backend=ram -object
		"memory-backend-file,id=ram,size=${MACHINE_MEMORY}M,mem-path=$1,share=$2")
	[ -z "${LAB_COUNTED-}" ] ||
		clock=(-accel "tcg,thread=single" -icount "shift=1,sleep=off")
	qemu=(qemu-system-x86_64 "${clock[@]}" -smp 1 "${memory[@]}"
		-cpu "$MACHINE_CPU" -vga none -nodefaults -no-reboot
		-qmp unix:qmp,server=on,wait=off
		-device virtio-serial-pci -chardev pipe,id=bell,path=bell
		-device virtserialport,chardev=bell,name=lab
		-virtfs "local,path=$SHARE,mount_tag=share,security_model=none"
		-drive "if=none,id=disk,format=raw,file=$LAB_DIR/disk.img"
		-device virtio-blk-pci,drive=disk
		-kernel "$LAB_CACHE/xen"
		-initrd "$LAB_CACHE/vmlinux console=hvc0 quiet mitigations=off$MACHINE_LINUX_WORDS,$LAB_IMAGES/dom0.img"
		-append "com1=115200,8n1 console=com1 loglvl=warning bootscrub=0 spec-ctrl=no sched_ratelimit_us=10000 dom0_mem=${MACHINE_DOM0_MEMORY}M$MACHINE_XEN_WORDS"
		"${MACHINE_MORE[@]}")
}

# machine_start [ARGUMENT...]: starts it, with these arguments more.
machine_start() {
	(cd "$LAB_DIR" && exec setsid "${qemu[@]}" "$@" -display none \
		-chardev "socket,id=com,path=serial,server=on,wait=off,logfile=serial.log" \
		-serial chardev:com < /dev/null > qemu.log 2>&1) &
	echo $! > "$LAB_DIR/qemu.pid"
}

# machine_ready TEXT: waits until dom0 takes commands, as long as it makes
# progress; TEXT is what it is told of that did not come.
machine_ready() {
	local size=-1 now quiet=0 limit

	limit=$(($(patience 60) * 10))
	until [ -e "$SHARE/q/ready" ]; do
		machine_runs || machine_lost "$1: the emulator ended"
		now=$(stat -c %s "$LAB_DIR/serial.log" 2>/dev/null) || now=0
		quiet=$((now == size ? quiet + 1 : 0)) size=$now
		[ $quiet -lt $limit ] ||
			machine_lost "$1: no sign of life in $((limit / 10)) s"
		sleep 0.1
	done
	(cd "$LAB_DIR" && exec setsid "$LAB_SRC/wake" serial \
		< /dev/null > wake.log 2>&1) &
}

machine_lost() {
	echo "last lines of $LAB_DIR/serial.log and qemu.log:" >&2
	tail -q -n 20 "$LAB_DIR/serial.log" "$LAB_DIR/qemu.log" >&2
	die "$1"
}
