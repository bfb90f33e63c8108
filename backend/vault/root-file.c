/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root-file.c - file:/PATH, the root key as a file for root alone.
 *
 * For a new store, a file that is not there is made with random bytes; for an
 * existing one never, since no other bytes would open it.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "vault/file-read.h"
#include "vault/root.h"

#define RAW_MIN 32u

static int file_make(const char *path, char *why)
{
	uint8_t *bytes = OPENSSL_secure_malloc(RAW_MIN);
	char *text = OPENSSL_secure_malloc(2 * RAW_MIN + 2);
	int r = -ENOMEM;

	if (bytes != NULL && text != NULL &&
	    RAND_priv_bytes(bytes, RAW_MIN) == 1) {
		vhsm_hex_encode(bytes, RAW_MIN, text);
		text[2 * RAW_MIN] = '\n';
		r = vhsm_file_make(path, text, 2 * RAW_MIN + 1, 0400);
	}
	OPENSSL_secure_clear_free(bytes, RAW_MIN);
	OPENSSL_secure_clear_free(text, 2 * RAW_MIN + 2);
	if (r < 0)
		return vhsm_vault_fail(why, r, "cannot make %s: %s", path,
				       strerror(-r));
	vhsm_log(LOG_NOTICE, "made a new root key in %s; keep a copy where the "
		 "store is not: without it no key can be recovered", path);
	return 0;
}

/* 64 digits, perhaps a newline: text.  Anything else: raw. */
static size_t digits_decode(uint8_t *secret, size_t len)
{
	char text[2 * RAW_MIN + 1];
	size_t result = len;

	while (len > 0 && isspace(secret[len - 1]))
		len--;
	if (len != 2 * RAW_MIN)
		return result;
	memcpy(text, secret, len);
	text[len] = '\0';
	if (vhsm_hex_decode(text, secret, RAW_MIN) == 0)
		result = RAW_MIN;
	OPENSSL_cleanse(text, sizeof(text));
	return result;
}

static int file_read(const char *path, bool fresh, json_t *params,
		     uint8_t *secret, size_t *len, char *why)
{
	int r;

	(void)params;			/* a file needs none */
	*len = VHSM_ROOT_SECRET_MAX;
	r = vhsm_file_read(path, true, secret, len, why);
	if (r == -ENOENT && fresh) {
		r = file_make(path, why);
		*len = VHSM_ROOT_SECRET_MAX;
		if (r == 0)
			r = vhsm_file_read(path, true, secret, len, why);
	}
	if (r != 0)
		return r;
	*len = digits_decode(secret, *len);
	if (*len < RAW_MIN)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"%s: %zu bytes are too few for a root key; it takes 64 "
			"hexadecimal digits or at least %u bytes", path, *len,
			RAW_MIN);
	return 0;
}

const struct vhsm_root_source vhsm_root_file = {
	.scheme = "file",
	.read = file_read,
};
