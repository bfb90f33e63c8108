/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall-table.c - every entry of the system call tables is what the image
 * has there, relocated.  The tables are read-only data that boot never fills,
 * so nothing is learned and any difference counts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/covered.h"
#include "checks/pointer.h"

#define ENTRIES_MAX 1024u
#define REPORTS_MAX 64u

static void report(struct vhsm_sweep *sweep, const char *table, uint64_t va,
		   unsigned number, uint64_t expected, uint64_t found)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_SYSCALL_TABLE, .address = va,
		.confidence = 100,
	};
	char what[64];

	snprintf(f.object, sizeof(f.object), "%s[%u]", table, number);
	snprintf(what, sizeof(what), "system call %u", number);
	vhsm_pointer_finding(sweep->kernel, &f, what, expected, found);
	sweep->report(sweep, &f);
}

static int check_table(struct vhsm_sweep *sweep, const char *table,
		       unsigned *reports, char *why)
{
	const struct vhsm_kernel *k = sweep->kernel;
	uint64_t is[ENTRIES_MAX], should[ENTRIES_MAX], start, len;
	int rc = vhsm_symbol_extent(k->reference, table, &start, &len);

	if (rc)
		return 0;		/* this kernel has none */
	if (len > sizeof(is))
		len = sizeof(is);
	rc = vhsm_reference_expected(k->reference, start, k->slide,
				     (uint8_t *)should, len);
	if (rc == 0)
		rc = vhsm_kernel_read(k, start + k->slide, is, len);
	if (rc) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "%s at %#llx: %s", table,
			 (unsigned long long)(start + k->slide),
			 strerror(-rc));
		return rc;
	}
	for (unsigned i = 0; i < len / 8; i++)
		if (is[i] != should[i] && (*reports)++ < REPORTS_MAX)
			report(sweep, table, start + k->slide + i * 8ull, i,
			       should[i], is[i]);
	sweep->objects += len / 8;
	return 0;
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	unsigned reports = 0;
	int rc = 0;

	(void)state;
	for (const char *const *t = vhsm_covered_tables; *t && rc == 0; t++)
		rc = check_table(sweep, *t, &reports, why);
	sweep->cut |= reports > REPORTS_MAX;
	return rc;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	*state = NULL;
	if (setup->reference)
		return 0;
	snprintf(why, VHSM_CHECK_WHY_LEN, "the baseline has no reference");
	return -ENOENT;
}

static void close_check(void *state)
{
	(void)state;
}

const struct vhsm_check vhsm_check_syscall_table = {
	.number = VHSM_CHECK_SYSCALL_TABLE, .region = VHSM_REGION_TABLES,
	.open = open_check, .run = run, .close = close_check,
};
