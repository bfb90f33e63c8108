/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - algorithms are fetched once, then every family shows that it gives
 * the published answers; a process whose families do not must not serve.
 *
 * OpenSSL's configuration file is not read: what custody computes with is
 * decided here, not by a file other programs share.
 */
#include <config.h>

#include <openssl/crypto.h>
#include <string.h>

#include "ops/internal.h"

struct vhsm_algorithms vhsm_algorithms;

static bool fetch_algorithms(const char **what)
{
	struct vhsm_algorithms *a = &vhsm_algorithms;

	*what = "fetch of algorithms";
	a->aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	a->aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	a->chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305",
						NULL);
	a->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (unsigned i = 0; i < VHSM_HASHES; i++) {
		a->md[i] = EVP_MD_fetch(NULL, vhsm_hash_openssl_name(i + 1),
					NULL);
		if (!a->md[i])
			return false;
	}
	return a->aes_128_gcm && a->aes_256_gcm && a->chacha20_poly1305 &&
	       a->hmac;
}

/* A family serves several mechanisms; one test each will do. */
static bool tested_before(size_t row, const struct vhsm_family *family)
{
	for (size_t i = 0; i < row; i++)
		if (vhsm_mechanism_at(i)->family == family)
			return true;
	return false;
}

static bool test_families(const char **what)
{
	const struct vhsm_mechanism *m;

	for (size_t i = 0; (m = vhsm_mechanism_at(i)); i++) {
		if (tested_before(i, m->family))
			continue;
		*what = m->family->name;
		if (m->family->self_test(what) < 0)
			return false;
	}
	return true;
}

/* Not a test of its quality, only that it is there and not stuck. */
static bool test_random(const char **what)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	*what = "random: two outputs differ";
	return vhsm_ops_random(a, sizeof(a)) == VHSM_S_OK &&
	       vhsm_ops_random(b, sizeof(b)) == VHSM_S_OK &&
	       memcmp(a, b, sizeof(a)) != 0;
}

int vhsm_ops_init(const char **what)
{
	const char *failed = "start of OpenSSL";

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
	    fetch_algorithms(&failed) && test_families(&failed) &&
	    test_random(&failed))
		return 0;
	if (what)
		*what = failed;
	vhsm_ops_deinit();
	return -1;
}

void vhsm_ops_deinit(void)
{
	struct vhsm_algorithms *a = &vhsm_algorithms;

	EVP_CIPHER_free(a->aes_128_gcm);
	EVP_CIPHER_free(a->aes_256_gcm);
	EVP_CIPHER_free(a->chacha20_poly1305);
	EVP_MAC_free(a->hmac);
	for (unsigned i = 0; i < VHSM_HASHES; i++)
		EVP_MD_free(a->md[i]);
	memset(a, 0, sizeof(*a));
}
