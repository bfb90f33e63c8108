/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - key types and statuses in words: the same ones for vhsmctl, the
 * audit log and JSON.
 */
#include <config.h>

#include <string.h>

#include "ops/ops.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{ VHSM_KEY_AES_128, "aes-128" },
	{ VHSM_KEY_AES_256, "aes-256" },
	{ VHSM_KEY_CHACHA20, "chacha20" },
	{ VHSM_KEY_HMAC, "hmac" },
	{ VHSM_KEY_EC_P256, "ec-p256" },
	{ VHSM_KEY_EC_P384, "ec-p384" },
	{ VHSM_KEY_ED25519, "ed25519" },
	{ VHSM_KEY_RSA_2048, "rsa-2048" },
	{ VHSM_KEY_RSA_3072, "rsa-3072" },
	{ VHSM_KEY_RSA_4096, "rsa-4096" },
};

static const struct {
	uint16_t status;
	const char *name;
} statuses[] = {
	{ VHSM_S_OK, "ok" },
	{ VHSM_S_BAD_OP, "bad-op" },
	{ VHSM_S_BAD_MECHANISM, "bad-mechanism" },
	{ VHSM_S_BAD_FLAGS, "bad-flags" },
	{ VHSM_S_BAD_RESERVED, "bad-reserved" },
	{ VHSM_S_BAD_SEGMENT, "bad-segment" },
	{ VHSM_S_OVERLAP, "overlap" },
	{ VHSM_S_BAD_LENGTH, "bad-length" },
	{ VHSM_S_TOO_LARGE, "too-large" },
	{ VHSM_S_TOO_SMALL, "too-small" },
	{ VHSM_S_BAD_NAME, "bad-name" },
	{ VHSM_S_NO_KEY, "no-key" },
	{ VHSM_S_BAD_HANDLE, "bad-handle" },
	{ VHSM_S_NOT_PERMITTED, "not-permitted" },
	{ VHSM_S_WRONG_TYPE, "wrong-type" },
	{ VHSM_S_DISABLED, "disabled" },
	{ VHSM_S_REVOKED, "revoked" },
	{ VHSM_S_BAD_SIGNATURE, "bad-signature" },
	{ VHSM_S_BAD_TAG, "bad-tag" },
	{ VHSM_S_QUOTA, "quota" },
	{ VHSM_S_NOT_FOUND, "not-found" },
	{ VHSM_S_NO_VERSION, "no-version" },
	{ VHSM_S_UNAPPROVED, "unapproved" },
	{ VHSM_S_LEASE_STALE, "lease-stale" },
	{ VHSM_S_VERIFY_ONLY, "verify-only" },
	{ VHSM_S_BUSY, "busy" },
	{ VHSM_S_CANCELLED, "cancelled" },
	{ VHSM_S_GONE, "gone" },
	{ VHSM_S_THROTTLED, "throttled" },
	{ VHSM_S_INTERNAL, "internal" },
};

uint16_t vhsm_key_type_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return 0;
}

const char *vhsm_key_type_name(uint16_t type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

const char *vhsm_status_name(uint16_t status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "unknown";
}
