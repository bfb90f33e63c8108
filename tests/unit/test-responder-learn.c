/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning a baseline through the responder, from a monitor that learns, fails,
 * is silent or lies.
 */
#include <config.h>

#include <unistd.h>

#include "common/clock.h"
#include "unit/responder-rig.h"

static char code[32];

static void learned(const char *check, const char *what)
{
	say(VHSM_FRAME_LEARNED, json_pack("{s:s,s:s}", "check", check,
					  "learned", what));
}

static void learn_done(void)
{
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LEARN_DONE,
					   NULL, 0), 0);
}

/* Until the monitor was told to learn; what it is to sweep before is clean. */
static void asked(void)
{
	struct vhsm_sweep_order order;
	char why[VHSM_MESSAGE_WHY_LEN];
	const void *bytes;
	uint32_t type = 0;
	size_t len;
	int ret;

	ask("baseline.learn", json_pack("{s:s,s:s}", "domain", "web",
					"baseline", "web-6.1"));
	while (type != VHSM_FRAME_LEARN) {
		until((ret = vhsm_channel_recv(monitor, &type, &bytes, &len)));
		ck_assert_int_eq(ret, 1);
		if (type != VHSM_FRAME_SWEEP)
			continue;
		ck_assert_int_eq(vhsm_sweep_order_decode(&order, bytes, len,
							 why), 0);
		verdict(order.number, true);
	}
}

static void expect_failed(void)
{
	json_t *result;

	answer(&result, code);
	ck_assert_str_eq(code, "failed");
	ck_assert_ptr_null(result);
	ck_assert(!acted("learn"));
}

START_TEST(what_a_monitor_learned_is_written_with_the_boot_it_is_of)
{
	json_t *result, *params;
	char path[128];

	to_clean();
	asked();
	verdict(sweep_await(NULL), true);
	learned("cpu-entry", "gates");
	learned("syscall-table", "rows");
	learn_done();
	answer(&result, code);
	ck_assert_str_eq(code, "");
	ck_assert(json_is_true(json_object_get(result, "changed")));
	json_decref(result);
	snprintf(path, sizeof(path), "%s/learn", dir);
	params = json_load_file(path, 0, NULL);
	result = json_pack("{s:s,s:s,s:s,s:O,s:{s:s,s:s},s:b}", "uuid", UUID,
			   "dir", r.conf.baseline_dir, "baseline", "web-6.1",
			   "boot", web()->measured, "learned", "cpu-entry",
			   "gates", "syscall-table", "rows", "approve", false);
	ck_assert(json_equal(params, result));
	json_decref(params);
	json_decref(result);
	/* Another may be asked for. */
	asked();
	verdict(sweep_await(NULL), true);
	learn_done();
	answer(&result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
}
END_TEST

START_TEST(a_monitor_that_cannot_learn_is_answered_at_once)
{
	json_t *result;

	to_clean();
	asked();
	verdict(sweep_await(NULL), true);
	say(VHSM_FRAME_LEARN_FAILED, json_pack("{s:s}", "why", "no kernel"));
	expect_failed();
	ck_assert(in_state(VHSM_WATCH_RESTING) ||
		  in_state(VHSM_WATCH_SWEEPING));
	/* It broke nothing, and may be asked again. */
	asked();
	verdict(sweep_await(NULL), true);
	learn_done();
	answer(&result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	ck_assert_uint_eq(alert_count("monitor-broken"), 0);
}
END_TEST

START_TEST(a_monitor_that_only_sweeps_on_is_not_waited_for_for_ever)
{
	int64_t since = vhsm_now_ms();
	json_t *result;

	r.conf.monitor_hang_ms = 400;
	to_clean();
	asked();
	while (!answered()) {
		verdict(sweep_await(NULL), true);
		until(in_state(VHSM_WATCH_SWEEPING));
		ck_assert_int_lt(vhsm_now_ms() - since, 30000);
	}
	expect_failed();
	/* It still owes an answer, which is no lie when it comes. */
	call("baseline.learn", json_pack("{s:s,s:s}", "domain", "web",
					 "baseline", "web-6.1"), &result,
	     code);
	ck_assert_str_eq(code, "busy");
	learned("cpu-entry", "gates");
	learn_done();
	until(!web()->learning.owed);
	ck_assert(!acted("learn"));
	ck_assert_uint_eq(alert_count("monitor-broken"), 0);
}
END_TEST

START_TEST(a_monitor_that_ends_meanwhile_fails_the_learning)
{
	to_clean();
	asked();
	vhsm_channel_close(&monitor);
	expect_failed();
}
END_TEST

START_TEST(a_guest_that_is_not_clean_is_not_learned_from)
{
	json_t *result;

	to_clean();
	sweep_await(NULL);
	finding(VHSM_CHECK_YARA, "rule x");
	verdict(2, false);
	until(in_state(VHSM_WATCH_RESTING));
	call("baseline.learn", json_pack("{s:s,s:s}", "domain", "web",
					 "baseline", "web-6.1"), &result,
	     code);
	ck_assert_str_eq(code, "failed");
	ck_assert(!web()->learning.owed);
}
END_TEST

START_TEST(what_was_found_while_it_learned_spoils_it)
{
	uint64_t number;

	to_clean();
	asked();
	number = sweep_await(NULL);
	finding(VHSM_CHECK_YARA, "rule x");
	verdict(number, false);
	learned("cpu-entry", "gates");
	learn_done();
	expect_failed();
}
END_TEST

START_TEST(a_guest_with_an_open_incident_is_not_learned_from)
{
	json_t *result;

	to_clean();
	call("react", json_pack("{s:s,s:s}", "domain", "web", "reaction",
				"throttle"), &result, code);
	json_decref(result);
	call("baseline.learn", json_pack("{s:s,s:s}", "domain", "web",
					 "baseline", "web-6.1"), &result,
	     code);
	ck_assert_str_eq(code, "failed");
}
END_TEST

START_TEST(a_boot_that_was_not_measured_is_not_learned_from)
{
	json_t *result;

	to_clean();
	json_decref(web()->measured);
	web()->measured = NULL;
	call("baseline.learn", json_pack("{s:s,s:s}", "domain", "web",
					 "baseline", "web-6.1"), &result,
	     code);
	ck_assert_str_eq(code, "failed");
}
END_TEST

START_TEST(what_the_act_refuses_is_told)
{
	json_t *result;

	to_clean();
	write_file("vhsm-act", "#!/bin/sh\necho '{\"error\":{\"code\":\"failed\","
		   "\"message\":\"not booted as web-6.1: kernel\"}}' >&4\n",
		   0700);
	asked();
	verdict(sweep_await(NULL), true);
	learn_done();
	answer(&result, code);
	ck_assert_str_eq(code, "failed");
	ck_assert(!web()->learning.job && !web()->learning.call);
}
END_TEST

/* Our own change of them is looked at when it is done; so is another's. */
START_TEST(an_approval_withdrawn_while_it_is_written_counts)
{
	json_t *result;

	to_clean();
	act_hold("learn", true);
	asked();
	verdict(sweep_await(NULL), true);
	learn_done();
	until(acted("learn"));
	approved("", "");
	for (unsigned i = 0; i < 3; i++)
		verdict(sweep_await(NULL), true);
	act_hold("learn", false);
	answer(&result, code);
	json_decref(result);
	if (in_state(VHSM_WATCH_SWEEPING))
		verdict(web()->watch.sweep, true);
	until(alert_count("boot-unapproved") == 1);
	until(valid_ms == 0);
}
END_TEST

/* What no honest monitor says when it was asked to learn. */
static const struct {
	uint32_t type;
	const char *payload;
	unsigned times;
} lies[] = {
	{ VHSM_FRAME_LEARNED, "{\"check\":\"cpu-entry\",\"learned\":1}", 2 },
	{ VHSM_FRAME_LEARNED, "{\"check\":\"secret-leak\",\"learned\":1}", 1 },
	{ VHSM_FRAME_LEARNED, "{\"check\":\"monitor-lost\",\"learned\":1}", 1 },
	{ VHSM_FRAME_LEARNED, "{\"check\":\"cpu-entry\"}", 1 },
	{ VHSM_FRAME_LEARNED, "", 1 },
	{ VHSM_FRAME_LEARN_DONE, "{}", 1 },
	{ VHSM_FRAME_LEARN_FAILED, "{}", 1 },
	{ VHSM_FRAME_LEARN_FAILED, "{\"why\":\"\\u001b[2J\"}", 1 },
	{ VHSM_FRAME_LEARN_FAILED, "{\"why\":\"no\"}", 2 },
};

START_TEST(a_monitor_that_lies_about_learning_is_remade)
{
	to_clean();
	web()->policy.checks &= ~(UINT64_C(1) << VHSM_CHECK_SECRET_LEAK);
	asked();
	for (unsigned i = 0; i < lies[_i].times; i++)
		vhsm_channel_send(monitor, lies[_i].type, lies[_i].payload,
				  strlen(lies[_i].payload));
	expect_failed();
	broken_expect();
}
END_TEST

START_TEST(more_than_a_baseline_takes_is_refused)
{
	static char text[100000];
	static const char *const checks[] = {
		"kernel-text", "kernel-rodata", "syscall-table", "cpu-entry",
		"inline-hook", "trace-hook",
	};

	memset(text, 'a', sizeof(text) - 1);
	to_clean();
	asked();
	for (unsigned i = 0; i < 6; i++) {
		learned(checks[i], text);
		run_for(20);
	}
	expect_failed();
	broken_expect();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-learn");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all,
		       what_a_monitor_learned_is_written_with_the_boot_it_is_of);
	tcase_add_test(all, a_monitor_that_cannot_learn_is_answered_at_once);
	tcase_add_test(all,
		       a_monitor_that_only_sweeps_on_is_not_waited_for_for_ever);
	tcase_add_test(all, a_monitor_that_ends_meanwhile_fails_the_learning);
	tcase_add_test(all, a_guest_that_is_not_clean_is_not_learned_from);
	tcase_add_test(all, what_was_found_while_it_learned_spoils_it);
	tcase_add_test(all, a_guest_with_an_open_incident_is_not_learned_from);
	tcase_add_test(all, a_boot_that_was_not_measured_is_not_learned_from);
	tcase_add_test(all, what_the_act_refuses_is_told);
	tcase_add_test(all, an_approval_withdrawn_while_it_is_written_counts);
	tcase_add_loop_test(all, a_monitor_that_lies_about_learning_is_remade,
			    0, sizeof(lies) / sizeof(lies[0]));
	tcase_add_test(all, more_than_a_baseline_takes_is_refused);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
