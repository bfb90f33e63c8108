/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/top-table.h"

#include <errno.h>

#define ENTRIES		512u
#define PRESENT		UINT64_C(0x001)
#define WRITE		UINT64_C(0x002)
#define USER		UINT64_C(0x004)
#define LARGE		UINT64_C(0x080)
#define NO_EXEC		(UINT64_C(1) << 63)
#define FRAME		UINT64_C(0x000ffffffffff000)
/* Where an entry leads, and what may be done there. */
#define DECIDES		(PRESENT | WRITE | USER | LARGE | NO_EXEC | FRAME)

/* Documentation/x86/x86_64/mm.rst; LDT_PGD_ENTRY, by levels. */
#define LDT_INDEX_4	272u
#define LDT_INDEX_5	400u
#define LDT_PAGES_MAX	32u		/* two descriptor tables */
/* EFI_VA_END..EFI_VA_START, -68 to -4 GiB, in the table of 1 GiB entries that
 * maps the last 512 GiB. */
#define EFI_FIRST	444u
#define EFI_END		508u

static unsigned levels_of(const struct vhsm_kernel *k)
{
	return k->space.five_levels ? 5 : 4;
}

static int read_upper(const struct vhsm_kernel *k, uint64_t root,
		      uint64_t entry[VHSM_TOP_UPPER])
{
	return vhsm_guest_memory_read(k->memory, root + 8 * VHSM_TOP_UPPER,
				      entry, 8 * VHSM_TOP_UPPER);
}

int vhsm_top_table_of_mm(const struct vhsm_kernel *k, uint64_t mm,
			 uint64_t *root)
{
	struct vhsm_mapping at;
	uint64_t pgd;
	int r;

	*root = 0;
	r = vhsm_kernel_read_member(k, mm, VHSM_L_mm_struct__pgd, &pgd);
	if (!r && pgd)
		r = vhsm_address_space_translate(&k->space, pgd, &at);
	if (!r && pgd)
		*root = (at.physical + (pgd - at.start)) & FRAME;
	return r;
}

int vhsm_top_table_read(struct vhsm_top_table *t, const struct vhsm_kernel *k)
{
	uint64_t va;
	int r;

	*t = (struct vhsm_top_table){ .kernel = k };
	t->pair = !vhsm_kernel_symbol(k, "pti_finalize", &va);
	r = read_upper(k, k->space.root, t->own[0]);
	if (!r && t->pair)
		r = read_upper(k, k->space.root + VHSM_GUEST_PAGE_SIZE,
			       t->own[1]);
	if (!r && !vhsm_kernel_symbol(k, "efi_mm", &va) &&
	    vhsm_top_table_of_mm(k, va, &t->efi))
		t->efi = 0;
	return r;
}

uint64_t vhsm_top_table_of_cr3(const struct vhsm_top_table *t, uint64_t cr3)
{
	uint64_t root = cr3 & FRAME;

	return t->pair ? root & ~(uint64_t)VHSM_GUEST_PAGE_SIZE : root;
}

/* --- a process's descriptors --- */

static int visit_descriptors(const struct vhsm_mapping *m, void *arg)
{
	uint64_t *pages = arg;

	*pages += m->len / VHSM_GUEST_PAGE_SIZE;
	return m->flags & (VHSM_MAP_EXEC | VHSM_MAP_WRITE) ||
	       *pages > LDT_PAGES_MAX;
}

/* Whether the entry is the one for them, and has nothing else in it. */
static bool is_descriptors(const struct vhsm_top_table *t, uint64_t table,
			   unsigned index)
{
	struct vhsm_address_space space = t->kernel->space;
	unsigned levels = levels_of(t->kernel), shift = 12 + 9 * (levels - 1);
	uint64_t start, pages = 0;

	if (!t->pair || index != (levels == 5 ? LDT_INDEX_5 : LDT_INDEX_4))
		return false;
	space.root = table;
	start = (uint64_t)index << shift | ~UINT64_C(0) << (shift + 9);
	return !vhsm_address_space_walk(&space, start,
					start + ((UINT64_C(1) << shift) - 1),
					levels, visit_descriptors, &pages);
}

/* --- the table for firmware --- */

/* Whether two entries, the last of their tables, lead to the same but for where
 * firmware is.  level: of the tables they lead to. */
static bool same_but_firmware(const struct vhsm_top_table *t, uint64_t found,
			      uint64_t expected, unsigned level)
{
	uint64_t is[ENTRIES], own[ENTRIES];
	unsigned i;

	for (; level >= 3; level--) {
		if (!(found & expected & PRESENT) || found & LARGE ||
		    ((found ^ expected) & DECIDES & ~FRAME) ||
		    vhsm_guest_memory_read(t->kernel->memory, found & FRAME, is,
					   sizeof(is)) ||
		    vhsm_guest_memory_read(t->kernel->memory, expected & FRAME,
					   own, sizeof(own)))
			return false;
		for (i = 0; i < ENTRIES - 1; i++) {
			if (level == 3 && i >= EFI_FIRST && i < EFI_END)
				continue;
			if (is[i] & PRESENT && (is[i] ^ own[i]) & DECIDES)
				return false;
		}
		found = is[ENTRIES - 1];
		expected = own[ENTRIES - 1];
	}
	return !((found ^ expected) & DECIDES);
}

/* --- all of it --- */

static bool is_legal(const struct vhsm_top_table *t, uint64_t root,
		     const struct vhsm_top_difference *d)
{
	uint64_t table = root + (d->second ? VHSM_GUEST_PAGE_SIZE : 0);

	if (!(d->found & PRESENT) || !((d->found ^ d->expected) & DECIDES))
		return true;
	if (t->efi && root == t->efi && d->index == ENTRIES - 1)
		return same_but_firmware(t, d->found, d->expected,
					 levels_of(t->kernel) - 1);
	return is_descriptors(t, table, d->index);
}

int vhsm_top_table_compare(const struct vhsm_top_table *t, uint64_t root,
			   struct vhsm_top_difference *d)
{
	uint64_t entry[VHSM_TOP_UPPER];
	unsigned half, i;

	for (half = 0; half <= t->pair; half++) {
		if (read_upper(t->kernel, root + half * VHSM_GUEST_PAGE_SIZE,
			       entry))
			return -EFAULT;
		for (i = 0; i < VHSM_TOP_UPPER; i++) {
			*d = (struct vhsm_top_difference){
				.second = half, .index = VHSM_TOP_UPPER + i,
				.expected = t->own[half][i], .found = entry[i],
			};
			if (!is_legal(t, root, d))
				return 1;
		}
	}
	return 0;
}
