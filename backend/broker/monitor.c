/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/monitor.h"

#include <errno.h>
#include <stdio.h>

#include "common/protocol.h"
#include "policy/policy.h"

int vhsm_monitor_read(const char *dir, const char *name, bool *demand,
		      char *why)
{
	char text[VHSM_POLICY_WHY_LEN] = "";
	struct vhsm_policy policy;
	int ret = -EINVAL;

	*demand = name[0] != '\0';
	if (!name[0])
		return 0;
	if (vhsm_policy_name_check(name))
		ret = vhsm_policy_read(&policy, dir, name, text);
	else
		snprintf(text, sizeof(text), "not a policy's name");
	if (ret) {
		snprintf(why, VHSM_TEXT_MAX, "monitor=%s: %.120s", name, text);
		return ret;
	}
	*demand = vhsm_policy_lease(&policy) > 0;
	return 0;
}
