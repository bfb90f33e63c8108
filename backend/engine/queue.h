/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - one ring and the thread that serves it.
 *
 * The thread alone touches its ring and pool.  It takes requests in batches,
 * answers what is quick at once, gives what is slow to the workers, and keeps
 * back refusals until the audit log has them; so answers come out of order,
 * and a ring slot is held for each request that is not answered yet.
 *
 * Responses are made visible as work goes on, but the guest is notified at
 * most once a batch, and only if it asked to be (ring.h, rsp_event).
 *
 * Invariants:
 *  1. No request is read before vhsm_ring_check() found room for its answer.
 *  2. No allocation, lock, string look-up or system call for a request that
 *     is quick and granted, but the notification the ring asks for.
 *  3. The thread quiesces (epoch.h) only with every answer it made pushed.
 */
#ifndef VHSM_QUEUE_H
#define VHSM_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/call.h"
#include "engine/spin.h"
#include "engine/workers.h"
#include "transport/guest-input.h"
#include "transport/transport.h"

struct vhsm_engine;

struct vhsm_queue {
	/* Set before the thread starts. */
	struct vhsm_engine *engine;
	unsigned index;
	struct vhsm_thread thread;
	pthread_t id;
	uint8_t *pool;
	size_t pool_len;
	struct vhsm_queue_stats *stats;
	int wake_fd;			/* eventfd for the other threads */

	/* The thread's own. */
	vhsm_back_ring_t ring;
	RING_IDX told;			/* rsp_prod when the guest was last
					 * considered for notification */
	uint64_t unpushed;		/* work in answers not visible yet */
	uint64_t untold;		/* work since told */
	uint64_t now_ns;		/* read in this batch, 0: not yet */
	unsigned spurious;		/* events in a row without a request */
	struct vhsm_spin spin;
	struct vhsm_call call;		/* the request in hand */
	struct vhsm_job *jobs;		/* as many as slots */
	unsigned jobs_used;		/* of them, ever */
	struct vhsm_job *free_jobs;
	struct vhsm_job *held, **held_last;	/* by seq, ascending */
	unsigned in_flight;		/* jobs with the workers */
	bool deaf;			/* takes no more requests: stopping, or
					 * the guest broke the ring */

	/* Written by other threads. */
	_Atomic(struct vhsm_job *) done __attribute__((aligned(128)));
	_Atomic bool sleeping;
	_Atomic bool stop;
	_Atomic bool ended;		/* written by the thread, at its end */
};

/* What a request came to. */
struct vhsm_answer {
	enum vhsm_status status;
	uint32_t out_len;
	uint32_t key;
	uint32_t key_version;
	const char *untrusted_name;	/* KEY_OPEN: asked for; NUL padded */
};

/* 0 or -errno; the thread is not started yet. */
int vhsm_queue_init(struct vhsm_queue *, struct vhsm_engine *, unsigned index,
		    const struct vhsm_queue_memory *, uint32_t spin_us);
void vhsm_queue_deinit(struct vhsm_queue *);

int vhsm_queue_start(struct vhsm_queue *);
/* Has the thread end once what has been started is answered; a refusal that
 * the vault never acknowledges holds it up. */
void vhsm_queue_stop(struct vhsm_queue *);
static inline bool vhsm_queue_has_ended(struct vhsm_queue *q)
{
	return atomic_load(&q->ended);
}
void vhsm_queue_join(struct vhsm_queue *);

/* Any thread: have the queue's thread look at what changed for it. */
void vhsm_queue_wake(struct vhsm_queue *);
/* A worker gives a job back. */
void vhsm_queue_complete(struct vhsm_job *);

/* The queue's thread, for request.c: answers a request, now or, if it is a
 * refusal to be audited, once it is. */
void vhsm_queue_answer(struct vhsm_queue *, const struct vhsm_request *,
		       const struct vhsm_answer *);
/* Gives the request in hand to the workers. */
void vhsm_queue_defer(struct vhsm_queue *);
/* Cancels what has not begun.  Whether there was such a request. */
bool vhsm_queue_cancel(struct vhsm_queue *, uint64_t id);

#endif /* VHSM_QUEUE_H */
