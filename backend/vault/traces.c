/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traces.c - secrets as they stand in memory.
 *
 * The AES key schedule is our own, since no library gives it out.  Its S-box
 * is computed, and a lookup of secret bytes is no leak here: this runs once
 * for the memory search, in custody, not while a guest waits.
 */
#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/protocol.h"
#include "common/secret.h"
#include "vault/traces.h"

/* --- AES --- */

static uint8_t rotate_left(uint8_t x, int n)
{
	return (uint8_t)(x << n | x >> (8 - n));
}

/* In GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, FIPS 197 4.2. */
static uint8_t field_multiply(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b != 0; b >>= 1) {
		if ((b & 1) != 0)
			product ^= a;
		a = (uint8_t)(a << 1 ^ ((a & 0x80) != 0 ? 0x1b : 0));
	}
	return product;
}

/* FIPS 197 5.1.1: the multiplicative inverse, which is the 254th power, then
 * an affine map. */
static void sbox_make(uint8_t sbox[256])
{
	uint8_t inverse;
	int x, i;

	for (x = 0; x < 256; x++) {
		inverse = 1;
		for (i = 0; i < 254; i++)
			inverse = field_multiply(inverse, (uint8_t)x);
		sbox[x] = 0x63;
		for (i = 0; i < 5; i++)
			sbox[x] ^= i == 0 ? inverse : rotate_left(inverse, i);
	}
}

static void word_substitute(const uint8_t sbox[256], uint8_t word[4])
{
	int i;

	for (i = 0; i < 4; i++)
		word[i] = sbox[word[i]];
}

static void word_rotate(uint8_t word[4])
{
	uint8_t first = word[0];

	memmove(word, word + 1, 3);
	word[3] = first;
}

int vhsm_aes_schedule(const uint8_t *key, size_t key_len,
		      uint8_t schedule[VHSM_AES_SCHEDULE_MAX], size_t *len)
{
	size_t words = key_len / 4, total = 4 * (words + 7), i, j;
	uint8_t sbox[256], word[4], round = 1;

	if (key_len != 16 && key_len != 32)
		return -EINVAL;
	sbox_make(sbox);
	memcpy(schedule, key, key_len);
	for (i = words; i < total; i++) {
		memcpy(word, schedule + 4 * (i - 1), 4);
		if (i % words == 0) {
			word_rotate(word);
			word_substitute(sbox, word);
			word[0] ^= round;
			round = (uint8_t)(round << 1 ^
					  (round & 0x80 ? 0x1b : 0));
		} else if (words > 6 && i % words == 4) {
			word_substitute(sbox, word);
		}
		for (j = 0; j < 4; j++)
			schedule[4 * i + j] =
				schedule[4 * (i - words) + j] ^ word[j];
	}
	*len = 4 * total;
	OPENSSL_cleanse(word, sizeof(word));
	return 0;
}

static void words_swap(uint8_t *bytes, size_t len)
{
	uint8_t t;

	for (; len >= 4; bytes += 4, len -= 4) {
		t = bytes[0];
		bytes[0] = bytes[3];
		bytes[3] = t;
		t = bytes[1];
		bytes[1] = bytes[2];
		bytes[2] = t;
	}
}

static int aes_walk(const uint8_t *key, size_t key_len,
		    vhsm_trace_handler *handler, void *arg)
{
	struct vhsm_secret schedule;
	int r;

	r = vhsm_secret_init(&schedule, VHSM_AES_SCHEDULE_MAX);
	if (r == 0)
		r = vhsm_aes_schedule(key, key_len, schedule.bytes,
				      &schedule.len);
	if (r == 0)
		r = handler(arg, "schedule", schedule.bytes, schedule.len);
	if (r == 0) {
		words_swap(schedule.bytes, schedule.len);
		r = handler(arg, "schedule-swapped", schedule.bytes,
			    schedule.len);
	}
	vhsm_secret_deinit(&schedule);
	return r;
}

/* --- the others --- */

static EVP_PKEY *pkey_decode(const uint8_t *material, size_t len)
{
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *pkey = NULL;

	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &material, (long)len);
	if (info != NULL)
		pkey = EVP_PKCS82PKEY_ex(info, NULL, NULL);
	PKCS8_PRIV_KEY_INFO_free(info);
	return pkey;
}

static int number_walk(EVP_PKEY *pkey, const char *param, const char *label,
		       size_t padded, vhsm_trace_handler *handler, void *arg)
{
	struct vhsm_secret bytes = VHSM_SECRET_NONE;
	BIGNUM *number = NULL;
	size_t len;
	int r = -EIO;

	if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1)
		goto out;
	len = padded != 0 ? padded : (size_t)BN_num_bytes(number);
	r = vhsm_secret_init(&bytes, len);
	if (r == 0 && BN_bn2binpad(number, bytes.bytes, (int)len) < 0)
		r = -EIO;
	if (r == 0)
		r = handler(arg, label, bytes.bytes, len);
out:
	vhsm_secret_deinit(&bytes);
	BN_clear_free(number);
	return r;
}

static int rsa_walk(EVP_PKEY *pkey, vhsm_trace_handler *handler, void *arg)
{
	static const struct {
		const char *param, *label;
	} numbers[] = {
		{ OSSL_PKEY_PARAM_RSA_D, "d" },
		{ OSSL_PKEY_PARAM_RSA_FACTOR1, "p" },
		{ OSSL_PKEY_PARAM_RSA_FACTOR2, "q" },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp" },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq" },
		{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qinv" },
	};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && r == 0; i++)
		r = number_walk(pkey, numbers[i].param, numbers[i].label, 0,
				handler, arg);
	return r;
}

static int ed25519_walk(EVP_PKEY *pkey, vhsm_trace_handler *handler, void *arg)
{
	struct vhsm_secret seed = VHSM_SECRET_NONE, hash = VHSM_SECRET_NONE;
	size_t len = 32;
	int r;

	r = vhsm_secret_init(&seed, 32);
	if (r == 0)
		r = vhsm_secret_init(&hash, 64);
	if (r == 0 &&
	    (EVP_PKEY_get_raw_private_key(pkey, seed.bytes, &len) != 1 ||
	     EVP_Q_digest(NULL, "SHA512", NULL, seed.bytes, len, hash.bytes,
			  NULL) != 1))
		r = -EIO;
	if (r == 0)
		r = handler(arg, "seed", seed.bytes, len);
	if (r == 0) {
		hash.bytes[0] &= 248;
		hash.bytes[31] = (hash.bytes[31] & 127) | 64;
		r = handler(arg, "scalar", hash.bytes, 32);
	}
	vhsm_secret_deinit(&hash);
	vhsm_secret_deinit(&seed);
	return r;
}

static int pkey_walk(uint16_t type, const uint8_t *material, size_t len,
		     vhsm_trace_handler *handler, void *arg)
{
	EVP_PKEY *pkey = pkey_decode(material, len);
	int r = -EINVAL;

	if (pkey == NULL)
		return r;
	switch (type) {
	case VHSM_KEY_EC_P256:
		r = number_walk(pkey, OSSL_PKEY_PARAM_PRIV_KEY, "scalar", 32,
				handler, arg);
		break;
	case VHSM_KEY_EC_P384:
		r = number_walk(pkey, OSSL_PKEY_PARAM_PRIV_KEY, "scalar", 48,
				handler, arg);
		break;
	case VHSM_KEY_ED25519:
		r = ed25519_walk(pkey, handler, arg);
		break;
	case VHSM_KEY_RSA_2048:
	case VHSM_KEY_RSA_3072:
	case VHSM_KEY_RSA_4096:
		r = rsa_walk(pkey, handler, arg);
		break;
	}
	EVP_PKEY_free(pkey);
	return r;
}

int vhsm_traces_walk(uint16_t type, const uint8_t *material, size_t len,
		     vhsm_trace_handler *handler, void *arg)
{
	int r;

	switch (type) {
	case VHSM_KEY_AES_128:
	case VHSM_KEY_AES_256:
		r = handler(arg, "key", material, len);
		return r == 0 ? aes_walk(material, len, handler, arg) : r;
	case VHSM_KEY_CHACHA20:
	case VHSM_KEY_HMAC:
		return handler(arg, "key", material, len);
	default:
		return pkey_walk(type, material, len, handler, arg);
	}
}
