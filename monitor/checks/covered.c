/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/covered.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define TABLE_MAX 8192u			/* bytes; twice what there is */

const char *const vhsm_covered_tables[] = {
	"sys_call_table", "ia32_sys_call_table", "x32_sys_call_table", NULL
};

int vhsm_symbol_extent(const struct vhsm_reference *r, const char *name,
		       uint64_t *start, uint64_t *len)
{
	uint64_t distance, n = 0;
	int rc = vhsm_reference_symbol(r, name, start);

	if (rc)
		return rc;
	while (n < TABLE_MAX &&
	       vhsm_reference_symbol_at(r, *start + n, &distance) &&
	       distance == n)
		n += 8;
	*len = n;
	return 0;
}

bool vhsm_covered(const struct vhsm_reference *r, uint64_t va)
{
	uint64_t start, len;

	for (const char *const *t = vhsm_covered_tables; *t; t++)
		if (vhsm_symbol_extent(r, *t, &start, &len) == 0 &&
		    va - start < len)
			return true;
	return false;
}
