/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - mechanisms and key types by name, and which goes with which.
 */
#include "vhsm/vhsm.h"

#include <stddef.h>
#include <strings.h>

struct name_row {
	uint16_t number;
	const char *name;
};

#define HASHED(mech, text) \
	{ (mech) | VHSM_HASH_SHA256, text "-sha256" }, \
	{ (mech) | VHSM_HASH_SHA384, text "-sha384" }, \
	{ (mech) | VHSM_HASH_SHA512, text "-sha512" }

static const struct name_row mechanisms[] = {
	{ VHSM_MECH_AES_GCM, "aes-gcm" },
	{ VHSM_MECH_CHACHA20_POLY1305, "chacha20-poly1305" },
	HASHED(VHSM_MECH_HMAC, "hmac"),
	HASHED(VHSM_MECH_ECDSA, "ecdsa"),
	{ VHSM_MECH_EDDSA, "eddsa" },
	HASHED(VHSM_MECH_RSA_PKCS1, "rsa-pkcs1"),
	HASHED(VHSM_MECH_RSA_PSS, "rsa-pss"),
};

/* A key type, its name and its usual mechanism, which is the one that other
 * tools expect when nothing is said. */
static const struct type_row {
	uint16_t type;
	uint16_t mechanism;
	const char *name;
} types[] = {
	{ VHSM_KEY_AES_128, VHSM_MECH_AES_GCM, "aes-128" },
	{ VHSM_KEY_AES_256, VHSM_MECH_AES_GCM, "aes-256" },
	{ VHSM_KEY_CHACHA20, VHSM_MECH_CHACHA20_POLY1305, "chacha20" },
	{ VHSM_KEY_HMAC, VHSM_MECH_HMAC | VHSM_HASH_SHA256, "hmac" },
	{ VHSM_KEY_EC_P256, VHSM_MECH_ECDSA | VHSM_HASH_SHA256, "ec-p256" },
	{ VHSM_KEY_EC_P384, VHSM_MECH_ECDSA | VHSM_HASH_SHA384, "ec-p384" },
	{ VHSM_KEY_ED25519, VHSM_MECH_EDDSA, "ed25519" },
	{ VHSM_KEY_RSA_2048, VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256,
		"rsa-2048" },
	{ VHSM_KEY_RSA_3072, VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256,
		"rsa-3072" },
	{ VHSM_KEY_RSA_4096, VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256,
		"rsa-4096" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const char *vhsm_mechanism_name(uint16_t mechanism)
{
	size_t i;

	for (i = 0; i < COUNT(mechanisms); i++)
		if (mechanisms[i].number == mechanism)
			return mechanisms[i].name;
	return NULL;
}

uint16_t vhsm_mechanism_parse(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(mechanisms); i++)
		if (!strcasecmp(mechanisms[i].name, name))
			return mechanisms[i].number;
	return 0;
}

uint16_t vhsm_mechanism_default(uint16_t key_type)
{
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (types[i].type == key_type)
			return types[i].mechanism;
	return 0;
}

const char *vhsm_key_type_name(uint16_t key_type)
{
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (types[i].type == key_type)
			return types[i].name;
	return NULL;
}
