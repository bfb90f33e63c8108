/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text-view.h - the guest's text, or its read-only data, beside the image's:
 * the differences that nothing explains.
 *
 * A page is compared when its fingerprint (page-hash.h) is not that of a page
 * that was compared and explained; so a sweep costs the reading of the pages
 * and no more, unless something was patched.  A page that is explained by what
 * may change (text-explain.h) is explained anew each time.
 *
 * kernel-text and inline-hook share one view: it is updated once in a sweep for
 * both, and again for whoever asks again (the scanner's second look).  Of one
 * thread.
 */
#ifndef VHSM_TEXT_VIEW_H
#define VHSM_TEXT_VIEW_H

#include "checks/check.h"

#define VHSM_DIFFERENCES_MAX 64u

struct vhsm_difference {
	uint64_t va;			/* the guest's */
	uint64_t len;			/* bytes, first to last that differ */
};

struct vhsm_text_view;

/* The view of all segments of the kind, shared by those with the same setup:
 * 0 with *view, -ENOENT when there is no reference, -ENOMEM; with why. */
int vhsm_text_view_open(const struct vhsm_check_setup *,
			enum vhsm_segment_kind kind,
			struct vhsm_text_view **view, char *why);
void vhsm_text_view_close(struct vhsm_text_view **);
/* Whether another check has this view open as well. */
bool vhsm_text_view_shared(const struct vhsm_text_view *);

/*
 * Looks: 0 with *difference, *count of them (VHSM_DIFFERENCES_MAX at most,
 * ascending, the view's until its next update), -EFAULT or what reading the
 * kernel's lists gives, with why.  reader: 0 or 1, who asks.  Adds to sweep's
 * objects (pages) and explained, and sets cut when there are more differences.
 */
int vhsm_text_view_update(struct vhsm_text_view *, unsigned reader,
			  struct vhsm_sweep *,
			  const struct vhsm_difference **difference,
			  size_t *count, char *why);

/*
 * Fills address, physical, symbol, bytes and code of a finding from a
 * difference; object becomes "symbol+0x12, 5 bytes".
 */
void vhsm_text_evidence(const struct vhsm_kernel *,
			const struct vhsm_difference *, bool code,
			struct vhsm_finding *);

#endif /* VHSM_TEXT_VIEW_H */
