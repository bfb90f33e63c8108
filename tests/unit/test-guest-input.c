// SPDX-License-Identifier: Apache-2.0
/*
 * Every rule of guest-input.c, each shown to accept what it should and to
 * refuse its neighbours.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest-input.h"

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

/* ----------------------------------------------------------- requests */

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
	Suite *s = suite_create("guest-input");
	TCase *ring = tcase_create("ring");
	TCase *slot = tcase_create("request");
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
