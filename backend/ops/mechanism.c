/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism.c - the table of all that custody can do.  A mechanism's place is
 * computed from its number, so finding one takes the same time for each, and
 * for those that do not exist.
 */
#include <config.h>

#include "ops/internal.h"

#define SLOT(id) (((id) >> 8) * (VHSM_HASHES + 1) + ((id) & 0xff))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define AEAD_USES (VHSM_USE_ENCRYPT | VHSM_USE_DECRYPT)
#define MAC_USES (VHSM_USE_MAC | VHSM_USE_MAC_VERIFY)
#define SIGN_USES (VHSM_USE_SIGN | VHSM_USE_VERIFY)
#define EC_TYPES { VHSM_KEY_EC_P256, VHSM_KEY_EC_P384 }
#define RSA_TYPES { VHSM_KEY_RSA_2048, VHSM_KEY_RSA_3072, VHSM_KEY_RSA_4096 }

#define ROW(id_, name_, usages_, family_, ...) [SLOT(id_)] = { \
	.id = (id_), .name = (name_), .usages = (usages_), \
	.types = __VA_ARGS__, .family = &vhsm_family_##family_ }
#define ROW_PER_HASH(id_, name_, usages_, family_, ...) \
	ROW((id_) | VHSM_HASH_SHA256, name_ "-sha256", usages_, family_, \
	    __VA_ARGS__), \
	ROW((id_) | VHSM_HASH_SHA384, name_ "-sha384", usages_, family_, \
	    __VA_ARGS__), \
	ROW((id_) | VHSM_HASH_SHA512, name_ "-sha512", usages_, family_, \
	    __VA_ARGS__)

static const struct vhsm_mechanism table[] = {
	ROW(VHSM_MECH_AES_GCM, "aes-gcm", AEAD_USES, aes_gcm,
	    { VHSM_KEY_AES_128, VHSM_KEY_AES_256 }),
	ROW(VHSM_MECH_CHACHA20_POLY1305, "chacha20-poly1305", AEAD_USES,
	    chacha20_poly1305, { VHSM_KEY_CHACHA20 }),
	ROW_PER_HASH(VHSM_MECH_HMAC, "hmac", MAC_USES, hmac,
		     { VHSM_KEY_HMAC }),
	ROW_PER_HASH(VHSM_MECH_ECDSA, "ecdsa", SIGN_USES, ecdsa, EC_TYPES),
	ROW(VHSM_MECH_EDDSA, "eddsa", SIGN_USES, eddsa,
	    { VHSM_KEY_ED25519 }),
	ROW_PER_HASH(VHSM_MECH_RSA_PKCS1, "rsa-pkcs1", SIGN_USES, rsa,
		     RSA_TYPES),
	ROW_PER_HASH(VHSM_MECH_RSA_PSS, "rsa-pss", SIGN_USES, rsa, RSA_TYPES),
};

const struct vhsm_mechanism *vhsm_mechanism_find(uint16_t id)
{
	size_t slot = SLOT((size_t)id);

	if (VHSM_MECH_HASH(id) > VHSM_HASHES || slot >= COUNT(table) ||
	    table[slot].id != id || id == 0)
		return NULL;
	return &table[slot];
}

const struct vhsm_mechanism *vhsm_mechanism_at(size_t i)
{
	for (size_t slot = 0; slot < COUNT(table); slot++)
		if (table[slot].id && i-- == 0)
			return &table[slot];
	return NULL;
}

bool vhsm_mechanism_takes(const struct vhsm_mechanism *mechanism,
			  uint16_t key_type)
{
	for (size_t i = 0; i < COUNT(mechanism->types); i++) {
		if (!mechanism->types[i])
			break;
		if (mechanism->types[i] == key_type)
			return true;
	}
	return false;
}

const struct vhsm_family *vhsm_family_of_type(uint16_t key_type)
{
	for (size_t slot = 0; slot < COUNT(table); slot++)
		if (vhsm_mechanism_takes(&table[slot], key_type))
			return table[slot].family;
	return NULL;
}

uint32_t vhsm_usages_of_type(uint16_t key_type)
{
	uint32_t usages = 0;

	for (size_t slot = 0; slot < COUNT(table); slot++)
		if (vhsm_mechanism_takes(&table[slot], key_type))
			usages |= table[slot].usages;
	return usages;
}

/* Figures: OpenSSL 3.0 on one core.  P-384 has no fast code there and takes
 * 0.5 ms either way; RSA signing 0.3 to 7 ms, verifying 15 to 100 us. */
bool vhsm_operation_is_slow(uint16_t op, uint16_t key_type)
{
	switch (key_type) {
	case VHSM_KEY_EC_P384:
		return op == VHSM_OP_SIGN || op == VHSM_OP_VERIFY;
	case VHSM_KEY_RSA_2048:
	case VHSM_KEY_RSA_3072:
	case VHSM_KEY_RSA_4096:
		return op == VHSM_OP_SIGN;
	default:
		return false;
	}
}

uint32_t vhsm_usage_of(uint16_t op, uint32_t flags)
{
	switch (op) {
	case VHSM_OP_SIGN:
		return VHSM_USE_SIGN;
	case VHSM_OP_VERIFY:
		return VHSM_USE_VERIFY;
	case VHSM_OP_ENCRYPT:
		return flags & VHSM_F_CALLER_NONCE ?
			VHSM_USE_ENCRYPT | VHSM_USE_CALLER_NONCE :
			VHSM_USE_ENCRYPT;
	case VHSM_OP_DECRYPT:
		return VHSM_USE_DECRYPT;
	case VHSM_OP_MAC:
		return VHSM_USE_MAC;
	case VHSM_OP_MAC_VERIFY:
		return VHSM_USE_MAC_VERIFY;
	default:
		return 0;
	}
}
