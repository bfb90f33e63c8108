// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-ring.c - attacks with indices, events and requests.
 */
#include <xen/events.h>

#include "hostile.h"

/* ---------------------------------------------------- asking, as one should */

/* Puts and publishes a request; its id. */
u64 hostile_put(struct hostile *h, const struct vhsm_request *request)
{
	struct vhsm_request *place;
	u64 id = ++h->next_id;
	int notify;

	place = RING_GET_REQUEST(&h->ring, h->ring.req_prod_pvt);
	*place = *request;
	place->id = id;
	h->ring.req_prod_pvt++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&h->ring, notify);
	if (notify)
		notify_remote_via_irq(h->irq);
	return id;
}

static bool answered(struct hostile *h)
{
	int more;

	RING_FINAL_CHECK_FOR_RESPONSES(&h->ring, more);
	return more;
}

/* Waits for an answer and takes it: 0, -ETIMEDOUT, or -EPIPE if closed. */
int hostile_take(struct hostile *h, struct vhsm_response *response)
{
	long left;

	left = wait_event_timeout(h->wait, answered(h) ||
				  READ_ONCE(h->backend) != XenbusStateConnected,
				  HOSTILE_TIMEOUT);
	if (READ_ONCE(h->backend) != XenbusStateConnected)
		return -EPIPE;
	if (!left)
		return -ETIMEDOUT;
	virt_rmb();	/* the answer after the index that announces it */
	RING_COPY_RESPONSE(&h->ring, h->ring.rsp_cons, response);
	h->ring.rsp_cons++;
	return 0;
}

int hostile_ask(struct hostile *h, const struct vhsm_request *request,
		struct vhsm_response *response)
{
	hostile_put(h, request);
	return hostile_take(h, response);
}

bool hostile_alive(struct hostile *h)
{
	struct vhsm_request nop = { .op = VHSM_OP_NOP };
	struct vhsm_response response;

	return !hostile_ask(h, &nop, &response) &&
	       response.status == VHSM_S_OK;
}

/* ---------------------------------------------------- indices and events */

/* A broken ring protocol: the backend has to close the device. */
static bool closed(struct hostile *h, char *said)
{
	bool good = hostile_wait_state(h, XenbusStateClosing,
				       XenbusStateClosed, HOSTILE_TIMEOUT);

	hostile_say_state(h, said);
	return good;
}

static bool producer_jump(struct hostile *h, char *said)
{
	h->ring.sring->req_prod = h->ring.req_prod_pvt + 1000000;
	notify_remote_via_irq(h->irq);
	return closed(h, said);
}

static bool producer_back(struct hostile *h, char *said)
{
	if (!hostile_alive(h) || !hostile_alive(h))
		return false;
	h->ring.sring->req_prod = h->ring.req_prod_pvt - 2;
	notify_remote_via_irq(h->irq);
	return closed(h, said);
}

static bool event_storm(struct hostile *h, char *said)
{
	bool alive;
	int i;

	for (i = 0; i < 200000; i++) {
		notify_remote_via_irq(h->irq);
		if (!(i & 0xfff))
			cond_resched();
	}
	alive = hostile_alive(h);
	snprintf(said, HOSTILE_SAID_LEN, "%s after 200000 events",
		 alive ? "status 0" : "nothing");
	return alive;
}

/* Answers are never consumed, so the backend overwrites its own. */
static bool response_lag(struct hostile *h, char *said)
{
	struct vhsm_request nop = { .op = VHSM_OP_NOP };
	unsigned int i, rounds = 20 * RING_SIZE(&h->ring);
	bool alive;

	for (i = 0; i < rounds; i++) {
		h->ring.sring->rsp_event = h->ring.req_prod_pvt + 1;
		hostile_put(h, &nop);
		if (!wait_event_timeout(h->wait,
					READ_ONCE(h->ring.sring->rsp_prod) ==
					h->ring.req_prod_pvt, HZ))
			break;
	}
	h->ring.rsp_cons = h->ring.sring->rsp_prod;
	alive = h->ring.rsp_cons == h->ring.req_prod_pvt && hostile_alive(h);
	snprintf(said, HOSTILE_SAID_LEN, "%u answers to %u requests, %s",
		 h->ring.rsp_cons, h->ring.req_prod_pvt,
		 alive ? "alive" : "dead");
	return alive;
}

/* A ring's worth at once, all the same slot, all nonsense. */
static bool flood(struct hostile *h, char *said)
{
	struct vhsm_request bad = { .op = 0xffff, .flags = ~0u, .key = ~0u };
	struct vhsm_response response;
	unsigned int i, refused = 0;

	for (i = 0; i < RING_SIZE(&h->ring); i++)
		hostile_put(h, &bad);
	for (i = 0; i < RING_SIZE(&h->ring); i++)
		refused += !hostile_take(h, &response) &&
			   response.status == VHSM_S_BAD_OP;
	snprintf(said, HOSTILE_SAID_LEN, "BAD_OP %u times of %u", refused,
		 RING_SIZE(&h->ring));
	return refused == RING_SIZE(&h->ring) && hostile_alive(h);
}

const struct hostile_attack hostile_ring_attacks[] = {
	{ "producer-jump", true, producer_jump },
	{ "producer-back", true, producer_back },
	{ "event-storm", true, event_storm },
	{ "response-lag", true, response_lag },
	{ "flood", true, flood },
	{ }
};
