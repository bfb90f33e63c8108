/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page-hash.c - NH over a page: a multiplication and two additions for each 16
 * bytes, in four sums that do not wait for each other.  No instruction that an
 * emulator would have to call a helper for.
 */
#include "introspect/page-hash.h"

#include <endian.h>
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

#define LANES 4u			/* sums side by side */
#define STEP (2 * LANES)		/* words */

int vhsm_page_key_init(struct vhsm_page_key *key)
{
	return RAND_bytes((unsigned char *)key, sizeof(*key)) == 1 ? 0 : -EIO;
}

static inline u128 product(const uint64_t *key, const uint8_t *bytes)
{
	uint64_t word[2];

	memcpy(word, bytes, sizeof(word));
	return (u128)(le64toh(word[0]) + key[0]) *
	       (le64toh(word[1]) + key[1]);
}

uint64_t vhsm_page_hash(const struct vhsm_page_key *key, const uint8_t *page)
{
	const uint64_t *word = key->word;
	const uint8_t *end = page + VHSM_GUEST_PAGE_SIZE;
	u128 a = 0, b = 0, c = 0, d = 0, sum, k0, k1;

	for (; page < end; page += 8 * STEP, word += STEP) {
		a += product(word, page);
		b += product(word + 2, page + 16);
		c += product(word + 4, page + 32);
		d += product(word + 6, page + 48);
	}
	sum = a + b + c + d;
	k0 = (u128)key->fold[1] << 64 | key->fold[0];
	k1 = (u128)key->fold[3] << 64 | key->fold[2];
	return (uint64_t)((k0 * (uint64_t)sum +
			   k1 * (uint64_t)(sum >> 64)) >> 64);
}
