/* SPDX-License-Identifier: Apache-2.0 */
/* key-list.c - see key-list.h. */
#include "common/key-list.h"

#include <string.h>

#define VHSMIF_NO_RING
#include "vhsmif.h"

/* The bytes of a key's name (vhsmif.h), and of a glob. */
static const char name_bytes[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*?[]!";

bool vhsm_key_list_check(const char *text)
{
	size_t len;

	if (!text[0])
		return true;
	if (strlen(text) >= VHSM_KEY_LIST_LEN)
		return false;
	for (;;) {
		len = strspn(text, name_bytes);
		if (len < 1 || len > VHSM_NAME_MAX ||
		    text[0] == '.' || text[0] == '-')
			return false;
		if (!text[len])
			return true;
		if (text[len] != '+')
			return false;
		text += len + 1;
	}
}
