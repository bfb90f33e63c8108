/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <openssl/crypto.h>
#include <string.h>

#include "ops/internal.h"

static unsigned nibble(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

size_t vhsm_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t len = 0;

	for (; hex[0] && hex[1] && len < room; hex += 2)
		out[len++] = nibble(hex[0]) << 4 | nibble(hex[1]);
	return len;
}

bool vhsm_signature_answers(const struct vhsm_family *family,
			    const struct vhsm_signature_vector *v)
{
	uint8_t message[64], signature[VHSM_SIG_MAX], out[VHSM_SIG_MAX];
	uint8_t key[2048];
	size_t len = vhsm_hex(v->signature, signature, sizeof(signature));
	struct vhsm_material m = {
		.type = v->type, .bytes = key,
		.len = vhsm_hex(v->key, key, sizeof(key)),
	};
	struct vhsm_operation o = {
		.op = VHSM_OP_VERIFY, .mechanism = v->mechanism,
		.input = message, .output = out, .output_len = sizeof(out),
		.input_len = vhsm_hex(v->message, message, sizeof(message)),
		.tag_len = len,
	};
	struct vhsm_context *c = family->context_new(&m, NULL);
	bool good;

	memcpy(o.tag, signature, len);
	good = c && family->run(c, &o) == VHSM_S_OK;
	o.op = VHSM_OP_SIGN;
	good = good && family->run(c, &o) == VHSM_S_OK;
	if (good && v->deterministic)
		good = o.out_len == len && memcmp(out, signature, len) == 0;
	if (good) {
		o.op = VHSM_OP_VERIFY;
		memcpy(o.tag, out, o.out_len);
		o.tag_len = o.out_len;
		good = family->run(c, &o) == VHSM_S_OK;
		o.tag[o.tag_len - 1] ^= 1;
		good = good && family->run(c, &o) == VHSM_S_BAD_SIGNATURE;
	}
	family->context_free(&c);
	return good;
}
