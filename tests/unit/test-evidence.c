/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-evidence.c - bundles: what is changed after sealing is seen.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/image-digest.h"
#include "responder/evidence.h"

static char dir[] = "/tmp/test-evidence.XXXXXX";
static char bundle[PATH_MAX], keys[PATH_MAX], public[PATH_MAX + 16];
static char why[VHSM_EVIDENCE_WHY_LEN];

static void file_write(const char *name, const char *text, const char *mode)
{
	char path[PATH_MAX + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", bundle, name);
	f = fopen(path, mode);
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void setup(void)
{
	json_t *alert = json_pack("{s:i}", "count", 1);
	json_t *lines = json_pack("[{s:i}, {s:i}]", "seq", 1, "seq", 2);

	memset(dir + strlen(dir) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	snprintf(public, sizeof(public), "%s/evidence.pub", keys);
	ck_assert_int_eq(vhsm_evidence_begin(dir, "incident-1", bundle, why),
			 0);
	ck_assert_int_eq(vhsm_evidence_add(bundle, "alert.json", alert, why),
			 0);
	ck_assert_int_eq(vhsm_evidence_add_lines(bundle, "audit.jsonl", lines,
						 why), 0);
	json_decref(alert);
	json_decref(lines);
	ck_assert_msg(!vhsm_evidence_seal(bundle, keys, why), "%s", why);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int verify(void)
{
	json_t *report;
	int r = vhsm_evidence_verify(bundle, public, &report, why);

	json_decref(report);
	return r;
}

START_TEST(what_was_sealed_verifies_and_is_listed)
{
	json_t *report;

	ck_assert_int_eq(vhsm_evidence_verify(bundle, public, &report, why),
			 0);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "files")),
			  2);
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(report,
		"signer"))), 64);
	json_decref(report);
}
END_TEST

START_TEST(a_changed_file_is_named)
{
	file_write("audit.jsonl", "{\"seq\":3}\n", "a");
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "audit.jsonl"));
}
END_TEST

START_TEST(a_file_that_was_added_is_named)
{
	file_write("extra.txt", "x", "w");
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "extra.txt"));
}
END_TEST

START_TEST(a_file_that_was_removed_is_named)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/alert.json", bundle);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "alert.json"));
}
END_TEST

/* An image of two pages of data in 3 GiB, and what goes with it. */
static void image_write(const char *text)
{
	char path[PATH_MAX + 64], hex[65], json[128];
	uint8_t digest[32];
	int fd;

	snprintf(path, sizeof(path), "%s/memory.img", bundle);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_eq(pwrite(fd, text, strlen(text), 4096), strlen(text));
	ck_assert_int_eq(pwrite(fd, text, strlen(text), 3ll << 30),
			 strlen(text));
	ck_assert_int_eq(vhsm_image_digest(fd, digest), 0);
	close(fd);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	snprintf(json, sizeof(json), "{\"sha256\": \"%s\"}", hex);
	file_write("memory.img.json", json, "w");
}

START_TEST(an_image_is_vouched_for_by_its_recording)
{
	char path[PATH_MAX + 64];
	json_t *report;

	image_write("memory");
	ck_assert_msg(!vhsm_evidence_seal(bundle, keys, why), "%s", why);
	ck_assert_int_eq(vhsm_evidence_verify(bundle, public, &report, why),
			 0);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "files")),
			  4);
	json_decref(report);

	/* A copy without holes is the same image. */
	snprintf(path, sizeof(path), "%s/memory.img", bundle);
	ck_assert_int_eq(truncate(path, (3ll << 30) + 8192), 0);
	ck_assert_int_eq(verify(), 0);

	file_write("memory.img", "x", "r+");
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "memory.img: recorded as"));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "memory.img: was removed"));
}
END_TEST

START_TEST(an_image_that_is_not_whole_is_not_sealed)
{
	char path[PATH_MAX + 64];

	image_write("memory");
	snprintf(path, sizeof(path), "%s/memory.img.json", bundle);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(vhsm_evidence_seal(bundle, keys, why), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "not whole"));
}
END_TEST

START_TEST(digests_that_were_made_anew_do_not_have_the_signature)
{
	char command[2 * PATH_MAX];

	file_write("alert.json", "{}", "w");
	snprintf(command, sizeof(command),
		 "cd %s && sha256sum alert.json audit.jsonl > SHA256SUMS",
		 bundle);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(verify(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "signature"));
}
END_TEST

START_TEST(another_hosts_key_does_not_verify)
{
	char other[PATH_MAX + 16], pem[PATH_MAX + 32], bundle2[PATH_MAX];
	json_t *report;

	snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(vhsm_evidence_begin(dir, "incident-2", bundle2, why),
			 0);
	ck_assert_int_eq(vhsm_evidence_seal(bundle2, other, why), 0);
	snprintf(pem, sizeof(pem), "%s/evidence.pub", other);
	ck_assert_int_eq(vhsm_evidence_verify(bundle, pem, &report, why),
			 -EBADMSG);
}
END_TEST

START_TEST(standard_tools_verify_it_too)
{
	char command[4 * PATH_MAX];

	snprintf(command, sizeof(command), "cd %s && sha256sum -c --quiet "
		 "SHA256SUMS && openssl pkeyutl -verify -pubin -inkey "
		 "evidence.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig",
		 bundle);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_signing_key_is_kept_and_nobody_else_reads_it)
{
	char path[PATH_MAX + 16], before[64] = "", after[64] = "x";
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/evidence.key", keys);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	f = fopen(public, "r");
	ck_assert(fread(before, 1, sizeof(before), f) > 0);
	fclose(f);
	ck_assert_int_eq(vhsm_evidence_seal(bundle, keys, why), 0);
	f = fopen(public, "r");
	ck_assert(fread(after, 1, sizeof(after), f) > 0);
	fclose(f);
	ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

START_TEST(a_link_in_a_bundle_is_refused)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/memory.img", bundle);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_ne(vhsm_evidence_seal(bundle, keys, why), 0);
}
END_TEST

START_TEST(a_name_that_leads_elsewhere_is_refused)
{
	char path[PATH_MAX];

	ck_assert_int_eq(vhsm_evidence_begin(dir, "../x", path, why), -EINVAL);
	ck_assert_int_eq(vhsm_evidence_begin(dir, "..", path, why), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("evidence");
	TCase *tc = tcase_create("evidence");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_was_sealed_verifies_and_is_listed);
	tcase_add_test(tc, a_changed_file_is_named);
	tcase_add_test(tc, a_file_that_was_added_is_named);
	tcase_add_test(tc, a_file_that_was_removed_is_named);
	tcase_add_test(tc, an_image_is_vouched_for_by_its_recording);
	tcase_add_test(tc, an_image_that_is_not_whole_is_not_sealed);
	tcase_add_test(tc,
		digests_that_were_made_anew_do_not_have_the_signature);
	tcase_add_test(tc, another_hosts_key_does_not_verify);
	tcase_add_test(tc, standard_tools_verify_it_too);
	tcase_add_test(tc, the_signing_key_is_kept_and_nobody_else_reads_it);
	tcase_add_test(tc, a_link_in_a_bundle_is_refused);
	tcase_add_test(tc, a_name_that_leads_elsewhere_is_refused);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
