/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-alert.c - alerts: what they say, when there is a new one, what survives.
 */
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "responder/alert.h"

static char dir[] = "/tmp/test-alert.XXXXXX";
static char store[PATH_MAX], log_path[PATH_MAX], why[VHSM_ALERT_WHY_LEN];
static struct vhsm_alerts *alerts;

static const struct vhsm_alert_guest web = {
	.uuid = "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01", .name = "web",
	.domid = 3, .baseline = "web-6.1", .policy = "strict",
};
static const struct vhsm_alert_guest db = {
	.uuid = "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b02", .name = "db",
	.domid = 4,
};
static struct vhsm_policy policy = { .name = "strict" };

static struct vhsm_finding finding_of(const char *object)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_SYSCALL_TABLE,
		.address = 0xffffffff82000280, .confidence = 95,
		.before_len = 8, .after_len = 8, .before = { 0x10, 0x20 },
		.after = { 0xde, 0xad }, .pid = 7, .comm = "insmod",
		.symbol = "__x64_sys_kill+0x0",
		.detail = "entry 62 leads to module evil",
	};

	snprintf(f.object, sizeof(f.object), "%s", object);
	return f;
}

static void store_open(void)
{
	alerts = vhsm_alerts_open(store, log_path, why);
	ck_assert_msg(alerts != NULL, "%s", why);
}

static void setup(void)
{
	memset(dir + strlen(dir) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(store, sizeof(store), "%s/alerts", dir);
	snprintf(log_path, sizeof(log_path), "%s/log/alerts.jsonl", dir);
	memset(policy.command, 0, sizeof(policy.command));
	store_open();
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
	vhsm_alerts_close(&alerts);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *add(const struct vhsm_alert_guest *guest,
		       const char *object, bool want_new)
{
	static char uid[VHSM_ALERT_UID_LEN];
	struct vhsm_finding f = finding_of(object);
	bool is_new;

	ck_assert_int_eq(vhsm_alerts_add(alerts, guest, &policy, &f, 2000,
					 1000, uid, &is_new, why), 0);
	ck_assert_int_eq(is_new, want_new);
	return uid;
}

static void uid_copy(char uid[VHSM_ALERT_UID_LEN], const char *from)
{
	memcpy(uid, from, VHSM_ALERT_UID_LEN);
}

static unsigned log_lines(void)
{
	char line[65536];
	unsigned n = 0;
	FILE *f = fopen(log_path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		json_t *json = json_loads(line, 0, NULL);

		ck_assert_ptr_nonnull(json);
		json_decref(json);
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

/* The value at a path like "finding_info.attacks.0.technique.uid". */
static const json_t *at(const json_t *json, const char *path)
{
	char copy[128], *save, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	for (part = strtok_r(copy, ".", &save); part;
	     part = strtok_r(NULL, ".", &save))
		json = json_is_array(json) ?
			json_array_get(json, strtoul(part, NULL, 10)) :
			json_object_get(json, part);
	ck_assert_msg(json != NULL, "no %s", path);
	return json;
}

static const char *text(const json_t *json, const char *path)
{
	return json_string_value(at(json, path));
}

static int number(const json_t *json, const char *path)
{
	return (int)json_integer_value(at(json, path));
}

START_TEST(an_alert_has_what_the_class_detection_finding_requires)
{
	const json_t *a = vhsm_alerts_find(alerts, add(&web,
		"sys_call_table[62]", true));

	/* OCSF 1.3, class 2004: the required and recommended attributes. */
	ck_assert_int_eq(number(a, "category_uid"), 2);
	ck_assert_int_eq(number(a, "class_uid"), 2004);
	ck_assert_int_eq(number(a, "activity_id"), 1);
	ck_assert_int_eq(number(a, "type_uid"), 200401);
	ck_assert_int_eq(number(a, "severity_id"), 5);
	ck_assert_int_eq(number(a, "status_id"), 1);
	ck_assert_int_eq(number(a, "confidence_id"), 3);
	ck_assert_int_eq(number(a, "confidence_score"), 95);
	ck_assert_int_gt(json_integer_value(at(a, "time")), 1700000000000);
	ck_assert_str_eq(text(a, "metadata.version"), "1.3.0");
	ck_assert_str_eq(text(a, "metadata.product.name"), "xen-vhsm");
	ck_assert_str_eq(text(a, "finding_info.uid"), text(a, "metadata.uid"));
	ck_assert_str_eq(text(a, "finding_info.attacks.0.technique.uid"),
			 "T1014");
	ck_assert_str_eq(text(a, "finding_info.analytic.name"),
			 "syscall-table");
	ck_assert_str_eq(text(a, "resources.0.uid"), web.uuid);
	ck_assert_str_eq(text(a, "unmapped.baseline"), "web-6.1");
}
END_TEST

START_TEST(evidence_has_addresses_bytes_and_the_process)
{
	const json_t *a = vhsm_alerts_find(alerts, add(&web,
		"sys_call_table[62]", true));

	ck_assert_str_eq(text(a, "evidences.0.data.address"),
			 "0xffffffff82000280");
	ck_assert_str_eq(text(a, "evidences.0.data.before"),
			 "1020000000000000");
	ck_assert_str_eq(text(a, "evidences.0.data.after"),
			 "dead000000000000");
	ck_assert_str_eq(text(a, "evidences.0.data.symbol"),
			 "__x64_sys_kill+0x0");
	ck_assert_str_eq(text(a, "evidences.0.process.name"), "insmod");
	ck_assert_int_eq(number(a, "unmapped.timeline.0.time"), 1000);
	ck_assert_str_eq(text(a, "unmapped.timeline.0.what"),
			 "last clean sweep");
}
END_TEST

START_TEST(the_same_thing_again_is_the_same_alert)
{
	char first[VHSM_ALERT_UID_LEN];

	uid_copy(first, add(&web, "sys_call_table[62]", true));
	ck_assert_str_eq(add(&web, "sys_call_table[62]", false), first);
	ck_assert_int_eq(number(vhsm_alerts_find(alerts, first), "count"), 2);
	ck_assert_uint_eq(log_lines(), 1);
}
END_TEST

/* As if the alert had been made, and written down, that long ago. */
static void make_older(const char *uid, json_int_t made_s, json_int_t written_s)
{
	json_t *alert = (json_t *)vhsm_alerts_find(alerts, uid);
	json_int_t now = time(NULL) * INT64_C(1000);

	json_object_set_new(json_object_get(alert, "finding_info"),
			    "created_time", json_integer(now - made_s * 1000));
	json_object_set_new(alert, "time",
			    json_integer(now - written_s * 1000));
}

/* A guest that leaves things as they are must not fill dom0's disk. */
START_TEST(what_stands_for_long_is_written_ever_less_often)
{
	const char *uid = add(&web, "sys_call_table[62]", true);

	make_older(uid, 60, 50);
	add(&web, "sys_call_table[62]", false);
	ck_assert_uint_eq(log_lines(), 1);
	make_older(uid, 70, 70);
	add(&web, "sys_call_table[62]", false);
	ck_assert_uint_eq(log_lines(), 2);
	make_older(uid, 80000, 9000);
	add(&web, "sys_call_table[62]", false);
	ck_assert_uint_eq(log_lines(), 2);
	make_older(uid, 80000, 11000);
	add(&web, "sys_call_table[62]", false);
	ck_assert_uint_eq(log_lines(), 3);
}
END_TEST

START_TEST(another_object_or_guest_is_another_alert)
{
	add(&web, "sys_call_table[62]", true);
	add(&web, "sys_call_table[63]", true);
	add(&db, "sys_call_table[62]", true);
	ck_assert_uint_eq(log_lines(), 3);
}
END_TEST

START_TEST(what_was_done_stands_in_actions_timeline_and_disposition)
{
	const char *uid = add(&web, "sys_call_table[62]", true);
	struct vhsm_alert_action revoke = {
		.reaction = VHSM_REACT_REVOKE, .done = true, .time_ms = 3000,
		.text = "4 keys zeroised",
	}, throttle = {
		.reaction = VHSM_REACT_THROTTLE, .done = true, .time_ms = 3001,
	};
	const json_t *a;

	ck_assert_int_eq(vhsm_alerts_acted(alerts, uid, &revoke, why), 0);
	/* A lower step that comes later takes nothing back. */
	ck_assert_int_eq(vhsm_alerts_acted(alerts, uid, &throttle, why), 0);
	a = vhsm_alerts_find(alerts, uid);
	ck_assert_str_eq(text(a, "disposition"), "Access Revoked");
	ck_assert_int_eq(number(a, "disposition_id"), 24);
	ck_assert_str_eq(text(a, "unmapped.actions.0.text"),
			 "4 keys zeroised");
	ck_assert_int_eq(number(a, "activity_id"), 2);
	ck_assert_uint_eq(log_lines(), 3);
}
END_TEST

START_TEST(a_dry_run_says_that_nothing_was_done)
{
	const char *uid = add(&web, "sys_call_table[62]", true);
	struct vhsm_alert_action revoke = {
		.reaction = VHSM_REACT_REVOKE, .dry_run = true,
	};
	const json_t *a;

	ck_assert_int_eq(vhsm_alerts_acted(alerts, uid, &revoke, why), 0);
	a = vhsm_alerts_find(alerts, uid);
	ck_assert_str_eq(text(a, "disposition"), "Detected");
	ck_assert_str_eq(text(a, "unmapped.timeline.3.what"),
			 "revoke (dry run: not done)");
}
END_TEST

START_TEST(alerts_survive_a_restart_and_keep_their_order)
{
	char first[VHSM_ALERT_UID_LEN], second[VHSM_ALERT_UID_LEN];
	json_t *list;

	uid_copy(first, add(&web, "a", true));
	uid_copy(second, add(&web, "b", true));
	ck_assert_int_eq(vhsm_alerts_ack(alerts, first, 0, "looking", why), 0);
	vhsm_alerts_close(&alerts);
	store_open();
	list = vhsm_alerts_list(alerts, 0, true, 10);
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(text(list, "0.finding_info.uid"), second);
	ck_assert_str_eq(text(list, "1.finding_info.uid"), first);
	ck_assert_str_eq(text(list, "1.status"), "In Progress");
	json_decref(list);
	ck_assert_str_eq(add(&web, "a", false), first);
	list = vhsm_alerts_list(alerts, 3, false, 10);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(a_release_closes_the_alerts_of_that_guest_only)
{
	char first[VHSM_ALERT_UID_LEN];
	json_t *list;

	uid_copy(first, add(&web, "a", true));
	add(&web, "b", true);
	add(&db, "a", true);
	ck_assert_int_eq(vhsm_alerts_release(alerts, web.uuid, 0, "reinstalled",
					     why), 0);
	list = vhsm_alerts_list(alerts, 0, true, 10);
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(text(list, "0.resources.0.name"), "db");
	json_decref(list);
	ck_assert_str_eq(text(vhsm_alerts_find(alerts, first), "status"),
			 "Resolved");
	/* Found again it is a new one. */
	ck_assert_str_ne(add(&web, "a", true), first);
}
END_TEST

START_TEST(one_guest_cannot_fill_the_store)
{
	char object[16];
	json_t *list;

	for (unsigned i = 0; i < VHSM_ALERTS_GUEST_MAX + 10; i++) {
		snprintf(object, sizeof(object), "thing %u", i);
		add(&web, object, i < VHSM_ALERTS_GUEST_MAX);
	}
	list = vhsm_alerts_list(alerts, 0, true, 10000);
	ck_assert_uint_eq(json_array_size(list), VHSM_ALERTS_GUEST_MAX);
	ck_assert_int_eq(number(json_array_get(list, VHSM_ALERTS_GUEST_MAX -
					       1), "count"), 11);
	json_decref(list);
	add(&db, "thing 1", true);
}
END_TEST

START_TEST(a_file_that_is_no_alert_is_left_alone)
{
	char path[PATH_MAX + 64];
	FILE *f;

	add(&web, "a", true);
	vhsm_alerts_close(&alerts);
	snprintf(path, sizeof(path), "%s/%s.json", store,
		 "00000000-0000-4000-8000-000000000000");
	f = fopen(path, "w");
	fputs("{\"finding_info\": 7", f);
	fclose(f);
	store_open();
	ck_assert_int_eq(access(path, F_OK), 0);
	add(&web, "a", false);
}
END_TEST

START_TEST(the_command_gets_the_alert_on_its_input)
{
	char script[PATH_MAX + 16], out[PATH_MAX + 16], got[65536] = "";
	const char *uid;
	json_t *json;
	FILE *f;

	snprintf(script, sizeof(script), "%s/hook", dir);
	snprintf(out, sizeof(out), "%s/hook.out", dir);
	f = fopen(script, "w");
	fprintf(f, "#!/bin/sh\ncat > %s.tmp\nenv > %s.env\nmv %s.tmp %s\n",
		out, out, out, out);
	fclose(f);
	ck_assert_int_eq(chmod(script, 0700), 0);
	ck_assert_uint_lt(strlen(script), sizeof(policy.command));
	memcpy(policy.command, script, strlen(script) + 1);
	uid = add(&web, "a", true);
	vhsm_alerts_notify(alerts, &policy, uid);
	for (unsigned i = 0; i < 500 && access(out, F_OK); i++)
		usleep(10000);
	f = fopen(out, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(got, sizeof(got), f));
	fclose(f);
	json = json_loads(got, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(text(json, "finding_info.uid"), uid);
	json_decref(json);
}
END_TEST

START_TEST(acknowledging_what_is_not_there_says_so)
{
	ck_assert_int_eq(vhsm_alerts_ack(alerts,
		"00000000-0000-4000-8000-000000000000", 0, NULL, why),
		-ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "no alert"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alert");
	TCase *tc = tcase_create("alert");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 120);		/* files are synchronised */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc,
		an_alert_has_what_the_class_detection_finding_requires);
	tcase_add_test(tc, evidence_has_addresses_bytes_and_the_process);
	tcase_add_test(tc, the_same_thing_again_is_the_same_alert);
	tcase_add_test(tc, what_stands_for_long_is_written_ever_less_often);
	tcase_add_test(tc, another_object_or_guest_is_another_alert);
	tcase_add_test(tc,
		what_was_done_stands_in_actions_timeline_and_disposition);
	tcase_add_test(tc, a_dry_run_says_that_nothing_was_done);
	tcase_add_test(tc, alerts_survive_a_restart_and_keep_their_order);
	tcase_add_test(tc, a_release_closes_the_alerts_of_that_guest_only);
	tcase_add_test(tc, one_guest_cannot_fill_the_store);
	tcase_add_test(tc, a_file_that_is_no_alert_is_left_alone);
	tcase_add_test(tc, the_command_gets_the_alert_on_its_input);
	tcase_add_test(tc, acknowledging_what_is_not_there_says_so);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
