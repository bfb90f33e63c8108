/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - the file that "vhsm encrypt" writes, as vhsm-file(5) says.
 *
 *   header   40 bytes
 *      0   8  magic 89 'V' 'H' 'S' 'M' 0d 0a 1a
 *      8   2  version of the format: 1
 *     10   2  mechanism, VHSM_MECH_*
 *     12   4  plaintext bytes in each chunk but the last
 *     16   8  0
 *     24  16  id of the file: random
 *   chunk, once or more
 *      0   4  version of the key
 *      4  12  nonce, made in custody
 *     16  16  tag
 *     32      ciphertext
 *
 * Integers are little endian.  The additional data of chunk i is the header, i
 * in 8 bytes, one byte that is 1 for the last chunk and 0 for others, and the
 * user's own.  So a chunk is good only in its file, at its place, with its
 * length, and the last one only as the last: the construction known as STREAM
 * (Hoang, Reyhanitabar, Rogaway, Vizar, 2015), with nonces from custody.
 */
#ifndef VHSM_CLI_CONTAINER_H
#define VHSM_CLI_CONTAINER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vhsm/vhsm.h"

#define CONTAINER_HEADER_LEN	40u
#define CONTAINER_HEAD_LEN	32u	/* of a chunk */
#define CONTAINER_CHUNK_MIN	16u
#define CONTAINER_CHUNK_LEN	65536u	/* what encrypt writes */
#define CONTAINER_CHUNK_MAX	(1u << 20)
#define CONTAINER_AAD_MAX	4096u	/* the user's */

struct container_header {
	uint16_t mechanism;
	uint32_t chunk_len;
	uint8_t id[16];
};

/* What encrypts one chunk, in place; 0 or a negative error. */
struct container_cipher {
	int (*seal)(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, struct vhsm_aead *aead);
	int (*open)(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, const struct vhsm_aead *aead);
	void *arg;
};

/* Reads and checks a header.  0; -VHSM_E_BAD_TAG if it is none of version 1;
 * -EIO. */
int container_read_header(FILE *in, struct container_header *header);

/* Writes a container with everything that in has.  0 or a negative error. */
int container_encrypt(const struct container_cipher *cipher,
		      const struct container_header *header, const char *aad,
		      FILE *in, FILE *out);

/*
 * The reverse, after container_read_header().  What was written to out before
 * an error was genuine, but is not the whole file: throw it away.
 * -VHSM_E_BAD_TAG for whatever was changed, moved or cut off.
 */
int container_decrypt(const struct container_cipher *cipher,
		      const struct container_header *header, const char *aad,
		      FILE *in, FILE *out);

#endif /* VHSM_CLI_CONTAINER_H */
