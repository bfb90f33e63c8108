/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-responder-sight.c - what a monitor is told of what its guest wrote, and
 * a guest that it cannot see.
 */
#include <config.h>

#include "unit/responder-rig.h"

static void failed(uint64_t number, const char *error)
{
	struct vhsm_verdict v = verdict_of(number, false);

	v.findings = 0;
	v.run[0].finished = false;
	snprintf(v.run[0].error, sizeof(v.run[0].error), "%s", error);
	say(VHSM_FRAME_VERDICT, vhsm_verdict_encode(&v));
}

START_TEST(a_guest_that_cannot_be_seen_is_told_of_once)
{
	uint64_t number;

	to_clean();
	for (unsigned i = 0; i < 9; i++)
		failed(sweep_await(NULL), "it changes");
	/* Seen well now and then: that counts, and no more than once. */
	verdict(sweep_await(NULL), true);
	failed(sweep_await(NULL), "it changes");
	number = sweep_await(NULL);
	ck_assert_uint_eq(alert_count("blinded"), 0);
	failed(number, "it changes");
	for (unsigned i = 0; i < 3; i++)
		failed(sweep_await(NULL), "it changes");
	ck_assert_uint_eq(alert_count("blinded"), 1);
	ck_assert_uint_eq(alert_count("it changes"), 1);
}
END_TEST

START_TEST(what_is_only_recorded_does_not_hide_that_a_guest_is_not_seen)
{
	to_clean();
	for (unsigned i = 0; i < 10; i++) {
		uint64_t number = sweep_await(NULL);

		finding(VHSM_CHECK_YARA, "rule x");
		failed(number, "it changes");
	}
	sweep_await(NULL);
	ck_assert_uint_eq(alert_count("blinded"), 1);
}
END_TEST

START_TEST(a_guest_that_was_found_out_is_not_told_of_again)
{
	to_clean();
	for (unsigned i = 0; i < 12; i++) {
		uint64_t number = sweep_await(NULL);

		finding(VHSM_CHECK_CPU_ENTRY, "LSTAR");
		failed(number, "it changes");
	}
	sweep_await(NULL);
	ck_assert_uint_eq(alert_count("blinded"), 0);
}
END_TEST

START_TEST(pages_beyond_a_guests_memory_are_told_of_once)
{
	to_clean();
	sweep_await(NULL);
	ck_assert_uint_eq(alert_count("blinded"), 0);
	rig_last = UINT64_C(1) << 36;
	for (unsigned i = 2; i < 5; i++) {
		verdict(i, true);
		sweep_await(NULL);
	}
	ck_assert_uint_eq(alert_count("blinded"), 1);
	ck_assert_uint_eq(alert_count("0x1000000000"), 1);
}
END_TEST

/* A monitor that reads a sweep's frames only when all are sent. */
START_TEST(what_was_written_is_told_whole_whatever_the_guests_size)
{
	unsigned chunks = 0;

	rig_frames = UINT64_C(1) << 24;		/* 64 GiB: 2 MiB */
	rig_all_written = true;
	r.conf.monitor_hang_ms = 8000;
	to_clean();
	run_for(200);
	sweep_await(&chunks);
	ck_assert_uint_eq(chunks, rig_frames / 32768);
	ck_assert(in_state(VHSM_WATCH_SWEEPING));
}
END_TEST

START_TEST(of_what_is_too_much_to_tell_nothing_is_told)
{
	unsigned chunks = 0;

	rig_frames = UINT64_C(1) << 28;		/* 1 TiB: 32 MiB */
	rig_all_written = true;
	r.conf.monitor_hang_ms = 8000;
	to_clean();
	verdict(sweep_await(&chunks), true);
	ck_assert_uint_eq(chunks, 0);
	rig_all_written = false;
	sweep_await(&chunks);
	ck_assert_uint_eq(chunks, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-sight");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failures;

	tcase_add_checked_fixture(all, begin, end);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, a_guest_that_cannot_be_seen_is_told_of_once);
	tcase_add_test(all, what_is_only_recorded_does_not_hide_that_a_guest_is_not_seen);
	tcase_add_test(all, a_guest_that_was_found_out_is_not_told_of_again);
	tcase_add_test(all, pages_beyond_a_guests_memory_are_told_of_once);
	tcase_add_test(all, what_was_written_is_told_whole_whatever_the_guests_size);
	tcase_add_test(all, of_what_is_too_much_to_tell_nothing_is_told);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_ENV);
	failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures != 0;
}
