/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-text.c - the guest's text is the image's, relocated, but for what the
 * kernel patches itself: text-explain.h says what that is and what it leaves
 * to an attacker.  Nothing is learned.
 */
#include <errno.h>
#include <stdio.h>

#include "checks/checks.h"
#include "checks/inline-hook.h"

static void report(struct vhsm_sweep *sweep, const struct vhsm_difference *d)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_KERNEL_TEXT, .confidence = 100,
	};

	vhsm_text_evidence(sweep->kernel, d, true, &f);
	snprintf(f.detail, sizeof(f.detail),
		 "kernel text at %#llx (%.120s) is not the image's, and not "
		 "what the kernel itself may put there",
		 (unsigned long long)d->va, f.symbol);
	sweep->report(sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_difference *d;
	size_t count;
	int error = vhsm_text_view_update(state, 0, sweep, &d, &count, why);

	for (size_t i = 0; !error && i < count; i++) {
		struct vhsm_code_branch branch;

		/* A hook is inline-hook's, where that check is on. */
		if (!vhsm_text_view_shared(state) ||
		    !vhsm_inline_hook(sweep->kernel, &d[i], &branch))
			report(sweep, &d[i]);
	}
	return error;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	struct vhsm_text_view *view = NULL;
	int error = vhsm_text_view_open(setup, VHSM_SEGMENT_TEXT, &view, why);

	*state = view;
	return error;
}

static void close_check(void *state)
{
	struct vhsm_text_view *view = state;

	vhsm_text_view_close(&view);
}

const struct vhsm_check vhsm_check_kernel_text = {
	.number = VHSM_CHECK_KERNEL_TEXT, .region = VHSM_REGION_TEXT,
	.open = open_check, .run = run, .close = close_check,
};
