/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-kernel-walk.c - lists and trees of a guest's kernel: sound ones whole,
 * bent ones to an end.  Offsets are those of a real kernel.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/guest-fixture.h"

#define MEMORY	(UINT64_C(16) << 20)
#define DATA	UINT64_C(0xffff888000000000)	/* all of memory */
#define AT(n)	(DATA + 0x100000 + UINT64_C(0x1000) * (n))
#define NOWHERE	UINT64_C(0xffff880000000000)
#define SKIP	77
#define SEEN_MAX 4096u

static struct vhsm_reference *reference;
static struct guest_fixture f;
static struct vhsm_kernel k;

static struct {
	unsigned count, stop_at;
	uint64_t va[SEEN_MAX];
	uint64_t index[SEEN_MAX];
} seen;

static void setup_reference(void)
{
	reference = guest_fixture_reference();
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
}

static void setup(void)
{
	guest_fixture_init(&f, MEMORY, false);
	guest_fixture_map(&f, DATA, 0, MEMORY, VHSM_MAP_WRITE, GUEST_LARGE);
	k = (struct vhsm_kernel){
		.memory = f.memory, .reference = reference, .space = f.space,
	};
	memset(&seen, 0, sizeof(seen));
}

static void teardown(void)
{
	guest_fixture_deinit(&f);
}

static uint64_t offset(enum vhsm_layout member)
{
	return vhsm_reference_layout(reference, member).offset;
}

/* *(member *)va = value */
static void set(uint64_t va, enum vhsm_layout member, uint64_t value)
{
	guest_fixture_poke_u64(&f, va + offset(member), value);
}

static int see(uint64_t va, void *arg)
{
	(void)arg;
	if (seen.count < SEEN_MAX)
		seen.va[seen.count] = va;
	seen.count++;
	return seen.count == seen.stop_at ? 77 : 0;
}

static int see_indexed(uint64_t index, uint64_t entry, void *arg)
{
	if (seen.count < SEEN_MAX)
		seen.index[seen.count] = index;
	return see(entry, arg);
}

/* A list of count entries with their nodes at 8, from AT(1) on. */
static void make_list(unsigned count)
{
	unsigned i;

	for (i = 0; i <= count; i++)
		set(i ? AT(i) + 8 : AT(0), VHSM_L_list_head__next,
		    i == count ? AT(0) : AT(i + 1) + 8);
}

static int walk_list(unsigned limit)
{
	return vhsm_kernel_walk_list(&k, AT(0), 8, limit, see, NULL);
}

START_TEST(list_gives_its_entries_in_order)
{
	make_list(5);
	ck_assert_int_eq(walk_list(5), 0);
	ck_assert_uint_eq(seen.count, 5);
	ck_assert_uint_eq(seen.va[0], AT(1));
	ck_assert_uint_eq(seen.va[4], AT(5));
}
END_TEST

START_TEST(empty_list_has_no_entry)
{
	make_list(0);
	ck_assert_int_eq(walk_list(0), 0);
	ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(list_longer_than_the_limit_is_told)
{
	make_list(5);
	ck_assert_int_eq(walk_list(4), -E2BIG);
	ck_assert_uint_eq(seen.count, 4);
}
END_TEST

/* Of every shape: a tail of so many before a loop of so many. */
START_TEST(list_that_loops_is_told_soon)
{
	unsigned tail, loop;

	for (tail = 0; tail < 12; tail++) {
		for (loop = 1; loop < 12; loop++) {
			make_list(tail + loop);
			set(AT(tail + loop) + 8, VHSM_L_list_head__next,
			    AT(tail + 1) + 8);
			seen.count = 0;
			ck_assert_int_eq(walk_list(1000), -ELOOP);
			ck_assert_uint_ge(seen.count, tail + loop);
			ck_assert_uint_le(seen.count, 3 * (tail + loop) + 1);
		}
	}
}
END_TEST

START_TEST(list_into_nowhere_is_told)
{
	make_list(5);
	set(AT(3) + 8, VHSM_L_list_head__next, NOWHERE);
	ck_assert_int_eq(walk_list(1000), -EFAULT);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_int_eq(vhsm_kernel_walk_list(&k, NOWHERE, 0, 9, see, NULL),
			 -EFAULT);
}
END_TEST

START_TEST(visitor_ends_a_list)
{
	make_list(5);
	seen.stop_at = 2;
	ck_assert_int_eq(walk_list(1000), 77);
	ck_assert_uint_eq(seen.count, 2);
}
END_TEST

START_TEST(hash_list_ends_at_null)
{
	unsigned i;

	set(AT(0), VHSM_L_hlist_head__first, AT(1) + 16);
	for (i = 1; i <= 4; i++)
		set(AT(i) + 16, VHSM_L_hlist_node__next,
		    i == 4 ? 0 : AT(i + 1) + 16);
	ck_assert_int_eq(vhsm_kernel_walk_hlist(&k, AT(0), 16, 9, see, NULL),
			 0);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_uint_eq(seen.va[3], AT(4));
	set(AT(4) + 16, VHSM_L_hlist_node__next, AT(2) + 16);
	ck_assert_int_eq(vhsm_kernel_walk_hlist(&k, AT(0), 16, 99, see, NULL),
			 -ELOOP);
}
END_TEST

/* A full tree of count nodes: i has 2i and 2i + 1 below it. */
static void make_tree(unsigned count)
{
	unsigned i;

	set(AT(0), VHSM_L_rb_root__rb_node, count ? AT(1) + 8 : 0);
	for (i = 1; i <= count; i++) {
		set(AT(i) + 8, VHSM_L_rb_node__rb_left,
		    2 * i <= count ? AT(2 * i) + 8 : 0);
		set(AT(i) + 8, VHSM_L_rb_node__rb_right,
		    2 * i < count ? AT(2 * i + 1) + 8 : 0);
	}
}

static int walk_tree(unsigned limit)
{
	return vhsm_kernel_walk_rbtree(&k, AT(0), 8, limit, see, NULL);
}

START_TEST(tree_gives_every_node_once)
{
	uint64_t sum = 0;
	unsigned i;

	make_tree(200);
	ck_assert_int_eq(walk_tree(200), 0);
	ck_assert_uint_eq(seen.count, 200);
	for (i = 0; i < 200; i++)
		sum += (seen.va[i] - AT(0)) / 0x1000;
	ck_assert_uint_eq(sum, 200 * 201 / 2);
	seen.count = 0;
	ck_assert_int_eq(walk_tree(199), -E2BIG);
	make_tree(0);
	ck_assert_int_eq(walk_tree(0), 0);
}
END_TEST

START_TEST(tree_that_is_bent_comes_to_an_end)
{
	make_tree(7);
	set(AT(5) + 8, VHSM_L_rb_node__rb_left, AT(1) + 8);
	ck_assert_int_eq(walk_tree(100000), -ELOOP);
	ck_assert_uint_le(seen.count, 1000);
	make_tree(7);
	set(AT(5) + 8, VHSM_L_rb_node__rb_right, NOWHERE);
	ck_assert_int_eq(walk_tree(100000), -EFAULT);
}
END_TEST

/* A node of an XArray at va: of that shift, empty. */
static void make_node(uint64_t va, uint8_t shift)
{
	uint8_t zeros[1024] = { 0 };

	guest_fixture_poke(&f, va, zeros, sizeof(zeros));
	guest_fixture_poke(&f, va + offset(VHSM_L_xa_node__shift), &shift, 1);
}

static void set_slot(uint64_t node, unsigned slot, uint64_t entry)
{
	guest_fixture_poke_u64(&f, node + offset(VHSM_L_xa_node__slots) +
			       8 * slot, entry);
}

static int walk_xarray(unsigned limit)
{
	return vhsm_kernel_walk_xarray(&k, AT(0), limit, see_indexed, NULL);
}

/* Entries at 1, 2, 130 and 4095. */
static void make_xarray(void)
{
	set(AT(0), VHSM_L_xarray__xa_head, AT(1) | 2);
	make_node(AT(1), 6);
	set_slot(AT(1), 0, AT(2) | 2);
	set_slot(AT(1), 2, AT(3) | 2);
	set_slot(AT(1), 63, AT(4) | 2);
	make_node(AT(2), 0);
	set_slot(AT(2), 1, 0x1000);
	set_slot(AT(2), 2, 0x2000);
	set_slot(AT(2), 3, 2 << 2 | 2);		/* a sibling, a retry, a zero */
	set_slot(AT(2), 4, 256 << 2 | 2);
	set_slot(AT(2), 5, 257 << 2 | 2);
	make_node(AT(3), 0);
	set_slot(AT(3), 2, 0x3001);		/* a number */
	make_node(AT(4), 0);
	set_slot(AT(4), 63, 0x4000);
}

START_TEST(xarray_gives_entries_with_their_index)
{
	static const uint64_t index[] = { 1, 2, 130, 4095 };
	static const uint64_t entry[] = { 0x1000, 0x2000, 0x3001, 0x4000 };

	make_xarray();
	ck_assert_int_eq(walk_xarray(4), 0);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_mem_eq(seen.index, index, sizeof(index));
	ck_assert_mem_eq(seen.va, entry, sizeof(entry));
	seen.count = 0;
	ck_assert_int_eq(walk_xarray(3), -E2BIG);
	ck_assert_uint_eq(seen.count, 3);
}
END_TEST

START_TEST(xarray_of_one_or_no_entry_has_no_node)
{
	set(AT(0), VHSM_L_xarray__xa_head, 0);
	ck_assert_int_eq(walk_xarray(0), 0);
	set(AT(0), VHSM_L_xarray__xa_head, 0x5000);
	ck_assert_int_eq(walk_xarray(1), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.index[0], 0);
	ck_assert_int_eq(walk_xarray(0), -E2BIG);
}
END_TEST

START_TEST(xarray_whose_levels_do_not_fall_is_told)
{
	uint8_t shift = 6;

	make_xarray();
	guest_fixture_poke(&f, AT(3) + offset(VHSM_L_xa_node__shift), &shift,
			   1);
	ck_assert_int_eq(walk_xarray(100), -ELOOP);
	make_xarray();
	set_slot(AT(2), 7, AT(1) | 2);
	ck_assert_int_eq(walk_xarray(100), -ELOOP);
	make_xarray();
	shift = 66;
	guest_fixture_poke(&f, AT(1) + offset(VHSM_L_xa_node__shift), &shift,
			   1);
	ck_assert_int_eq(walk_xarray(100), -ELOOP);
	make_xarray();
	set_slot(AT(1), 3, (NOWHERE) | 2);
	ck_assert_int_eq(walk_xarray(100), -EFAULT);
}
END_TEST

/* Ten levels, each of whose slots lead to the same next: 64^10 ways to nothing. */
START_TEST(xarray_of_nodes_without_entries_costs_bounded_work)
{
	unsigned level, slot;

	set(AT(0), VHSM_L_xarray__xa_head, AT(1) | 2);
	for (level = 1; level <= 11; level++) {
		make_node(AT(level), (uint8_t)(66 - 6 * level));
		for (slot = 0; level < 11 && slot < 64; slot++)
			set_slot(AT(level), slot, AT(level + 1) | 2);
	}
	ck_assert_int_eq(walk_xarray(1000), -E2BIG);
	ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(members_are_read_by_their_size)
{
	uint64_t value, at = AT(1);
	uint32_t pid = 0x12345678;

	guest_fixture_poke(&f, at + offset(VHSM_L_task_struct__pid), &pid, 4);
	set(at, VHSM_L_task_struct__cred, UINT64_C(0xfedcba9876543210));
	ck_assert_int_eq(vhsm_kernel_read_member(&k, at,
						 VHSM_L_task_struct__pid,
						 &value), 0);
	ck_assert_uint_eq(value, 0x12345678);
	ck_assert_int_eq(vhsm_kernel_read_member(&k, at,
						 VHSM_L_task_struct__cred,
						 &value), 0);
	ck_assert_uint_eq(value, UINT64_C(0xfedcba9876543210));
	ck_assert_int_eq(vhsm_kernel_read_member(&k, at,
						 VHSM_L_task_struct__SIZE,
						 &value), -EINVAL);
	ck_assert_int_eq(vhsm_kernel_read_member(&k, NOWHERE,
						 VHSM_L_task_struct__pid,
						 &value), -EFAULT);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, list_gives_its_entries_in_order);
	tcase_add_test(t, empty_list_has_no_entry);
	tcase_add_test(t, list_longer_than_the_limit_is_told);
	tcase_add_test(t, list_that_loops_is_told_soon);
	tcase_add_test(t, list_into_nowhere_is_told);
	tcase_add_test(t, visitor_ends_a_list);
	tcase_add_test(t, hash_list_ends_at_null);
	tcase_add_test(t, tree_gives_every_node_once);
	tcase_add_test(t, tree_that_is_bent_comes_to_an_end);
	tcase_add_test(t, xarray_gives_entries_with_their_index);
	tcase_add_test(t, xarray_of_one_or_no_entry_has_no_node);
	tcase_add_test(t, xarray_whose_levels_do_not_fall_is_told);
	tcase_add_test(t, xarray_of_nodes_without_entries_costs_bounded_work);
	tcase_add_test(t, members_are_read_by_their_size);
}

int main(void)
{
	Suite *s = suite_create("kernel-walk");
	TCase *t = tcase_create("kernel-walk");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("no kernel to test with (tests/lab/fetch)");
		return SKIP;
	}
	tcase_add_unchecked_fixture(t, setup_reference, teardown_reference);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	add_tests(t);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
