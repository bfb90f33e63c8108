/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families that sign: what they promise alike, over every key type and
 * hash, and what each promises alone.  What one signs, OpenSSL verifies with
 * nothing but the exported public key.
 */
#include <config.h>

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>

#include "unit/ops-fixture.h"

/* RSA keys take long to make; 4096 bits are made where it matters. */
static const struct {
	uint16_t type, mechanism;
	const char *hash;	/* NULL: none */
	size_t room;
} signers[] = {
	{ VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | 1, "SHA256", 72 },
	{ VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | 2, "SHA384", 72 },
	{ VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | 3, "SHA512", 72 },
	{ VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | 1, "SHA256", 104 },
	{ VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | 2, "SHA384", 104 },
	{ VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | 3, "SHA512", 104 },
	{ VHSM_KEY_ED25519, VHSM_MECH_EDDSA, NULL, 64 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | 1, "SHA256", 256 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | 2, "SHA384", 256 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | 3, "SHA512", 256 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PSS | 1, "SHA256", 256 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PSS | 2, "SHA384", 256 },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PSS | 3, "SHA512", 256 },
	{ VHSM_KEY_RSA_3072, VHSM_MECH_RSA_PSS | 1, "SHA256", 384 },
	{ VHSM_KEY_RSA_4096, VHSM_MECH_RSA_PKCS1 | 1, "SHA256", 512 },
};
#define SIGNERS ((int)(sizeof(signers) / sizeof(signers[0])))

static const uint16_t types[] = {
	VHSM_KEY_EC_P256, VHSM_KEY_EC_P384, VHSM_KEY_ED25519,
	VHSM_KEY_RSA_2048, VHSM_KEY_RSA_3072,
};
#define TYPES 5

static const char message[] = "to be signed, and not to be changed";
static struct key keys[VHSM_KEY_RSA_4096 + 1];

static struct key *key_of(uint16_t type)
{
	if (!keys[type].context)
		key_make(&keys[type], type);
	return &keys[type];
}

static void setup(void)
{
	ops_setup();
	for (int i = 0; i < SIGNERS; i++)
		key_of(signers[i].type);
}

static void teardown(void)
{
	for (int i = 0; i <= VHSM_KEY_RSA_4096; i++)
		if (keys[i].context)
			key_drop(&keys[i]);
	ops_teardown();
}

static struct vhsm_operation sign(int i, const void *input, size_t len,
				  uint8_t *out)
{
	struct vhsm_operation o = operation(VHSM_OP_SIGN, signers[i].mechanism,
					    input, len, out, VHSM_SIG_MAX);

	ck_assert_int_eq(run(key_of(signers[i].type), &o), VHSM_S_OK);
	ck_assert_uint_gt(o.out_len, 0);
	ck_assert_uint_le(o.out_len, signers[i].room);
	return o;
}

static struct vhsm_operation to_verify(int i, const void *input, size_t len,
				       const uint8_t *signature,
				       size_t signature_len)
{
	struct vhsm_operation o = operation(VHSM_OP_VERIFY,
					    signers[i].mechanism, input, len,
					    NULL, 0);

	memcpy(o.tag, signature, signature_len);
	o.tag_len = signature_len;
	return o;
}

static EVP_PKEY *exported(const struct key *key)
{
	uint8_t der[1024];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	EVP_PKEY *public;

	ck_assert_int_eq(key->family->public_key(&key->material, der, &len), 0);
	public = d2i_PUBKEY(NULL, &p, len);
	ck_assert_ptr_nonnull(public);
	ck_assert_ptr_eq(p, der + len);
	return public;
}

static bool openssl_verifies(int i, EVP_PKEY *public, const uint8_t *signature,
			     size_t len)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool good;

	ck_assert_int_eq(EVP_DigestVerifyInit_ex(md, &ctx, signers[i].hash,
						 NULL, NULL, public, NULL), 1);
	if (VHSM_MECH_FAMILY(signers[i].mechanism) == VHSM_MECH_RSA_PSS) {
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	good = EVP_DigestVerify(md, signature, len, (const uint8_t *)message,
				sizeof(message)) == 1;
	EVP_MD_CTX_free(md);
	return good;
}

START_TEST(openssl_verifies_with_the_exported_public_key)
{
	EVP_PKEY *public = exported(key_of(signers[_i].type));
	uint8_t signature[VHSM_SIG_MAX];
	struct vhsm_operation o;

	for (int round = 0; round < 3; round++) {
		o = sign(_i, message, sizeof(message), signature);
		ck_assert(openssl_verifies(_i, public, signature, o.out_len));
	}
	signature[o.out_len - 1] ^= 1;
	ck_assert(!openssl_verifies(_i, public, signature, o.out_len));
	EVP_PKEY_free(public);
}
END_TEST

START_TEST(only_the_right_message_and_signature_verify)
{
	struct key *key = key_of(signers[_i].type);
	uint8_t signature[VHSM_SIG_MAX], changed[sizeof(message)];
	struct vhsm_operation o, v;

	o = sign(_i, message, sizeof(message), signature);
	v = to_verify(_i, message, sizeof(message), signature, o.out_len);
	ck_assert_int_eq(run(key, &v), VHSM_S_OK);
	memcpy(changed, message, sizeof(message));
	changed[0] ^= 1;
	v.input = changed;
	ck_assert_int_eq(run(key, &v), VHSM_S_BAD_SIGNATURE);
	v.input = (const uint8_t *)message;
	v.input_len--;
	ck_assert_int_eq(run(key, &v), VHSM_S_BAD_SIGNATURE);
	v.input_len++;
	v.tag[o.out_len / 2] ^= 4;
	ck_assert_int_eq(run(key, &v), VHSM_S_BAD_SIGNATURE);
	v.tag[o.out_len / 2] ^= 4;
	for (v.tag_len = 0; v.tag_len < o.out_len; v.tag_len += 7)
		ck_assert_int_eq(run(key, &v), VHSM_S_BAD_SIGNATURE);
	v.tag_len = o.out_len;
	ck_assert_int_eq(run(key, &v), VHSM_S_OK);
}
END_TEST

START_TEST(a_digest_signed_is_its_message_signed)
{
	struct key *key = key_of(signers[_i].type);
	uint8_t digest[64], signature[VHSM_SIG_MAX];
	struct vhsm_operation o, v;
	size_t len;

	if (!signers[_i].hash) {
		o = operation(VHSM_OP_SIGN, signers[_i].mechanism, message, 32,
			      signature, sizeof(signature));
		o.flags = VHSM_F_DIGEST;
		ck_assert_int_eq(run(key, &o), VHSM_S_BAD_FLAGS);
		return;
	}
	ck_assert_int_eq(EVP_Q_digest(NULL, signers[_i].hash, NULL, message,
				      sizeof(message), digest, &len), 1);
	o = operation(VHSM_OP_SIGN, signers[_i].mechanism, digest, len,
		      signature, sizeof(signature));
	o.flags = VHSM_F_DIGEST;
	ck_assert_int_eq(run(key, &o), VHSM_S_OK);
	v = to_verify(_i, message, sizeof(message), signature, o.out_len);
	ck_assert_int_eq(run(key, &v), VHSM_S_OK);
	v = to_verify(_i, digest, len, signature, o.out_len);
	v.flags = VHSM_F_DIGEST;
	ck_assert_int_eq(run(key, &v), VHSM_S_OK);
	o.input_len = len - 1;
	ck_assert_int_eq(run(key, &o), VHSM_S_BAD_LENGTH);
	v.input_len = 0;
	ck_assert_int_eq(run(key, &v), VHSM_S_BAD_LENGTH);
}
END_TEST

START_TEST(empty_and_long_messages_are_signed)
{
	static const size_t lengths[] = { 0, 4096, 4097, 100000 };
	struct key *key = key_of(signers[_i].type);
	static uint8_t input[100000];
	uint8_t signature[VHSM_SIG_MAX];
	struct vhsm_operation o, v;

	memset(input, 0x42, sizeof(input));
	for (size_t i = 0; i < 4; i++) {
		o = sign(_i, lengths[i] ? input : NULL, lengths[i], signature);
		v = to_verify(_i, lengths[i] ? input : NULL, lengths[i],
			      signature, o.out_len);
		ck_assert_int_eq(run(key, &v), VHSM_S_OK);
	}
}
END_TEST

START_TEST(too_little_room_says_how_much_and_writes_nothing)
{
	struct key *key = key_of(signers[_i].type);
	uint8_t out[VHSM_SIG_MAX] = { 0 };
	struct vhsm_operation o;

	o = operation(VHSM_OP_SIGN, signers[_i].mechanism, message,
		      sizeof(message), out, signers[_i].room - 1);
	ck_assert_int_eq(run(key, &o), VHSM_S_TOO_SMALL);
	ck_assert_uint_eq(o.out_len, signers[_i].room);
	for (size_t i = 0; i < sizeof(out); i++)
		ck_assert_uint_eq(out[i], 0);
	o.op = VHSM_OP_MAC;
	ck_assert_int_eq(run(key, &o), VHSM_S_BAD_OP);
}
END_TEST

START_TEST(a_made_key_is_sound_and_of_its_type_only)
{
	struct key *key = key_of(types[_i]);
	struct vhsm_material m = key->material;

	ck_assert_int_eq(key->family->check(&m), 0);
	for (int i = 0; i < TYPES; i++) {
		const struct vhsm_family *f = vhsm_family_of_type(types[i]);

		m.type = types[i];
		ck_assert_int_eq(f->check(&m) == 0, i == _i);
	}
}
END_TEST

START_TEST(unsound_material_is_refused)
{
	struct key *key = key_of(types[_i]);
	struct vhsm_material m = key->material;
	uint8_t bytes[sizeof(key->bytes)];

	memcpy(bytes, key->bytes, m.len);
	m.bytes = bytes;
	for (size_t len = 0; len < key->material.len; len += 5) {
		m.len = len;	/* cut short */
		ck_assert_int_lt(key->family->check(&m), 0);
		ck_assert_ptr_null(key->family->context_new(&m, NULL));
	}
	bytes[key->material.len] = 0;
	m.len = key->material.len + 1;	/* something follows */
	ck_assert_int_lt(key->family->check(&m), 0);
	memset(bytes, 0x30, sizeof(bytes));
	ck_assert_int_lt(key->family->check(&m), 0);
	ck_assert_ptr_null(key->family->context_new(&m, NULL));
}
END_TEST

/* Where a byte of the secret lies that can change and leave the encoding as it
 * was: the end of an EC scalar (RFC 5915), of RSA's coefficient (RFC 8017). */
static size_t secret_byte(uint16_t type, size_t len)
{
	switch (type) {
	case VHSM_KEY_EC_P256:
		return 36 + 31;
	case VHSM_KEY_EC_P384:
		return 35 + 47;
	default:
		return len - 1;
	}
}

START_TEST(halves_that_do_not_match_are_refused)
{
	struct key *key = key_of(types[_i]);
	struct vhsm_material m = key->material;
	uint8_t bytes[sizeof(key->bytes)];

	if (types[_i] == VHSM_KEY_ED25519)
		return;		/* only a seed, of which every one is sound */
	memcpy(bytes, key->bytes, m.len);
	m.bytes = bytes;
	bytes[secret_byte(types[_i], m.len)] ^= 2;
	ck_assert_int_lt(key->family->check(&m), 0);
}
END_TEST

START_TEST(public_key_says_how_much_room_it_takes)
{
	struct key *key = key_of(types[_i]);
	uint8_t der[1024];
	size_t len = 0, need;

	ck_assert_int_eq(key->family->public_key(&key->material, der, &len),
			 -ENOSPC);
	need = len;
	ck_assert_uint_gt(need, 32);
	ck_assert_int_eq(key->family->public_key(&key->material, der, &len), 0);
	ck_assert_uint_eq(len, need);
}
END_TEST

START_TEST(generate_refuses_too_little_room_and_foreign_types)
{
	const struct vhsm_family *family = vhsm_family_of_type(types[_i]);
	uint8_t out[16];
	size_t len = sizeof(out);

	ck_assert_int_lt(family->generate(types[_i], out, &len), 0);
	ck_assert_int_lt(family->generate(VHSM_KEY_AES_128, out, &len), 0);
}
END_TEST

/* RSA with e = 3, and of 1024 bits, are not what FIPS 186-5 allows. */
START_TEST(weak_rsa_is_refused)
{
	const struct vhsm_family *f = vhsm_family_of_type(VHSM_KEY_RSA_2048);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	unsigned bits = _i ? 1024 : 2048;
	unsigned e = _i ? 65537 : 3;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint("bits", &bits),
		OSSL_PARAM_construct_uint("e", &e),
		OSSL_PARAM_construct_end(),
	};
	struct vhsm_material m = { .type = VHSM_KEY_RSA_2048 };
	PKCS8_PRIV_KEY_INFO *info;
	unsigned char *der = NULL;
	EVP_PKEY *key = NULL;

	ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
	ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
	info = EVP_PKEY2PKCS8(key);
	m.len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	m.bytes = der;
	ck_assert_int_lt(f->check(&m), 0);
	ck_assert_ptr_null(f->context_new(&m, NULL));
	PKCS8_PRIV_KEY_INFO_free(info);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}
END_TEST

struct scribbler {
	uint8_t *message;
	size_t len;
	atomic_bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed))
		for (size_t i = 0; i < s->len; i += 64)
			((volatile uint8_t *)s->message)[i] ^= 0xff;
	return NULL;
}

/*
 * A hostile guest rewrites the message while it is signed.  Ed25519's R
 * depends on the message alone (and the seed), so two signatures with one R
 * and different S were made from two readings of the message, and give the
 * key away.
 */
START_TEST(a_message_changed_while_signed_does_not_leak_an_eddsa_nonce)
{
	enum { ROUNDS = 300, LEN = 4096 };
	static uint8_t message_in_pool[LEN], made[ROUNDS][64];
	struct scribbler s = { .message = message_in_pool, .len = LEN };
	struct key *key = key_of(VHSM_KEY_ED25519);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, scribble, &s), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct vhsm_operation o = operation(VHSM_OP_SIGN,
			VHSM_MECH_EDDSA, message_in_pool, LEN, made[i], 64);

		ck_assert_int_eq(run(key, &o), VHSM_S_OK);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	for (int i = 0; i < ROUNDS; i++)
		for (int j = 0; j < i; j++)
			ck_assert(memcmp(made[i], made[j], 32) != 0 ||
				  memcmp(made[i], made[j], 64) == 0);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, openssl_verifies_with_the_exported_public_key,
			    0, SIGNERS);
	tcase_add_loop_test(t, only_the_right_message_and_signature_verify, 0,
			    SIGNERS);
	tcase_add_loop_test(t, a_digest_signed_is_its_message_signed, 0,
			    SIGNERS);
	tcase_add_loop_test(t, empty_and_long_messages_are_signed, 0, SIGNERS);
	tcase_add_loop_test(t,
		too_little_room_says_how_much_and_writes_nothing, 0, SIGNERS);
	tcase_add_loop_test(t, a_made_key_is_sound_and_of_its_type_only, 0,
			    TYPES);
	tcase_add_loop_test(t, unsound_material_is_refused, 0, TYPES);
	tcase_add_loop_test(t, halves_that_do_not_match_are_refused, 0, TYPES);
	tcase_add_loop_test(t, public_key_says_how_much_room_it_takes, 0,
			    TYPES);
	tcase_add_loop_test(t,
		generate_refuses_too_little_room_and_foreign_types, 0, TYPES);
	tcase_add_loop_test(t, weak_rsa_is_refused, 0, 2);
	tcase_add_test(t,
		a_message_changed_while_signed_does_not_leak_an_eddsa_nonce);
}

int main(void)
{
	return run_tests("ops-signature", add);
}
