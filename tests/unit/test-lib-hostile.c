/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-lib-hostile.c - an engine that breaks the protocol, breaks off or falls
 * silent: the library refuses, recovers or waits, and never believes it.
 */
#include "unit/fake-engine.h"

#include "vhsm/vhsm.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const enum fake_sin breaches[] = {
	FAKE_WRONG_ID, FAKE_WRONG_OP, FAKE_TWICE, FAKE_LONG_OUTPUT,
	FAKE_ODD_STATUS, FAKE_OVERFLOW, FAKE_BACKWARDS,
};

START_TEST(a_breach_ends_the_session_for_blocking_callers)
{
	uint8_t out[16];
	int r;

	fake_engine_sin(&engine, breaches[_i]);
	/* A repeated answer is noticed with the call or with the next. */
	r = vhsm_random(h, out, sizeof(out));
	if (r == 0)
		r = vhsm_random(h, out, sizeof(out));
	ck_assert_int_eq(r, -VHSM_E_PROTOCOL);
	ck_assert_int_eq(vhsm_random(h, out, 1), -VHSM_E_PROTOCOL);
	ck_assert_uint_eq(engine.connections, 1);
}
END_TEST

START_TEST(a_breach_ends_the_session_for_batch_callers)
{
	struct vhsm_request r;
	struct vhsm_response p;

	vhsm_request_nop(&r, 1);
	fake_engine_sin(&engine, breaches[_i]);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, 1000), 1);
	ck_assert_uint_eq(p.status, VHSM_S_GONE);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, 1000), -VHSM_E_PROTOCOL);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), -VHSM_E_PROTOCOL);
}
END_TEST

START_TEST(a_blocking_call_survives_the_engines_end)
{
	uint8_t out[16];

	fake_engine_sin(&engine, FAKE_HANG_UP);
	ck_assert_int_eq(vhsm_random(h, out, sizeof(out)), 0);
	ck_assert_uint_eq(out[15], 0x77);
	ck_assert_uint_eq(engine.connections, 2);
}
END_TEST

/* The name is what the key is opened by again: it stays the caller's. */
START_TEST(a_key_of_another_name_is_no_answer)
{
	uint32_t number;

	fake_engine_sin(&engine, FAKE_OTHER_NAME);
	ck_assert_int_eq(vhsm_key_open(h, "mac", &number),
			 -VHSM_E_PROTOCOL);
	ck_assert_uint_eq(number, 0);
}
END_TEST

START_TEST(a_key_number_outlives_the_connection)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);
	unsigned opens = engine.opens;

	fake_engine_sin(&engine, FAKE_HANG_UP);
	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, "x", 1, sig,
				   &len), 0);
	ck_assert_uint_eq(engine.opens, opens + 1);
}
END_TEST

START_TEST(a_cipher_in_place_starts_from_its_input_again)
{
	char text[300], out[300], back[300];
	struct vhsm_aead aead;

	memset(text, 'z', sizeof(text));
	/* Encrypts in the slice, then goes without an answer. */
	fake_engine_sin(&engine, FAKE_HANG_UP);
	ck_assert_int_eq(vhsm_encrypt(h, key, VHSM_MECH_AES_GCM, 0, NULL, 0,
				      text, out, sizeof(text), &aead), 0);
	ck_assert_int_eq(vhsm_decrypt(h, key, VHSM_MECH_AES_GCM, NULL, 0, out,
				      back, sizeof(text), &aead), 0);
	ck_assert_mem_eq(text, back, sizeof(text));
}
END_TEST

START_TEST(a_callers_cipher_in_place_is_not_repeated)
{
	uint8_t *p = vhsm_buffer_alloc(h, 256);
	struct vhsm_segment text, nonce, tag, none = { 0, 0 };
	struct vhsm_request r;

	vhsm_buffer_segment(h, p, 64, &text);
	vhsm_buffer_segment(h, p + 64, VHSM_NONCE_LEN, &nonce);
	vhsm_buffer_segment(h, p + 128, VHSM_TAG_LEN, &tag);
	vhsm_request_encrypt(&r, 0, key, VHSM_MECH_AES_GCM, 0, nonce, none,
			     text, text, tag);
	fake_engine_sin(&engine, FAKE_HANG_UP);
	ck_assert_int_eq(vhsm_call(h, &r, NULL), -VHSM_E_GONE);
	memset(p, 1, 64);
	/* The device is found away first, which the caller may repeat. */
	while (vhsm_call(h, &r, NULL) == -VHSM_E_GONE)
		ck_assert_int_eq(vhsm_random(h, p + 200, 1), 0);
	vhsm_buffer_free(h, p);
}
END_TEST

START_TEST(a_daemon_that_stays_away_is_given_up_in_time)
{
	uint8_t out[16];

	ck_assert_int_eq(vhsm_set_retry(h, 200), 0);
	fake_engine_stop(&engine);
	ck_assert_int_eq(vhsm_random(h, out, 16), -VHSM_E_GONE);
	fake_engine_start(&engine, "");
}
END_TEST

START_TEST(batch_callers_see_gone_and_may_submit_again)
{
	struct vhsm_request r[8];
	struct vhsm_response p[8];
	int i, n, tries;

	for (i = 0; i < 8; i++)
		vhsm_request_nop(&r[i], 100 + i);
	fake_engine_sin(&engine, FAKE_HANG_UP);
	ck_assert_int_eq(vhsm_submit(h, r, 8), 8);
	ck_assert_int_eq(vhsm_reap(h, p, 8, 8, 5000), 8);
	for (i = 0; i < 8; i++) {
		ck_assert_uint_eq(p[i].status, VHSM_S_GONE);
		ck_assert_uint_eq(p[i].id, 100 + i);
	}
	for (tries = 0; tries < 200; tries++) {
		n = vhsm_submit(h, r, 8);
		if (n == 8)
			break;
		ck_assert_int_eq(n, -VHSM_E_GONE);
		usleep(10000);
	}
	ck_assert_int_eq(vhsm_reap(h, p, 8, 8, 5000), 8);
	for (i = 0; i < 8; i++)
		ck_assert_uint_eq(p[i].status, VHSM_S_OK);
}
END_TEST

START_TEST(poll_tells_that_the_engine_is_gone)
{
	struct vhsm_request r;
	struct vhsm_response p;
	struct pollfd fd = { .fd = vhsm_fd(h), .events = POLLIN };

	while (vhsm_reap(h, &p, 1, 0, 0) > 0)
		;
	fake_engine_sin(&engine, FAKE_HANG_UP);
	vhsm_request_nop(&r, 5);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	ck_assert_int_eq(poll(&fd, 1, 5000), 1);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 0, 0), 1);
	ck_assert_uint_eq(p.status, VHSM_S_GONE);
}
END_TEST

START_TEST(a_silent_engine_costs_the_timeout_and_no_more)
{
	struct vhsm_request r;
	struct vhsm_response p;

	fake_engine_sin(&engine, FAKE_SILENT);
	vhsm_request_nop(&r, 5);
	ck_assert_int_eq(vhsm_submit(h, &r, 1), 1);
	ck_assert_int_eq(vhsm_reap(h, &p, 1, 1, 50), 0);
}
END_TEST

int main(void)
{
	const int count = sizeof(breaches) / sizeof(breaches[0]);
	Suite *s = suite_create("hostile");
	TCase *t = tcase_create("hostile");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t,
		a_breach_ends_the_session_for_blocking_callers, 0, count);
	tcase_add_loop_test(t, a_breach_ends_the_session_for_batch_callers,
			    0, count);
	tcase_add_test(t, a_blocking_call_survives_the_engines_end);
	tcase_add_test(t, a_key_of_another_name_is_no_answer);
	tcase_add_test(t, a_key_number_outlives_the_connection);
	tcase_add_test(t, a_cipher_in_place_starts_from_its_input_again);
	tcase_add_test(t, a_callers_cipher_in_place_is_not_repeated);
	tcase_add_test(t, a_daemon_that_stays_away_is_given_up_in_time);
	tcase_add_test(t, batch_callers_see_gone_and_may_submit_again);
	tcase_add_test(t, poll_tells_that_the_engine_is_gone);
	tcase_add_test(t, a_silent_engine_costs_the_timeout_and_no_more);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
