/* SPDX-License-Identifier: Apache-2.0 */
/* policy-name.h - names of monitor policies: monitor= of a vhsm line. */
#ifndef VHSM_POLICY_NAME_H
#define VHSM_POLICY_NAME_H

#include <stdbool.h>

#define VHSM_POLICY_NAME_MAX	64u	/* with its NUL */

/* Returns true for 1 to 63 of [A-Za-z0-9._-], the first not '.' or '-', so that
 * a name can be a part of a path. */
bool vhsm_policy_name_check(const char *name);

#endif /* VHSM_POLICY_NAME_H */
