/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint-set.h - what a set of fingerprints is made of; for the files
 * that implement fingerprint.h only.
 */
#ifndef VHSM_FINGERPRINT_SET_H
#define VHSM_FINGERPRINT_SET_H

#include <openssl/evp.h>

#include "fingerprint/fingerprint.h"

struct fingerprint {
	char *label;
	uint16_t filter;
	uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN];
};

struct vhsm_fingerprints {
	uint8_t salt[VHSM_FINGERPRINT_SALT_LEN];
	struct vhsm_filter_key filter_key;	/* derived from the salt */
	EVP_MAC_CTX *hmac;			/* keyed with the salt */
	struct fingerprint *entry;
	size_t count;
	size_t room;
};

/* A set with the salt given. */
struct vhsm_fingerprints *
fingerprints_new_salted(const uint8_t salt[VHSM_FINGERPRINT_SALT_LEN]);

/* Takes an entry as it is; errors as for vhsm_fingerprints_add. */
int fingerprints_append(struct vhsm_fingerprints *, const char *label,
			uint16_t filter,
			const uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN]);

/* HMAC-SHA-256 of data under the key hmac was made with: 0 or -EIO. */
int fingerprints_digest(EVP_MAC_CTX *hmac, const void *data, size_t len,
			uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN]);

#endif /* VHSM_FINGERPRINT_SET_H */
