/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.c - hexadecimal and UUID text.
 */
#include <errno.h>
#include <string.h>

#include "hex.h"

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

/* Where the hyphens stand, by byte. */
static int hyphen_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void vhsm_uuid_encode(const uint8_t uuid[VHSM_UUID_LEN], char *out)
{
	size_t i;

	for (i = 0; i < VHSM_UUID_LEN; i++) {
		if (hyphen_before(i))
			*out++ = '-';
		vhsm_hex_encode(&uuid[i], 1, out);
		out += 2;
	}
}

int vhsm_uuid_decode(const char *text, uint8_t uuid[VHSM_UUID_LEN])
{
	char digits[2 * VHSM_UUID_LEN + 1];
	size_t i, n = 0;

	if (text == NULL || strlen(text) != VHSM_UUID_TEXT_LEN)
		return -EINVAL;
	for (i = 0; i < VHSM_UUID_LEN; i++) {
		if (hyphen_before(i) && *text++ != '-')
			return -EINVAL;
		digits[n++] = *text++;
		digits[n++] = *text++;
	}
	digits[n] = '\0';
	return vhsm_hex_decode(digits, uuid, VHSM_UUID_LEN);
}
