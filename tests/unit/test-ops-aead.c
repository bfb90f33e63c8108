/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <pthread.h>
#include <stdlib.h>

#include "unit/ops-fixture.h"

static const struct {
	uint16_t type, mechanism;
} aeads[] = {
	{ VHSM_KEY_AES_128, VHSM_MECH_AES_GCM },
	{ VHSM_KEY_AES_256, VHSM_MECH_AES_GCM },
	{ VHSM_KEY_CHACHA20, VHSM_MECH_CHACHA20_POLY1305 },
};
#define AEADS 3

static uint8_t plain[4096], sealed[4096], opened[4096], aad[64];

static void setup(void)
{
	ops_setup();
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = i * 7;
	for (size_t i = 0; i < sizeof(aad); i++)
		aad[i] = i + 1;
}

/* Encrypts plain[0..len) with the aad; the operation has nonce and tag. */
static struct vhsm_operation seal(struct key *key, uint16_t mechanism,
				  size_t len)
{
	struct vhsm_operation o = operation(VHSM_OP_ENCRYPT, mechanism, plain,
					    len, sealed, len);

	o.aad = aad;
	o.aad_len = sizeof(aad);
	ck_assert_int_eq(run(key, &o), VHSM_S_OK);
	ck_assert_uint_eq(o.out_len, len);
	ck_assert_uint_eq(o.tag_len, VHSM_TAG_LEN);
	return o;
}

/* The same turned round. */
static struct vhsm_operation reversed(const struct vhsm_operation *o)
{
	struct vhsm_operation d = *o;

	d.op = VHSM_OP_DECRYPT;
	d.flags = 0;
	d.input = sealed;
	d.output = opened;
	d.out_len = 77;
	memset(opened, 0xee, sizeof(opened));
	return d;
}

/* NIST's GCM test cases 2 and 14 (McGrew and Viega), which the self-test does
 * not use. */
START_TEST(gcm_gives_the_published_answers)
{
	static const struct {
		uint16_t type;
		const char *cipher, *tag;
	} v[] = {
		{ VHSM_KEY_AES_128, "0388dace60b6a392f328c2b971b2fe78",
		  "ab6e47d42cec13bdf53a67b21257bddf" },
		{ VHSM_KEY_AES_256, "cea7403d4d606b6e074ec5d3baf39d18",
		  "d0d1c8a799996bf0265b98b5d48ab919" },
	};
	uint8_t zero[32] = { 0 }, cipher[16], tag[16];
	struct vhsm_operation o;
	struct key key;

	key_give(&key, v[_i].type, zero, v[_i].type == VHSM_KEY_AES_128 ?
		 16 : 32);
	from_hex(v[_i].cipher, cipher, sizeof(cipher));
	from_hex(v[_i].tag, tag, sizeof(tag));
	o = operation(VHSM_OP_ENCRYPT, VHSM_MECH_AES_GCM, zero, 16, sealed, 16);
	o.flags = VHSM_F_CALLER_NONCE;
	ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
	ck_assert_mem_eq(sealed, cipher, 16);
	ck_assert_mem_eq(o.tag, tag, 16);
	key_drop(&key);
}
END_TEST

START_TEST(every_length_comes_back)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 255, 1024, 4096 };
	struct vhsm_operation o, d;
	struct key key;

	key_make(&key, aeads[_i].type);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		o = seal(&key, aeads[_i].mechanism, lengths[i]);
		ck_assert(lengths[i] < 15 ||
			  memcmp(sealed, plain, lengths[i]) != 0);
		d = reversed(&o);
		ck_assert_int_eq(run(&key, &d), VHSM_S_OK);
		ck_assert_uint_eq(d.out_len, lengths[i]);
		ck_assert_mem_eq(opened, plain, lengths[i]);
	}
	key_drop(&key);
}
END_TEST

START_TEST(encrypt_in_place_equals_out_of_place)
{
	uint8_t buffer[1000];
	struct vhsm_operation o, p;
	struct key key;

	key_make(&key, aeads[_i].type);
	o = seal(&key, aeads[_i].mechanism, sizeof(buffer));
	memcpy(buffer, plain, sizeof(buffer));
	p = o;
	p.flags = VHSM_F_CALLER_NONCE;	/* the same nonce again */
	p.input = buffer;
	p.output = buffer;
	memset(p.tag, 0, sizeof(p.tag));
	ck_assert_int_eq(run(&key, &p), VHSM_S_OK);
	ck_assert_mem_eq(buffer, sealed, sizeof(buffer));
	ck_assert_mem_eq(p.tag, o.tag, VHSM_TAG_LEN);
	p.op = VHSM_OP_DECRYPT;
	p.flags = 0;
	ck_assert_int_eq(run(&key, &p), VHSM_S_OK);
	ck_assert_mem_eq(buffer, plain, sizeof(buffer));
	key_drop(&key);
}
END_TEST

static void expect_refused_and_zeroed(struct key *key, struct vhsm_operation *d)
{
	static const uint8_t zero[sizeof(opened)];

	ck_assert_int_eq(run(key, d), VHSM_S_BAD_TAG);
	ck_assert_uint_eq(d->out_len, 0);
	ck_assert_mem_eq(opened, zero, d->input_len);
	/* and nothing past it */
	ck_assert_uint_eq(opened[d->input_len], 0xee);
}

START_TEST(anything_changed_is_refused_and_the_output_zeroed)
{
	struct vhsm_operation o, d;
	struct key key;

	key_make(&key, aeads[_i].type);
	o = seal(&key, aeads[_i].mechanism, 100);
	d = reversed(&o);
	d.tag[15] ^= 1;
	expect_refused_and_zeroed(&key, &d);
	d = reversed(&o);
	d.nonce[11] ^= 1;
	expect_refused_and_zeroed(&key, &d);
	d = reversed(&o);
	aad[5] ^= 1;
	expect_refused_and_zeroed(&key, &d);
	aad[5] ^= 1;
	d = reversed(&o);
	d.aad_len--;
	expect_refused_and_zeroed(&key, &d);
	d = reversed(&o);
	sealed[99] ^= 0x80;
	expect_refused_and_zeroed(&key, &d);
	sealed[99] ^= 0x80;
	d = reversed(&o);
	d.input_len = 99;
	expect_refused_and_zeroed(&key, &d);
	/* After all that the context still works. */
	d = reversed(&o);
	ck_assert_int_eq(run(&key, &d), VHSM_S_OK);
	ck_assert_mem_eq(opened, plain, 100);
	key_drop(&key);
}
END_TEST

START_TEST(another_key_does_not_open_it)
{
	struct vhsm_operation o, d;
	struct key key, other;

	key_make(&key, aeads[_i].type);
	key_make(&other, aeads[_i].type);
	o = seal(&key, aeads[_i].mechanism, 64);
	d = reversed(&o);
	expect_refused_and_zeroed(&other, &d);
	key_drop(&key);
	key_drop(&other);
}
END_TEST

START_TEST(short_tags_are_refused)
{
	struct vhsm_operation o, d;
	struct key key;

	key_make(&key, aeads[_i].type);
	o = seal(&key, aeads[_i].mechanism, 32);
	for (size_t len = 0; len < VHSM_TAG_LEN; len++) {
		d = reversed(&o);
		d.tag_len = len;
		ck_assert_int_eq(run(&key, &d), VHSM_S_BAD_LENGTH);
	}
	key_drop(&key);
}
END_TEST

START_TEST(too_little_room_says_how_much_and_takes_no_nonce)
{
	struct vhsm_operation o;
	struct key key;

	key_make(&key, aeads[_i].type);
	o = operation(VHSM_OP_ENCRYPT, aeads[_i].mechanism, plain, 100, sealed,
		      99);
	ck_assert_int_eq(run(&key, &o), VHSM_S_TOO_SMALL);
	ck_assert_uint_eq(o.out_len, 100);
	ck_assert_uint_eq(key.nonces.used, 0);
	o.input_len = VHSM_INPUT_MAX + 1;
	ck_assert_int_eq(run(&key, &o), VHSM_S_TOO_LARGE);
	key_drop(&key);
}
END_TEST

START_TEST(operations_of_other_families_are_refused)
{
	struct vhsm_operation o;
	struct key key;

	key_make(&key, aeads[_i].type);
	o = operation(VHSM_OP_SIGN, aeads[_i].mechanism, plain, 16, sealed, 64);
	ck_assert_int_eq(run(&key, &o), VHSM_S_BAD_OP);
	key_drop(&key);
}
END_TEST

START_TEST(nonces_are_the_fixed_field_and_a_counter)
{
	static const uint8_t expected[2][VHSM_NONCE_LEN] = {
		{ 0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff },
		{ 0x01, 0x02, 0x03, 0x04 },	/* the counter wrapped to 0 */
	};
	struct vhsm_operation o;
	struct key key;

	key_make(&key, aeads[_i].type);
	key.nonces.fixed = 0x01020304;
	key.nonces.start = UINT64_MAX;
	o = seal(&key, aeads[_i].mechanism, 8);
	ck_assert_mem_eq(o.nonce, expected[0], VHSM_NONCE_LEN);
	o = seal(&key, aeads[_i].mechanism, 8);
	ck_assert_mem_eq(o.nonce, expected[1], VHSM_NONCE_LEN);
	ck_assert_uint_eq(key.nonces.used, 2);
	key_drop(&key);
}
END_TEST

START_TEST(the_limit_of_a_version_is_2_to_the_32)
{
	struct vhsm_operation o, d;
	struct key key;

	key_make(&key, aeads[_i].type);
	key.nonces.used = (UINT64_C(1) << 32) - 1;
	o = seal(&key, aeads[_i].mechanism, 16);	/* the last */
	d = reversed(&o);
	memset(sealed + 16, 0x5a, 16);
	o = operation(VHSM_OP_ENCRYPT, aeads[_i].mechanism, plain, 16,
		      sealed + 16, 16);
	ck_assert_int_eq(run(&key, &o), VHSM_S_QUOTA);
	ck_assert_uint_eq(sealed[16], 0x5a);
	o.flags = VHSM_F_CALLER_NONCE;
	ck_assert_int_eq(run(&key, &o), VHSM_S_QUOTA);
	ck_assert_uint_eq(key.nonces.used, UINT64_C(1) << 32);
	/* What was encrypted can still be read. */
	ck_assert_int_eq(run(&key, &d), VHSM_S_OK);
	key_drop(&key);
}
END_TEST

#define THREADS 4
#define PER_THREAD 2000

struct encryptor {
	struct key *key;
	pthread_t thread;
	uint64_t seen[PER_THREAD];
};

static void *encrypt_many(void *arg)
{
	struct encryptor *e = arg;
	struct vhsm_context *c;
	uint8_t out[16];

	/* A context belongs to its thread; the counter is everybody's. */
	c = e->key->family->context_new(&e->key->material, &e->key->nonces);
	for (size_t i = 0; c && i < PER_THREAD; i++) {
		struct vhsm_operation o = operation(VHSM_OP_ENCRYPT,
			VHSM_MECH_AES_GCM, plain, 16, out, 16);

		if (e->key->family->run(c, &o) == VHSM_S_OK)
			memcpy(&e->seen[i], o.nonce + 4, 8);
	}
	e->key->family->context_free(&c);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

START_TEST(no_two_threads_make_one_nonce)
{
	static struct encryptor encryptors[THREADS];
	static uint64_t all[THREADS * PER_THREAD];
	struct key key;

	key_make(&key, VHSM_KEY_AES_256);
	key.nonces.start = 1;
	for (int i = 0; i < THREADS; i++) {
		encryptors[i].key = &key;
		ck_assert_int_eq(pthread_create(&encryptors[i].thread, NULL,
					encrypt_many, &encryptors[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(encryptors[i].thread, NULL);
		memcpy(all + i * PER_THREAD, encryptors[i].seen,
		       sizeof(encryptors[i].seen));
	}
	qsort(all, THREADS * PER_THREAD, sizeof(all[0]), compare);
	for (size_t i = 0; i < THREADS * PER_THREAD; i++)
		ck_assert_uint_eq(__builtin_bswap64(all[i]), i + 1);
	ck_assert_uint_eq(key.nonces.used, THREADS * PER_THREAD);
	key_drop(&key);
}
END_TEST

START_TEST(material_of_a_wrong_length_is_refused)
{
	const struct vhsm_family *family = vhsm_family_of_type(aeads[_i].type);
	size_t good = aeads[_i].type == VHSM_KEY_AES_128 ? 16 : 32;
	struct vhsm_nonce_source nonces = { 0 };
	uint8_t bytes[64] = { 1 };
	struct vhsm_material m = { .type = aeads[_i].type, .bytes = bytes };

	for (m.len = 0; m.len <= sizeof(bytes); m.len++) {
		struct vhsm_context *c = family->context_new(&m, &nonces);

		ck_assert_int_eq(family->check(&m) == 0, m.len == good);
		ck_assert_int_eq(c != NULL, m.len == good);
		family->context_free(&c);
	}
	m.len = 8;
	ck_assert_int_lt(family->generate(m.type, bytes, &m.len), 0);
	ck_assert_int_lt(family->generate(VHSM_KEY_HMAC, bytes, &m.len), 0);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, setup, ops_teardown);
	tcase_add_loop_test(t, gcm_gives_the_published_answers, 0, 2);
	tcase_add_loop_test(t, every_length_comes_back, 0, AEADS);
	tcase_add_loop_test(t, encrypt_in_place_equals_out_of_place, 0, AEADS);
	tcase_add_loop_test(t,
		anything_changed_is_refused_and_the_output_zeroed, 0, AEADS);
	tcase_add_loop_test(t, another_key_does_not_open_it, 0, AEADS);
	tcase_add_loop_test(t, short_tags_are_refused, 0, AEADS);
	tcase_add_loop_test(t,
		too_little_room_says_how_much_and_takes_no_nonce, 0, AEADS);
	tcase_add_loop_test(t, operations_of_other_families_are_refused, 0,
			    AEADS);
	tcase_add_loop_test(t, nonces_are_the_fixed_field_and_a_counter, 0,
			    AEADS);
	tcase_add_loop_test(t, the_limit_of_a_version_is_2_to_the_32, 0,
			    AEADS);
	tcase_add_test(t, no_two_threads_make_one_nonce);
	tcase_add_loop_test(t, material_of_a_wrong_length_is_refused, 0,
			    AEADS);
}

int main(void)
{
	return run_tests("ops-aead", add);
}
