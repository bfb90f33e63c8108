/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page-hash.h - the fingerprint of a page: has it changed since?
 *
 * NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, CRYPTO 1999; RFC 4418)
 * with 64-bit words: the sum modulo 2^128 of products of pairs of words, each
 * word added to a word of the key.  Two different pages give the same sum with
 * a probability of at most 2^-64 over the key.
 *
 * The two halves of the sum are folded to 64 bits by a multilinear hash with
 * 128-bit keys, of whose value the upper half is taken (Lemire, Kaser: Strongly
 * universal string hashing is fast, Computer Journal 2014): another 2^-64.  To
 * cut the sum, or to add its halves, would keep nothing of the bound.
 *
 * So two pages that differ have the same fingerprint with at most 2^-63.  That
 * is enough against an adversary who writes the pages, for he sees neither key
 * nor fingerprint and learns nothing of them but alerts; a cryptographic hash
 * would cost ten times as much.  Whoever sees fingerprints can forge: they
 * leave the process as little as the key does.
 */
#ifndef VHSM_PAGE_HASH_H
#define VHSM_PAGE_HASH_H

#include <stdint.h>

#include "introspect/guest-memory.h"

struct vhsm_page_key {
	uint64_t word[VHSM_GUEST_PAGE_SIZE / 8];
	uint64_t fold[4];		/* two 128-bit keys, low half first */
};

/* A new key from the system's generator; 0 or -EIO. */
int vhsm_page_key_init(struct vhsm_page_key *);

/* Reads each byte of the page once. */
uint64_t vhsm_page_hash(const struct vhsm_page_key *, const uint8_t *page);

#endif /* VHSM_PAGE_HASH_H */
