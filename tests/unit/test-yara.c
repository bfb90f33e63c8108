/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-yara.c - rules: which are taken, what they find, and that the filter of
 * literals finds no less than YARA alone.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/literals.h"
#include "checks/yara-rules.h"

#define PLAIN "rule evil { meta: description = \"lab\" strings:" \
	" $a = \"evil-marker-1\" $b = { 90 91 92 93 94 } condition: any of them }"
#define ANY_CASE "rule evil { strings: $a = \"evil-marker-1\" nocase" \
	" condition: $a }"

static char path[] = "/tmp/test-yara.XXXXXX";
static char why[VHSM_YARA_WHY_LEN];
static struct vhsm_yara *yara;
static uint8_t memory[65536];

static struct {
	unsigned count;
	char rule[64], description[64], string[16];
	size_t offset, len;
} found;

static int note(const struct vhsm_yara_match *m, void *arg)
{
	(void)arg;
	found.count++;
	snprintf(found.rule, sizeof(found.rule), "%s", m->rule);
	snprintf(found.description, sizeof(found.description), "%s",
		 m->description);
	snprintf(found.string, sizeof(found.string), "%s", m->string);
	found.offset = m->offset;
	found.len = m->len;
	return 0;
}

static int stop(const struct vhsm_yara_match *m, void *arg)
{
	(void)m;
	(void)arg;
	return 7;
}

static void setup(void)
{
	int fd;

	strncpy(strchr(path, '.'), ".XXXXXX", 8);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	memset(memory, 0x5a, sizeof(memory));
	memset(&found, 0, sizeof(found));
}

static void teardown(void)
{
	vhsm_yara_close(&yara);
	unlink(path);
}

static int open_rules(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	return vhsm_yara_open(&yara, path, why);
}

START_TEST(a_match_says_rule_string_and_place)
{
	ck_assert_msg(open_rules(PLAIN) == 0, "%s", why);
	ck_assert_uint_eq(vhsm_yara_rules(yara), 1);
	ck_assert(vhsm_yara_has_filter(yara));
	memcpy(memory + 40000, "evil-marker-1", 13);
	ck_assert_int_eq(vhsm_yara_scan(yara, memory, sizeof(memory), note,
					NULL), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.rule, "evil");
	ck_assert_str_eq(found.description, "lab");
	ck_assert_str_eq(found.string, "$a");
	ck_assert_uint_eq(found.offset, 40000);
	ck_assert_uint_eq(found.len, 13);
}
END_TEST

START_TEST(the_first_of_several_strings_is_told)
{
	static const uint8_t bytes[] = { 0x90, 0x91, 0x92, 0x93, 0x94 };

	ck_assert_int_eq(open_rules(PLAIN), 0);
	memcpy(memory + 40000, "evil-marker-1", 13);
	memcpy(memory + 50, bytes, sizeof(bytes));
	vhsm_yara_scan(yara, memory, sizeof(memory), note, NULL);
	ck_assert_str_eq(found.string, "$b");
	ck_assert_uint_eq(found.offset, 50);
}
END_TEST

START_TEST(nothing_is_found_where_nothing_is)
{
	ck_assert_int_eq(open_rules(PLAIN), 0);
	memcpy(memory + 100, "evil-marker-2", 13);
	ck_assert_int_eq(vhsm_yara_scan(yara, memory, sizeof(memory), note,
					NULL), 0);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

START_TEST(strings_that_are_not_plain_are_found_without_a_filter)
{
	ck_assert_int_eq(open_rules(ANY_CASE), 0);
	ck_assert(!vhsm_yara_has_filter(yara));
	memcpy(memory + 100, "EVIL-Marker-1", 13);
	vhsm_yara_scan(yara, memory, sizeof(memory), note, NULL);
	ck_assert_uint_eq(found.count, 1);
}
END_TEST

START_TEST(the_callback_can_end_a_scan)
{
	ck_assert_int_eq(open_rules(PLAIN), 0);
	memcpy(memory + 1, "evil-marker-1", 13);
	ck_assert_int_eq(vhsm_yara_scan(yara, memory, sizeof(memory), stop,
					NULL), 7);
}
END_TEST

START_TEST(a_broken_file_is_refused_with_its_line)
{
	ck_assert_int_eq(open_rules("rule a { condition: false }\n\nrule {\n"),
			 -EINVAL);
	ck_assert_ptr_null(yara);
	ck_assert_msg(strstr(why, "line 3"), "%s", why);
	ck_assert_msg(strstr(why, path), "%s", why);
}
END_TEST

START_TEST(what_must_not_run_on_a_guest_is_refused)
{
	ck_assert_int_eq(open_rules("import \"elf\"\nrule a { condition:"
				    " elf.type == elf.ET_EXEC }\n"), -EINVAL);
	ck_assert_msg(strstr(why, "module"), "%s", why);
	ck_assert_int_eq(open_rules("include \"/etc/passwd\"\n"), -EINVAL);
	ck_assert_int_eq(open_rules("rule always { condition: true }\n"), -EINVAL);
	ck_assert_msg(strstr(why, "rule always"), "%s", why);
}
END_TEST

START_TEST(a_missing_file_is_told_apart)
{
	ck_assert_int_eq(vhsm_yara_open(&yara, "/nonexistent/rules.yar", why),
			 -ENOENT);
}
END_TEST

START_TEST(the_rules_we_ship_can_be_filtered)
{
	const char *dir = getenv("srcdir");
	char rules[256];

	snprintf(rules, sizeof(rules), "%s/monitor/checks/rules.yar",
		 dir ? dir : ".");
	ck_assert_msg(vhsm_yara_open(&yara, rules, why) == 0, "%s", why);
	ck_assert(vhsm_yara_has_filter(yara));
	ck_assert_uint_ge(vhsm_yara_rules(yara), 5);
	memcpy(memory + 100, "diamorphine_secret", 18);
	vhsm_yara_scan(yara, memory, sizeof(memory), note, NULL);
	ck_assert_uint_eq(found.count, 0);
	memcpy(memory + 500, "hacked_getdents64", 17);
	vhsm_yara_scan(yara, memory, sizeof(memory), note, NULL);
	ck_assert_str_eq(found.rule, "diamorphine");
}
END_TEST

START_TEST(a_literal_is_found_at_every_offset)
{
	struct vhsm_literals *l = vhsm_literals_new();
	uint8_t piece[64];
	size_t i;

	ck_assert_int_eq(vhsm_literals_add(l, (const uint8_t *)"abc", 3),
			 -EINVAL);
	ck_assert_int_eq(vhsm_literals_add(l, (const uint8_t *)"aa\0Zq9", 6),
			 0);
	ck_assert_int_eq(vhsm_literals_add(l, (const uint8_t *)"aaaa", 4), 0);
	for (i = 0; i + 6 <= sizeof(piece); i++) {
		memset(piece, '-', sizeof(piece));
		memcpy(piece + i, "aa\0Zq9", 6);
		ck_assert(vhsm_literals_occur(l, piece, sizeof(piece)));
		ck_assert(!vhsm_literals_occur(l, piece, i + 5));
		ck_assert(!vhsm_literals_occur(l, piece + i + 1,
					       sizeof(piece) - i - 1));
	}
	memcpy(piece + 60, "aaaa", 4);
	ck_assert(vhsm_literals_occur(l, piece, sizeof(piece)));
	ck_assert(!vhsm_literals_occur(l, piece, 0));
	vhsm_literals_free(&l);
	ck_assert_ptr_null(l);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("yara");
	TCase *tests = tcase_create("yara");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_match_says_rule_string_and_place);
	tcase_add_test(tests, the_first_of_several_strings_is_told);
	tcase_add_test(tests, nothing_is_found_where_nothing_is);
	tcase_add_test(tests, strings_that_are_not_plain_are_found_without_a_filter);
	tcase_add_test(tests, the_callback_can_end_a_scan);
	tcase_add_test(tests, a_broken_file_is_refused_with_its_line);
	tcase_add_test(tests, what_must_not_run_on_a_guest_is_refused);
	tcase_add_test(tests, a_missing_file_is_told_apart);
	tcase_add_test(tests, the_rules_we_ship_can_be_filtered);
	tcase_add_test(tests, a_literal_is_found_at_every_offset);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
