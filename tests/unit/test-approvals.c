/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-approvals.c - a baseline holds for a domain while it is approved for
 * that domain, as it is, by whoever has the store's key.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/baseline-fixture.h"

START_TEST(nothing_is_approved_by_itself)
{
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "booted as web, which is not "
				     "approved"));
	ck_assert_ptr_nonnull(strstr(why, "vhsmctl baseline approve --domain "
				     UUID " web"));
	ck_assert_ptr_null(manifest);
	/* Nor for another domain. */
	approve("web");
	ck_assert_int_eq(match(OTHER), -ENOENT);
	measure("unknown", NULL, "");
	ck_assert_int_eq(match(OTHER), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "no baseline is approved"));
}
END_TEST

START_TEST(a_changed_manifest_is_approved_no_longer)
{
	approve("web");
	set("web", BASELINE_MANIFEST, NULL, "release", json_string("6.2"));
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "web was changed since it was "
				     "approved"));
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	/* A command line slipped in does not help who boots it. */
	set("web", BASELINE_MANIFEST, "boot", "cmdline",
	    json_string("init=/bin/sh"));
	measure("a kernel", "a ramdisk", "init=/bin/sh");
	ck_assert_int_eq(match(UUID), -ENOENT);
}
END_TEST

START_TEST(approvals_are_signed)
{
	char file[] = UUID ".json", path[PATH_MAX], text[BASELINE_HEX_LEN];
	json_t *list;

	ck_assert_int_eq(vhsm_baseline_signer(dir, text, why), -ENOENT);
	approve("web");
	ck_assert_int_eq(vhsm_baseline_signer(dir, text, why), 0);
	ck_assert_uint_eq(strlen(text), 64);
	ck_assert_int_eq(vhsm_baseline_approvals(dir, UUID, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 1);
	json_decref(list);
	set(BASELINE_APPROVED, file, NULL, "version", json_integer(2));
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "not as signed"));
	set(BASELINE_APPROVED, file, NULL, "version", json_integer(1));
	ck_assert_int_eq(match(UUID), 0);
	set(BASELINE_APPROVED, file, NULL, "signature", json_string("00"));
	ck_assert_int_eq(match(UUID), -EBADMSG);
	put(BASELINE_APPROVED, file, "{");
	ck_assert_int_eq(match(UUID), -EBADMSG);
	/* Not mended by approving: who looks must find out why. */
	ck_assert_int_eq(vhsm_baseline_approve(dir, UUID, "web", why),
			 -EBADMSG);
	path_of(path, BASELINE_APPROVED, file);
	unlink(path);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
}
END_TEST

START_TEST(approvals_of_one_domain_are_not_anothers)
{
	char from[PATH_MAX], to[PATH_MAX];

	approve("web");
	path_of(from, BASELINE_APPROVED, UUID ".json");
	path_of(to, BASELINE_APPROVED, OTHER ".json");
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(match(OTHER), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "those of another domain"));
}
END_TEST

START_TEST(a_foreign_key_signs_nothing)
{
	char key[PATH_MAX], public[PATH_MAX];

	approve("web");
	path_of(key, BASELINE_KEY, NULL);
	path_of(public, BASELINE_PUB, NULL);
	unlink(key);
	unlink(public);
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why), 0);
	ck_assert_int_eq(match(OTHER), 0);
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "not that of the store's key"));
}
END_TEST

START_TEST(the_signing_key_is_private)
{
	char path[PATH_MAX];
	struct stat st;

	umask(0);
	approve("web");
	path_of(path, BASELINE_KEY, NULL);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why),
			 -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "0600"));
}
END_TEST

START_TEST(revoked_is_not_approved)
{
	json_t *list;

	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, NULL, why), -ENOENT);
	measure("b", "b", "b");
	make("far");
	approve("web");
	approve("far");
	ck_assert_int_eq(vhsm_baseline_approve(dir, UUID, "far", why),
			 -EALREADY);
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "far", why), 0);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "far", why), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, NULL, why), 0);
	ck_assert_int_eq(vhsm_baseline_approved_domains(dir, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(what_was_learned_wants_approval)
{
	json_t *learned = json_pack("{s:{s:i}}", "syscall-table", "entries",
				    450);
	json_t *before, *after, *differences;
	uint8_t digest[32];
	bool changed;

	approve("web");
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &before, digest, why),
			 0);
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", UUID, &boot,
						   learned, &changed, why), 0);
	ck_assert(changed);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &after, digest, why),
			 0);
	ck_assert(json_equal(json_object_get(after, "learned"), learned));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(
			 after, "learned_from"), "domain")), UUID);
	ck_assert_int_eq(vhsm_baseline_diff(before, after, &differences), 0);
	ck_assert_uint_eq(json_array_size(differences), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(
			 differences, 0), "what")), "learned.syscall-table");
	json_decref(differences);
	json_decref(before);
	json_decref(after);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	/* The same once more changes nothing. */
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", OTHER, &boot,
						   learned, &changed, why), 0);
	ck_assert(!changed);
	ck_assert_int_eq(match(UUID), 0);
	json_decref(learned);
}
END_TEST

START_TEST(nothing_is_learned_from_another_boot)
{
	json_t *learned = json_pack("{s:{s:i}}", "syscall-table", "entries",
				    450);
	bool changed = true;

	approve("web");
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 init=/bin/sh");
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", UUID, &boot,
						   learned, &changed, why),
			 -EINVAL);
	ck_assert(!changed);
	ck_assert_ptr_nonnull(strstr(why, "init=/bin/sh"));
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), 0);
	json_decref(learned);
}
END_TEST

START_TEST(what_is_found_is_what_matches)
{
	char as[VHSM_BASELINE_NAME_MAX], digest[VHSM_BASELINE_DIGEST_LEN];

	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 -ENOENT);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 0);
	ck_assert_str_eq(as, matched_name);
	ck_assert_str_eq(digest, matched_digest);
	ck_assert_uint_eq(strlen(digest), 64);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "web", why), 0);
	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 -ENOENT);
}
END_TEST

/* Between the match and the monitor's start. */
START_TEST(a_baseline_that_changed_since_is_noticed)
{
	char folder[PATH_MAX], digest[BASELINE_HEX_LEN];

	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	memcpy(digest, matched_digest, sizeof(digest));
	path_of(folder, "web", NULL);
	ck_assert_int_eq(vhsm_baseline_still(folder, digest, why), 0);
	digest[0] = digest[0] == '0' ? '1' : '0';
	ck_assert_int_eq(vhsm_baseline_still(folder, digest, why), -ESTALE);
	memcpy(digest, matched_digest, sizeof(digest));
	put("web", BASELINE_MODULES, "other modules");
	ck_assert_int_lt(vhsm_baseline_still(folder, digest, why), 0);
	ck_assert_int_lt(vhsm_baseline_still("web", digest, why), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("approvals");
	TCase *tests = tcase_create("approvals");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, baseline_setup, baseline_teardown);
	tcase_add_test(tests, nothing_is_approved_by_itself);
	tcase_add_test(tests, a_changed_manifest_is_approved_no_longer);
	tcase_add_test(tests, approvals_are_signed);
	tcase_add_test(tests, approvals_of_one_domain_are_not_anothers);
	tcase_add_test(tests, a_foreign_key_signs_nothing);
	tcase_add_test(tests, the_signing_key_is_private);
	tcase_add_test(tests, revoked_is_not_approved);
	tcase_add_test(tests, what_was_learned_wants_approval);
	tcase_add_test(tests, nothing_is_learned_from_another_boot);
	tcase_add_test(tests, what_is_found_is_what_matches);
	tcase_add_test(tests, a_baseline_that_changed_since_is_noticed);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
