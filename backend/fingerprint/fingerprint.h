/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.h - a set of salted fingerprints of secrets, by which memory can
 * be searched for them without holding them.
 *
 * A fingerprint is of one window of 16 bytes of a secret:
 *
 *   digest   HMAC-SHA-256(salt, window), its first 16 bytes
 *   filter   16 bits of a keyed linear hash, so that a search can dismiss
 *            nearly every offset with one multiplication
 *
 * What a set tells who reads it: whether a window he already has is in it, and
 * 16 bits of each window (the filter is easily turned around; that is why it
 * is so short, and the same for a window and its reversed and swapped forms).
 * A window of a key has 128 bits, so no window can be found from its entries.
 * Windows of low entropy could be guessed: add keys, not passwords.
 *
 * As JSON:
 *   {"format": "vhsm-fingerprints", "version": 1, "salt": HEX of 32 bytes,
 *    "entries": [{"label": "web-tls/1 ec-scalar", "filter": 0..65535,
 *                 "digest": HEX of 16 bytes}, ...]}
 *
 * Not thread-safe while entries are added; afterwards read-only.
 */
#ifndef VHSM_FINGERPRINT_H
#define VHSM_FINGERPRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_WINDOW_LEN			16u	/* bytes */
#define VHSM_FINGERPRINT_SALT_LEN	32u	/* bytes */
#define VHSM_FINGERPRINT_DIGEST_LEN	16u	/* bytes */
#define VHSM_FINGERPRINT_LABEL_MAX	127u	/* bytes, printable ASCII */
#define VHSM_FINGERPRINTS_MAX		16384u	/* entries of a set */
#define VHSM_FINGERPRINT_WHY_LEN	200u

struct vhsm_fingerprints;

/* An empty set with a salt of its own; NULL without memory or entropy. */
struct vhsm_fingerprints *vhsm_fingerprints_new(void);
void vhsm_fingerprints_free(struct vhsm_fingerprints **);

/*
 * Adds one window.  The window is not kept.  0; -EINVAL for a bad label or a
 * window whose halves are equal (constant fill, never a key's); -ENOSPC at
 * VHSM_FINGERPRINTS_MAX; -ENOMEM; -EIO when OpenSSL fails.
 */
int vhsm_fingerprints_add(struct vhsm_fingerprints *, const char *label,
			  const uint8_t window[VHSM_WINDOW_LEN]);

/*
 * Adds windows of a secret of len bytes (at least VHSM_WINDOW_LEN) as it
 * stands and with its bytes reversed, as big-number libraries keep integers:
 * its first, middle and last 16 bytes (what is left of a partly overwritten
 * copy), without saying the same window twice.  Labels get " +OFFSET", and
 * " reversed".  Errors as for vhsm_fingerprints_add.
 */
int vhsm_fingerprints_add_secret(struct vhsm_fingerprints *, const char *label,
				 const uint8_t *secret, size_t len);

/*
 * Adds another part of the same set, which stays the caller's.  0; -EINVAL for
 * one with another salt; -ENOSPC or -ENOMEM, with some of it added.
 */
int vhsm_fingerprints_join(struct vhsm_fingerprints *,
			   const struct vhsm_fingerprints *part);

size_t vhsm_fingerprints_count(const struct vhsm_fingerprints *);
/* The label of entry i, the set's; NULL past the end. */
const char *vhsm_fingerprints_label(const struct vhsm_fingerprints *, size_t i);

/* The set as JSON, a new reference; NULL without memory. */
json_t *vhsm_fingerprints_encode(const struct vhsm_fingerprints *);

/*
 * A set from JSON that anyone may have written: every field is checked and
 * unknown ones are refused.  0 with *set (the caller's), or -EINVAL, -ENOMEM
 * with why (VHSM_FINGERPRINT_WHY_LEN bytes) naming the field.
 */
int vhsm_fingerprints_decode(struct vhsm_fingerprints **set,
			     const json_t *untrusted_json, char *why);

/* The same from a file.  0 or -errno, with why. */
int vhsm_fingerprints_read(struct vhsm_fingerprints **set, const char *path,
			   char *why);

/* --- for the search (search.h) --- */

/* The filter's multiplier: odd, of the set's own. */
struct vhsm_filter_key {
	uint64_t multiplier;
};

void vhsm_fingerprints_filter_key(const struct vhsm_fingerprints *,
				  struct vhsm_filter_key *key);
uint16_t vhsm_fingerprints_filter(const struct vhsm_fingerprints *, size_t i);

/*
 * The filter of a window given as its two halves, loaded as little-endian
 * words.  The four 32-bit words and their byte-swapped selves are folded into
 * one, which a multiplication spreads: so a window has the same filter whether
 * it stands as it is, reversed, or with its words swapped (as table
 * implementations keep AES round keys), and a set that has all of these tells
 * no more than 16 bits of it.  Unlike a rolling hash it has no chain from one
 * offset to the next, so a processor works on several offsets at once.
 * Collisions cost the search a digest, never a wrong answer.
 */
static inline uint16_t vhsm_filter_hash(const struct vhsm_filter_key *key,
					uint64_t low, uint64_t high)
{
	uint64_t both = low ^ high;
	uint32_t word = (uint32_t)both ^ (uint32_t)(both >> 32);

	return ((uint64_t)word + __builtin_bswap32(word)) * key->multiplier
		>> 48;
}

struct vhsm_confirmer;			/* one thread's HMAC, ready to run */

/* NULL without memory.  Borrows the set. */
struct vhsm_confirmer *vhsm_confirmer_new(const struct vhsm_fingerprints *);
void vhsm_confirmer_free(struct vhsm_confirmer **);
/*
 * Finds the entry with this filter whose digest the window has.  1 with *entry
 * its number, 0 for none, -EIO when OpenSSL fails.
 */
int vhsm_confirmer_find(struct vhsm_confirmer *, uint16_t filter,
			const uint8_t window[VHSM_WINDOW_LEN], size_t *entry);

#endif /* VHSM_FINGERPRINT_H */
