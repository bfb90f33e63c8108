/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - words for attributes; selections.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <time.h>

#include "vault/names.h"
#include "vhsmif.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GLOB_MAX 128u

static const char *const states[] = {
	[VHSM_KEY_ENABLED] = "enabled",
	[VHSM_KEY_DISABLED] = "disabled",
	[VHSM_KEY_REVOKED] = "revoked",
	[VHSM_KEY_DESTROYED] = "destroyed",
};

static const struct {
	uint32_t bit;
	const char *name;
} usage_names[] = {
	{ VHSM_USE_SIGN, "sign" },
	{ VHSM_USE_VERIFY, "verify" },
	{ VHSM_USE_ENCRYPT, "encrypt" },
	{ VHSM_USE_DECRYPT, "decrypt" },
	{ VHSM_USE_MAC, "mac" },
	{ VHSM_USE_MAC_VERIFY, "mac-verify" },
	{ VHSM_USE_CALLER_NONCE, "caller-nonce" },
};

const char *vhsm_key_state_name(uint16_t state)
{
	return state < COUNT(states) ? states[state] : NULL;
}

uint16_t vhsm_key_state_from_name(const char *name)
{
	uint16_t i;

	for (i = 1; i < COUNT(states); i++)
		if (strcmp(states[i], name) == 0)
			return i;
	return 0;
}

json_t *vhsm_usages_encode(uint32_t usages)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < COUNT(usage_names); i++)
		if ((usages & usage_names[i].bit) != 0)
			json_array_append_new(array,
				json_string(usage_names[i].name));
	return array;
}

static uint32_t usage_bit(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < COUNT(usage_names); i++)
		if (strcmp(usage_names[i].name, name) == 0)
			return usage_names[i].bit;
	return 0;
}

int vhsm_usages_decode(const json_t *json, uint32_t *usages)
{
	uint32_t bit;
	size_t i;

	if (!json_is_array(json))
		return -EINVAL;
	*usages = 0;
	for (i = 0; i < json_array_size(json); i++) {
		bit = usage_bit(json_string_value(json_array_get(json, i)));
		if (bit == 0)
			return -EINVAL;
		*usages |= bit;
	}
	return 0;
}

json_t *vhsm_time_encode(int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[40];
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL)
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

bool vhsm_selection_check(const char *selection)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789._-*?[]!";
	size_t n;

	if (*selection == '\0')
		return true;
	for (;;) {
		n = strspn(selection, allowed);
		if (n == 0 || n >= GLOB_MAX)
			return false;
		selection += n;
		if (*selection == '\0')
			return true;
		if (*selection++ != '+')
			return false;
	}
}

bool vhsm_selection_matches(const char *selection, const char *name)
{
	char glob[GLOB_MAX];
	size_t n;

	if (*selection == '\0')
		return true;
	while (*selection != '\0') {
		n = strcspn(selection, "+");
		if (n > 0 && n < sizeof(glob)) {
			memcpy(glob, selection, n);
			glob[n] = '\0';
			if (fnmatch(glob, name, FNM_NOESCAPE) == 0)
				return true;
		}
		selection += n;
		selection += *selection == '+';
	}
	return false;
}

bool vhsm_key_type_has_nonce(uint16_t type)
{
	return type == VHSM_KEY_AES_128 || type == VHSM_KEY_AES_256 ||
	       type == VHSM_KEY_CHACHA20;
}
