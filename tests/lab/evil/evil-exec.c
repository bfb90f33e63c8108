// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-exec - code in a page that no module owns: memory of vmalloc, made
 * executable and run once.  So works what is loaded without a module: droppers
 * that copy their code out of a module and fail its init, and code brought in
 * by an exploit.
 */
#include "evil.h"

static const u8 code[] = { 0xb8, 0x2a, 0x00, 0x00, 0x00,  /* mov $42,%eax */
			   0xc3 };			  /* ret */
static int (*make_x)(unsigned long address, int pages);
static int (*make_nx)(unsigned long address, int pages);
static int (*make_rw)(unsigned long address, int pages);
static int (*make_ro)(unsigned long address, int pages);
static void *page;

static int __init evil_init(void)
{
	make_x = (void *)evil_symbol("set_memory_x");
	make_nx = (void *)evil_symbol("set_memory_nx");
	make_rw = (void *)evil_symbol("set_memory_rw");
	make_ro = (void *)evil_symbol("set_memory_ro");
	page = vmalloc(PAGE_SIZE);
	if (!make_x || !make_nx || !make_rw || !make_ro || !page) {
		vfree(page);
		return -ENOENT;
	}
	memset(page, 0x90, PAGE_SIZE);
	memcpy(page, code, sizeof(code));
	make_ro((unsigned long)page, 1);
	make_x((unsigned long)page, 1);
	pr_info("evil-exec: %px says %d\n", page, ((int (*)(void))page)());
	return 0;
}

static void __exit evil_exit(void)
{
	make_nx((unsigned long)page, 1);
	make_rw((unsigned long)page, 1);
	vfree(page);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: executable memory that belongs to nothing");
MODULE_LICENSE("GPL");
