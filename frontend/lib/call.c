/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - the blocking calls: copy into the slice, run, copy out.  A request
 * takes one piece of the slice for all it names; the piece is wiped when it is
 * freed.  While the device is away or busy the request is run again: every
 * operation of version 1 may be repeated.
 */
#include "lib/session.h"

#include <errno.h>
#include <string.h>

#define MAC_MAX		64u	/* HMAC-SHA-512 */
#define PAUSE_NS	5000000	/* between attempts */

/* Whether the first attempt may have spoilt the input of a second. */
static bool in_place(const struct vhsm_request *request)
{
	const struct vhsm_segment *seg = request->u.seg;

	return (request->op == VHSM_OP_ENCRYPT ||
		request->op == VHSM_OP_DECRYPT) &&
	       seg[VHSM_SEG_INPUT].len &&
	       seg[VHSM_SEG_INPUT].offset == seg[VHSM_SEG_OUTPUT].offset;
}

int vhsm_attempt(struct vhsm *h, const struct vhsm_request *request,
		 struct vhsm_response *response)
{
	int r = vhsm_exchange_one(h, request, response);

	return r < 0 ? r : vhsm_status_error(response->status);
}

bool vhsm_try_again(struct vhsm *h, int r, int64_t *deadline_ms)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	bool back = false;

	if (r != -VHSM_E_GONE && r != -VHSM_E_BUSY)
		return false;
	if (!*deadline_ms)
		*deadline_ms = vhsm_now_ms() + h->retry_ms;
	if (vhsm_now_ms() >= *deadline_ms)
		return false;
	if (r == -VHSM_E_GONE && h->transport->ops->reconnect) {
		pthread_mutex_lock(&h->lock);
		back = vhsm_reconnect(h) == 0;
		pthread_mutex_unlock(&h->lock);
	}
	if (!back)
		nanosleep(&pause, NULL);
	return true;
}

int vhsm_run(struct vhsm *h, const struct vhsm_request *request,
	     struct vhsm_response *response)
{
	int64_t deadline_ms = 0;
	int r;

	do
		r = vhsm_attempt(h, request, response);
	while (!(r == -VHSM_E_GONE && in_place(request)) &&
	       vhsm_try_again(h, r, &deadline_ms));
	return r;
}

uint8_t *vhsm_place(struct vhsm *h, struct vhsm_request *request,
		    const size_t len[VHSM_SEGMENTS],
		    uint8_t *at[VHSM_SEGMENTS])
{
	const size_t mask = VHSM_SLICE_ALIGN - 1;
	uint8_t *piece, *next;
	size_t total = 0;
	unsigned i;

	for (i = 0; i < VHSM_SEGMENTS; i++) {
		if (len[i] > h->slice.len)
			return NULL;
		total += (len[i] + mask) & ~mask;
	}
	piece = vhsm_slice_alloc(&h->slice, total, h->retry_ms);
	if (!piece)
		return NULL;
	for (next = piece, i = 0; i < VHSM_SEGMENTS; i++) {
		at[i] = len[i] ? next : NULL;
		if (!len[i])
			continue;
		request->u.seg[i].offset = (uint32_t)(next - h->slice.base);
		request->u.seg[i].len = (uint32_t)len[i];
		next += (len[i] + mask) & ~mask;
	}
	return piece;
}

static void copy_in(uint8_t *at, const void *from, size_t len)
{
	if (len)
		memcpy(at, from, len);
}

int vhsm_call(struct vhsm *h, const struct vhsm_request *request,
	      struct vhsm_response *result)
{
	struct vhsm_response own;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (request->op == VHSM_OP_KEY_OPEN || request->op == VHSM_OP_CANCEL)
		return -EINVAL;
	return vhsm_run(h, request, result ? result : &own);
}

/* SIGN and MAC: a message in, a short value out. */
static int produce(struct vhsm *h, struct vhsm_request *request,
		   const void *msg, size_t msg_len, size_t room,
		   void *out, size_t *out_len)
{
	const size_t len[VHSM_SEGMENTS] = {
		[VHSM_SEG_INPUT] = msg_len, [VHSM_SEG_OUTPUT] = room,
	};
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS], *piece;
	int r;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	piece = vhsm_place(h, request, len, at);
	if (!piece)
		return -VHSM_E_NO_SPACE;
	copy_in(at[VHSM_SEG_INPUT], msg, msg_len);
	r = vhsm_run(h, request, &response);
	if (r == 0 && response.out_len > *out_len)
		r = -VHSM_E_TOO_SMALL;
	if (r == 0)
		memcpy(out, at[VHSM_SEG_OUTPUT], response.out_len);
	if (r == 0 || r == -VHSM_E_TOO_SMALL)
		*out_len = response.out_len;
	vhsm_slice_free(&h->slice, piece);
	return r;
}

/* VERIFY and MAC_VERIFY: a message and what is claimed of it in. */
static int check(struct vhsm *h, struct vhsm_request *request,
		 const void *msg, size_t msg_len,
		 const void *tag, size_t tag_len)
{
	const size_t len[VHSM_SEGMENTS] = {
		[VHSM_SEG_INPUT] = msg_len, [VHSM_SEG_TAG] = tag_len,
	};
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS], *piece;
	int r;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (!tag_len)
		return -VHSM_E_BAD_SIGNATURE;
	piece = vhsm_place(h, request, len, at);
	if (!piece)
		return -VHSM_E_NO_SPACE;
	copy_in(at[VHSM_SEG_INPUT], msg, msg_len);
	copy_in(at[VHSM_SEG_TAG], tag, tag_len);
	r = vhsm_run(h, request, &response);
	vhsm_slice_free(&h->slice, piece);
	return r;
}

int vhsm_sign(struct vhsm *h, uint32_t key, uint16_t mechanism, uint32_t flags,
	      const void *msg, size_t msg_len, void *sig, size_t *sig_len)
{
	struct vhsm_request request = {
		.op = VHSM_OP_SIGN, .mechanism = mechanism, .flags = flags,
		.key = key,
	};

	return produce(h, &request, msg, msg_len, VHSM_SIG_MAX, sig, sig_len);
}

int vhsm_verify(struct vhsm *h, uint32_t key, uint16_t mechanism,
		uint32_t flags, const void *msg, size_t msg_len,
		const void *sig, size_t sig_len)
{
	struct vhsm_request request = {
		.op = VHSM_OP_VERIFY, .mechanism = mechanism, .flags = flags,
		.key = key,
	};

	return check(h, &request, msg, msg_len, sig, sig_len);
}

int vhsm_mac(struct vhsm *h, uint32_t key, uint16_t mechanism,
	     const void *msg, size_t msg_len, void *mac, size_t *mac_len)
{
	struct vhsm_request request = {
		.op = VHSM_OP_MAC, .mechanism = mechanism, .key = key,
	};

	return produce(h, &request, msg, msg_len, MAC_MAX, mac, mac_len);
}

int vhsm_mac_verify(struct vhsm *h, uint32_t key, uint16_t mechanism,
		    const void *msg, size_t msg_len,
		    const void *mac, size_t mac_len)
{
	struct vhsm_request request = {
		.op = VHSM_OP_MAC_VERIFY, .mechanism = mechanism, .key = key,
	};

	return check(h, &request, msg, msg_len, mac, mac_len);
}

int vhsm_random(struct vhsm *h, void *out, size_t len)
{
	size_t lens[VHSM_SEGMENTS] = { 0 }, *some = &lens[VHSM_SEG_OUTPUT];
	const size_t most = h->slice.len / 2 < VHSM_RANDOM_MAX ?
		h->slice.len / 2 : VHSM_RANDOM_MAX;
	struct vhsm_request request;
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS], *piece, *next = out;
	int r = 0;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	for (; len && r == 0; len -= *some, next += *some) {
		*some = len < most ? len : most;
		request = (struct vhsm_request) { .op = VHSM_OP_RANDOM };
		piece = vhsm_place(h, &request, lens, at);
		if (!piece)
			return -VHSM_E_NO_SPACE;
		r = vhsm_run(h, &request, &response);
		if (r == 0 && response.out_len != *some)
			r = -VHSM_E_PROTOCOL;
		if (r == 0)
			memcpy(next, at[VHSM_SEG_OUTPUT], *some);
		vhsm_slice_free(&h->slice, piece);
	}
	return r;
}
