/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ecdsa.c - ECDSA over P-256 and P-384 (FIPS 186-5) with any of the hashes;
 * a digest longer than the curve's order is truncated as the standard says.
 * Signatures are DER (RFC 3279).
 *
 * The digest is made, or copied, once, in private memory, and the signature
 * too, before anything of it reaches the guest.
 */
#include <config.h>

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include "ops/internal.h"

struct vhsm_context {
	EVP_PKEY *key;
	EVP_PKEY_CTX *sign;
	EVP_PKEY_CTX *verify;
	EVP_MD_CTX *md;
	size_t signature_max;
};

/* OpenSSL's name of a type's curve. */
static const char *group_name(uint16_t type)
{
	switch (type) {
	case VHSM_KEY_EC_P256:
		return "prime256v1";
	case VHSM_KEY_EC_P384:
		return "secp384r1";
	default:
		return NULL;
	}
}

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	const char *group = group_name(type);
	EVP_PKEY *key;
	int r;

	if (!group)
		return -EINVAL;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
	r = key ? vhsm_pkey_encode(key, out, len) : -EIO;
	EVP_PKEY_free(key);
	return r;
}

/* Curves are named, never spelled out as parameters of the maker's choice. */
static bool is_of_type(EVP_PKEY *key, uint16_t type)
{
	const char *want = group_name(type);
	int is_explicit = 0;
	char name[32];

	return want && EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) &&
	       strcmp(name, want) == 0 &&
	       EVP_PKEY_get_int_param(key,
			OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
			&is_explicit) && !is_explicit;
}

static EVP_PKEY *decode(const struct vhsm_material *m)
{
	EVP_PKEY *key = vhsm_pkey_decode(m, "EC");

	if (key && !is_of_type(key, m->type)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
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
	EVP_PKEY_CTX_free(c->sign);
	EVP_PKEY_CTX_free(c->verify);
	EVP_MD_CTX_free(c->md);
	EVP_PKEY_free(c->key);		/* wipes the scalar */
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
	c->signature_max = EVP_PKEY_get_size(c->key);
	c->md = EVP_MD_CTX_new();
	c->sign = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	c->verify = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	if (!c->md || !c->sign || !c->verify ||
	    EVP_PKEY_sign_init(c->sign) <= 0 ||
	    EVP_PKEY_verify_init(c->verify) <= 0)
		goto fail;
	return c;
fail:
	ERR_clear_error();
	context_free(&c);
	return NULL;
}

static enum vhsm_status sign(struct vhsm_context *c, struct vhsm_operation *o,
			     const uint8_t *digest, size_t digest_len)
{
	uint8_t signature[VHSM_SIG_MAX];
	size_t len = sizeof(signature);

	if (EVP_PKEY_sign(c->sign, signature, &len, digest, digest_len) <= 0)
		return VHSM_S_INTERNAL;
	return vhsm_output_put(o, signature, len);
}

static enum vhsm_status run(struct vhsm_context *c, struct vhsm_operation *o)
{
	uint8_t digest[VHSM_DIGEST_MAX];
	enum vhsm_status status;
	size_t len;

	o->out_len = 0;
	if (o->op != VHSM_OP_SIGN && o->op != VHSM_OP_VERIFY)
		return VHSM_S_BAD_OP;
	/* A signature's length is chance; room for the longest is asked for,
	 * so that whether it fits is not. */
	if (o->op == VHSM_OP_SIGN && o->output_len < c->signature_max) {
		o->out_len = c->signature_max;
		return VHSM_S_TOO_SMALL;
	}
	status = vhsm_hash_input(c->md, o, digest, &len);
	if (status == VHSM_S_OK && o->op == VHSM_OP_SIGN)
		status = sign(c, o, digest, len);
	else if (status == VHSM_S_OK &&
		 EVP_PKEY_verify(c->verify, o->tag, o->tag_len, digest,
				 len) != 1)
		status = VHSM_S_BAD_SIGNATURE;
	if (status != VHSM_S_OK)
		ERR_clear_error();
	return status;
}

/* RFC 6979 A.2.5 and A.2.6: its keys, its signatures of "sample". */
#define P256_KEY \
	"308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201" \
	"010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f" \
	"6721a1440342000460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce6" \
	"69622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3" \
	"c294d4462299"
#define P384_KEY \
	"3081b6020100301006072a8648ce3d020106052b8104002204819e30819b020101" \
	"04306b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137" \
	"d896d5724e4c70a825f872c9ea60d2edf5a16403620004ec3a4e415b4e19a45686" \
	"18029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254" \
	"515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b" \
	"3f1c9db1288b231c3ae0d4fe7344fd2533264720"
#define SAMPLE "73616d706c65"

static const struct vhsm_signature_vector vectors[] = {
	{ "ECDSA P-256 SHA-256, RFC 6979 A.2.5",
	  VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | VHSM_HASH_SHA256, false,
	  P256_KEY, SAMPLE,
	  "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0e"
	  "a84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff406"
	  "4dc4ab2f843acda8" },
	{ "ECDSA P-256 SHA-512 (truncated), RFC 6979 A.2.5",
	  VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | VHSM_HASH_SHA512, false,
	  P256_KEY, SAMPLE,
	  "30450221008496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097"
	  "678eb97f0002202362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f965"
	  "54f61fae3302fe" },
	{ "ECDSA P-384 SHA-384, RFC 6979 A.2.6",
	  VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | VHSM_HASH_SHA384, false,
	  P384_KEY, SAMPLE,
	  "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4"
	  "ea95ad133c81a648152e44acf96e36dd1e80fabe4602310099ef4aeb15f178ce"
	  "a1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e"
	  "7b82c71a38628ac8" },
};

static int self_test(const char **what)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		*what = vectors[i].name;
		if (!vhsm_signature_answers(&vhsm_family_ecdsa, &vectors[i]))
			return -1;
	}
	return 0;
}

const struct vhsm_family vhsm_family_ecdsa = {
	.name = "ecdsa",
	.generate = generate,
	.check = check,
	.public_key = public_key,
	.context_new = context_new,
	.context_free = context_free,
	.run = run,
	.self_test = self_test,
};
