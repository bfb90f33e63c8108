// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-rodata - changes read-only data: the version that the kernel tells, as
 * malware does to a table of operations (adore-ng: those of /proc).
 */
#include "evil.h"

static char *byte;
static char was;

static int __init evil_init(void)
{
	char is = 'X';

	byte = (char *)evil_symbol("linux_proc_banner");
	if (!byte)
		return -ENOENT;
	was = *byte;
	return evil_write(byte, &is, 1);
}

static void __exit evil_exit(void)
{
	WARN_ON(evil_write(byte, &was, 1));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: read-only data changed");
MODULE_LICENSE("GPL");
