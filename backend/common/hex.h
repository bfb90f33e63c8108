/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.h - bytes as hexadecimal text.
 *
 * Decoding takes no branch and no table entry that depends on a digit, because
 * keys are decoded, too.
 */
#ifndef VHSM_HEX_H
#define VHSM_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Writes 2 * len lower-case digits and a NUL to out. */
void vhsm_hex_encode(const uint8_t *bytes, size_t len, char *out);
/* Reads exactly 2 * len digits of either case, then the end of text; text may
 * be NULL.  0 or -EINVAL. */
int vhsm_hex_decode(const char *text, uint8_t *out, size_t len);
/* The same, of lower-case digits alone: such a text has one form only. */
int vhsm_hex_decode_lower(const char *text, uint8_t *out, size_t len);

#endif /* VHSM_HEX_H */
