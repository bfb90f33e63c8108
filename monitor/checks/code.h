/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code.h - x86-64 instructions, as far as evidence needs them; libcapstone.
 */
#ifndef VHSM_CODE_H
#define VHSM_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/kernel.h"

/*
 * The start of the instruction that covers va in the image's own code: found by
 * decoding from the start of its function.  A guest's address, as is va; va
 * itself where that cannot be said.
 */
uint64_t vhsm_code_boundary(const struct vhsm_kernel *, uint64_t va);

/* What a few instructions do to the flow of control. */
struct vhsm_code_branch {
	uint64_t at;			/* of the instruction that leads away */
	uint64_t target;		/* 0: not known */
	char how[16];			/* its mnemonic: "jmp", "call", "ret" */
};

/*
 * Decodes len bytes that stand at va, from the first byte on, until something
 * leads away: a jump or call (direct, through a register that was just loaded,
 * or through a pointer in the guest's memory), or a return to what was just
 * pushed.  False when nothing does within a few instructions.
 */
bool vhsm_code_find_branch(const struct vhsm_kernel *, const uint8_t *bytes,
			   size_t len, uint64_t va,
			   struct vhsm_code_branch *branch);

#endif /* VHSM_CODE_H */
