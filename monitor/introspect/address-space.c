/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address-space.c - the walk of page tables.
 *
 * A table is copied before it is looked at: an entry has one value for all that
 * is decided by it.  A walk recurses four or five deep, by the levels and never
 * by what entries say.
 */
#include "introspect/address-space.h"

#include <errno.h>
#include <string.h>

#define ENTRIES		512u
#define PRESENT		UINT64_C(0x001)
#define WRITE		UINT64_C(0x002)
#define USER		UINT64_C(0x004)
#define LARGE		UINT64_C(0x080)	/* of levels 2 and 3 */
#define NO_EXEC		(UINT64_C(1) << 63)
#define ADDRESS		UINT64_C(0x000ffffffffff000)
#define ALL_FLAGS	(VHSM_MAP_WRITE | VHSM_MAP_USER | VHSM_MAP_EXEC)

static unsigned levels_of(const struct vhsm_address_space *s)
{
	return s->five_levels ? 5 : 4;
}

/* Bits of an address below the index of a level: 12 for level 1. */
static unsigned shift_of(unsigned level)
{
	return 12 + 9 * (level - 1);
}

/* Bits 47.. (56..) all alike, or the processor would refuse it. */
static bool is_canonical(const struct vhsm_address_space *s, uint64_t va)
{
	unsigned spare = 64 - shift_of(levels_of(s) + 1);

	return (uint64_t)((int64_t)(va << spare) >> spare) == va;
}

static unsigned entry_flags(uint64_t entry)
{
	return (entry & WRITE ? VHSM_MAP_WRITE : 0) |
	       (entry & USER ? VHSM_MAP_USER : 0) |
	       (entry & NO_EXEC ? 0 : VHSM_MAP_EXEC);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level <= 3 && entry & LARGE);
}

/* Where the page of a leaf entry begins; bit 12 of a large page's is PAT. */
static uint64_t leaf_address(uint64_t entry, unsigned level)
{
	return entry & ADDRESS & ~((UINT64_C(1) << shift_of(level)) - 1);
}

int vhsm_address_space_translate(const struct vhsm_address_space *s,
				 uint64_t va, struct vhsm_mapping *mapping)
{
	unsigned level = levels_of(s), flags = ALL_FLAGS, index;
	uint64_t table = s->root & ADDRESS, entry, size;

	if (!is_canonical(s, va))
		return -EFAULT;
	for (;; level--) {
		index = (unsigned)(va >> shift_of(level)) % ENTRIES;
		if (vhsm_guest_memory_read(s->memory, table + 8 * index,
					   &entry, sizeof(entry)) ||
		    !(entry & PRESENT))
			return -EFAULT;
		flags &= entry_flags(entry);
		if (is_leaf(entry, level))
			break;
		table = entry & ADDRESS;
	}
	size = UINT64_C(1) << shift_of(level);
	*mapping = (struct vhsm_mapping){
		.start = va & ~(size - 1), .len = size,
		.physical = leaf_address(entry, level), .flags = flags,
	};
	return 0;
}

int vhsm_address_space_read(const struct vhsm_address_space *s, uint64_t va,
			    void *buf, size_t len)
{
	struct vhsm_mapping m;
	uint8_t *to = buf;
	uint64_t offset, part;
	int r;

	while (len) {
		r = vhsm_address_space_translate(s, va, &m);
		if (r)
			return r;
		offset = va - m.start;
		part = m.len - offset < len ? m.len - offset : len;
		r = vhsm_guest_memory_read(s->memory, m.physical + offset, to,
					   part);
		if (r)
			return r;
		to += part;
		va += part;
		len -= part;
	}
	return 0;
}

struct walk {
	const struct vhsm_address_space *space;
	uint64_t start, last;
	unsigned budget;
	bool spent;
	vhsm_mapping_visit *visit;
	void *arg;
	struct vhsm_mapping run;	/* not yet visited; len 0: none */
};

static int flush(struct walk *w)
{
	int r = w->run.len ? w->visit(&w->run, w->arg) : 0;

	w->run.len = 0;
	return r;
}

/* A page of the range, joined to the run when it continues it. */
static int add_page(struct walk *w, uint64_t va, uint64_t len,
		    uint64_t physical, unsigned flags)
{
	uint64_t last = va + (len - 1);
	int r;

	if (va < w->start) {
		physical += w->start - va;
		va = w->start;
	}
	if (last > w->last)
		last = w->last;
	len = last - va + 1;
	if (w->run.len && w->run.start + w->run.len == va &&
	    w->run.physical + w->run.len == physical &&
	    w->run.flags == flags) {
		w->run.len += len;
		return 0;
	}
	r = flush(w);
	w->run = (struct vhsm_mapping){ va, len, physical, flags };
	return r;
}

/* The entries of the table that maps from base on. */
static int walk_table(struct walk *w, unsigned level, uint64_t table,
		      uint64_t base, unsigned flags)
{
	uint64_t entry[ENTRIES], size = UINT64_C(1) << shift_of(level), va;
	unsigned i, last, allowed;
	int r = 0;

	if (!w->budget) {
		w->spent = true;
		return -E2BIG;
	}
	w->budget--;
	if (vhsm_guest_memory_read(w->space->memory, table, entry,
				   sizeof(entry)))
		return 0;
	i = w->start > base ? (unsigned)((w->start - base) / size) : 0;
	last = (w->last - base) / size < ENTRIES - 1 ?
	       (unsigned)((w->last - base) / size) : ENTRIES - 1;
	for (; !r && i <= last; i++) {
		if (!(entry[i] & PRESENT))
			continue;
		va = base + i * size;
		allowed = flags & entry_flags(entry[i]);
		if (is_leaf(entry[i], level))
			r = add_page(w, va, size, leaf_address(entry[i], level),
				     allowed);
		else
			r = walk_table(w, level - 1, entry[i] & ADDRESS, va,
				       allowed);
	}
	return r;
}

/* One half of the address space: base is where its first table entry maps
 * from, modulo the sign extension. */
static int walk_half(struct walk *w, uint64_t base, uint64_t first,
		     uint64_t last)
{
	if (w->start < first)
		w->start = first;
	if (w->last > last)
		w->last = last;
	if (w->start > w->last)
		return 0;
	return walk_table(w, levels_of(w->space), w->space->root & ADDRESS,
			  base, ALL_FLAGS);
}

int vhsm_address_space_walk_part(const struct vhsm_address_space *s,
				 uint64_t start, uint64_t last,
				 unsigned *budget, vhsm_mapping_visit *visit,
				 void *arg)
{
	uint64_t span = UINT64_C(1) << shift_of(levels_of(s) + 1);
	struct walk w = {
		.space = s, .start = start, .last = last, .budget = *budget,
		.visit = visit, .arg = arg,
	};
	int r;

	/* The lower half of the top table maps from 0, the upper one to the end
	 * of all addresses: as if the table began a span before that. */
	r = walk_half(&w, 0, 0, span / 2 - 1);
	w.start = start;
	w.last = last;
	if (!r)
		r = walk_half(&w, 0 - span, 0 - span / 2, UINT64_MAX);
	*budget = w.budget;
	if (r && !w.spent)
		return r;
	r = flush(&w);
	return !r && w.spent ? -E2BIG : r;
}

int vhsm_address_space_walk(const struct vhsm_address_space *s, uint64_t start,
			    uint64_t last, unsigned budget,
			    vhsm_mapping_visit *visit, void *arg)
{
	return vhsm_address_space_walk_part(s, start, last, &budget, visit,
					    arg);
}
