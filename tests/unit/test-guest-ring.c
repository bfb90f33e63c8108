// SPDX-License-Identifier: Apache-2.0
/*
 * What guest-input.c takes of a guest's ring, names, pool and directory: each
 * rule shown to accept what it should and to refuse its neighbours.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "transport/guest-input.h"

/* --------------------------------------------------------------- ring */

START_TEST(producer_within_the_ring_is_counted)
{
	uint32_t count = 99;

	for (uint32_t n = 0; n <= 32; n++) {
		ck_assert_int_eq(vhsm_ring_check(100 + n, 100, 100, 32,
						 &count), 0);
		ck_assert_uint_eq(count, n);
	}
}
END_TEST

START_TEST(producer_jump_is_a_violation)
{
	uint32_t count = 99;

	ck_assert_int_eq(vhsm_ring_check(133, 100, 100, 32, &count),
			 VHSM_VIOLATION_PRODUCER_JUMP);
	ck_assert_int_eq(vhsm_ring_check(100u + INT32_MAX, 100, 100, 32,
					 &count),
			 VHSM_VIOLATION_PRODUCER_JUMP);
	ck_assert_uint_eq(count, 99);
}
END_TEST

START_TEST(producer_running_backwards_is_a_violation)
{
	uint32_t count = 99;

	ck_assert_int_eq(vhsm_ring_check(99, 100, 90, 32, &count),
			 VHSM_VIOLATION_PRODUCER_BACKWARDS);
	ck_assert_int_eq(vhsm_ring_check(100 + 0x80000000u, 100, 100, 32,
					 &count),
			 VHSM_VIOLATION_PRODUCER_BACKWARDS);
	ck_assert_uint_eq(count, 99);
}
END_TEST

START_TEST(requests_over_unanswered_slots_are_a_violation)
{
	uint32_t count = 99;

	/* 20 consumed and not answered: 12 slots are left of 32. */
	ck_assert_int_eq(vhsm_ring_check(132, 120, 100, 32, &count), 0);
	ck_assert_uint_eq(count, 12);
	ck_assert_int_eq(vhsm_ring_check(133, 120, 100, 32, &count),
			 VHSM_VIOLATION_OVERFLOW);
}
END_TEST

START_TEST(indices_wrap_around_at_2_to_the_32)
{
	uint32_t count = 99;

	ck_assert_int_eq(vhsm_ring_check(5, UINT32_MAX - 4, UINT32_MAX - 4, 32,
					 &count), 0);
	ck_assert_uint_eq(count, 10);
	ck_assert_int_eq(vhsm_ring_check(UINT32_MAX, 3, UINT32_MAX - 10, 32,
					 &count),
			 VHSM_VIOLATION_PRODUCER_BACKWARDS);
	ck_assert_int_eq(vhsm_ring_check(40, 3, UINT32_MAX, 64, &count), 0);
	ck_assert_uint_eq(count, 37);
}
END_TEST

START_TEST(no_index_ever_yields_more_than_the_ring)
{
	uint32_t count;

	srandom(1);
	for (int i = 0; i < 1000000; i++) {
		uint32_t cons = random() << 1, due = random() % 33;
		uint32_t prod = i & 1 ? (uint32_t)random() << 1 :
			cons + random() % 40 - 4;

		count = 0;
		if (vhsm_ring_check(prod, cons, cons - due, 32, &count))
			continue;
		ck_assert_uint_le(count + due, 32);
		ck_assert_uint_eq(cons + count, prod);
	}
}
END_TEST

START_TEST(violations_have_texts)
{
	for (unsigned v = 0; v < VHSM_VIOLATION_COUNT; v++)
		ck_assert_ptr_nonnull(vhsm_violation_text(v));
	ck_assert_str_eq(vhsm_violation_text(VHSM_VIOLATION_COUNT), "unknown");
}
END_TEST

START_TEST(slot_is_copied_whole)
{
	struct vhsm_request slot, copy;

	for (size_t i = 0; i < sizeof(slot); i++)
		((uint8_t *)&slot)[i] = i + 1;
	memset(&copy, 0, sizeof(copy));
	vhsm_slot_copy(&copy, &slot);
	ck_assert_mem_eq(&copy, &slot, sizeof(slot));
}
END_TEST

/* --------------------------------------------- names, pool, directory */

START_TEST(names_are_of_the_alphabet)
{
	char name[VHSM_NAME_MAX + 1];

	ck_assert(vhsm_name_check("web-tls", 7));
	ck_assert(vhsm_name_check("_A.z-9", 6));
	ck_assert(!vhsm_name_check("", 0));
	ck_assert(!vhsm_name_check(".a", 2));
	ck_assert(!vhsm_name_check("-a", 2));
	memset(name, 'a', sizeof(name));
	ck_assert(vhsm_name_check(name, VHSM_NAME_MAX));
	ck_assert(!vhsm_name_check(name, VHSM_NAME_MAX + 1));
	for (int c = 0; c < 256; c++) {
		bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
			c == '-';

		name[1] = c;
		ck_assert_int_eq(vhsm_name_check(name, 3), good);
	}
}
END_TEST

START_TEST(pool_is_copied_where_the_segment_says)
{
	uint8_t pool[64], copy[8];

	for (int i = 0; i < 64; i++)
		pool[i] = i;
	vhsm_pool_copy(copy, pool, (struct vhsm_segment){ 50, 8 });
	ck_assert_mem_eq(copy, pool + 50, 8);
}
END_TEST

START_TEST(directory_pages_follow_the_pool)
{
	ck_assert_uint_eq(vhsm_directory_pages(0), 0);
	ck_assert_uint_eq(vhsm_directory_pages(1), 1);
	ck_assert_uint_eq(vhsm_directory_pages(1024), 1);
	ck_assert_uint_eq(vhsm_directory_pages(1025), 2);
	ck_assert_uint_eq(vhsm_directory_pages(VHSM_MAX_POOL_PAGES),
			  VHSM_MAX_DIRECTORY_PAGES);
	ck_assert_uint_eq(vhsm_directory_pages(VHSM_MAX_POOL_PAGES + 1), 0);
	ck_assert_uint_eq(vhsm_directory_pages(UINT32_MAX), 0);
}
END_TEST

START_TEST(directory_copy_stays_in_its_page)
{
	uint32_t page[VHSM_DIRECTORY_ENTRIES + 1];
	uint32_t refs[VHSM_DIRECTORY_ENTRIES + 1];

	for (uint32_t i = 0; i <= VHSM_DIRECTORY_ENTRIES; i++)
		page[i] = i + 8;
	memset(refs, 0, sizeof(refs));
	vhsm_directory_copy(refs, page, SIZE_MAX);
	ck_assert_mem_eq(refs, page, VHSM_PAGE_SIZE);
	ck_assert_uint_eq(refs[VHSM_DIRECTORY_ENTRIES], 0);
}
END_TEST

START_TEST(directory_refuses_zero_and_duplicates)
{
	uint32_t bad, good[] = { 9, 8, 10 }, zero[] = { 9, 0, 8 };
	uint32_t twice[] = { 9, 812, 8, 812 };

	ck_assert_int_eq(vhsm_directory_check(good, 3, &bad),
			 VHSM_DIRECTORY_OK);
	ck_assert_int_eq(vhsm_directory_check(zero, 3, &bad),
			 VHSM_DIRECTORY_ZERO);
	ck_assert_int_eq(vhsm_directory_check(twice, 4, &bad),
			 VHSM_DIRECTORY_DUPLICATE);
	ck_assert_uint_eq(bad, 812);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("guest-ring");
	TCase *ring = tcase_create("ring");
	TCase *rest = tcase_create("pool");

	tcase_add_test(ring, producer_within_the_ring_is_counted);
	tcase_add_test(ring, producer_jump_is_a_violation);
	tcase_add_test(ring, producer_running_backwards_is_a_violation);
	tcase_add_test(ring, requests_over_unanswered_slots_are_a_violation);
	tcase_add_test(ring, indices_wrap_around_at_2_to_the_32);
	tcase_add_test(ring, no_index_ever_yields_more_than_the_ring);
	tcase_add_test(ring, violations_have_texts);
	tcase_add_test(ring, slot_is_copied_whole);
	suite_add_tcase(s, ring);

	tcase_add_test(rest, names_are_of_the_alphabet);
	tcase_add_test(rest, pool_is_copied_where_the_segment_says);
	tcase_add_test(rest, directory_pages_follow_the_pool);
	tcase_add_test(rest, directory_copy_stays_in_its_page);
	tcase_add_test(rest, directory_refuses_zero_and_duplicates);
	suite_add_tcase(s, rest);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
