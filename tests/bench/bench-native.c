// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "bench/harness.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "vhsmif.h"

struct bench_native {
	void (*once)(struct bench_native *);
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	EVP_MD_CTX *digest;
	EVP_PKEY *key;
	size_t len;
	uint8_t nonce[12], tag[16];
	uint8_t signature[512];
	uint8_t *input, *output;
};

static void must(int ok)
{
	if (ok <= 0)
		bench_die("OpenSSL failed in the reference");
}

static void once_gcm(struct bench_native *n)
{
	int len;

	(*(uint64_t *)n->nonce)++;
	must(EVP_EncryptInit_ex2(n->cipher, NULL, NULL, n->nonce, NULL));
	must(EVP_EncryptUpdate(n->cipher, n->output, &len, n->input, n->len));
	must(EVP_EncryptFinal_ex(n->cipher, n->output + len, &len));
	must(EVP_CIPHER_CTX_ctrl(n->cipher, EVP_CTRL_AEAD_GET_TAG, 16,
				 n->tag));
}

static void once_mac(struct bench_native *n)
{
	size_t len;

	must(EVP_MAC_init(n->mac, NULL, 0, NULL));
	must(EVP_MAC_update(n->mac, n->input, n->len));
	must(EVP_MAC_final(n->mac, n->output, &len, 32));
}

static void once_sign(struct bench_native *n)
{
	size_t len = sizeof(n->signature);

	must(EVP_DigestSignInit_ex(n->digest, NULL, NULL, NULL, NULL, NULL,
				   NULL));
	must(EVP_DigestSign(n->digest, n->signature, &len, n->input, n->len));
}

static void init_gcm(struct bench_native *n, const uint8_t *secret)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

	n->cipher = EVP_CIPHER_CTX_new();
	must(EVP_EncryptInit_ex2(n->cipher, c, secret, n->nonce, NULL));
	EVP_CIPHER_free(c);
	n->once = once_gcm;
}

static void init_mac(struct bench_native *n, const uint8_t *secret)
{
	char hash[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string("digest", hash, 0), OSSL_PARAM_END
	};
	EVP_MAC *m = EVP_MAC_fetch(NULL, "HMAC", NULL);

	n->mac = EVP_MAC_CTX_new(m);
	must(EVP_MAC_init(n->mac, secret, 32, params));
	EVP_MAC_free(m);
	n->once = once_mac;
}

static void init_sign(struct bench_native *n, const struct bench_op *op)
{
	if (!strcmp(op->key_type, "ec-p256"))
		n->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	else if (!strcmp(op->key_type, "ed25519"))
		n->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		n->key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	n->digest = EVP_MD_CTX_new();
	must(n->key != NULL);
	must(EVP_DigestSignInit_ex(n->digest, NULL,
				   VHSM_MECH_HASH(op->mechanism) ? "SHA256" :
				   NULL, NULL, NULL, n->key, NULL));
	n->once = once_sign;
}

struct bench_native *bench_native_new(const struct bench_op *op)
{
	static const uint8_t secret[32] = { 1, 2, 3 };
	struct bench_native *n = calloc(1, sizeof(*n));

	if (!n)
		bench_die("out of memory");
	n->len = op->len;
	n->input = calloc(1, op->len + 64);
	n->output = calloc(1, op->len + 64);
	if (op->op == VHSM_OP_ENCRYPT)
		init_gcm(n, secret);
	else if (op->op == VHSM_OP_MAC)
		init_mac(n, secret);
	else
		init_sign(n, op);
	return n;
}

void bench_native_run(struct bench_native *n, uint64_t ns,
		      struct bench_slice *slice)
{
	uint64_t start = bench_now(), now, count = 0;

	/* The clock is read once in some 10 us, so as not to be measured. */
	unsigned burst = n->once == once_sign ? 1 : 1 + 8192 / (n->len + 256);

	do {
		for (unsigned i = 0; i < burst; i++)
			n->once(n);
		count += burst;
		now = bench_now();
	} while (now - start < ns);
	memset(slice, 0, sizeof(*slice));
	slice->requests = count;
	slice->ops_per_s = count * 1e9 / (now - start);
}

void bench_native_free(struct bench_native **native)
{
	struct bench_native *n = *native;

	*native = NULL;
	EVP_CIPHER_CTX_free(n->cipher);
	EVP_MAC_CTX_free(n->mac);
	EVP_MD_CTX_free(n->digest);
	EVP_PKEY_free(n->key);
	free(n->input);
	free(n->output);
	free(n);
}
