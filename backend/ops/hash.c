/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "ops/internal.h"

size_t vhsm_hash_len(unsigned hash)
{
	switch (hash) {
	case VHSM_HASH_SHA256:
		return 32;
	case VHSM_HASH_SHA384:
		return 48;
	case VHSM_HASH_SHA512:
		return 64;
	default:
		return 0;
	}
}

const char *vhsm_hash_openssl_name(unsigned hash)
{
	switch (hash) {
	case VHSM_HASH_SHA256:
		return "SHA256";
	case VHSM_HASH_SHA384:
		return "SHA384";
	case VHSM_HASH_SHA512:
		return "SHA512";
	default:
		return NULL;
	}
}

enum vhsm_status vhsm_hash_input(EVP_MD_CTX *md, const struct vhsm_operation *o,
				 uint8_t *digest, size_t *len)
{
	unsigned hash = VHSM_MECH_HASH(o->mechanism);
	unsigned written;

	*len = vhsm_hash_len(hash);
	if (*len == 0)
		return VHSM_S_BAD_MECHANISM;
	if (o->flags & VHSM_F_DIGEST) {
		if (o->input_len != *len)
			return VHSM_S_BAD_LENGTH;
		memcpy(digest, o->input, *len);
		return VHSM_S_OK;
	}
	if (!EVP_DigestInit_ex2(md, vhsm_algorithms.md[hash - 1], NULL) ||
	    !EVP_DigestUpdate(md, o->input, o->input_len) ||
	    !EVP_DigestFinal_ex(md, digest, &written) || written != *len)
		return VHSM_S_INTERNAL;
	return VHSM_S_OK;
}
