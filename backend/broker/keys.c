/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "broker.h"

/* A key's name (vhsmif.h), and what makes a glob of it. */
static const char name_bytes[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*?[]!";

bool vhsm_keys_check(const char *text)
{
	size_t len;

	if (!text[0])
		return true;
	if (strlen(text) >= sizeof(((struct vhsm_identity *)0)->keys))
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
