// SPDX-License-Identifier: Apache-2.0
/*
 * request.c - what each op does.  The request has been copied; nothing here
 * reads the ring, and the pool only through vhsm_call or vhsm_pool_copy.
 */
#include <config.h>

#include "engine/request.h"

#include <string.h>

#include "engine/engine.h"
#include "transport/guest-input.h"

#define WORK_SIGNATURE 131072u		/* some 40 us */
#define WORK_REQUEST 256u
#define LIST_MAX 64u			/* keys described at a time */

uint64_t vhsm_request_work(const struct vhsm_request *request)
{
	uint64_t work = WORK_REQUEST;

	if (request->op == VHSM_OP_CANCEL)
		return work;
	work += request->u.seg[VHSM_SEG_INPUT].len;
	if (request->op == VHSM_OP_SIGN || request->op == VHSM_OP_VERIFY)
		work += WORK_SIGNATURE;
	return work;
}

static void do_nop(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	(void)q;
	answer->status = VHSM_S_OK;
}

/* A name out of the pool, NUL padded.  False if it cannot be a key's. */
static bool copy_name(struct vhsm_queue *q, char *name)
{
	struct vhsm_segment s = q->call.request.u.seg[VHSM_SEG_PARAM];

	memset(name, 0, VHSM_NAME_MAX);
	vhsm_pool_copy(name, q->pool, s);
	return vhsm_name_check(name, s.len);
}

static void do_key_open(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	const struct vhsm_segment *seg = q->call.request.u.seg;
	/* Outlives this call: the answer points to it. */
	char *name = (char *)q->call.output;
	struct vhsm_key_info info;
	struct vhsm_key *key;

	if (!copy_name(q, name)) {
		answer->status = VHSM_S_BAD_NAME;
		return;
	}
	answer->untrusted_name = name;
	key = vhsm_keys_open(&q->engine->keys, name);
	if (!key) {
		answer->status = VHSM_S_NO_KEY;
		return;
	}
	vhsm_key_describe(key, &info);
	memcpy(q->pool + seg[VHSM_SEG_OUTPUT].offset, &info, sizeof(info));
	answer->status = VHSM_S_OK;
	answer->out_len = sizeof(info);
	answer->key = atomic_load(&key->handle);
	answer->key_version = info.version;
}

static void do_key_list(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	const struct vhsm_segment *seg = q->call.request.u.seg;
	uint8_t *out = q->pool + seg[VHSM_SEG_OUTPUT].offset;
	struct vhsm_key_info info[LIST_MAX];
	size_t room = seg[VHSM_SEG_OUTPUT].len / sizeof(info[0]);
	char after[VHSM_NAME_MAX];
	unsigned count;

	if (!copy_name(q, after) && seg[VHSM_SEG_PARAM].len) {
		answer->status = VHSM_S_BAD_NAME;
		return;
	}
	if (room > LIST_MAX)
		room = LIST_MAX;
	count = vhsm_keys_list(&q->engine->keys, after, info, room);
	memcpy(out, info, count * sizeof(info[0]));
	answer->status = VHSM_S_OK;
	answer->out_len = count * sizeof(info[0]);
}

static void do_key_public(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	const struct vhsm_request *r = &q->call.request;
	struct vhsm_segment out = r->u.seg[VHSM_SEG_OUTPUT];
	struct vhsm_key_version *v;

	answer->status = vhsm_keys_find(&q->engine->keys, r->key,
					r->key_version, &v);
	if (answer->status)
		return;
	if (!v->public_key) {
		answer->status = v->family->public_key ?
			vhsm_key_version_may(v, 0) : VHSM_S_WRONG_TYPE;
		if (!answer->status)
			answer->status = VHSM_S_INTERNAL;
		return;
	}
	answer->out_len = v->public_len;
	answer->key_version = v->version;
	if (out.len < v->public_len) {
		answer->status = VHSM_S_TOO_SMALL;
		return;
	}
	memcpy(q->pool + out.offset, v->public_key, v->public_len);
}

static void do_random(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	struct vhsm_segment out = q->call.request.u.seg[VHSM_SEG_OUTPUT];

	answer->status = vhsm_ops_random(q->pool + out.offset, out.len);
	if (!answer->status)
		answer->out_len = out.len;
}

static void do_cancel(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	answer->status = vhsm_queue_cancel(q, q->call.request.u.cancel.id) ?
		VHSM_S_OK : VHSM_S_NOT_FOUND;
}

void vhsm_request_finish(struct vhsm_queue *q, struct vhsm_call *call,
			 struct vhsm_key_version *version,
			 enum vhsm_status status, struct vhsm_answer *answer)
{
	answer->status = vhsm_call_publish(call, &q->engine->guard, &q->now_ns,
					   version, q->pool, status);
	if (answer->status == VHSM_S_OK ||
	    answer->status == VHSM_S_TOO_SMALL)
		answer->out_len = call->op.out_len;
	if (answer->status == status)
		answer->key_version = call->version;
	q->stats->bytes += call->op.input_len;
}

/* Every use of a key.  False if it was given to the workers. */
static bool use_key(struct vhsm_queue *q, struct vhsm_answer *answer)
{
	struct vhsm_call *call = &q->call;
	struct vhsm_key_version *v;

	answer->status = vhsm_guard_enter(&q->engine->guard, call->request.op,
					  &q->now_ns, &call->epoch);
	/* Whom the vault revoked is told so, and not to wait for a monitor. */
	if (answer->status == VHSM_S_LEASE_STALE &&
	    vhsm_call_find(call, &q->engine->keys, &v) == VHSM_S_REVOKED)
		answer->status = VHSM_S_REVOKED;
	if (answer->status)
		return true;
	answer->status = vhsm_call_find(call, &q->engine->keys, &v);
	if (answer->status)
		return true;
	vhsm_call_prepare(call, q->pool);
	if (vhsm_operation_is_slow(call->request.op, v->type)) {
		vhsm_queue_defer(q);
		return false;
	}
	vhsm_request_finish(q, call, v, vhsm_call_run(call, v, &q->thread),
			    answer);
	return true;
}

void vhsm_request_handle(struct vhsm_queue *q)
{
	static void (*const without_key[])(struct vhsm_queue *,
					   struct vhsm_answer *) = {
		[VHSM_OP_NOP] = do_nop,
		[VHSM_OP_KEY_OPEN] = do_key_open,
		[VHSM_OP_KEY_LIST] = do_key_list,
		[VHSM_OP_KEY_PUBLIC] = do_key_public,
		[VHSM_OP_RANDOM] = do_random,
		[VHSM_OP_CANCEL] = do_cancel,
	};
	const struct vhsm_request *r = &q->call.request;
	struct vhsm_answer answer = { 0 };

	answer.status = vhsm_request_check(r, q->pool_len, &answer.out_len);
	if (!answer.status) {
		if (without_key[r->op])
			without_key[r->op](q, &answer);
		else if (!use_key(q, &answer))
			return;
	}
	vhsm_queue_answer(q, r, &answer);
}
