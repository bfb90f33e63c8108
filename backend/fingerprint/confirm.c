/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.c - from a window whose filter matched to the entry it is, if any:
 * one HMAC, then the entries of that filter, found by bisection.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint/fingerprint-set.h"

struct vhsm_confirmer {
	const struct vhsm_fingerprints *set;
	EVP_MAC_CTX *hmac;
	struct fingerprint **by_filter;		/* ascending */
};

static int compare_filter(const void *a, const void *b)
{
	const struct fingerprint *const *x = a, *const *y = b;

	return (int)(*x)->filter - (int)(*y)->filter;
}

struct vhsm_confirmer *vhsm_confirmer_new(const struct vhsm_fingerprints *set)
{
	struct vhsm_confirmer *c = calloc(1, sizeof(*c));
	size_t i;

	if (!c)
		return NULL;
	c->set = set;
	c->hmac = EVP_MAC_CTX_dup(set->hmac);
	c->by_filter = calloc(set->count + 1, sizeof(struct fingerprint *));
	if (!c->hmac || !c->by_filter) {
		vhsm_confirmer_free(&c);
		return NULL;
	}
	for (i = 0; i < set->count; i++)
		c->by_filter[i] = &set->entry[i];
	qsort(c->by_filter, set->count, sizeof(struct fingerprint *),
	      compare_filter);
	return c;
}

void vhsm_confirmer_free(struct vhsm_confirmer **c)
{
	if (!*c)
		return;
	EVP_MAC_CTX_free((*c)->hmac);
	free((*c)->by_filter);
	free(*c);
	*c = NULL;
}

/* The first place in by_filter that is not below filter. */
static size_t lower_bound(const struct vhsm_confirmer *c, uint16_t filter)
{
	size_t low = 0, high = c->set->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (c->by_filter[middle]->filter < filter)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int vhsm_confirmer_find(struct vhsm_confirmer *c, uint16_t filter,
			const uint8_t window[VHSM_WINDOW_LEN], size_t *entry)
{
	uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN];
	size_t i = lower_bound(c, filter);
	int r;

	if (i == c->set->count || c->by_filter[i]->filter != filter)
		return 0;
	r = fingerprints_digest(c->hmac, window, VHSM_WINDOW_LEN, digest);
	if (r)
		return r;
	for (; i < c->set->count && c->by_filter[i]->filter == filter; i++) {
		if (!CRYPTO_memcmp(c->by_filter[i]->digest, digest,
				   sizeof(digest))) {
			*entry = (size_t)(c->by_filter[i] - c->set->entry);
			return 1;
		}
	}
	return 0;
}
