// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-lstar - makes every SYSCALL instruction enter at a stub of its own (the
 * MSR LSTAR), which jumps on to the real entry: every system call is seen and
 * no table is changed.
 */
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <linux/smp.h>

#include "evil.h"

static u64 before;
unsigned long evil_lstar_next;

/* Runs with the program's stack and GS: it may touch nothing. */
asmlinkage void evil_lstar_stub(void);
asm(".pushsection .text\n"
    ".global evil_lstar_stub\n"
    ".type evil_lstar_stub, @function\n"
    "evil_lstar_stub:\n"
    ANNOTATE_RETPOLINE_SAFE
    "	jmp *evil_lstar_next(%rip)\n"
    ".size evil_lstar_stub, . - evil_lstar_stub\n"
    ".popsection\n");

static void set_lstar(void *value)
{
	wrmsrl(MSR_LSTAR, (unsigned long)value);
}

static int __init evil_init(void)
{
	/* The stub is not in the page tables of user mode. */
	if (boot_cpu_has(X86_FEATURE_PTI))
		return -EOPNOTSUPP;
	rdmsrl(MSR_LSTAR, before);
	evil_lstar_next = before;
	on_each_cpu(set_lstar, evil_lstar_stub, 1);
	return 0;
}

static void __exit evil_exit(void)
{
	/* The stub runs with interrupts off: none is in it after this. */
	on_each_cpu(set_lstar, (void *)(unsigned long)before, 1);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: system call entry register changed");
MODULE_LICENSE("GPL");
