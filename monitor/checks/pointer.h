/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pointer.h - the evidence of a pointer to code that was replaced.
 */
#ifndef VHSM_POINTER_H
#define VHSM_POINTER_H

#include <stdint.h>

#include "findings/finding.h"
#include "introspect/kernel.h"

/*
 * Fills a finding whose object, check and address (of the pointer; 0 for a
 * register) are set: the pointer's bytes before and after, the code it now
 * leads to, the symbol it should lead to, and a sentence that begins with what
 * ("system call 62") and says where it leads.
 */
void vhsm_pointer_finding(const struct vhsm_kernel *, struct vhsm_finding *,
			  const char *what, uint64_t expected, uint64_t found);

/* The frame's address of a virtual one, for a finding; 0: not mapped. */
uint64_t vhsm_finding_physical(const struct vhsm_kernel *, uint64_t va);

#endif /* VHSM_POINTER_H */
