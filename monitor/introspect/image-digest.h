/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-digest.h - the digest of a raw image of memory: SHA-256 of each page
 * that is not all zeros, ascending, its address (64 bits, little endian) and
 * its bytes.  So it is the same wherever the image is copied to, with its holes
 * or without, and costs nothing for these: below 4 GiB of addresses, a small
 * guest has gigabytes of them.
 */
#ifndef VHSM_IMAGE_DIGEST_H
#define VHSM_IMAGE_DIGEST_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* Feeds whole pages that stand at address: 0 or -EIO. */
int vhsm_image_digest_pages(EVP_MD_CTX *, uint64_t address,
			    const uint8_t *bytes, size_t len);

/* The digest of an open file; a last page that is cut short counts as filled up
 * with zeros.  0 or -errno. */
int vhsm_image_digest(int fd, uint8_t sha256[32]);

#endif /* VHSM_IMAGE_DIGEST_H */
