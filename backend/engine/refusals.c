// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "engine/refusals.h"

#include <string.h>

#define FIRST_STATUS 200u

void vhsm_refusals_init(struct vhsm_refusals *r, int vault_sock)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->sock = vault_sock;
}

void vhsm_refusals_deinit(struct vhsm_refusals *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* A wrong signature or tag is an answer, and so is "nothing to cancel". */
bool vhsm_refusal_is_audited(unsigned status)
{
	switch (status) {
	case VHSM_S_NO_KEY:
	case VHSM_S_BAD_HANDLE:
	case VHSM_S_NOT_PERMITTED:
	case VHSM_S_WRONG_TYPE:
	case VHSM_S_DISABLED:
	case VHSM_S_REVOKED:
	case VHSM_S_QUOTA:
	case VHSM_S_NO_VERSION:
	case VHSM_S_UNAPPROVED:
	case VHSM_S_LEASE_STALE:
	case VHSM_S_VERIFY_ONLY:
	case VHSM_S_THROTTLED:
		return true;
	default:
		return false;
	}
}

static bool may_send(struct vhsm_refusal_cause *cause, int64_t now_s)
{
	if (!cause->sent || now_s - cause->window_s >= VHSM_REFUSALS_WINDOW_S) {
		cause->window_s = now_s;
		cause->sent = 0;
	}
	return cause->sent < VHSM_REFUSALS_MAX;
}

/* With the lock.  The sequence number used, 0 if the vault took no more. */
static uint64_t send_record(struct vhsm_refusals *r,
			    struct vhsm_refusal_cause *cause,
			    struct vhsm_msg_refusal *msg, uint64_t repeats)
{
	msg->hdr.type = VHSM_MSG_REFUSAL;
	msg->hdr.len = sizeof(*msg);
	msg->seq = r->seq + 1;
	msg->repeats = repeats;
	if (vhsm_msg_send(r->sock, &msg->hdr, NULL, 0))
		return 0;
	cause->sent++;
	cause->repeats = 0;
	return ++r->seq;
}

static struct vhsm_refusal_cause *cause_of(struct vhsm_refusals *r,
					   unsigned status)
{
	if (status == VHSM_S_THROTTLED)
		return &r->cause[VHSM_REFUSAL_CAUSES - 1];
	return &r->cause[(status - FIRST_STATUS) % (VHSM_REFUSAL_CAUSES - 1)];
}

uint64_t vhsm_refusals_report(struct vhsm_refusals *r, int64_t now_s,
			      struct vhsm_msg_refusal *msg)
{
	struct vhsm_refusal_cause *cause = cause_of(r, msg->status);
	uint64_t seq = 0;

	pthread_mutex_lock(&r->lock);
	if (may_send(cause, now_s))
		seq = send_record(r, cause, msg, cause->repeats);
	if (!seq) {
		cause->repeats++;
		cause->last = *msg;
	}
	pthread_mutex_unlock(&r->lock);
	return seq;
}

void vhsm_refusals_flush(struct vhsm_refusals *r)
{
	pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < VHSM_REFUSAL_CAUSES; i++) {
		struct vhsm_refusal_cause *cause = &r->cause[i];

		/* The record itself stands for one of them. */
		if (cause->repeats)
			send_record(r, cause, &cause->last, cause->repeats - 1);
	}
	pthread_mutex_unlock(&r->lock);
}

void vhsm_refusals_ack(struct vhsm_refusals *r, uint64_t seq)
{
	if (seq > atomic_load_explicit(&r->acked, memory_order_relaxed))
		atomic_store_explicit(&r->acked, seq, memory_order_release);
}
