/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-guest-looks.c - looks at the pages of a guest: that they see what is
 * there, how much they map, and what is kept mapped between them.
 */
#include <check.h>
#include <string.h>

#include "unit/fake-memory.h"

static uint64_t version_at(struct vhsm_guest_memory *m, uint64_t gfn)
{
	const uint8_t *page = vhsm_guest_memory_page(m, gfn);
	uint64_t version;

	ck_assert_ptr_nonnull(page);
	memcpy(&version, page + sizeof(gfn), sizeof(version));
	return version;
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

int main(void)
{
	Suite *s = suite_create("guest-looks");
	TCase *t = tcase_create("guest-looks");
	SRunner *runner;
	int failed;

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
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
