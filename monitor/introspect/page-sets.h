/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page-sets.h - the pages that looks at a guest use, each mapped by its own
 * number and not with its neighbours.
 *
 * A look uses the kernel's text and then a page here and there.  To map a page
 * that is not one's own costs Xen two hypercalls, one to make it and one to end
 * it, and all of them are mapped anew every few looks; so no more than what is
 * used is mapped, in sets of pages that come and go at once.
 */
#ifndef VHSM_PAGE_SETS_H
#define VHSM_PAGE_SETS_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SET_LEN	256u		/* pages, at most */
#define PAGE_SETS_PAGES	32768u		/* in all sets, at most */
#define PAGE_SETS_MAX	1024u		/* each is a mapping of the process; then
					 * small ones are merged */

struct vhsm_guest_memory;

struct page_set {
	uint8_t *bytes;
	unsigned count, room;		/* pages */
	uint64_t made;			/* tick of the mapping, */
	uint64_t made_look;		/* and look */
	uint64_t present[PAGE_SET_LEN / 64];
	uint64_t *used_look;		/* of each; 0: never */
	uint64_t gfn[];			/* of each; then these looks */
};

/* All zeros: none. */
struct page_sets {
	struct page_set **set;
	unsigned count, room;
	unsigned pages;			/* in all of them */
	uint64_t fresh;			/* sets made before this tick are passed
					 * over */
	uint64_t ahead_gfn;		/* the page after those loaded last */
	unsigned ahead;			/* and how many these were */
	uint32_t *slot;			/* by gfn: set and page + 1; 0: empty */
	unsigned slots;			/* a power of 2, or 0 */
};

/* The page, or NULL where the guest has none.  Its neighbours come with it when
 * they are asked for one after the other. */
const uint8_t *page_sets_page(struct vhsm_guest_memory *, uint64_t gfn);

/*
 * A look begins.  Sets are made anew with what the look before used, the oldest
 * first: one in so many of them at least, and those as many looks old, and on
 * until us microseconds are over.
 */
void page_sets_renew(struct vhsm_guest_memory *, unsigned looks, uint64_t us);

/* Until the next look begins, what is asked for is mapped anew. */
void page_sets_pass_over(struct vhsm_guest_memory *);

void page_sets_drop(struct vhsm_guest_memory *);

#endif /* VHSM_PAGE_SETS_H */
