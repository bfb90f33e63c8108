/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroy.c - ends a domain, and tells whether that is what ended it.
 *
 * A guest that is about to reboot is a domain that has shut down: destroying
 * that stops nothing, for the toolstack makes the next.  So it is paused first,
 * since a paused guest cannot shut down, and then looked at.
 */
#include <config.h>

#include "responder/act/act.h"

/* Whether it, which is paused, has not ended. */
static bool is_held(struct vhsm_act *act, uint32_t domid)
{
	libxl_dominfo info;
	bool held;

	libxl_dominfo_init(&info);
	held = !libxl_domain_info(act->xl, &info, domid) && !info.shutdown &&
		!info.dying;
	libxl_dominfo_dispose(&info);
	return held;
}

int vhsm_act_destroy(struct vhsm_act *act)
{
	uint32_t domid;
	bool paused, held;
	int ret;

	if (!vhsm_act_domid(act, "domid", &domid))
		return -1;
	paused = !libxl_domain_pause(act->xl, domid, NULL);
	held = paused && is_held(act, domid);
	ret = libxl_domain_destroy(act->xl, domid, NULL);
	if (ret && ret != ERROR_DOMAIN_NOTFOUND) {
		/* Pauses are counted: this one nobody would take back. */
		if (paused)
			libxl_domain_unpause(act->xl, domid, NULL);
		return vhsm_act_fail(act, "domain %u cannot be destroyed: %s",
				     domid, vhsm_act_xl_error(ret));
	}
	act->result = json_pack("{s:b}", "ran", held && !ret);
	return act->result ? 0 : vhsm_act_fail(act, "out of memory");
}
