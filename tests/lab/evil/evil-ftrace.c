// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-ftrace - takes __x64_sys_getdents64 over through ftrace, with the right
 * to change where it returns to (IPMODIFY): how most rootkits for Linux 5.7
 * and later hook.  Its function goes on to the real one.
 */
#include <linux/ftrace.h>

#include "evil.h"

static void notrace evil_trace(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops,
			       struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = {
	.func = evil_trace,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION |
		 FTRACE_OPS_FL_IPMODIFY,
};

static int __init evil_init(void)
{
	unsigned long ip = evil_symbol("__x64_sys_getdents64");
	int error;

	if (!ip)
		return -ENOENT;
	error = ftrace_set_filter_ip(&ops, ip, 0, 0);
	return error ? error : register_ftrace_function(&ops);
}

static void __exit evil_exit(void)
{
	WARN_ON(unregister_ftrace_function(&ops));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: ftrace hook on a sensitive function");
MODULE_LICENSE("GPL");
