/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chacha20-poly1305.c - the AEAD of RFC 8439.
 */
#include <config.h>

#include <errno.h>
#include <openssl/rand.h>

#include "ops/internal.h"

#define KEY_LEN 32u

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	if (type != VHSM_KEY_CHACHA20)
		return -EINVAL;
	if (*len < KEY_LEN)
		return -ENOSPC;
	*len = KEY_LEN;
	return RAND_priv_bytes(out, KEY_LEN) == 1 ? 0 : -EIO;
}

static int check(const struct vhsm_material *m)
{
	return m->type == VHSM_KEY_CHACHA20 && m->len == KEY_LEN ? 0 : -EINVAL;
}

static struct vhsm_context *context_new(const struct vhsm_material *m,
					struct vhsm_nonce_source *nonces)
{
	if (check(m) < 0)
		return NULL;
	return vhsm_aead_new(vhsm_algorithms.chacha20_poly1305, m, nonces);
}

static const struct vhsm_aead_vector rfc_8439 = {
	"ChaCha20-Poly1305, RFC 8439 section 2.8.2",
	VHSM_KEY_CHACHA20, VHSM_MECH_CHACHA20_POLY1305,
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	"070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	"4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	"73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	"6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	"637265656e20776f756c642062652069742e",
	"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	"3ff4def08e4b7a9de576d26586cec64b6116",
	"1ae10b594f09e26a7e902ecbd0600691",
};

static int self_test(const char **what)
{
	*what = rfc_8439.name;
	return vhsm_aead_answers(&vhsm_family_chacha20_poly1305, &rfc_8439) ?
		0 : -1;
}

const struct vhsm_family vhsm_family_chacha20_poly1305 = {
	.name = "chacha20-poly1305",
	.generate = generate,
	.check = check,
	.context_new = context_new,
	.context_free = vhsm_aead_free,
	.run = vhsm_aead_run,
	.self_test = self_test,
};
