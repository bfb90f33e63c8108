/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address-space.h - x86-64 page tables of a guest, walked from outside (Intel
 * SDM volume 3, chapter 4; AMD APM volume 2, chapter 5): four or five levels,
 * pages of 4 KiB, 2 MiB and 1 GiB.
 *
 * The tables are the guest's.  Each entry is read once; an address of a table
 * or page that the guest does not have is "not mapped"; a walk of a range
 * visits at most as many tables as its budget says, so tables that loop or
 * share cost bounded work.
 */
#ifndef VHSM_ADDRESS_SPACE_H
#define VHSM_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/guest-memory.h"

struct vhsm_address_space {
	struct vhsm_guest_memory *memory;	/* borrowed */
	uint64_t root;			/* physical, of the top table */
	bool five_levels;		/* CR4.LA57 */
};

/* What all levels together allow. */
#define VHSM_MAP_WRITE	0x1u
#define VHSM_MAP_USER	0x2u
#define VHSM_MAP_EXEC	0x4u		/* no level has NX */

struct vhsm_mapping {
	uint64_t start;			/* virtual */
	uint64_t len;			/* bytes: of the page, or of a run */
	uint64_t physical;		/* of start */
	unsigned flags;			/* VHSM_MAP_* */
};

/* The page that maps va: 0 with *mapping, or -EFAULT. */
int vhsm_address_space_translate(const struct vhsm_address_space *,
				 uint64_t va, struct vhsm_mapping *mapping);

/* Copies from virtual addresses, across pages: 0 or -EFAULT. */
int vhsm_address_space_read(const struct vhsm_address_space *, uint64_t va,
			    void *buf, size_t len);

/* Anything but 0 ends the walk, which returns it. */
typedef int vhsm_mapping_visit(const struct vhsm_mapping *, void *arg);

/*
 * Visits what is mapped of [start, last] (last included), ascending;
 * neighbouring pages that are alike and physically contiguous come as one run.
 * budget: tables that may be read, at most.  0; -E2BIG when the budget is
 * spent (what was visited is true); or what visit returned.
 */
int vhsm_address_space_walk(const struct vhsm_address_space *, uint64_t start,
			    uint64_t last, unsigned budget,
			    vhsm_mapping_visit *, void *arg);
/* The same; *budget is then what is left of it. */
int vhsm_address_space_walk_part(const struct vhsm_address_space *,
				 uint64_t start, uint64_t last,
				 unsigned *budget, vhsm_mapping_visit *,
				 void *arg);

#endif /* VHSM_ADDRESS_SPACE_H */
