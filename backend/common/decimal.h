/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.h - decimal numbers that a guest wrote. */
#ifndef VHSM_DECIMAL_H
#define VHSM_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_DECIMAL_ROOM	16u	/* a longer text is no number */

/*
 * Reads a decimal number of 1 to 10 digits without sign, blank or leading zero,
 * not over 2^32 - 1.  0 or -EINVAL.
 */
int vhsm_decimal_parse(const char *untrusted, size_t len, uint32_t *value);

#endif /* VHSM_DECIMAL_H */
