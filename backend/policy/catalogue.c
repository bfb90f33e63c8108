/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/catalogue.h"

#include <stddef.h>
#include <string.h>

static const struct vhsm_check_info catalogue[] = {
#define CHECK(number_, symbol, name_, cadence_, severity_, technique_, tname, \
	      title_) \
	{ .number = number_, .name = name_, \
	  .cadence = VHSM_CADENCE_##cadence_, .severity = severity_, \
	  .technique = technique_, .technique_name = tname, .title = title_ },
#include "policy/checks.def"
#undef CHECK
};

#define ROWS (sizeof(catalogue) / sizeof(catalogue[0]))

const struct vhsm_check_info *vhsm_check_row(unsigned i)
{
	return i < ROWS ? &catalogue[i] : NULL;
}

const struct vhsm_check_info *vhsm_check_by_number(unsigned number)
{
	for (size_t i = 0; i < ROWS; i++)
		if (catalogue[i].number == number)
			return &catalogue[i];
	return NULL;
}

const struct vhsm_check_info *vhsm_check_by_name(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(catalogue[i].name, name))
			return &catalogue[i];
	return NULL;
}
