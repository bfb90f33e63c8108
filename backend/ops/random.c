/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random.c - bytes for guests, from OpenSSL's public DRBG of the calling
 * thread (SP 800-90A CTR_DRBG, seeded and reseeded through the private chain
 * from the kernel).
 *
 * The DRBG writes private memory, and only what is finished is copied out: a
 * generator must not work in memory that somebody else can read half-way.
 * There is no stock of bytes made in advance: the DRBG notices a fork and a
 * stock would not.
 */
#include <config.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "ops/ops.h"

#define CHUNK 4096u

enum vhsm_status vhsm_ops_random(uint8_t *out, size_t len)
{
	enum vhsm_status status = VHSM_S_OK;
	uint8_t chunk[CHUNK];
	size_t used = len < CHUNK ? len : CHUNK;

	while (len && status == VHSM_S_OK) {
		size_t n = len < CHUNK ? len : CHUNK;

		if (RAND_bytes(chunk, n) != 1) {
			ERR_clear_error();
			status = VHSM_S_INTERNAL;
			break;
		}
		memcpy(out, chunk, n);
		out += n;
		len -= n;
	}
	OPENSSL_cleanse(chunk, used);
	return status;
}
