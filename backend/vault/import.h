/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.h - a key from outside: what kind it is, and its material as we keep
 * it.
 */
#ifndef VHSM_IMPORT_H
#define VHSM_IMPORT_H

#include <stdint.h>

#include "common/secret.h"
#include "vault/vault-error.h"

#define VHSM_IMPORT_MAX 16384u		/* bytes of PEM */

/* Reads a regular file (or memfd) of 1..VHSM_IMPORT_MAX bytes from its start.
 * 0, -errno or BAD_REQUEST with why. */
int vhsm_import_read(int fd, struct vhsm_secret *bytes, char *why);

/*
 * From bytes to material: raw when *type is symmetric; else PKCS#8, DER or
 * PEM, not encrypted, whose type must be *type unless that is 0; then it is
 * set.  The key is checked.  0, -errno, BAD_REQUEST with why.
 */
int vhsm_import_decode(const struct vhsm_secret *bytes, uint16_t *type,
		       struct vhsm_secret *material, char *why);

#endif /* VHSM_IMPORT_H */
