/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.c - two queues under one lock: waiting and finished.  An eventfd wakes
 * the loop.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vault/jobs.h"

#define WAITING_MAX 64u

STAILQ_HEAD(job_list, vhsm_job);

struct vhsm_jobs {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job_list waiting, finished;
	unsigned waiting_count;
	bool ending;
	int wake;
	struct event *woken;
	unsigned thread_count;
	pthread_t threads[];
};

static void *thread_run(void *arg)
{
	struct vhsm_jobs *jobs = arg;
	const uint64_t one = 1;
	struct vhsm_job *job;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		while (!jobs->ending && STAILQ_EMPTY(&jobs->waiting))
			pthread_cond_wait(&jobs->more, &jobs->lock);
		if (jobs->ending)
			break;
		job = STAILQ_FIRST(&jobs->waiting);
		STAILQ_REMOVE_HEAD(&jobs->waiting, link);
		jobs->waiting_count--;
		pthread_mutex_unlock(&jobs->lock);
		job->run(job);
		pthread_mutex_lock(&jobs->lock);
		STAILQ_INSERT_TAIL(&jobs->finished, job, link);
		/* Fails only when the counter is full: then it is readable. */
		(void)!write(jobs->wake, &one, sizeof(one));
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

static struct vhsm_job *finished_take(struct vhsm_jobs *jobs)
{
	struct vhsm_job *job;

	pthread_mutex_lock(&jobs->lock);
	job = STAILQ_FIRST(&jobs->finished);
	if (job != NULL)
		STAILQ_REMOVE_HEAD(&jobs->finished, link);
	pthread_mutex_unlock(&jobs->lock);
	return job;
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_jobs *jobs = arg;
	struct vhsm_job *job;
	uint64_t count;

	(void)what;
	(void)!read((int)fd, &count, sizeof(count));
	while ((job = finished_take(jobs)) != NULL)
		job->done(job, false);
}

/* Threads take no signals: those are the loop's. */
static int threads_start(struct vhsm_jobs *jobs, unsigned threads)
{
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (r == 0 && jobs->thread_count < threads) {
		r = pthread_create(&jobs->threads[jobs->thread_count], NULL,
				   thread_run, jobs);
		if (r == 0)
			jobs->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

struct vhsm_jobs *vhsm_jobs_new(struct event_base *base, unsigned threads)
{
	struct vhsm_jobs *jobs;

	jobs = calloc(1, sizeof(*jobs) + threads * sizeof(jobs->threads[0]));
	if (jobs == NULL)
		return NULL;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->more, NULL);
	STAILQ_INIT(&jobs->waiting);
	STAILQ_INIT(&jobs->finished);
	jobs->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (jobs->wake >= 0)
		jobs->woken = event_new(base, jobs->wake, EV_READ | EV_PERSIST,
					on_woken, jobs);
	if (jobs->woken == NULL || event_add(jobs->woken, NULL) != 0 ||
	    threads_start(jobs, threads) != 0)
		vhsm_jobs_free(&jobs);
	return jobs;
}

void vhsm_jobs_free(struct vhsm_jobs **jobs)
{
	struct vhsm_jobs *j = *jobs;
	struct vhsm_job *job;
	unsigned i;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->ending = true;
	pthread_cond_broadcast(&j->more);
	pthread_mutex_unlock(&j->lock);
	for (i = 0; i < j->thread_count; i++)
		pthread_join(j->threads[i], NULL);
	while ((job = finished_take(j)) != NULL)
		job->done(job, false);
	while ((job = STAILQ_FIRST(&j->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->waiting, link);
		job->done(job, true);
	}
	if (j->woken != NULL)
		event_free(j->woken);
	if (j->wake >= 0)
		close(j->wake);
	pthread_cond_destroy(&j->more);
	pthread_mutex_destroy(&j->lock);
	free(j);
	*jobs = NULL;
}

int vhsm_jobs_add(struct vhsm_jobs *jobs, struct vhsm_job *job)
{
	int r = 0;

	pthread_mutex_lock(&jobs->lock);
	if (jobs->waiting_count >= WAITING_MAX) {
		r = -EBUSY;
	} else {
		STAILQ_INSERT_TAIL(&jobs->waiting, job, link);
		jobs->waiting_count++;
		pthread_cond_signal(&jobs->more);
	}
	pthread_mutex_unlock(&jobs->lock);
	return r;
}
