/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa.c - RSA signatures, PKCS#1 v1.5 and PSS (RFC 8017), of 2048, 3072 and
 * 4096 bits.  PSS uses MGF1 with, and a salt as long as, the mechanism's hash;
 * a signature with another salt length does not verify.
 *
 * Padding and hash belong to an OpenSSL context, so there is one for every
 * combination and direction, made when it is first asked for.
 */
#include <config.h>

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "ops/internal.h"

enum { PKCS1, PSS, PADDINGS };
enum { SIGN, VERIFY, DIRECTIONS };

struct vhsm_context {
	EVP_PKEY *key;
	EVP_MD_CTX *md;
	size_t modulus_len;
	EVP_PKEY_CTX *ready[PADDINGS][VHSM_HASHES][DIRECTIONS];
};

static unsigned type_bits(uint16_t type)
{
	switch (type) {
	case VHSM_KEY_RSA_2048:
		return 2048;
	case VHSM_KEY_RSA_3072:
		return 3072;
	case VHSM_KEY_RSA_4096:
		return 4096;
	default:
		return 0;
	}
}

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	size_t bits = type_bits(type);
	EVP_PKEY *key;
	int r;

	if (!bits)
		return -EINVAL;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);	/* e = 65537 */
	r = key ? vhsm_pkey_encode(key, out, len) : -EIO;
	EVP_PKEY_free(key);
	return r;
}

/* FIPS 186-5 A.1.1: odd, 65537 or more, less than 2^256. */
static bool exponent_is_sound(EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) &&
		     BN_is_odd(e) && BN_num_bits(e) >= 17 &&
		     BN_num_bits(e) <= 256;

	BN_free(e);
	return sound;
}

static EVP_PKEY *decode(const struct vhsm_material *m)
{
	EVP_PKEY *key = vhsm_pkey_decode(m, "RSA");

	if (key && (EVP_PKEY_get_bits(key) != (int)type_bits(m->type) ||
		    !exponent_is_sound(key))) {
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
	for (int p = 0; p < PADDINGS; p++)
		for (unsigned h = 0; h < VHSM_HASHES; h++)
			for (int d = 0; d < DIRECTIONS; d++)
				EVP_PKEY_CTX_free(c->ready[p][h][d]);
	EVP_MD_CTX_free(c->md);
	EVP_PKEY_free(c->key);		/* wipes the private numbers */
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
	c->md = EVP_MD_CTX_new();
	if (!c->key || !c->md) {
		ERR_clear_error();
		context_free(&c);
		return NULL;
	}
	c->modulus_len = EVP_PKEY_get_size(c->key);
	return c;
}

static bool set_padding(EVP_PKEY_CTX *ctx, int padding, EVP_MD *md)
{
	if (padding == PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx,
						    RSA_PKCS1_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, md) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
						RSA_PSS_SALTLEN_DIGEST) > 0;
}

static EVP_PKEY_CTX *prepare(struct vhsm_context *c, uint16_t mechanism,
			     int direction)
{
	unsigned hash = VHSM_MECH_HASH(mechanism) - 1;
	int padding = VHSM_MECH_FAMILY(mechanism) == VHSM_MECH_RSA_PSS ?
		PSS : PKCS1;
	EVP_PKEY_CTX **slot = &c->ready[padding][hash][direction];
	EVP_PKEY_CTX *ctx = *slot;

	if (ctx)
		return ctx;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	if (ctx && (direction == SIGN ? EVP_PKEY_sign_init(ctx) :
		    EVP_PKEY_verify_init(ctx)) > 0 &&
	    set_padding(ctx, padding, vhsm_algorithms.md[hash])) {
		*slot = ctx;
		return ctx;
	}
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static enum vhsm_status sign(struct vhsm_context *c, struct vhsm_operation *o,
			     const uint8_t *digest, size_t digest_len)
{
	EVP_PKEY_CTX *ctx = prepare(c, o->mechanism, SIGN);
	uint8_t signature[VHSM_SIG_MAX];
	size_t len = sizeof(signature);

	if (!ctx || EVP_PKEY_sign(ctx, signature, &len, digest,
				  digest_len) <= 0)
		return VHSM_S_INTERNAL;
	return vhsm_output_put(o, signature, len);
}

static enum vhsm_status verify(struct vhsm_context *c,
			       const struct vhsm_operation *o,
			       const uint8_t *digest, size_t digest_len)
{
	EVP_PKEY_CTX *ctx = prepare(c, o->mechanism, VERIFY);

	if (!ctx)
		return VHSM_S_INTERNAL;
	return EVP_PKEY_verify(ctx, o->tag, o->tag_len, digest,
			       digest_len) == 1 ?
		VHSM_S_OK : VHSM_S_BAD_SIGNATURE;
}

static enum vhsm_status run(struct vhsm_context *c, struct vhsm_operation *o)
{
	uint8_t digest[VHSM_DIGEST_MAX];
	enum vhsm_status status;
	size_t len;

	o->out_len = 0;
	if (o->op != VHSM_OP_SIGN && o->op != VHSM_OP_VERIFY)
		return VHSM_S_BAD_OP;
	if (o->op == VHSM_OP_SIGN && o->output_len < c->modulus_len) {
		o->out_len = c->modulus_len;
		return VHSM_S_TOO_SMALL;
	}
	status = vhsm_hash_input(c->md, o, digest, &len);
	if (status == VHSM_S_OK)
		status = o->op == VHSM_OP_SIGN ? sign(c, o, digest, len) :
			verify(c, o, digest, len);
	if (status != VHSM_S_OK)
		ERR_clear_error();
	return status;
}

/*
 * From project Wycheproof (testvectors_v1).  Its file for PSS has a public key
 * only: that of the key its file for PKCS#1 gives in full.
 */
#define TEST_KEY \
	"308204bd020100300d06092a864886f70d0101010500048204a7308204a30201" \
	"000282010100a2b451a07d0aa5f96e455671513550514a8a5b462ebef717094f" \
	"a1fee82224e637f9746d3f7cafd31878d80325b6ef5a1700f65903b469429e89" \
	"d6eac8845097b5ab393189db92512ed8a7711a1253facd20f79c15e8247f3d3e" \
	"42e46e48c98e254a2fe9765313a03eff8f17e1a029397a1fa26a8dce26f490ed" \
	"81299615d9814c22da610428e09c7d9658594266f5c021d0fceca08d945a12be" \
	"82de4d1ece6b4c03145b5d3495d4ed5411eb878daf05fd7afc3e09ada0f11264" \
	"22f590975a1969816f48698bcbba1b4d9cae79d460d8f9f85e7975005d9bc22c" \
	"4e5ac0f7c1a45d12569a62807d3b9a02e5a530e773066f453d1f5b4c2e9cf782" \
	"0283f742b9d50203010001028201007627eef3567b2a27268e52053ecd31c3a7" \
	"172ccb9ddcee819b306a5b3c66b7573ca4fa88efc6f3c4a00bfa0ae7139f6454" \
	"3a4dac3d05823f6ff477cfcec84fe2ac7a68b17204b390232e110310c4e899c4" \
	"e7c10967db4acde042dbbf19dbe00b4b4741de1020aaaaffb5054c797c9f136f" \
	"7d93ac3fc8caff6654242d7821ebee517bf537f44366a0fdd45ae05b9909c2e6" \
	"cc1ed9281eff4399f76c96b96233ec29ae0bbf0d752b234fc197389f51050aa1" \
	"acd01c074c3ac8fbdb9ea8b651a95995e8db4ad5c43b6c8673e5a126e7ee94b8" \
	"dff4c5afc01259bc8da76950bae6f8bae715f50985b0d6f66d04c6fef3b70072" \
	"0eecdcdf171bb7b1ecbe7289c467c102818100dc431050f782e894fb5248247d" \
	"98cb7d58b8d1e24f3b55d041c56e4de086b0d5bb028bda42eeb5d234d5681e58" \
	"09d415e6a289ad4cfbf78f978f6c35814f50eebff1c5b80a69f788e81e6bab5d" \
	"daa78369d659d143ec6f17e79813a575cfad9c569156b90113e2e9110ad9e7b4" \
	"8a1c9348a6e653321191290ea36cfb3a5b18f102818100bd1a81e7977f989812" \
	"2273ae3222b598ea5fb19eb4eabc38308a5e32196603b2e500ffb79f5b886816" \
	"611debc472fac45544070beb057c941378a6868af3b7a03d3f9880ec47d5e089" \
	"b94fbde542aba9ae8d72c57088d7abf5b131f39098f7bc160f90536abc9492fd" \
	"4e06f3ed7299d4b97bb03677207d95669f140cfbc20f2502818100a94b528b28" \
	"f291599121d91952ffd1c7f21d7c1479d99d478885fb161870ee1218bf084726" \
	"12dbe5497e8d9c650688e09c786961ae3e2c354dc48ae34514759c4c23c45884" \
	"88961dc06b414e61c0e1e7fbbd2923d31532fe289f96da220711e58c14019808" \
	"e00414276933bb07e4efb9b4a9b37656917205209f33f09515d7c10281803af0" \
	"e72a933aef09ff2503df78bafed531c02ff1a2bc437c540cdcbd4ad35435cf51" \
	"1763596543480629b114ca7f780ff7efa32ea0cb6e000d6d9ea1f2ef71fd9cf9" \
	"948422a165557e37e755edfe70d90b920502eb478bc98a63f788ce3a0f856d6e" \
	"de7251a383bfa8fa480a81a925af7b3cc538c4bab8c9f7597ffb68011d8d0281" \
	"802640fbfbcfefb163ee7a87b6483a66ee41f956d90fa8a7939bfc042ee0924b" \
	"1b7993d0445f758d51933e85179c0320b0c968b48a91c38b5be923e1097c0c56" \
	"2f88d42294b6a2759bafa5428a74f1270874e45f6fcc60f21602de5eccd143cf" \
	"31241f5921b5ad3983fb54ef17be3b285367e50c999c67247b552fe4bfce945f" \
	"7b"

static const struct vhsm_signature_vector vectors[] = {
	{ "RSA PKCS#1 v1.5 SHA-256, Wycheproof rsa_pkcs1_2048_sig_gen 83",
	  VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256, true,
	  TEST_KEY, "54657374",
	  "264491e844c119f14e425c03282139a558dcdaeb82a4628173cd407fd319f907"
	  "6eaebc0dd87a1c22e4d17839096886d58a9d5b7f7aeb63efec56c45ac7bead42"
	  "03b6886e1faa90e028ec0ae094d46bf3f97efdd19045cfbc25a1abda2432639f"
	  "9876405c0d68f8edbf047c12a454f7681d5d5a2b54bd3723d193dbad4338baad"
	  "753264006e2d08931c4b8bb79aa1c9cad10eb6605f87c5831f6e2b08e002f9c6"
	  "f21141f5841d92727dd3e1d99c36bc560da3c9067df99fcaf818941f72588be3"
	  "3032bad22caf6704223bb114d575b6d02d9d222b580005d930e8f40cce9f672e"
	  "ebb634a20177d84351627964b83f2053d736a84ab1a005f63bd5ba943de6205c" },
	{ "RSA PSS SHA-256, Wycheproof rsa_pss_2048_sha256_mgf1_32 3",
	  VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PSS | VHSM_HASH_SHA256, false,
	  TEST_KEY, "54657374",
	  "401eb03cdb47ca88033e3030f6bdecbac8f5c8fc1dd6a13d23d379ed9a2b3098"
	  "91d13d74fea9d21d159b9e6d8f37efa2489962e24555f56dd434ff1d31ce4f9f"
	  "5abd3f22cbea8b691d6a11e44efb83e2bca155e6a164325e0fde2a8865afd5c9"
	  "f51161a9d615f62af7ec2e31b3e5ab649c164490d31d88cfae35b84aea792569"
	  "0f929a144b6d2f48e8fb894a52deecd1b9a6496990c4ecf1588699a42cacd10c"
	  "53af350514e4291ea9a058e77f101e32c1c0cefa61d945f7bc931f8bd19e7ba3"
	  "169358a60e5a8b0123bc3199b9fdcafe8e519c41ba675491a27b85e44ef2d772"
	  "77c10fe107293c8290186913bc9a99b640d8da041b64f31eab1d35920985f4a5" },
};

static int self_test(const char **what)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		*what = vectors[i].name;
		if (!vhsm_signature_answers(&vhsm_family_rsa, &vectors[i]))
			return -1;
	}
	return 0;
}

const struct vhsm_family vhsm_family_rsa = {
	.name = "rsa",
	.generate = generate,
	.check = check,
	.public_key = public_key,
	.context_new = context_new,
	.context_free = context_free,
	.run = run,
	.self_test = self_test,
};
