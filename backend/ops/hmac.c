/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmac.c - HMAC with SHA-256, SHA-384 and SHA-512 (FIPS 198-1).  One key
 * serves all three, so a context holds three, each keyed once: an operation
 * starts from the states after the padded key (re-initialising without a key).
 */
#include <config.h>

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "ops/internal.h"

#define KEY_MIN 16u
#define KEY_MAX 128u
#define KEY_MADE 64u	/* as long as the longest hash: full strength for all */

struct vhsm_context {
	EVP_MAC_CTX *mac[VHSM_HASHES];
};

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	if (type != VHSM_KEY_HMAC)
		return -EINVAL;
	if (*len < KEY_MADE)
		return -ENOSPC;
	*len = KEY_MADE;
	return RAND_priv_bytes(out, KEY_MADE) == 1 ? 0 : -EIO;
}

static int check(const struct vhsm_material *m)
{
	return m->type == VHSM_KEY_HMAC && m->len >= KEY_MIN &&
	       m->len <= KEY_MAX ? 0 : -EINVAL;
}

static void context_free(struct vhsm_context **context)
{
	struct vhsm_context *c = *context;

	if (!c)
		return;
	for (unsigned i = 0; i < VHSM_HASHES; i++)
		EVP_MAC_CTX_free(c->mac[i]);	/* wipes */
	OPENSSL_clear_free(c, sizeof(*c));
	*context = NULL;
}

static EVP_MAC_CTX *keyed(unsigned hash, const struct vhsm_material *m)
{
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(vhsm_algorithms.hmac);
	char *name = (char *)vhsm_hash_openssl_name(hash);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
						 0),
		OSSL_PARAM_construct_end(),
	};

	if (mac && EVP_MAC_init(mac, m->bytes, m->len, params))
		return mac;
	EVP_MAC_CTX_free(mac);
	return NULL;
}

static struct vhsm_context *context_new(const struct vhsm_material *m,
					struct vhsm_nonce_source *nonces)
{
	struct vhsm_context *c;

	(void)nonces;
	if (check(m) < 0)
		return NULL;
	c = OPENSSL_zalloc(sizeof(*c));
	if (!c)
		return NULL;
	for (unsigned i = 0; i < VHSM_HASHES; i++) {
		c->mac[i] = keyed(i + 1, m);
		if (!c->mac[i]) {
			context_free(&c);
			return NULL;
		}
	}
	return c;
}

static enum vhsm_status compute(struct vhsm_context *c,
				const struct vhsm_operation *o,
				uint8_t *mac, size_t len)
{
	EVP_MAC_CTX *m = c->mac[VHSM_MECH_HASH(o->mechanism) - 1];
	size_t written;

	if (EVP_MAC_init(m, NULL, 0, NULL) &&
	    EVP_MAC_update(m, o->input, o->input_len) &&
	    EVP_MAC_final(m, mac, &written, VHSM_DIGEST_MAX) && written == len)
		return VHSM_S_OK;
	ERR_clear_error();
	return VHSM_S_INTERNAL;
}

static enum vhsm_status run(struct vhsm_context *c, struct vhsm_operation *o)
{
	size_t len = vhsm_hash_len(VHSM_MECH_HASH(o->mechanism));
	uint8_t mac[VHSM_DIGEST_MAX];
	enum vhsm_status status;

	o->out_len = 0;
	if (!len)
		return VHSM_S_BAD_MECHANISM;
	switch (o->op) {
	case VHSM_OP_MAC:
		if (o->output_len < len) {
			o->out_len = len;
			return VHSM_S_TOO_SMALL;
		}
		status = compute(c, o, mac, len);
		if (status == VHSM_S_OK)
			status = vhsm_output_put(o, mac, len);
		break;
	case VHSM_OP_MAC_VERIFY:
		if (o->tag_len != len)
			return VHSM_S_BAD_LENGTH;
		status = compute(c, o, mac, len);
		if (status == VHSM_S_OK && CRYPTO_memcmp(mac, o->tag, len))
			status = VHSM_S_BAD_SIGNATURE;
		break;
	default:
		return VHSM_S_BAD_OP;
	}
	/* The right answer must not lie about after a wrong guess. */
	OPENSSL_cleanse(mac, sizeof(mac));
	return status;
}

static const struct {
	const char *name;
	uint16_t mechanism;
	const char *key, *message, *mac;
} vectors[] = {
	{ "HMAC-SHA-256, RFC 4231 test case 1",
	  VHSM_MECH_HMAC | VHSM_HASH_SHA256,
	  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "HMAC-SHA-384, RFC 4231 test case 1",
	  VHSM_MECH_HMAC | VHSM_HASH_SHA384,
	  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	  "faea9ea9076ede7f4af152e8b2fa9cb6" },
	{ "HMAC-SHA-512, RFC 4231 test case 1",
	  VHSM_MECH_HMAC | VHSM_HASH_SHA512,
	  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	  "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	{ "HMAC-SHA-256, RFC 4231 test case 3",
	  VHSM_MECH_HMAC | VHSM_HASH_SHA256,
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddd",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
};

static bool answers(size_t i)
{
	uint8_t mac[VHSM_DIGEST_MAX], out[VHSM_DIGEST_MAX];
	uint8_t key[32], message[64];
	size_t mac_len = vhsm_hex(vectors[i].mac, mac, sizeof(mac));
	struct vhsm_material m = {
		.type = VHSM_KEY_HMAC, .bytes = key,
		.len = vhsm_hex(vectors[i].key, key, sizeof(key)),
	};
	struct vhsm_operation o = {
		.op = VHSM_OP_MAC, .mechanism = vectors[i].mechanism,
		.input = message, .output = out, .output_len = sizeof(out),
		.input_len = vhsm_hex(vectors[i].message, message,
				      sizeof(message)),
	};
	struct vhsm_context *c = context_new(&m, NULL);
	bool good = c && run(c, &o) == VHSM_S_OK && o.out_len == mac_len &&
		    memcmp(out, mac, mac_len) == 0;

	o.op = VHSM_OP_MAC_VERIFY;
	o.tag_len = mac_len;
	memcpy(o.tag, mac, mac_len);
	good = good && run(c, &o) == VHSM_S_OK;
	o.tag[mac_len - 1] ^= 1;
	good = good && run(c, &o) == VHSM_S_BAD_SIGNATURE;
	context_free(&c);
	return good;
}

static int self_test(const char **what)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		*what = vectors[i].name;
		if (!answers(i))
			return -1;
	}
	return 0;
}

const struct vhsm_family vhsm_family_hmac = {
	.name = "hmac",
	.generate = generate,
	.check = check,
	.context_new = context_new,
	.context_free = context_free,
	.run = run,
	.self_test = self_test,
};
