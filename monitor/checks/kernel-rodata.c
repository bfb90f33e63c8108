/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-rodata.c - the guest's read-only data is the image's, relocated.
 * What boot fills (ro_after_init) is a segment of its own and not looked at
 * here; system call tables have a check of their own (covered.h).
 */
#include <errno.h>
#include <stdio.h>

#include "checks/checks.h"
#include "checks/text-view.h"

static void report(struct vhsm_sweep *sweep, const struct vhsm_difference *d)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_KERNEL_RODATA, .confidence = 100,
	};

	vhsm_text_evidence(sweep->kernel, d, false, &f);
	snprintf(f.detail, sizeof(f.detail),
		 "read-only data at %#llx (%.120s) is not the image's",
		 (unsigned long long)d->va, f.symbol);
	sweep->report(sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_difference *d;
	size_t count;
	int error = vhsm_text_view_update(state, 0, sweep, &d, &count, why);

	for (size_t i = 0; !error && i < count; i++)
		report(sweep, &d[i]);
	return error;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	struct vhsm_text_view *view = NULL;
	int error = vhsm_text_view_open(setup, VHSM_SEGMENT_RODATA, &view,
					why);

	*state = view;
	return error;
}

static void close_check(void *state)
{
	struct vhsm_text_view *view = state;

	vhsm_text_view_close(&view);
}

const struct vhsm_check vhsm_check_kernel_rodata = {
	.number = VHSM_CHECK_KERNEL_RODATA, .region = VHSM_REGION_RODATA,
	.open = open_check, .run = run, .close = close_check,
};
