/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traces.h - what a secret looks like in the memory of a machine that uses it:
 * not only its stored bytes, but what software makes of them.
 */
#ifndef VHSM_TRACES_H
#define VHSM_TRACES_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_AES_SCHEDULE_MAX 240u	/* AES-256: 15 round keys */

/* One secret's bytes under a label; 0, or an error that ends the walk. */
typedef int vhsm_trace_handler(void *arg, const char *label,
			       const uint8_t *bytes, size_t len);

/*
 * Hands over everything to look for, for material of a type (as in ops.h):
 *   symmetric   "key"; for AES also "schedule" (encryption round keys) and
 *               "schedule-swapped" (its words byte-swapped, as table
 *               implementations on little-endian machines keep them)
 *   EC          "scalar"
 *   RSA         "d" "p" "q" "dp" "dq" "qinv", big endian
 *   Ed25519     "seed", "scalar" (RFC 8032 5.1.5, clamped)
 * The handler looks for reversed bytes by itself.  0, -errno, or what the
 * handler returned.
 */
int vhsm_traces_walk(uint16_t type, const uint8_t *material, size_t len,
		     vhsm_trace_handler *handler, void *arg);

/* FIPS 197 5.2: the round keys of a 16 or 32 byte key, 176 or 240 bytes.
 * 0 or -errno. */
int vhsm_aes_schedule(const uint8_t *key, size_t key_len,
		      uint8_t schedule[VHSM_AES_SCHEDULE_MAX], size_t *len);

#endif /* VHSM_TRACES_H */
