/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - the typed builders of requests: which segment is what is told
 * by vhsmif.h, and only here and there.
 */
#include "vhsm/vhsm.h"

void vhsm_request_nop(struct vhsm_request *r, uint64_t cookie)
{
	*r = (struct vhsm_request) { .id = cookie, .op = VHSM_OP_NOP };
}

void vhsm_request_sign(struct vhsm_request *r, uint64_t cookie, uint32_t key,
		       uint16_t mechanism, uint32_t flags,
		       struct vhsm_segment input, struct vhsm_segment output)
{
	*r = (struct vhsm_request) {
		.id = cookie, .op = VHSM_OP_SIGN, .mechanism = mechanism,
		.flags = flags, .key = key,
	};
	r->u.seg[VHSM_SEG_INPUT] = input;
	r->u.seg[VHSM_SEG_OUTPUT] = output;
}

void vhsm_request_verify(struct vhsm_request *r, uint64_t cookie, uint32_t key,
			 uint16_t mechanism, uint32_t flags,
			 struct vhsm_segment input,
			 struct vhsm_segment signature)
{
	*r = (struct vhsm_request) {
		.id = cookie, .op = VHSM_OP_VERIFY, .mechanism = mechanism,
		.flags = flags, .key = key,
	};
	r->u.seg[VHSM_SEG_INPUT] = input;
	r->u.seg[VHSM_SEG_TAG] = signature;
}

void vhsm_request_encrypt(struct vhsm_request *r, uint64_t cookie,
			  uint32_t key, uint16_t mechanism, uint32_t flags,
			  struct vhsm_segment nonce, struct vhsm_segment aad,
			  struct vhsm_segment input,
			  struct vhsm_segment output,
			  struct vhsm_segment tag)
{
	*r = (struct vhsm_request) {
		.id = cookie, .op = VHSM_OP_ENCRYPT, .mechanism = mechanism,
		.flags = flags, .key = key,
	};
	r->u.seg[VHSM_SEG_PARAM] = nonce;
	r->u.seg[VHSM_SEG_AAD] = aad;
	r->u.seg[VHSM_SEG_INPUT] = input;
	r->u.seg[VHSM_SEG_OUTPUT] = output;
	r->u.seg[VHSM_SEG_TAG] = tag;
}

void vhsm_request_decrypt(struct vhsm_request *r, uint64_t cookie,
			  uint32_t key, uint32_t key_version,
			  uint16_t mechanism,
			  struct vhsm_segment nonce, struct vhsm_segment aad,
			  struct vhsm_segment input,
			  struct vhsm_segment output,
			  struct vhsm_segment tag)
{
	vhsm_request_encrypt(r, cookie, key, mechanism, 0, nonce, aad, input,
			     output, tag);
	r->op = VHSM_OP_DECRYPT;
	r->key_version = key_version;
}

void vhsm_request_mac(struct vhsm_request *r, uint64_t cookie, uint32_t key,
		      uint16_t mechanism, struct vhsm_segment input,
		      struct vhsm_segment output)
{
	vhsm_request_sign(r, cookie, key, mechanism, 0, input, output);
	r->op = VHSM_OP_MAC;
}

void vhsm_request_mac_verify(struct vhsm_request *r, uint64_t cookie,
			     uint32_t key, uint16_t mechanism,
			     struct vhsm_segment input,
			     struct vhsm_segment mac)
{
	vhsm_request_verify(r, cookie, key, mechanism, 0, input, mac);
	r->op = VHSM_OP_MAC_VERIFY;
}

void vhsm_request_random(struct vhsm_request *r, uint64_t cookie,
			 struct vhsm_segment output)
{
	*r = (struct vhsm_request) { .id = cookie, .op = VHSM_OP_RANDOM };
	r->u.seg[VHSM_SEG_OUTPUT] = output;
}
