/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-frames.h - how far a running domain's guest frames reach, in dom0.
 *
 * A guest may put a page at any frame number, 2^40 too: that is one hypercall
 * of its own.  So its highest frame says nothing of how much there is to look
 * at, and is no size for anything.  What the toolstack gave it is.
 */
#ifndef VHSM_DOMAIN_FRAMES_H
#define VHSM_DOMAIN_FRAMES_H

#include <xenctrl.h>

#include "introspect/guest-memory.h"

/*
 * Of a PVH or HVM domain: *frames, one more than the highest that is looked at
 * (vhsm_guest_frames_max); *last, the highest there is.  Each may be NULL.  0
 * or -errno (-ENOENT: no such domain).
 */
int vhsm_frames_of_domain(xc_interface *, uint32_t domid, uint64_t *frames,
			  uint64_t *last);

#endif /* VHSM_DOMAIN_FRAMES_H */
