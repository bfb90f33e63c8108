// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-idt - turns the gate of vector 3 (breakpoint) to a stub of its own that
 * jumps on to the real handler: how adore-ng's successors and debuggers of
 * malware see every trap first.
 */
#include <asm/desc.h>
#include <asm/nospec-branch.h>
#include <asm/traps.h>

#include "evil.h"

static gate_desc *gate;
static gate_desc before;
unsigned long evil_idt_next;

/* Touches no register: the real handler must find the machine as it was.
 * On the processor's way in from a user program GS is not the kernel's yet. */
asmlinkage void evil_idt_stub(void);
asm(".pushsection .text\n"
    ".global evil_idt_stub\n"
    ".type evil_idt_stub, @function\n"
    "evil_idt_stub:\n"
    ANNOTATE_RETPOLINE_SAFE
    "	jmp *evil_idt_next(%rip)\n"
    ".size evil_idt_stub, . - evil_idt_stub\n"
    ".popsection\n");

static int __init evil_init(void)
{
	unsigned long stub = (unsigned long)evil_idt_stub;
	gate_desc mine;

	/* The stub is not in the page tables of user mode. */
	if (boot_cpu_has(X86_FEATURE_PTI))
		return -EOPNOTSUPP;
	gate = (void *)evil_symbol("idt_table");
	if (!gate)
		return -ENOENT;
	gate += X86_TRAP_BP;
	before = *gate;
	evil_idt_next = gate_offset(gate);
	mine = before;
	mine.offset_low = stub;
	mine.offset_middle = stub >> 16;
	mine.offset_high = stub >> 32;
	return evil_write(gate, &mine, sizeof(mine));
}

static void __exit evil_exit(void)
{
	WARN_ON(evil_write(gate, &before, sizeof(before)));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: interrupt gate changed");
MODULE_LICENSE("GPL");
