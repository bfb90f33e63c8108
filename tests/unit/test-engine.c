// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as it runs: a process of its own, with a broker, a vault and a
 * guest made here.
 */
#include <config.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/ops.h"
#include "unit/engine-rig.h"

static struct rig rig;

#define ECDSA_SHA256 (VHSM_MECH_ECDSA | VHSM_HASH_SHA256)
#define RSA_SHA256 (VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256)
#define HMAC_SHA256 (VHSM_MECH_HMAC | VHSM_HASH_SHA256)

static void setup(void)
{
	memset(&rig, 0, sizeof(rig));
}

static void teardown(void)
{
	int status;

	if (rig.pid > 0 && waitpid(rig.pid, &status, WNOHANG) == 0) {
		kill(rig.pid, SIGKILL);
		waitpid(rig.pid, &status, 0);
	}
}

static void fill_input(size_t len)
{
	for (size_t i = 0; i < len; i++)
		rig.queue[0].pool[AT_INPUT + i] = i * 7;
}

static unsigned do_status(uint16_t op, uint16_t mechanism, uint32_t key,
			  uint32_t len)
{
	return rig_do(&rig, rig_request(op, mechanism, key, len)).status;
}

/* ------------------------------------------------------------ all ops */

START_TEST(nop_is_answered)
{
	rig_up(&rig);
	ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	ck_assert_int_eq(rig_stop(&rig), 0);
}
END_TEST

START_TEST(encrypted_text_decrypts_to_itself)
{
	struct vhsm_request r;
	struct vhsm_response a;
	uint8_t *pool;
	uint32_t key;

	rig_up(&rig);
	pool = rig.queue[0].pool;
	key = rig_open(&rig, "aes");
	fill_input(1024);
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 1024);
	a = rig_do(&rig, r);
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	ck_assert_uint_eq(a.out_len, 1024);
	ck_assert_uint_eq(a.key_version, 1);
	ck_assert_mem_ne(pool + AT_OUTPUT, pool + AT_INPUT, 1024);
	memcpy(pool + AT_INPUT, pool + AT_OUTPUT, 1024);
	r.op = VHSM_OP_DECRYPT;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	for (int i = 0; i < 1024; i++)
		ck_assert_uint_eq(pool[AT_OUTPUT + i], (uint8_t)(i * 7));
	pool[AT_TAG] ^= 1;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_TAG);
	for (int i = 0; i < 1024; i++)
		ck_assert_uint_eq(pool[AT_OUTPUT + i], 0);
	ck_assert_int_eq(rig_stop(&rig), 0);
	ck_assert_uint_eq(rig.operations, 3);
	ck_assert_uint_eq(rig.bytes, 3 * 1024);
}
END_TEST

START_TEST(nonces_never_repeat)
{
	uint8_t last[VHSM_NONCE_LEN];
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	memset(last, 0xff, sizeof(last));
	for (int i = 0; i < 300; i++) {
		ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
					    key, 16), VHSM_S_OK);
		ck_assert_mem_ne(rig.queue[0].pool + AT_PARAM, last,
				 sizeof(last));
		memcpy(last, rig.queue[0].pool + AT_PARAM, sizeof(last));
	}
}
END_TEST

static const struct { const char *key; uint16_t mechanism; } signers[] = {
	{ "p256", ECDSA_SHA256 }, { "ed25519", VHSM_MECH_EDDSA },
	{ "rsa", RSA_SHA256 },
};

START_TEST(signature_verifies_and_a_changed_message_does_not)
{
	uint16_t mechanism = signers[_i].mechanism;
	struct vhsm_response a;
	struct vhsm_request r;
	uint8_t *pool;
	uint32_t key;

	rig_up(&rig);
	pool = rig.queue[0].pool;
	key = rig_open(&rig, signers[_i].key);
	fill_input(500);
	a = rig_do(&rig, rig_request(VHSM_OP_SIGN, mechanism, key, 500));
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	ck_assert_uint_ge(a.out_len, 64);
	memcpy(pool + AT_TAG, pool + AT_OUTPUT, a.out_len);
	r = rig_request(VHSM_OP_VERIFY, mechanism, key, 500);
	r.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){ AT_TAG, a.out_len };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	pool[AT_INPUT] ^= 1;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_SIGNATURE);
	ck_assert_uint_eq(rig.refusals, 0);
	ck_assert_int_eq(rig_stop(&rig), 0);
}
END_TEST

START_TEST(mac_verifies_and_a_changed_one_does_not)
{
	struct vhsm_response a;
	struct vhsm_request r;
	uint8_t *pool;
	uint32_t key;

	rig_up(&rig);
	pool = rig.queue[0].pool;
	key = rig_open(&rig, "hmac");
	fill_input(100);
	a = rig_do(&rig, rig_request(VHSM_OP_MAC, HMAC_SHA256, key, 100));
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	ck_assert_uint_eq(a.out_len, 32);
	memcpy(pool + AT_TAG, pool + AT_OUTPUT, 32);
	r = rig_request(VHSM_OP_MAC_VERIFY, HMAC_SHA256, key, 100);
	r.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){ AT_TAG, 32 };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	pool[AT_TAG] ^= 1;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_SIGNATURE);
}
END_TEST

START_TEST(keys_are_listed_in_order_and_in_pages)
{
	static const char *const order[] = {
		"aes", "ed25519", "hmac", "p256", "p384", "rsa"
	};
	struct vhsm_request r = { .op = VHSM_OP_KEY_LIST };
	const struct vhsm_key_info *info;
	char name[VHSM_NAME_MAX + 1] = "";
	struct vhsm_response a;

	rig_up(&rig);
	info = (void *)(rig.queue[0].pool + AT_OUTPUT);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT,
							  sizeof(*info) + 7 };
	for (int i = 0; i < 6; i++) {
		a = rig_do(&rig, r);
		ck_assert_uint_eq(a.status, VHSM_S_OK);
		ck_assert_uint_eq(a.out_len, sizeof(*info));
		memcpy(name, info->name, VHSM_NAME_MAX);
		ck_assert_str_eq(name, order[i]);
		ck_assert_uint_eq(info->state, VHSM_KEY_ENABLED);
		memcpy(rig.queue[0].pool + AT_PARAM, name, strlen(name));
		r.u.seg[VHSM_SEG_PARAM] = (struct vhsm_segment){
			AT_PARAM, strlen(name) };
	}
	ck_assert_uint_eq(rig_do(&rig, r).out_len, 0);
}
END_TEST

START_TEST(public_key_tells_its_size_and_is_der)
{
	struct vhsm_request r = { .op = VHSM_OP_KEY_PUBLIC };
	struct vhsm_response a;

	rig_up(&rig);
	r.key = rig_open(&rig, "p256");
	a = rig_do(&rig, r);
	ck_assert_uint_eq(a.status, VHSM_S_TOO_SMALL);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT,
							  a.out_len };
	a = rig_do(&rig, r);
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	ck_assert_uint_eq(rig.queue[0].pool[AT_OUTPUT], 0x30);
	ck_assert_uint_eq(a.out_len, rig.queue[0].pool[AT_OUTPUT + 1] + 2u);
	r.key = rig_open(&rig, "aes");
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_WRONG_TYPE);
}
END_TEST

START_TEST(random_bytes_differ)
{
	struct vhsm_request r = { .op = VHSM_OP_RANDOM };
	uint8_t first[32];

	rig_up(&rig);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT, 32 };
	ck_assert_uint_eq(rig_do(&rig, r).out_len, 32);
	memcpy(first, rig.queue[0].pool + AT_OUTPUT, 32);
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	ck_assert_mem_ne(first, rig.queue[0].pool + AT_OUTPUT, 32);
}
END_TEST

START_TEST(old_version_is_used_when_named)
{
	struct vhsm_request r;
	uint32_t key;

	rig_start(&rig);
	rig_key_version(&rig, 9, "k", VHSM_KEY_AES_128, VHSM_USE_ENCRYPT, 1);
	rig_key_version(&rig, 9, "k", VHSM_KEY_AES_128, VHSM_USE_ENCRYPT, 2);
	rig_keys_done(&rig);
	rig_connect(&rig);
	key = rig_open(&rig, "k");
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 16);
	ck_assert_uint_eq(rig_do(&rig, r).key_version, 2);
	r.key_version = 1;
	ck_assert_uint_eq(rig_do(&rig, r).key_version, 1);
	r.key_version = 3;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_NO_VERSION);
}
END_TEST

/* ---------------------------------------------------- order and cancel */

START_TEST(slow_operation_does_not_hold_up_fast_ones)
{
	struct vhsm_request slow, fast;
	struct vhsm_response a;

	rig_up(&rig);
	slow = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"),
			   100);
	fast = rig_request(VHSM_OP_NOP, 0, 0, 0);
	slow.id = 1;
	fast.id = 2;
	rig_put(&rig, 0, &slow);
	rig_put(&rig, 0, &fast);
	rig_push(&rig, 0);
	ck_assert(rig_take(&rig, 0, &a, 5000));
	ck_assert_uint_eq(a.id, 2);
	ck_assert(rig_take(&rig, 0, &a, 5000));
	ck_assert_uint_eq(a.id, 1);
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	ck_assert_uint_eq(rig.stats->worker_requests, 1);
}
END_TEST

START_TEST(cancel_takes_back_what_has_not_begun)
{
	struct vhsm_request r, cancel = { .op = VHSM_OP_CANCEL, .id = 100 };
	unsigned status[101] = { 0 };
	struct vhsm_response a;

	rig_up(&rig);
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"), 100);
	for (r.id = 1; r.id <= 8; r.id++)
		rig_put(&rig, 0, &r);
	cancel.u.cancel.id = 8;
	rig_put(&rig, 0, &cancel);
	rig_push(&rig, 0);
	for (int i = 0; i < 9; i++) {
		ck_assert(rig_take(&rig, 0, &a, 5000));
		ck_assert_uint_le(a.id, 100);
		status[a.id] = a.status;
	}
	ck_assert_uint_eq(status[100], VHSM_S_OK);
	ck_assert_uint_eq(status[8], VHSM_S_CANCELLED);
	ck_assert_uint_eq(status[1], VHSM_S_OK);
	cancel.u.cancel.id = 8;
	ck_assert_uint_eq(rig_do(&rig, cancel).status, VHSM_S_NOT_FOUND);
}
END_TEST

START_TEST(ring_full_of_slow_requests_answers_each_once)
{
	struct vhsm_request r;
	struct vhsm_response a;
	uint64_t seen = 0;

	rig_up(&rig);
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"), 100);
	for (r.id = 0; !RING_FULL(&rig.queue[0].ring); r.id++)
		rig_put(&rig, 0, &r);
	ck_assert_uint_eq(r.id, 32);
	rig_push(&rig, 0);
	while (seen != 0xffffffffu) {
		ck_assert(rig_take(&rig, 0, &a, 10000));
		ck_assert_uint_eq(a.status, VHSM_S_OK);
		ck_assert(!(seen & (UINT64_C(1) << a.id)));
		seen |= UINT64_C(1) << a.id;
	}
}
END_TEST

/* The test's own indices start just before 2^32, as the engine finds them. */
START_TEST(ring_indices_wrap_around)
{
	struct rig_queue *q = &rig.queue[0];

	rig_start(&rig);
	rig_keys_done(&rig);
	rig.ring_order = 1;
	rig.first_index = UINT32_MAX - 500;
	rig_connect(&rig);
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	ck_assert_uint_eq(q->ring.rsp_cons, 499);
	ck_assert_uint_eq(rig.stats->queue[0].requests, 1000);
}
END_TEST

START_TEST(queues_are_served_side_by_side)
{
	struct vhsm_request r = { .op = VHSM_OP_NOP };
	struct vhsm_response a;

	rig.queues = VHSM_MAX_QUEUES;
	rig.pool_pages = 4;
	rig_start(&rig);
	rig_keys_done(&rig);
	rig_connect(&rig);
	for (unsigned q = 0; q < VHSM_MAX_QUEUES; q++) {
		r.id = q + 1;
		rig_put(&rig, q, &r);
		rig_push(&rig, q);
	}
	for (unsigned q = 0; q < VHSM_MAX_QUEUES; q++) {
		ck_assert(rig_take(&rig, q, &a, 5000));
		ck_assert_uint_eq(a.id, q + 1);
	}
	ck_assert_int_eq(rig_stop(&rig), 0);
}
END_TEST

/* ------------------------------------------------------------- refusals */

START_TEST(refusal_is_held_until_it_is_audited)
{
	struct vhsm_msg_audit_ack ack = {
		.hdr = { VHSM_MSG_AUDIT_ACK, sizeof(ack) },
	};
	struct vhsm_request bad, good = { .op = VHSM_OP_NOP, .id = 2 };
	struct vhsm_response a;

	rig.hold_acks = true;
	rig_up(&rig);
	bad = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, 0xdead0000u, 16);
	bad.id = 1;
	rig_put(&rig, 0, &bad);
	rig_put(&rig, 0, &good);
	rig_push(&rig, 0);
	/* What comes after is not held up. */
	ck_assert(rig_take(&rig, 0, &a, 5000));
	ck_assert_uint_eq(a.id, 2);
	ck_assert(!rig_take(&rig, 0, &a, 200));
	ck_assert_uint_eq(rig.refusals, 1);
	ck_assert_uint_eq(rig.last_refusal.status, VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(rig.last_refusal.key, 0xdead0000u);
	ack.seq = rig.last_refusal.seq;
	vhsm_msg_send(rig.vault, &ack.hdr, NULL, 0);
	ck_assert(rig_take(&rig, 0, &a, 5000));
	ck_assert_uint_eq(a.id, 1);
	ck_assert_uint_eq(a.status, VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(rig.stats->audit_waits, 1);
	ck_assert_int_eq(rig_stop(&rig), 0);
}
END_TEST

START_TEST(unknown_key_is_refused_and_recorded_by_name)
{
	struct vhsm_request r = { .op = VHSM_OP_KEY_OPEN };

	rig_up(&rig);
	memcpy(rig.queue[0].pool, "web-tls", 7);
	r.u.seg[VHSM_SEG_PARAM].len = 7;
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){
		AT_OUTPUT, sizeof(struct vhsm_key_info) };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_NO_KEY);
	ck_assert_uint_eq(rig.refusals, 1);
	ck_assert_uint_eq(rig.last_refusal.name_len, 7);
	ck_assert_mem_eq(rig.last_refusal.untrusted_name, "web-tls", 7);
	rig.queue[0].pool[0] = '/';
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_NAME);
	ck_assert_uint_eq(rig.refusals, 1);
}
END_TEST

START_TEST(storm_of_refusals_is_summed)
{
	struct vhsm_request r;
	struct vhsm_response a;
	unsigned total = 0;

	rig_up(&rig);
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, 0x10000u, 16);
	for (int round = 0; round < 100; round++) {
		for (r.id = 0; r.id < 32; r.id++)
			rig_put(&rig, 0, &r);
		rig_push(&rig, 0);
		for (int i = 0; i < 32; i++, total++)
			ck_assert(rig_take(&rig, 0, &a, 5000));
	}
	ck_assert_uint_lt(rig.refusals, total / 4);
	ck_assert_int_eq(rig_stop(&rig), 0);
	/* None is lost: each has a record or is in one's repeats. */
	ck_assert_uint_eq(rig.refusals + rig.repeats, total);
}
END_TEST

START_TEST(each_refusal_has_its_status)
{
	uint32_t aes, p384;

	rig_up(&rig);
	aes = rig_open(&rig, "aes");
	p384 = rig_open(&rig, "p384");
	ck_assert_uint_eq(do_status(VHSM_OP_SIGN, ECDSA_SHA256, aes, 16),
			  VHSM_S_WRONG_TYPE);
	ck_assert_uint_eq(do_status(VHSM_OP_SIGN, VHSM_MECH_AES_GCM, aes, 16),
			  VHSM_S_BAD_MECHANISM);
	ck_assert_uint_eq(do_status(VHSM_OP_SIGN, 0x7f00, aes, 16),
			  VHSM_S_BAD_MECHANISM);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, 0, 16),
			  VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
				    aes ^ 0x00010000u, 16), VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
				    aes | 0x0000ff00u, 16), VHSM_S_BAD_HANDLE);
	struct vhsm_request r = rig_request(VHSM_OP_VERIFY,
			VHSM_MECH_ECDSA | VHSM_HASH_SHA384, p384, 16);
	r.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){ AT_TAG, 70 };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_NOT_PERMITTED);
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, aes, 16);
	r.flags = VHSM_F_CALLER_NONCE;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_NOT_PERMITTED);
	ck_assert_uint_eq(rig.refusals, 6);
}
END_TEST

START_TEST(handle_of_an_earlier_connection_is_refused)
{
	uint32_t earlier;

	rig_up(&rig);
	earlier = rig_open(&rig, "aes");
	ck_assert_int_eq(rig_stop(&rig), 0);
	do {	/* the generation is random: a repeat is 1 in 65535 */
		setup();
		rig_up(&rig);
	} while (rig_open(&rig, "aes") == earlier && rig_stop(&rig) == 0);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
				    earlier, 16), VHSM_S_BAD_HANDLE);
}
END_TEST

START_TEST(malformed_requests_are_answered_not_punished)
{
	struct vhsm_request r = { .op = 999 };

	rig_up(&rig);
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_OP);
	r = rig_request(VHSM_OP_MAC, HMAC_SHA256, 1, 16);
	r.u.seg[VHSM_SEG_INPUT].offset = UINT32_MAX;
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_BAD_SEGMENT);
	ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	ck_assert_uint_eq(rig.stats->queue[0].malformed, 2);
	ck_assert_uint_eq(rig.refusals, 0);
}
END_TEST

static TCase *tcase(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static Suite *suite(void)
{
	Suite *s = suite_create("engine");
	TCase *tc = tcase(s, "operations");

	tcase_add_test(tc, nop_is_answered);
	tcase_add_test(tc, encrypted_text_decrypts_to_itself);
	tcase_add_test(tc, nonces_never_repeat);
	tcase_add_loop_test(tc,
			    signature_verifies_and_a_changed_message_does_not,
			    0, 3);
	tcase_add_test(tc, mac_verifies_and_a_changed_one_does_not);
	tcase_add_test(tc, keys_are_listed_in_order_and_in_pages);
	tcase_add_test(tc, public_key_tells_its_size_and_is_der);
	tcase_add_test(tc, random_bytes_differ);
	tcase_add_test(tc, old_version_is_used_when_named);
	tc = tcase(s, "order");
	tcase_add_test(tc, slow_operation_does_not_hold_up_fast_ones);
	tcase_add_test(tc, cancel_takes_back_what_has_not_begun);
	tcase_add_test(tc, ring_full_of_slow_requests_answers_each_once);
	tcase_add_test(tc, ring_indices_wrap_around);
	tcase_add_test(tc, queues_are_served_side_by_side);
	tc = tcase(s, "refusals");
	tcase_add_test(tc, refusal_is_held_until_it_is_audited);
	tcase_add_test(tc, unknown_key_is_refused_and_recorded_by_name);
	tcase_add_test(tc, storm_of_refusals_is_summed);
	tcase_add_test(tc, each_refusal_has_its_status);
	tcase_add_test(tc, handle_of_an_earlier_connection_is_refused);
	tcase_add_test(tc, malformed_requests_are_answered_not_punished);
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
