/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inline-hook.c - functions whose first instructions lead away: the classic
 * way to put one's own function before the kernel's.
 */
#include "checks/inline-hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/module-list.h"

/* The function whose first bytes the link address is in, or 0. */
static uint64_t function_at(const struct vhsm_reference *reference,
			    uint64_t link)
{
	for (uint64_t back = 0; back < VHSM_PROLOGUE_LEN; back++)
		if (vhsm_reference_is_function(reference, link - back))
			return link - back;
	return 0;
}

bool vhsm_inline_hook(const struct vhsm_kernel *k,
		      const struct vhsm_difference *d,
		      struct vhsm_code_branch *branch)
{
	uint64_t function = function_at(k->reference, d->va - k->slide);
	uint64_t start = vhsm_code_boundary(k, d->va), distance;
	uint8_t bytes[VHSM_EVIDENCE_MAX];

	if (!function || vhsm_kernel_read(k, start, bytes, sizeof(bytes)) ||
	    !vhsm_code_find_branch(k, bytes, sizeof(bytes), start, branch) ||
	    branch->at >= d->va + d->len)
		return false;
	/* A jump within the function is a change, but no hook. */
	return !vhsm_kernel_in_text(k, branch->target) ||
	       !vhsm_reference_symbol_at(k->reference,
					 branch->target - k->slide,
					 &distance) ||
	       branch->target - k->slide - distance != function;
}

static void report(struct vhsm_sweep *sweep, const struct vhsm_difference *d,
		   const struct vhsm_code_branch *branch)
{
	const struct vhsm_kernel *k = sweep->kernel;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_INLINE_HOOK, .confidence = 100,
	};
	char to[128] = "";

	vhsm_text_evidence(k, d, true, &f);
	if (branch->target)
		vhsm_module_describe(k, branch->target, to, sizeof(to));
	snprintf(f.detail, sizeof(f.detail),
		 "the first instructions of %.100s now lead away: %s to %#llx "
		 "(%.120s)", f.symbol, branch->how,
		 (unsigned long long)branch->target,
		 to[0] ? to : "outside kernel and modules");
	sweep->report(sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_difference *d;
	size_t count;
	int error = vhsm_text_view_update(state, 1, sweep, &d, &count, why);

	for (size_t i = 0; !error && i < count; i++) {
		struct vhsm_code_branch branch;

		if (vhsm_inline_hook(sweep->kernel, &d[i], &branch))
			report(sweep, &d[i], &branch);
	}
	/* What is explained is kernel-text's to count. */
	sweep->explained = 0;
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

const struct vhsm_check vhsm_check_inline_hook = {
	.number = VHSM_CHECK_INLINE_HOOK, .region = VHSM_REGION_TEXT,
	.open = open_check, .run = run, .close = close_check,
};
