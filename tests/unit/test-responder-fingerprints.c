/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's keys would look like: from the vault to its monitor. */
#include <config.h>

#include <unistd.h>

#include "unit/responder-rig.h"

/* Scans follow one another at this pace. */
static void scans_often(void)
{
	write_file("strict.conf", "lease-ms = 2000\nsweep-ms = 100\n"
		   "full-ms = 1000\n"
		   "check monitor-broken { reactions = { \"record\" } }\n", 0600);
}

static void sweep(void)
{
	verdict(sweep_await(NULL), true);
}

/* It says what none says. */
static void monitor_breaks(void)
{
	say(VHSM_FRAME_CONFIGURE, json_object());
	until(!web()->monitor.channel);
}

static void monitor_again(void)
{
	broken_expect();
	until(web()->monitor.channel);
	hello();
	until(in_state(VHSM_WATCH_SWEEPING));
}

START_TEST(a_monitor_knows_what_keys_look_like_before_its_first_sweep)
{
	to_sweep();
	sweep_await(NULL);
	ck_assert_uint_eq(rig_told.sets, 1);
	ck_assert_uint_eq(rig_told.entries, 2);
}
END_TEST

START_TEST(a_guest_without_keys_has_a_set_of_nothing)
{
	vault_entries = 0;
	to_sweep();
	sweep_await(NULL);
	ck_assert_uint_eq(rig_told.sets, 1);
	ck_assert_uint_eq(rig_told.entries, 0);
}
END_TEST

START_TEST(a_large_set_comes_in_parts_and_whole)
{
	vault_entries = 16384;
	to_sweep();
	sweep_await(NULL);
	ck_assert_uint_eq(rig_told.sets, 1);
	ck_assert_uint_eq(rig_told.entries, vault_entries);
}
END_TEST

START_TEST(keys_made_later_are_told_to_the_monitor_that_runs)
{
	scans_often();
	to_clean();
	vault_keyset = "second";
	vault_entries = 3;
	while (rig_told.sets < 2)
		sweep();
	ck_assert_uint_eq(rig_told.entries, 3);
	ck_assert_uint_eq(act_count("monitor-start"), 1);
}
END_TEST

START_TEST(the_same_keys_are_told_once)
{
	scans_often();
	to_clean();
	while (vault_asked < 4)
		sweep();
	sweep();
	ck_assert_uint_eq(rig_told.sets, 1);
}
END_TEST

START_TEST(the_vault_is_asked_no_more_often_than_all_memory_is_scanned)
{
	to_clean();
	for (unsigned i = 0; i < 10; i++)
		sweep();
	ck_assert_uint_eq(vault_asked, 1);
}
END_TEST

START_TEST(the_next_monitor_is_told_though_the_keys_are_the_same)
{
	to_clean();
	monitor_breaks();
	monitor_again();
	sweep_await(NULL);
	ck_assert_uint_eq(rig_told.sets, 2);
	ck_assert_uint_eq(rig_told.entries, 2);
}
END_TEST

START_TEST(the_vault_is_asked_once_at_a_time)
{
	scans_often();
	to_clean();
	vault_holds = true;
	while (vault_asked < 2)
		sweep();
	for (unsigned i = 0; i < 15; i++)
		sweep();
	ck_assert_uint_eq(vault_asked, 2);
	vault_answers();
	while (vault_asked < 3)
		sweep();
}
END_TEST

START_TEST(an_answer_that_comes_between_two_monitors_is_for_the_next)
{
	scans_often();
	to_clean();
	vault_keyset = "second";
	vault_entries = 3;
	vault_holds = true;
	while (vault_asked < 2)
		sweep();
	monitor_breaks();
	vault_answers();
	monitor_again();
	sweep_await(NULL);
	ck_assert_uint_eq(rig_told.sets, 2);
	ck_assert_uint_eq(rig_told.entries, 3);
}
END_TEST

START_TEST(a_monitor_is_not_started_without_what_it_must_look_for)
{
	vault_broken = true;
	domain_runs(5);
	until(in_state(VHSM_WATCH_STARTING) && web()->problem[0]);
	ck_assert_ptr_nonnull(strstr(web()->problem, "not now"));
	run_for(300);
	ck_assert(!acted("monitor-start"));
	ck_assert_int_eq(valid_ms, 0);
	/* As soon as the vault answers, it is. */
	vault_broken = false;
	until(monitor);
	ck_assert_uint_eq(alert_count("monitor-lost"), 0);
}
END_TEST

START_TEST(a_policy_that_does_not_search_for_keys_needs_no_vault)
{
	write_file("strict.conf", "lease-ms = 2000\nsweep-ms = 100\n"
		   "full-ms = 1000\nchecks = { \"kernel-text\" }\n", 0600);
	vault_broken = true;
	to_clean();
	for (unsigned i = 0; i < 15; i++)
		sweep();
	ck_assert_uint_eq(vault_asked, 0);
}
END_TEST

/* A running monitor goes on with what it knows. */
START_TEST(a_vault_that_fails_later_is_told_of_and_takes_no_keys)
{
	scans_often();
	to_clean();
	vault_broken = true;
	while (!strstr(web()->problem, "not now"))
		sweep();
	ck_assert_int_gt(valid_ms, 0);
	vault_broken = false;
	vault_keyset = "second";
	while (rig_told.sets < 2)
		sweep();
}
END_TEST

static const char *const nonsense[] = {
	"{", "[]", "{\"salt\": \"00\"}", "{\"entries\": 7}",
};

START_TEST(a_set_that_makes_no_sense_starts_no_monitor)
{
	vault_writes = nonsense[_i];
	domain_runs(5);
	until(in_state(VHSM_WATCH_STARTING) && web()->problem[0]);
	ck_assert_ptr_nonnull(strstr(web()->problem, "makes no sense"));
	run_for(200);
	ck_assert(!acted("monitor-start"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-fingerprints");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all,
		a_monitor_knows_what_keys_look_like_before_its_first_sweep);
	tcase_add_test(all, a_guest_without_keys_has_a_set_of_nothing);
	tcase_add_test(all, a_large_set_comes_in_parts_and_whole);
	tcase_add_test(all, keys_made_later_are_told_to_the_monitor_that_runs);
	tcase_add_test(all, the_same_keys_are_told_once);
	tcase_add_test(all,
		the_vault_is_asked_no_more_often_than_all_memory_is_scanned);
	tcase_add_test(all,
		the_next_monitor_is_told_though_the_keys_are_the_same);
	tcase_add_test(all, the_vault_is_asked_once_at_a_time);
	tcase_add_test(all,
		an_answer_that_comes_between_two_monitors_is_for_the_next);
	tcase_add_test(all,
		       a_monitor_is_not_started_without_what_it_must_look_for);
	tcase_add_test(all,
		       a_policy_that_does_not_search_for_keys_needs_no_vault);
	tcase_add_test(all,
		       a_vault_that_fails_later_is_told_of_and_takes_no_keys);
	tcase_add_loop_test(all, a_set_that_makes_no_sense_starts_no_monitor,
			    0, sizeof(nonsense) / sizeof(nonsense[0]));
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
