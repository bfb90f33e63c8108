// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-kprobe - a kretprobe on __x64_sys_getdents64 with its handler here, to
 * change what a listing returns, as Reptile's successors do.
 */
#include "evil.h"

static int evil_handler(struct kretprobe_instance *instance,
			struct pt_regs *regs)
{
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name = "__x64_sys_getdents64",
	.handler = evil_handler,
};

static int __init evil_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit evil_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: kprobe on a sensitive function");
MODULE_LICENSE("GPL");
