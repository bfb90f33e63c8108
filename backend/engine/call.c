// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "engine/call.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#include "transport/guest-input.h"

void vhsm_thread_await(struct vhsm_thread *thread)
{
	static const struct timespec moment = { 0, 50000 };

	while (!atomic_load(&thread->running))
		nanosleep(&moment, NULL);
}

/* Made in private memory and copied out: a signature or a MAC. */
static bool makes_small_output(uint16_t op)
{
	return op == VHSM_OP_SIGN || op == VHSM_OP_MAC;
}

static bool is_aead(uint16_t op)
{
	return op == VHSM_OP_ENCRYPT || op == VHSM_OP_DECRYPT;
}

enum vhsm_status vhsm_call_find(struct vhsm_call *call, struct vhsm_keys *keys,
				struct vhsm_key_version **version)
{
	const struct vhsm_request *r = &call->request;
	uint32_t usages = vhsm_usage_of(r->op, r->flags);
	const struct vhsm_mechanism *m = vhsm_mechanism_find(r->mechanism);
	enum vhsm_status status;

	if (!m || !(m->usages & usages))
		return VHSM_S_BAD_MECHANISM;
	status = vhsm_keys_find(keys, r->key, r->key_version, version);
	if (status)
		return status;
	status = vhsm_key_version_may(*version, 0);
	if (status)
		return status;
	if (!vhsm_mechanism_takes(m, (*version)->type))
		return VHSM_S_WRONG_TYPE;
	return vhsm_key_version_may(*version, usages);
}

void vhsm_call_prepare(struct vhsm_call *call, uint8_t *untrusted_pool)
{
	const struct vhsm_request *r = &call->request;
	const struct vhsm_segment *seg = r->u.seg;
	struct vhsm_operation *op = &call->op;

	op->op = r->op;
	op->mechanism = r->mechanism;
	op->flags = r->flags;
	op->aad_len = seg[VHSM_SEG_AAD].len;
	op->aad = op->aad_len ?
		untrusted_pool + seg[VHSM_SEG_AAD].offset : NULL;
	op->input_len = seg[VHSM_SEG_INPUT].len;
	op->input = op->input_len ?
		untrusted_pool + seg[VHSM_SEG_INPUT].offset : NULL;
	op->output_len = seg[VHSM_SEG_OUTPUT].len;
	op->output = untrusted_pool + seg[VHSM_SEG_OUTPUT].offset;
	op->out_len = 0;
	call->version = 0;	/* nobody has done it yet */
	op->tag_len = seg[VHSM_SEG_TAG].len;
	if (makes_small_output(r->op)) {
		op->output = call->output;
		if (op->output_len > sizeof(call->output))
			op->output_len = sizeof(call->output);
	}
	if (seg[VHSM_SEG_PARAM].len == VHSM_NONCE_LEN)
		vhsm_pool_copy(op->nonce, untrusted_pool, seg[VHSM_SEG_PARAM]);
	if (op->tag_len)
		vhsm_pool_copy(op->tag, untrusted_pool, seg[VHSM_SEG_TAG]);
	if (r->flags & VHSM_F_DIGEST && op->input_len <= VHSM_DIGEST_MAX) {
		vhsm_pool_copy(call->digest, untrusted_pool,
			       seg[VHSM_SEG_INPUT]);
		op->input = call->digest;
	}
}

static struct vhsm_context *context_of(struct vhsm_key_version *v,
				       unsigned thread)
{
	struct vhsm_key_use *use = &v->use[thread];

	if (!use->context)
		use->context = v->family->context_new(&v->material, &v->nonces);
	return use->context;
}

enum vhsm_status vhsm_call_run(struct vhsm_call *call,
			       struct vhsm_key_version *v,
			       struct vhsm_thread *thread)
{
	struct vhsm_context *context = context_of(v, thread->index);
	struct vhsm_operation *op = &call->op;
	enum vhsm_status status;

	if (!context)
		return VHSM_S_INTERNAL;
	call->version = v->version;
	status = v->family->run(context, op);
	vhsm_key_use_count(&v->use[thread->index], status != VHSM_S_OK,
			   op->input_len);
	return status;
}

void vhsm_call_wipe(struct vhsm_call *call)
{
	struct vhsm_operation *op = &call->op;

	if (is_aead(op->op) && op->output_len)
		memset(op->output, 0, op->input_len < op->output_len ?
		       op->input_len : op->output_len);
	OPENSSL_cleanse(call->output, sizeof(call->output));
}

enum vhsm_status vhsm_call_publish(struct vhsm_call *call,
				   struct vhsm_guard *guard, uint64_t *now_ns,
				   struct vhsm_key_version *v,
				   uint8_t *untrusted_pool,
				   enum vhsm_status status)
{
	const struct vhsm_segment *seg = call->request.u.seg;
	const struct vhsm_operation *op = &call->op;
	enum vhsm_status now;

	now = vhsm_guard_leave(guard, op->op, call->epoch, now_ns);
	if (!now)
		now = vhsm_key_version_may(v, 0);
	if (now) {
		vhsm_call_wipe(call);
		return now;
	}
	if (status)
		return status;
	if (makes_small_output(op->op))
		memcpy(untrusted_pool + seg[VHSM_SEG_OUTPUT].offset,
		       call->output, op->out_len);
	if (op->op == VHSM_OP_ENCRYPT) {
		memcpy(untrusted_pool + seg[VHSM_SEG_TAG].offset, op->tag,
		       VHSM_TAG_LEN);
		if (!(op->flags & VHSM_F_CALLER_NONCE))
			memcpy(untrusted_pool + seg[VHSM_SEG_PARAM].offset,
			       op->nonce, VHSM_NONCE_LEN);
	}
	return VHSM_S_OK;
}
