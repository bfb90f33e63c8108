/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-runner.c - what the runner lets through: only what is seen twice, once
 * an object, and no approval by a check that failed or could not tell all.  The
 * checks are made up, and so is the guest: a page.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "guest-memory.h"
#include "run.h"

#define ALL_FULL_MS	1u

/* What the made-up checks do, set by each test. */
static struct {
	unsigned runs;			/* of the quick check */
	unsigned until;			/* reports only in runs below this */
	unsigned reports;		/* of different objects, a run */
	int fails;			/* what it returns */
	bool moves;			/* other objects in each run */
	unsigned back;			/* ...but in this run the first again */
	uint64_t step;			/* and so much behind the last */
	bool cut;			/* there is more */
	unsigned twin_runs;		/* the other check of its region */
	unsigned twin_from;		/* reports in runs from this on; 0: no */
	bool steady_reports;
	int open;			/* what its open returns */
	unsigned slices;		/* a full run needs */
	unsigned full_runs;
	int full_fails;
	bool full_reports;
	uint64_t full_physical;
	bool full_cut;
	const uint8_t *dirty;		/* as the full check got it */
	uint8_t dirty_byte;
	char options[32];
} play;

static struct {
	unsigned count, again, steady;
	struct vhsm_finding last;
} told;

static void tell(void *arg, const struct vhsm_finding *f, bool again)
{
	(void)arg;
	told.count++;
	told.steady += f->check == VHSM_CHECK_CREDENTIALS;
	told.again += again;
	told.last = *f;
}

static int quick_open(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	const char *text = json_string_value(setup->options);

	*state = NULL;
	snprintf(play.options, sizeof(play.options), "%s", text ? text : "");
	if (play.open)
		snprintf(why, VHSM_CHECK_WHY_LEN, "line 3 is wrong");
	return play.open;
}

static int quick_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .confidence = 90 };
	unsigned i;

	(void)state;
	play.runs++;
	sweep->objects = 5;
	if (play.runs > play.until)
		return play.fails;
	for (i = 0; i < play.reports; i++) {
		unsigned run = play.runs == play.back ? 1 : play.runs;

		snprintf(f.object, sizeof(f.object), "thing %u",
			 play.moves ? 1000 * run + i : i);
		f.address = 0x5000 + run * play.step;
		snprintf(f.detail, sizeof(f.detail), "run %u\x1b[2J", play.runs);
		sweep->report(sweep, &f);
		sweep->report(sweep, &f);	/* the same object, twice */
	}
	sweep->cut = play.cut;
	if (play.fails)
		snprintf(why, VHSM_CHECK_WHY_LEN, "the list loops");
	return play.fails;
}

static int quick_learn(void *state, struct vhsm_sweep *sweep, json_t **learned,
		       char *why)
{
	(void)state;
	(void)sweep;
	(void)why;
	*learned = json_integer(7);
	return 0;
}

static int full_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .object = "frame 3", .confidence = 90,
				  .physical = play.full_physical };

	(void)state;
	(void)why;
	play.full_runs++;
	play.dirty = sweep->dirty;
	if (sweep->dirty)
		play.dirty_byte = sweep->dirty[0];
	sweep->cut = play.full_cut;
	if (play.full_reports)
		sweep->report(sweep, &f);
	if (play.slices && play.full_runs % play.slices)
		return VHSM_CHECK_MORE;
	return play.full_fails;
}

static int steady_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_finding f = { .object = "pid 666", .confidence = 95 };

	(void)state;
	(void)why;
	sweep->objects = 1;
	if (play.steady_reports)
		sweep->report(sweep, &f);
	return 0;
}

static int twin_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .object = "hook", .confidence = 95,
				  .address = 0x5ff8 };

	(void)state;
	(void)why;
	play.twin_runs++;
	if (play.twin_from && play.twin_runs >= play.twin_from)
		sweep->report(sweep, &f);
	return 0;
}

static const struct vhsm_check quick = {
	.number = VHSM_CHECK_MODULE_HIDDEN, .open = quick_open,
	.run = quick_run, .learn = quick_learn,
};
static const struct vhsm_check steady = {
	.number = VHSM_CHECK_CREDENTIALS, .run = steady_run,
};
static const struct vhsm_check full = {
	.number = VHSM_CHECK_YARA, .run = full_run,
};
static const struct vhsm_check *const table[] = {
	&quick, &steady, &full, NULL
};
/* Two that judge the same bytes. */
static const struct vhsm_check text = {
	.number = VHSM_CHECK_KERNEL_TEXT, .region = VHSM_REGION_TEXT,
	.open = quick_open, .run = quick_run,
};
static const struct vhsm_check twin = {
	.number = VHSM_CHECK_INLINE_HOOK, .region = VHSM_REGION_TEXT,
	.run = twin_run,
};
static const struct vhsm_check *const text_table[] = { &text, &twin, NULL };

static const uint8_t none[1];		/* of 8 frames was written */
static struct vhsm_runner *runner;
static struct vhsm_kernel kernel;
static int guest = -1;			/* the file its memory is */
static struct vhsm_verdict verdict;
static char why[VHSM_RUNNER_WHY_LEN];

static void open_runner_of(const struct vhsm_check *const *checks_there,
			   const json_t *checks)
{
	const struct vhsm_runner_setup setup = {
		.table = checks_there, .checks = checks, .confirm_ms = 1,
		.full_ms = ALL_FULL_MS, .found = tell,
	};

	runner = vhsm_runner_open(&setup, why);
}

static void open_runner(const json_t *checks)
{
	open_runner_of(table, checks);
}

static void begin(void)
{
	char path[32], memory_why[VHSM_MEMORY_WHY_LEN];

	guest = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(guest, VHSM_GUEST_PAGE_SIZE), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", guest);
	kernel.memory = vhsm_guest_memory_open_image(path, memory_why);
	ck_assert_ptr_nonnull(kernel.memory);
	memset(&play, 0, sizeof(play));
	memset(&told, 0, sizeof(told));
	play.until = UINT32_MAX;
	open_runner(NULL);
	ck_assert_ptr_nonnull(runner);
}

static void end(void)
{
	vhsm_runner_close(&runner);
	vhsm_guest_memory_close(&kernel.memory);
	close(guest);
}

static int sweep(uint64_t number)
{
	memset(&told, 0, sizeof(told));
	return vhsm_runner_sweep(runner, &kernel, number, &verdict);
}

/* A full scan, waiting until it is due. */
static void scan(void)
{
	const struct timespec due = { .tv_nsec = 2 * ALL_FULL_MS * 1000000 };

	nanosleep(&due, NULL);
	while (vhsm_runner_slice(runner, &kernel, 0) == VHSM_CHECK_MORE)
		;
}

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
	ck_assert_int_eq(pwrite(guest, "", 1, 0), 1);
	return 0;
}

/* The page that was read is kept: it must not be what is read again. */
START_TEST(a_second_look_is_at_what_is_there_now)
{
	static const struct vhsm_check page = {
		.number = VHSM_CHECK_KERNEL_TEXT, .run = page_run,
	};
	static const struct vhsm_check *const page_table[] = { &page, NULL };

	vhsm_runner_close(&runner);
	open_runner_of(page_table, NULL);
	ck_assert_int_eq(pwrite(guest, "x", 1, 0), 1);
	sweep(1);
	ck_assert_uint_eq(play.runs, 2);
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
	ck_assert_ptr_nonnull(strstr(why, "module-hiden"));
	json_decref(checks);
}
END_TEST

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

START_TEST(what_checks_learn_stands_under_their_names)
{
	json_t *learned;

	ck_assert_int_eq(vhsm_runner_learn(runner, &kernel, &learned, why), 0);
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

	tcase_add_checked_fixture(tests, begin, end);
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
	tcase_add_test(tests, where_nothing_may_change_another_change_counts);
	tcase_add_test(tests, a_change_of_another_page_is_another);
	tcase_add_test(tests, what_is_anothers_at_the_second_look_counts);
	tcase_add_test(tests, two_changes_of_a_page_at_one_look_do_not_count);
	tcase_add_test(tests, a_full_scan_that_finds_too_much_has_failed);
	tcase_add_test(tests, what_is_seen_twice_is_told_once_and_safe_to_print);
	tcase_add_test(tests, what_stays_is_told_again_without_a_second_look);
	tcase_add_test(tests, what_went_away_is_new_when_it_comes_back);
	tcase_add_test(tests, a_check_that_fails_is_not_clean_and_stops_no_other);
	tcase_add_test(tests, more_findings_than_there_is_room_for_are_not_clean);
	tcase_add_test(tests, a_check_that_cannot_be_opened_is_told_in_every_verdict);
	tcase_add_test(tests, a_check_the_baseline_has_nothing_for_is_left_out);
	tcase_add_test(tests, only_the_checks_named_run_with_their_options);
	tcase_add_test(tests, a_full_scan_goes_on_where_it_stopped);
	tcase_add_test(tests, a_full_scan_that_fails_is_not_clean_until_it_works);
	tcase_add_test(tests, a_scan_waits_until_it_is_told_what_was_written);
	tcase_add_test(tests, only_a_scan_after_a_tracked_one_leaves_frames_out);
	tcase_add_test(tests, a_scan_after_one_that_failed_leaves_nothing_out);
	tcase_add_test(tests, where_something_was_found_the_next_scan_looks_again);
	tcase_add_test(tests, a_scan_after_one_that_found_too_much_leaves_nothing_out);
	tcase_add_test(tests, dirty_bits_outside_the_guest_are_ignored);
	tcase_add_test(tests, what_checks_learn_stands_under_their_names);
	suite_add_tcase(suite, tests);
	srunner_run_all(srunner, CK_ENV);
	failed = srunner_ntests_failed(srunner);
	srunner_free(srunner);
	return failed != 0;
}
