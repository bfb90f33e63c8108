/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page-hash.h - the fingerprint of a page: has it changed since?
 *
 * NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, CRYPTO 1999; RFC 4418)
 * with 64-bit words, whose sum of 128-bit products is folded to 64 bits: two
 * different pages have the same fingerprint with a probability of about 2^-63
 * over the key.  That is enough against an adversary who writes the pages, for
 * he sees neither key nor fingerprint and learns nothing of them but alerts;
 * a cryptographic hash would cost ten times as much.
 */
#ifndef VHSM_PAGE_HASH_H
#define VHSM_PAGE_HASH_H

#include <stdint.h>

#include "guest-memory.h"

struct vhsm_page_key {
	uint64_t word[VHSM_GUEST_PAGE_SIZE / 8];
};

/* A new key from the system's generator; 0 or -EIO. */
int vhsm_page_key_init(struct vhsm_page_key *);

/* Reads each byte of the page once. */
uint64_t vhsm_page_hash(const struct vhsm_page_key *, const uint8_t *page);

#endif /* VHSM_PAGE_HASH_H */
