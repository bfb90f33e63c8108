/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.c - hexadecimal text.
 */
#include <errno.h>
#include <string.h>

#include "common/hex.h"

void vhsm_hex_encode(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

/* All ones if low <= c <= high, else 0; no branch on a digit of a key. */
static unsigned in_range(unsigned c, unsigned low, unsigned high)
{
	return (((c - low) | (high - c)) >> 31) - 1u;
}

/* 0..15, or a value over 255. */
static unsigned digit_value(unsigned char c)
{
	unsigned value = 256, mask;

	mask = in_range(c, '0', '9');
	value = (value & ~mask) | ((c - '0') & mask);
	mask = in_range(c, 'a', 'f');
	value = (value & ~mask) | ((c - 'a' + 10u) & mask);
	mask = in_range(c, 'A', 'F');
	value = (value & ~mask) | ((c - 'A' + 10u) & mask);
	return value;
}

int vhsm_hex_decode(const char *text, uint8_t *out, size_t len)
{
	unsigned high, low;
	size_t i;

	if (text == NULL || strlen(text) != 2 * len)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		high = digit_value((unsigned char)text[2 * i]);
		low = digit_value((unsigned char)text[2 * i + 1]);
		if ((high | low) > 15)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int vhsm_hex_decode_lower(const char *text, uint8_t *out, size_t len)
{
	if (text == NULL || strpbrk(text, "ABCDEF") != NULL)
		return -EINVAL;
	return vhsm_hex_decode(text, out, len);
}
