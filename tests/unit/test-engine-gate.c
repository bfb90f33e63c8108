// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as it runs, and its gate: what the test shuts in mid-load stays
 * shut for every path a request takes.
 */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops/ops.h"
#include "unit/engine-rig.h"

static struct rig rig;

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

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void shut(uint32_t level)
{
	atomic_store(&rig.gate->level, level);
	atomic_fetch_add(&rig.gate->epoch, 1);
}

static unsigned do_status(uint16_t op, uint16_t mechanism, uint32_t key,
			  uint32_t len)
{
	return rig_do(&rig, rig_request(op, mechanism, key, len)).status;
}

START_TEST(a_shut_gate_refuses_keys_and_nothing_else)
{
	struct vhsm_request r;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_OK);
	shut(VHSM_GATE_REVOKED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_UNAPPROVED);
	ck_assert_uint_eq(do_status(VHSM_OP_DECRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_UNAPPROVED);
	ck_assert_uint_eq(rig.last_refusal.status, VHSM_S_UNAPPROVED);
	rig_open(&rig, "hmac");
	ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	r = rig_request(VHSM_OP_RANDOM, 0, 0, 0);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT, 32 };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	r = rig_request(VHSM_OP_KEY_PUBLIC, 0, rig_open(&rig, "p256"), 0);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT, 512 };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	atomic_store(&rig.gate->level, VHSM_GATE_FULL);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_OK);
}
END_TEST

START_TEST(verify_only_checks_and_makes_nothing)
{
	struct vhsm_request r;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "hmac");
	ck_assert_uint_eq(do_status(VHSM_OP_MAC, HMAC_SHA256, key, 64),
			  VHSM_S_OK);
	memcpy(rig.queue[0].pool + AT_TAG, rig.queue[0].pool + AT_OUTPUT, 32);
	shut(VHSM_GATE_VERIFY_ONLY);
	r = rig_request(VHSM_OP_MAC_VERIFY, HMAC_SHA256, key, 64);
	r.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){ AT_TAG, 32 };
	ck_assert_uint_eq(rig_do(&rig, r).status, VHSM_S_OK);
	ck_assert_uint_eq(do_status(VHSM_OP_MAC, HMAC_SHA256, key, 64),
			  VHSM_S_VERIFY_ONLY);
}
END_TEST

START_TEST(a_lease_runs_out_by_itself)
{
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	atomic_store(&rig.gate->lease_until_ns, 0);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_LEASE_STALE);
	atomic_store(&rig.gate->lease_until_ns, now_ns() + 300000000u);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_OK);
	usleep(310000);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_LEASE_STALE);
}
END_TEST

START_TEST(who_was_revoked_is_not_told_to_wait_for_a_lease)
{
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	atomic_store(&rig.gate->lease_until_ns, _i);
	rig_set_state(&rig, RIG_AES, VHSM_KEY_REVOKED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_REVOKED);
	shut(VHSM_GATE_REVOKED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    64), VHSM_S_UNAPPROVED);
}
END_TEST

START_TEST(a_throttled_guest_gets_its_rate)
{
	unsigned done = 0, throttled = 0, status;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	atomic_store(&rig.gate->rate, 20);
	shut(VHSM_GATE_THROTTLED);
	for (uint64_t end = now_ns() + 1000000000u; now_ns() < end;) {
		status = do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 64);
		done += status == VHSM_S_OK;
		throttled += status == VHSM_S_THROTTLED;
	}
	/* A second's burst, and what that second itself brings. */
	ck_assert_uint_ge(done, 30);
	ck_assert_uint_le(done, 42);
	ck_assert_uint_gt(throttled, 0);
}
END_TEST

static bool output_is_zero(uint32_t offset, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (rig.queue[0].pool[offset + i])
			return false;
	return true;
}

/* Large ones, each with an output of its own, shut at a random moment: what is
 * refused has left nothing behind. */
START_TEST(a_batch_under_way_leaves_nothing_of_what_is_refused)
{
	enum { COUNT = 16, LEN = 65536 };
	const uint32_t at = AT_OUTPUT + LEN;
	unsigned refused = 0, late = 0;
	struct vhsm_request r;
	struct vhsm_response a;
	uint32_t key;

	rig.pool_pages = 2048;
	rig_up(&rig);
	key = rig_open(&rig, "aes");
	for (unsigned round = 0; round < 40; round++) {
		memset(rig.queue[0].pool + at, 0, COUNT * LEN);
		r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, LEN);
		r.u.seg[VHSM_SEG_INPUT].offset = at + COUNT * LEN;
		for (r.id = 0; r.id < COUNT; r.id++) {
			r.u.seg[VHSM_SEG_OUTPUT].offset = at + r.id * LEN;
			rig_put(&rig, 0, &r);
		}
		rig_push(&rig, 0);
		usleep(round * 7);
		shut(VHSM_GATE_REVOKED);
		for (int i = 0; i < COUNT; i++) {
			ck_assert(rig_take(&rig, 0, &a, 5000));
			if (a.status == VHSM_S_OK)
				continue;
			ck_assert_uint_eq(a.status, VHSM_S_UNAPPROVED);
			refused++;
			ck_assert(output_is_zero(at + a.id * LEN, LEN));
		}
		late += a.status != VHSM_S_OK;
		atomic_store(&rig.gate->level, VHSM_GATE_FULL);
	}
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_gt(late, 0);
}
END_TEST

/* Given back at once, as by an order and its opposite: what the workers had in
 * hand began under the epoch before, and is not published. */
START_TEST(slow_results_of_an_epoch_that_is_over_are_dropped)
{
	struct vhsm_request r;
	struct vhsm_response a;
	unsigned late = 0;
	RING_IDX published;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "rsa");
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, key, 16);
	for (r.id = 0; r.id < 32; r.id++)
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	ck_assert(rig_take(&rig, 0, &a, 5000));	/* all have entered */
	ck_assert_uint_eq(a.status, VHSM_S_OK);
	published = *(volatile RING_IDX *)&rig.queue[0].ring.sring->rsp_prod;
	shut(VHSM_GATE_REVOKED);
	if (_i)
		atomic_store(&rig.gate->level, VHSM_GATE_FULL);
	usleep(1000);
	memset(rig.queue[0].pool + AT_OUTPUT, 0xa5, 512);
	while (rig.queue[0].ring.rsp_cons != rig.queue[0].ring.req_prod_pvt) {
		ck_assert(rig_take(&rig, 0, &a, 5000));
		if ((int32_t)(rig.queue[0].ring.rsp_cons - published) <= 0)
			continue;
		late += a.status == VHSM_S_OK;
		if (a.status != VHSM_S_OK)
			ck_assert_uint_eq(a.status, _i ? VHSM_S_CANCELLED :
					  VHSM_S_UNAPPROVED);
	}
	/* One may have left the gate, and been on its way into the ring. */
	ck_assert_uint_le(late, 1);
	for (int i = 0; i < 512; i++)
		ck_assert_uint_eq(rig.queue[0].pool[AT_OUTPUT + i], 0xa5);
	if (_i)
		ck_assert_uint_eq(do_status(VHSM_OP_SIGN, RSA_SHA256, key, 16),
				  VHSM_S_OK);
}
END_TEST

START_TEST(an_engine_without_a_gate_it_can_trust_does_not_start)
{
	rig.gate_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	rig_start(&rig);
	ck_assert_int_eq(rig_wait_exit(&rig), EXIT_FAILURE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine-gate");
	TCase *tc = tcase_create("gate");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_shut_gate_refuses_keys_and_nothing_else);
	tcase_add_test(tc, verify_only_checks_and_makes_nothing);
	tcase_add_test(tc, a_lease_runs_out_by_itself);
	tcase_add_loop_test(tc,
		who_was_revoked_is_not_told_to_wait_for_a_lease, 0, 2);
	tcase_add_test(tc, a_throttled_guest_gets_its_rate);
	tcase_add_test(tc,
		a_batch_under_way_leaves_nothing_of_what_is_refused);
	tcase_add_loop_test(tc,
		slow_results_of_an_epoch_that_is_over_are_dropped, 0, 2);
	tcase_add_test(tc,
		an_engine_without_a_gate_it_can_trust_does_not_start);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
