/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literals.c - a hash of four bytes at every offset and a bit of a small map;
 * few pass, and those are compared.  Which four bytes of a literal are hashed
 * is chosen so that they are unlike those that memory is full of.
 */
#include "checks/literals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_BITS	16u
#define BUCKETS		4096u
#define MULTIPLIER	UINT32_C(0x9e3779b1)

struct literal {
	struct literal *next;		/* of its bucket */
	size_t len;
	size_t at;			/* of the hashed bytes */
	uint8_t bytes[];
};

struct vhsm_literals {
	struct literal *bucket[BUCKETS];
	uint64_t map[(1u << MAP_BITS) / 64];
};

struct vhsm_literals *vhsm_literals_new(void)
{
	return calloc(1, sizeof(struct vhsm_literals));
}

void vhsm_literals_free(struct vhsm_literals **literals)
{
	struct literal *l, *next;
	size_t i;

	if (!*literals)
		return;
	for (i = 0; i < BUCKETS; i++) {
		for (l = (*literals)->bucket[i]; l; l = next) {
			next = l->next;
			free(l);
		}
	}
	free(*literals);
	*literals = NULL;
}

static inline uint32_t hash(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word * MULTIPLIER >> (32 - MAP_BITS);
}

/* The more of its four bytes differ and are no zeros or blanks, the rarer. */
static unsigned rarity(const uint8_t *p)
{
	unsigned i, j, score = 0;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < i && p[j] != p[i]; j++)
			;
		score += j == i;
		score += p[i] != 0 && p[i] != 0xff && p[i] != ' ';
		score += p[i] < 'a' || p[i] > 'z';
	}
	return score;
}

int vhsm_literals_add(struct vhsm_literals *literals, const uint8_t *bytes,
		      size_t len)
{
	struct literal *l;
	uint32_t h;
	size_t i;

	if (len < VHSM_LITERAL_MIN)
		return -EINVAL;
	l = malloc(sizeof(*l) + len);
	if (!l)
		return -ENOMEM;
	l->len = len;
	l->at = 0;
	memcpy(l->bytes, bytes, len);
	for (i = 1; i + VHSM_LITERAL_MIN <= len; i++)
		if (rarity(bytes + i) > rarity(bytes + l->at))
			l->at = i;
	h = hash(l->bytes + l->at);
	l->next = literals->bucket[h % BUCKETS];
	literals->bucket[h % BUCKETS] = l;
	literals->map[h / 64] |= UINT64_C(1) << (h % 64);
	return 0;
}

/* Whether a literal with its hashed bytes at this offset stands there. */
static bool stands(const struct vhsm_literals *literals, uint32_t h,
		   const uint8_t *bytes, size_t len, size_t offset)
{
	const struct literal *l;

	for (l = literals->bucket[h % BUCKETS]; l; l = l->next)
		if (offset >= l->at && l->len <= len - (offset - l->at) &&
		    !memcmp(bytes + offset - l->at, l->bytes, l->len))
			return true;
	return false;
}

bool vhsm_literals_occur(const struct vhsm_literals *literals,
			 const uint8_t *bytes, size_t len)
{
	size_t i;
	uint32_t h;

	for (i = 0; i + VHSM_LITERAL_MIN <= len; i++) {
		h = hash(bytes + i);
		if (literals->map[h / 64] >> (h % 64) & 1 &&
		    stands(literals, h, bytes, len, i))
			return true;
	}
	return false;
}
