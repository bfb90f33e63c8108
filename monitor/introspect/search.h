/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.h - looks for the windows of a set of fingerprints at every byte
 * offset of a range of memory.
 *
 * Memory is fed in pieces; a window that lies across two pieces is found when
 * the second begins where the first ended.  The memory may change meanwhile: a
 * window is compared as it was read.  Of one thread.
 */
#ifndef VHSM_SEARCH_H
#define VHSM_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "fingerprint/fingerprint.h"

struct vhsm_search;

/* A window was found: entry of the set, at address.  Anything but 0 ends the
 * feed, which returns it; let it be positive. */
typedef int vhsm_search_found(size_t entry, uint64_t address, void *arg);

/* NULL without memory.  Borrows the set, which must not change. */
struct vhsm_search *vhsm_search_new(const struct vhsm_fingerprints *,
				    vhsm_search_found *, void *arg);
void vhsm_search_free(struct vhsm_search **);

/*
 * Searches len bytes that stand at address.  0, -EIO when OpenSSL fails, or
 * what the callback returned.
 */
int vhsm_search_feed(struct vhsm_search *, uint64_t address,
		     const uint8_t *bytes, size_t len);

#endif /* VHSM_SEARCH_H */
