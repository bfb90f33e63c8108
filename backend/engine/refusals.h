/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals.h - telling the vault of a refusal before the guest hears it.
 *
 * A refusal is sent to the vault, which commits it to the audit log and
 * acknowledges; only then is the answer published.  A guest that asks for
 * refusals all day must not fill the log or wait for the disk each time: of
 * each cause (status), so many a minute have a record of their own; the others
 * are answered at once and counted in the next record, or in the sum the
 * engine sends with its counters when none follows.
 *
 * Any thread, under a mutex: none of this is on the way of a request that is
 * granted.  Sequence numbers are sent in order, so an acknowledgement covers
 * all before it.
 */
#ifndef VHSM_REFUSALS_H
#define VHSM_REFUSALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/protocol.h"

#define VHSM_REFUSALS_MAX 32u		/* of one cause in a window */
#define VHSM_REFUSALS_WINDOW_S 60
#define VHSM_REFUSAL_CAUSES 17u		/* statuses 200 .. 215, THROTTLED */

struct vhsm_refusal_cause {
	int64_t window_s;		/* when it began */
	uint32_t sent;			/* records in it */
	uint64_t repeats;		/* without a record yet */
	struct vhsm_msg_refusal last;	/* the latest of those */
};

struct vhsm_refusals {
	pthread_mutex_t lock;
	int sock;			/* to the vault, non-blocking */
	uint64_t seq;			/* of the last record sent */
	_Atomic uint64_t acked;		/* this and all before are on disk */
	struct vhsm_refusal_cause cause[VHSM_REFUSAL_CAUSES];
};

void vhsm_refusals_init(struct vhsm_refusals *, int vault_sock);
void vhsm_refusals_deinit(struct vhsm_refusals *);

/* Whether a status is one to be audited. */
bool vhsm_refusal_is_audited(unsigned status);

/*
 * Reports a refusal; msg has all but hdr, seq and repeats.  Returns the
 * sequence number whose acknowledgement the answer must wait for, or 0: it may
 * be answered at once.
 */
uint64_t vhsm_refusals_report(struct vhsm_refusals *, int64_t now_s,
			      struct vhsm_msg_refusal *msg);

/* Sends what is counted and has no record yet, a record a cause; its caller
 * sets the rate. */
void vhsm_refusals_flush(struct vhsm_refusals *);

/* An acknowledgement; only ever moves forward. */
void vhsm_refusals_ack(struct vhsm_refusals *, uint64_t seq);

static inline bool vhsm_refusals_is_acked(struct vhsm_refusals *r, uint64_t seq)
{
	return seq <= atomic_load_explicit(&r->acked, memory_order_acquire);
}

#endif /* VHSM_REFUSALS_H */
