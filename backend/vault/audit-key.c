/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-key.c - the key that signs checkpoints: an Ed25519 seed in
 * DIR/signing-key, sealed under the root key; its public half, for anyone, in
 * DIR/public.pem.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "common/file.h"
#include "common/secret.h"
#include "vault/audit-chain.h"
#include "vault/file-read.h"
#include "vault/seal.h"

#define SEED_LEN	32u
#define SEALED_LEN	(SEED_LEN + VHSM_SEAL_OVERHEAD)

static const char label[] = "vhsm audit signing key";

static int seed_make(struct vhsm_sealer *sealer, const char *path,
		     uint8_t *seed)
{
	uint8_t sealed[SEALED_LEN];
	int r;

	if (RAND_priv_bytes(seed, SEED_LEN) != 1)
		return -EIO;
	r = vhsm_sealer_seal(sealer, label, sizeof(label), seed, SEED_LEN,
			     sealed);
	return r == 0 ? vhsm_file_make(path, sealed, sizeof(sealed), 0600) : r;
}

static int seed_read(struct vhsm_sealer *sealer, const char *path, bool new,
		     uint8_t *seed, char *why)
{
	uint8_t sealed[SEALED_LEN];
	size_t len = sizeof(sealed);
	int r;

	r = vhsm_file_read(path, true, sealed, &len, why);
	if (r == -ENOENT && new) {
		r = seed_make(sealer, path, seed);
		if (r != 0)
			vhsm_vault_fail(why, r, "%s: %s", path,
					vhsm_vault_error_text(r));
		return r;
	}
	if (r == 0 && len == sizeof(sealed))
		r = vhsm_sealer_open(sealer, label, sizeof(label), sealed, len,
				     seed);
	else if (r == 0 || r == -EFBIG)
		r = VHSM_E_CORRUPT;
	if (r == VHSM_E_CORRUPT)
		vhsm_vault_fail(why, r, "%s: does not open with this root key",
				path);
	return r;
}

static int public_write(EVP_PKEY *key, const char *dir)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char path[4096], *text;
	long len;
	int r = -ENOMEM;

	snprintf(path, sizeof(path), "%s/public.pem", dir);
	if (bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1) {
		len = BIO_get_mem_data(bio, &text);
		r = vhsm_file_replace(path, text, (size_t)len, 0644);
	}
	BIO_free(bio);
	return r;
}

int vhsm_audit_key_open(EVP_PKEY **key, const char *dir,
			const uint8_t *root_key, bool new, char *why)
{
	struct vhsm_secret seal_key, seed = VHSM_SECRET_NONE;
	struct vhsm_sealer *sealer = NULL;
	char path[4096];
	int r;

	*key = NULL;
	snprintf(path, sizeof(path), "%s/signing-key", dir);
	r = vhsm_secret_init(&seal_key, VHSM_SEAL_KEY_LEN);
	if (r == 0)
		r = vhsm_secret_init(&seed, SEED_LEN);
	if (r == 0)
		r = vhsm_seal_derive(root_key, VHSM_SEAL_KEY_LEN, label, NULL,
				     0, seal_key.bytes, VHSM_SEAL_KEY_LEN);
	if (r == 0) {
		sealer = vhsm_sealer_new(seal_key.bytes);
		r = sealer == NULL ? -ENOMEM :
		    seed_read(sealer, path, new, seed.bytes, why);
	}
	if (r == 0) {
		*key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL,
						       seed.bytes, SEED_LEN);
		r = *key == NULL ? -ENOMEM : public_write(*key, dir);
	}
	vhsm_sealer_free(&sealer);
	vhsm_secret_deinit(&seed);
	vhsm_secret_deinit(&seal_key);
	return r;
}
