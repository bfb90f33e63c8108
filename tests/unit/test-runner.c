/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-runner.c - what the runner lets through: only what is seen twice, once
 * an object, and no approval by a check that failed or could not tell all.  The
 * checks are made up, and so is the guest: a page.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "unit/runner-fixture.h"

START_TEST(a_sweep_without_findings_is_clean)
{
	ck_assert_int_eq(sweep(1), 0);
	ck_assert(verdict.clean);
	ck_assert_uint_eq(verdict.number, 1);
	ck_assert_uint_eq(verdict.findings, 0);
	ck_assert_uint_eq(verdict.run_count, 2);
	ck_assert(verdict.run[0].finished);
	ck_assert_uint_eq(verdict.run[0].objects, 5);
	ck_assert_uint_eq(play.runs, 1);
}
END_TEST

START_TEST(what_is_seen_once_does_not_count)
{
	play.reports = 1;
	play.until = 1;
	sweep(1);
	ck_assert_uint_eq(play.runs, 2);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

static void unsettled_expect(void)
{
	ck_assert_uint_eq(play.runs, VHSM_RUNNER_LOOKS_MAX);
	ck_assert(!verdict.clean);
	ck_assert(!verdict.run[0].finished);
	ck_assert_ptr_nonnull(strstr(verdict.run[0].error, "every look"));
}

START_TEST(another_object_at_the_second_look_does_not_count)
{
	play.reports = 1;
	play.moves = true;
	play.until = 2;
	sweep(1);
	ck_assert_uint_eq(play.runs, 3);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(other_objects_at_every_look_are_no_finding_and_not_clean)
{
	play.reports = 1;
	play.moves = true;
	sweep(1);
	ck_assert_uint_eq(told.count, 0);
	unsettled_expect();
	play.reports = 0;
	sweep(2);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(an_object_that_comes_back_at_a_later_look_counts)
{
	play.reports = 1;
	play.moves = true;
	play.back = 3;
	sweep(1);
	ck_assert_uint_eq(play.runs, 3);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_str_eq(told.last.object, "thing 1000");
	ck_assert(!verdict.clean);
}
END_TEST

START_TEST(what_is_known_does_not_hide_what_changes)
{
	play.reports = 1;
	sweep(1);
	ck_assert_uint_eq(told.count, 1);
	play.runs = 0;
	play.reports = 3;
	play.moves = true;
	sweep(2);
	unsettled_expect();
}
END_TEST

START_TEST(what_one_check_finds_does_not_push_out_anothers)
{
	play.moves = true;
	play.reports = VHSM_RUNNER_REPORTS_MAX + 1;
	play.steady_reports = true;
	for (unsigned i = 1; i <= 3; i++) {
		play.runs = 0;
		sweep(i);
		ck_assert(!verdict.clean);
		ck_assert_uint_eq(told.count, 1);
		ck_assert_uint_eq(told.again, i > 1);
		ck_assert_str_eq(told.last.object, "pid 666");
	}
}
END_TEST

START_TEST(many_findings_of_one_check_leave_room_to_tell_anothers)
{
	play.reports = VHSM_RUNNER_REPORTS_MAX;
	play.steady_reports = true;
	sweep(1);
	ck_assert_uint_eq(verdict.findings, VHSM_RUNNER_REPORTS_MAX + 1);
	ck_assert_uint_le(told.count, VHSM_FINDINGS_MAX);
	ck_assert_uint_eq(told.steady, 1);
	/* By and by, all of them. */
	for (unsigned i = 2, new = told.count; new < verdict.findings; i++) {
		ck_assert_uint_lt(i, 10);
		sweep(i);
		ck_assert_uint_eq(told.steady, 1);
		ck_assert_uint_le(told.count, VHSM_FINDINGS_MAX);
		ck_assert_uint_gt(told.count, told.again);
		new += told.count - told.again;
	}
}
END_TEST

START_TEST(a_check_that_has_more_than_it_tells_is_not_clean)
{
	play.cut = true;
	ck_assert_int_eq(sweep(1), 0);
	ck_assert(!verdict.clean);
	ck_assert(!verdict.run[0].finished);
	ck_assert_ptr_nonnull(strstr(verdict.run[0].error, "more than"));
	ck_assert(verdict.run[1].finished);
}
END_TEST

START_TEST(what_fails_at_the_first_look_has_failed)
{
	play.fails = -EFAULT;
	play.reports = 1;
	play.until = 1;
	sweep(1);
	ck_assert_uint_eq(play.runs, 2);
	ck_assert(!verdict.clean);
}
END_TEST

static bool page_stays;

/* Reports a page that is not zero, and makes the guest put it right. */
static int page_run(void *state, struct vhsm_sweep *sweep, char *reason)
{
	const struct vhsm_finding f = { .object = "page 0", .confidence = 95 };
	uint8_t byte;

	(void)state;
	(void)reason;
	play.runs++;
	ck_assert_int_eq(vhsm_guest_memory_read(sweep->kernel->memory, 0, &byte,
						1), 0);
	if (byte)
		sweep->report(sweep, &f);
	if (!page_stays)
		ck_assert_int_eq(pwrite(guest, "", 1, 0), 1);
	return 0;
}

/* A runner of that check alone, and the page is not zero. */
static void open_page(void)
{
	static const struct vhsm_check page = {
		.number = VHSM_CHECK_KERNEL_TEXT, .run = page_run,
	};
	static const struct vhsm_check *const page_table[] = { &page, NULL };

	vhsm_runner_close(&runner);
	open_runner_of(page_table, NULL);
	ck_assert_int_eq(pwrite(guest, "x", 1, 0), 1);
}

/* The page that was read is kept: it must not be what is read again. */
START_TEST(a_second_look_is_at_what_is_there_now)
{
	open_page();
	sweep(1);
	ck_assert_uint_eq(play.runs, 2);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(what_was_found_and_is_no_longer_there_is_not_found_again)
{
	open_page();
	page_stays = true;
	sweep(1);
	ck_assert_uint_eq(told.count, 1);
	sweep(2);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(pwrite(guest, "", 1, 0), 1);
	sweep(3);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

static void open_text(void)
{
	vhsm_runner_close(&runner);
	open_runner_of(text_table, NULL);
	ck_assert_ptr_nonnull(runner);
	play.reports = 1;
	play.moves = true;
}

START_TEST(where_nothing_may_change_another_change_counts)
{
	open_text();
	sweep(1);
	ck_assert_uint_eq(play.runs, 2);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_str_eq(told.last.object, "thing 2000");
	ck_assert(!verdict.clean);
}
END_TEST

START_TEST(a_change_of_another_page_is_another)
{
	open_text();
	play.step = 4096;
	play.until = 2;
	sweep(1);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(what_is_anothers_at_the_second_look_counts)
{
	open_text();
	play.until = 1;
	play.twin_from = 2;
	sweep(1);
	ck_assert_uint_eq(play.twin_runs, 2);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_str_eq(told.last.object, "hook");
	ck_assert(!verdict.clean);
}
END_TEST

START_TEST(two_changes_of_a_page_at_one_look_do_not_count)
{
	open_text();
	play.reports = 2;
	play.until = 1;
	sweep(1);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(what_is_seen_twice_is_told_once_and_safe_to_print)
{
	play.reports = 2;
	sweep(1);
	ck_assert_uint_eq(told.count, 2);
	ck_assert_uint_eq(told.again, 0);
	ck_assert_uint_eq(verdict.findings, 2);
	ck_assert(!verdict.clean);
	ck_assert_str_eq(told.last.object, "thing 1");
	ck_assert_str_eq(told.last.detail, "run 2?[2J");
	ck_assert_int_eq(told.last.check, VHSM_CHECK_MODULE_HIDDEN);
}
END_TEST

START_TEST(what_stays_is_told_again_without_a_second_look)
{
	play.reports = 1;
	sweep(1);
	play.runs = 0;
	sweep(2);
	ck_assert_uint_eq(play.runs, 1);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_uint_eq(told.again, 1);
	ck_assert(!verdict.clean);
}
END_TEST

START_TEST(what_went_away_is_new_when_it_comes_back)
{
	play.reports = 1;
	sweep(1);
	play.reports = 0;
	sweep(2);
	ck_assert(verdict.clean);
	play.reports = 1;
	play.runs = 0;
	sweep(3);
	ck_assert_uint_eq(play.runs, 2);
	ck_assert_uint_eq(told.again, 0);
	ck_assert_uint_eq(told.count, 1);
}
END_TEST

START_TEST(a_check_that_fails_is_not_clean_and_stops_no_other)
{
	play.fails = -ELOOP;
	ck_assert_int_eq(sweep(1), -ELOOP);
	ck_assert(!verdict.clean);
	ck_assert(!verdict.run[0].finished);
	ck_assert_str_eq(verdict.run[0].error, "the list loops");
	ck_assert(verdict.run[1].finished);
	play.fails = 0;
	ck_assert_int_eq(sweep(2), 0);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(more_findings_than_there_is_room_for_are_not_clean)
{
	play.reports = VHSM_RUNNER_REPORTS_MAX + 1;
	play.until = 1;
	sweep(1);
	ck_assert_uint_eq(told.count, 0);
	ck_assert(!verdict.clean);
	ck_assert(!verdict.run[0].finished);
}
END_TEST

START_TEST(a_check_that_cannot_be_opened_is_told_in_every_verdict)
{
	vhsm_runner_close(&runner);
	play.open = -EINVAL;
	open_runner(NULL);
	ck_assert_ptr_nonnull(runner);
	sweep(1);
	ck_assert(!verdict.clean);
	ck_assert_str_eq(verdict.run[0].error, "line 3 is wrong");
	ck_assert_uint_eq(play.runs, 0);
}
END_TEST

START_TEST(a_check_the_baseline_has_nothing_for_is_left_out)
{
	vhsm_runner_close(&runner);
	play.open = -ENOENT;
	open_runner(NULL);
	sweep(1);
	ck_assert(verdict.clean);
	ck_assert_uint_eq(verdict.run_count, 1);
}
END_TEST

START_TEST(only_the_checks_named_run_with_their_options)
{
	json_t *checks = json_pack("{s:s}", "module-hidden", "gently");

	vhsm_runner_close(&runner);
	open_runner(checks);
	sweep(1);
	ck_assert_uint_eq(verdict.run_count, 1);
	ck_assert_str_eq(play.options, "gently");
	vhsm_runner_close(&runner);
	json_object_set_new(checks, "module-hiden", json_null());
	open_runner(checks);
	ck_assert_ptr_null(runner);
	ck_assert_ptr_nonnull(strstr(runner_why, "module-hiden"));
	json_decref(checks);
}
END_TEST

START_TEST(what_checks_learn_stands_under_their_names)
{
	json_t *learned;

	ck_assert_int_eq(vhsm_runner_learn(runner, &kernel, &learned,
					   runner_why), 0);
	ck_assert_uint_eq(json_object_size(learned), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(learned,
					    "module-hidden")), 7);
	json_decref(learned);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runner");
	TCase *tests = tcase_create("runner");
	SRunner *srunner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, runner_begin, runner_end);
	tcase_add_test(tests, a_sweep_without_findings_is_clean);
	tcase_add_test(tests, what_is_seen_once_does_not_count);
	tcase_add_test(tests, another_object_at_the_second_look_does_not_count);
	tcase_add_test(tests, other_objects_at_every_look_are_no_finding_and_not_clean);
	tcase_add_test(tests, an_object_that_comes_back_at_a_later_look_counts);
	tcase_add_test(tests, what_is_known_does_not_hide_what_changes);
	tcase_add_test(tests, what_one_check_finds_does_not_push_out_anothers);
	tcase_add_test(tests, many_findings_of_one_check_leave_room_to_tell_anothers);
	tcase_add_test(tests, a_check_that_has_more_than_it_tells_is_not_clean);
	tcase_add_test(tests, what_fails_at_the_first_look_has_failed);
	tcase_add_test(tests, a_second_look_is_at_what_is_there_now);
	tcase_add_test(tests,
		       what_was_found_and_is_no_longer_there_is_not_found_again);
	tcase_add_test(tests, where_nothing_may_change_another_change_counts);
	tcase_add_test(tests, a_change_of_another_page_is_another);
	tcase_add_test(tests, what_is_anothers_at_the_second_look_counts);
	tcase_add_test(tests, two_changes_of_a_page_at_one_look_do_not_count);
	tcase_add_test(tests, what_is_seen_twice_is_told_once_and_safe_to_print);
	tcase_add_test(tests, what_stays_is_told_again_without_a_second_look);
	tcase_add_test(tests, what_went_away_is_new_when_it_comes_back);
	tcase_add_test(tests, a_check_that_fails_is_not_clean_and_stops_no_other);
	tcase_add_test(tests, more_findings_than_there_is_room_for_are_not_clean);
	tcase_add_test(tests, a_check_that_cannot_be_opened_is_told_in_every_verdict);
	tcase_add_test(tests, a_check_the_baseline_has_nothing_for_is_left_out);
	tcase_add_test(tests, only_the_checks_named_run_with_their_options);
	tcase_add_test(tests, what_checks_learn_stands_under_their_names);
	suite_add_tcase(suite, tests);
	srunner_run_all(srunner, CK_ENV);
	failed = srunner_ntests_failed(srunner);
	srunner_free(srunner);
	return failed != 0;
}
