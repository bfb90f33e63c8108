// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "engine/workers.h"

#include <errno.h>
#include <string.h>

#include "engine/engine.h"

/* The next job, or NULL when stopping. */
static struct vhsm_job *wait_for_job(struct vhsm_workers *w)
{
	struct vhsm_job *job;

	pthread_mutex_lock(&w->lock);
	while (!w->first && !w->stopping)
		pthread_cond_wait(&w->some, &w->lock);
	job = w->first;
	if (job) {
		w->first = job->next;
		if (!w->first)
			w->last = &w->first;
		(*w->done_count)++;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

/* The key or the gate may have changed since the job was submitted: it is found
 * anew. */
static void run_job(struct vhsm_workers *w, struct vhsm_job *job,
		    struct vhsm_thread *thread)
{
	struct vhsm_key_version *version;
	uint64_t now_ns = 0;

	vhsm_epoch_online(w->keys->epoch, thread->index);
	job->status = vhsm_guard_leave(&job->queue->engine->guard,
				       job->call.request.op, job->call.epoch,
				       &now_ns);
	if (!job->status)
		job->status = vhsm_call_find(&job->call, w->keys, &version);
	if (!job->status)
		job->status = vhsm_call_run(&job->call, version, thread);
	vhsm_epoch_offline(w->keys->epoch, thread->index);
	vhsm_queue_complete(job);
}

static void *worker_main(void *arg)
{
	struct vhsm_worker *worker = arg;
	struct vhsm_job *job;

	vhsm_thread_begin(&worker->thread);
	while ((job = wait_for_job(worker->workers)))
		run_job(worker->workers, job, &worker->thread);
	return NULL;
}

int vhsm_workers_start(struct vhsm_workers *w, unsigned count,
		       unsigned first_thread, struct vhsm_keys *keys,
		       uint64_t *done_count)
{
	int r;

	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->some, NULL);
	w->last = &w->first;
	w->keys = keys;
	w->done_count = done_count;
	for (unsigned i = 0; i < count; i++) {
		struct vhsm_worker *worker = &w->worker[i];

		worker->workers = w;
		worker->thread.index = first_thread + i;
		r = -pthread_create(&worker->id, NULL, worker_main, worker);
		if (r) {
			vhsm_workers_stop(w);
			return r;
		}
		vhsm_thread_await(&worker->thread);
		w->count++;
	}
	return 0;
}

void vhsm_workers_stop(struct vhsm_workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->some);
	pthread_mutex_unlock(&w->lock);
	while (w->count) {
		w->count--;
		pthread_join(w->worker[w->count].id, NULL);
	}
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->some);
}

void vhsm_workers_submit(struct vhsm_workers *w, struct vhsm_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&w->lock);
	*w->last = job;
	w->last = &job->next;
	pthread_cond_signal(&w->some);
	pthread_mutex_unlock(&w->lock);
}

struct vhsm_job *vhsm_workers_cancel(struct vhsm_workers *w,
				     const struct vhsm_queue *queue,
				     uint64_t id)
{
	struct vhsm_job **at, *job;

	pthread_mutex_lock(&w->lock);
	for (at = &w->first; (job = *at); at = &job->next)
		if (job->queue == queue && job->call.request.id == id)
			break;
	if (job) {
		*at = job->next;
		if (!job->next)
			w->last = at;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}
