/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literals.h - whether any of a set of byte strings stands in a piece of
 * memory, at a tenth of what YARA's automaton costs; so that YARA looks only
 * where something is.
 */
#ifndef VHSM_LITERALS_H
#define VHSM_LITERALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_LITERAL_MIN	4u	/* bytes */

struct vhsm_literals;

/* NULL without memory. */
struct vhsm_literals *vhsm_literals_new(void);
void vhsm_literals_free(struct vhsm_literals **);

/* Takes a copy.  0; -EINVAL when shorter than VHSM_LITERAL_MIN; -ENOMEM. */
int vhsm_literals_add(struct vhsm_literals *, const uint8_t *bytes, size_t len);

/* Whether one of them stands wholly in the len bytes. */
bool vhsm_literals_occur(const struct vhsm_literals *, const uint8_t *bytes,
			 size_t len);

#endif /* VHSM_LITERALS_H */
