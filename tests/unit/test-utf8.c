/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for JSON: characters stay, and what is none becomes '?'.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/utf8.h"

static const struct {
	const char *from, *to;
} rows[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
	  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7" },
	{ "cut \xc3", "cut ?" },
	{ "cut \xe2\x82", "cut ??" },
	{ "cut \xf0\x9f\x90", "cut ???" },
	{ "\x80 alone", "? alone" },
	{ "\xc0\xaf overlong", "?? overlong" },
	{ "\xe0\x80\xaf", "???" },
	{ "\xed\xa0\x80 surrogate", "??? surrogate" },
	{ "\xf4\x90\x80\x80", "????" },
	{ "\xff", "?" },
};

START_TEST(what_is_no_character_is_replaced)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", rows[_i].from);
	ck_assert_str_eq(vhsm_utf8_mend(text), rows[_i].to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, what_is_no_character_is_replaced, 0,
			    sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
