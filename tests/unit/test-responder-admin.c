/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an admin changes while guests are watched: approvals, baselines, and
 * whether they are watched at all; and what of it outlives the responder.
 */
#include <config.h>

#include <sys/stat.h>

#include "common/clock.h"
#include "unit/responder-rig.h"

static char code[32];

static void expect_unapproved(void)
{
	until(alert_count("boot-unapproved") == 1);
	until(valid_ms == 0);
	until(acted("monitor-stop"));
	until(in_state(VHSM_WATCH_UNAPPROVED));
	/* Its monitor was not lost, and was not what told. */
	ck_assert_uint_eq(alert_count("monitor-lost"), 0);
}

START_TEST(an_approval_withdrawn_counts_from_the_next_sweep)
{
	int64_t since;
	char path[128];

	to_clean();
	approved("", "");
	snprintf(path, sizeof(path), "%s/baselines/approved/" UUID ".json",
		 dir);
	ck_assert_int_eq(remove(path), 0);
	since = vhsm_now_ms();
	until(alert_count("boot-unapproved") == 1);
	until(valid_ms == 0);
	ck_assert_int_lt(vhsm_now_ms() - since, 2000);
	expect_unapproved();
	/* Approved again it is watched again, by another monitor. */
	ck_assert_ptr_nonnull(strstr(web()->problem, "withdrawn"));
	approved("web-6.1", "d1");
	until(in_state(VHSM_WATCH_CONNECTING) && web()->monitor.channel);
	hello();
	verdict(sweep_await(NULL), true);
	until(valid_ms > 0);
	ck_assert_uint_eq(alert_count("boot-unapproved"), 1);
}
END_TEST

START_TEST(a_baseline_that_was_changed_or_removed_is_approved_no_longer)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/baselines/web-6.1", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("baselines/web-6.1/manifest.json", "old", 0600);
	to_clean();
	/* The approvals' file is as it was: only the baseline is not. */
	approved_is("", "");
	act_is("{\"error\":{\"code\":\"unapproved\",\"message\":\"changed\"}}",
	       "{\"result\":{\"domid\":9}}");
	snprintf(path, sizeof(path), "%s/baselines/web-6.1/manifest.json",
		 dir);
	if (_i)
		write_file("baselines/web-6.1/manifest.json", "changed", 0600);
	else
		ck_assert_int_eq(remove(path), 0);
	expect_unapproved();
}
END_TEST

START_TEST(a_change_that_leaves_the_guest_approved_changes_nothing)
{
	to_clean();
	looked = 0;
	approved("web-6.1", "d1");
	for (unsigned i = 0; i < 3; i++)
		verdict(sweep_await(NULL), true);
	/* Read once, for it changed once. */
	sweep_await(NULL);
	ck_assert_uint_eq(looked, 1);
	ck_assert(!acted("monitor-stop"));
	ck_assert_uint_eq(alert_count("boot-unapproved"), 0);
}
END_TEST

START_TEST(another_state_of_the_baseline_gets_another_monitor)
{
	to_clean();
	approved("web-6.1", "d2");
	act_is("{\"result\":{\"baseline\":\"web-6.1\",\"manifest\":\"d2\"}}",
	       "{\"result\":{\"domid\":9}}");
	until(acted("monitor-stop"));
	until(in_state(VHSM_WATCH_CONNECTING) && web()->monitor.channel);
	hello();
	verdict(sweep_await(NULL), true);
	sweep_await(NULL);
	ck_assert_str_eq(web()->manifest, "d2");
	ck_assert_uint_eq(alert_count("boot-unapproved"), 0);
	ck_assert_uint_eq(alert_count("monitor-lost"), 0);
}
END_TEST

static void stop_watch(void)
{
	json_t *result;

	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(valid_ms == -1);
}

static void restart(void)
{
	responder_stop();
	responder_start();
	ck_assert_int_eq(vhsm_state_load(&r), 0);
	valid_ms = -2;
	level[0] = '\0';
}

START_TEST(a_watch_that_was_stopped_stays_so_over_a_restart)
{
	to_clean();
	stop_watch();
	restart();
	domain_runs(5);
	/* Its keys depend on nothing, also if the broker has forgotten. */
	until(valid_ms == -1);
	ck_assert_str_eq(level, "full");
	run_for(300);
	ck_assert(web()->stopped);
	ck_assert(in_state(VHSM_WATCH_ABSENT));
	/* And over another one. */
	restart();
	domain_runs(5);
	until(valid_ms == -1);
	ck_assert(web()->stopped && in_state(VHSM_WATCH_ABSENT));
	ck_assert_str_eq(level, "full");
}
END_TEST

START_TEST(a_domain_created_meanwhile_is_watched)
{
	to_clean();
	stop_watch();
	restart();
	domain_runs(6);
	ck_assert(!web()->stopped);
	until(in_state(VHSM_WATCH_CONNECTING));
	until(valid_ms == 0);
}
END_TEST

/* While it reboots, and when it comes back much later. */
START_TEST(a_guest_whose_policy_was_taken_away_is_not_watched_when_it_comes)
{
	to_clean();
	write_file("web.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n"
		   "vhsm = [ \"keys=a\" ]\n", 0600);
	if (_i) {
		domain_runs(0);
		run_for(100);
	}
	domain_runs(6);
	if (web())
		until(valid_ms == -1);
	run_for(300);
	ck_assert(!web() || (web()->stopped && in_state(VHSM_WATCH_ABSENT)));
	/* Nobody has said so: what a device demands still counts, and it is
	 * looked at anew when we are started anew. */
	ck_assert(!gate_unwatched);
	restart();
	ck_assert_ptr_null(web());
}
END_TEST

START_TEST(an_admins_word_counts_where_no_policy_is_named)
{
	to_clean();
	write_file("web.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n"
		   "vhsm = [ \"keys=a\" ]\n", 0600);
	domain_runs(6);
	until(valid_ms == -1);
	ck_assert(!gate_unwatched);
	stop_watch();
	until(gate_unwatched);
}
END_TEST

/* It was ended for no domain, so not for the next. */
START_TEST(a_watch_that_was_ended_while_nothing_ran_is_that_of_the_configuration)
{
	json_t *result;

	to_clean();
	call("watch.start", json_pack("{s:s,s:s}", "domain", "web", "policy",
				      "strict"), &result, code);
	json_decref(result);
	domain_runs(0);
	until(in_state(VHSM_WATCH_ABSENT));
	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	domain_runs(6);
	ck_assert(!web()->stopped);
	until(in_state(VHSM_WATCH_CONNECTING));
	until(valid_ms == 0);
	ck_assert(!gate_unwatched);
}
END_TEST

START_TEST(a_stopped_domain_that_is_gone_leaves_nothing)
{
	to_clean();
	stop_watch();
	restart();
	domain_runs(0);
	ck_assert_ptr_null(web());
	restart();
	ck_assert_uint_eq(r.guest_count, 0);
}
END_TEST

START_TEST(after_another_boot_of_the_host_the_number_is_anothers)
{
	char command[160];

	to_clean();
	stop_watch();
	snprintf(command, sizeof(command), "sed -i 's/\"host\": \".*\"/"
		 "\"host\": \"another\"/' %s/state.json", dir);
	ck_assert_int_eq(system(command), 0);
	restart();
	domain_runs(5);
	ck_assert(!web()->stopped);
	until(valid_ms == 0);
}
END_TEST

START_TEST(a_stopped_watch_is_started_again_after_a_restart)
{
	json_t *result;

	to_clean();
	stop_watch();
	restart();
	domain_runs(5);
	call("watch.start", json_pack("{s:s,s:s}", "domain", "web", "policy",
				      "strict"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(in_state(VHSM_WATCH_CONNECTING));
	until(valid_ms == 0);
}
END_TEST

START_TEST(a_stopped_watch_can_be_shown_whatever_the_domain_is_called)
{
	struct vhsm_domain_seen seen = { .domid = 5, .uuid = UUID,
					 .name = "web\xff" };
	json_t *shown;

	to_clean();
	stop_watch();
	restart();
	vhsm_roster_changed(&seen, 1, &r);
	ck_assert(web()->stopped);
	shown = vhsm_watched_json(web());
	ck_assert_ptr_nonnull(shown);
	json_decref(shown);
}
END_TEST

START_TEST(a_monitor_is_waited_for_as_long_as_the_new_policy_asks)
{
	json_t *result;

	write_file("slow.conf", "lease-ms = 5000\nsweep-ms = 1000\n", 0600);
	r.conf.monitor_hang_ms = 400;
	to_clean();
	ck_assert_uint_eq(web()->times.hang_ms, 400);
	call("watch.start", json_pack("{s:s,s:s}", "domain", "web", "policy",
				      "slow"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	ck_assert_uint_eq(web()->times.hang_ms, 3000);
	/* As in the file that a guest finds when it comes again. */
	write_file("slow.conf", "lease-ms = 5000\nsweep-ms = 500\n", 0600);
	domain_runs(6);
	ck_assert_uint_eq(web()->times.hang_ms, 1500);
}
END_TEST

START_TEST(a_policy_that_is_gone_at_a_restart_still_slows_down)
{
	char path[128];
	json_t *result;

	to_clean();
	call("watch.start", json_pack("{s:s,s:s}", "domain", "web", "policy",
				      "strict"), &result, code);
	json_decref(result);
	snprintf(path, sizeof(path), "%s/strict.conf", dir);
	ck_assert_int_eq(remove(path), 0);
	restart();
	domain_runs(5);
	call("react", json_pack("{s:s,s:s}", "domain", "web", "reaction",
				"throttle"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	/* A rate of 0 is none that the broker takes. */
	ck_assert_uint_gt(web()->incident.rate, 0);
}
END_TEST

START_TEST(a_broker_that_comes_back_is_told_of_stopped_watches)
{
	to_clean();
	stop_watch();
	valid_ms = -2;
	vhsm_keys_again(&r);
	until(valid_ms == -1);
	ck_assert_str_eq(level, "full");
}
END_TEST

START_TEST(a_broker_that_did_not_hear_of_the_end_is_told_again)
{
	json_t *result;

	to_clean();
	broker_silent = true;
	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	json_decref(result);
	until(valid_ms == -1);
	/* Not that its lease is over. */
	broker_silent = false;
	valid_ms = -2;
	until(valid_ms != -2);
	ck_assert_int_eq(valid_ms, -1);
	ck_assert_str_eq(level, "full");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-admin");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, an_approval_withdrawn_counts_from_the_next_sweep);
	tcase_add_loop_test(all,
		a_baseline_that_was_changed_or_removed_is_approved_no_longer,
		0, 2);
	tcase_add_test(all,
		a_change_that_leaves_the_guest_approved_changes_nothing);
	tcase_add_test(all,
		       another_state_of_the_baseline_gets_another_monitor);
	tcase_add_test(all, a_watch_that_was_stopped_stays_so_over_a_restart);
	tcase_add_test(all, a_domain_created_meanwhile_is_watched);
	tcase_add_loop_test(all,
		a_guest_whose_policy_was_taken_away_is_not_watched_when_it_comes,
		0, 2);
	tcase_add_test(all, an_admins_word_counts_where_no_policy_is_named);
	tcase_add_test(all,
	       a_watch_that_was_ended_while_nothing_ran_is_that_of_the_configuration);
	tcase_add_test(all, a_stopped_domain_that_is_gone_leaves_nothing);
	tcase_add_test(all,
		       a_stopped_watch_can_be_shown_whatever_the_domain_is_called);
	tcase_add_test(all,
		       a_monitor_is_waited_for_as_long_as_the_new_policy_asks);
	tcase_add_test(all,
		       a_policy_that_is_gone_at_a_restart_still_slows_down);
	tcase_add_test(all,
		       after_another_boot_of_the_host_the_number_is_anothers);
	tcase_add_test(all, a_stopped_watch_is_started_again_after_a_restart);
	tcase_add_test(all, a_broker_that_comes_back_is_told_of_stopped_watches);
	tcase_add_test(all,
		       a_broker_that_did_not_hear_of_the_end_is_told_again);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
