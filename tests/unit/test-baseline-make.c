/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-baseline-make.c - a baseline is made whole or not at all.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "baseline/make.h"
#include "common/file.h"
#include "common/hex.h"
#include "introspect/reference.h"
#include "unit/kernel-fixture.h"

static char dir[] = "/tmp/baseline-make.XXXXXX";
static char store[64], kernel[64], ramdisk[64], rules[64];
static char why[VHSM_BASELINE_WHY_LEN];
static struct vhsm_baseline_parts parts;
static json_t *manifest;
static uint8_t digest[32];

static void put(char path[64], const char *name, const void *bytes, size_t len)
{
	snprintf(path, 64, "%s/%s", dir, name);
	ck_assert_int_eq(vhsm_file_replace(path, bytes, len, 0644), 0);
}

static void put_kernel(const struct kernel_fixture *fixture)
{
	size_t len;
	uint8_t *bytes = kernel_fixture_vmlinux(fixture, &len);

	put(kernel, "vmlinux", bytes, len);
	free(bytes);
}

static void put_rules(const char *text)
{
	put(rules, "rules", text, strlen(text));
	parts.rules = rules;
}

static void setup(void)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1_SEQS };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(store, sizeof(store), "%s/store", dir);
	put_kernel(&fixture);
	put(ramdisk, "ramdisk", "cpio", 4);
	parts = (struct vhsm_baseline_parts){
		.name = "web", .kernel = kernel, .ramdisk = ramdisk,
		.cmdline = "quiet",
	};
	manifest = NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	json_decref(manifest);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static char said[1024];			/* the steps, a line each */

static void note_step(const char *step, void *arg)
{
	size_t at = strlen(said);

	(void)arg;
	snprintf(said + at, sizeof(said) - at, "%s\n", step);
}

static int make(void)
{
	json_decref(manifest);
	why[0] = said[0] = 0;
	return vhsm_baseline_make(store, &parts, &manifest, digest, why);
}

/* What a failed attempt left in the store, but for its lock. */
static int left_behind(void)
{
	struct dirent *entry;
	DIR *d = opendir(store);
	int count = 0;

	while (d && (entry = readdir(d)))
		count += strcmp(entry->d_name, ".") &&
			 strcmp(entry->d_name, "..") &&
			 strcmp(entry->d_name, ".lock");
	if (d)
		closedir(d);
	return count;
}

static void refused(int error, const char *says)
{
	int r = make();

	ck_assert_msg(r == error, "%d: %s", r, why);
	ck_assert_msg(strstr(why, says), "%s", why);
	ck_assert_ptr_null(manifest);
	ck_assert_int_eq(left_behind(), 0);
}

START_TEST(slow_rules_are_said_to_be)
{
	parts.progress = note_step;
	put_rules("rule a { strings: $a = \"evil-marker\" condition: $a }");
	ck_assert_msg(make() == 0, "%s", why);
	ck_assert_ptr_nonnull(strstr(said, "reading 1 YARA rules\n"));
	parts.name = "slow";
	put_rules("rule a { strings: $a = \"evil-marker\" nocase "
		  "condition: $a }");
	ck_assert_msg(make() == 0, "%s", why);
	ck_assert_ptr_nonnull(strstr(said, "ten times as long\n"));
}
END_TEST

START_TEST(what_was_made_can_be_read_and_matched)
{
	char path[PATH_MAX], reason[VHSM_REFERENCE_WHY_LEN];
	struct vhsm_reference *reference;
	struct vhsm_boot boot;
	uint8_t again[32];
	char text[VHSM_BASELINE_DIGEST_LEN];
	json_t *read;
	char name[VHSM_BASELINE_NAME_MAX];

	put_rules("rule a { strings: $a = \"abc\" condition: $a }");
	ck_assert_msg(make() == 0, "%s", why);
	ck_assert_int_eq(vhsm_baseline_read(store, "web", &read, again, why),
			 0);
	ck_assert(json_equal(read, manifest));
	ck_assert_mem_eq(digest, again, 32);
	ck_assert_str_eq(json_string_value(json_object_get(read, "release")),
			 FIXTURE_RELEASE);
	json_decref(read);
	ck_assert_int_eq(baseline_path(path, store, "web", BASELINE_REFERENCE,
				       why), 0);
	reference = vhsm_reference_open(path, reason);
	ck_assert_msg(reference, "%s", reason);
	vhsm_reference_close(&reference);
	ck_assert_int_eq(vhsm_boot_measure(&boot, kernel, ramdisk, "quiet",
					   why), 0);
	ck_assert_int_eq(vhsm_baseline_approve(store,
			 "4f2e9a60-6a35-4d0e-9c0d-0123456789ab", "web", why),
			 0);
	ck_assert_int_eq(vhsm_baseline_match(store,
			 "4f2e9a60-6a35-4d0e-9c0d-0123456789ab", &boot, name,
			 text, &read, why), 0);
	json_decref(read);
}
END_TEST

START_TEST(a_boot_loader_is_measured_and_the_kernel_in_it_understood)
{
	uint8_t of_kernel[32];
	char loader[64], hex[BASELINE_HEX_LEN];
	struct vhsm_boot boot;
	const json_t *is;

	put(loader, "grub", "boot loader", 11);
	parts.kernel = loader;
	parts.guest_kernel = kernel;
	ck_assert_msg(make() == 0, "%s", why);
	is = json_object_get(manifest, "boot");
	ck_assert_int_eq(vhsm_boot_measure(&boot, loader, ramdisk, "quiet",
					   why), 0);
	vhsm_hex_encode(boot.kernel, 32, hex);
	ck_assert_str_eq(json_string_value(json_object_get(is, "kernel")), hex);
	ck_assert_int_eq(baseline_hash_file(kernel, of_kernel, why), 0);
	vhsm_hex_encode(of_kernel, 32, hex);
	ck_assert_str_eq(json_string_value(json_object_get(is, "starts")), hex);
	ck_assert_str_eq(json_string_value(json_object_get(manifest,
							   "release")),
			 FIXTURE_RELEASE);
}
END_TEST

START_TEST(what_a_boot_loader_takes_from_the_guest_is_not_ours_to_measure)
{
	ck_assert_int_eq(vhsm_boot_source_check(NULL, "/boot/vmlinuz", NULL,
						why), 0);
	ck_assert_int_eq(vhsm_boot_source_check("", "/boot/vmlinuz", "/boot/rd",
						why), 0);
	/* It is run although there is a kernel. */
	ck_assert_int_eq(vhsm_boot_source_check("pygrub", "/boot/vmlinuz",
						NULL, why), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(why, "pygrub"));
	ck_assert_ptr_nonnull(strstr(why, "vhsm-baseline(5)"));
	ck_assert_int_eq(vhsm_boot_source_check(NULL, NULL, NULL, why),
			 -ENOTSUP);
	ck_assert_int_eq(vhsm_boot_source_check(NULL, "vmlinuz", "/boot/rd",
						why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "vmlinuz: "));
	ck_assert_int_eq(vhsm_boot_source_check(NULL, "/boot/vmlinuz", "rd",
						why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "rd: "));
}
END_TEST

START_TEST(a_kernel_booted_by_itself_starts_nothing)
{
	ck_assert_msg(make() == 0, "%s", why);
	ck_assert_ptr_null(json_object_get(json_object_get(manifest, "boot"),
					   "starts"));
}
END_TEST

START_TEST(one_that_is_there_is_not_replaced)
{
	ck_assert_msg(make() == 0, "%s", why);
	ck_assert_int_eq(make(), -EEXIST);
	ck_assert_ptr_nonnull(strstr(why, "already"));
	ck_assert_int_eq(left_behind(), 1);
}
END_TEST

START_TEST(a_failed_attempt_leaves_nothing)
{
	const struct kernel_fixture none = { .symbols = FIXTURE_NO_SYMBOLS };
	const char *bad = "/nonexistent/file";

	parts.kernel = bad;
	refused(-EINVAL, bad);
	parts.guest_kernel = kernel;
	refused(-ENOENT, bad);
	parts.guest_kernel = NULL;
	parts.kernel = kernel;
	parts.ramdisk = bad;
	refused(-ENOENT, bad);
	parts.ramdisk = ramdisk;
	parts.rules = bad;
	refused(-ENOENT, bad);
	put_rules("rule a { condition: b }");
	refused(-EINVAL, " line 1: ");
	put_rules("include \"/etc/passwd\" rule a { condition: true }");
	refused(-EINVAL, "include");
	/* Such as a monitor refuses, though they compile. */
	put_rules("import \"math\" rule a { condition: "
		  "math.entropy(0, filesize) > 7 }");
	refused(-EINVAL, "imports a module");
	put_rules("rule zeros { strings: $a = { 00 00 00 00 } "
		  "condition: $a }");
	refused(-EINVAL, "matches empty memory");
	parts.rules = NULL;
	parts.modules = &bad;
	parts.module_count = 1;
	refused(-ENOENT, bad);
	parts.module_count = 0;
	parts.cmdline = "caf\351";
	refused(-EINVAL, "UTF-8");
	parts.cmdline = "";
	put_kernel(&none);
	refused(-EINVAL, "symbols were not found");
	parts.name = "../web";
	refused(-EINVAL, "not a baseline's name");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("baseline-make");
	TCase *tests = tcase_create("baseline-make");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, slow_rules_are_said_to_be);
	tcase_add_test(tests, what_was_made_can_be_read_and_matched);
	tcase_add_test(tests,
		       a_boot_loader_is_measured_and_the_kernel_in_it_understood);
	tcase_add_test(tests,
		what_a_boot_loader_takes_from_the_guest_is_not_ours_to_measure);
	tcase_add_test(tests, a_kernel_booted_by_itself_starts_nothing);
	tcase_add_test(tests, one_that_is_there_is_not_replaced);
	tcase_add_test(tests, a_failed_attempt_leaves_nothing);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
