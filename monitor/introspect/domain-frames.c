/* SPDX-License-Identifier: Apache-2.0 */
#include "introspect/domain-frames.h"

#include <errno.h>

static int frames_max(xc_interface *xc, uint32_t domid, uint64_t *frames)
{
	xc_domaininfo_t info;
	xc_physinfo_t host = { 0 };

	/* Xen gives the next domain's when the one asked for is gone. */
	if (xc_domain_getinfolist(xc, domid, 1, &info) != 1 ||
	    info.domain != domid)
		return -ENOENT;
	if (xc_physinfo(xc, &host))
		return -errno;
	*frames = vhsm_guest_frames_max(info.max_pages, host.total_pages);
	return 0;
}

int vhsm_frames_of_domain(xc_interface *xc, uint32_t domid, uint64_t *frames,
			  uint64_t *last)
{
	xen_pfn_t highest = 0;

	if (last && xc_domain_maximum_gpfn(xc, domid, &highest) < 0)
		return -errno;
	if (last)
		*last = highest;
	return frames ? frames_max(xc, domid, frames) : 0;
}
