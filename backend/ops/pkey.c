/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkey.c - private keys as the store keeps them (PKCS#8 DER, RFC 5958) and
 * their public halves (SubjectPublicKeyInfo, RFC 5280).
 */
#include <config.h>

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "ops/internal.h"

EVP_PKEY *vhsm_pkey_decode(const struct vhsm_material *m, const char *type)
{
	const unsigned char *p = m->bytes;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *key = NULL;

	if (m->len == 0 || m->len > 0x7fffffff)
		return NULL;
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, m->len);
	/* Nothing may follow: what is stored is what is used. */
	if (info && p == m->bytes + m->len)
		key = EVP_PKCS82PKEY_ex(info, NULL, NULL);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (key && !EVP_PKEY_is_a(key, type)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	if (!key)
		ERR_clear_error();
	return key;
}

int vhsm_pkey_encode(EVP_PKEY *key, uint8_t *out, size_t *len)
{
	OSSL_ENCODER_CTX *encoder = NULL;
	BIO *bio = BIO_new(BIO_s_secmem());
	BUF_MEM *der = NULL;
	int r = -EIO;

	if (!bio)
		goto out;
	encoder = OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "DER",
						"PrivateKeyInfo", NULL);
	if (!encoder || !OSSL_ENCODER_to_bio(encoder, bio) ||
	    BIO_get_mem_ptr(bio, &der) <= 0 || !der)
		goto out;
	r = -ENOSPC;
	if (der->length > *len)
		goto out;
	memcpy(out, der->data, der->length);
	*len = der->length;
	r = 0;
out:
	OSSL_ENCODER_CTX_free(encoder);
	BIO_free(bio);		/* wipes */
	if (r < 0)
		ERR_clear_error();
	return r;
}

int vhsm_pkey_public(EVP_PKEY *key, uint8_t *out, size_t *len)
{
	int need = key ? i2d_PUBKEY(key, NULL) : -1;
	unsigned char *p = out;
	size_t room = *len;
	int r = 0;

	if (need <= 0) {
		r = -EINVAL;
		goto out;
	}
	*len = need;
	if (room < (size_t)need)
		r = -ENOSPC;
	else if (i2d_PUBKEY(key, &p) != need)
		r = -EIO;
out:
	if (r < 0)
		ERR_clear_error();
	EVP_PKEY_free(key);
	return r;
}

int vhsm_pkey_check(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = NULL;
	int r = -EINVAL;

	if (key)
		ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx && EVP_PKEY_check(ctx) == 1)
		r = 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}

enum vhsm_status vhsm_output_put(struct vhsm_operation *o, const uint8_t *bytes,
				 size_t len)
{
	o->out_len = len;
	if (o->output_len < len)
		return VHSM_S_TOO_SMALL;
	memcpy(o->output, bytes, len);
	return VHSM_S_OK;
}
