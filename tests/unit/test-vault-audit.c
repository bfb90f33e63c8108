/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what breaks its chain is found, and where. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/vault-fixture.h"
#include "vault/audit-chain.h"
#include "vault/events.h"

static char why[VHSM_WHY_LEN];

static struct vhsm_audit *log_open(size_t file_max)
{
	struct vhsm_audit *audit;
	int r;

	r = vhsm_audit_open(&audit, fixture_dir, fixture_root, file_max, why);
	ck_assert_msg(r == 0, "%s", why);
	return audit;
}

static void log_append(struct vhsm_audit *audit, int count)
{
	int i;

	for (i = 0; i < count; i++)
		ck_assert_int_eq(vhsm_audit_append(audit, "key.generated",
				 fixture_uuid, json_pack("{s:i}", "n", i)), 0);
	ck_assert_int_eq(vhsm_audit_commit(audit), 0);
}

static void log_make(int count)
{
	struct vhsm_audit *audit = log_open(VHSM_AUDIT_FILE_MAX);

	log_append(audit, count);
	vhsm_audit_close(&audit);
}

static void log_verify(struct vhsm_audit_report *report)
{
	struct vhsm_audit *audit = log_open(VHSM_AUDIT_FILE_MAX);
	EVP_PKEY *key = vhsm_audit_public_key(audit);
	struct vhsm_audit_files *files;

	ck_assert_int_eq(vhsm_audit_files_open(&files, fixture_dir), 0);
	ck_assert_int_eq(vhsm_audit_verify(files, key, report), 0);
	vhsm_audit_files_close(&files);
	EVP_PKEY_free(key);
	vhsm_audit_close(&audit);
}

/* Replaces the first from (as long as to) in log.jsonl. */
static void log_edit(const char *from, const char *to)
{
	size_t len;
	char *text = fixture_read(fixture_path("log.jsonl"), &len), *at;

	at = strstr(text, from);
	ck_assert_ptr_nonnull(at);
	memcpy(at, to, strlen(to));
	fixture_write(fixture_path("log.jsonl"), text, len, 0600);
	free(text);
}

/* Start and end of line n, from 1. */
static char *line_find(char *text, int n, char **end)
{
	while (--n > 0)
		text = strchr(text, '\n') + 1;
	*end = strchr(text, '\n') + 1;
	return text;
}

static void line_remove(int n)
{
	size_t len;
	char *text = fixture_read(fixture_path("log.jsonl"), &len), *end;
	char *line = line_find(text, n, &end);

	memmove(line, end, len - (size_t)(end - text) + 1);
	fixture_write(fixture_path("log.jsonl"), text, strlen(text), 0600);
	free(text);
}

START_TEST(untouched_log_verifies_over_reopening)
{
	struct vhsm_audit_report report;

	log_make(3);
	log_make(4);
	log_verify(&report);
	ck_assert_msg(!report.broken, "%s", report.problem);
	ck_assert_uint_eq(report.records, 9);	/* and two checkpoints */
	ck_assert_uint_eq(report.checkpoints, 2);
	ck_assert_uint_eq(report.signed_seq, 9);
}
END_TEST

START_TEST(changed_record_is_located)
{
	struct vhsm_audit_report report;

	log_make(10);
	log_edit("\"n\":4", "\"n\":7");		/* record 5 */
	log_verify(&report);
	ck_assert(report.broken);
	ck_assert_uint_eq(report.broken_seq, 6);
	ck_assert_ptr_nonnull(strstr(report.problem, "record 5 was changed"));
	ck_assert_uint_eq(report.records, 5);
}
END_TEST

START_TEST(removed_record_is_located)
{
	struct vhsm_audit_report report;

	log_make(10);
	line_remove(4);
	log_verify(&report);
	ck_assert(report.broken);
	ck_assert_uint_eq(report.broken_seq, 4);
}
END_TEST

START_TEST(line_that_is_no_record_is_located)
{
	struct vhsm_audit_report report;

	log_make(10);
	log_edit("{\"seq\":3", "x\"seq\":3");
	log_verify(&report);
	ck_assert(report.broken);
	ck_assert_uint_eq(report.broken_seq, 3);
}
END_TEST

/* Who can write the file but has no key makes a chain of his own. */
START_TEST(chain_made_anew_fails_at_its_checkpoint)
{
	struct vhsm_audit_report report;
	struct vhsm_audit_files *files;
	struct vhsm_audit *audit;
	EVP_PKEY *key;

	log_make(2);
	audit = log_open(VHSM_AUDIT_FILE_MAX);
	key = vhsm_audit_public_key(audit);
	vhsm_audit_close(&audit);
	unlink(fixture_path("log.jsonl"));
	unlink(fixture_path("head"));
	unlink(fixture_path("signing-key"));
	fixture_root[0] ^= 1;			/* not the vault's */
	log_make(2);
	ck_assert_int_eq(vhsm_audit_files_open(&files, fixture_dir), 0);
	ck_assert_int_eq(vhsm_audit_verify(files, key, &report), 0);
	ck_assert(report.broken);
	ck_assert_uint_eq(report.broken_seq, 3);
	ck_assert_ptr_nonnull(strstr(report.problem, "signature"));
	vhsm_audit_files_close(&files);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(torn_last_line_is_cut_and_said_so)
{
	struct vhsm_audit_report report;
	size_t len;
	char *text;

	log_make(5);
	text = fixture_read(fixture_path("log.jsonl"), &len);
	text = realloc(text, len + 20);
	memcpy(text + len, "{\"seq\":7,\"time\":\"20", 19);
	fixture_write(fixture_path("log.jsonl"), text, len + 19, 0600);
	free(text);
	log_verify(&report);
	ck_assert_msg(!report.broken, "%s", report.problem);
	text = fixture_read(fixture_path("log.jsonl"), NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"audit.repaired\""));
	ck_assert_ptr_nonnull(strstr(text, "\"bytes_cut\":19"));
	free(text);
}
END_TEST

START_TEST(every_torn_length_recovers)
{
	struct vhsm_audit_report report;
	char *text, *end, *line;
	size_t len, cut;

	log_make(3);
	text = fixture_read(fixture_path("log.jsonl"), &len);
	line = line_find(text, 4, &end);	/* the checkpoint */
	for (cut = (size_t)(line - text); cut < len; cut += 7) {
		unlink(fixture_path("head"));
		fixture_write(fixture_path("log.jsonl"), text, cut, 0600);
		log_verify(&report);
		ck_assert_msg(!report.broken, "cut at %zu: %s", cut,
			      report.problem);
		ck_assert_uint_ge(report.records, 3);
	}
	free(text);
}
END_TEST

START_TEST(log_cut_before_its_checkpoint_leaves_a_gap)
{
	struct vhsm_audit_report report;
	char *text;

	log_make(6);
	line_remove(7);
	line_remove(6);
	line_remove(5);
	log_verify(&report);
	ck_assert(report.broken);
	ck_assert_uint_eq(report.broken_seq, 5);
	text = fixture_read(fixture_path("log.jsonl"), NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"audit.cut\""));
	free(text);
}
END_TEST

static int files_count(void)
{
	DIR *dir = opendir(fixture_dir);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(dir)) != NULL)
		count += strncmp(entry->d_name, "log", 3) == 0;
	closedir(dir);
	return count;
}

START_TEST(rotation_carries_the_chain_on)
{
	struct vhsm_audit_report report;
	struct vhsm_audit *audit;
	int i;

	audit = log_open(2048);
	for (i = 0; i < 30; i++)
		log_append(audit, 2);
	vhsm_audit_close(&audit);
	ck_assert_int_gt(files_count(), 3);
	log_verify(&report);
	ck_assert_msg(!report.broken, "%s", report.problem);
	ck_assert_uint_ge(report.records, 60);
}
END_TEST

START_TEST(crash_in_a_rotation_loses_nothing)
{
	struct vhsm_audit_report report;

	log_make(4);
	ck_assert_int_eq(rename(fixture_path("log.jsonl"), fixture_path(
				"log-0000000000000001.jsonl")), 0);
	log_make(2);
	log_verify(&report);
	ck_assert_msg(!report.broken, "%s", report.problem);
	ck_assert_uint_eq(report.records, 8);
}
END_TEST

static size_t show(struct vhsm_audit_query query, json_t **records, bool *more)
{
	struct vhsm_audit_files *files;

	ck_assert_int_eq(vhsm_audit_files_open(&files, fixture_dir), 0);
	ck_assert_int_eq(vhsm_audit_show(files, &query, records, more), 0);
	vhsm_audit_files_close(&files);
	return json_array_size(*records);
}

static json_int_t seq_at(json_t *records, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(records, i),
						  "seq"));
}

START_TEST(show_filters_and_pages)
{
	struct vhsm_audit_query query = { .limit = 4 };
	json_t *records;
	bool more;

	log_make(10);
	ck_assert_uint_eq(show(query, &records, &more), 4);
	ck_assert(more);
	ck_assert_int_eq(seq_at(records, 3), 4);
	json_decref(records);
	query.after = 8;
	ck_assert_uint_eq(show(query, &records, &more), 3);
	ck_assert(!more);
	json_decref(records);
	query = (struct vhsm_audit_query){ .limit = 2, .last = true,
					   .event = "key." };
	ck_assert_uint_eq(show(query, &records, &more), 2);
	ck_assert_int_eq(seq_at(records, 1), 10);
	json_decref(records);
	snprintf(query.event, sizeof(query.event), "key");
	ck_assert_uint_eq(show(query, &records, &more), 2);
	json_decref(records);
	snprintf(query.event, sizeof(query.event), "ke");
	ck_assert_uint_eq(show(query, &records, &more), 0);
	json_decref(records);
	query = (struct vhsm_audit_query){ .limit = 9, .since = "2999" };
	ck_assert_uint_eq(show(query, &records, &more), 0);
	json_decref(records);
	query = (struct vhsm_audit_query){ .limit = 9 };
	snprintf(query.domain, sizeof(query.domain), "%s",
		 "99999999-0000-0000-0000-000000000000");
	ck_assert_uint_eq(show(query, &records, &more), 0);
	json_decref(records);
}
END_TEST

START_TEST(records_before_their_commit_are_not_in_the_file)
{
	struct vhsm_audit *audit = log_open(VHSM_AUDIT_FILE_MAX);
	size_t len;

	vhsm_audit_append(audit, "key.deleted", NULL, json_object());
	free(fixture_read(fixture_path("log.jsonl"), &len));
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(vhsm_audit_commit(audit), 0);
	free(fixture_read(fixture_path("log.jsonl"), &len));
	ck_assert_uint_gt(len, 0);
	vhsm_audit_close(&audit);
}
END_TEST

START_TEST(another_root_key_does_not_open_the_log)
{
	struct vhsm_audit *audit;

	log_make(1);
	fixture_root[1] ^= 1;
	ck_assert_int_eq(vhsm_audit_open(&audit, fixture_dir, fixture_root,
					 4096, why), VHSM_E_CORRUPT);
	ck_assert_ptr_null(audit);
}
END_TEST

START_TEST(file_of_rubbish_is_left_alone)
{
	static char rubbish[200000];
	struct vhsm_audit *audit;
	size_t len;

	log_make(1);
	memset(rubbish, 'x', sizeof(rubbish));
	fixture_write(fixture_path("log.jsonl"), rubbish, sizeof(rubbish),
		      0600);
	ck_assert_int_eq(vhsm_audit_open(&audit, fixture_dir, fixture_root,
					 4096, why), VHSM_E_CORRUPT);
	free(fixture_read(fixture_path("log.jsonl"), &len));
	ck_assert_uint_eq(len, sizeof(rubbish));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vault-audit");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, untouched_log_verifies_over_reopening);
	tcase_add_test(tc, changed_record_is_located);
	tcase_add_test(tc, removed_record_is_located);
	tcase_add_test(tc, line_that_is_no_record_is_located);
	tcase_add_test(tc, chain_made_anew_fails_at_its_checkpoint);
	tcase_add_test(tc, torn_last_line_is_cut_and_said_so);
	tcase_add_test(tc, every_torn_length_recovers);
	tcase_add_test(tc, log_cut_before_its_checkpoint_leaves_a_gap);
	tcase_add_test(tc, rotation_carries_the_chain_on);
	tcase_add_test(tc, crash_in_a_rotation_loses_nothing);
	tcase_add_test(tc, show_filters_and_pages);
	tcase_add_test(tc, records_before_their_commit_are_not_in_the_file);
	tcase_add_test(tc, another_root_key_does_not_open_the_log);
	tcase_add_test(tc, file_of_rubbish_is_left_alone);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
