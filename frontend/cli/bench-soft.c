/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-soft.c - the same operation by OpenSSL in this process, with a key it
 * makes for the purpose: what the guest would have without a vhsm, and with
 * its keys in its own memory.
 */
#include "cli/bench.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct soft {
	const struct bench_case *b;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	EVP_PKEY *pkey;
	EVP_MD_CTX *md;
	uint8_t *data;
};

static const char *hash_name(uint16_t mechanism)
{
	switch (VHSM_MECH_HASH(mechanism)) {
	case VHSM_HASH_SHA256: return "SHA256";
	case VHSM_HASH_SHA384: return "SHA384";
	case VHSM_HASH_SHA512: return "SHA512";
	default: return NULL;
	}
}

static EVP_PKEY *make_key(uint16_t type)
{
	switch (type) {
	case VHSM_KEY_EC_P256: return EVP_PKEY_Q_keygen(NULL, NULL, "EC",
							"P-256");
	case VHSM_KEY_EC_P384: return EVP_PKEY_Q_keygen(NULL, NULL, "EC",
							"P-384");
	case VHSM_KEY_ED25519: return EVP_PKEY_Q_keygen(NULL, NULL,
							"ED25519");
	case VHSM_KEY_RSA_2048: return EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
							 (size_t)2048);
	case VHSM_KEY_RSA_3072: return EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
							 (size_t)3072);
	case VHSM_KEY_RSA_4096: return EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
							 (size_t)4096);
	default: return NULL;
	}
}

static bool set_up_cipher(struct soft *s)
{
	const uint8_t key[32] = { 1 };
	const EVP_CIPHER *cipher = EVP_aes_256_gcm();

	if (s->b->key_type == VHSM_KEY_AES_128)
		cipher = EVP_aes_128_gcm();
	else if (s->b->key_type == VHSM_KEY_CHACHA20)
		cipher = EVP_chacha20_poly1305();
	s->cipher = EVP_CIPHER_CTX_new();
	return s->cipher && EVP_EncryptInit_ex2(s->cipher, cipher, key, NULL,
						NULL) == 1;
}

static bool set_up_mac(struct soft *s)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };
	const uint8_t key[32] = { 1 };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char name[16] = "";

	strncat(name, hash_name(s->b->mechanism), sizeof(name) - 1);
	params[0] = OSSL_PARAM_construct_utf8_string("digest", name, 0);
	s->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return s->mac && EVP_MAC_init(s->mac, key, sizeof(key), params) == 1;
}

static bool set_up(struct soft *s)
{
	s->data = calloc(1, s->b->size + 1024);
	if (!s->data)
		return false;
	if (s->b->op == VHSM_OP_ENCRYPT)
		return set_up_cipher(s);
	if (s->b->op == VHSM_OP_MAC)
		return hash_name(s->b->mechanism) && set_up_mac(s);
	if (s->b->op == VHSM_OP_SIGN) {
		s->pkey = make_key(s->b->key_type);
		s->md = EVP_MD_CTX_new();
		return s->pkey && s->md;
	}
	return s->b->op == VHSM_OP_RANDOM;
}

static bool encrypt_once(struct soft *s)
{
	uint8_t nonce[VHSM_NONCE_LEN], tag[VHSM_TAG_LEN];
	int len;

	return RAND_bytes(nonce, sizeof(nonce)) == 1 &&
	       EVP_EncryptInit_ex2(s->cipher, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(s->cipher, s->data, &len, s->data,
				 (int)s->b->size) == 1 &&
	       EVP_EncryptFinal_ex(s->cipher, s->data + len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG,
				   sizeof(tag), tag) == 1;
}

static bool mac_once(struct soft *s)
{
	uint8_t out[64];
	size_t len;

	return EVP_MAC_init(s->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(s->mac, s->data, s->b->size) == 1 &&
	       EVP_MAC_final(s->mac, out, &len, sizeof(out)) == 1;
}

static bool sign_once(struct soft *s)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);
	EVP_PKEY_CTX *ctx = NULL;

	if (EVP_MD_CTX_reset(s->md) != 1 ||
	    EVP_DigestSignInit_ex(s->md, &ctx, hash_name(s->b->mechanism),
				  NULL, NULL, s->pkey, NULL) != 1)
		return false;
	if (VHSM_MECH_FAMILY(s->b->mechanism) == VHSM_MECH_RSA_PSS &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1)
		return false;
	return EVP_DigestSign(s->md, sig, &len, s->data, s->b->size) == 1;
}

static bool once(struct soft *s)
{
	switch (s->b->op) {
	case VHSM_OP_ENCRYPT: return encrypt_once(s);
	case VHSM_OP_MAC: return mac_once(s);
	case VHSM_OP_SIGN: return sign_once(s);
	default: return RAND_bytes(s->data, (int)s->b->size) == 1;
	}
}

double bench_soft(const struct bench_case *b)
{
	struct soft s = { .b = b };
	uint64_t start, now, end, count = 0;
	double rate = 0;

	if (!set_up(&s))
		goto out;
	start = now = bench_now_ns();
	end = start + (uint64_t)b->ms * 1000000u;
	for (; now < end; now = bench_now_ns(), count++)
		if (!once(&s))
			goto out;
	rate = (double)count * 1e9 / (double)(now - start);
out:
	EVP_CIPHER_CTX_free(s.cipher);
	EVP_MAC_CTX_free(s.mac);
	EVP_MD_CTX_free(s.md);
	EVP_PKEY_free(s.pkey);
	free(s.data);
	return rate;
}
