/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - sealing of secrets at rest: AES-256-SIV (RFC 5297), which stays
 * safe when nonces repeat or a store is rolled back, and HKDF-SHA-512
 * (RFC 5869) to derive one key from another.
 *
 * What a sealed record is about (whose, which, its attributes) is its
 * associated data: a record whose data is not byte for byte what it was sealed
 * with does not open.
 */
#ifndef VHSM_SEAL_H
#define VHSM_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_SEAL_KEY_LEN	64u	/* two AES-256 keys, RFC 5297 */
#define VHSM_SEAL_OVERHEAD	16u	/* the synthetic IV, in front */

struct vhsm_sealer;

/* Keyed for one thread.  NULL when out of memory. */
struct vhsm_sealer *vhsm_sealer_new(const uint8_t key[VHSM_SEAL_KEY_LEN]);
void vhsm_sealer_free(struct vhsm_sealer **);

/*
 * Seals in_len bytes (at least 1) to out, in_len + VHSM_SEAL_OVERHEAD bytes.
 * ad is never empty.  0 or -errno.
 */
int vhsm_sealer_seal(struct vhsm_sealer *, const void *ad, size_t ad_len,
		     const uint8_t *in, size_t in_len, uint8_t *out);

/*
 * Opens in_len bytes to out (in_len - VHSM_SEAL_OVERHEAD bytes, secure memory
 * if they are secret).  0, -errno, or VHSM_E_CORRUPT: not sealed with this
 * key, or not with this associated data; out is wiped.
 */
int vhsm_sealer_open(struct vhsm_sealer *, const void *ad, size_t ad_len,
		     const uint8_t *in, size_t in_len, uint8_t *out);

/* out = HKDF-SHA-512(secret, no salt, info = label || context).
 * 0 or -errno. */
int vhsm_seal_derive(const uint8_t *secret, size_t secret_len,
		     const char *label, const void *context, size_t context_len,
		     uint8_t *out, size_t out_len);

#endif /* VHSM_SEAL_H */
