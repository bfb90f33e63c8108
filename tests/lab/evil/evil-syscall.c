// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-syscall - puts a function of its own into sys_call_table[62] (kill),
 * as Diamorphine, Reptile and many others do to talk to their programs and to
 * hide processes.  Its function goes on to the real one.
 */
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "evil.h"

static sys_call_ptr_t *table;
static sys_call_ptr_t real_kill;

static long evil_kill(const struct pt_regs *regs)
{
	return real_kill(regs);
}

static int __init evil_init(void)
{
	sys_call_ptr_t mine = evil_kill;

	table = (void *)evil_symbol("sys_call_table");
	if (!table)
		return -ENOENT;
	real_kill = table[__NR_kill];
	return evil_write(&table[__NR_kill], &mine, sizeof(mine));
}

static void __exit evil_exit(void)
{
	WARN_ON(evil_write(&table[__NR_kill], &real_kill, sizeof(real_kill)));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: system call table entry changed");
MODULE_LICENSE("GPL");
