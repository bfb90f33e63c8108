/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-guest-memory.c - pages of a guest: what is kept of them, how much, and
 * for how long.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "unit/fake-memory.h"

#define PAGE VHSM_GUEST_PAGE_SIZE

START_TEST(pages_are_right_and_kept_ones_bounded)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint64_t i, gfn;

	for (i = 0; i < 20000; i++) {
		gfn = i * 7919 % 1000;
		ck_assert_uint_eq(number_at(m, gfn), gfn);
	}
	ck_assert_uint_eq(f.loaded_most, 8);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
}
END_TEST

START_TEST(kept_page_is_not_loaded_again)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint64_t round, gfn;

	for (round = 0; round < 3; round++)
		for (gfn = 0; gfn < 8 * 4; gfn++)
			number_at(m, gfn);
	ck_assert_uint_eq(f.loads, 8);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(longest_unused_makes_room)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint64_t chunk;

	for (chunk = 0; chunk < 8; chunk++)
		number_at(m, chunk * 4);
	number_at(m, 0);		/* now chunk 1 is */
	number_at(m, 8 * 4);
	ck_assert_uint_eq(f.loads, 9);
	number_at(m, 0);
	ck_assert_uint_eq(f.loads, 9);
	number_at(m, 1 * 4);
	ck_assert_uint_eq(f.loads, 10);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(forgotten_pages_are_let_go)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint64_t chunk;

	for (chunk = 0; chunk < 8; chunk++)
		number_at(m, chunk * 4);
	number_at(m, 0);
	vhsm_guest_memory_forget_oldest(m, 4);
	ck_assert_uint_eq(f.loaded, 6);
	number_at(m, 2 * 4);		/* younger: still kept */
	ck_assert_uint_eq(f.loads, 8);
	number_at(m, 0);		/* mapped first, though used last */
	ck_assert_uint_eq(f.loads, 9);
	vhsm_guest_memory_forget(m);
	ck_assert_uint_eq(f.loaded, 0);
	vhsm_guest_memory_forget_oldest(m, 4);
	ck_assert_uint_eq(number_at(m, 5), 5);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(a_guest_does_not_say_how_many_frames_are_looked_at)
{
	const uint64_t more = VHSM_FRAMES_HOLE + VHSM_FRAMES_SLACK;

	ck_assert_uint_eq(vhsm_guest_frames_max(65536, 1 << 20), 65536 + more);
	/* No more than the host has, whatever the toolstack says. */
	ck_assert_uint_eq(vhsm_guest_frames_max(UINT64_MAX, 1 << 20),
			  (1 << 20) + more);
	ck_assert_uint_eq(vhsm_guest_frames_max(UINT64_MAX, UINT64_MAX),
			  UINT64_MAX);
}
END_TEST

START_TEST(frame_that_appears_is_found)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint64_t number;

	f.missing = 6;
	ck_assert_ptr_null(vhsm_guest_memory_page(m, 6));
	ck_assert_uint_eq(number_at(m, 5), 5);
	ck_assert_int_eq(vhsm_guest_memory_read(m, 6 * PAGE - 4, &number, 8),
			 -EFAULT);
	f.missing = UINT64_MAX;
	ck_assert_uint_eq(number_at(m, 6), 6);
	ck_assert_int_eq(vhsm_guest_memory_read(m, 6 * PAGE - 4, &number, 8),
			 0);
	ck_assert_uint_eq(number, UINT64_C(6) << 32);
	ck_assert_uint_eq(f.loaded, 1);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(addresses_past_the_end_are_not_there)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	uint8_t bytes[64];

	ck_assert_ptr_null(vhsm_guest_memory_page(m, 1000));
	ck_assert_ptr_null(vhsm_guest_memory_page(m, UINT64_MAX));
	ck_assert_int_eq(vhsm_guest_memory_read(m, UINT64_MAX - 8, bytes, 64),
			 -EFAULT);
	ck_assert_uint_eq(f.loads, 0);
	vhsm_guest_memory_close(&m);
}
END_TEST

static int count_visit(uint64_t address, const uint8_t *bytes, size_t len,
		       void *arg)
{
	uint64_t *sum = arg, gfn;
	size_t at;

	for (at = 0; at < len; at += PAGE) {
		memcpy(&gfn, bytes + at, sizeof(gfn));
		ck_assert_uint_eq(gfn, (address + at) / PAGE);
		*sum += gfn;
	}
	return 0;
}

START_TEST(walk_visits_all_but_what_is_missing)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);
	struct vhsm_memory_stats stats;
	char why[VHSM_MEMORY_WHY_LEN];
	uint64_t sum = 0;

	f.missing = 501;
	ck_assert_int_eq(vhsm_guest_memory_walk(m, count_visit, &sum, &stats,
						why), 0);
	ck_assert_uint_eq(stats.pages, 999);
	ck_assert_uint_eq(sum, 999 * 1000 / 2 - 501);
	ck_assert_uint_eq(f.loaded, 0);
	vhsm_guest_memory_close(&m);
}
END_TEST

/* --- holes --- */

/* Frames 40 to 200 are not there, nor is frame 3. */
static struct vhsm_guest_memory *fake_open_with_hole(struct fake *f)
{
	struct vhsm_guest_memory *m = fake_open(f);

	f->hole = 40;
	f->hole_end = 201;
	f->missing = 3;
	return m;
}

/* The next frame that is there, over the steps that a hole takes: the calls. */
static unsigned next_there(struct vhsm_guest_memory *m, uint64_t *gfn)
{
	unsigned calls = 0;
	uint64_t before;

	do {
		before = *gfn;
		*gfn = vhsm_guest_memory_next(m, before);
		calls++;
	} while (*gfn != before && *gfn < vhsm_guest_memory_frames(m));
	return calls;
}

START_TEST(every_frame_that_is_there_comes_next)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_with_hole(&f);
	uint64_t gfn = 0, seen = 0, sum = 0;

	for (; gfn < 1000; gfn++) {
		next_there(m, &gfn);
		if (gfn == 1000)
			break;
		ck_assert_uint_eq(number_at(m, gfn), gfn);
		seen++;
		sum += gfn;
	}
	ck_assert_uint_eq(seen, 1000 - 161 - 1);
	ck_assert_uint_eq(sum, 999 * 1000 / 2 - 161 * (40 + 200) / 2 - 3);
	ck_assert_uint_eq(vhsm_guest_memory_next(m, 1000), 1000);
	ck_assert_uint_eq(vhsm_guest_memory_next(m, UINT64_MAX), 1000);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(a_hole_is_asked_for_a_little_at_a_time_and_once)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_with_hole(&f);
	uint64_t gfn = 40;
	unsigned loads, calls;

	ck_assert_uint_eq(vhsm_guest_memory_next(m, 40), 40 + 4 * 4);
	ck_assert_uint_eq(f.loads, 4);
	/* 40 chunks, and the one in which it ends. */
	ck_assert_uint_ge(next_there(m, &gfn), 40 / 4);
	ck_assert_uint_eq(gfn, 201);
	ck_assert_uint_eq(f.loads, 41);
	loads = f.loads;
	gfn = 40;
	calls = next_there(m, &gfn);
	ck_assert_uint_eq(gfn, 201);
	ck_assert_uint_eq(calls, 2);	/* and that it is there */
	ck_assert_uint_eq(f.loads, loads);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(a_hole_pushes_out_nothing)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_with_hole(&f);
	uint64_t chunk, gfn = 40;

	for (chunk = 0; chunk < 7; chunk++)
		number_at(m, chunk * 4 + (chunk == 0));
	next_there(m, &gfn);
	ck_assert_uint_eq(f.loads, 7 + 41);
	for (chunk = 0; chunk < 7; chunk++)
		number_at(m, chunk * 4 + (chunk == 0));
	ck_assert_uint_eq(f.loads, 7 + 41);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(frame_that_appears_in_a_hole_is_found)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_with_hole(&f);
	uint64_t gfn = 40, chunk;

	next_there(m, &gfn);
	ck_assert_ptr_null(vhsm_guest_memory_page(m, 100));
	ck_assert_uint_eq(f.loads, 41);
	f.hole_end = 100;
	ck_assert_uint_eq(number_at(m, 100), 100);
	/* It is no hole any more when it is no longer kept. */
	for (chunk = 60; chunk < 60 + 8; chunk++)
		number_at(m, chunk * 4);
	gfn = 40;
	next_there(m, &gfn);
	ck_assert_uint_eq(gfn, 100);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(holes_are_forgotten_like_what_is_kept)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_with_hole(&f);
	uint64_t gfn = 40;
	unsigned i;

	next_there(m, &gfn);
	f.hole = f.hole_end = 0;
	ck_assert_uint_ne(vhsm_guest_memory_next(m, 80), 80);
	for (i = 0; i < 4; i++)
		vhsm_guest_memory_forget_oldest(m, 4);
	ck_assert_uint_eq(vhsm_guest_memory_next(m, 80), 80);
	f.hole = 40;
	f.hole_end = 201;
	vhsm_guest_memory_forget(m);
	gfn = 80;
	next_there(m, &gfn);
	ck_assert_uint_eq(gfn, 201);
	f.hole = f.hole_end = 0;
	vhsm_guest_memory_forget(m);
	ck_assert_uint_eq(vhsm_guest_memory_next(m, 80), 80);
	vhsm_guest_memory_close(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("guest-memory");
	TCase *t = tcase_create("guest-memory");
	SRunner *runner;
	int failed;

	tcase_add_test(t, pages_are_right_and_kept_ones_bounded);
	tcase_add_test(t, kept_page_is_not_loaded_again);
	tcase_add_test(t, longest_unused_makes_room);
	tcase_add_test(t, forgotten_pages_are_let_go);
	tcase_add_test(t, a_guest_does_not_say_how_many_frames_are_looked_at);
	tcase_add_test(t, frame_that_appears_is_found);
	tcase_add_test(t, addresses_past_the_end_are_not_there);
	tcase_add_test(t, walk_visits_all_but_what_is_missing);
	tcase_add_test(t, every_frame_that_is_there_comes_next);
	tcase_add_test(t, a_hole_is_asked_for_a_little_at_a_time_and_once);
	tcase_add_test(t, a_hole_pushes_out_nothing);
	tcase_add_test(t, frame_that_appears_in_a_hole_is_found);
	tcase_add_test(t, holes_are_forgotten_like_what_is_kept);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
