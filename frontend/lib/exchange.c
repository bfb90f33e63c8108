/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - who submits, who reaps, and who gets what.
 *
 * A thread that waits does one of two things.  If nobody leads, it leads: it
 * goes into the transport to wait for responses, whomever they belong to, and
 * hands them out when it comes back.  Else it sleeps until it is told that its
 * answer is there, or that the lead is free.  So one thread alone pays for no
 * hand-over, and many never fight for the ring.
 *
 * Invariants:
 *  1. "leading" is set exactly while one thread is in the transport with room
 *     for responses;
 *  2. whoever clears "leading" and leaves calls vhsm_pass_lead();
 *  3. when the connection ends every outstanding request is answered here, so
 *     that no thread waits for what cannot come.
 */
#include "lib/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How long one waits for room while the device takes nothing. */
#define ROOM_MS 20

void vhsm_waiter_init(struct vhsm_waiter *w)
{
	pthread_condattr_t attr;

	memset(w, 0, sizeof(*w));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void vhsm_waiter_deinit(struct vhsm_waiter *w)
{
	pthread_cond_destroy(&w->cond);
}

void vhsm_waiter_join(struct vhsm *h, struct vhsm_waiter *w)
{
	w->next = h->waiters;
	h->waiters = w;
}

void vhsm_waiter_leave(struct vhsm *h, struct vhsm_waiter *w)
{
	struct vhsm_waiter **at = &h->waiters;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

void vhsm_pass_lead(struct vhsm *h)
{
	struct vhsm_waiter *w;

	if (h->leading)
		return;
	for (w = h->waiters; w; w = w->next) {
		if (!w->done) {
			pthread_cond_signal(&w->cond);
			return;
		}
	}
}

/* Tells those who wait for a batch result, in a thread or in poll(2). */
static void tell_reapers(struct vhsm *h)
{
	const uint64_t one = 1;
	struct vhsm_waiter *w;

	for (w = h->waiters; w; w = w->next)
		pthread_cond_signal(&w->cond);
	if (h->polled && !h->kicked)
		h->kicked = write(h->kick, &one, sizeof(one)) == sizeof(one);
}

static void finish_call(struct vhsm *h, struct vhsm_slot *slot, int error)
{
	struct vhsm_waiter *w = slot->waiter;

	w->error = error;
	w->done = true;
	vhsm_table_free(&h->table, slot);
	pthread_cond_signal(&w->cond);
	pthread_cond_signal(&h->room);
}

/* The connection ended: everything outstanding is answered. */
static void lose(struct vhsm *h, int error)
{
	struct vhsm_response gone = { .status = VHSM_S_GONE };
	struct vhsm_slot *slot;
	uint32_t i;

	h->connected = false;
	if (error != -VHSM_E_GONE && !h->failed)
		h->failed = error;
	for (i = 0; i < h->table.count; i++) {
		slot = &h->table.slots[i];
		if (slot->state == VHSM_SLOT_CALL) {
			finish_call(h, slot, error);
		} else if (slot->state == VHSM_SLOT_BATCH) {
			gone.op = slot->op;
			vhsm_table_keep(&h->table, slot, &gone);
		}
	}
	tell_reapers(h);
}

int vhsm_exchange(struct vhsm *h, struct vhsm_exchange *x)
{
	int r = h->failed;

	if (!r && !h->connected)
		r = -VHSM_E_GONE;
	if (r) {
		x->submit = x->reap = 0;
		lose(h, r);
		return r;
	}
	h->inside++;
	pthread_mutex_unlock(&h->lock);
	r = h->transport->ops->enter(h->transport, x);
	pthread_mutex_lock(&h->lock);
	if (--h->inside == 0 && h->reconnecting)
		pthread_cond_signal(&h->quiet);
	if (r < 0 && r != -EINTR) {
		x->reap = 0;
		lose(h, r);
	}
	return r;
}

unsigned vhsm_dispatch(struct vhsm *h, struct vhsm_response *responses,
		       unsigned count)
{
	struct vhsm_slot *slot;
	unsigned i, kept = 0;

	for (i = 0; i < count; i++) {
		slot = vhsm_table_match(&h->table, &responses[i]);
		if (!slot) {
			lose(h, -VHSM_E_PROTOCOL);
			break;
		}
		if (slot->state == VHSM_SLOT_CALL) {
			slot->waiter->response = responses[i];
			finish_call(h, slot, 0);
			continue;
		}
		if (kept != i)
			responses[kept] = responses[i];
		responses[kept++].id = slot->cookie;
		vhsm_table_free(&h->table, slot);
	}
	return kept;
}

/* As dispatch, for a leader that has no use for batch results itself. */
static void dispatch_and_keep(struct vhsm *h, struct vhsm_response *responses,
			      unsigned count)
{
	struct vhsm_slot *slot;
	bool kept = false;
	unsigned i;

	for (i = 0; i < count; i++) {
		slot = vhsm_table_match(&h->table, &responses[i]);
		if (!slot) {
			lose(h, -VHSM_E_PROTOCOL);
			return;
		}
		if (slot->state == VHSM_SLOT_CALL) {
			slot->waiter->response = responses[i];
			finish_call(h, slot, 0);
		} else {
			vhsm_table_keep(&h->table, slot, &responses[i]);
			kept = true;
		}
	}
	if (kept)
		tell_reapers(h);
}

/* Tells those who found the ring full that there may be room. */
static void tell_unsent(struct vhsm *h)
{
	struct vhsm_waiter *w;

	for (w = h->waiters; w; w = w->next)
		if (!w->sent && !w->done)
			pthread_cond_signal(&w->cond);
}

/* Waits outside the lock for the device to take something. */
static void wait_room(struct vhsm *h)
{
	h->inside++;
	pthread_mutex_unlock(&h->lock);
	h->transport->ops->wait_room(h->transport, ROOM_MS);
	pthread_mutex_lock(&h->lock);
	if (--h->inside == 0 && h->reconnecting)
		pthread_cond_signal(&h->quiet);
}

/* One round as the leader: submit if that is still to do, wait, hand out. */
static void lead(struct vhsm *h, struct vhsm_waiter *w,
		 const struct vhsm_request *request)
{
	struct vhsm_response responses[VHSM_LEADER_REAP];
	struct vhsm_exchange x = {
		.requests = request, .submit = w->sent ? 0 : 1,
		.responses = responses, .reap = VHSM_LEADER_REAP,
		.wait = 1,
		/* Not sent, it may be that nothing else is outstanding. */
		.timeout_ms = w->sent ? -1 : ROOM_MS,
	};
	int r;

	h->leading = true;
	r = vhsm_exchange(h, &x);
	h->leading = false;
	if (x.submit)
		w->sent = true;
	if (x.reap) {
		dispatch_and_keep(h, responses, x.reap);
		tell_unsent(h);
	} else if (r == 0 && !w->sent && !w->done) {
		wait_room(h);
	}
}

/* While another thread leads: submit, then sleep. */
static void follow(struct vhsm *h, struct vhsm_waiter *w,
		   const struct vhsm_request *request)
{
	struct vhsm_exchange x = { .requests = request, .submit = 1 };

	if (!w->sent) {
		vhsm_exchange(h, &x);
		if (x.submit)
			w->sent = true;
	}
	if (!w->done && h->leading)
		pthread_cond_wait(&w->cond, &h->lock);
}

static int run(struct vhsm *h, struct vhsm_request *request,
	       struct vhsm_waiter *w)
{
	const uint32_t key = request->key;

	for (;;) {
		if (h->failed)
			return h->failed;
		if (!h->connected)
			return -VHSM_E_GONE;
		/* A reconnection while there was no room changes it. */
		request->key = vhsm_key_wire(h, key);
		request->id = vhsm_table_take(&h->table, request, w);
		if (request->id)
			break;
		pthread_cond_wait(&h->room, &h->lock);
	}
	vhsm_waiter_join(h, w);
	while (!w->done) {
		if (h->leading)
			follow(h, w, request);
		else
			lead(h, w, request);
	}
	vhsm_waiter_leave(h, w);
	vhsm_pass_lead(h);
	return w->error;
}

int vhsm_exchange_one(struct vhsm *h, const struct vhsm_request *request,
		      struct vhsm_response *response)
{
	struct vhsm_request wire = *request;
	struct vhsm_waiter w;
	int r;

	vhsm_waiter_init(&w);
	pthread_mutex_lock(&h->lock);
	r = run(h, &wire, &w);
	pthread_mutex_unlock(&h->lock);
	if (r == 0)
		*response = w.response;
	vhsm_waiter_deinit(&w);
	return r;
}
