/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto-memory.h - the memory OpenSSL works in.
 *
 * Two promises: whatever OpenSSL frees is wiped first (encodings of keys and
 * halves of computations too, not only what OpenSSL deems secret); and blocks
 * come back to the thread that frees them, so that operations which allocate
 * temporaries (a digest's state, a signature's big numbers) do not touch the
 * heap once a thread is warm.
 */
#ifndef VHSM_CRYPTO_MEMORY_H
#define VHSM_CRYPTO_MEMORY_H

/* To be called once, before OpenSSL allocates anything.  0, or -EBUSY when it
 * already has: then all stays as it was. */
int vhsm_crypto_memory_init(void);

#endif /* VHSM_CRYPTO_MEMORY_H */
