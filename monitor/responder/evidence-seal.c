/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence-seal.c - the signature of a bundle.
 */
#include "responder/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "responder/evidence-private.h"

#define SUMS_MAX 65536u

int evidence_fail(char *why, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, VHSM_EVIDENCE_WHY_LEN, format, ap);
	va_end(ap);
	return error;
}

static int key_write(EVP_PKEY *key, const char *path, bool secret)
{
	BIO *bio = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem());
	char *text;
	long len;
	int r = -ENOMEM;

	if (bio && (secret ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL,
							   NULL, 0, NULL, NULL)
		    : PEM_write_bio_PUBKEY(bio, key)) == 1) {
		len = BIO_get_mem_data(bio, &text);
		r = vhsm_file_replace(path, text, len, secret ? 0600 : 0644);
	}
	BIO_free(bio);
	return r;
}

/* The signing key, made if there is none yet. */
static int key_open(const char *dir, EVP_PKEY **key, char *why)
{
	char path[PATH_MAX], public[PATH_MAX];
	FILE *f;
	int r;

	*key = NULL;
	if (snprintf(path, sizeof(path), "%s/" EVIDENCE_KEY, dir) >=
	    (int)sizeof(path) ||
	    snprintf(public, sizeof(public), "%s/" EVIDENCE_PUB, dir) >=
	    (int)sizeof(public))
		return evidence_fail(why, -ENAMETOOLONG, "%s: too long", dir);
	f = fopen(path, "re");
	if (f) {
		*key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
		return *key ? 0 : evidence_fail(why, -EBADMSG,
			"%s: not a private key in PEM; move it away, and a "
			"new one is made", path);
	}
	if (errno != ENOENT)
		return evidence_fail(why, -errno, "%s: %s", path,
				     strerror(errno));
	*key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!*key)
		return evidence_fail(why, -EIO, "no signing key can be made");
	r = vhsm_file_make_dir(dir);
	if (!r)
		r = key_write(*key, path, true);
	if (!r)
		r = key_write(*key, public, false);
	return r ? evidence_fail(why, r, "%s: %s", path, strerror(-r)) : 0;
}

static int sign(EVP_PKEY *key, const char *text, size_t len,
		uint8_t sig[EVIDENCE_SIG_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t sig_len = EVIDENCE_SIG_LEN;
	int ok = md && EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(md, sig, &sig_len, (const uint8_t *)text,
			       len) == 1 && sig_len == EVIDENCE_SIG_LEN;

	EVP_MD_CTX_free(md);
	return ok ? 0 : -EIO;
}

static int seal_put(const char *bundle, const char *name, const void *bytes,
		    size_t len, char *why)
{
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", bundle, name) >=
	    (int)sizeof(path))
		return evidence_fail(why, -ENAMETOOLONG, "%s: too long",
				     bundle);
	r = vhsm_file_replace(path, bytes, len, 0600);
	return r ? evidence_fail(why, r, "%s: %s", path, strerror(-r)) : 0;
}

int vhsm_evidence_seal(const char *bundle, const char *key_dir, char *why)
{
	uint8_t sig[EVIDENCE_SIG_LEN];
	char *sums = NULL, path[PATH_MAX];
	EVP_PKEY *key;
	size_t len = 0;
	int r = key_open(key_dir, &key, why);

	if (!r)
		r = evidence_sums(bundle, &sums, &len, NULL, why);
	if (!r && sign(key, sums, len, sig))
		r = evidence_fail(why, -EIO, "%s: cannot be signed", bundle);
	if (!r)
		r = seal_put(bundle, EVIDENCE_SUMS, sums, len, why);
	if (!r)
		r = seal_put(bundle, EVIDENCE_SIG, sig, sizeof(sig), why);
	if (!r && snprintf(path, sizeof(path), "%s/" EVIDENCE_PUB, bundle) <
	    (int)sizeof(path))
		r = key_write(key, path, false);
	EVP_PKEY_free(key);
	free(sums);
	return r;
}

static int small_read(const char *bundle, const char *name, char *bytes,
		      size_t room, size_t *len, char *why)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", bundle, name);
	f = fopen(path, "re");
	if (!f)
		return evidence_fail(why, -errno, "%s: %s", path,
				     strerror(errno));
	*len = fread(bytes, 1, room, f);
	fclose(f);
	return *len < room ? 0 :
		evidence_fail(why, -EBADMSG, "%s: too long", path);
}

static int signature_check(EVP_PKEY *key, const char *sums, size_t len,
			   const char *bundle, char *why)
{
	char sig[EVIDENCE_SIG_LEN + 2];
	size_t sig_len;
	EVP_MD_CTX *md;
	int r = small_read(bundle, EVIDENCE_SIG, sig, sizeof(sig), &sig_len,
			   why);

	if (r)
		return r;
	md = EVP_MD_CTX_new();
	if (!md || EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestVerify(md, (const uint8_t *)sig, sig_len,
			     (const uint8_t *)sums, len) != 1)
		r = evidence_fail(why, -EBADMSG,
			"%s/" EVIDENCE_SUMS ": the signature does not hold "
			"under this key", bundle);
	EVP_MD_CTX_free(md);
	return r;
}

/* Names the first line that differs. */
static int sums_compare(const char *was, const char *is, const char *bundle,
			char *why)
{
	size_t a, b;

	if (!strcmp(was, is))
		return 0;
	for (;;) {
		a = strcspn(was, "\n");
		b = strcspn(is, "\n");
		if (a != b || strncmp(was, is, a))
			break;
		was += a + !!was[a];
		is += b + !!is[b];
	}
	return evidence_fail(why, -EBADMSG, "%s: signed as \"%.*s\", but it is "
			     "\"%.*s\"", bundle, (int)(a < 100 ? a : 100), was,
			     (int)(b < 100 ? b : 100), is);
}

static int image_check(const char *bundle, json_t *files, char *why)
{
	int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? evidence_fail(why, -errno, "%s: %s", bundle,
					strerror(errno)) :
		evidence_image_check(dir, files, why);

	if (dir >= 0)
		close(dir);
	return r;
}

static json_t *signer(EVP_PKEY *key)
{
	uint8_t *der = NULL, digest[32];
	char hex[65] = "";
	int len = i2d_PUBKEY(key, &der);

	if (len > 0 && EVP_Digest(der, len, digest, NULL, EVP_sha256(), NULL))
		for (unsigned i = 0; i < sizeof(digest); i++)
			snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	OPENSSL_free(der);
	return json_string(hex);
}

int vhsm_evidence_verify(const char *bundle, const char *public_pem,
			 json_t **report, char *why)
{
	char *was = calloc(1, SUMS_MAX + 1), *is = NULL;
	FILE *f = fopen(public_pem, "re");
	EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
	json_t *files = json_array();
	size_t len = 0, now = 0;
	int r = 0;

	*report = NULL;
	if (!key)
		r = evidence_fail(why, f ? -EBADMSG : -errno, "%s: %s",
			public_pem, f ? "not a public key in PEM" :
			strerror(errno));
	if (!r && (!was || !files))
		r = evidence_fail(why, -ENOMEM, "out of memory");
	if (!r)
		r = small_read(bundle, EVIDENCE_SUMS, was, SUMS_MAX, &len, why);
	if (!r)
		r = signature_check(key, was, len, bundle, why);
	if (!r)
		r = evidence_sums(bundle, &is, &now, files, why);
	if (!r)
		r = sums_compare(was, is, bundle, why);
	if (!r)
		r = image_check(bundle, files, why);
	if (!r)
		*report = json_pack("{s:O, s:o}", "files", files, "signer",
				    signer(key));
	json_decref(files);
	free(was);
	free(is);
	EVP_PKEY_free(key);
	if (f)
		fclose(f);
	return r;
}
