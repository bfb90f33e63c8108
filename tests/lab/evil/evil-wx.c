// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-wx - makes a page of its own text writable while it stays executable,
 * as an exploit does before it patches code.  It does so a tenth of a second
 * after it was loaded: when a module's init returns, the kernel makes its text
 * read-only once more.
 */
#include <linux/workqueue.h>

#include "evil.h"

static int (*make_rw)(unsigned long address, int pages);
static int (*make_ro)(unsigned long address, int pages);
static unsigned long page;

static noinline void victim(void)
{
	asm volatile("nop");
}

static void open_up(struct work_struct *work)
{
	WARN_ON(make_rw(page, 1));
}

static DECLARE_DELAYED_WORK(later, open_up);

static int __init evil_init(void)
{
	victim();
	make_rw = (void *)evil_symbol("set_memory_rw");
	make_ro = (void *)evil_symbol("set_memory_ro");
	if (!make_rw || !make_ro)
		return -ENOENT;
	page = (unsigned long)victim & PAGE_MASK;
	schedule_delayed_work(&later, HZ / 10);
	return 0;
}

static void __exit evil_exit(void)
{
	cancel_delayed_work_sync(&later);
	make_ro(page, 1);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a page that is writable and executable");
MODULE_LICENSE("GPL");
