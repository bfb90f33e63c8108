// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-text - changes one byte of kernel text, in the middle of a function: a
 * condition that is turned round is how malware opens a check without leaving
 * a hook.  Here the function is one that nothing calls while it is so.
 */
#include "evil.h"

#define PLACE	"write_sysrq_trigger"
#define DEPTH	128			/* bytes to look through for the test */

static u8 *byte;
static u8 was;

static int __init evil_init(void)
{
	u8 *at = (u8 *)evil_symbol(PLACE);
	u8 is;
	int i;

	if (!at)
		return -ENOENT;
	/* test %al,%al or %eax,%eax, and je or jne. */
	for (i = 0; i < DEPTH; i++)
		if ((at[i] & 0xfe) == 0x84 && at[i + 1] == 0xc0 &&
		    (at[i + 2] & 0xfe) == 0x74)
			break;
	if (i == DEPTH)
		return -ENOENT;
	byte = at + i + 2;
	was = *byte;
	is = was ^ 1;
	return evil_write(byte, &is, 1);
}

static void __exit evil_exit(void)
{
	WARN_ON(evil_write(byte, &was, 1));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a byte of kernel text changed");
MODULE_LICENSE("GPL");
