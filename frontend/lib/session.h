/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - struct vhsm, and how the library's files share it.
 *
 *   session.c    open, close, state         session-keys.c  names, numbers
 *   exchange.c   who submits, who reaps     call.c          blocking calls
 *   reconnect.c  after the device was away  batch.c         submit, reap, cancel
 *
 * One lock guards everything but the slice's allocator; it is never held over
 * a call into the transport.  Of the threads that wait, one at a time is the
 * leader: it reaps for all and hands the lead on when it has its own answer.
 */
#ifndef VHSM_LIB_SESSION_H
#define VHSM_LIB_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/monotonic.h"
#include "lib/session-keys.h"
#include "lib/slice.h"
#include "lib/table.h"
#include "lib/transport-ops.h"

/* Responses a leader takes at once. */
#define VHSM_LEADER_REAP	32u
/* A handshake or key opened again takes no longer. */
#define VHSM_REOPEN_MS		5000

/* A thread that waits; lives on its stack. */
struct vhsm_waiter {
	pthread_cond_t cond;
	struct vhsm_waiter *next;
	struct vhsm_response response;
	int error;
	bool done;
	bool sent;
};

struct vhsm {
	struct vhsm_transport *transport;
	struct vhsm_slice slice;
	uint8_t *control;		/* in the slice: to open keys with */
	int epoll;			/* vhsm_fd(): kick and the transport */
	int kick;			/* eventfd: results wait to be reaped */

	pthread_mutex_t lock;
	pthread_cond_t quiet;		/* nobody is in the transport */
	pthread_cond_t room;		/* a place in the table came free */
	struct vhsm_table table;
	struct vhsm_keys keys;
	struct vhsm_waiter *waiters;
	unsigned inside;		/* threads in the transport */
	unsigned retry_ms;
	uint32_t epoch;			/* of the process that opened it */
	bool leading;			/* one of them reaps */
	bool connected;
	bool reconnecting;
	bool polled;			/* vhsm_fd() was asked for */
	bool kicked;
	int failed;			/* why the session is over; 0: it is not */
	int64_t next_attempt_ms;	/* to reconnect */
};

/* ---- fork.c */

/* To be called once before the first handle.  0 or -errno. */
int vhsm_fork_watch(void);
/* A number that is another one in a forked child.  After vhsm_fork_watch(). */
uint32_t vhsm_fork_epoch(void);

static inline bool vhsm_forked(const struct vhsm *h)
{
	return h->epoch != vhsm_fork_epoch();
}

/* ---- exchange.c */

void vhsm_waiter_init(struct vhsm_waiter *w);
void vhsm_waiter_deinit(struct vhsm_waiter *w);

/*
 * Calls into the transport.  Lock held; given up meanwhile.  An error other
 * than -EINTR ends the connection before it returns.
 */
int vhsm_exchange(struct vhsm *h, struct vhsm_exchange *x);

/*
 * Hands responses to whom they belong; those of the batch are moved to the
 * front with their cookies.  How many those are; one that belongs to nobody
 * ends the session.  Lock held.
 */
unsigned vhsm_dispatch(struct vhsm *h, struct vhsm_response *responses,
		       unsigned count);

/* Lets another thread lead, if one waits.  Lock held. */
void vhsm_pass_lead(struct vhsm *h);

/* Adds a waiter to those that are told, or removes it.  Lock held. */
void vhsm_waiter_join(struct vhsm *h, struct vhsm_waiter *w);
void vhsm_waiter_leave(struct vhsm *h, struct vhsm_waiter *w);

/*
 * Runs one request and waits for its answer.  0 when there is one in
 * *response, whatever its status; -VHSM_E_GONE and others.
 */
int vhsm_exchange_one(struct vhsm *h, const struct vhsm_request *request,
		      struct vhsm_response *response);

/* ---- reconnect.c */

/* Makes one attempt, unless one was just made.  0 or why not.  Lock held;
 * given up meanwhile. */
int vhsm_reconnect(struct vhsm *h);

/* ---- call.c */

/* Runs a request once.  0 or what its status says, or -VHSM_E_GONE. */
int vhsm_attempt(struct vhsm *h, const struct vhsm_request *request,
		 struct vhsm_response *response);

/*
 * Whether an attempt that gave r is to be repeated: waits a moment, or
 * connects again, and says no when the time is over.  *deadline_ms is 0 at
 * first and then this function's.
 */
bool vhsm_try_again(struct vhsm *h, int r, int64_t *deadline_ms);

/*
 * Attempts until it is done.  A cipher in place is not repeated once the
 * device was away: the first attempt may have overwritten its input.
 */
int vhsm_run(struct vhsm *h, const struct vhsm_request *request,
	     struct vhsm_response *response);

/*
 * Allocates one piece of the slice for len[use] bytes each and names them in
 * request->u.seg[]; at[use] is where each is, NULL where len is 0.
 * The piece, for vhsm_slice_free(); NULL when there is no room.
 */
uint8_t *vhsm_place(struct vhsm *h, struct vhsm_request *request,
		    const size_t len[VHSM_SEGMENTS],
		    uint8_t *at[VHSM_SEGMENTS]);

/* ---- session-keys.c */

/* The wire's handle of a key; 0, which no wire handle is, if it is none.
 * Lock held. */
uint32_t vhsm_key_wire(const struct vhsm *h, uint32_t key);
/* Opens every key again after a reconnection; transport to itself. */
int vhsm_keys_reopen(struct vhsm *h);

#endif /* VHSM_LIB_SESSION_H */
