/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "uuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int vhsm_uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned nibble = 0;

	if (strlen(text) != VHSM_UUID_TEXT - 1)
		return -EINVAL;
	memset(uuid, 0, 16);
	for (unsigned i = 0; i < VHSM_UUID_TEXT - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		if (digit(text[i]) < 0)
			return -EINVAL;
		uuid[nibble / 2] |= digit(text[i]) << (nibble % 2 ? 0 : 4);
		nibble++;
	}
	return 0;
}

void vhsm_uuid_format(const uint8_t uuid[16], char text[VHSM_UUID_TEXT])
{
	for (unsigned i = 0, out = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[out++] = '-';
		snprintf(text + out, 3, "%02x", uuid[i]);
		out += 2;
	}
}
