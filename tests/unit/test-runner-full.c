/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-runner-full.c - full scans: when they run, what they find and leave out
 * as not written, and what their failing means for a verdict.
 */
#include <check.h>
#include <errno.h>

#include "unit/runner-fixture.h"

static const uint8_t none[1];		/* of 8 frames was written */

START_TEST(a_full_scan_goes_on_where_it_stopped)
{
	play.slices = 3;
	play.full_reports = true;
	scan();
	ck_assert_uint_eq(play.full_runs, 3);
	ck_assert_uint_eq(told.count, 3);
	ck_assert_uint_eq(told.again, 2);
	sweep(1);
	ck_assert_uint_eq(verdict.full_done, 1);
	ck_assert(!verdict.clean);
	ck_assert_uint_eq(verdict.run_count, 3);
	sweep(2);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(a_full_scan_that_fails_is_not_clean_until_it_works)
{
	play.full_fails = -EFAULT;
	scan();
	sweep(1);
	ck_assert(!verdict.clean);
	ck_assert_uint_eq(verdict.full_done, 0);
	play.full_fails = 0;
	scan();
	sweep(2);
	ck_assert(verdict.clean);
	ck_assert_uint_eq(verdict.full_done, 1);
}
END_TEST

START_TEST(a_full_scan_that_finds_too_much_has_failed)
{
	play.full_cut = true;
	scan();
	sweep(1);
	ck_assert(!verdict.clean);
	ck_assert_uint_eq(verdict.run_count, 3);
	ck_assert(!verdict.run[2].finished);
	play.full_cut = false;
	scan();
	sweep(2);
	ck_assert(verdict.clean);
}
END_TEST

START_TEST(a_scan_waits_until_it_is_told_what_was_written)
{
	vhsm_runner_dirty(runner, 64, 0, none, 8);
	scan();
	ck_assert_uint_eq(play.full_runs, 1);
	scan();
	ck_assert_uint_eq(play.full_runs, 1);
	vhsm_runner_dirty(runner, 64, 0, none, 8);
	scan();
	ck_assert_uint_eq(play.full_runs, 2);
	/* Who is told nothing at all does not wait. */
	vhsm_runner_dirty_unknown(runner);
	scan();
	ck_assert_uint_eq(play.full_runs, 3);
}
END_TEST

START_TEST(only_a_scan_after_a_tracked_one_leaves_frames_out)
{
	const uint8_t bits[1] = { 0x05 };

	scan();
	ck_assert_ptr_null(play.dirty);
	vhsm_runner_dirty(runner, 64, 0, bits, 8);
	scan();		/* what was written before it is not known */
	ck_assert_ptr_null(play.dirty);
	vhsm_runner_dirty(runner, 64, 1, bits, 8);
	scan();
	ck_assert_ptr_nonnull(play.dirty);
	ck_assert_uint_eq(play.dirty_byte, 0x0a);
	vhsm_runner_dirty(runner, 64, 0, none, 8);
	scan();
	ck_assert_uint_eq(play.dirty_byte, 0);
	vhsm_runner_dirty_unknown(runner);
	scan();
	ck_assert_ptr_null(play.dirty);
}
END_TEST

START_TEST(a_scan_after_one_that_failed_leaves_nothing_out)
{
	const uint8_t bits[1] = { 0x01 };

	vhsm_runner_dirty(runner, 64, 0, bits, 8);
	scan();
	play.full_fails = -EFAULT;
	vhsm_runner_dirty(runner, 64, 0, bits, 8);
	scan();
	ck_assert_ptr_nonnull(play.dirty);
	play.full_fails = 0;
	vhsm_runner_dirty(runner, 64, 0, bits, 8);
	scan();
	ck_assert_ptr_null(play.dirty);
}
END_TEST

static void scan_told(void)
{
	vhsm_runner_dirty(runner, 64, 0, none, 8);
	scan();
}

/* A key that leaked stays leaked, though nobody writes to it any more. */
START_TEST(where_something_was_found_the_next_scan_looks_again)
{
	scan_told();
	scan_told();
	ck_assert_ptr_nonnull(play.dirty);
	play.full_reports = true;
	play.full_physical = 0x3123;
	scan_told();
	play.full_reports = false;
	scan_told();
	ck_assert_uint_eq(play.dirty_byte, 0x08);
	/* Then it is gone. */
	scan_told();
	ck_assert_uint_eq(play.dirty_byte, 0);
	play.full_reports = true;
	play.full_physical = 0;
	scan_told();
	scan_told();
	ck_assert_ptr_null(play.dirty);
}
END_TEST

START_TEST(a_scan_after_one_that_found_too_much_leaves_nothing_out)
{
	scan_told();
	play.full_cut = true;
	scan_told();
	ck_assert_ptr_nonnull(play.dirty);
	scan_told();
	ck_assert_ptr_null(play.dirty);
}
END_TEST

START_TEST(dirty_bits_outside_the_guest_are_ignored)
{
	const uint8_t bits[4] = { 0xff, 0xff, 0xff, 0xff };

	vhsm_runner_dirty(runner, 10, UINT64_MAX, bits, 32);
	vhsm_runner_dirty(runner, 10, 8, bits, 32);
	scan();
	vhsm_runner_dirty(runner, 10, 8, bits, 32);
	scan();
	ck_assert_uint_eq(play.dirty_byte, 0);
	ck_assert_uint_eq(play.dirty[1], 0x03);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runner-full");
	TCase *tests = tcase_create("runner-full");
	SRunner *srunner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, runner_begin, runner_end);
	tcase_add_test(tests, a_full_scan_that_finds_too_much_has_failed);
	tcase_add_test(tests, a_full_scan_goes_on_where_it_stopped);
	tcase_add_test(tests, a_full_scan_that_fails_is_not_clean_until_it_works);
	tcase_add_test(tests, a_scan_waits_until_it_is_told_what_was_written);
	tcase_add_test(tests, only_a_scan_after_a_tracked_one_leaves_frames_out);
	tcase_add_test(tests, a_scan_after_one_that_failed_leaves_nothing_out);
	tcase_add_test(tests, where_something_was_found_the_next_scan_looks_again);
	tcase_add_test(tests, a_scan_after_one_that_found_too_much_leaves_nothing_out);
	tcase_add_test(tests, dirty_bits_outside_the_guest_are_ignored);
	suite_add_tcase(suite, tests);
	srunner_run_all(srunner, CK_ENV);
	failed = srunner_ntests_failed(srunner);
	srunner_free(srunner);
	return failed != 0;
}
