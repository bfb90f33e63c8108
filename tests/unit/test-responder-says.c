/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the responder says to people: of a configuration before it is used, of
 * guests that it does not watch, of what was done, of itself.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "responder/responder-check.h"
#include "unit/responder-rig.h"

static int out_was = -1, err_was = -1;

/* What is said from here on is kept. */
static void listen_begin(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/said", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	ck_assert_int_ge(fd, 0);
	fflush(stdout);
	out_was = dup(1);
	err_was = dup(2);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
}

static const char *listen_end(void)
{
	static char text[8192];
	char path[128];
	ssize_t n;
	int fd;

	fflush(stdout);
	dup2(out_was, 1);
	dup2(err_was, 2);
	close(out_was);
	close(err_was);
	snprintf(path, sizeof(path), "%s/said", dir);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part,
		      text);
}

static void hasnt(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part,
		      text);
}

static void file_there(char *conf, const char *name)
{
	write_file(name, "x", 0700);
	snprintf(conf, PATH_MAX, "%s/%s", dir, name);
}

START_TEST(a_missing_file_is_told_with_its_option_and_what_to_do)
{
	const char *said;

	snprintf(r.conf.monitor_kernel, PATH_MAX, "%s/vmlinuz", dir);
	snprintf(r.conf.monitor_ramdisk, PATH_MAX, "%s/monitor.img", dir);
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_files(&r.conf), -ENOENT);
	said = listen_end();
	has(said, "monitor-kernel ");
	has(said, "/vmlinuz: No such file");
	has(said, "responder.conf(5), as monitor-kernel = \"/boot/vmlinuz-");
	has(said, "monitor-ramdisk ");
	has(said, "appliance/build --out ");
	hasnt(said, "libexec-dir");
	file_there(r.conf.monitor_kernel, "vmlinuz");
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_files(&r.conf), -ENOENT);
	said = listen_end();
	hasnt(said, "monitor-kernel");
	has(said, "monitor-ramdisk ");
	file_there(r.conf.monitor_ramdisk, "monitor.img");
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_files(&r.conf), 0);
	ck_assert_str_eq(listen_end(), "");
	snprintf(r.conf.act, PATH_MAX, "%s/none", dir);
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_files(&r.conf), -ENOENT);
	has(listen_end(), "libexec-dir of vhsmd.conf");
}
END_TEST

START_TEST(every_policy_is_checked_before_it_is_used)
{
	const char *said;

	write_file("notes.txt", "no policy", 0600);
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_policies(&r.conf), 0);
	ck_assert_str_eq(listen_end(), "monitor policy strict is good\n");
	write_file("broken.conf", "lease-ms = 1000\nlease-ms = soon\n", 0600);
	write_file("zone.conf", "lease-ms = 0\n", 0600);
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_policies(&r.conf), -EINVAL);
	said = listen_end();
	has(said, "monitor policy strict is good\n");
	has(said, "monitor policy zone is good\n");
	has(said, "monitor policy broken: ");
	has(said, "broken.conf:2");
	hasnt(said, "broken is good");
	hasnt(said, "notes");
}
END_TEST

START_TEST(a_folder_without_policies_is_named)
{
	const char *said;

	free(r.conf.vhsmd.policy_dir);
	r.conf.vhsmd.policy_dir = strdup("/nowhere/monitor.d");
	listen_begin();
	ck_assert_int_eq(vhsm_responder_check_policies(&r.conf), -ENOENT);
	said = listen_end();
	has(said, "policy-dir /nowhere/monitor.d: No such file");
}
END_TEST

START_TEST(a_guest_with_a_broken_policy_is_told_how_to_be_watched)
{
	const char *said;

	write_file("strict.conf", "lease-ms = soon\n", 0600);
	listen_begin();
	domain_runs(5);
	said = listen_end();
	ck_assert_ptr_null(web());
	has(said, "web (ID 5): not watched: monitor=strict: ");
	has(said, "strict.conf:1");
	has(said, "vhsmctl monitor start --domain " UUID " --policy strict");
}
END_TEST

START_TEST(a_guest_too_many_is_told_why_it_is_not_watched)
{
	struct vhsm_domain_seen seen[] = {
		{ .domid = 5, .uuid = UUID, .name = "web" },
		{ .domid = 6, .uuid = OTHER, .name = "db" },
	};
	char code[32];
	const char *said;
	json_t *result;

	r.conf.max_guests = 1;
	write_file("db.cfg", "name = \"db\"\nuuid = \"" OTHER "\"\n"
		   "vhsm = [ \"keys=a,monitor=strict\" ]\n", 0600);
	listen_begin();
	vhsm_roster_changed(seen, 2, &r);
	said = listen_end();
	has(said, "db (ID 6): not watched: as many guests as max-guests of "
	    "responder.conf allows are watched already");
	call("watch.start", json_pack("{s:s,s:s}", "domain", "db", "policy",
				      "strict"), &result, code);
	ck_assert_str_eq(code, "failed");
}
END_TEST

static const struct {
	const char *reaction;
	const char *text;
} gates_of[] = {
	{ "throttle", "keys of 1 device slowed down by the gate" },
	{ "verify-only", "keys of 1 device restricted to verifying and "
	  "decrypting by the gate" },
	{ "revoke", "keys of 1 device stopped by the gate" },
};

START_TEST(evidence_says_what_the_gate_did)
{
	char policy[160], *text;
	json_t *alerts;

	snprintf(policy, sizeof(policy), "lease-ms = 1000\nsweep-ms = 100\n"
		 "on critical { reactions = { \"%s\" } }\n",
		 gates_of[_i].reaction);
	write_file("strict.conf", policy, 0600);
	to_clean();
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(alert_count("by the gate") == 1);
	alerts = alerts_of("by the gate");
	text = json_dumps(alerts, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(strstr(text, gates_of[i].text) != NULL,
				 i == (unsigned)_i);
	free(text);
	json_decref(alerts);
}
END_TEST

static json_t *status(void)
{
	char code[32];
	json_t *result;

	call("status", json_object(), &result, code);
	ck_assert_str_eq(code, "");
	return result;
}

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

START_TEST(status_counts_guests_incidents_and_alerts)
{
	json_t *now = status();

	ck_assert_str_eq(json_string_value(json_object_get(now, "version")),
			 PACKAGE_VERSION);
	ck_assert_int_eq(number(now, "guests"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(now, "alert_dir")),
			 r.conf.alert_dir);
	ck_assert_str_eq(json_string_value(json_object_get(now,
					   "incident_dir")),
			 r.conf.incident_dir);
	ck_assert_str_eq(json_string_value(json_object_get(now,
					   "baseline_dir")),
			 r.conf.baseline_dir);
	json_decref(now);
	to_clean();
	now = status();
	ck_assert_int_eq(number(now, "guests"), 1);
	ck_assert_int_eq(number(now, "monitors"), 1);
	ck_assert_int_eq(number(now, "incidents"), 0);
	ck_assert_int_eq(number(now, "open_alerts"), 0);
	json_decref(now);
	sweep_await(NULL);
	finding(VHSM_CHECK_YARA, "rule x");
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(!strcmp(level, "revoked"));
	now = status();
	ck_assert_int_eq(number(now, "incidents"), 1);
	ck_assert_int_eq(number(now, "open_alerts"), 2);
	json_decref(now);
}
END_TEST

/* Of each there is so much to say that not all fits a packet. */
static void many_isolated(void)
{
	static const char *const uuids[] = { UUID, OTHER, THIRD, FOURTH };
	const struct vhsm_policy policy = { .name = "strict" };
	struct vhsm_domain_seen domain = { .name = "guest" };
	static char disk[50001];
	struct vhsm_watched *w;

	memset(disk, 'd', sizeof(disk) - 1);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(domain.uuid, sizeof(domain.uuid), "%s", uuids[i]);
		w = vhsm_watched_new(&r, &domain, &policy);
		ck_assert_ptr_nonnull(w);
		w->incident.open = true;
		w->incident.isolated = json_pack("{s:[s]}", "disks", disk);
	}
}

START_TEST(guests_are_listed_however_much_there_is_to_say_of_them)
{
	json_t *result, *guests, *next = json_string("");
	char code[32];
	size_t count = 0;

	many_isolated();
	while (json_is_string(next)) {
		call("watch.list", json_pack("{s:o}", "after", next), &result,
		     code);
		ck_assert_str_eq(code, "");
		guests = json_object_get(result, "guests");
		ck_assert_uint_gt(json_array_size(guests), 0);
		count += json_array_size(guests);
		next = json_incref(json_object_get(result, "next"));
		json_decref(result);
	}
	json_decref(next);
	ck_assert_uint_eq(count, 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-says");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all,
		       a_missing_file_is_told_with_its_option_and_what_to_do);
	tcase_add_test(all, every_policy_is_checked_before_it_is_used);
	tcase_add_test(all, a_folder_without_policies_is_named);
	tcase_add_test(all,
		       a_guest_with_a_broken_policy_is_told_how_to_be_watched);
	tcase_add_test(all, a_guest_too_many_is_told_why_it_is_not_watched);
	tcase_add_loop_test(all, evidence_says_what_the_gate_did, 0,
			    sizeof(gates_of) / sizeof(gates_of[0]));
	tcase_add_test(all, status_counts_guests_incidents_and_alerts);
	tcase_add_test(all,
		       guests_are_listed_however_much_there_is_to_say_of_them);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
