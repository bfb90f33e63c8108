/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - an act (act/act.h) in a process of its own, with a limit of time.
 */
#ifndef VHSM_JOB_H
#define VHSM_JOB_H

#include <event2/event.h>
#include <jansson.h>
#include <stdint.h>

struct vhsm_job;

/* Once, from the event loop; the job is freed.  result (borrowed) and NULL; or
 * NULL with error for people and its code ("timeout", "died", the act's). */
typedef void vhsm_job_done(void *arg, json_t *result, const char *code,
			   const char *error);

/* program: vhsm-act's path.  params is stolen.  NULL with errno: not started,
 * and done is not called. */
struct vhsm_job *vhsm_job_start(struct event_base *, const char *program,
				const char *verb, json_t *params,
				uint32_t timeout_ms, vhsm_job_done *done,
				void *arg);
/* Kills it and waits; done is not called.  NULL is fine. */
void vhsm_job_free(struct vhsm_job **);

#endif /* VHSM_JOB_H */
