/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - work too long for the event loop (RSA keys, reading the audit log),
 * on a few threads; its end comes back to the loop.
 */
#ifndef VHSM_JOBS_H
#define VHSM_JOBS_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct vhsm_jobs;

struct vhsm_job {
	STAILQ_ENTRY(vhsm_job) link;	/* the queue's */
	void (*run)(struct vhsm_job *);	/* on a thread; touches the job only */
	/* In the loop, always, and then the job is the caller's again.
	 * cancelled: run was never called, the queue is ending. */
	void (*done)(struct vhsm_job *, bool cancelled);
};

struct vhsm_jobs *vhsm_jobs_new(struct event_base *, unsigned threads);
/* Waits for what runs, cancels what does not. */
void vhsm_jobs_free(struct vhsm_jobs **);
/* 0, or -EBUSY when too many wait already: the job stays the caller's. */
int vhsm_jobs_add(struct vhsm_jobs *, struct vhsm_job *);

#endif /* VHSM_JOBS_H */
