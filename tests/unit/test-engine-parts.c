// SPDX-License-Identifier: Apache-2.0
/*
 * Parts of the engine by themselves: when polling pays, epochs, and that a use
 * of a key allocates nothing once its context is there.
 */
#include <config.h>

#include <check.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/crypto-memory.h"
#include "engine/call.h"
#include "engine/epoch.h"
#include "engine/keys.h"
#include "engine/refusals.h"
#include "engine/spin.h"

/* --------------------------------------------------------------- spin */

START_TEST(polling_is_off_on_a_machine_of_one_cpu)
{
	struct vhsm_spin s;

	vhsm_spin_init(&s, 50, 1);
	ck_assert_uint_eq(vhsm_spin_budget(&s), 0);
	vhsm_spin_init(&s, 0, 8);
	ck_assert_uint_eq(vhsm_spin_budget(&s), 0);
	vhsm_spin_init(&s, 50, 2);
	ck_assert_uint_eq(vhsm_spin_budget(&s), 50000);
}
END_TEST

/* Polls tried in so many sleeps, all of them lost. */
static unsigned polls_in(struct vhsm_spin *s, unsigned sleeps, bool found)
{
	unsigned polls = 0;

	for (unsigned i = 0; i < sleeps; i++) {
		if (!vhsm_spin_budget(s))
			continue;
		polls++;
		vhsm_spin_result(s, found, 0);
	}
	return polls;
}

START_TEST(polling_in_vain_becomes_rare)
{
	struct vhsm_spin s;

	vhsm_spin_init(&s, 50, 2);
	polls_in(&s, 10000, false);
	ck_assert_uint_le(polls_in(&s, 10000, false), 11);
}
END_TEST

START_TEST(polling_comes_back_when_it_pays)
{
	struct vhsm_spin s;

	vhsm_spin_init(&s, 50, 2);
	polls_in(&s, 10000, false);
	polls_in(&s, VHSM_SPIN_SKIP_MAX + 1, true);
	ck_assert_uint_eq(polls_in(&s, 100, true), 100);
}
END_TEST

START_TEST(work_found_after_the_limit_does_not_pay)
{
	struct vhsm_spin s;

	vhsm_spin_init(&s, 50, 2);
	ck_assert(vhsm_spin_result(&s, true, 49000));
	ck_assert(!vhsm_spin_result(&s, true, 51000));
}
END_TEST

START_TEST(one_loss_among_gains_does_not_end_polling)
{
	struct vhsm_spin s;

	vhsm_spin_init(&s, 50, 2);
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_ne(vhsm_spin_budget(&s), 0);
		vhsm_spin_result(&s, i % 10 != 0, 0);
	}
}
END_TEST

/* -------------------------------------------------------------- epoch */

static struct vhsm_epoch epoch;
static _Atomic int phase;

static void *hold_then_quiesce(void *arg)
{
	(void)arg;
	vhsm_epoch_online(&epoch, 0);
	atomic_store(&phase, 1);
	usleep(50000);
	ck_assert_int_eq(atomic_load(&phase), 1);
	vhsm_epoch_quiesce(&epoch, 0);
	vhsm_epoch_offline(&epoch, 0);
	return NULL;
}

START_TEST(synchronize_waits_for_a_thread_that_may_hold_the_old)
{
	pthread_t id;

	vhsm_epoch_init(&epoch);
	pthread_create(&id, NULL, hold_then_quiesce, NULL);
	while (atomic_load(&phase) != 1)
		usleep(100);
	vhsm_epoch_synchronize(&epoch);
	atomic_store(&phase, 2);
	pthread_join(id, NULL);
}
END_TEST

START_TEST(synchronize_does_not_wait_for_sleepers)
{
	vhsm_epoch_init(&epoch);
	vhsm_epoch_online(&epoch, 3);
	vhsm_epoch_offline(&epoch, 3);
	vhsm_epoch_synchronize(&epoch);
	ck_assert_uint_eq(atomic_load(&epoch.now), 2);
}
END_TEST

/* ---------------------------------------------------------- refusals */

START_TEST(answers_are_not_refusals)
{
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_OK));
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_BAD_SEGMENT));
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_BAD_SIGNATURE));
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_BAD_TAG));
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_NOT_FOUND));
	ck_assert(!vhsm_refusal_is_audited(VHSM_S_CANCELLED));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_NO_KEY));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_REVOKED));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_UNAPPROVED));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_LEASE_STALE));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_VERIFY_ONLY));
	ck_assert(vhsm_refusal_is_audited(VHSM_S_THROTTLED));
}
END_TEST

/* A guest that asks for refusals all day: an hour of it, with the sums that
 * the control thread sends every 2 s. */
START_TEST(storm_of_refusals_does_not_fill_the_log)
{
	struct vhsm_msg_refusal msg = { .status = VHSM_S_NO_KEY };
	uint64_t buf[VHSM_MSG_MAX / sizeof(uint64_t)];
	struct vhsm_msg_refusal *record = (void *)buf;
	unsigned records = 0, total = 0;
	struct vhsm_refusals r;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	vhsm_refusals_init(&r, pair[0]);
	for (int64_t s = 1000; s < 4600; s++) {
		for (unsigned i = 0; i < 100; i++)
			vhsm_refusals_report(&r, s, &msg);
		if (s % 2)
			vhsm_refusals_flush(&r);
		while (vhsm_msg_recv(pair[1], buf, NULL, NULL) == 1) {
			records++;
			total += 1 + record->repeats;
		}
	}
	ck_assert_uint_eq(total, 360000);
	ck_assert_uint_le(records, 3600 / 2 + 60 * VHSM_REFUSALS_MAX);
	vhsm_refusals_deinit(&r);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* ---------------------------------------------------------- allocation */

#ifndef VHSM_SANITIZED		/* a sanitizer has malloc for itself */

static _Atomic unsigned long allocations;
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *p, size_t len);

void *malloc(size_t len)
{
	allocations++;
	return __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	allocations++;
	return __libc_calloc(count, len);
}

void *realloc(void *p, size_t len)
{
	allocations++;
	return __libc_realloc(p, len);
}

static struct vhsm_keys keys;
static uint8_t pool[65536];

static uint32_t load_key(uint16_t type, uint32_t usages)
{
	struct vhsm_key_version *replaced;
	char name[VHSM_NAME_MAX] = "k";
	static struct vhsm_msg_key msg;
	size_t len = sizeof(msg.material);
	const char *what;

	/* As the engine has it: OpenSSL's temporaries are kept per thread. */
	ck_assert_int_eq(vhsm_crypto_memory_init(), 0);
	ck_assert_int_eq(vhsm_ops_init(&what), 0);
	vhsm_epoch_init(&epoch);
	ck_assert_int_eq(vhsm_keys_init(&keys, &epoch), 0);
	msg.hdr.len = sizeof(msg);
	msg.name[0] = 'k';
	msg.type = type;
	msg.state = VHSM_KEY_ENABLED;
	msg.usages = usages;
	msg.version = 1;
	ck_assert_int_eq(vhsm_family_of_type(type)->generate(
		type, msg.material, &len), 0);
	msg.material_len = len;
	ck_assert_int_eq(vhsm_keys_load(&keys, &msg, &replaced), 0);
	return vhsm_keys_open(&keys, name)->handle;
}

static struct vhsm_gate gate = { .lease_until_ns = UINT64_MAX - 1 };
static struct vhsm_guard guard;

/* No ck_assert in here: it allocates. */
static enum vhsm_status use_key(struct vhsm_call *call,
				struct vhsm_thread *thread)
{
	enum vhsm_status status;
	struct vhsm_key_version *v;
	uint64_t now_ns = 0;

	status = vhsm_guard_enter(&guard, call->request.op, &now_ns,
				  &call->epoch);
	if (!status)
		status = vhsm_call_find(call, &keys, &v);
	if (status)
		return status;
	vhsm_call_prepare(call, pool);
	return vhsm_call_publish(call, &guard, &now_ns, v, pool,
				 vhsm_call_run(call, v, thread));
}

static const struct { uint16_t type, op, mechanism; uint32_t usages; } uses[] = {
	{ VHSM_KEY_AES_256, VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM,
	  VHSM_USE_ENCRYPT },
	{ VHSM_KEY_CHACHA20, VHSM_OP_ENCRYPT, VHSM_MECH_CHACHA20_POLY1305,
	  VHSM_USE_ENCRYPT },
	{ VHSM_KEY_HMAC, VHSM_OP_MAC, VHSM_MECH_HMAC | VHSM_HASH_SHA256,
	  VHSM_USE_MAC },
	{ VHSM_KEY_EC_P256, VHSM_OP_SIGN, VHSM_MECH_ECDSA | VHSM_HASH_SHA256,
	  VHSM_USE_SIGN },
};

START_TEST(use_of_a_key_allocates_nothing_in_the_steady_state)
{
	static struct vhsm_call call;
	struct vhsm_thread thread = { .index = 0 };
	unsigned long before, after;
	enum vhsm_status status;

	vhsm_guard_init(&guard, &gate);
	call.request.key = load_key(uses[_i].type, uses[_i].usages);
	call.request.op = uses[_i].op;
	call.request.mechanism = uses[_i].mechanism;
	call.request.u.seg[VHSM_SEG_INPUT] = (struct vhsm_segment){ 4096, 1024 };
	call.request.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ 8192,
								     1024 };
	if (uses[_i].op == VHSM_OP_ENCRYPT) {
		call.request.u.seg[VHSM_SEG_PARAM].len = VHSM_NONCE_LEN;
		call.request.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){ 64,
			VHSM_TAG_LEN };
	}
	ck_assert_uint_gt(allocations, 0);	/* the count counts */
	status = use_key(&call, &thread);
	before = allocations;
	for (int i = 0; i < 1000 && !status; i++)
		status = use_key(&call, &thread);
	after = allocations;
	ck_assert_int_eq(status, VHSM_S_OK);
	ck_assert_uint_eq(after - before, 0);
}
END_TEST
#endif

static Suite *suite(void)
{
	Suite *s = suite_create("engine-parts");
	TCase *tc = tcase_create("parts");

	tcase_add_test(tc, polling_is_off_on_a_machine_of_one_cpu);
	tcase_add_test(tc, polling_in_vain_becomes_rare);
	tcase_add_test(tc, polling_comes_back_when_it_pays);
	tcase_add_test(tc, work_found_after_the_limit_does_not_pay);
	tcase_add_test(tc, one_loss_among_gains_does_not_end_polling);
	tcase_add_test(tc,
		synchronize_waits_for_a_thread_that_may_hold_the_old);
	tcase_add_test(tc, synchronize_does_not_wait_for_sleepers);
	tcase_add_test(tc, answers_are_not_refusals);
	tcase_add_test(tc, storm_of_refusals_does_not_fill_the_log);
#ifndef VHSM_SANITIZED
	tcase_add_loop_test(tc,
		use_of_a_key_allocates_nothing_in_the_steady_state, 0, 4);
#endif
	suite_add_tcase(s, tc);
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
