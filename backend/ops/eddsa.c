/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eddsa.c - Ed25519, pure (RFC 8032).
 *
 * Signing reads the message twice: once for the secret nonce r, once for the
 * challenge k.  If the two readings differed, two signatures with one r and
 * different k would give the private key away (s1 - s2 = (k1 - k2) a), so the
 * message is copied to private memory first.  That is what keeps a guest that
 * rewrites its pool from taking the key; do not optimise it away.
 */
#include <config.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "ops/internal.h"

#define SIGNATURE_LEN 64u
#define COPY_KEPT 4096u		/* longer messages get memory for the while */

struct vhsm_context {
	EVP_PKEY *key;
	EVP_MD_CTX *sign;
	EVP_MD_CTX *verify;
	uint8_t copy[COPY_KEPT];
};

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	EVP_PKEY *key;
	int r;

	if (type != VHSM_KEY_ED25519)
		return -EINVAL;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	r = key ? vhsm_pkey_encode(key, out, len) : -EIO;
	EVP_PKEY_free(key);
	return r;
}

static EVP_PKEY *decode(const struct vhsm_material *m)
{
	return m->type == VHSM_KEY_ED25519 ? vhsm_pkey_decode(m, "ED25519") :
		NULL;
}

static int check(const struct vhsm_material *m)
{
	return vhsm_pkey_check(decode(m));
}

static int public_key(const struct vhsm_material *m, uint8_t *out, size_t *len)
{
	return vhsm_pkey_public(decode(m), out, len);
}

static void context_free(struct vhsm_context **context)
{
	struct vhsm_context *c = *context;

	if (!c)
		return;
	EVP_MD_CTX_free(c->sign);
	EVP_MD_CTX_free(c->verify);
	EVP_PKEY_free(c->key);		/* wipes the seed */
	OPENSSL_clear_free(c, sizeof(*c));
	*context = NULL;
}

static struct vhsm_context *context_new(const struct vhsm_material *m,
					struct vhsm_nonce_source *nonces)
{
	struct vhsm_context *c = OPENSSL_zalloc(sizeof(*c));

	(void)nonces;
	if (!c)
		return NULL;
	c->key = decode(m);
	if (!c->key)
		goto fail;
	c->sign = EVP_MD_CTX_new();
	c->verify = EVP_MD_CTX_new();
	if (!c->sign || !c->verify ||
	    !EVP_DigestSignInit(c->sign, NULL, NULL, NULL, c->key) ||
	    !EVP_DigestVerifyInit(c->verify, NULL, NULL, NULL, c->key))
		goto fail;
	return c;
fail:
	ERR_clear_error();
	context_free(&c);
	return NULL;
}

static enum vhsm_status sign(struct vhsm_context *c, struct vhsm_operation *o)
{
	uint8_t signature[SIGNATURE_LEN];
	size_t len = sizeof(signature);
	uint8_t *copy = c->copy;
	bool good;

	if (o->input_len > sizeof(c->copy))
		copy = OPENSSL_malloc(o->input_len);
	if (!copy)
		return VHSM_S_INTERNAL;
	if (o->input_len)
		memcpy(copy, o->input, o->input_len);
	good = EVP_DigestSignInit(c->sign, NULL, NULL, NULL, NULL) == 1 &&
	       EVP_DigestSign(c->sign, signature, &len, copy,
			      o->input_len) == 1;
	if (copy != c->copy)
		OPENSSL_free(copy);
	return good ? vhsm_output_put(o, signature, len) : VHSM_S_INTERNAL;
}

/* Reads the message once. */
static enum vhsm_status verify(struct vhsm_context *c,
			       const struct vhsm_operation *o)
{
	if (EVP_DigestVerifyInit(c->verify, NULL, NULL, NULL, NULL) != 1)
		return VHSM_S_INTERNAL;
	return EVP_DigestVerify(c->verify, o->tag, o->tag_len,
				o->input_len ? o->input : c->copy,
				o->input_len) == 1 ?
		VHSM_S_OK : VHSM_S_BAD_SIGNATURE;
}

static enum vhsm_status run(struct vhsm_context *c, struct vhsm_operation *o)
{
	enum vhsm_status status;

	o->out_len = 0;
	if (o->flags & VHSM_F_DIGEST)
		return VHSM_S_BAD_FLAGS;
	if (o->op == VHSM_OP_SIGN && o->output_len < SIGNATURE_LEN) {
		o->out_len = SIGNATURE_LEN;
		return VHSM_S_TOO_SMALL;
	}
	if (o->op == VHSM_OP_SIGN)
		status = sign(c, o);
	else if (o->op == VHSM_OP_VERIFY)
		status = verify(c, o);
	else
		return VHSM_S_BAD_OP;
	if (status != VHSM_S_OK)
		ERR_clear_error();
	return status;
}

static const struct vhsm_signature_vector vectors[] = {
	{ "Ed25519, RFC 8032 section 7.1 test 1",
	  VHSM_KEY_ED25519, VHSM_MECH_EDDSA, true,
	  "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc4"
	  "4449c5697b326919703bac031cae7f60", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "Ed25519, RFC 8032 section 7.1 test 3",
	  VHSM_KEY_ED25519, VHSM_MECH_EDDSA, true,
	  "302e020100300506032b657004220420c5aa8df43f9f837bedb7442f31dcb7b1"
	  "66d38535076f094b85ce3a2e0b4458f7", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static int self_test(const char **what)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		*what = vectors[i].name;
		if (!vhsm_signature_answers(&vhsm_family_eddsa, &vectors[i]))
			return -1;
	}
	return 0;
}

const struct vhsm_family vhsm_family_eddsa = {
	.name = "eddsa",
	.generate = generate,
	.check = check,
	.public_key = public_key,
	.context_new = context_new,
	.context_free = context_free,
	.run = run,
	.self_test = self_test,
};
