/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.h - bytes as lower-case hexadecimal, and domain UUIDs as people write
 * them.  Not constant time but for decode, which secrets pass through.
 */
#ifndef VHSM_HEX_H
#define VHSM_HEX_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_UUID_LEN		16u
#define VHSM_UUID_TEXT_LEN	36u

/* out takes 2 * len + 1 bytes. */
void vhsm_hex_encode(const uint8_t *bytes, size_t len, char *out);
/* Exactly 2 * len digits, either case, then the end.  0 or -EINVAL. */
int vhsm_hex_decode(const char *text, uint8_t *out, size_t len);

/* 8-4-4-4-12; out takes VHSM_UUID_TEXT_LEN + 1 bytes. */
void vhsm_uuid_encode(const uint8_t uuid[VHSM_UUID_LEN], char *out);
int vhsm_uuid_decode(const char *text, uint8_t uuid[VHSM_UUID_LEN]);

#endif /* VHSM_HEX_H */
