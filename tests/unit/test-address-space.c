/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-address-space.c - page tables, sound ones and mad ones.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "unit/guest-fixture.h"

#define MEMORY	(UINT64_C(16) << 20)
#define LOOP	UINT64_C(0x107)		/* present, writable, user */

static struct guest_fixture f;

static void setup(void)
{
	guest_fixture_init(&f, MEMORY, false);
}

static void setup_five(void)
{
	guest_fixture_init(&f, MEMORY, true);
}

static void teardown(void)
{
	guest_fixture_deinit(&f);
}

static void expect(uint64_t va, uint64_t physical, uint64_t len,
		   unsigned flags)
{
	struct vhsm_mapping m;

	ck_assert_int_eq(vhsm_address_space_translate(&f.space, va, &m), 0);
	ck_assert_uint_eq(m.physical + (va - m.start), physical);
	ck_assert_uint_eq(m.len, len);
	ck_assert_uint_eq(m.start % len, 0);
	ck_assert_uint_eq(m.flags, flags);
}

static void expect_nothing(uint64_t va)
{
	struct vhsm_mapping m;

	ck_assert_int_eq(vhsm_address_space_translate(&f.space, va, &m),
			 -EFAULT);
}

START_TEST(pages_of_every_size_are_translated)
{
	guest_fixture_map(&f, 0x1000, 0x5000, GUEST_PAGE,
			  VHSM_MAP_USER | VHSM_MAP_EXEC, GUEST_PAGE);
	guest_fixture_map(&f, 0xffffffff81000000, 0x400000, GUEST_LARGE,
			  VHSM_MAP_EXEC, GUEST_LARGE);
	guest_fixture_map(&f, 0xffff888000000000, 0, GUEST_HUGE,
			  VHSM_MAP_WRITE, GUEST_HUGE);
	expect(0x1abc, 0x5abc, GUEST_PAGE, VHSM_MAP_USER | VHSM_MAP_EXEC);
	expect(0xffffffff81123456, 0x523456, GUEST_LARGE, VHSM_MAP_EXEC);
	expect(0xffff888012345678, 0x12345678, GUEST_HUGE, VHSM_MAP_WRITE);
	expect_nothing(0);
	expect_nothing(0x2000);
	expect_nothing(0xffffffff81200000);
	expect_nothing(UINT64_MAX);
}
END_TEST

START_TEST(five_levels_are_walked)
{
	uint64_t va = 0xff11000000000000;

	guest_fixture_map(&f, va, 0x5000, GUEST_PAGE, VHSM_MAP_WRITE,
			  GUEST_PAGE);
	guest_fixture_map(&f, 0x1000, 0x6000, GUEST_PAGE, VHSM_MAP_USER,
			  GUEST_PAGE);
	expect(va + 5, 0x5005, GUEST_PAGE, VHSM_MAP_WRITE);
	expect(0x1000, 0x6000, GUEST_PAGE, VHSM_MAP_USER);
	f.space.five_levels = false;
	expect_nothing(va);
}
END_TEST

START_TEST(flags_are_what_all_levels_allow)
{
	uint64_t va = 0x40000000, above;

	guest_fixture_map(&f, va, 0x5000, GUEST_PAGE, VHSM_MAP_WRITE |
			  VHSM_MAP_USER | VHSM_MAP_EXEC, GUEST_PAGE);
	above = guest_fixture_entry(&f, va, GUEST_LARGE);
	expect(va, 0x5000, GUEST_PAGE,
	       VHSM_MAP_WRITE | VHSM_MAP_USER | VHSM_MAP_EXEC);
	guest_fixture_write_u64(&f, above, guest_fixture_read_u64(&f, above) &
				~UINT64_C(2));
	expect(va, 0x5000, GUEST_PAGE, VHSM_MAP_USER | VHSM_MAP_EXEC);
	guest_fixture_write_u64(&f, above, guest_fixture_read_u64(&f, above) |
				UINT64_C(1) << 63);
	expect(va, 0x5000, GUEST_PAGE, VHSM_MAP_USER);
}
END_TEST

START_TEST(addresses_that_no_processor_takes_are_not_mapped)
{
	guest_fixture_map(&f, 0, 0x5000, GUEST_PAGE, VHSM_MAP_USER,
			  GUEST_PAGE);
	expect(0, 0x5000, GUEST_PAGE, VHSM_MAP_USER);
	expect_nothing(UINT64_C(1) << 48);
	expect_nothing(UINT64_C(0xffff000000000000));
}
END_TEST

START_TEST(reads_cross_pages_and_fail_whole)
{
	uint64_t va = 0xffffc90000000000;
	char text[16];

	guest_fixture_map(&f, va, 0x9000, GUEST_PAGE, 0, GUEST_PAGE);
	guest_fixture_map(&f, va + GUEST_PAGE, 0x3000, GUEST_PAGE, 0,
			  GUEST_PAGE);
	guest_fixture_poke(&f, va + GUEST_PAGE - 4, "abcdefgh", 8);
	ck_assert_int_eq(vhsm_address_space_read(&f.space,
						 va + GUEST_PAGE - 4, text, 8),
			 0);
	ck_assert_mem_eq(text, "abcdefgh", 8);
	ck_assert_int_eq(vhsm_guest_memory_read(f.memory, 0x3000, text, 4), 0);
	ck_assert_mem_eq(text, "efgh", 4);
	ck_assert_int_eq(vhsm_address_space_read(&f.space,
						 va + 2 * GUEST_PAGE - 4, text,
						 8), -EFAULT);
	ck_assert_int_eq(vhsm_address_space_read(&f.space, UINT64_MAX - 3,
						 text, 8), -EFAULT);
}
END_TEST

START_TEST(pages_outside_the_guest_are_not_read)
{
	char text[8];

	guest_fixture_map(&f, 0x1000, MEMORY, GUEST_PAGE, 0, GUEST_PAGE);
	ck_assert_int_eq(vhsm_address_space_read(&f.space, 0x1000, text, 8),
			 -EFAULT);
	/* a table that the guest does not have maps nothing */
	guest_fixture_write_u64(&f, f.root, MEMORY | LOOP);
	expect_nothing(0x1000);
	f.space.root = MEMORY * 2;
	expect_nothing(0x1000);
}
END_TEST

/* --- walks --- */

#define RUNS_MAX 16u

struct runs {
	unsigned count;
	struct vhsm_mapping run[RUNS_MAX];
	uint64_t len;
};

static int note(const struct vhsm_mapping *m, void *arg)
{
	struct runs *r = arg;

	if (r->count < RUNS_MAX)
		r->run[r->count] = *m;
	r->count++;
	r->len += m->len;
	return 0;
}

static int walk(uint64_t start, uint64_t last, unsigned budget, struct runs *r)
{
	memset(r, 0, sizeof(*r));
	return vhsm_address_space_walk(&f.space, start, last, budget, note, r);
}

START_TEST(walk_joins_what_is_alike_and_contiguous)
{
	uint64_t text = 0xffffffff81000000;
	struct runs r;

	guest_fixture_map(&f, 0x1000, 0x5000, 3 * GUEST_PAGE, VHSM_MAP_USER,
			  GUEST_PAGE);
	guest_fixture_map(&f, 0x4000, 0x2000, GUEST_PAGE, VHSM_MAP_USER,
			  GUEST_PAGE);
	guest_fixture_map(&f, text, 0x200000, 2 * GUEST_LARGE, VHSM_MAP_EXEC,
			  GUEST_LARGE);
	guest_fixture_map(&f, text + 2 * GUEST_LARGE, 0x600000,
			  4 * GUEST_PAGE, VHSM_MAP_EXEC, GUEST_PAGE);
	guest_fixture_map(&f, text + 2 * GUEST_LARGE + 4 * GUEST_PAGE,
			  0x604000, GUEST_PAGE, VHSM_MAP_WRITE, GUEST_PAGE);
	ck_assert_int_eq(walk(0, UINT64_MAX, 1000, &r), 0);
	ck_assert_uint_eq(r.count, 4);
	ck_assert_uint_eq(r.run[0].start, 0x1000);
	ck_assert_uint_eq(r.run[0].len, 3 * GUEST_PAGE);
	ck_assert_uint_eq(r.run[1].start, 0x4000);
	ck_assert_uint_eq(r.run[1].physical, 0x2000);
	ck_assert_uint_eq(r.run[2].start, text);
	ck_assert_uint_eq(r.run[2].len, 2 * GUEST_LARGE + 4 * GUEST_PAGE);
	ck_assert_uint_eq(r.run[2].physical, 0x200000);
	ck_assert_uint_eq(r.run[2].flags, VHSM_MAP_EXEC);
	ck_assert_uint_eq(r.run[3].flags, VHSM_MAP_WRITE);
}
END_TEST

START_TEST(walk_keeps_to_its_range)
{
	uint64_t text = 0xffffffff81000000;
	struct runs r;

	guest_fixture_map(&f, text, 0x200000, 2 * GUEST_LARGE, 0, GUEST_LARGE);
	ck_assert_int_eq(walk(text + 0x3000, text + 0x300000 + 0xfff, 1000,
			      &r), 0);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_uint_eq(r.run[0].start, text + 0x3000);
	ck_assert_uint_eq(r.run[0].physical, 0x203000);
	ck_assert_uint_eq(r.run[0].len, 0x300000 + 0x1000 - 0x3000);
	ck_assert_int_eq(walk(0, text - 1, 1000, &r), 0);
	ck_assert_uint_eq(r.count, 0);
	ck_assert_int_eq(walk(text + 2 * GUEST_LARGE, UINT64_MAX, 1000, &r),
			 0);
	ck_assert_uint_eq(r.count, 0);
	ck_assert_int_eq(walk(UINT64_MAX, 0, 1000, &r), 0);
	ck_assert_uint_eq(r.count, 0);
}
END_TEST

START_TEST(walk_of_five_levels_sees_both_halves)
{
	struct runs r;

	guest_fixture_map(&f, 0x00f0000000000000, 0x1000, GUEST_PAGE, 0,
			  GUEST_PAGE);
	guest_fixture_map(&f, 0xff11000000000000, 0x2000, GUEST_PAGE, 0,
			  GUEST_PAGE);
	guest_fixture_map(&f, 0xfffffffffffff000, 0x3000, GUEST_PAGE, 0,
			  GUEST_PAGE);
	ck_assert_int_eq(walk(0, UINT64_MAX, 1000, &r), 0);
	ck_assert_uint_eq(r.count, 3);
	ck_assert_uint_eq(r.run[0].start, 0x00f0000000000000);
	ck_assert_uint_eq(r.run[1].start, 0xff11000000000000);
	ck_assert_uint_eq(r.run[2].start, 0xfffffffffffff000);
}
END_TEST

START_TEST(tables_that_loop_cost_no_more_than_the_budget)
{
	struct runs r;
	unsigned i;

	for (i = 0; i < 512; i++)
		guest_fixture_write_u64(&f, f.root + 8 * i, f.root | LOOP);
	/* as many reads as there may be: 10000 tables */
	ck_assert_int_eq(walk(0, UINT64_MAX, 10000, &r), -E2BIG);
	ck_assert_uint_ge(r.count, 1);
	ck_assert_uint_le(r.len / GUEST_PAGE, UINT64_C(10000) * 512);
	/* each address is translated in four steps all the same */
	expect(0x123456789000, f.root, GUEST_PAGE,
	       VHSM_MAP_WRITE | VHSM_MAP_USER | VHSM_MAP_EXEC);
}
END_TEST

START_TEST(walk_tells_what_it_saw_when_the_budget_ends)
{
	struct runs r;

	guest_fixture_map(&f, 0x1000, 0x5000, GUEST_PAGE, 0, GUEST_PAGE);
	guest_fixture_map(&f, GUEST_HUGE * 512, 0x6000, GUEST_PAGE, 0,
			  GUEST_PAGE);
	/* the top table counts for each half */
	ck_assert_int_eq(walk(0, UINT64_MAX, 8, &r), 0);
	ck_assert_uint_eq(r.count, 2);
	ck_assert_int_eq(walk(0, UINT64_MAX, 6, &r), -E2BIG);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_uint_eq(r.run[0].start, 0x1000);
}
END_TEST

static int stop(const struct vhsm_mapping *m, void *arg)
{
	(void)m;
	return ++*(int *)arg == 2 ? 77 : 0;
}

START_TEST(visitor_ends_the_walk)
{
	int visits = 0;

	guest_fixture_map(&f, 0x1000, 0x5000, GUEST_PAGE, 0, GUEST_PAGE);
	guest_fixture_map(&f, 0x3000, 0x5000, GUEST_PAGE, 0, GUEST_PAGE);
	guest_fixture_map(&f, 0x5000, 0x5000, GUEST_PAGE, 0, GUEST_PAGE);
	ck_assert_int_eq(vhsm_address_space_walk(&f.space, 0, UINT64_MAX, 100,
						 stop, &visits), 77);
	ck_assert_int_eq(visits, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("address-space");
	TCase *four = tcase_create("four levels");
	TCase *five = tcase_create("five levels");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(four, setup, teardown);
	tcase_add_test(four, pages_of_every_size_are_translated);
	tcase_add_test(four, flags_are_what_all_levels_allow);
	tcase_add_test(four, addresses_that_no_processor_takes_are_not_mapped);
	tcase_add_test(four, reads_cross_pages_and_fail_whole);
	tcase_add_test(four, pages_outside_the_guest_are_not_read);
	tcase_add_test(four, walk_joins_what_is_alike_and_contiguous);
	tcase_add_test(four, walk_keeps_to_its_range);
	tcase_add_test(four, tables_that_loop_cost_no_more_than_the_budget);
	tcase_add_test(four, walk_tells_what_it_saw_when_the_budget_ends);
	tcase_add_test(four, visitor_ends_the_walk);
	suite_add_tcase(s, four);
	tcase_add_checked_fixture(five, setup_five, teardown);
	tcase_add_test(five, five_levels_are_walked);
	tcase_add_test(five, walk_of_five_levels_sees_both_halves);
	suite_add_tcase(s, five);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
