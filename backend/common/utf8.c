/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include <stddef.h>

/* Bytes of the character at s, by its first; 0: no character begins so. */
static size_t length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* The shortest form only, no surrogates, nothing above U+10FFFF. */
static int second_check(unsigned char first, unsigned char second)
{
	if (first == 0xe0)
		return second >= 0xa0;
	if (first == 0xed)
		return second <= 0x9f;
	if (first == 0xf0)
		return second >= 0x90;
	return first != 0xf4 || second <= 0x8f;
}

static size_t character(const unsigned char *s)
{
	size_t len = length_of(s[0]);

	/* The NUL at the end is no continuation. */
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len > 1 && !second_check(s[0], s[1]) ? 0 : len;
}

char *vhsm_utf8_mend(char *text)
{
	size_t len;

	for (unsigned char *s = (unsigned char *)text; *s; s += len) {
		len = character(s);
		if (len == 0) {
			*s = '?';
			len = 1;
		}
	}
	return text;
}
