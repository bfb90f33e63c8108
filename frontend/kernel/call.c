// SPDX-License-Identifier: GPL-2.0-only
/*
 * call.c - requests of the driver itself: a few pages of queue 0's pool, each
 * with one blocking request at a time.
 */
#include <linux/sched/signal.h>

#include "vhsmfront.h"

int vhsm_calls_init(struct vhsm_device *device)
{
	struct vhsm_pool *pool = &device->queues[0].pool;
	struct vhsm_call *call;
	unsigned int i, count = VHSM_CALLS;
	int first;

	first = vhsm_pool_take(pool, &count);
	if (first < 0 || count < VHSM_CALLS)
		return -ENOMEM;
	for (i = 0; i < VHSM_CALLS; i++) {
		call = &device->calls[i];
		call->page = first + i;
		call->memory = page_address(pool->pages[first + i]);
		init_completion(&call->done);
	}
	return 0;
}

static struct vhsm_call *call_take(struct vhsm_device *device)
{
	struct vhsm_queue *queue = &device->queues[0];
	struct vhsm_call *call = NULL;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&queue->lock, flags);
	for (i = 0; i < VHSM_CALLS && !call; i++) {
		if (device->calls[i].state == VHSM_CALL_FREE)
			call = &device->calls[i];
	}
	if (call) {
		call->state = VHSM_CALL_BUSY;
		reinit_completion(&call->done);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return call;
}

/* Frees the call, or leaves that to its answer if there is none yet. */
static void call_release(struct vhsm_device *device, struct vhsm_call *call)
{
	struct vhsm_queue *queue = &device->queues[0];
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (completion_done(&call->done)) {
		memset(call->memory, 0, VHSM_PAGE_SIZE);
		call->state = VHSM_CALL_FREE;
	} else {
		call->state = VHSM_CALL_ABANDONED;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	wake_up(&device->call_free);
}

/* Under the queue's lock, by its answer or by the end of the connection. */
void vhsm_call_complete(struct vhsm_call *call,
			const struct vhsm_response *response)
{
	if (call->state == VHSM_CALL_ABANDONED) {
		memset(call->memory, 0, VHSM_PAGE_SIZE);
		call->state = VHSM_CALL_FREE;
		return;
	}
	call->response = *response;
	complete_all(&call->done);
}

static void call_request(struct vhsm_call *call, u16 op, u32 param_len,
			 u32 output_len, struct vhsm_request *request)
{
	u32 offset = call->page * VHSM_PAGE_SIZE;

	memset(request, 0, sizeof(*request));
	request->op = op;
	if (param_len) {
		request->u.seg[VHSM_SEG_PARAM].offset = offset;
		request->u.seg[VHSM_SEG_PARAM].len = param_len;
	}
	request->u.seg[VHSM_SEG_OUTPUT].offset = offset + VHSM_CALL_OUTPUT;
	request->u.seg[VHSM_SEG_OUTPUT].len = output_len;
}

/*
 * Runs one request and waits for its answer; output is filled when the status
 * is OK and the answer is as long as asked for.  param_len and output_len are
 * at most VHSM_CALL_OUTPUT.  0 with a status in *response (GONE while away),
 * -EINTR, -ETIMEDOUT.
 */
int vhsm_call_run(struct vhsm_device *device, u16 op, const void *param,
		  u32 param_len, void *output, u32 output_len,
		  struct vhsm_response *response)
{
	struct vhsm_request request;
	struct vhsm_call *call;
	long left;

	left = wait_event_interruptible_timeout(device->call_free,
						(call = call_take(device)),
						VHSM_CALL_TIMEOUT);
	if (left <= 0)
		return left ? -EINTR : -ETIMEDOUT;
	if (param_len)
		memcpy(call->memory, param, param_len);
	call_request(call, op, param_len, output_len, &request);
	if (!vhsm_ring_call(&device->queues[0], call, &request)) {
		memset(response, 0, sizeof(*response));
		response->status = VHSM_S_GONE;
		complete_all(&call->done);
		call_release(device, call);
		return 0;
	}
	left = wait_for_completion_interruptible_timeout(&call->done, left);
	if (left > 0) {
		*response = call->response;
		if (response->status == VHSM_S_OK &&
		    response->out_len != output_len)
			response->status = VHSM_S_INTERNAL;
		if (response->status == VHSM_S_OK)
			memcpy(output, (u8 *)call->memory + VHSM_CALL_OUTPUT,
			       output_len);
	}
	call_release(device, call);
	if (left <= 0)
		return left ? -EINTR : -ETIMEDOUT;
	return 0;
}
