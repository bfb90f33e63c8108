/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table-fixture.h - a made-up guest whose kernel is healthy as far as the
 * checks of tables, modules and page tables look; and what they find in it.
 */
#ifndef TABLE_FIXTURE_H
#define TABLE_FIXTURE_H

#include "checks/checks.h"
#include "unit/guest-fixture.h"

#define TABLE_FINDINGS 96u

struct table_fixture {
	struct guest_fixture guest;
	struct vhsm_reference *reference;
	struct vhsm_kernel kernel;
	struct vhsm_page_key page_key;
	char dir[64];			/* of the baseline; removed at the end */
	struct vhsm_finding found[TABLE_FINDINGS];
	unsigned count;			/* of the last run */
	uint64_t explained;
	char why[VHSM_CHECK_WHY_LEN];
};

/* Loads the kernel, slid; fills its gates and the vCPU's registers.  The
 * reference is borrowed. */
void table_fixture_init(struct table_fixture *, struct vhsm_reference *,
			uint64_t slide);
void table_fixture_deinit(struct table_fixture *);

/* The guest's address of a symbol. */
uint64_t table_fixture_symbol(const struct table_fixture *, const char *name);

/* A new page of zeros at va. */
void table_fixture_page(struct table_fixture *, uint64_t va, unsigned flags);

/* Opens the check, runs it on the guest as it is, and closes it: run's result.
 * Findings are in found. */
int table_fixture_run(struct table_fixture *, const struct vhsm_check *);
/* The same of a check that is open. */
int table_fixture_rerun(struct table_fixture *, const struct vhsm_check *,
			void *state);
void *table_fixture_open(struct table_fixture *, const struct vhsm_check *);

#endif /* TABLE_FIXTURE_H */
