/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-chain.c - hashes, checkpoint signatures, and where the log ended at
 * its last checkpoint.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "vault/audit-chain.h"
#include "vault/file-read.h"
#include "vault/seal.h"

static const char checkpoint_label[] = "vhsm audit checkpoint";
static const char head_label[] = "vhsm audit head";

int vhsm_audit_hash(const char *line, size_t len,
		    uint8_t hash[VHSM_AUDIT_HASH_LEN])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, line, len, hash, NULL) == 1 ?
	       0 : -EIO;
}

json_t *vhsm_audit_parse(const char *line, size_t len, uint64_t *seq)
{
	json_t *record, *number;

	record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	number = json_object_get(record, "seq");
	if (!json_is_integer(number) || json_integer_value(number) <= 0) {
		json_decref(record);
		return NULL;
	}
	*seq = (uint64_t)json_integer_value(number);
	return record;
}

static size_t head_encode(uint8_t *out, uint64_t seq, const uint8_t *hash)
{
	int i;

	for (i = 7; i >= 0; i--, seq >>= 8)
		out[i] = (uint8_t)seq;
	memcpy(out + 8, hash, VHSM_AUDIT_HASH_LEN);
	return 8 + VHSM_AUDIT_HASH_LEN;
}

static size_t checkpoint_encode(uint8_t *out, uint64_t seq, const uint8_t *hash)
{
	memcpy(out, checkpoint_label, sizeof(checkpoint_label));
	return sizeof(checkpoint_label) +
	       head_encode(out + sizeof(checkpoint_label), seq, hash);
}

int vhsm_audit_sign(EVP_PKEY *key, uint64_t seq, const uint8_t *hash,
		    uint8_t sig[VHSM_AUDIT_SIG_LEN])
{
	uint8_t message[128];
	size_t len = checkpoint_encode(message, seq, hash);
	size_t sig_len = VHSM_AUDIT_SIG_LEN;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -ENOMEM;

	if (ctx != NULL &&
	    EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestSign(ctx, sig, &sig_len, message, len) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

bool vhsm_audit_signature_check(EVP_PKEY *key, uint64_t seq,
				const uint8_t *hash,
				const uint8_t sig[VHSM_AUDIT_SIG_LEN])
{
	uint8_t message[128];
	size_t len = checkpoint_encode(message, seq, hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = ctx != NULL &&
	       EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key,
				       NULL) == 1 &&
	       EVP_DigestVerify(ctx, sig, VHSM_AUDIT_SIG_LEN, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

#define HEAD_LEN (8 + VHSM_AUDIT_HASH_LEN)

int vhsm_audit_head_read(const char *dir, const uint8_t *seal_key,
			 struct vhsm_audit_head *head)
{
	uint8_t sealed[HEAD_LEN + VHSM_SEAL_OVERHEAD], plain[HEAD_LEN];
	size_t len = sizeof(sealed), i;
	struct vhsm_sealer *sealer;
	char path[4096];
	int r;

	memset(head, 0, sizeof(*head));
	snprintf(path, sizeof(path), "%s/head", dir);
	r = vhsm_file_read(path, false, sealed, &len, NULL);
	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG || (r == 0 && len != sizeof(sealed)))
		return VHSM_E_CORRUPT;
	sealer = r == 0 ? vhsm_sealer_new(seal_key) : NULL;
	if (sealer == NULL)
		return r != 0 ? r : -ENOMEM;
	r = vhsm_sealer_open(sealer, head_label, sizeof(head_label), sealed,
			     sizeof(sealed), plain);
	vhsm_sealer_free(&sealer);
	if (r != 0)
		return r;
	for (i = 0; i < 8; i++)
		head->seq = head->seq << 8 | plain[i];
	memcpy(head->hash, plain + 8, VHSM_AUDIT_HASH_LEN);
	return 0;
}

int vhsm_audit_head_write(const char *dir, const uint8_t *seal_key,
			  const struct vhsm_audit_head *head)
{
	uint8_t sealed[HEAD_LEN + VHSM_SEAL_OVERHEAD], plain[HEAD_LEN];
	struct vhsm_sealer *sealer = vhsm_sealer_new(seal_key);
	char path[4096];
	int r = -ENOMEM;

	head_encode(plain, head->seq, head->hash);
	snprintf(path, sizeof(path), "%s/head", dir);
	if (sealer != NULL)
		r = vhsm_sealer_seal(sealer, head_label, sizeof(head_label),
				     plain, sizeof(plain), sealed);
	if (r == 0)
		r = vhsm_file_replace(path, sealed, sizeof(sealed), 0600);
	vhsm_sealer_free(&sealer);
	return r;
}
