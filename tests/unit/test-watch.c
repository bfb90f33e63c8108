/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a watched guest: every path through watch.h, on a clock of our
 * own.
 */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "responder/watch.h"

static const struct vhsm_watch_times times = {
	.sweep_ms = 1000, .hang_ms = 4000, .start_ms = 60000,
};

static struct vhsm_watch w;
static uint64_t now;

static void begin(void)
{
	w = (struct vhsm_watch){ .state = VHSM_WATCH_ABSENT };
	now = 1000000;
}

static uint32_t step(enum vhsm_watch_happened happened, bool ok)
{
	return vhsm_watch_step(&w, &times, happened, ok, now);
}

static uint32_t tick(uint64_t ms)
{
	now += ms;
	return step(VHSM_TICK, false);
}

#define expect(todo, want_todo, want_state) do { \
	ck_assert_uint_eq(todo, want_todo); \
	ck_assert_str_eq(vhsm_watch_state_name(w.state), \
			 vhsm_watch_state_name(want_state)); \
} while (0)

static void to_starting(void)
{
	expect(step(VHSM_CAME, false), VHSM_DO_GATE | VHSM_DO_MEASURE,
	       VHSM_WATCH_MEASURING);
	expect(step(VHSM_MEASURED, true), VHSM_DO_MATCH, VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, true), VHSM_DO_START, VHSM_WATCH_STARTING);
}

static void to_connecting(void)
{
	to_starting();
	expect(step(VHSM_STARTED, true), 0, VHSM_WATCH_CONNECTING);
}

static void to_sweeping(void)
{
	to_connecting();
	expect(tick(0), VHSM_DO_CONNECT, VHSM_WATCH_CONNECTING);
	expect(step(VHSM_HELLO, false), VHSM_DO_CONFIGURE | VHSM_DO_SWEEP,
	       VHSM_WATCH_SWEEPING);
}

static void to_resting(void)
{
	to_sweeping();
	expect(step(VHSM_VERDICT, true), VHSM_DO_GATE, VHSM_WATCH_RESTING);
}

START_TEST(a_good_guest_is_swept_again_and_again)
{
	to_sweeping();
	ck_assert_uint_eq(w.sweep, 1);
	now += 300;
	expect(step(VHSM_VERDICT, true), VHSM_DO_GATE, VHSM_WATCH_RESTING);
	/* The lease counts from when the sweep was asked for. */
	ck_assert_uint_eq(w.clean_ms, now - 300);
	expect(tick(699), 0, VHSM_WATCH_RESTING);
	expect(tick(1), VHSM_DO_SWEEP, VHSM_WATCH_SWEEPING);
	ck_assert_uint_eq(w.sweep, 2);
	ck_assert_uint_eq(w.ordered_ms, now);
}
END_TEST

START_TEST(a_sweep_that_took_longer_than_the_interval_is_followed_at_once)
{
	to_resting();
	tick(1000);
	now += 3000;
	step(VHSM_VERDICT, true);
	expect(tick(0), VHSM_DO_SWEEP, VHSM_WATCH_SWEEPING);
}
END_TEST

START_TEST(an_unclean_verdict_renews_nothing)
{
	uint64_t clean;

	to_resting();
	clean = w.clean_ms;
	tick(1000);
	expect(step(VHSM_VERDICT, false), VHSM_DO_GATE, VHSM_WATCH_RESTING);
	ck_assert_uint_eq(w.clean_ms, clean);
}
END_TEST

START_TEST(a_boot_not_known_yet_is_measured_again)
{
	step(VHSM_CAME, false);
	expect(step(VHSM_MEASURED, false), 0, VHSM_WATCH_MEASURING);
	expect(tick(VHSM_WATCH_RETRY_MS - 1), 0, VHSM_WATCH_MEASURING);
	expect(tick(1), VHSM_DO_MEASURE, VHSM_WATCH_MEASURING);
	expect(step(VHSM_MEASURED, true), VHSM_DO_MATCH, VHSM_WATCH_MATCHING);
}
END_TEST

START_TEST(an_unapproved_boot_is_told_once_and_matched_until_approved)
{
	step(VHSM_CAME, false);
	step(VHSM_MEASURED, true);
	expect(step(VHSM_MATCHED, false),
	       VHSM_DO_GATE | VHSM_ALERT_UNAPPROVED, VHSM_WATCH_UNAPPROVED);
	ck_assert_uint_eq(w.clean_ms, 0);
	expect(tick(VHSM_WATCH_RECHECK_MS), VHSM_DO_MATCH,
	       VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, false), 0, VHSM_WATCH_UNAPPROVED);
	tick(VHSM_WATCH_RECHECK_MS);
	expect(step(VHSM_MATCHED, true), VHSM_DO_START, VHSM_WATCH_STARTING);
	ck_assert(!w.told_unapproved);
}
END_TEST

START_TEST(an_unapproved_boot_is_told_again_after_a_reboot)
{
	step(VHSM_CAME, false);
	step(VHSM_MEASURED, true);
	step(VHSM_MATCHED, false);
	step(VHSM_CAME, false);
	step(VHSM_MEASURED, true);
	expect(step(VHSM_MATCHED, false),
	       VHSM_DO_GATE | VHSM_ALERT_UNAPPROVED, VHSM_WATCH_UNAPPROVED);
}
END_TEST

START_TEST(a_silent_monitor_is_remade)
{
	to_resting();
	tick(1000);
	expect(tick(3999), 0, VHSM_WATCH_SWEEPING);
	expect(tick(1), VHSM_ALERT_LOST | VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	expect(step(VHSM_STOPPED, false), 0, VHSM_WATCH_BACKOFF);
	expect(tick(VHSM_WATCH_BACKOFF_MIN), VHSM_DO_MATCH,
	       VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, true), VHSM_DO_START, VHSM_WATCH_STARTING);
	ck_assert_uint_eq(w.restarts, 1);
}
END_TEST

START_TEST(the_first_sweep_may_take_as_long_as_starting)
{
	to_sweeping();
	expect(tick(59999), 0, VHSM_WATCH_SWEEPING);
	expect(tick(1), VHSM_ALERT_LOST | VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
}
END_TEST

/* A boot loader runs in the guest: the sweep after it is the first. */
START_TEST(a_sweep_that_found_no_kernel_is_not_the_first)
{
	to_sweeping();
	expect(step(VHSM_BLIND, false), VHSM_DO_GATE, VHSM_WATCH_RESTING);
	ck_assert_uint_eq(w.clean_ms, 0);
	expect(tick(1000), VHSM_DO_SWEEP, VHSM_WATCH_SWEEPING);
	expect(tick(59999), 0, VHSM_WATCH_SWEEPING);
	expect(step(VHSM_VERDICT, true), VHSM_DO_GATE, VHSM_WATCH_RESTING);
	tick(1000);
	expect(step(VHSM_BLIND, false), VHSM_DO_GATE, VHSM_WATCH_RESTING);
	tick(1000);
	expect(tick(4000), VHSM_ALERT_LOST | VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
}
END_TEST

START_TEST(a_monitor_that_never_says_hello_is_remade)
{
	to_connecting();
	for (unsigned i = 0; i < 60000 / VHSM_WATCH_CONNECT_MS; i++)
		expect(tick(i ? VHSM_WATCH_CONNECT_MS : 0), VHSM_DO_CONNECT,
		       VHSM_WATCH_CONNECTING);
	expect(tick(VHSM_WATCH_CONNECT_MS), VHSM_ALERT_LOST | VHSM_DO_HANG_UP |
	       VHSM_DO_STOP | VHSM_DO_GATE, VHSM_WATCH_STOPPING);
}
END_TEST

START_TEST(a_lost_monitor_is_told_once_until_it_is_back)
{
	to_resting();
	expect(step(VHSM_LOST, false), VHSM_ALERT_LOST | VHSM_DO_HANG_UP |
	       VHSM_DO_STOP | VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	step(VHSM_STOPPED, false);
	tick(60000);
	step(VHSM_MATCHED, true);
	expect(step(VHSM_STARTED, false), 0, VHSM_WATCH_BACKOFF);
	tick(60000);
	step(VHSM_MATCHED, true);
	step(VHSM_STARTED, true);
	expect(step(VHSM_LOST, false), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	step(VHSM_STOPPED, false);
	tick(60000);
	step(VHSM_MATCHED, true);
	step(VHSM_STARTED, true);
	step(VHSM_HELLO, false);
	step(VHSM_VERDICT, true);
	ck_assert_uint_ne(step(VHSM_LOST, false) & VHSM_ALERT_LOST, 0);
}
END_TEST

START_TEST(a_monitor_that_cannot_be_made_is_tried_ever_more_slowly)
{
	uint32_t last = 0;

	to_starting();
	expect(step(VHSM_STARTED, false), VHSM_ALERT_LOST, VHSM_WATCH_BACKOFF);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_uint_ge(w.backoff_ms, last);
		ck_assert_uint_le(w.backoff_ms, VHSM_WATCH_BACKOFF_MAX);
		last = w.backoff_ms;
		expect(tick(last), VHSM_DO_MATCH, VHSM_WATCH_MATCHING);
		step(VHSM_MATCHED, true);
		expect(step(VHSM_STARTED, false), 0, VHSM_WATCH_BACKOFF);
	}
	ck_assert_uint_eq(last, VHSM_WATCH_BACKOFF_MAX);
	/* One that lived for long is remade soon. */
	tick(last);
	step(VHSM_MATCHED, true);
	step(VHSM_STARTED, true);
	now += VHSM_WATCH_GOOD_MS;
	step(VHSM_LOST, false);
	step(VHSM_STOPPED, false);
	ck_assert_uint_eq(w.backoff_ms, VHSM_WATCH_BACKOFF_MIN);
}
END_TEST

START_TEST(a_monitor_that_breaks_the_protocol_is_remade)
{
	const uint32_t todo = VHSM_ALERT_BROKEN | VHSM_DO_HANG_UP |
		VHSM_DO_STOP | VHSM_DO_GATE;

	to_resting();
	expect(step(VHSM_BROKEN, false), todo, VHSM_WATCH_STOPPING);
	/* What it says then is heard no more. */
	expect(step(VHSM_VERDICT, true), 0, VHSM_WATCH_STOPPING);
	begin();
	to_resting();
	/* Nobody asked. */
	expect(step(VHSM_VERDICT, true), todo, VHSM_WATCH_STOPPING);
	begin();
	to_sweeping();
	expect(step(VHSM_HELLO, false), todo, VHSM_WATCH_STOPPING);
	begin();
	to_connecting();
	expect(step(VHSM_VERDICT, true), todo, VHSM_WATCH_STOPPING);
}
END_TEST

START_TEST(a_guest_that_goes_takes_its_monitor_along)
{
	to_resting();
	expect(step(VHSM_GONE, false), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	ck_assert_uint_eq(w.clean_ms, 0);
	expect(step(VHSM_STOPPED, false), 0, VHSM_WATCH_ABSENT);
	ck_assert_uint_eq(w.deadline_ms, 0);
}
END_TEST

START_TEST(a_guest_that_goes_while_its_monitor_is_made_leaves_none)
{
	to_starting();
	expect(step(VHSM_GONE, false), 0, VHSM_WATCH_STARTING);
	expect(step(VHSM_STARTED, true), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	expect(step(VHSM_STOPPED, false), 0, VHSM_WATCH_ABSENT);
	begin();
	to_starting();
	step(VHSM_GONE, false);
	expect(step(VHSM_STARTED, false), 0, VHSM_WATCH_ABSENT);
}
END_TEST

START_TEST(a_guest_that_goes_early_is_just_absent)
{
	step(VHSM_CAME, false);
	expect(step(VHSM_GONE, false), 0, VHSM_WATCH_ABSENT);
	/* The measurement that was under way comes too late. */
	expect(step(VHSM_MEASURED, true), 0, VHSM_WATCH_ABSENT);
	begin();
	step(VHSM_CAME, false);
	step(VHSM_MEASURED, true);
	expect(step(VHSM_GONE, false), 0, VHSM_WATCH_ABSENT);
	expect(step(VHSM_MATCHED, true), 0, VHSM_WATCH_ABSENT);
}
END_TEST

START_TEST(a_rebooted_guest_is_measured_anew_and_has_no_lease_until_swept)
{
	to_resting();
	ck_assert_uint_ne(w.clean_ms, 0);
	expect(step(VHSM_CAME, false), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	ck_assert_uint_eq(w.clean_ms, 0);
	expect(step(VHSM_STOPPED, false), VHSM_DO_GATE | VHSM_DO_MEASURE,
	       VHSM_WATCH_MEASURING);
	ck_assert(!w.again);
}
END_TEST

START_TEST(a_reboot_while_a_monitor_is_made_or_removed_is_not_missed)
{
	to_starting();
	expect(step(VHSM_CAME, false), VHSM_DO_GATE, VHSM_WATCH_STARTING);
	/* That monitor is another boot's. */
	expect(step(VHSM_STARTED, true), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	expect(step(VHSM_STOPPED, false), VHSM_DO_GATE | VHSM_DO_MEASURE,
	       VHSM_WATCH_MEASURING);
	begin();
	to_resting();
	step(VHSM_GONE, false);
	expect(step(VHSM_CAME, false), VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	expect(step(VHSM_STOPPED, false), VHSM_DO_GATE | VHSM_DO_MEASURE,
	       VHSM_WATCH_MEASURING);
	begin();
	to_starting();
	step(VHSM_CAME, false);
	expect(step(VHSM_STARTED, false), VHSM_DO_GATE | VHSM_DO_MEASURE,
	       VHSM_WATCH_MEASURING);
}
END_TEST

START_TEST(an_approval_withdrawn_while_the_monitor_was_away_ends_the_lease)
{
	to_resting();
	step(VHSM_LOST, false);
	step(VHSM_STOPPED, false);
	ck_assert_uint_ne(w.clean_ms, 0);
	tick(60000);
	expect(step(VHSM_MATCHED, false), VHSM_DO_GATE | VHSM_ALERT_UNAPPROVED,
	       VHSM_WATCH_UNAPPROVED);
	ck_assert_uint_eq(w.clean_ms, 0);
}
END_TEST

START_TEST(an_approval_withdrawn_ends_the_lease_at_once)
{
	to_resting();
	tick(1000);
	expect(step(VHSM_CHANGED, false), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE | VHSM_ALERT_UNAPPROVED, VHSM_WATCH_STOPPING);
	ck_assert_uint_eq(w.clean_ms, 0);
	/* Perhaps it is approved as something else: at once, and told once. */
	expect(step(VHSM_STOPPED, false), VHSM_DO_MATCH, VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, false), 0, VHSM_WATCH_UNAPPROVED);
	expect(tick(VHSM_WATCH_RECHECK_MS), VHSM_DO_MATCH,
	       VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, true), VHSM_DO_START, VHSM_WATCH_STARTING);
}
END_TEST

START_TEST(another_approved_baseline_gets_another_monitor)
{
	uint64_t clean;

	to_resting();
	clean = w.clean_ms;
	tick(1000);
	expect(step(VHSM_CHANGED, true), VHSM_DO_HANG_UP | VHSM_DO_STOP |
	       VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	ck_assert_uint_eq(w.clean_ms, clean);
	expect(step(VHSM_STOPPED, false), VHSM_DO_MATCH, VHSM_WATCH_MATCHING);
	expect(step(VHSM_MATCHED, true), VHSM_DO_START, VHSM_WATCH_STARTING);
	/* The next that is lost is nothing of that. */
	step(VHSM_STARTED, true);
	expect(step(VHSM_LOST, false), VHSM_ALERT_LOST | VHSM_DO_HANG_UP |
	       VHSM_DO_STOP | VHSM_DO_GATE, VHSM_WATCH_STOPPING);
	expect(step(VHSM_STOPPED, false), 0, VHSM_WATCH_BACKOFF);
}
END_TEST

START_TEST(a_change_without_a_monitor_is_seen_by_the_next_match)
{
	to_starting();
	expect(step(VHSM_CHANGED, false), 0, VHSM_WATCH_STARTING);
	begin();
	expect(step(VHSM_CHANGED, false), 0, VHSM_WATCH_ABSENT);
}
END_TEST

/* Whatever happens in whatever order: a monitor is stopped before another is
 * started, and started only for a guest that is there and was matched. */
START_TEST(no_order_of_events_leaves_two_monitors)
{
	bool monitor = false, starting = false, matched = false, there = false;
	uint32_t seed = 12345 + _i, todo;

	for (unsigned i = 0; i < 20000; i++) {
		enum vhsm_watch_happened happened;
		bool ok;

		seed = seed * 1103515245 + 12345;
		happened = (seed >> 16) % (VHSM_TICK + 1);
		ok = seed >> 30 & 1;
		/* Answers come only to questions. */
		if (happened == VHSM_STARTED && !starting)
			continue;
		if (happened == VHSM_STOPPED && w.state != VHSM_WATCH_STOPPING)
			continue;
		if (happened == VHSM_CAME || happened == VHSM_GONE) {
			there = happened == VHSM_CAME;
			matched = false;
		}
		if (happened == VHSM_MATCHED && w.state == VHSM_WATCH_MATCHING)
			matched = ok;
		if (happened == VHSM_STARTED) {
			starting = false;
			monitor = ok;
		}
		if (happened == VHSM_STOPPED)
			monitor = false;
		now += seed >> 20 & 0xfff;
		todo = step(happened, ok);
		if (happened == VHSM_CHANGED && todo)
			matched = false;
		if (todo & VHSM_DO_START) {
			ck_assert(!monitor && !starting && there && matched);
			starting = true;
		}
		if (todo & VHSM_DO_STOP)
			ck_assert(monitor);
		if (todo & (VHSM_DO_SWEEP | VHSM_DO_CONFIGURE))
			ck_assert(monitor && there);
		if (w.clean_ms)
			ck_assert(there);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, NULL);
	tcase_add_test(all, a_good_guest_is_swept_again_and_again);
	tcase_add_test(all,
		a_sweep_that_took_longer_than_the_interval_is_followed_at_once);
	tcase_add_test(all, an_unclean_verdict_renews_nothing);
	tcase_add_test(all, a_boot_not_known_yet_is_measured_again);
	tcase_add_test(all,
		an_unapproved_boot_is_told_once_and_matched_until_approved);
	tcase_add_test(all, an_unapproved_boot_is_told_again_after_a_reboot);
	tcase_add_test(all, a_silent_monitor_is_remade);
	tcase_add_test(all, the_first_sweep_may_take_as_long_as_starting);
	tcase_add_test(all, a_sweep_that_found_no_kernel_is_not_the_first);
	tcase_add_test(all, a_monitor_that_never_says_hello_is_remade);
	tcase_add_test(all, a_lost_monitor_is_told_once_until_it_is_back);
	tcase_add_test(all,
		a_monitor_that_cannot_be_made_is_tried_ever_more_slowly);
	tcase_add_test(all, a_monitor_that_breaks_the_protocol_is_remade);
	tcase_add_test(all, a_guest_that_goes_takes_its_monitor_along);
	tcase_add_test(all,
		a_guest_that_goes_while_its_monitor_is_made_leaves_none);
	tcase_add_test(all, a_guest_that_goes_early_is_just_absent);
	tcase_add_test(all,
		a_rebooted_guest_is_measured_anew_and_has_no_lease_until_swept);
	tcase_add_test(all,
		a_reboot_while_a_monitor_is_made_or_removed_is_not_missed);
	tcase_add_test(all,
		an_approval_withdrawn_while_the_monitor_was_away_ends_the_lease);
	tcase_add_test(all, an_approval_withdrawn_ends_the_lease_at_once);
	tcase_add_test(all, another_approved_baseline_gets_another_monitor);
	tcase_add_test(all,
		       a_change_without_a_monitor_is_seen_by_the_next_match);
	tcase_add_loop_test(all, no_order_of_events_leaves_two_monitors, 0, 8);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
