/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.c - blocking authenticated encryption.  Input and output share one
 * place in the slice (the in-place cipher of vhsmif.h), so a message may be
 * nearly as large as the slice.
 */
#include "lib/session.h"

#include <string.h>

struct aead_call {
	struct vhsm_request request;
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS];
	uint8_t *piece;
};

static int prepare(struct vhsm *h, struct aead_call *c, size_t aad_len,
		   size_t len)
{
	const size_t lens[VHSM_SEGMENTS] = {
		[VHSM_SEG_PARAM] = VHSM_NONCE_LEN, [VHSM_SEG_AAD] = aad_len,
		[VHSM_SEG_INPUT] = len, [VHSM_SEG_TAG] = VHSM_TAG_LEN,
	};

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	c->piece = vhsm_place(h, &c->request, lens, c->at);
	if (!c->piece)
		return -VHSM_E_NO_SPACE;
	c->request.u.seg[VHSM_SEG_OUTPUT] = c->request.u.seg[VHSM_SEG_INPUT];
	return 0;
}

/*
 * Runs the request.  The cipher works in place and custody may have written
 * part of the output before it went away, so each attempt starts by copying
 * the input in anew.
 */
static int run(struct vhsm *h, struct aead_call *c,
	       const void *aad, size_t aad_len, const void *in, size_t len,
	       const struct vhsm_aead *aead)
{
	int64_t deadline_ms = 0;
	int r;

	do {
		if (aad_len)
			memcpy(c->at[VHSM_SEG_AAD], aad, aad_len);
		if (len)
			memcpy(c->at[VHSM_SEG_INPUT], in, len);
		memcpy(c->at[VHSM_SEG_PARAM], aead->nonce, VHSM_NONCE_LEN);
		memcpy(c->at[VHSM_SEG_TAG], aead->tag, VHSM_TAG_LEN);
		r = vhsm_attempt(h, &c->request, &c->response);
	} while (vhsm_try_again(h, r, &deadline_ms));
	if (r == 0 && c->response.out_len != len)
		r = -VHSM_E_PROTOCOL;
	return r;
}

int vhsm_encrypt(struct vhsm *h, uint32_t key, uint16_t mechanism,
		 uint32_t flags, const void *aad, size_t aad_len,
		 const void *in, void *out, size_t len,
		 struct vhsm_aead *aead)
{
	struct aead_call c = {
		.request = {
			.op = VHSM_OP_ENCRYPT, .mechanism = mechanism,
			.flags = flags, .key = key,
		},
	};
	struct vhsm_aead given = { .key_version = 0 };
	int r = prepare(h, &c, aad_len, len);

	if (r < 0)
		return r;
	if (flags & VHSM_F_CALLER_NONCE)
		given = *aead;
	r = run(h, &c, aad, aad_len, in, len, &given);
	if (r == 0) {
		if (len)
			memcpy(out, c.at[VHSM_SEG_INPUT], len);
		memcpy(aead->nonce, c.at[VHSM_SEG_PARAM], VHSM_NONCE_LEN);
		memcpy(aead->tag, c.at[VHSM_SEG_TAG], VHSM_TAG_LEN);
		aead->key_version = c.response.key_version;
	}
	vhsm_slice_free(&h->slice, c.piece);
	return r;
}

int vhsm_decrypt(struct vhsm *h, uint32_t key, uint16_t mechanism,
		 const void *aad, size_t aad_len,
		 const void *in, void *out, size_t len,
		 const struct vhsm_aead *aead)
{
	struct aead_call c = {
		.request = {
			.op = VHSM_OP_DECRYPT, .mechanism = mechanism,
			.key = key, .key_version = aead->key_version,
		},
	};
	int r = prepare(h, &c, aad_len, len);

	if (r < 0)
		return r;
	r = run(h, &c, aad, aad_len, in, len, aead);
	if (r == 0 && len)
		memcpy(out, c.at[VHSM_SEG_INPUT], len);
	vhsm_slice_free(&h->slice, c.piece);
	return r;
}
