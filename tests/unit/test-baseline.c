/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-baseline.c - a store of baselines knows a boot that is approved, says
 * how another differs, and is not fooled by a changed file.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/baseline-fixture.h"

START_TEST(an_approved_boot_matches)
{
	approve("web");
	ck_assert_msg(match(UUID) == 0, "%s", why);
	ck_assert_str_eq(matched_name, "web");
	ck_assert_str_eq(json_string_value(json_object_get(manifest, "name")),
			 "web");
	measure("a kernel", NULL, "quiet");
	make("bare");
	approve("bare");
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_str_eq(matched_name, "bare");
}
END_TEST

START_TEST(what_differs_is_named)
{
	approve("web");
	measure("another kernel", "a ramdisk", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "not what is approved as web: "
				     "kernel (booted "));
	ck_assert_ptr_null(strstr(why, "ramdisk"));
	measure("a kernel", "another", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "web: ramdisk (booted "));
	measure("a kernel", NULL, "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "ramdisk (booted none, approved "));
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 init=/bin/sh");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "command line (booted "
				     "\"..v/xvda1 init=/bin/sh\", approved "
				     "\"..v/xvda1 quiet\")"));
	measure("b", "b", "b");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert(strstr(why, "kernel") && strstr(why, "ramdisk") &&
		  strstr(why, "command line"));
}
END_TEST

START_TEST(the_nearest_baseline_is_named)
{
	measure("b", "b", "b");
	make("far");
	approve("web");
	approve("far");
	measure("b", "b", "c");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "approved as far: command line"));
	measure("a kernel", "c", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "approved as web: ramdisk"));
}
END_TEST

START_TEST(a_changed_file_is_refused)
{
	static const char *const files[] = {
		BASELINE_REFERENCE, BASELINE_MODULES, BASELINE_RULES,
	};
	uint8_t digest[32];
	char path[PATH_MAX];

	approve("web");
	put("web", files[_i], "something else");
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, files[_i]));
	ck_assert_ptr_null(manifest);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why),
			 -EBADMSG);
	path_of(path, "web", files[_i]);
	unlink(path);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, path));
}
END_TEST

START_TEST(a_file_that_is_not_in_the_manifest_is_refused)
{
	json_t *json, *files;
	uint8_t digest[32];
	char path[PATH_MAX];

	path_of(path, "web", BASELINE_MANIFEST);
	ck_assert_int_eq(baseline_read_json(path, 65536, &json, NULL, why), 0);
	files = json_object_get(json, "files");
	json_object_del(files, "rules.yar");
	ck_assert_int_eq(baseline_write_json(path, json, NULL, why), 0);
	json_decref(json);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "rules.yar is there, but not in"));
}
END_TEST

static const struct {
	const char *object, *member, *value, *says;
} wrong[] = {
	{ NULL, "format", "\"other\"", "format" },
	{ NULL, "version", "2", "version" },
	{ NULL, "name", "\"db\"", "another baseline" },
	{ NULL, "made", "null", "made" },
	{ NULL, "boot", "{}", "boot" },
	{ "boot", "kernel", "\"12\"", "boot" },
	{ "boot", "ramdisk", "3", "boot" },
	{ "boot", "cmdline", "\"a\\u0000b\"", "u0000" },
	{ "boot", "extra", "1", "boot" },
	{ "boot", "starts", "null", "boot" },
	{ NULL, "modules", "[{}]", "modules" },
	{ NULL, "files", "{}", "files" },
	{ "files", "../../etc/shadow", "\"\"", "files" },
	{ NULL, "learned", "[]", "learned" },
	{ NULL, "learned_from", "1", "learned_from" },
	{ NULL, "extra", "1", "not known" },
};

START_TEST(a_manifest_must_be_whole)
{
	uint8_t digest[32];

	set("web", BASELINE_MANIFEST, wrong[_i].object, wrong[_i].member,
	    json_loads(wrong[_i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL,
		       NULL));
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_msg(strstr(why, wrong[_i].says), "%s", why);
}
END_TEST

START_TEST(a_boot_is_read_as_written)
{
	json_t *json = vhsm_boot_encode(&boot);
	struct vhsm_boot read;

	ck_assert_int_eq(vhsm_boot_decode(&read, json), 0);
	ck_assert_mem_eq(&read, &boot, sizeof(boot));
	json_object_set_new(json, "kernel", json_string("00"));
	ck_assert_int_eq(vhsm_boot_decode(&read, json), -EINVAL);
	json_decref(json);
	measure("a kernel", NULL, "");
	json = vhsm_boot_encode(&boot);
	ck_assert_ptr_null(json_object_get(json, "ramdisk"));
	ck_assert_int_eq(vhsm_boot_decode(&read, json), 0);
	ck_assert_mem_eq(&read, &boot, sizeof(boot));
	json_object_set_new(json, "more", json_null());
	ck_assert_int_eq(vhsm_boot_decode(&read, json), -EINVAL);
	json_decref(json);
}
END_TEST

START_TEST(names_cannot_lead_out_of_the_store)
{
	static const char *const bad[] = {
		"", ".", "..", "../web", "a/b", ".web", "approved", "a b",
		"caf\303\251", "a\n",
		"0123456789012345678901234567890123456789012345678901234567890123",
	};
	uint8_t digest[32];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!vhsm_baseline_name_check(bad[i]), "%s", bad[i]);
		ck_assert_int_eq(vhsm_baseline_read(dir, bad[i], &manifest,
						    digest, why), -EINVAL);
		ck_assert_int_eq(vhsm_baseline_remove(dir, bad[i], why),
				 -EINVAL);
	}
	ck_assert(vhsm_baseline_name_check("web-6.1_a.B"));
	ck_assert_int_eq(vhsm_baseline_approve(dir, "../../etc/x", "web", why),
			 -EINVAL);
	ck_assert_int_eq(vhsm_baseline_approve(dir,
			 "4F2E9A60-6A35-4D0E-9C0D-0123456789AB", "web", why),
			 -EINVAL);
}
END_TEST

START_TEST(lists_name_what_is_there)
{
	json_t *list;
	char path[PATH_MAX];

	measure("b", "b", "b");
	make("a-first");
	path_of(path, "no-manifest", NULL);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(vhsm_baseline_list(dir, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)),
			 "a-first");
	json_decref(list);
	ck_assert_int_eq(vhsm_baseline_remove(dir, "web", why), 0);
	ck_assert_int_eq(vhsm_baseline_remove(dir, "web", why), -ENOENT);
	path_of(path, "web", NULL);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(vhsm_baseline_list("/nonexistent/store", &list, why),
			 0);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(what_cannot_be_measured_is_an_error)
{
	char path[PATH_MAX], longest[VHSM_CMDLINE_MAX + 1];

	path_of(path, "kernel", NULL);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, NULL, longest, why),
			 -E2BIG);
	longest[VHSM_CMDLINE_MAX - 1] = 0;
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, NULL, longest, why),
			 0);
	ck_assert_int_eq(vhsm_boot_measure(&boot, "/nonexistent", NULL, "",
					   why), -ENOENT);
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, "/nonexistent", "",
					   why), -ENOENT);
	ck_assert_int_eq(vhsm_boot_measure(&boot, "/dev/zero", NULL, "", why),
			 -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("baseline");
	TCase *tests = tcase_create("baseline");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, baseline_setup, baseline_teardown);
	tcase_add_test(tests, an_approved_boot_matches);
	tcase_add_test(tests, what_differs_is_named);
	tcase_add_test(tests, the_nearest_baseline_is_named);
	tcase_add_loop_test(tests, a_changed_file_is_refused, 0, 3);
	tcase_add_test(tests, a_file_that_is_not_in_the_manifest_is_refused);
	tcase_add_loop_test(tests, a_manifest_must_be_whole, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tests, a_boot_is_read_as_written);
	tcase_add_test(tests, names_cannot_lead_out_of_the_store);
	tcase_add_test(tests, lists_name_what_is_there);
	tcase_add_test(tests, what_cannot_be_measured_is_an_error);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
