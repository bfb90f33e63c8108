/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroy.c - ends a domain, and tells whether that is what ended it.
 *
 * A guest that is about to reboot is a domain that has shut down: destroying
 * that stops nothing, for the toolstack makes the next.  So it is paused first,
 * since a paused guest cannot shut down, and then looked at.
 */
#include <config.h>

#include "act.h"

/* Whether it ran, and cannot end by itself any more. */
static bool is_held(struct vhsm_act *act, uint32_t domid)
{
	libxl_dominfo info;
	bool held;

	if (libxl_domain_pause(act->xl, domid, NULL))
		return false;
	libxl_dominfo_init(&info);
	held = !libxl_domain_info(act->xl, &info, domid) && !info.shutdown &&
		!info.dying;
	libxl_dominfo_dispose(&info);
	return held;
}

int vhsm_act_destroy(struct vhsm_act *act)
{
	uint32_t domid;
	bool held;
	int ret;

	if (!vhsm_act_domid(act, "domid", &domid))
		return -1;
	held = is_held(act, domid);
	ret = libxl_domain_destroy(act->xl, domid, NULL);
	if (ret && ret != ERROR_DOMAIN_NOTFOUND)
		return vhsm_act_fail(act, "domain %u cannot be destroyed: %s",
				     domid, vhsm_act_xl_error(ret));
	act->result = json_pack("{s:b}", "ran", held && !ret);
	return act->result ? 0 : vhsm_act_fail(act, "out of memory");
}
