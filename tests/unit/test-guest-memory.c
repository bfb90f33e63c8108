/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-guest-memory.c - pages of a guest: what is kept of them, how much, and
 * for how long.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-memory-backend.h"

#define PAGE VHSM_GUEST_PAGE_SIZE

/* A made-up kind of memory: every frame but some is there, and says its own
 * number; counts what is asked of it. */
struct fake {
	struct vhsm_guest_memory base;
	uint64_t missing;		/* the one frame that is not there */
	uint64_t hole, hole_end;	/* nor are these; the end is there */
	unsigned loads, loaded, loaded_most;
	unsigned pages, pages_most;	/* mapped by load_frames */
	unsigned made;			/* pages, by load_frames, ever */
	bool blank;			/* nothing is written to them */
	uint64_t version;		/* in a frame's second word */
	bool slow;			/* a load takes a while */
};

static int fake_load(struct vhsm_guest_memory *m, uint64_t first,
		     unsigned count, uint8_t **bytes, uint64_t *present)
{
	struct fake *f = (struct fake *)m;
	unsigned i;

	f->loads++;
	if (f->slow)
		usleep(2000);
	if (first >= f->hole && first + count <= f->hole_end)
		return 0;
	*bytes = calloc(count, PAGE);
	for (i = 0; i < count; i++) {
		uint64_t gfn = first + i;

		memcpy(*bytes + i * PAGE, &gfn, sizeof(gfn));
		memcpy(*bytes + i * PAGE + sizeof(gfn), &f->version,
		       sizeof(f->version));
		if (gfn != f->missing &&
		    (gfn < f->hole || gfn >= f->hole_end))
			present[i / 64] |= UINT64_C(1) << (i % 64);
	}
	if (++f->loaded > f->loaded_most)
		f->loaded_most = f->loaded;
	return 0;
}

static bool is_there(const struct fake *f, uint64_t gfn)
{
	return gfn != f->missing && (gfn < f->hole || gfn >= f->hole_end);
}

static int fake_load_frames(struct vhsm_guest_memory *m, const uint64_t *gfn,
			    unsigned count, uint8_t **bytes, uint64_t *present)
{
	struct fake *f = (struct fake *)m;
	unsigned i, there = 0;

	f->loads++;
	f->made += count;
	if (f->slow)
		usleep(2000);
	*bytes = calloc(count, PAGE);
	for (i = 0; i < count; i++) {
		ck_assert_uint_lt(gfn[i], f->base.frames);
		if (!is_there(f, gfn[i]))
			continue;
		there++;
		present[i / 64] |= UINT64_C(1) << (i % 64);
		if (f->blank)
			continue;
		memcpy(*bytes + i * PAGE, &gfn[i], sizeof(gfn[i]));
		memcpy(*bytes + i * PAGE + sizeof(gfn[i]), &f->version,
		       sizeof(f->version));
	}
	if (!there) {
		free(*bytes);
		*bytes = NULL;
		return 0;
	}
	if (++f->loaded > f->loaded_most)
		f->loaded_most = f->loaded;
	f->pages += count;
	if (f->pages > f->pages_most)
		f->pages_most = f->pages;
	return 0;
}

static void fake_unload(struct vhsm_guest_memory *m, uint8_t *bytes,
			unsigned count)
{
	struct fake *f = (struct fake *)m;

	f->loaded--;
	if (f->base.load_frames)
		f->pages -= count;
	free(bytes);
}

static bool fake_appeared(struct vhsm_guest_memory *m, uint64_t gfn)
{
	return is_there((struct fake *)m, gfn);
}

static void fake_close(struct vhsm_guest_memory *m)
{
	(void)m;
}

static struct vhsm_guest_memory *fake_open(struct fake *f)
{
	*f = (struct fake){ .missing = UINT64_MAX };
	f->base.load = fake_load;
	f->base.unload = fake_unload;
	f->base.appeared = fake_appeared;
	f->base.close = fake_close;
	f->base.frames = 1000;
	f->base.chunk_pages = 4;
	f->base.chunk_max = 8;
	ck_assert_int_eq(guest_memory_init(&f->base), 0);
	return &f->base;
}

static uint64_t number_at(struct vhsm_guest_memory *m, uint64_t gfn)
{
	const uint8_t *page = vhsm_guest_memory_page(m, gfn);
	uint64_t number;

	ck_assert_ptr_nonnull(page);
	memcpy(&number, page, sizeof(number));
	return number;
}

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

static uint64_t version_at(struct vhsm_guest_memory *m, uint64_t gfn)
{
	const uint8_t *page = vhsm_guest_memory_page(m, gfn);
	uint64_t version;

	ck_assert_ptr_nonnull(page);
	memcpy(&version, page + sizeof(gfn), sizeof(version));
	return version;
}

/* One of which any frames can be mapped, as a running domain's. */
static struct vhsm_guest_memory *fake_open_live(struct fake *f, uint64_t frames)
{
	struct vhsm_guest_memory *m = fake_open(f);

	f->base.frames = frames;
	f->base.load_frames = fake_load_frames;
	return m;
}

/* A look at so many frames, step apart: how many were as they are. */
static unsigned look(struct fake *f, unsigned count, unsigned step, uint64_t us)
{
	unsigned i, right = 0;

	vhsm_guest_memory_look_begin(&f->base, us);
	for (i = 0; i < count; i++) {
		ck_assert_uint_eq(number_at(&f->base, step * i), step * i);
		right += version_at(&f->base, step * i) == f->version;
	}
	vhsm_guest_memory_look_end(&f->base);
	return right;
}

START_TEST(a_frame_that_was_exchanged_is_seen_at_the_next_look)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1000);

	ck_assert_uint_eq(look(&f, 5, 4, 1000000), 5);
	f.version = 1;
	ck_assert_uint_eq(look(&f, 5, 4, 1000000), 5);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
}
END_TEST

START_TEST(an_image_that_was_written_is_seen_at_the_next_look)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open(&f);

	ck_assert_uint_eq(look(&f, 5, 4, 0), 5);
	f.version = 1;
	ck_assert_uint_eq(version_at(m, 0), 0);
	ck_assert_uint_eq(look(&f, 5, 4, 0), 5);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(what_a_look_uses_is_mapped_without_its_neighbours)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1 << 20);

	ck_assert_uint_eq(look(&f, 300, 700, 0), 300);
	ck_assert_uint_eq(f.pages_most, 300);
	/* Together from then on. */
	f.loads = 0;
	look(&f, 300, 700, 0);
	ck_assert_uint_eq(f.loads, 2);
	ck_assert_uint_eq(f.pages, 300);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.pages, 0);
}
END_TEST

START_TEST(neighbours_that_are_asked_for_in_order_come_together)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 4096);

	look(&f, 4096, 1, 0);
	ck_assert_uint_le(f.loads, 8 + 4096 / PAGE_SET_LEN);
	ck_assert_uint_le(f.pages, 4096);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(what_costs_too_much_is_seen_a_part_at_each_look)
{
	const unsigned count = 10 * PAGE_SET_LEN;
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 65536);
	unsigned i;

	look(&f, count, 3, 0);
	look(&f, count, 3, 0);
	f.version = 1;
	for (i = 1; i < VHSM_MAPPING_LOOKS; i++) {
		f.made = 0;
		ck_assert_uint_ge(look(&f, count, 3, 0),
				  i * count / VHSM_MAPPING_LOOKS);
		ck_assert_uint_le(f.made, 3 * PAGE_SET_LEN);
	}
	ck_assert_uint_eq(look(&f, count, 3, 0), count);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(no_look_and_nobody_between_gets_an_older_mapping)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1000);
	unsigned i;

	version_at(m, 4 * 7);		/* no look uses it */
	f.version = 1;
	for (i = 1; i < VHSM_MAPPING_LOOKS; i++) {
		look(&f, 2, 4, 0);
		ck_assert_uint_eq(version_at(m, 4 * 7), 0);
	}
	look(&f, 2, 4, 0);
	ck_assert_uint_eq(version_at(m, 4 * 7), 1);
	f.base.load_frames = NULL;	/* its pages are not counted */
	vhsm_guest_memory_close(&m);
}
END_TEST

/* What is used in one look of two is not kept for long. */
START_TEST(what_looks_do_not_use_any_more_is_let_go)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 65536);
	unsigned i;

	look(&f, 4 * PAGE_SET_LEN, 9, 0);
	for (i = 0; i <= VHSM_MAPPING_LOOKS; i++)
		look(&f, 3, 1, 0);
	ck_assert_uint_eq(f.pages, 3);
	vhsm_guest_memory_close(&m);
}
END_TEST

START_TEST(a_frame_that_is_gone_is_not_there_and_may_come_again)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1000);
	unsigned i;

	look(&f, 5, 1, 0);
	f.missing = 2;
	for (i = 0; i < 3; i++) {
		vhsm_guest_memory_look_begin(m, 0);
		number_at(m, 1);
		ck_assert_ptr_null(vhsm_guest_memory_page(m, 2));
		number_at(m, 3);
		vhsm_guest_memory_look_end(m);
	}
	f.missing = UINT64_MAX;
	ck_assert_uint_eq(look(&f, 5, 1, 0), 5);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
}
END_TEST

START_TEST(a_second_look_sees_what_is_there_now)
{
	const unsigned count = 9 * PAGE_SET_LEN;
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 65536);
	unsigned i;

	look(&f, count, 2, 0);
	look(&f, count, 2, 0);
	vhsm_guest_memory_look_begin(m, 0);
	version_at(m, 6);
	f.version = 1;
	ck_assert_uint_eq(version_at(m, 6), 0);
	vhsm_guest_memory_look_again(m);
	f.made = 0;
	for (i = 0; i < 100; i++)
		ck_assert_uint_eq(version_at(m, 2 * i), 1);
	/* No more than it used, and once. */
	version_at(m, 6);
	ck_assert_uint_eq(f.made, 100);
	vhsm_guest_memory_look_end(m);
	for (i = 0; i < 2 * VHSM_MAPPING_LOOKS; i++)
		look(&f, count, 2, 0);
	ck_assert_uint_eq(f.pages, count);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
}
END_TEST

START_TEST(a_look_at_many_pages_takes_few_mappings_and_forgets_none)
{
	const unsigned count = 3 * PAGE_SETS_MAX;
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1 << 20);
	unsigned i;

	vhsm_guest_memory_look_begin(m, 0);
	for (i = 0; i < count; i++)
		ck_assert_uint_eq(number_at(m, 7 * i), 7 * i);
	ck_assert_uint_le(f.loaded_most, PAGE_SETS_MAX);
	ck_assert_uint_le(f.made, 2 * count);
	f.made = 0;
	for (i = 0; i < count; i++)
		ck_assert_uint_eq(number_at(m, 7 * i), 7 * i);
	ck_assert_uint_eq(f.made, 0);
	vhsm_guest_memory_look_end(m);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
}
END_TEST

START_TEST(what_looks_keep_mapped_is_bounded)
{
	struct fake f;
	struct vhsm_guest_memory *m = fake_open_live(&f, 1 << 20);
	uint64_t i;

	f.blank = true;
	vhsm_guest_memory_look_begin(m, 0);
	for (i = 0; i < 3 * PAGE_SETS_PAGES / 2; i++)
		ck_assert_ptr_nonnull(vhsm_guest_memory_page(m, i));
	ck_assert_uint_le(f.pages_most, PAGE_SETS_PAGES);
	ck_assert_uint_ge(f.pages_most, PAGE_SETS_PAGES - PAGE_SET_LEN);
	for (i = 0; i < 2 * PAGE_SETS_MAX; i++)
		ck_assert_ptr_nonnull(vhsm_guest_memory_page(m, 3 * i));
	ck_assert_uint_le(f.loaded_most, PAGE_SETS_MAX);
	vhsm_guest_memory_look_end(m);
	vhsm_guest_memory_close(&m);
	ck_assert_uint_eq(f.loaded, 0);
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
	tcase_add_test(t, a_frame_that_was_exchanged_is_seen_at_the_next_look);
	tcase_add_test(t, what_costs_too_much_is_seen_a_part_at_each_look);
	tcase_add_test(t, no_look_and_nobody_between_gets_an_older_mapping);
	tcase_add_test(t, an_image_that_was_written_is_seen_at_the_next_look);
	tcase_add_test(t, what_a_look_uses_is_mapped_without_its_neighbours);
	tcase_add_test(t, neighbours_that_are_asked_for_in_order_come_together);
	tcase_add_test(t, what_looks_do_not_use_any_more_is_let_go);
	tcase_add_test(t, a_frame_that_is_gone_is_not_there_and_may_come_again);
	tcase_add_test(t, a_second_look_sees_what_is_there_now);
	tcase_add_test(t,
		       a_look_at_many_pages_takes_few_mappings_and_forgets_none);
	tcase_add_test(t, what_looks_keep_mapped_is_bounded);
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
