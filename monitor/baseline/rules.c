/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.c - do YARA rules compile?  Better found out here than by a monitor
 * that does not start.
 */
#include <errno.h>
#include <yara.h>

#include "baseline-internal.h"
#include "make.h"

static void note(int level, const char *file, int line, const YR_RULE *rule,
		 const char *message, void *why)
{
	(void)file;
	(void)rule;
	if (level == YARA_ERROR_LEVEL_ERROR && !*(char *)why)
		baseline_fail(why, 0, "line %d: %.200s", line, message);
}

int vhsm_baseline_check_rules(const char *text, char *why)
{
	YR_COMPILER *compiler = NULL;
	int r = 0;

	why[0] = 0;
	if (yr_initialize() != ERROR_SUCCESS)
		return baseline_fail(why, -ENOMEM, "YARA does not start");
	if (yr_compiler_create(&compiler) != ERROR_SUCCESS) {
		r = baseline_fail(why, -ENOMEM, "YARA does not start");
	} else {
		yr_compiler_set_callback(compiler, note, why);
		/* Where they are used, no other file is. */
		yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
		if (yr_compiler_add_string(compiler, text, NULL) != 0) {
			r = -EINVAL;
			if (!why[0])
				baseline_fail(why, r, "they do not compile");
		}
	}
	if (compiler)
		yr_compiler_destroy(compiler);
	yr_finalize();
	return r;
}
