/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.c - see decimal.h. */
#include "common/decimal.h"

#include <errno.h>

int vhsm_decimal_parse(const char *untrusted, size_t len, uint32_t *value)
{
	uint64_t n = 0;

	if (len < 1 || len > 10 || (len > 1 && untrusted[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (untrusted[i] < '0' || untrusted[i] > '9')
			return -EINVAL;
		n = n * 10 + (untrusted[i] - '0');
	}
	if (n > UINT32_MAX)
		return -EINVAL;
	*value = n;
	return 0;
}
