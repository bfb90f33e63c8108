/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write-exec.c - no page of the kernel half is writable and executable.  Linux
 * 6.1 has none once it has booted, and makes none: what patches its text writes
 * through a mapping of its own, and the JIT compiler copies finished code.
 *
 * Only one address with both counts.  A frame that is writable at one address
 * and executable at another is how the kernel's own patching works.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/kernel-map.h"
#include "checks/module-list.h"
#include "checks/pointer.h"

#define REPORTS_MAX 64u

static void report(struct vhsm_sweep *sweep, const struct vhsm_mapping *m)
{
	const struct vhsm_kernel *k = sweep->kernel;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_WRITE_EXEC, .address = m->start,
		.physical = m->physical, .confidence = 95,
		.after_len = sizeof(f.after),
	};

	snprintf(f.object, sizeof(f.object), "page %#" PRIx64, m->start);
	vhsm_module_describe(k, m->start, f.symbol, sizeof(f.symbol));
	if (vhsm_kernel_read(k, m->start, f.after, f.after_len))
		f.after_len = 0;
	else
		vhsm_finding_disassemble(&f);
	snprintf(f.detail, sizeof(f.detail),
		 "%" PRIu64 " bytes at %#" PRIx64
		 " can be written and executed (%s)", m->len, m->start,
		 f.symbol[0] ? f.symbol : "outside kernel and modules");
	sweep->report(sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_kernel_map map;
	unsigned reports = 0;
	int rc = vhsm_kernel_map_read(sweep->kernel, &map, why);

	(void)state;
	if (rc)
		return rc;
	for (size_t i = 0; i < map.count; i++) {
		if ((map.run[i].flags & VHSM_MAP_WRITE) &&
		    reports++ < REPORTS_MAX)
			report(sweep, &map.run[i]);
		sweep->cut |= reports > REPORTS_MAX;
		sweep->objects += map.run[i].len / VHSM_GUEST_PAGE_SIZE;
	}
	vhsm_kernel_map_deinit(&map);
	return 0;
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

const struct vhsm_check vhsm_check_write_exec = {
	.number = VHSM_CHECK_WRITE_EXEC,
	.open = open_check, .run = run, .close = close_check,
};
