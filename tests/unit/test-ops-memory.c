/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operation asks of the heap once its thread is warm: nothing.  Every
 * malloc of the process is counted, whoever calls it: this program's malloc
 * takes the place of the C library's, for OpenSSL too.
 */
#include <config.h>

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/crypto-memory.h"
#include "unit/ops-fixture.h"

#ifndef VHSM_SANITIZED		/* sanitizers have their own malloc */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static _Atomic unsigned long heap_calls;

void *malloc(size_t len)
{
	heap_calls++;
	return __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	heap_calls++;
	return __libc_calloc(count, len);
}

void *realloc(void *p, size_t len)
{
	heap_calls++;
	return __libc_realloc(p, len);
}

static const struct {
	uint16_t type, mechanism, op, inverse;
	unsigned rounds;
} cases[] = {
	{ VHSM_KEY_AES_128, VHSM_MECH_AES_GCM, VHSM_OP_ENCRYPT,
	  VHSM_OP_DECRYPT, 1000 },
	{ VHSM_KEY_AES_256, VHSM_MECH_AES_GCM, VHSM_OP_ENCRYPT,
	  VHSM_OP_DECRYPT, 1000 },
	{ VHSM_KEY_CHACHA20, VHSM_MECH_CHACHA20_POLY1305, VHSM_OP_ENCRYPT,
	  VHSM_OP_DECRYPT, 1000 },
	{ VHSM_KEY_HMAC, VHSM_MECH_HMAC | 1, VHSM_OP_MAC, VHSM_OP_MAC_VERIFY,
	  1000 },
	{ VHSM_KEY_HMAC, VHSM_MECH_HMAC | 2, VHSM_OP_MAC, VHSM_OP_MAC_VERIFY,
	  1000 },
	{ VHSM_KEY_HMAC, VHSM_MECH_HMAC | 3, VHSM_OP_MAC, VHSM_OP_MAC_VERIFY,
	  1000 },
	{ VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | 1, VHSM_OP_SIGN, VHSM_OP_VERIFY,
	  300 },
	{ VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | 2, VHSM_OP_SIGN, VHSM_OP_VERIFY,
	  50 },
	{ VHSM_KEY_ED25519, VHSM_MECH_EDDSA, VHSM_OP_SIGN, VHSM_OP_VERIFY,
	  300 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | 1, VHSM_OP_SIGN,
	  VHSM_OP_VERIFY, 100 },
	{ VHSM_KEY_RSA_3072, VHSM_MECH_RSA_PSS | 1, VHSM_OP_SIGN,
	  VHSM_OP_VERIFY, 50 },
};
#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static uint8_t input[1024], output[1024];

/* One way and back.  No ck_assert here: they allocate. */
static bool round_trip(struct key *key, int i)
{
	struct vhsm_operation o = operation(cases[i].op, cases[i].mechanism,
					    input, sizeof(input), output,
					    sizeof(output));

	if (run(key, &o) != VHSM_S_OK)
		return false;
	if (cases[i].op != VHSM_OP_ENCRYPT) {
		memcpy(o.tag, output, o.out_len);
		o.tag_len = o.out_len;
	}
	o.op = cases[i].inverse;
	o.input = o.op == VHSM_OP_DECRYPT ? output : input;
	return run(key, &o) == VHSM_S_OK;
}

START_TEST(a_warm_operation_does_not_touch_the_heap)
{
	unsigned long before, after;
	bool good = true;
	struct key key;

	key_make(&key, cases[_i].type);
	for (unsigned i = 0; i < cases[_i].rounds; i++)
		good &= round_trip(&key, _i);
	before = heap_calls;
	for (unsigned i = 0; i < cases[_i].rounds; i++)
		good &= round_trip(&key, _i);
	after = heap_calls;
	ck_assert(good);
	ck_assert_uint_eq(after - before, 0);
	key_drop(&key);
}
END_TEST

START_TEST(random_does_not_touch_the_heap)
{
	unsigned long before, after;
	bool good = true;

	for (int i = 0; i < 300; i++)
		good &= vhsm_ops_random(output, 32) == VHSM_S_OK;
	before = heap_calls;
	for (int i = 0; i < 1000; i++)
		good &= vhsm_ops_random(output, 32) == VHSM_S_OK;
	after = heap_calls;
	ck_assert(good);
	ck_assert_uint_eq(after - before, 0);
}
END_TEST

START_TEST(the_count_counts)
{
	unsigned long before = heap_calls;
	void *volatile p = malloc(10);

	free(p);
	ck_assert_uint_eq(heap_calls - before, 1);
	before = heap_calls;
	p = OPENSSL_malloc(1 << 20);	/* too large to be kept */
	OPENSSL_free(p);
	ck_assert_uint_eq(heap_calls - before, 1);
}
END_TEST

#define HEAP_TESTS(t) do { \
	tcase_add_test(t, the_count_counts); \
	tcase_add_loop_test(t, a_warm_operation_does_not_touch_the_heap, 0, \
			    CASES); \
	tcase_add_test(t, random_does_not_touch_the_heap); \
} while (0)

/* A freed block comes back, and there is nothing of before in it. */
START_TEST(what_is_freed_is_wiped)
{
	size_t len = (size_t)40 << _i;
	unsigned char *p = OPENSSL_malloc(len), *again;

	memset(p, 0xa5, len);
	OPENSSL_free(p);
	again = OPENSSL_malloc(len);
	ck_assert_ptr_eq(again, p);
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(again[i], 0);
	OPENSSL_free(again);
}
END_TEST

#define STOCK_TESTS(t) \
	tcase_add_loop_test(t, what_is_freed_is_wiped, 0, 8)

#else
#define HEAP_TESTS(t) (void)(t)
#define STOCK_TESTS(t) (void)(t)
#endif

START_TEST(growing_keeps_what_was_there)
{
	unsigned char *p = NULL;

	for (size_t len = 1; len < 100000; len = len * 3 / 2 + 1) {
		p = OPENSSL_realloc(p, len);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < len * 2 / 3; i++)
			ck_assert(len < 4 || p[i] == (unsigned char)i);
		for (size_t i = 0; i < len; i++)
			p[i] = i;
	}
	p = OPENSSL_realloc(p, 10);
	for (size_t i = 0; i < 10; i++)
		ck_assert_uint_eq(p[i], i);
	ck_assert_ptr_null(OPENSSL_realloc(p, 0));
	ck_assert_ptr_null(OPENSSL_malloc(0));
	OPENSSL_free(NULL);
}
END_TEST

static void *use_and_end(void *arg)
{
	void *blocks[64];

	(void)arg;
	for (int i = 0; i < 64; i++)
		blocks[i] = OPENSSL_malloc(1 + i * 37);
	for (int i = 0; i < 64; i++)
		OPENSSL_free(blocks[i]);
	return OPENSSL_malloc(100);	/* freed by another thread */
}

START_TEST(threads_end_and_their_blocks_with_them)
{
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		void *left;

		ck_assert_int_eq(pthread_create(&thread, NULL, use_and_end,
						NULL), 0);
		pthread_join(thread, &left);
		OPENSSL_free(left);
	}
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, ops_setup, ops_teardown);
	HEAP_TESTS(t);
	STOCK_TESTS(t);
	tcase_add_test(t, growing_keeps_what_was_there);
	tcase_add_test(t, threads_end_and_their_blocks_with_them);
}

int main(void)
{
	if (vhsm_crypto_memory_init() < 0)
		return 1;
	return run_tests("ops-memory", add);
}
