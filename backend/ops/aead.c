/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.c - what the AEAD families share: two contexts keyed once, one for each
 * direction; an operation only sets a new nonce.  Nonces and their limit.
 *
 * Input is read, and output written, in the guest's memory.  A guest that
 * changes either meanwhile gets one tag for one nonce all the same, over some
 * other text than it named: nothing it could not have asked for.
 */
#include <config.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "ops/internal.h"

/*
 * SP 800-38D 8.3: at most 2^32 invocations with one key.  A counter cannot
 * repeat a nonce within them; the limit bounds the attacker's advantage, and
 * covers nonces of the caller's own.
 */
#define ENCRYPTIONS_MAX (UINT64_C(1) << 32)

struct vhsm_context {
	EVP_CIPHER_CTX *encrypt;
	EVP_CIPHER_CTX *decrypt;
	struct vhsm_nonce_source *nonces;
	uint8_t tag[VHSM_TAG_LEN];
	OSSL_PARAM tag_param[2];		/* tag, above */
};

void vhsm_aead_free(struct vhsm_context **context)
{
	struct vhsm_context *c = *context;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->encrypt);	/* these wipe */
	EVP_CIPHER_CTX_free(c->decrypt);
	OPENSSL_secure_clear_free(c, sizeof(*c));
	*context = NULL;
}

struct vhsm_context *vhsm_aead_new(EVP_CIPHER *cipher,
				   const struct vhsm_material *m,
				   struct vhsm_nonce_source *nonces)
{
	struct vhsm_context *c;

	if (m->len != (size_t)EVP_CIPHER_get_key_length(cipher))
		return NULL;
	c = OPENSSL_secure_zalloc(sizeof(*c));
	if (!c)
		return NULL;
	c->nonces = nonces;
	c->tag_param[0] = OSSL_PARAM_construct_octet_string(
		OSSL_CIPHER_PARAM_AEAD_TAG, c->tag, sizeof(c->tag));
	c->tag_param[1] = OSSL_PARAM_construct_end();
	c->encrypt = EVP_CIPHER_CTX_new();
	c->decrypt = EVP_CIPHER_CTX_new();
	if (!c->encrypt || !c->decrypt ||
	    !EVP_EncryptInit_ex2(c->encrypt, cipher, m->bytes, NULL, NULL) ||
	    !EVP_DecryptInit_ex2(c->decrypt, cipher, m->bytes, NULL, NULL))
		vhsm_aead_free(&c);
	return c;
}

static void put_be(uint8_t *out, uint64_t value, unsigned bytes)
{
	while (bytes--) {
		out[bytes] = value;
		value >>= 8;
	}
}

/* SP 800-38D 8.2.1: a fixed field nobody else has, and a counter. */
static enum vhsm_status take_nonce(struct vhsm_nonce_source *source,
				   struct vhsm_operation *o)
{
	uint64_t n;

	if (!source)
		return VHSM_S_INTERNAL;
	/* Looked at first, so that refusals do not count. */
	if (atomic_load_explicit(&source->used, memory_order_relaxed) >=
	    ENCRYPTIONS_MAX)
		return VHSM_S_QUOTA;
	n = atomic_fetch_add_explicit(&source->used, 1, memory_order_relaxed);
	if (n >= ENCRYPTIONS_MAX)
		return VHSM_S_QUOTA;
	if (o->flags & VHSM_F_CALLER_NONCE)
		return VHSM_S_OK;
	put_be(o->nonce, source->fixed, 4);
	put_be(o->nonce + 4, source->start + n, 8);
	return VHSM_S_OK;
}

static enum vhsm_status encrypt(struct vhsm_context *c,
				struct vhsm_operation *o)
{
	EVP_CIPHER_CTX *e = c->encrypt;
	enum vhsm_status status = take_nonce(c->nonces, o);
	int n = 0, rest = 0;

	if (status != VHSM_S_OK)
		return status;
	if (!EVP_EncryptInit_ex2(e, NULL, NULL, o->nonce, NULL) ||
	    (o->aad_len &&
	     !EVP_EncryptUpdate(e, NULL, &n, o->aad, o->aad_len)))
		return VHSM_S_INTERNAL;
	n = 0;
	if (o->input_len &&
	    !EVP_EncryptUpdate(e, o->output, &n, o->input, o->input_len))
		return VHSM_S_INTERNAL;
	/* A stream cipher: nothing is left to write, so nowhere to. */
	if (n != (int)o->input_len || !EVP_EncryptFinal_ex(e, c->tag, &rest) ||
	    rest || !EVP_CIPHER_CTX_get_params(e, c->tag_param))
		return VHSM_S_INTERNAL;
	memcpy(o->tag, c->tag, VHSM_TAG_LEN);
	o->tag_len = VHSM_TAG_LEN;
	o->out_len = o->input_len;
	return VHSM_S_OK;
}

static enum vhsm_status decrypt(struct vhsm_context *c,
				struct vhsm_operation *o)
{
	EVP_CIPHER_CTX *d = c->decrypt;
	uint8_t nowhere[VHSM_TAG_LEN];
	int n = 0, rest = 0;

	if (o->tag_len != VHSM_TAG_LEN)
		return VHSM_S_BAD_LENGTH;
	memcpy(c->tag, o->tag, VHSM_TAG_LEN);
	if (!EVP_DecryptInit_ex2(d, NULL, NULL, o->nonce, c->tag_param) ||
	    (o->aad_len &&
	     !EVP_DecryptUpdate(d, NULL, &n, o->aad, o->aad_len)))
		return VHSM_S_INTERNAL;
	n = 0;
	if (o->input_len &&
	    !EVP_DecryptUpdate(d, o->output, &n, o->input, o->input_len))
		goto bad;
	if (n != (int)o->input_len ||
	    EVP_DecryptFinal_ex(d, nowhere, &rest) <= 0)
		goto bad;
	o->out_len = o->input_len;
	return VHSM_S_OK;
bad:
	OPENSSL_cleanse(o->output, o->input_len);
	return VHSM_S_BAD_TAG;
}

enum vhsm_status vhsm_aead_run(struct vhsm_context *c, struct vhsm_operation *o)
{
	enum vhsm_status status;

	o->out_len = 0;
	/* Also what OpenSSL's int lengths can take. */
	if (o->input_len > VHSM_INPUT_MAX || o->aad_len > VHSM_AAD_MAX)
		return VHSM_S_TOO_LARGE;
	if (o->output_len < o->input_len) {
		o->out_len = o->input_len;
		return VHSM_S_TOO_SMALL;
	}
	switch (o->op) {
	case VHSM_OP_ENCRYPT:
		status = encrypt(c, o);
		break;
	case VHSM_OP_DECRYPT:
		status = decrypt(c, o);
		break;
	default:
		return VHSM_S_BAD_OP;
	}
	if (status != VHSM_S_OK)
		ERR_clear_error();
	return status;
}

bool vhsm_aead_answers(const struct vhsm_family *family,
		       const struct vhsm_aead_vector *v)
{
	struct vhsm_nonce_source nonces = { 0 };
	uint8_t key[32], aad[64], plain[128], cipher[128], tag[16], out[128];
	struct vhsm_material m = {
		.type = v->type, .bytes = key,
		.len = vhsm_hex(v->key, key, sizeof(key)),
	};
	struct vhsm_operation o = {
		.op = VHSM_OP_ENCRYPT, .mechanism = v->mechanism,
		.flags = VHSM_F_CALLER_NONCE, .aad = aad, .input = plain,
		.aad_len = vhsm_hex(v->aad, aad, sizeof(aad)),
		.input_len = vhsm_hex(v->plain, plain, sizeof(plain)),
		.output = out, .output_len = sizeof(out),
	};
	struct vhsm_context *c = family->context_new(&m, &nonces);
	bool good;

	vhsm_hex(v->cipher, cipher, sizeof(cipher));
	vhsm_hex(v->tag, tag, sizeof(tag));
	vhsm_hex(v->nonce, o.nonce, sizeof(o.nonce));
	good = c && family->run(c, &o) == VHSM_S_OK &&
	       o.out_len == o.input_len && o.tag_len == sizeof(tag) &&
	       memcmp(out, cipher, o.out_len) == 0 &&
	       memcmp(o.tag, tag, sizeof(tag)) == 0;
	if (good) {
		o.op = VHSM_OP_DECRYPT;
		o.input = cipher;
		good = family->run(c, &o) == VHSM_S_OK &&
		       memcmp(out, plain, o.input_len) == 0;
		o.tag[0] ^= 1;
		good = good && family->run(c, &o) == VHSM_S_BAD_TAG;
	}
	family->context_free(&c);
	return good;
}
