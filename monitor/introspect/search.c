/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - the scan itself.
 *
 * Every offset costs one multiplication and a bit test (the filter); the
 * few that pass cost an HMAC (the confirmation).  Blocks of zeros, most of a
 * small guest's memory, are stepped over whole: a window whose two halves are
 * equal is in no set, so none can start in zeros that reach far enough.
 *
 * Invariants: a window is judged from a private copy once the filter passed,
 * so memory that changes cannot make a hit of what was not there; every offset
 * is judged once.
 */
#include "introspect/search.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define CARRY_MAX	(VHSM_WINDOW_LEN - 1)
#define BLOCK		64u		/* offsets between looks for zeros */
#define BLOCK_SPAN	(BLOCK + VHSM_WINDOW_LEN)	/* bytes they touch */

struct vhsm_search {
	struct vhsm_filter_key key;
	struct vhsm_confirmer *confirmer;
	vhsm_search_found *found;
	void *arg;
	uint64_t next;			/* where the last piece ended */
	size_t carried;
	uint8_t carry[CARRY_MAX];	/* its last bytes */
	uint64_t bitmap[65536 / 64];	/* filters that occur in the set */
};

struct vhsm_search *vhsm_search_new(const struct vhsm_fingerprints *set,
				    vhsm_search_found *found, void *arg)
{
	struct vhsm_search *s = calloc(1, sizeof(*s));
	uint16_t filter;
	size_t i;

	if (!s)
		return NULL;
	s->confirmer = vhsm_confirmer_new(set);
	if (!s->confirmer) {
		free(s);
		return NULL;
	}
	vhsm_fingerprints_filter_key(set, &s->key);
	for (i = 0; i < vhsm_fingerprints_count(set); i++) {
		filter = vhsm_fingerprints_filter(set, i);
		s->bitmap[filter / 64] |= UINT64_C(1) << (filter % 64);
	}
	s->found = found;
	s->arg = arg;
	return s;
}

void vhsm_search_free(struct vhsm_search **s)
{
	if (!*s)
		return;
	vhsm_confirmer_free(&(*s)->confirmer);
	OPENSSL_cleanse((*s)->carry, sizeof((*s)->carry));
	free(*s);
	*s = NULL;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint64_t any = 0;
	size_t i;

	for (i = 0; i < len; i += 8)
		any |= load64(p + i);
	return any == 0;
}

/* The filter passed at p: takes a copy and judges that. */
static int confirm(struct vhsm_search *s, uint64_t address, const uint8_t *p)
{
	uint8_t window[VHSM_WINDOW_LEN];
	uint64_t low, high;
	size_t entry;
	int r;

	memcpy(window, p, sizeof(window));
	low = load64(window);
	high = load64(window + 8);
	if (low == high)
		return 0;
	r = vhsm_confirmer_find(s->confirmer,
				vhsm_filter_hash(&s->key, low, high),
				window, &entry);
	OPENSSL_cleanse(window, sizeof(window));
	return r == 1 ? s->found(entry, address, s->arg) : r;
}

/* Judges the windows that start at the first count offsets of p. */
static int scan_offsets(struct vhsm_search *s, uint64_t address,
			const uint8_t *p, size_t count)
{
	const struct vhsm_filter_key key = s->key;
	uint16_t filter;
	size_t i;
	int r;

	for (i = 0; i < count; i++) {
		filter = vhsm_filter_hash(&key, load64(p + i),
					  load64(p + i + 8));
		if (!(s->bitmap[filter / 64] >> (filter % 64) & 1))
			continue;
		r = confirm(s, address + i, p + i);
		if (r)
			return r;
	}
	return 0;
}

/* Judges every window that lies wholly within the len bytes. */
static int scan(struct vhsm_search *s, uint64_t address, const uint8_t *p,
		size_t len)
{
	size_t at = 0;
	int r = 0;

	while (!r && len - at >= BLOCK_SPAN) {
		if (!is_zero(p + at, BLOCK_SPAN))
			r = scan_offsets(s, address + at, p + at, BLOCK);
		at += BLOCK;
	}
	if (!r && len - at >= VHSM_WINDOW_LEN)
		r = scan_offsets(s, address + at, p + at,
				 len - at - VHSM_WINDOW_LEN + 1);
	return r;
}

/* Judges the windows that begin in the carry and end in the new bytes. */
static int scan_seam(struct vhsm_search *s, const uint8_t *bytes, size_t len)
{
	uint8_t seam[2 * CARRY_MAX];
	size_t taken = len < CARRY_MAX ? len : CARRY_MAX;
	int r;

	memcpy(seam, s->carry, s->carried);
	memcpy(seam + s->carried, bytes, taken);
	r = scan(s, s->next - s->carried, seam, s->carried + taken);
	OPENSSL_cleanse(seam, sizeof(seam));
	return r;
}

/* Keeps the last bytes of what has been fed. */
static void carry_over(struct vhsm_search *s, const uint8_t *bytes, size_t len)
{
	size_t kept;

	if (len >= CARRY_MAX) {
		memcpy(s->carry, bytes + len - CARRY_MAX, CARRY_MAX);
		s->carried = CARRY_MAX;
		return;
	}
	kept = CARRY_MAX - len;
	if (kept > s->carried)
		kept = s->carried;
	memmove(s->carry, s->carry + s->carried - kept, kept);
	memcpy(s->carry + kept, bytes, len);
	s->carried = kept + len;
}

int vhsm_search_feed(struct vhsm_search *s, uint64_t address,
		     const uint8_t *bytes, size_t len)
{
	int r = 0;

	if (address != s->next)
		s->carried = 0;
	s->next = address;
	if (s->carried)
		r = scan_seam(s, bytes, len);
	if (!r)
		r = scan(s, address, bytes, len);
	carry_over(s, bytes, len);
	s->next = address + len;
	return r;
}
