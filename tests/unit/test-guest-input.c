// SPDX-License-Identifier: Apache-2.0
/*
 * Every rule of guest-input.c for requests, each shown to accept what it should
 * and to refuse its neighbours.  Rings and directories: test-guest-ring.c.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "transport/guest-input.h"

#define POOL 65536u

static uint32_t need;

static enum vhsm_status check(const struct vhsm_request *r)
{
	need = 0;
	return vhsm_request_check(r, POOL, &need);
}

static struct vhsm_request request(uint16_t op, uint16_t mechanism)
{
	struct vhsm_request r = { .id = 1, .op = op, .mechanism = mechanism };

	return r;
}

static void segment(struct vhsm_request *r, unsigned i, uint32_t offset,
		    uint32_t len)
{
	r->u.seg[i].offset = offset;
	r->u.seg[i].len = len;
}

/* A sound request for each op. */
static struct vhsm_request sound(uint16_t op)
{
	struct vhsm_request r = request(op, 0);

	switch (op) {
	case VHSM_OP_KEY_OPEN:
		segment(&r, VHSM_SEG_PARAM, 0, 4);
		segment(&r, VHSM_SEG_OUTPUT, 64, sizeof(struct vhsm_key_info));
		break;
	case VHSM_OP_KEY_LIST:
		segment(&r, VHSM_SEG_OUTPUT, 64, 960);
		break;
	case VHSM_OP_KEY_PUBLIC:
		r.key = 7;
		segment(&r, VHSM_SEG_OUTPUT, 64, 600);
		break;
	case VHSM_OP_SIGN:
	case VHSM_OP_MAC:
		r.key = 7;
		r.mechanism = VHSM_MECH_ECDSA | VHSM_HASH_SHA256;
		segment(&r, VHSM_SEG_INPUT, 0, 100);
		segment(&r, VHSM_SEG_OUTPUT, 128, 512);
		break;
	case VHSM_OP_VERIFY:
	case VHSM_OP_MAC_VERIFY:
		r.key = 7;
		r.mechanism = VHSM_MECH_ECDSA | VHSM_HASH_SHA256;
		segment(&r, VHSM_SEG_INPUT, 0, 100);
		segment(&r, VHSM_SEG_TAG, 128, 64);
		break;
	case VHSM_OP_ENCRYPT:
	case VHSM_OP_DECRYPT:
		r.key = 7;
		r.mechanism = VHSM_MECH_AES_GCM;
		segment(&r, VHSM_SEG_PARAM, 0, VHSM_NONCE_LEN);
		segment(&r, VHSM_SEG_AAD, 16, 20);
		segment(&r, VHSM_SEG_INPUT, 1024, 1024);
		segment(&r, VHSM_SEG_OUTPUT, 2048, 1024);
		segment(&r, VHSM_SEG_TAG, 4096, VHSM_TAG_LEN);
		break;
	case VHSM_OP_RANDOM:
		segment(&r, VHSM_SEG_OUTPUT, 0, 32);
		break;
	}
	return r;
}

static const uint16_t ops[] = {
	VHSM_OP_NOP, VHSM_OP_KEY_OPEN, VHSM_OP_KEY_LIST, VHSM_OP_KEY_PUBLIC,
	VHSM_OP_SIGN, VHSM_OP_VERIFY, VHSM_OP_ENCRYPT, VHSM_OP_DECRYPT,
	VHSM_OP_MAC, VHSM_OP_MAC_VERIFY, VHSM_OP_RANDOM, VHSM_OP_CANCEL,
};
#define OPS ((int)(sizeof(ops) / sizeof(ops[0])))

static bool is_known(unsigned op)
{
	for (int i = 0; i < OPS; i++)
		if (ops[i] == op)
			return true;
	return false;
}

static bool takes_key(uint16_t op)
{
	return op == VHSM_OP_KEY_PUBLIC ||
		(op >= VHSM_OP_SIGN && op <= VHSM_OP_MAC_VERIFY);
}

static bool takes_mechanism(uint16_t op)
{
	return op >= VHSM_OP_SIGN && op <= VHSM_OP_MAC_VERIFY;
}

START_TEST(sound_request_of_each_op_is_taken)
{
	struct vhsm_request r = sound(ops[_i]);

	ck_assert_int_eq(check(&r), VHSM_S_OK);
}
END_TEST

START_TEST(unknown_ops_are_refused)
{
	for (unsigned op = 0; op <= UINT16_MAX; op++) {
		struct vhsm_request r = sound(op);

		if (is_known(op))
			continue;
		ck_assert_int_eq(check(&r), VHSM_S_BAD_OP);
	}
}
END_TEST

START_TEST(each_flag_is_refused_by_ops_that_do_not_take_it)
{
	struct vhsm_request r;

	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;
		bool takes = (flag == VHSM_F_DIGEST &&
			      (ops[_i] == VHSM_OP_SIGN ||
			       ops[_i] == VHSM_OP_VERIFY)) ||
			(flag == VHSM_F_CALLER_NONCE &&
			 ops[_i] == VHSM_OP_ENCRYPT);

		r = sound(ops[_i]);
		r.flags = flag;
		if (takes && flag == VHSM_F_DIGEST)
			r.u.seg[VHSM_SEG_INPUT].len = 32;
		ck_assert_int_eq(check(&r), takes ? VHSM_S_OK :
				 VHSM_S_BAD_FLAGS);
	}
}
END_TEST

START_TEST(mechanism_is_there_exactly_where_the_op_takes_one)
{
	struct vhsm_request r = sound(ops[_i]);

	r.mechanism = takes_mechanism(ops[_i]) ? 0 : VHSM_MECH_AES_GCM;
	ck_assert_int_eq(check(&r), VHSM_S_BAD_MECHANISM);
}
END_TEST

START_TEST(key_where_the_op_takes_none_is_refused)
{
	struct vhsm_request r = sound(ops[_i]);

	if (takes_key(ops[_i]))
		return;
	r.key = 1;
	ck_assert_int_eq(check(&r), VHSM_S_BAD_RESERVED);
	r.key = 0;
	r.key_version = 1;
	ck_assert_int_eq(check(&r), VHSM_S_BAD_RESERVED);
}
END_TEST

START_TEST(cancel_with_reserved_bytes_is_refused)
{
	for (int i = 0; i < 4; i++) {
		struct vhsm_request r = sound(VHSM_OP_CANCEL);

		r.u.cancel.id = UINT64_MAX;
		ck_assert_int_eq(check(&r), VHSM_S_OK);
		r.u.cancel.reserved[i] = 1;
		ck_assert_int_eq(check(&r), VHSM_S_BAD_RESERVED);
	}
}
END_TEST

/* Which segments each op takes, told independently of the table. */
static bool takes_segment(uint16_t op, unsigned seg)
{
	static const struct { uint16_t op; const char *segments; } takes[] = {
		{ VHSM_OP_KEY_OPEN, "po" }, { VHSM_OP_KEY_LIST, "po" },
		{ VHSM_OP_KEY_PUBLIC, "o" }, { VHSM_OP_SIGN, "io" },
		{ VHSM_OP_VERIFY, "it" }, { VHSM_OP_ENCRYPT, "paiot" },
		{ VHSM_OP_DECRYPT, "paiot" }, { VHSM_OP_MAC, "io" },
		{ VHSM_OP_MAC_VERIFY, "it" }, { VHSM_OP_RANDOM, "o" },
	};

	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
		if (takes[i].op == op)
			return strchr(takes[i].segments, "paiot"[seg]);
	return false;
}

START_TEST(unused_segments_must_be_zero)
{
	if (ops[_i] == VHSM_OP_CANCEL)
		return;
	for (unsigned seg = 0; seg < VHSM_SEGMENTS; seg++) {
		struct vhsm_request r = sound(ops[_i]);

		if (takes_segment(ops[_i], seg))
			continue;
		segment(&r, seg, 8192, 0);
		ck_assert_int_eq(check(&r), VHSM_S_BAD_SEGMENT);
		segment(&r, seg, 0, 8);
		ck_assert_int_eq(check(&r), VHSM_S_BAD_SEGMENT);
	}
}
END_TEST

START_TEST(segments_outside_the_pool_are_refused)
{
	static const struct vhsm_segment outside[] = {
		{ POOL, 1 }, { POOL - 1, 2 }, { 0, POOL + 1 },
		{ UINT32_MAX, 1 }, { 1, UINT32_MAX }, { UINT32_MAX, UINT32_MAX },
		{ 0x80000000u, 0x80000000u }, { POOL + 1, 0 },
	};

	if (ops[_i] == VHSM_OP_CANCEL)
		return;
	for (unsigned seg = 0; seg < VHSM_SEGMENTS; seg++) {
		for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]);
		     i++) {
			struct vhsm_request r = sound(ops[_i]);

			if (!takes_segment(ops[_i], seg))
				continue;
			r.u.seg[seg] = outside[i];
			ck_assert_int_eq(check(&r), VHSM_S_BAD_SEGMENT);
		}
	}
}
END_TEST

START_TEST(segment_may_end_where_the_pool_ends)
{
	struct vhsm_request r = sound(VHSM_OP_RANDOM);

	segment(&r, VHSM_SEG_OUTPUT, POOL - 32, 32);
	ck_assert_int_eq(check(&r), VHSM_S_OK);
	segment(&r, VHSM_SEG_OUTPUT, POOL - 31, 32);
	ck_assert_int_eq(check(&r), VHSM_S_BAD_SEGMENT);
}
END_TEST

START_TEST(overlap_of_any_two_segments_is_refused)
{
	for (unsigned a = 0; a < VHSM_SEGMENTS; a++) {
		for (unsigned b = 0; b < VHSM_SEGMENTS; b++) {
			struct vhsm_request r = sound(VHSM_OP_ENCRYPT);

			if (a == b)
				continue;
			/* The last byte of b is the first of a. */
			r.u.seg[a].offset = 32768;
			r.u.seg[b].offset = 32768 - r.u.seg[b].len + 1;
			ck_assert_int_eq(check(&r), VHSM_S_OVERLAP);
			r.u.seg[b].offset--;
			ck_assert_int_eq(check(&r), VHSM_S_OK);
		}
	}
}
END_TEST

START_TEST(cipher_may_run_in_place_from_one_offset_only)
{
	struct vhsm_request r = sound(VHSM_OP_ENCRYPT);

	r.u.seg[VHSM_SEG_OUTPUT] = r.u.seg[VHSM_SEG_INPUT];
	ck_assert_int_eq(check(&r), VHSM_S_OK);
	r.u.seg[VHSM_SEG_OUTPUT].len += 100;
	ck_assert_int_eq(check(&r), VHSM_S_OK);
	r.u.seg[VHSM_SEG_OUTPUT].offset++;
	ck_assert_int_eq(check(&r), VHSM_S_OVERLAP);
	r = sound(VHSM_OP_DECRYPT);
	r.u.seg[VHSM_SEG_OUTPUT] = r.u.seg[VHSM_SEG_INPUT];
	ck_assert_int_eq(check(&r), VHSM_S_OK);
}
END_TEST

START_TEST(other_ops_may_not_run_in_place)
{
	static const uint16_t others[] = { VHSM_OP_SIGN, VHSM_OP_MAC };

	for (int i = 0; i < 2; i++) {
		struct vhsm_request r = sound(others[i]);

		r.u.seg[VHSM_SEG_OUTPUT].offset =
			r.u.seg[VHSM_SEG_INPUT].offset;
		ck_assert_int_eq(check(&r), VHSM_S_OVERLAP);
	}
}
END_TEST

START_TEST(empty_segments_overlap_nothing)
{
	struct vhsm_request r = sound(VHSM_OP_ENCRYPT);

	segment(&r, VHSM_SEG_AAD, 0, 0);
	segment(&r, VHSM_SEG_INPUT, 0, 0);
	ck_assert_int_eq(check(&r), VHSM_S_OK);
	segment(&r, VHSM_SEG_OUTPUT, 0, 0);
	ck_assert_int_eq(check(&r), VHSM_S_OK);
}
END_TEST

START_TEST(cipher_output_shorter_than_input_is_too_small)
{
	struct vhsm_request r = sound(VHSM_OP_DECRYPT);

	r.u.seg[VHSM_SEG_OUTPUT].len--;
	ck_assert_int_eq(check(&r), VHSM_S_TOO_SMALL);
	ck_assert_uint_eq(need, 1024);
}
END_TEST

struct length_case {
	uint16_t op;
	unsigned seg;
	uint32_t bad;
	enum vhsm_status status;
};

static const struct length_case lengths[] = {
	{ VHSM_OP_KEY_OPEN, VHSM_SEG_PARAM, 0, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_KEY_OPEN, VHSM_SEG_PARAM, 65, VHSM_S_BAD_NAME },
	{ VHSM_OP_KEY_OPEN, VHSM_SEG_OUTPUT, 95, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_KEY_OPEN, VHSM_SEG_OUTPUT, 97, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_KEY_LIST, VHSM_SEG_PARAM, 65, VHSM_S_BAD_NAME },
	{ VHSM_OP_KEY_LIST, VHSM_SEG_OUTPUT, 95, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_ENCRYPT, VHSM_SEG_PARAM, 0, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_ENCRYPT, VHSM_SEG_PARAM, 11, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_ENCRYPT, VHSM_SEG_PARAM, 13, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_DECRYPT, VHSM_SEG_TAG, 15, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_DECRYPT, VHSM_SEG_TAG, 17, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_ENCRYPT, VHSM_SEG_TAG, 0, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_VERIFY, VHSM_SEG_TAG, 0, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_VERIFY, VHSM_SEG_TAG, 513, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_MAC_VERIFY, VHSM_SEG_TAG, 0, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_MAC_VERIFY, VHSM_SEG_TAG, 65, VHSM_S_BAD_LENGTH },
	{ VHSM_OP_RANDOM, VHSM_SEG_OUTPUT, 0, VHSM_S_BAD_LENGTH },
};

START_TEST(lengths_an_op_does_not_take_are_refused)
{
	const struct length_case *c = &lengths[_i];
	struct vhsm_request r = sound(c->op);

	segment(&r, c->seg, c->bad ? 40960 : 0, c->bad);
	ck_assert_int_eq(check(&r), c->status);
}
END_TEST

START_TEST(bulk_over_the_limits_is_too_large)
{
	struct vhsm_request r = sound(VHSM_OP_ENCRYPT);
	size_t pool = (size_t)VHSM_MAX_POOL_PAGES * VHSM_PAGE_SIZE;

	segment(&r, VHSM_SEG_AAD, 1u << 20, VHSM_AAD_MAX + 1);
	ck_assert_int_eq(vhsm_request_check(&r, pool, &need),
			 VHSM_S_TOO_LARGE);
	r = sound(VHSM_OP_MAC);
	segment(&r, VHSM_SEG_INPUT, 1u << 20, VHSM_INPUT_MAX);
	ck_assert_int_eq(vhsm_request_check(&r, pool, &need), VHSM_S_OK);
	r.u.seg[VHSM_SEG_INPUT].len++;
	ck_assert_int_eq(vhsm_request_check(&r, pool, &need),
			 VHSM_S_TOO_LARGE);
	r = sound(VHSM_OP_RANDOM);
	segment(&r, VHSM_SEG_OUTPUT, 0, VHSM_RANDOM_MAX + 1);
	ck_assert_int_eq(vhsm_request_check(&r, pool, &need),
			 VHSM_S_TOO_LARGE);
}
END_TEST

START_TEST(digest_has_its_hash_length)
{
	static const struct { unsigned hash; uint32_t len; } good[] = {
		{ VHSM_HASH_SHA256, 32 }, { VHSM_HASH_SHA384, 48 },
		{ VHSM_HASH_SHA512, 64 },
	};

	for (int i = 0; i < 3; i++) {
		struct vhsm_request r = sound(VHSM_OP_SIGN);

		r.flags = VHSM_F_DIGEST;
		r.mechanism = VHSM_MECH_RSA_PSS | good[i].hash;
		r.u.seg[VHSM_SEG_INPUT].len = good[i].len;
		ck_assert_int_eq(check(&r), VHSM_S_OK);
		r.u.seg[VHSM_SEG_INPUT].len++;
		ck_assert_int_eq(check(&r), VHSM_S_BAD_LENGTH);
	}
}
END_TEST

START_TEST(digest_without_a_hash_is_refused)
{
	struct vhsm_request r = sound(VHSM_OP_SIGN);

	r.flags = VHSM_F_DIGEST;
	r.mechanism = VHSM_MECH_EDDSA;
	ck_assert_int_eq(check(&r), VHSM_S_BAD_FLAGS);
	r.mechanism = VHSM_MECH_ECDSA | 0x7f;
	ck_assert_int_eq(check(&r), VHSM_S_BAD_MECHANISM);
}
END_TEST

/* A random slot that passes must keep the promises of guest-input.c. */
START_TEST(what_passes_lies_in_the_pool_and_apart)
{
	unsigned passed = 0;

	srandom(2);
	for (int i = 0; i < 2000000; i++) {
		struct vhsm_request r = sound(ops[random() % OPS]);
		unsigned seg = random() % VHSM_SEGMENTS;

		r.u.seg[seg].offset = random() % (POOL + 64);
		if (i & 1)
			r.u.seg[random() % VHSM_SEGMENTS].len = random() % POOL;
		if (check(&r) != VHSM_S_OK || r.op == VHSM_OP_CANCEL)
			continue;
		passed++;
		for (unsigned s = 0; s < VHSM_SEGMENTS; s++)
			ck_assert_uint_le((uint64_t)r.u.seg[s].offset +
					  r.u.seg[s].len, POOL);
	}
	ck_assert_uint_gt(passed, 1000);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("guest-input");
	TCase *slot = tcase_create("request");

	tcase_set_timeout(slot, 30);
	tcase_add_loop_test(slot, sound_request_of_each_op_is_taken, 0, OPS);
	tcase_add_test(slot, unknown_ops_are_refused);
	tcase_add_loop_test(slot,
			    each_flag_is_refused_by_ops_that_do_not_take_it,
			    0, OPS);
	tcase_add_loop_test(slot,
			    mechanism_is_there_exactly_where_the_op_takes_one,
			    0, OPS);
	tcase_add_loop_test(slot, key_where_the_op_takes_none_is_refused,
			    0, OPS);
	tcase_add_test(slot, cancel_with_reserved_bytes_is_refused);
	tcase_add_loop_test(slot, unused_segments_must_be_zero, 0, OPS);
	tcase_add_loop_test(slot, segments_outside_the_pool_are_refused,
			    0, OPS);
	tcase_add_test(slot, segment_may_end_where_the_pool_ends);
	tcase_add_test(slot, overlap_of_any_two_segments_is_refused);
	tcase_add_test(slot, cipher_may_run_in_place_from_one_offset_only);
	tcase_add_test(slot, other_ops_may_not_run_in_place);
	tcase_add_test(slot, empty_segments_overlap_nothing);
	tcase_add_test(slot, cipher_output_shorter_than_input_is_too_small);
	tcase_add_loop_test(slot, lengths_an_op_does_not_take_are_refused, 0,
			    sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(slot, bulk_over_the_limits_is_too_large);
	tcase_add_test(slot, digest_has_its_hash_length);
	tcase_add_test(slot, digest_without_a_hash_is_refused);
	tcase_add_test(slot, what_passes_lies_in_the_pool_and_apart);
	suite_add_tcase(s, slot);
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
