/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root-passphrase.c - passphrase:/PATH, the first line of a file through
 * scrypt (RFC 7914).  Salt and costs stand in root.json: they were chosen when
 * the store was made, and are checked for sense when read back, since a store
 * is untrusted until its root key has been proven.
 */
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "common/hex.h"
#include "vault/file-read.h"
#include "vault/root.h"

#define SALT_LEN	32u
#define OUT_LEN		64u
#define PASSPHRASE_MIN	8u

/* 32 MiB, about 0.3 s; small enough for a small dom0. */
#define COST_N		32768
#define COST_R		8
#define COST_P		3

struct scrypt_params {
	json_int_t n, r, p;
	uint8_t salt[SALT_LEN];
};

static int params_make(json_t *json, struct scrypt_params *params)
{
	char hex[2 * SALT_LEN + 1];

	if (RAND_bytes(params->salt, SALT_LEN) != 1)
		return -EIO;
	params->n = COST_N;
	params->r = COST_R;
	params->p = COST_P;
	vhsm_hex_encode(params->salt, SALT_LEN, hex);
	if (json_object_set_new(json, "kdf", json_string("scrypt")) ||
	    json_object_set_new(json, "n", json_integer(params->n)) ||
	    json_object_set_new(json, "r", json_integer(params->r)) ||
	    json_object_set_new(json, "p", json_integer(params->p)) ||
	    json_object_set_new(json, "salt", json_string(hex)))
		return -ENOMEM;
	return 0;
}

static int params_read(json_t *json, struct scrypt_params *params, char *why)
{
	const char *kdf = NULL, *salt = NULL;

	if (json_unpack(json, "{s:s, s:I, s:I, s:I, s:s}", "kdf", &kdf,
			"n", &params->n, "r", &params->r, "p", &params->p,
			"salt", &salt) != 0 || strcmp(kdf, "scrypt") != 0 ||
	    params->n < 2 || params->n > 1 << 20 ||
	    (params->n & (params->n - 1)) != 0 || params->r < 1 ||
	    params->r > 16 || params->p < 1 || params->p > 16 ||
	    vhsm_hex_decode(salt, params->salt, SALT_LEN) != 0)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"root.json: the parameters of scrypt make no sense; "
			"restore it from a backup");
	return 0;
}

static int scrypt(const struct scrypt_params *params, const uint8_t *phrase,
		  size_t phrase_len, uint8_t *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	uint64_t n = (uint64_t)params->n;
	uint32_t r = (uint32_t)params->r, p = (uint32_t)params->p;
	uint64_t memory = 128ull * r * (n + p + 2) + (1u << 20);
	OSSL_PARAM list[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
						  (void *)phrase, phrase_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
						  (void *)params->salt,
						  SALT_LEN),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM,
					    &memory),
		OSSL_PARAM_construct_end(),
	};
	int result = -ENOMEM;

	if (ctx != NULL)
		result = EVP_KDF_derive(ctx, out, OUT_LEN, list) == 1 ? 0 :
			 -ENOMEM;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return result;
}

static int passphrase_read(const char *path, bool fresh, json_t *json,
			   uint8_t *secret, size_t *len, char *why)
{
	struct scrypt_params params;
	uint8_t *end, *out;
	int r;

	*len = VHSM_ROOT_SECRET_MAX;
	r = vhsm_file_read(path, true, secret, len, why);
	if (r != 0)
		return r;
	end = memchr(secret, '\n', *len);
	if (end != NULL)
		*len = (size_t)(end - secret);
	if (*len < PASSPHRASE_MIN)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"%s: its first line is shorter than %u characters; "
			"choose a longer passphrase", path, PASSPHRASE_MIN);
	r = fresh ? params_make(json, &params) :
	    params_read(json, &params, why);
	if (r != 0)
		return r;
	out = OPENSSL_secure_malloc(OUT_LEN);
	if (out == NULL)
		return -ENOMEM;
	r = scrypt(&params, secret, *len, out);
	if (r == 0) {
		memcpy(secret, out, OUT_LEN);
		*len = OUT_LEN;
	} else {
		vhsm_vault_fail(why, r, "scrypt failed: is there enough memory "
				"(128 * n * r bytes of root.json)?");
	}
	OPENSSL_secure_clear_free(out, OUT_LEN);
	return r;
}

const struct vhsm_root_source vhsm_root_passphrase = {
	.scheme = "passphrase",
	.read = passphrase_read,
};
