/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - the input of digest.h.
 *
 * Custody hashes what fits the session's shared memory.  A larger message is
 * hashed here, with a note, since the signature is the same; Ed25519 has no
 * such form (RFC 8032 takes the message twice) and is refused.
 */
#include "cli/digest.h"

#include "cli/data-file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define MESSAGE_MAX	(1u << 30)
#define SMALL_VALUES	4096u	/* the signature and alignment beside it */

static const EVP_MD *hash_of(uint16_t mechanism)
{
	switch (VHSM_MECH_HASH(mechanism)) {
	case VHSM_HASH_SHA256: return EVP_sha256();
	case VHSM_HASH_SHA384: return EVP_sha384();
	case VHSM_HASH_SHA512: return EVP_sha512();
	default: return NULL;
	}
}

static int replace_by_digest(struct cli *c, const EVP_MD *hash,
			     struct digest_input *in)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!hash)
		return cli_error(file_name(c->in, "standard input"),
				 -VHSM_E_TOO_LARGE);
	if (EVP_Digest(in->data, in->len, digest, &len, hash, NULL) != 1)
		return cli_error("hashing", -ENOMEM);
	cli_note("%zu bytes are more than the device's shared memory takes: "
		 "hashed here instead", in->len);
	for (in->len = 0; in->len < len; in->len++)
		in->data[in->len] = digest[in->len];
	in->flags = VHSM_F_DIGEST;
	return CLI_OK;
}

int digest_input(struct cli *c, uint16_t mechanism, struct digest_input *in)
{
	const char *name = file_name(c->in, "standard input");
	struct vhsm_info info;
	int r;

	*in = (struct digest_input) { .flags = c->digest ? VHSM_F_DIGEST : 0 };
	r = file_read(c->in, MESSAGE_MAX, &in->data, &in->len);
	if (r < 0)
		return cli_error(name, r);
	if (c->digest)
		return CLI_OK;
	r = vhsm_info(c->h, &info);
	if (r < 0)
		return cli_error("the device's state", r);
	if (in->len <= VHSM_INPUT_MAX &&
	    in->len + SMALL_VALUES <= info.slice_len)
		return CLI_OK;
	return replace_by_digest(c, hash_of(mechanism), in);
}
