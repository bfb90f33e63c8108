// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-module - does nothing at all, but nobody approved it.
 */
#include <linux/module.h>

static int __init evil_init(void)
{
	pr_info("evil-module: here\n");
	return 0;
}

static void __exit evil_exit(void)
{
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a module that is not approved");
MODULE_LICENSE("GPL");
