/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c - the store's Ed25519 key (RFC 8032), which signs approvals.  It is
 * made when the first is given; its public half stands beside it, so that who
 * only verifies never opens the private one.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "common/file.h"
#include "common/hex.h"

#define PEM_MAX 4096u

static int write_pem(EVP_PKEY *key, const char *path, bool secret)
{
	BIO *bio = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem());
	int r = -ENOMEM;
	char *text;
	long len;

	if (bio && (secret ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL,
							   0, NULL, NULL) :
			     PEM_write_bio_PUBKEY(bio, key)) == 1) {
		len = BIO_get_mem_data(bio, &text);
		r = vhsm_file_replace(path, text, (size_t)len,
				      secret ? 0600 : 0644);
	}
	BIO_free(bio);
	return r;
}

static int make_key(const char *path, const char *public, EVP_PKEY **key,
		    char *why)
{
	int r;

	*key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!*key)
		return baseline_fail(why, -EIO, "no signing key can be made");
	/* The public half first: a private one without it is not found. */
	r = write_pem(*key, public, false);
	if (!r)
		r = write_pem(*key, path, true);
	return r ? baseline_fail(why, r, "%.150s: %s", path, strerror(-r)) : 0;
}

static int read_pem(const char *path, bool secret, EVP_PKEY **key, char *why)
{
	char *text = NULL;
	size_t len = 0;
	BIO *bio;
	int r = baseline_read_file(path, PEM_MAX, &text, &len, why);

	if (r)
		return r;
	bio = BIO_new_mem_buf(text, (int)len);
	if (bio)
		*key = secret ?
		       PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) :
		       PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	OPENSSL_cleanse(text, len);
	free(text);
	if (*key && EVP_PKEY_is_a(*key, "ED25519"))
		return 0;
	EVP_PKEY_free(*key);
	*key = NULL;
	return baseline_fail(why, -EBADMSG,
			     "%.150s: not an Ed25519 key in PEM", path);
}

/* The private key, for who signs: made if there is neither half. */
static int open_private(const char *dir, EVP_PKEY **key, char *why)
{
	char path[PATH_MAX], public[PATH_MAX];
	struct stat st;
	int r = baseline_path(path, dir, BASELINE_KEY, NULL, why);

	if (!r)
		r = baseline_path(public, dir, BASELINE_PUB, NULL, why);
	if (r)
		return r;
	if (lstat(path, &st)) {
		if (errno != ENOENT)
			return baseline_fail(why, -errno, "%.150s: %s", path,
					     strerror(errno));
		return make_key(path, public, key, why);
	}
	if (!S_ISREG(st.st_mode) || st.st_mode & 077 ||
	    st.st_uid != geteuid())
		return baseline_fail(why, -EPERM,
				     "%.150s: must be a file of its owner's alone (mode 0600)",
				     path);
	return read_pem(path, true, key, why);
}

int baseline_sign(const char *dir, const void *bytes, size_t len,
		  uint8_t signature[BASELINE_SIGNATURE_LEN], char *why)
{
	size_t signature_len = BASELINE_SIGNATURE_LEN;
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *md;
	int r = open_private(dir, &key, why);

	if (r)
		return r;
	md = EVP_MD_CTX_new();
	if (!md || EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(md, signature, &signature_len, bytes, len) != 1 ||
	    signature_len != BASELINE_SIGNATURE_LEN)
		r = baseline_fail(why, -EIO, "OpenSSL does not sign");
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return r;
}

static int open_public(const char *dir, EVP_PKEY **key, char *why)
{
	char path[PATH_MAX];
	int r = baseline_path(path, dir, BASELINE_PUB, NULL, why);

	return r ? r : read_pem(path, false, key, why);
}

int baseline_verify(const char *dir, const void *bytes, size_t len,
		    const uint8_t signature[BASELINE_SIGNATURE_LEN],
		    char *why)
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *md;
	int r = open_public(dir, &key, why);

	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	md = EVP_MD_CTX_new();
	if (!md || EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) != 1)
		r = baseline_fail(why, -EIO, "OpenSSL does not verify");
	else if (EVP_DigestVerify(md, signature, BASELINE_SIGNATURE_LEN, bytes,
				  len) != 1)
		r = baseline_fail(why, -EBADMSG,
				  "the signature is not that of the store's key");
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return r;
}

int vhsm_baseline_signer(const char *dir, char text[], char *why)
{
	unsigned char *der = NULL;
	EVP_PKEY *key = NULL;
	uint8_t digest[32];
	int len, r = open_public(dir, &key, why);

	if (r)
		return r;
	len = i2d_PUBKEY(key, &der);
	if (len <= 0 || baseline_hash(der, (size_t)len, digest))
		r = baseline_fail(why, -EIO, "the public key has no digest");
	else
		vhsm_hex_encode(digest, 32, text);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return r;
}
