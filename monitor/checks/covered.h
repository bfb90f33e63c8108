/* SPDX-License-Identifier: Apache-2.0 */
/*
 * covered.h - read-only data that a check of its own looks at, entry by entry:
 * what compares all of it leaves this out, so that one change is one finding.
 */
#ifndef VHSM_COVERED_H
#define VHSM_COVERED_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/reference.h"

/* Tables of pointers to functions; NULL ends them.  Not every kernel has every
 * one. */
extern const char *const vhsm_covered_tables[];

/* An object of the image up to the next symbol, at most 8192 bytes: 0 or
 * -ENOENT. */
int vhsm_symbol_extent(const struct vhsm_reference *, const char *name,
		       uint64_t *start, uint64_t *len);

/* Whether a link address is in one of them. */
bool vhsm_covered(const struct vhsm_reference *, uint64_t va);

#endif /* VHSM_COVERED_H */
