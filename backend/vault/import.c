/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.c - reading and recognising a key from outside.  OpenSSL's decoders
 * parse it; what they found is written anew as PKCS#8, so that nothing but the
 * key itself enters the store, and its family checks it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/protocol.h"
#include "ops/ops.h"
#include "vault/import.h"

int vhsm_import_read(int fd, struct vhsm_secret *bytes, char *why)
{
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"no key was attached to the request");
	/* A regular file: reading it cannot hang. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 1 ||
	    st.st_size > (off_t)VHSM_IMPORT_MAX)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"the attached key must be a file of 1 to %u bytes",
			VHSM_IMPORT_MAX);
	if (vhsm_secret_init(bytes, VHSM_IMPORT_MAX) != 0)
		return -ENOMEM;
	n = pread(fd, bytes->bytes, VHSM_IMPORT_MAX, 0);
	if (n < 0)
		return -errno;
	bytes->len = (size_t)n;
	return 0;
}

static uint16_t ec_type(EVP_PKEY *pkey)
{
	char group[32] = "";
	size_t len;

	if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1)
		return 0;
	if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
		return VHSM_KEY_EC_P256;
	if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0)
		return VHSM_KEY_EC_P384;
	return 0;
}

static uint16_t pkey_type(EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return VHSM_KEY_ED25519;
	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_type(pkey);
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return 0;
	switch (EVP_PKEY_get_bits(pkey)) {
	case 2048:
		return VHSM_KEY_RSA_2048;
	case 3072:
		return VHSM_KEY_RSA_3072;
	case 4096:
		return VHSM_KEY_RSA_4096;
	default:
		return 0;
	}
}

/* Never asks for a passphrase: there is nobody to ask. */
static int no_passphrase(char *buf, size_t room, size_t *len,
			 const OSSL_PARAM params[], void *arg)
{
	(void)buf;
	(void)room;
	(void)len;
	(void)params;
	(void)arg;
	return 0;
}

static EVP_PKEY *pkey_decode(const struct vhsm_secret *bytes)
{
	const unsigned char *at = bytes->bytes;
	size_t left = bytes->len;
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *ctx;

	ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, NULL, NULL, NULL,
					    EVP_PKEY_KEYPAIR, NULL, NULL);
	if (ctx == NULL)
		return NULL;
	if (OSSL_DECODER_CTX_set_passphrase_cb(ctx, no_passphrase, NULL) != 1 ||
	    OSSL_DECODER_from_data(ctx, &at, &left) != 1) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	return pkey;
}

/* The key alone as PKCS#8 DER.  OpenSSL wipes its own copy when freed. */
static int pkey_encode(EVP_PKEY *pkey, struct vhsm_secret *material)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	unsigned char *at;
	int len = -1, r = -ENOMEM;

	if (info != NULL)
		len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	if (len > (int)VHSM_MATERIAL_MAX) {
		r = VHSM_E_BAD_REQUEST;
	} else if (len > 0 && vhsm_secret_init(material, (size_t)len) == 0) {
		at = material->bytes;
		material->len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &at);
		r = 0;
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	return r;
}

static int pkcs8_decode(const struct vhsm_secret *bytes, uint16_t *type,
			struct vhsm_secret *material, char *why)
{
	EVP_PKEY *pkey = pkey_decode(bytes);
	uint16_t found = pkey != NULL ? pkey_type(pkey) : 0;
	int r = VHSM_E_BAD_REQUEST;

	if (pkey == NULL)
		vhsm_vault_fail(why, r, "not a private key in PKCS#8 (PEM or "
				"DER) without passphrase; for a symmetric key "
				"say its type");
	else if (found == 0)
		vhsm_vault_fail(why, r, "a private key of a kind that is not "
				"supported; see vhsmctl key generate --help");
	else if (*type != 0 && *type != found)
		vhsm_vault_fail(why, r, "the key is %s, not %s",
				vhsm_key_type_name(found),
				vhsm_key_type_name(*type));
	else
		r = pkey_encode(pkey, material);
	*type = found;
	EVP_PKEY_free(pkey);
	return r;
}

int vhsm_import_decode(const struct vhsm_secret *bytes, uint16_t *type,
		       struct vhsm_secret *material, char *why)
{
	const struct vhsm_family *family = vhsm_family_of_type(*type);
	struct vhsm_material checked = { 0 };
	int r;

	if (family != NULL && family->public_key == NULL)
		r = vhsm_secret_copy(material, bytes->bytes, bytes->len);
	else
		r = pkcs8_decode(bytes, type, material, why);
	if (r != 0)
		return r;
	checked.type = *type;
	checked.bytes = material->bytes;
	checked.len = material->len;
	if (vhsm_family_of_type(*type)->check(&checked) != 0)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"not a sound key of type %s: its length or its numbers "
			"are wrong", vhsm_key_type_name(*type));
	return 0;
}
