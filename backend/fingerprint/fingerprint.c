/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.c - building a set of fingerprints.
 *
 * Custody builds one from keys, so nothing here keeps a secret's bytes: a
 * window is digested where it stands and forgotten.
 */
#include <endian.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint/fingerprint-set.h"

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static EVP_MAC_CTX *hmac_new(const uint8_t *key, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = NULL;
	EVP_MAC *mac;

	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (mac)
		ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);		/* the context has a reference */
	if (ctx && EVP_MAC_init(ctx, key, len, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

int fingerprints_digest(EVP_MAC_CTX *hmac, const void *data, size_t len,
			uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN])
{
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t full_len = 0;
	int r = -EIO;

	/* no key given: the one the context was made with stays */
	if (EVP_MAC_init(hmac, NULL, 0, NULL) == 1 &&
	    EVP_MAC_update(hmac, data, len) == 1 &&
	    EVP_MAC_final(hmac, full, &full_len, sizeof(full)) == 1 &&
	    full_len >= VHSM_FINGERPRINT_DIGEST_LEN) {
		memcpy(digest, full, VHSM_FINGERPRINT_DIGEST_LEN);
		r = 0;
	}
	return r;
}

struct vhsm_fingerprints *
fingerprints_new_salted(const uint8_t salt[VHSM_FINGERPRINT_SALT_LEN])
{
	static const char purpose[] = "vhsm fingerprint filter";
	struct vhsm_fingerprints *set;
	uint8_t words[VHSM_FINGERPRINT_DIGEST_LEN];

	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	memcpy(set->salt, salt, sizeof(set->salt));
	set->hmac = hmac_new(set->salt, sizeof(set->salt));
	if (!set->hmac || fingerprints_digest(set->hmac, purpose,
					      sizeof(purpose) - 1, words)) {
		vhsm_fingerprints_free(&set);
		return NULL;
	}
	/* odd, so that multiplying loses nothing modulo 2^64 */
	set->filter_key.multiplier = load64(words) | 1;
	return set;
}

struct vhsm_fingerprints *vhsm_fingerprints_new(void)
{
	uint8_t salt[VHSM_FINGERPRINT_SALT_LEN];

	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return NULL;
	return fingerprints_new_salted(salt);
}

void vhsm_fingerprints_free(struct vhsm_fingerprints **set)
{
	size_t i;

	if (!*set)
		return;
	for (i = 0; i < (*set)->count; i++)
		free((*set)->entry[i].label);
	free((*set)->entry);
	EVP_MAC_CTX_free((*set)->hmac);
	free(*set);
	*set = NULL;
}

static bool label_check(const char *label)
{
	size_t len = strnlen(label, VHSM_FINGERPRINT_LABEL_MAX + 1);
	size_t i;

	if (len == 0 || len > VHSM_FINGERPRINT_LABEL_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (label[i] < 0x20 || label[i] > 0x7e)
			return false;
	return true;
}

int fingerprints_append(struct vhsm_fingerprints *set, const char *label,
			uint16_t filter,
			const uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN])
{
	struct fingerprint *grown, *entry;
	size_t room;

	if (!label_check(label))
		return -EINVAL;
	if (set->count == VHSM_FINGERPRINTS_MAX)
		return -ENOSPC;
	if (set->count == set->room) {
		room = set->room ? set->room * 2 : 64;
		grown = reallocarray(set->entry, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		set->entry = grown;
		set->room = room;
	}
	entry = &set->entry[set->count];
	entry->label = strdup(label);
	if (!entry->label)
		return -ENOMEM;
	entry->filter = filter;
	memcpy(entry->digest, digest, sizeof(entry->digest));
	set->count++;
	return 0;
}

int vhsm_fingerprints_join(struct vhsm_fingerprints *set,
			   const struct vhsm_fingerprints *part)
{
	size_t i;
	int r = 0;

	if (memcmp(set->salt, part->salt, sizeof(set->salt)))
		return -EINVAL;
	for (i = 0; !r && i < part->count; i++)
		r = fingerprints_append(set, part->entry[i].label,
					part->entry[i].filter,
					part->entry[i].digest);
	return r;
}

int vhsm_fingerprints_add(struct vhsm_fingerprints *set, const char *label,
			  const uint8_t window[VHSM_WINDOW_LEN])
{
	uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN];
	uint64_t low = load64(window), high = load64(window + 8);
	int r;

	if (low == high)
		return -EINVAL;
	r = fingerprints_digest(set->hmac, window, VHSM_WINDOW_LEN, digest);
	if (r)
		return r;
	return fingerprints_append(set, label,
				   vhsm_filter_hash(&set->filter_key, low,
						    high), digest);
}

/* Adds the window at offset, and the same bytes reversed. */
static int add_both_orders(struct vhsm_fingerprints *set, const char *label,
			   const uint8_t *secret, size_t offset)
{
	char text[VHSM_FINGERPRINT_LABEL_MAX + 1];
	uint8_t reversed[VHSM_WINDOW_LEN];
	size_t i;
	int n, r;

	for (i = 0; i < VHSM_WINDOW_LEN; i++)
		reversed[i] = secret[offset + VHSM_WINDOW_LEN - 1 - i];
	n = snprintf(text, sizeof(text), "%s +%zu", label, offset);
	r = n < (int)sizeof(text) ? 0 : -EINVAL;
	if (!r)
		r = vhsm_fingerprints_add(set, text, secret + offset);
	if (!r) {
		n = snprintf(text, sizeof(text), "%s +%zu reversed", label,
			     offset);
		r = n < (int)sizeof(text) ? 0 : -EINVAL;
	}
	if (!r)
		r = vhsm_fingerprints_add(set, text, reversed);
	OPENSSL_cleanse(reversed, sizeof(reversed));
	return r;
}

int vhsm_fingerprints_add_secret(struct vhsm_fingerprints *set,
				 const char *label, const uint8_t *secret,
				 size_t len)
{
	size_t last, middle;
	int r;

	if (len < VHSM_WINDOW_LEN)
		return -EINVAL;
	last = len - VHSM_WINDOW_LEN;
	middle = last / 2;
	r = add_both_orders(set, label, secret, 0);
	if (!r && middle != 0)
		r = add_both_orders(set, label, secret, middle);
	if (!r && last != 0 && last != middle)
		r = add_both_orders(set, label, secret, last);
	return r;
}

size_t vhsm_fingerprints_count(const struct vhsm_fingerprints *set)
{
	return set->count;
}

const char *vhsm_fingerprints_label(const struct vhsm_fingerprints *set,
				    size_t i)
{
	return i < set->count ? set->entry[i].label : NULL;
}

void vhsm_fingerprints_filter_key(const struct vhsm_fingerprints *set,
				  struct vhsm_filter_key *key)
{
	*key = set->filter_key;
}

uint16_t vhsm_fingerprints_filter(const struct vhsm_fingerprints *set, size_t i)
{
	return set->entry[i].filter;
}
