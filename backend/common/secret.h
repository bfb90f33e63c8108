/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - a buffer for secret bytes: in OpenSSL's secure heap (locked,
 * not dumped, between guard pages) and wiped when it is let go.
 *
 * Where no secure heap was set up (unit tests, tools), ordinary memory, wiped
 * all the same.
 */
#ifndef VHSM_SECRET_H
#define VHSM_SECRET_H

#include <stddef.h>
#include <stdint.h>

struct vhsm_secret {
	uint8_t *bytes;		/* room bytes */
	size_t len;		/* bytes in use, the owner's to set */
	size_t room;
};

#define VHSM_SECRET_NONE ((struct vhsm_secret){ 0 })

/* Room for room bytes (1 or more), zeroed, len 0.  0 or -ENOMEM (the secure
 * heap is full), leaving *secret as NONE. */
int vhsm_secret_init(struct vhsm_secret *secret, size_t room);

/* Like init, then a copy of len bytes. */
int vhsm_secret_copy(struct vhsm_secret *secret, const void *bytes, size_t len);

/* Wipes and frees; *secret is NONE after.  NONE is fine. */
void vhsm_secret_deinit(struct vhsm_secret *secret);

#endif /* VHSM_SECRET_H */
