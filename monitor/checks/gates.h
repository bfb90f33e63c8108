/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gates.h - what the gates of the interrupt descriptor table must be, derived
 * from the image: from the tables that boot fills them from (arch/x86/kernel/
 * idt.c: early_idts, def_idts, early_pf_idts, apic_idts), and from the arrays
 * of stubs for all other vectors.
 *
 *   0..31      a table's; else the early handler of that vector, which boot
 *              leaves there
 *   up to the  a table's; else the stub of that vector in irq_entries_start
 *   system
 *   vectors
 *   system     a table's; else the stub in spurious_entries_start, or a handler
 *   vectors    asm_sysvec_*: hypervisors' drivers install theirs (Xen's
 *              callback) without a table
 */
#ifndef VHSM_GATES_H
#define VHSM_GATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"

#define VHSM_VECTORS 256u

/* What a gate says (Intel SDM volume 3, 6.14.1). */
struct vhsm_gate {
	uint64_t handler;		/* link address */
	uint16_t segment;
	uint16_t bits;			/* IST, type, DPL, present */
};

struct vhsm_gates {
	struct vhsm_gate gate[VHSM_VECTORS];
	bool any_system[VHSM_VECTORS];	/* or an asm_sysvec_* */
};

/* 0, or -EINVAL when the image is not like that, with why
 * (VHSM_CHECK_WHY_LEN). */
int vhsm_gates_derive(struct vhsm_gates *, const struct vhsm_reference *,
		      char *why);

/* Takes a gate apart; slide is taken off the handler. */
void vhsm_gate_decode(struct vhsm_gate *, const uint8_t bytes[16],
		      uint64_t slide);

bool vhsm_gate_check(const struct vhsm_gates *, const struct vhsm_reference *,
		     unsigned vector, const struct vhsm_gate *is);

#endif /* VHSM_GATES_H */
