// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as it runs, when others do what they should not: keys taken away
 * in mid-load, guests that lie, siblings that end.
 */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/ops.h"
#include "unit/engine-rig.h"

static struct rig rig;

#define ECDSA_SHA256 (VHSM_MECH_ECDSA | VHSM_HASH_SHA256)
#define RSA_SHA256 (VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256)

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

static unsigned do_status(uint16_t op, uint16_t mechanism, uint32_t key,
			  uint32_t len)
{
	return rig_do(&rig, rig_request(op, mechanism, key, len)).status;
}

/* ---------------------------------------------------------- revocation */

/* Keeps 16 encryptions in flight, each told from the next by its output. */
static void load_once(uint32_t key, unsigned *last_status)
{
	struct vhsm_request r;
	struct vhsm_response a;

	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 4096);
	for (r.id = 0; r.id < 16; r.id++)
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	for (int i = 0; i < 16; i++) {
		ck_assert(rig_take(&rig, 0, &a, 5000));
		*last_status = a.status;
	}
}

START_TEST(nothing_is_published_after_a_revocation_is_acknowledged)
{
	struct vhsm_request r;
	struct vhsm_response a;
	unsigned status = VHSM_S_OK;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	for (int i = 0; i < 50; i++)
		load_once(key, &status);
	ck_assert_uint_eq(status, VHSM_S_OK);
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 16384);
	for (r.id = 0; r.id < 32; r.id++)
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	rig_set_state(&rig, RIG_AES, VHSM_KEY_REVOKED);
	/* From the acknowledgement on the output is ours alone. */
	memset(rig.queue[0].pool + AT_OUTPUT, 0xa5, 16384);
	for (RING_IDX at = rig.queue[0].ring.sring->rsp_prod,
	     i = rig.queue[0].ring.rsp_cons; i != at + 32 &&
	     rig_take(&rig, 0, &a, 1000); i++)
		if ((int32_t)(i - at) >= 0)
			ck_assert_uint_eq(a.status, VHSM_S_REVOKED);
	for (int i = 0; i < 16384; i++)
		ck_assert_uint_eq(rig.queue[0].pool[AT_OUTPUT + i], 0xa5);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    16), VHSM_S_REVOKED);
}
END_TEST

START_TEST(slow_results_are_dropped_when_their_key_is_revoked)
{
	struct vhsm_request r;
	struct vhsm_response a;
	RING_IDX published;

	rig_up(&rig);
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"), 16);
	for (r.id = 0; r.id < 32; r.id++)
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	rig_set_state(&rig, RIG_RSA, VHSM_KEY_REVOKED);
	memset(rig.queue[0].pool + AT_OUTPUT, 0xa5, 512);
	published = *(volatile RING_IDX *)&rig.queue[0].ring.sring->rsp_prod;
	while (rig.queue[0].ring.rsp_cons != rig.queue[0].ring.req_prod_pvt) {
		ck_assert(rig_take(&rig, 0, &a, 5000));
		if ((int32_t)(rig.queue[0].ring.rsp_cons - published) > 0)
			ck_assert_uint_eq(a.status, VHSM_S_REVOKED);
	}
	ck_assert_uint_eq(rig.queue[0].pool[AT_OUTPUT], 0xa5);
}
END_TEST

/* A local client shares its eventfds, and so whether they block. */
START_TEST(client_that_blocks_its_event_holds_up_no_revocation)
{
	struct vhsm_request nop = rig_request(VHSM_OP_NOP, 0, 0, 0);
	uint64_t full = UINT64_MAX - 1;
	int fd;

	rig_up(&rig);
	fd = rig.queue[0].from_engine;
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_RDWR), 0);
	ck_assert_int_eq(write(fd, &full, sizeof(full)), sizeof(full));
	rig_put(&rig, 0, &nop);
	rig_push(&rig, 0);
	usleep(100000);
	rig_set_state(&rig, RIG_AES, VHSM_KEY_REVOKED);
}
END_TEST

#define SIGNATURES 100

/* A version becomes the primary one while the last makes signatures. */
START_TEST(answer_names_the_version_that_did_the_work)
{
	struct vhsm_request r, check;
	struct vhsm_response a[SIGNATURES];
	uint32_t uses = VHSM_USE_SIGN | VHSM_USE_VERIFY;

	rig.ring_order = 2;
	rig_start(&rig);
	rig_key_version(&rig, 0, "k", VHSM_KEY_EC_P384, uses, 1);
	rig_keys_done(&rig);
	rig_connect(&rig);
	r = rig_request(VHSM_OP_SIGN, ECDSA_SHA256, rig_open(&rig, "k"), 16);
	for (r.id = 0; r.id < SIGNATURES; r.id++) {
		r.u.seg[VHSM_SEG_OUTPUT].offset = AT_OUTPUT +
			r.id * VHSM_SIG_MAX;
		rig_put(&rig, 0, &r);
	}
	rig_push(&rig, 0);
	rig_key_version(&rig, 0, "k", VHSM_KEY_EC_P384, uses, 2);
	for (int i = 0; i < SIGNATURES; i++)
		ck_assert(rig_take(&rig, 0, &a[i], 5000));
	check = rig_request(VHSM_OP_VERIFY, ECDSA_SHA256, r.key, 16);
	for (int i = 0; i < SIGNATURES; i++) {
		check.key_version = a[i].key_version;
		check.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){
			AT_OUTPUT + a[i].id * VHSM_SIG_MAX, a[i].out_len };
		ck_assert_uint_eq(rig_do(&rig, check).status, VHSM_S_OK);
	}
}
END_TEST

START_TEST(destroyed_key_is_gone_and_its_index_serves_another)
{
	struct vhsm_request r = { .op = VHSM_OP_KEY_LIST };
	uint32_t old, fresh;

	rig_up(&rig);
	old = rig_open(&rig, "aes");
	rig_set_state(&rig, RIG_AES, VHSM_KEY_DESTROYED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, old,
				    16), VHSM_S_BAD_HANDLE);
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT, 4096 };
	ck_assert_uint_eq(rig_do(&rig, r).out_len,
			  5 * sizeof(struct vhsm_key_info));
	rig_key(&rig, RIG_AES, "other", VHSM_KEY_AES_128, VHSM_USE_ENCRYPT);
	/* Loaded when the next answer of the control thread is here. */
	rig_set_state(&rig, RIG_P384, VHSM_KEY_DISABLED);
	fresh = rig_open(&rig, "other");
	ck_assert_uint_ne(fresh, old);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, old,
				    16), VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, fresh,
				    16), VHSM_S_OK);
}
END_TEST

START_TEST(disabled_key_works_again_when_it_is_sent_again)
{
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	rig_set_state(&rig, RIG_AES, VHSM_KEY_DISABLED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    16), VHSM_S_DISABLED);
	rig_key(&rig, RIG_AES, "aes", VHSM_KEY_AES_256, VHSM_USE_ENCRYPT);
	rig_set_state(&rig, RIG_P384, VHSM_KEY_DISABLED);
	ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key,
				    16), VHSM_S_OK);
}
END_TEST

/* -------------------------------------------------------- hostile guest */

static void expect_violation(void)
{
	uint64_t buffer[VHSM_MSG_MAX / sizeof(uint64_t)];
	const struct vhsm_msg_text *text = (void *)buffer;
	uint64_t one = 1;

	ck_assert_int_eq(write(rig.queue[0].to_engine, &one, 8), 8);
	ck_assert_int_eq(vhsm_msg_recv(rig.broker, buffer, NULL, NULL), 1);
	ck_assert_uint_eq(text->hdr.type, VHSM_MSG_VIOLATION);
	ck_assert_uint_ne(text->code, 0);
	ck_assert_int_eq(rig_wait_exit(&rig), VHSM_EXIT_VIOLATION);
}

START_TEST(producer_that_jumps_disconnects)
{
	rig_up(&rig);
	rig.queue[0].ring.sring->req_prod += 1000;
	expect_violation();
}
END_TEST

START_TEST(producer_that_runs_backwards_disconnects)
{
	rig_up(&rig);
	ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	rig.queue[0].ring.sring->req_prod--;
	expect_violation();
}
END_TEST

START_TEST(requests_over_slots_in_flight_disconnect)
{
	struct vhsm_request r;

	rig_up(&rig);
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"), 16);
	while (!RING_FULL(&rig.queue[0].ring))
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	/* All but one slot anew: no worker is that quick. */
	rig.queue[0].ring.sring->req_prod += 31;
	expect_violation();
}
END_TEST

START_TEST(event_storm_is_counted_and_does_not_starve_requests)
{
	uint64_t one = 1;

	rig_up(&rig);
	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(write(rig.queue[0].to_engine, &one, 8), 8);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(write(rig.queue[0].to_engine, &one, 8), 8);
		usleep(100);
	}
	ck_assert_uint_eq(do_status(VHSM_OP_NOP, 0, 0, 0), VHSM_S_OK);
	ck_assert_uint_gt(rig.stats->queue[0].spurious_events, 0);
}
END_TEST

/* Another process changes the message all the while: every answer must come,
 * and the engine must outlive it. */
START_TEST(pool_changed_while_it_is_read_hurts_nobody)
{
	static const uint16_t mechanisms[] = { ECDSA_SHA256, VHSM_MECH_EDDSA };
	volatile uint8_t *input;
	uint32_t keys[2], aes;
	pid_t pid;

	rig_up(&rig);
	keys[0] = rig_open(&rig, "p256");
	keys[1] = rig_open(&rig, "ed25519");
	aes = rig_open(&rig, "aes");
	input = rig.queue[0].pool + AT_INPUT;
	pid = fork();
	if (!pid)
		for (unsigned i = 0;; i++)
			input[i % 4096] = i;
	for (int i = 0; i < 200; i++) {
		ck_assert_uint_eq(do_status(VHSM_OP_SIGN, mechanisms[i & 1],
					    keys[i & 1], 4096), VHSM_S_OK);
		ck_assert_uint_eq(do_status(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
					    aes, 4096), VHSM_S_OK);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(rig_stop(&rig), 0);
}
END_TEST

/*
 * Ed25519 is deterministic: a message has one signature.  The guest changes
 * the place of the signature and the message while it is made; two different
 * signatures with one first half would give the key away.
 */
START_TEST(ed25519_never_signs_two_messages_under_one_nonce)
{
	struct { uint8_t r[32], s[32]; } *seen = calloc(1500, 64);
	volatile uint8_t *pool;
	uint32_t key;
	pid_t pid;

	rig_up(&rig);
	key = rig_open(&rig, "ed25519");
	pool = rig.queue[0].pool;
	pid = fork();
	if (!pid)
		for (unsigned i = 0;; i++) {
			pool[AT_INPUT + 8000] = i & 1;
			pool[AT_OUTPUT] ^= 1;
		}
	for (int i = 0; i < 1500; i++) {
		struct vhsm_response a;

		a = rig_do(&rig, rig_request(VHSM_OP_SIGN, VHSM_MECH_EDDSA,
					     key, 8192));
		ck_assert_uint_eq(a.status, VHSM_S_OK);
		memcpy(&seen[i], (uint8_t *)pool + AT_OUTPUT, 64);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 1500; i++)
		for (int j = 0; j < i; j++)
			if (!memcmp(seen[i].r + 1, seen[j].r + 1, 31))
				ck_assert_mem_eq(seen[i].s, seen[j].s, 32);
	free(seen);
}
END_TEST

/* ------------------------------------------------------------ siblings */

START_TEST(end_of_the_broker_ends_the_engine)
{
	rig_up(&rig);
	close(rig.broker);
	ck_assert_int_eq(rig_wait_exit(&rig), 0);
}
END_TEST

START_TEST(end_of_the_vault_ends_the_engine)
{
	rig_up(&rig);
	shutdown(rig.vault, SHUT_RDWR);
	ck_assert_int_gt(rig_wait_exit(&rig), 0);
}
END_TEST

START_TEST(unsound_message_of_the_vault_ends_the_engine)
{
	struct vhsm_msg_simple msg = {
		.hdr = { VHSM_MSG_KEY, sizeof(msg) },
	};

	rig_up(&rig);
	vhsm_msg_send(rig.vault, &msg.hdr, NULL, 0);
	ck_assert_int_eq(rig_wait_exit(&rig), EXIT_FAILURE);
}
END_TEST

/* Whoever read standard error is gone; the violation is logged. */
START_TEST(closed_log_does_not_end_the_engine)
{
	vhsm_front_ring_t *ring = &rig.queue[0].ring;
	int log[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(log), 0);
	ck_assert_int_ge(dup2(log[1], STDERR_FILENO), 0);
	rig_up(&rig);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(log[0]);
	close(log[1]);
	ring->req_prod_pvt += 1000;
	rig_push(&rig, 0);
	ck_assert_int_eq(rig_wait_exit(&rig), VHSM_EXIT_VIOLATION);
}
END_TEST

START_TEST(stop_finishes_what_has_started)
{
	struct vhsm_request r;
	struct vhsm_response a;

	rig_up(&rig);
	r = rig_request(VHSM_OP_SIGN, RSA_SHA256, rig_open(&rig, "rsa"), 16);
	for (r.id = 1; r.id <= 8; r.id++)
		rig_put(&rig, 0, &r);
	rig_push(&rig, 0);
	ck_assert(rig_take(&rig, 0, &a, 5000));
	ck_assert_int_eq(rig_stop(&rig), 0);
	for (int i = 1; i < 8; i++) {
		ck_assert(rig_take(&rig, 0, &a, 0));
		ck_assert_uint_eq(a.status, VHSM_S_OK);
	}
	ck_assert_uint_eq(rig.operations, 8);
}
END_TEST

/* --------------------------------------------------------------- waiting */

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(pid, sizeof(set), &set), 0);
}

START_TEST(polling_turns_itself_off_on_one_cpu)
{
	struct vhsm_queue_stats before;
	uint64_t polls;

	rig.spin_us = 50;
	pin(0, 0);		/* the engine inherits it */
	rig_up(&rig);
	for (int i = 0; i < 200; i++)
		do_status(VHSM_OP_NOP, 0, 0, 0);
	before = rig.stats->queue[0];
	for (int i = 0; i < 2000; i++)
		do_status(VHSM_OP_NOP, 0, 0, 0);
	polls = rig.stats->queue[0].polls_lost - before.polls_lost;
	ck_assert_uint_lt(polls, 100);
}
END_TEST

START_TEST(batch_is_answered_with_few_notifications)
{
	struct vhsm_request r;
	struct vhsm_response a;
	uint64_t before;
	uint32_t key;

	rig_up(&rig);
	key = rig_open(&rig, "aes");
	before = rig.stats->queue[0].notifications;
	r = rig_request(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, key, 1024);
	for (int round = 0; round < 100; round++) {
		for (r.id = 0; r.id < 32; r.id++)
			rig_put(&rig, 0, &r);
		rig_push(&rig, 0);
		for (int i = 0; i < 32; i++)
			ck_assert(rig_take(&rig, 0, &a, 5000));
	}
	ck_assert_uint_le(rig.stats->queue[0].notifications - before, 320);
	ck_assert_uint_eq(rig.stats->grant_maps_after_connect, 0);
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
	Suite *s = suite_create("engine-hostile");
	TCase *tc = tcase(s, "revocation");

	tcase_add_test(tc,
		nothing_is_published_after_a_revocation_is_acknowledged);
	tcase_add_test(tc, slow_results_are_dropped_when_their_key_is_revoked);
	tcase_add_test(tc,
		client_that_blocks_its_event_holds_up_no_revocation);
	tcase_add_test(tc, answer_names_the_version_that_did_the_work);
	tcase_add_test(tc, destroyed_key_is_gone_and_its_index_serves_another);
	tcase_add_test(tc, disabled_key_works_again_when_it_is_sent_again);
	tc = tcase(s, "hostile");
	tcase_add_test(tc, producer_that_jumps_disconnects);
	tcase_add_test(tc, producer_that_runs_backwards_disconnects);
	tcase_add_test(tc, requests_over_slots_in_flight_disconnect);
	tcase_add_test(tc, event_storm_is_counted_and_does_not_starve_requests);
	tcase_add_test(tc, pool_changed_while_it_is_read_hurts_nobody);
	tcase_add_test(tc, ed25519_never_signs_two_messages_under_one_nonce);
	tc = tcase(s, "siblings");
	tcase_add_test(tc, end_of_the_broker_ends_the_engine);
	tcase_add_test(tc, end_of_the_vault_ends_the_engine);
	tcase_add_test(tc, unsound_message_of_the_vault_ends_the_engine);
	tcase_add_test(tc, closed_log_does_not_end_the_engine);
	tcase_add_test(tc, stop_finishes_what_has_started);
	tc = tcase(s, "waiting");
	tcase_add_test(tc, polling_turns_itself_off_on_one_cpu);
	tcase_add_test(tc, batch_is_answered_with_few_notifications);
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
