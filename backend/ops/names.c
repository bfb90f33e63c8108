/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - key types and statuses in words: the same ones for vhsmctl, the
 * audit log and JSON.
 */
#include <config.h>

#include <string.h>

#include "ops.h"

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
	const char *text;
} statuses[] = {
	{ VHSM_S_OK, "ok", "success" },
	{ VHSM_S_BAD_OP, "bad-op", "no such operation in this version" },
	{ VHSM_S_BAD_MECHANISM, "bad-mechanism",
	  "no such mechanism, or not for this operation" },
	{ VHSM_S_BAD_FLAGS, "bad-flags",
	  "a flag is unknown, or not for this operation" },
	{ VHSM_S_BAD_RESERVED, "bad-reserved", "a reserved field is not zero" },
	{ VHSM_S_BAD_SEGMENT, "bad-segment",
	  "a segment is outside the pool, or not for this operation" },
	{ VHSM_S_OVERLAP, "overlap", "segments overlap" },
	{ VHSM_S_BAD_LENGTH, "bad-length",
	  "a length this operation does not take" },
	{ VHSM_S_TOO_LARGE, "too-large", "larger than the device allows" },
	{ VHSM_S_TOO_SMALL, "too-small", "the output has too little room" },
	{ VHSM_S_BAD_NAME, "bad-name", "not a valid key name" },
	{ VHSM_S_NO_KEY, "no-key", "no key of this name for this domain" },
	{ VHSM_S_BAD_HANDLE, "bad-handle",
	  "not a key handle of this connection" },
	{ VHSM_S_NOT_PERMITTED, "not-permitted",
	  "the key may not be used for this" },
	{ VHSM_S_WRONG_TYPE, "wrong-type",
	  "the key is of another type than the mechanism needs" },
	{ VHSM_S_DISABLED, "disabled", "the key is disabled" },
	{ VHSM_S_REVOKED, "revoked", "the key is revoked" },
	{ VHSM_S_BAD_SIGNATURE, "bad-signature",
	  "the signature or MAC does not match" },
	{ VHSM_S_BAD_TAG, "bad-tag",
	  "authentication failed: wrong key, or the data was changed" },
	{ VHSM_S_QUOTA, "quota", "a limit of use is reached" },
	{ VHSM_S_NOT_FOUND, "not-found", "there is nothing to cancel" },
	{ VHSM_S_NO_VERSION, "no-version", "the key has no such version" },
	{ VHSM_S_UNAPPROVED, "unapproved", "revoked: guest not approved" },
	{ VHSM_S_LEASE_STALE, "lease-stale",
	  "the guest's monitor has not confirmed it recently" },
	{ VHSM_S_VERIFY_ONLY, "verify-only",
	  "the guest may only verify and decrypt" },
	{ VHSM_S_BUSY, "busy", "no room for more outstanding work; try again" },
	{ VHSM_S_CANCELLED, "cancelled", "cancelled" },
	{ VHSM_S_GONE, "gone", "the device went away; try again" },
	{ VHSM_S_THROTTLED, "throttled",
	  "the guest's rate is limited for now; try again" },
	{ VHSM_S_INTERNAL, "internal", "the backend failed; see its log" },
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

const char *vhsm_status_text(uint16_t status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "a status this version does not know";
}
