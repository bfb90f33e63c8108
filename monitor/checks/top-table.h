/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top-table.h - is the kernel that a top page table maps the kernel's own?
 *
 * Linux gives every process a copy of the upper half of init_top_pgt's entries,
 * so all share the tables below (arch/x86/mm/pgtable.c, pgd_ctor), and reads of
 * memory through init_top_pgt show what every process runs.  Where the kernel
 * was built with page table isolation, top tables come in pairs: the second has
 * little of the kernel, and is what a processor has while a program runs; its
 * upper half is a copy, too.  What may differ (Linux 6.1):
 *
 *   not present   made in init_top_pgt later than the copy, and not copied yet;
 *                 nobody can run what is not mapped
 *   LDT           one entry maps the process's own descriptors, as data
 *                 (pgtable_64_types.h: LDT_PGD_ENTRY; with isolation only)
 *   efi_mm        the table by which firmware is called shares all but the
 *                 firmware's own 64 GiB, a level or two down (efi_64.c)
 *
 * and bits the processor sets, or ignores.
 */
#ifndef VHSM_TOP_TABLE_H
#define VHSM_TOP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_TOP_UPPER	256u		/* entries of the upper half */

struct vhsm_top_table {
	const struct vhsm_kernel *kernel;	/* borrowed */
	bool pair;			/* built with page table isolation */
	uint64_t own[2][VHSM_TOP_UPPER];	/* of init_top_pgt, its second */
	uint64_t efi;			/* root of efi_mm; 0: none */
};

struct vhsm_top_difference {
	bool second;			/* of the pair */
	unsigned index;			/* of the entry, 256..511 */
	uint64_t expected, found;
};

/* The kernel's own: 0, or -EFAULT. */
int vhsm_top_table_read(struct vhsm_top_table *, const struct vhsm_kernel *);

/* The top table (the first of its pair) that a value of CR3 means. */
uint64_t vhsm_top_table_of_cr3(const struct vhsm_top_table *, uint64_t cr3);
/* The top table of a struct mm_struct: 0 with *root (0: it has none), or
 * -EFAULT. */
int vhsm_top_table_of_mm(const struct vhsm_kernel *, uint64_t mm,
			 uint64_t *root);

/* Whether the top table at root has another kernel than the own: 1 with the
 * first difference, 0, or -EFAULT when it cannot be read. */
int vhsm_top_table_compare(const struct vhsm_top_table *, uint64_t root,
			   struct vhsm_top_difference *);

#endif /* VHSM_TOP_TABLE_H */
