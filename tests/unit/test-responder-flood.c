/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one monitor, which may be in an attacker's hands, can cost the loop that
 * renews all guests' leases; what it is started without; and what an act is
 * given.
 */
#include <config.h>

#include <sys/stat.h>
#include <unistd.h>

#include "unit/responder-rig.h"

static void found(const char *release)
{
	struct vhsm_found f = { 0 };

	snprintf(f.release, sizeof(f.release), "%s", release);
	say(VHSM_FRAME_FOUND, vhsm_found_encode(&f));
}

START_TEST(a_kernel_is_found_once_in_a_sweep)
{
	to_sweep();
	sweep_await(NULL);
	found("6.1.0-56-amd64");
	verdict(1, true);
	sweep_await(NULL);
	found("6.1.0-56-amd64");
	verdict(2, true);
	sweep_await(NULL);
	ck_assert_uint_eq(alert_count("monitor-broken"), 0);
	found("6.1.0-56-amd64");
	found("6.1.0-57-amd64");
	broken_expect();
}
END_TEST

static void many(unsigned count)
{
	char object[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(object, sizeof(object), "rule %u", i);
		finding(VHSM_CHECK_YARA, object);
	}
}

START_TEST(new_alerts_are_written_a_few_at_a_time)
{
	size_t first;

	to_sweep();
	sweep_await(NULL);
	many(100);
	verdict(1, false);
	sweep_await(NULL);
	first = alert_count("yara");
	ck_assert_uint_ge(first, 16);
	ck_assert_uint_le(first, 40);
	/* What is acted upon is not put off. */
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(alert_count("syscall-table") == 1);
	ck_assert_str_eq(level, "revoked");
	verdict(2, false);
	/* The others are, to a later sweep. */
	for (unsigned i = 0; i < 10; i++) {
		uint64_t number = sweep_await(NULL);

		many(100);
		verdict(number, false);
	}
	until(alert_count("yara") > first);
}
END_TEST

static unsigned lines(const char *name)
{
	char path[128], line[64];
	unsigned count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		count++;
	if (f)
		fclose(f);
	return count;
}

START_TEST(commands_are_run_a_few_at_a_time)
{
	char text[512];

	snprintf(text, sizeof(text), "#!/bin/sh\necho x >> %s/told\n", dir);
	write_file("hook", text, 0700);
	snprintf(text, sizeof(text), "lease-ms = 1000\nsweep-ms = 100\n"
		 "command = \"%s/hook\"\n"
		 "check yara { reactions = { \"record\" } }\n", dir);
	write_file("strict.conf", text, 0600);
	to_sweep();
	sweep_await(NULL);
	many(12);
	verdict(1, false);
	until(lines("told") >= 4);
	ck_assert_uint_le(lines("told"), 5);
	until(lines("told") >= 6);
	ck_assert_uint_lt(lines("told"), 12);
	ck_assert_uint_eq(alert_count("yara"), 12);
}
END_TEST

START_TEST(who_says_too_much_is_heard_later)
{
	char line[VHSM_LOG_TEXT_LEN] = "", *text;
	bool paused_once = false;
	uint64_t number;
	json_t *json;

	memset(line, 'x', sizeof(line) - 1);
	json = vhsm_log_encode(line);
	text = json_dumps(json, JSON_COMPACT);

	to_clean();
	number = sweep_await(NULL);
	for (unsigned i = 0; i < 50000 && !paused_once; i++) {
		until(!vhsm_channel_send(monitor, VHSM_FRAME_LOG, text,
					 strlen(text)));
		if (i % 64)
			continue;
		event_base_loop(r.base, EVLOOP_NONBLOCK);
		paused_once |= web()->monitor.resume &&
			event_pending(web()->monitor.resume, EV_TIMEOUT, NULL);
	}
	ck_assert(paused_once);
	valid_ms = -2;
	verdict(number, true);
	until(valid_ms >= 0);
	ck_assert_uint_eq(alert_count("monitor-broken"), 0);
	free(text);
	json_decref(json);
}
END_TEST

START_TEST(what_a_start_leaves_is_removed_with_the_monitor)
{
	char path[128];

	to_clean();
	write_file("monitors/vhsm-monitor-web.img", "x", 0600);
	snprintf(path, sizeof(path), "%s/monitors/vhsm-monitor-web.img", dir);
	domain_runs(0);
	until(in_state(VHSM_WATCH_ABSENT));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* What the toolstack starts for a domain lives on, with all of that. */
START_TEST(an_act_has_its_parameters_and_its_answer_and_no_more)
{
	char text[256], path[128];
	struct stat st;

	snprintf(text, sizeof(text), "#!/bin/sh\ncd %s\n"
		 "[ -e /proc/$$/fd/3 ] && [ -e /proc/$$/fd/4 ] && "
		 "[ ! -e /proc/$$/fd/5 ] && [ ! -e /proc/$$/fd/6 ] && "
		 "touch right\ntouch ran\n", dir);
	write_file("vhsm-act", text, 0700);
	domain_runs(5);
	snprintf(path, sizeof(path), "%s/ran", dir);
	until(!stat(path, &st));
	snprintf(path, sizeof(path), "%s/right", dir);
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-flood");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, a_kernel_is_found_once_in_a_sweep);
	tcase_add_test(all, new_alerts_are_written_a_few_at_a_time);
	tcase_add_test(all, commands_are_run_a_few_at_a_time);
	tcase_add_test(all, who_says_too_much_is_heard_later);
	tcase_add_test(all,
		       what_a_start_leaves_is_removed_with_the_monitor);
	tcase_add_test(all,
		       an_act_has_its_parameters_and_its_answer_and_no_more);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
