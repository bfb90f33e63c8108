/* SPDX-License-Identifier: Apache-2.0 */
/* policy-name.c - see policy-name.h. */
#include "common/policy-name.h"

#include <string.h>

bool vhsm_policy_name_check(const char *name)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len < VHSM_POLICY_NAME_MAX && name[0] != '.' &&
		name[0] != '-' && strspn(name, good) == len;
}
