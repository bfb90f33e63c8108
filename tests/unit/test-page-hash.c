/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-page-hash.c - fingerprints of pages.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/page-hash.h"

__extension__ typedef unsigned __int128 u128;

static struct vhsm_page_key key;
static uint64_t page[VHSM_GUEST_PAGE_SIZE / 8];

static void setup(void)
{
	size_t i;

	ck_assert_int_eq(vhsm_page_key_init(&key), 0);
	for (i = 0; i < VHSM_GUEST_PAGE_SIZE / 8; i++)
		page[i] = i * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash(void)
{
	return vhsm_page_hash(&key, (const uint8_t *)page);
}

START_TEST(any_bit_changes_it)
{
	uint64_t before = hash();
	size_t bit;

	for (bit = 0; bit < 8 * VHSM_GUEST_PAGE_SIZE; bit++) {
		page[bit / 64] ^= UINT64_C(1) << bit % 64;
		ck_assert_msg(hash() != before, "bit %zu", bit);
		page[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
	ck_assert_uint_eq(hash(), before);
}
END_TEST

START_TEST(words_changed_places_change_it)
{
	uint64_t before = hash(), word;
	size_t i;

	for (i = 1; i < VHSM_GUEST_PAGE_SIZE / 8; i++) {
		word = page[i];
		page[i] = page[0];
		page[0] = word;
		ck_assert_msg(hash() != before, "word %zu", i);
		page[0] = page[i];
		page[i] = word;
	}
}
END_TEST

START_TEST(every_word_of_the_key_counts)
{
	uint64_t before = hash(), *word = (uint64_t *)&key;
	size_t i;

	for (i = 0; i < sizeof(key) / 8; i++) {
		word[i] ^= UINT64_C(0x5555555555555555);
		ck_assert_msg(hash() != before, "word %zu", i);
		word[i] ^= UINT64_C(0x5555555555555555);
	}
}
END_TEST

/* As the papers write it, a word at a time. */
static uint64_t slow_hash(void)
{
	u128 sum = 0, fold;
	size_t i;

	for (i = 0; i < VHSM_GUEST_PAGE_SIZE / 8; i += 2) {
		uint64_t a = page[i] + key.word[i];
		uint64_t b = page[i + 1] + key.word[i + 1];

		sum += (u128)a * b;
	}
	fold = ((u128)key.fold[1] << 64 | key.fold[0]) * (uint64_t)sum;
	fold += ((u128)key.fold[3] << 64 | key.fold[2]) *
		(uint64_t)(sum >> 64);
	return (uint64_t)(fold >> 64);
}

START_TEST(it_is_what_the_papers_say)
{
	unsigned round;

	for (round = 0; round < 100; round++) {
		page[round] ^= (uint64_t)round << 40;
		ck_assert_uint_eq(hash(), slow_hash());
		setup();
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("page-hash");
	TCase *t = tcase_create("page-hash");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, any_bit_changes_it);
	tcase_add_test(t, words_changed_places_change_it);
	tcase_add_test(t, every_word_of_the_key_counts);
	tcase_add_test(t, it_is_what_the_papers_say);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
