/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.h - threads for operations that would hold others up.
 *
 * A queue's thread submits a job, a worker runs it, and the queue's thread
 * gets it back (vhsm_queue_complete) to publish: only it touches its ring.
 * Jobs are the queue's, as many as its ring has slots, so that submitting can
 * neither fail nor allocate.  The list is behind a mutex: what goes here takes
 * longer than 100 us.
 */
#ifndef VHSM_WORKERS_H
#define VHSM_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/protocol.h"
#include "engine/call.h"

#define VHSM_WORKERS_MAX 16u

struct vhsm_queue;

/* A request that is not answered yet: with a worker, or waiting until its
 * refusal is in the audit log. */
struct vhsm_job {
	struct vhsm_job *next;		/* in the list it is in */
	struct vhsm_queue *queue;
	struct vhsm_response response;	/* held ones: what to answer */
	uint64_t seq;			/* held ones: the audit record's */
	enum vhsm_status status;	/* done ones: of vhsm_call_run */
	struct vhsm_call call;
};

struct vhsm_workers;

struct vhsm_worker {
	struct vhsm_workers *workers;
	struct vhsm_thread thread;
	pthread_t id;
};

struct vhsm_workers {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct vhsm_job *first, **last;
	bool stopping;
	unsigned count;
	struct vhsm_worker worker[VHSM_WORKERS_MAX];
	struct vhsm_keys *keys;
	uint64_t *done_count;		/* of the statistics */
};

/* Starts count threads, whose numbers in the epoch begin at first_thread.
 * done_count is added to.  0 or -errno. */
int vhsm_workers_start(struct vhsm_workers *, unsigned count,
		       unsigned first_thread, struct vhsm_keys *,
		       uint64_t *done_count);
/* Once all jobs are done. */
void vhsm_workers_stop(struct vhsm_workers *);

void vhsm_workers_submit(struct vhsm_workers *, struct vhsm_job *);

/* Takes back queue's first job with that request id that no worker has begun;
 * NULL if there is none. */
struct vhsm_job *vhsm_workers_cancel(struct vhsm_workers *,
				     const struct vhsm_queue *, uint64_t id);

#endif /* VHSM_WORKERS_H */
