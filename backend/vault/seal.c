/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.c - AES-256-SIV and HKDF-SHA-512 through EVP.
 *
 * SIV takes a vector of associated data and no nonce; we give one component.
 * A sealed record is the 16-byte synthetic IV, then the ciphertext.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "vault/seal.h"
#include "vault/vault-error.h"

struct vhsm_sealer {
	EVP_CIPHER *cipher;
	uint8_t *key;			/* secure memory */
};

struct vhsm_sealer *vhsm_sealer_new(const uint8_t key[VHSM_SEAL_KEY_LEN])
{
	struct vhsm_sealer *sealer = calloc(1, sizeof(*sealer));

	if (sealer == NULL)
		return NULL;
	sealer->cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	sealer->key = OPENSSL_secure_malloc(VHSM_SEAL_KEY_LEN);
	if (sealer->cipher == NULL || sealer->key == NULL) {
		vhsm_sealer_free(&sealer);
		return NULL;
	}
	memcpy(sealer->key, key, VHSM_SEAL_KEY_LEN);
	return sealer;
}

void vhsm_sealer_free(struct vhsm_sealer **sealer)
{
	if (*sealer == NULL)
		return;
	EVP_CIPHER_free((*sealer)->cipher);
	OPENSSL_secure_clear_free((*sealer)->key, VHSM_SEAL_KEY_LEN);
	free(*sealer);
	*sealer = NULL;
}

/* A fresh context each time: SIV keeps state of the associated data, and
 * reusing one across messages is not worth the risk here. */
static EVP_CIPHER_CTX *context_new(struct vhsm_sealer *sealer, int encrypt,
				   const void *ad, size_t ad_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	if (ctx == NULL)
		return NULL;
	if (EVP_CipherInit_ex2(ctx, sealer->cipher, sealer->key, NULL, encrypt,
			       NULL) == 1 &&
	    EVP_CipherUpdate(ctx, NULL, &n, ad, (int)ad_len) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int vhsm_sealer_seal(struct vhsm_sealer *sealer, const void *ad, size_t ad_len,
		     const uint8_t *in, size_t in_len, uint8_t *out)
{
	OSSL_PARAM tag[2] = {
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
						  out, VHSM_SEAL_OVERHEAD),
		OSSL_PARAM_construct_end(),
	};
	EVP_CIPHER_CTX *ctx;
	int n, r = -EIO;

	if (in_len == 0 || in_len > INT_MAX || ad_len == 0 || ad_len > INT_MAX)
		return -EINVAL;
	ctx = context_new(sealer, 1, ad, ad_len);
	if (ctx == NULL)
		return -ENOMEM;
	if (EVP_CipherUpdate(ctx, out + VHSM_SEAL_OVERHEAD, &n, in,
			     (int)in_len) == 1 &&
	    (size_t)n == in_len &&
	    EVP_CipherFinal_ex(ctx, out + VHSM_SEAL_OVERHEAD + n, &n) == 1 &&
	    EVP_CIPHER_CTX_get_params(ctx, tag) == 1)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

int vhsm_sealer_open(struct vhsm_sealer *sealer, const void *ad, size_t ad_len,
		     const uint8_t *in, size_t in_len, uint8_t *out)
{
	size_t out_len = in_len - VHSM_SEAL_OVERHEAD;
	EVP_CIPHER_CTX *ctx;
	OSSL_PARAM tag[2];
	int n, r = VHSM_E_CORRUPT;

	if (in_len <= VHSM_SEAL_OVERHEAD || in_len > INT_MAX || ad_len == 0 ||
	    ad_len > INT_MAX)
		return VHSM_E_CORRUPT;
	ctx = context_new(sealer, 0, ad, ad_len);
	if (ctx == NULL)
		return -ENOMEM;
	tag[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
						   (void *)in,
						   VHSM_SEAL_OVERHEAD);
	tag[1] = OSSL_PARAM_construct_end();
	if (EVP_CIPHER_CTX_set_params(ctx, tag) == 1 &&
	    EVP_CipherUpdate(ctx, out, &n, in + VHSM_SEAL_OVERHEAD,
			     (int)out_len) == 1 &&
	    (size_t)n == out_len && EVP_CipherFinal_ex(ctx, out + n, &n) == 1)
		r = 0;
	else
		OPENSSL_cleanse(out, out_len);
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

int vhsm_seal_derive(const uint8_t *secret, size_t secret_len,
		     const char *label, const void *context, size_t context_len,
		     uint8_t *out, size_t out_len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5], *p = params;
	int r = -EIO;

	/* Several infos are concatenated by the provider; the label ends with
	 * its NUL, so no label is the prefix of another. */
	*p++ = OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA512", 0);
	*p++ = OSSL_PARAM_construct_octet_string("key", (void *)secret,
						 secret_len);
	*p++ = OSSL_PARAM_construct_octet_string("info", (void *)label,
						 strlen(label) + 1);
	if (context_len > 0)
		*p++ = OSSL_PARAM_construct_octet_string("info",
							 (void *)context,
							 context_len);
	*p = OSSL_PARAM_construct_end();
	if (ctx == NULL)
		r = -ENOMEM;
	else if (EVP_KDF_derive(ctx, out, out_len, params) == 1)
		r = 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}
