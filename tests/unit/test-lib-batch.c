/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-lib-batch.c - submit and reap, poll, and many threads on one handle.
 */
#include "unit/fake-engine.h"

#include "vhsm/vhsm.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 400

static struct fake_engine engine;
static struct vhsm *h;
static uint32_t key;

static void setup(void)
{
	fake_engine_start(&engine, "&ring-order=0");
	ck_assert_int_eq(vhsm_open(engine.device, &h), 0);
	ck_assert_int_eq(vhsm_key_open(h, "tls", &key), 0);
}

static void teardown(void)
{
	vhsm_close(&h);
	fake_engine_stop(&engine);
}

static void nops(struct vhsm_request *r, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		vhsm_request_nop(&r[i], 7000 + i);
}

START_TEST(every_cookie_comes_back_once_in_any_order)
{
	struct vhsm_request r[32];
	struct vhsm_response p[32];
	bool seen[32] = { false };
	int i;

	engine.reverse = true;
	nops(r, 32);
	ck_assert_int_eq(vhsm_submit(h, r, 32), 32);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 32, -1), 32);
	for (i = 0; i < 32; i++) {
		ck_assert_uint_ge(p[i].id, 7000);
		ck_assert_uint_lt(p[i].id, 7032);
		ck_assert(!seen[p[i].id - 7000]);
		seen[p[i].id - 7000] = true;
	}
}
END_TEST

START_TEST(a_batch_costs_one_notification)
{
	struct vhsm_request r[32];
	struct vhsm_response p[32];
	struct vhsm_info before, after;

	nops(r, 32);
	vhsm_info(h, &before);
	ck_assert_int_eq(vhsm_submit(h, r, 32), 32);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 32, -1), 32);
	vhsm_info(h, &after);
	ck_assert_uint_eq(after.requests - before.requests, 32);
	ck_assert_uint_le(after.notifications_sent -
			  before.notifications_sent, 1);
	ck_assert_uint_le(after.interrupts - before.interrupts, 1);
}
END_TEST

START_TEST(a_full_ring_takes_what_fits)
{
	struct vhsm_request r[40];
	struct vhsm_response p[40];

	nops(r, 40);
	fake_engine_sin(&engine, FAKE_SILENT);
	ck_assert_int_eq(vhsm_submit(h, r, 40), 32);
	ck_assert_int_eq(vhsm_submit(h, r, 8), 0);
	ck_assert_int_eq(vhsm_reap(h, p, 40, 0, 0), 0);
}
END_TEST

START_TEST(blocking_calls_work_beside_a_batch_not_reaped)
{
	struct vhsm_request r[32];
	struct vhsm_response p[32];
	uint8_t byte;
	int i;

	nops(r, 32);
	ck_assert_int_eq(vhsm_submit(h, r, 32), 32);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
	/* Results kept for the reaper hold their places until reaped. */
	ck_assert_int_eq(vhsm_submit(h, r, 1), 0);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 0, 0), 32);
	ck_assert_int_eq(vhsm_submit(h, r, 1), 1);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 1, -1), 1);
}
END_TEST

START_TEST(reap_waits_for_no_more_than_is_outstanding)
{
	struct vhsm_request r[3];
	struct vhsm_response p[32];

	nops(r, 3);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 32, -1), 0);
	ck_assert_int_eq(vhsm_submit(h, r, 3), 3);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 32, -1), 3);
}
END_TEST

START_TEST(ops_of_the_library_are_refused)
{
	struct vhsm_request r = { .op = VHSM_OP_KEY_OPEN };

	ck_assert_int_eq(vhsm_submit(h, &r, 1), -EINVAL);
	r.op = VHSM_OP_CANCEL;
	ck_assert_int_eq(vhsm_submit(h, &r, 1), -EINVAL);
}
END_TEST

START_TEST(a_bad_key_is_told_in_its_own_result)
{
	struct vhsm_segment none = { 0, 0 };
	struct vhsm_request r[2];
	struct vhsm_response p[2];

	vhsm_request_sign(&r[0], 1, 77, VHSM_MECH_EDDSA, 0, none, none);
	vhsm_request_nop(&r[1], 2);
	ck_assert_int_eq(vhsm_submit(h, r, 2), 2);
	ck_assert_int_eq(vhsm_reap(h, p, 2, 2, -1), 2);
	ck_assert_uint_eq(p[0].status, VHSM_S_BAD_HANDLE);
	ck_assert_uint_eq(p[1].status, VHSM_S_OK);
}
END_TEST

START_TEST(poll_wakes_when_results_come)
{
	struct pollfd fd = { .fd = vhsm_fd(h), .events = POLLIN };
	struct vhsm_request r[4];
	struct vhsm_response p[8];
	int round, n;

	nops(r, 4);
	engine.delay_us = 2000;
	while (vhsm_reap(h, p, 8, 0, 0) > 0)
		;
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	for (round = 0; round < 10; round++) {
		ck_assert_int_eq(vhsm_submit(h, r, 4), 4);
		for (n = 0; n < 4;) {
			ck_assert_int_eq(poll(&fd, 1, 5000), 1);
			n += vhsm_reap(h, p, 8, 0, 0);
		}
		ck_assert_int_eq(n, 4);
	}
}
END_TEST

START_TEST(poll_wakes_for_what_another_thread_brought)
{
	struct pollfd fd = { .fd = vhsm_fd(h), .events = POLLIN };
	struct vhsm_request r;
	struct vhsm_response p;
	uint8_t byte;

	while (vhsm_reap(h, &p, 1, 0, 0) > 0)
		;
	vhsm_request_nop(&r, 1);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	/* The blocking call leads, and takes the batch's answer first. */
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
	ck_assert_int_eq(poll(&fd, 1, 5000), 1);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 0, 0), 1);
	ck_assert_uint_eq(p.id, 1);
}
END_TEST

START_TEST(what_cannot_be_cancelled_says_so)
{
	struct vhsm_request r;
	struct vhsm_response p;

	ck_assert_int_eq(vhsm_cancel(h, 9), -VHSM_E_NOT_FOUND);
	vhsm_request_nop(&r, 9);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	ck_assert_int_eq(vhsm_cancel(h, 9), -VHSM_E_NOT_FOUND);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, -1), 1);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
}

START_TEST(a_signal_ends_a_reap_but_not_a_blocking_call)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct vhsm_request r;
	struct vhsm_response p;
	uint8_t byte;

	sigaction(SIGALRM, &action, NULL);
	engine.delay_us = 100000;
	setitimer(ITIMER_REAL, &soon, NULL);
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
	vhsm_request_nop(&r, 9);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	setitimer(ITIMER_REAL, &soon, NULL);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, -1), -EINTR);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, -1), 1);
}
END_TEST

/* Until when there is work, however quick or slow the machine is. */
static atomic_bool more_work;

static void *encrypt_and_check(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg, i, len;
	uint8_t text[3000], out[3000], back[3000];
	struct vhsm_aead aead;

	for (i = 0; i < ROUNDS || atomic_load(&more_work); i++) {
		len = 1 + rand_r(&seed) % sizeof(text);
		memset(text, (int)(seed >> 8), len);
		must(!vhsm_encrypt(h, key, VHSM_MECH_AES_GCM, 0, &seed, 4,
				   text, out, len, &aead));
		must(!vhsm_decrypt(h, key, VHSM_MECH_AES_GCM, &seed, 4, out,
				   back, len, &aead));
		must(!memcmp(text, back, len));
	}
	return NULL;
}

static void *batch_and_check(void *arg)
{
	struct vhsm_request r[8];
	struct vhsm_response p[8];
	unsigned i, done = 0, sent = 0;
	int n;

	(void)arg;
	nops(r, 8);
	for (i = 0; i < ROUNDS * 10 && done < ROUNDS; i++) {
		n = vhsm_submit(h, r, 8);
		must(n >= 0);
		sent += (unsigned)n;
		n = vhsm_reap(h, p, 8, 1, 1000);
		must(n >= 0);
		done += (unsigned)n;
	}
	while (done < sent) {
		n = vhsm_reap(h, p, 8, 1, 1000);
		must(n > 0);
		done += (unsigned)n;
	}
	return NULL;
}

static void run_threads(void *(*last)(void *))
{
	pthread_t t[THREADS];
	uintptr_t i;

	for (i = 0; i < THREADS; i++)
		must(!pthread_create(&t[i], NULL, i + 1 < THREADS ?
				     encrypt_and_check : last, (void *)i));
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

START_TEST(many_threads_share_a_handle)
{
	engine.reverse = true;
	run_threads(encrypt_and_check);
}
END_TEST

START_TEST(threads_and_a_batch_share_a_handle)
{
	run_threads(batch_and_check);
}
END_TEST

static void *hang_up_now_and_then(void *arg)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < 10; i++) {
		usleep(20000);
		fake_engine_sin(&engine, FAKE_HANG_UP);
		while (fake_engine_sins(&engine))
			usleep(1000);
	}
	atomic_store(&more_work, false);
	return NULL;
}

START_TEST(threads_survive_an_engine_that_comes_and_goes)
{
	atomic_store(&more_work, true);
	run_threads(hang_up_now_and_then);
	/* The last may have come when nobody had more to do. */
	ck_assert_uint_ge(engine.connections, 10);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_cookie_comes_back_once_in_any_order);
	tcase_add_test(t, a_batch_costs_one_notification);
	tcase_add_test(t, a_full_ring_takes_what_fits);
	tcase_add_test(t, blocking_calls_work_beside_a_batch_not_reaped);
	tcase_add_test(t, reap_waits_for_no_more_than_is_outstanding);
	tcase_add_test(t, ops_of_the_library_are_refused);
	tcase_add_test(t, a_bad_key_is_told_in_its_own_result);
	tcase_add_test(t, poll_wakes_when_results_come);
	tcase_add_test(t, poll_wakes_for_what_another_thread_brought);
	tcase_add_test(t, what_cannot_be_cancelled_says_so);
	tcase_add_test(t, a_signal_ends_a_reap_but_not_a_blocking_call);
	tcase_add_test(t, many_threads_share_a_handle);
	tcase_add_test(t, threads_and_a_batch_share_a_handle);
	tcase_add_test(t, threads_survive_an_engine_that_comes_and_goes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
