/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-lib-slice.c - the allocator of the slice, the spin, and the texts.
 */
#include "vhsm/vhsm.h"

#include "lib/slice.h"
#include "lib/spin-wait.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN 65536u

static uint8_t *memory;
static struct vhsm_slice slice;

static void setup(void)
{
	memory = aligned_alloc(4096, LEN);
	ck_assert_int_eq(vhsm_slice_init(&slice, memory, LEN), 0);
}

static void teardown(void)
{
	vhsm_slice_deinit(&slice);
	free(memory);
}

START_TEST(pieces_are_aligned_and_apart)
{
	uint8_t *a = vhsm_slice_alloc(&slice, 1, 0);
	uint8_t *b = vhsm_slice_alloc(&slice, 100, 0);
	uint8_t *c = vhsm_slice_alloc(&slice, 64, 0);

	ck_assert_uint_eq((uintptr_t)a % VHSM_SLICE_ALIGN, 0);
	ck_assert_ptr_eq(b, a + 64);
	ck_assert_ptr_eq(c, b + 128);
}
END_TEST

START_TEST(the_whole_slice_can_be_had_and_had_again)
{
	void *p = vhsm_slice_alloc(&slice, LEN, 0);

	ck_assert_ptr_eq(p, memory);
	ck_assert_ptr_null(vhsm_slice_alloc(&slice, 1, 0));
	vhsm_slice_free(&slice, p);
	ck_assert_ptr_eq(vhsm_slice_alloc(&slice, LEN, 0), memory);
	ck_assert_ptr_null(vhsm_slice_alloc(&slice, LEN + 1, 0));
	ck_assert_ptr_null(vhsm_slice_alloc(&slice, SIZE_MAX, 0));
}
END_TEST

START_TEST(neighbours_join_in_any_order_of_freeing)
{
	static const int orders[][3] = {
		{ 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 0, 2, 1 },
	};
	void *p[3];
	int i;

	for (i = 0; i < 3; i++)
		p[i] = vhsm_slice_alloc(&slice, LEN / 4, 0);
	for (i = 0; i < 3; i++)
		vhsm_slice_free(&slice, p[orders[_i][i]]);
	ck_assert_uint_eq(slice.extent_count, 1);
	ck_assert_ptr_eq(vhsm_slice_alloc(&slice, LEN, 0), memory);
}
END_TEST

START_TEST(freeing_what_is_not_a_piece_changes_nothing)
{
	uint8_t *p = vhsm_slice_alloc(&slice, 128, 0), outside;

	vhsm_slice_free(&slice, p + 64);
	vhsm_slice_free(&slice, memory + 4096);
	vhsm_slice_free(&slice, memory + LEN);
	vhsm_slice_free(&slice, &outside);
	ck_assert_ptr_eq(vhsm_slice_alloc(&slice, 64, 0), p + 128);
	vhsm_slice_free(&slice, p);
	vhsm_slice_free(&slice, p);
	ck_assert_ptr_eq(vhsm_slice_alloc(&slice, 128, 0), p);
}
END_TEST

START_TEST(random_use_never_overlaps)
{
	struct { uint8_t *p; size_t len; uint8_t mark; } held[200];
	unsigned round, i, seed = 1;
	size_t j;

	memset(held, 0, sizeof(held));
	for (round = 0; round < 20000; round++) {
		i = rand_r(&seed) % 200;
		if (held[i].p) {
			for (j = 0; j < held[i].len; j++)
				if (held[i].p[j] != held[i].mark)
					ck_abort_msg("round %u", round);
			vhsm_slice_free(&slice, held[i].p);
			held[i].p = NULL;
			continue;
		}
		held[i].len = 1 + rand_r(&seed) % 900;
		held[i].mark = (uint8_t)rand_r(&seed);
		held[i].p = vhsm_slice_alloc(&slice, held[i].len, 0);
		if (held[i].p)
			memset(held[i].p, held[i].mark, held[i].len);
	}
}
END_TEST

static void *free_later(void *p)
{
	usleep(20000);
	vhsm_slice_free(&slice, p);
	return NULL;
}

START_TEST(one_who_waits_gets_what_another_frees)
{
	void *p = vhsm_slice_alloc(&slice, LEN, 0);
	pthread_t t;

	ck_assert_ptr_null(vhsm_slice_alloc(&slice, 64, 5));
	ck_assert_int_eq(pthread_create(&t, NULL, free_later, p), 0);
	ck_assert_ptr_eq(vhsm_slice_alloc(&slice, LEN, 5000), memory);
	pthread_join(t, NULL);
}
END_TEST

START_TEST(a_spin_that_never_pays_turns_itself_off_and_probes)
{
	const uint32_t counter = 0;
	struct vhsm_spin s = { 0 };
	unsigned i, spins = 0, skipped;

	for (i = 0; i < 20000; i++) {
		skipped = s.skip;
		ck_assert(!vhsm_spin_wait(&s, &counter, 0, 1));
		spins += !skipped;
	}
	ck_assert_uint_ge(spins, 20);		/* it does probe */
	ck_assert_uint_le(spins, 40);		/* and rarely */
}
END_TEST

START_TEST(a_spin_that_pays_again_turns_itself_on)
{
	uint32_t counter = 0;
	struct vhsm_spin s = { 0 };
	unsigned i;

	for (i = 0; i < 3000; i++)
		vhsm_spin_wait(&s, &counter, 0, 1);
	counter = 1;
	for (i = 0; i < 1200; i++)
		ck_assert(vhsm_spin_wait(&s, &counter, 0, 1));
	ck_assert_uint_eq(s.skip, 0);
	ck_assert_uint_eq(s.failures, 0);
}
END_TEST

START_TEST(every_status_has_a_name_and_an_advice)
{
	unsigned status, known = 0;
	const char *text;

	for (status = 1; status < 1000; status++) {
		if (!strcmp(vhsm_status_name(status), "VHSM_S_?"))
			continue;
		known++;
		text = vhsm_strerror(vhsm_status_error(status));
		ck_assert_msg(strncmp(text, "unknown", 7), "status %u",
			      status);
		ck_assert(islower((unsigned char)text[0]) ||
			  !strncmp(text, "RSA", 3));
	}
	ck_assert_uint_eq(known, 29);
	ck_assert_int_eq(vhsm_status_error(VHSM_S_OK), 0);
	ck_assert_int_eq(vhsm_status_error(VHSM_S_NO_KEY), -VHSM_E_NO_KEY);
	ck_assert_str_eq(vhsm_strerror(-VHSM_E_FORKED),
			 vhsm_strerror(VHSM_E_FORKED));
	ck_assert_str_eq(vhsm_strerror(-ENOENT), strerror(ENOENT));
	ck_assert_ptr_nonnull(vhsm_strerror(-123456));
	ck_assert_ptr_nonnull(strstr(vhsm_strerror(-VHSM_E_NO_SPACE),
				     "shared memory"));
}
END_TEST

START_TEST(mechanisms_have_names_that_parse)
{
	unsigned m, known = 0;
	const char *name;

	for (m = 1; m < 0x1000; m++) {
		name = vhsm_mechanism_name((uint16_t)m);
		if (!name)
			continue;
		known++;
		ck_assert_uint_eq(vhsm_mechanism_parse(name), m);
	}
	ck_assert_uint_eq(known, 15);
	ck_assert_uint_eq(vhsm_mechanism_parse("AES-GCM"), VHSM_MECH_AES_GCM);
	ck_assert_uint_eq(vhsm_mechanism_parse("rot13"), 0);
	ck_assert_uint_eq(vhsm_mechanism_default(VHSM_KEY_EC_P384),
			  VHSM_MECH_ECDSA | VHSM_HASH_SHA384);
	ck_assert_uint_eq(vhsm_mechanism_default(999), 0);
	ck_assert_ptr_null(vhsm_key_type_name(999));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("slice");
	TCase *t = tcase_create("slice"), *u = tcase_create("others");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pieces_are_aligned_and_apart);
	tcase_add_test(t, the_whole_slice_can_be_had_and_had_again);
	tcase_add_loop_test(t, neighbours_join_in_any_order_of_freeing, 0, 4);
	tcase_add_test(t, freeing_what_is_not_a_piece_changes_nothing);
	tcase_add_test(t, random_use_never_overlaps);
	tcase_add_test(t, one_who_waits_gets_what_another_frees);
	tcase_add_test(u,
		a_spin_that_never_pays_turns_itself_off_and_probes);
	tcase_add_test(u, a_spin_that_pays_again_turns_itself_on);
	tcase_add_test(u, every_status_has_a_name_and_an_advice);
	tcase_add_test(u, mechanisms_have_names_that_parse);
	suite_add_tcase(s, t);
	suite_add_tcase(s, u);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
