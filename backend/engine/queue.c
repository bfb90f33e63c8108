// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - the loop: batch, push, notify, look again, sleep.
 */
#include <config.h>

#include "engine/queue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "engine/engine.h"
#include "engine/request.h"

#define BATCH 64u			/* requests before others are looked at */
#define AHEAD 2u			/* slots fetched ahead */
#define PUSH_WORK (2u << 10)	/* some 0.8 us in bytes of AES-GCM: less than a
				 * guest needs to take answers and ask again */
#define TELL_WORK (2u << 20)		/* some 600 us */
#define SPURIOUS_MAX 64u		/* in a row before events are damped */
#define DAMPED_MS 1
#define SPIN_CLOCK 64u			/* looks between looks at the clock */

/* ---------------------------------------------------------------- jobs */

static struct vhsm_job *job_take(struct vhsm_queue *q)
{
	struct vhsm_job *job = q->free_jobs;

	if (job)
		q->free_jobs = job->next;
	else
		job = &q->jobs[q->jobs_used++];	/* as many as slots */
	job->queue = q;
	return job;
}

static void job_release(struct vhsm_queue *q, struct vhsm_job *job)
{
	job->next = q->free_jobs;
	q->free_jobs = job;
}

void vhsm_queue_defer(struct vhsm_queue *q)
{
	struct vhsm_job *job = job_take(q);

	job->call = q->call;
	/* Pointers into the call itself move with it. */
	if (job->call.op.output == q->call.output)
		job->call.op.output = job->call.output;
	if (job->call.op.input == q->call.digest)
		job->call.op.input = job->call.digest;
	q->in_flight++;
	vhsm_workers_submit(&q->engine->workers, job);
}

void vhsm_queue_complete(struct vhsm_job *job)
{
	struct vhsm_queue *q = job->queue;

	job->next = atomic_load_explicit(&q->done, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&q->done, &job->next, job))
		;
	vhsm_queue_wake(q);
}

bool vhsm_queue_cancel(struct vhsm_queue *q, uint64_t id)
{
	const struct vhsm_answer cancelled = { .status = VHSM_S_CANCELLED };
	struct vhsm_job *job;

	if (!q->in_flight)
		return false;
	job = vhsm_workers_cancel(&q->engine->workers, q, id);
	if (!job)
		return false;
	q->in_flight--;
	vhsm_queue_answer(q, &job->call.request, &cancelled);
	job_release(q, job);
	return true;
}

/* ------------------------------------------------------------- answers */

static void put_response(struct vhsm_queue *q,
			 const struct vhsm_response *response)
{
	*RING_GET_RESPONSE(&q->ring, q->ring.rsp_prod_pvt) = *response;
	q->ring.rsp_prod_pvt++;
}

/* Makes the answers so far visible, without a notification. */
static void push(struct vhsm_queue *q)
{
	if (!q->unpushed)
		return;
	RING_PUSH_RESPONSES(&q->ring);
	q->untold += q->unpushed;
	q->unpushed = 0;
}

/*
 * Offline meanwhile: a local client shares the eventfd, can make it block, and
 * must not hold up a revocation with that.  All is pushed, nothing is held.
 */
static void notify(struct vhsm_queue *q)
{
	struct vhsm_epoch *epoch = &q->engine->epoch;

	vhsm_epoch_offline(epoch, q->thread.index);
	q->engine->ops->notify(q->engine->transport, q->index);
	vhsm_epoch_online(epoch, q->thread.index);
	q->stats->notifications++;
}

/* And notifies the guest if it asked for one of those since it was told. */
static void tell(struct vhsm_queue *q)
{
	RING_IDX event, now = q->ring.rsp_prod_pvt;

	push(q);
	if (q->told == now)
		return;
	xen_mb();	/* the guest sees answers before we read rsp_event */
	event = *(volatile RING_IDX *)&q->ring.sring->rsp_event;
	if ((RING_IDX)(now - event) < (RING_IDX)(now - q->told))
		notify(q);
	q->told = now;
	q->untold = 0;
}

static void hold(struct vhsm_queue *q, const struct vhsm_response *response,
		 uint64_t seq)
{
	struct vhsm_job *job = job_take(q);

	job->response = *response;
	job->seq = seq;
	job->next = NULL;
	*q->held_last = job;
	q->held_last = &job->next;
	__atomic_fetch_add(&q->engine->stats->audit_waits, 1,
			   __ATOMIC_RELAXED);
}

/* 0: answer now. */
static uint64_t report(struct vhsm_queue *q, const struct vhsm_request *r,
		       const struct vhsm_answer *answer)
{
	struct vhsm_msg_refusal msg = {
		.op = r->op, .mechanism = r->mechanism, .key = r->key,
		.status = answer->status,
	};
	struct timespec t;

	if (!vhsm_refusal_is_audited(answer->status))
		return 0;
	if (answer->untrusted_name) {
		memcpy(msg.untrusted_name, answer->untrusted_name,
		       VHSM_NAME_MAX);
		msg.name_len = strnlen(msg.untrusted_name, VHSM_NAME_MAX);
	}
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return vhsm_refusals_report(&q->engine->refusals, t.tv_sec, &msg);
}

void vhsm_queue_answer(struct vhsm_queue *q, const struct vhsm_request *r,
		       const struct vhsm_answer *answer)
{
	struct vhsm_response response = {
		.id = r->id, .op = r->op, .status = answer->status,
		.out_len = answer->out_len, .key = answer->key,
		.key_version = answer->key_version,
	};
	uint64_t seq = 0;

	q->unpushed += vhsm_request_work(r);
	if (__builtin_expect(answer->status != VHSM_S_OK, 0)) {
		q->stats->refusals++;
		if (answer->status >= 100 && answer->status < 200)
			q->stats->malformed++;
		seq = report(q, r, answer);
	}
	if (seq)
		hold(q, &response, seq);
	else
		put_response(q, &response);
}

/* Refusals that are on disk by now. */
static bool release_held(struct vhsm_queue *q)
{
	struct vhsm_job *job;
	bool any = false;

	while ((job = q->held) &&
	       vhsm_refusals_is_acked(&q->engine->refusals, job->seq)) {
		q->held = job->next;
		if (!q->held)
			q->held_last = &q->held;
		put_response(q, &job->response);
		q->unpushed++;
		job_release(q, job);
		any = true;
	}
	return any;
}

/* The key is looked up anew: it may have been taken away since; and with it the
 * gate shut, which is what the guest is to hear. */
static void publish_job(struct vhsm_queue *q, struct vhsm_job *job)
{
	struct vhsm_request request = job->call.request;
	struct vhsm_answer answer = { 0 };
	struct vhsm_key_version *v;

	q->in_flight--;
	answer.status = vhsm_guard_leave(&q->engine->guard, request.op,
					 job->call.epoch, &q->now_ns);
	if (!answer.status)
		answer.status = vhsm_call_find(&job->call, &q->engine->keys,
					       &v);
	if (!answer.status)
		vhsm_request_finish(q, &job->call, v, job->status, &answer);
	else
		vhsm_call_wipe(&job->call);
	job_release(q, job);
	vhsm_queue_answer(q, &request, &answer);
}

static bool take_done(struct vhsm_queue *q)
{
	struct vhsm_job *job, *next;

	if (!atomic_load_explicit(&q->done, memory_order_relaxed))
		return false;
	job = atomic_exchange(&q->done, NULL);
	for (; job; job = next) {
		next = job->next;
		publish_job(q, job);
	}
	return true;
}

/* ------------------------------------------------------------ the ring */

static uint32_t read_producer(const struct vhsm_queue *q)
{
	return *(volatile RING_IDX *)&q->ring.sring->req_prod;
}

/* Requests to read now, at most BATCH; 0 too when the guest broke the ring. */
static uint32_t requests_waiting(struct vhsm_queue *q)
{
	enum vhsm_violation violation;
	uint32_t count = 0;

	violation = vhsm_ring_check(read_producer(q), q->ring.req_cons,
				    q->ring.rsp_prod_pvt, RING_SIZE(&q->ring),
				    &count);
	if (violation) {
		q->deaf = true;
		vhsm_engine_violate(q->engine, q->index, violation);
		return 0;
	}
	xen_rmb();	/* slots are read after the index that covers them */
	return count < BATCH ? count : BATCH;
}

/* A state changed: nothing made under the old one stays unpublished. */
static void quiesce(struct vhsm_queue *q)
{
	struct vhsm_epoch *epoch = &q->engine->epoch;

	if (!vhsm_epoch_moved(epoch, q->thread.index))
		return;
	tell(q);
	vhsm_epoch_quiesce(epoch, q->thread.index);
}

static bool serve_ring(struct vhsm_queue *q)
{
	uint32_t count = requests_waiting(q);

	q->now_ns = 0;
	for (uint32_t i = 0; i < count; i++) {
		RING_IDX cons = q->ring.req_cons;

		if (i + AHEAD < count)
			__builtin_prefetch(RING_GET_REQUEST(&q->ring,
							    cons + AHEAD));
		vhsm_slot_copy(&q->call.request,
			       RING_GET_REQUEST(&q->ring, cons));
		q->ring.req_cons = cons + 1;
		vhsm_request_handle(q);
		if (q->unpushed >= PUSH_WORK)
			push(q);
		if (q->untold >= TELL_WORK)
			tell(q);
		quiesce(q);
	}
	if (!count)
		return false;
	q->stats->requests += count;
	q->stats->batches++;
	q->spurious = 0;
	return true;
}

/* ------------------------------------------------------------- waiting */

/* Something for this thread, the ring apart. */
static bool is_called(struct vhsm_queue *q)
{
	return atomic_load_explicit(&q->done, memory_order_acquire) ||
	       (atomic_load_explicit(&q->stop, memory_order_acquire) &&
		!q->in_flight && !q->held) ||
	       (q->held && vhsm_refusals_is_acked(&q->engine->refusals,
						  q->held->seq));
}

static bool has_requests(const struct vhsm_queue *q)
{
	return !q->deaf && read_producer(q) != q->ring.req_cons;
}

/* Looks again for a while.  Whether there is something to do. */
static bool look_again(struct vhsm_queue *q)
{
	uint64_t budget = vhsm_spin_budget(&q->spin);
	uint64_t start = 0, now;

	if (!budget)
		return false;
	for (unsigned i = 1;; i++) {
		if (has_requests(q) || is_called(q))
			break;
		vhsm_spin_pause();
		quiesce(q);
		if (i % SPIN_CLOCK)
			continue;
		now = vhsm_now_ns();
		if (!start)
			start = now;
		if (now - start < budget)
			continue;
		vhsm_spin_result(&q->spin, false, 0);
		q->stats->polls_lost++;
		return false;
	}
	if (vhsm_spin_result(&q->spin, true, start ? vhsm_now_ns() - start : 0))
		q->stats->polls_won++;
	else
		q->stats->polls_lost++;
	return true;
}

static void take_event(struct vhsm_queue *q)
{
	if (!q->engine->ops->event_take(q->engine->transport, q->index)) {
		q->spurious = 0;
		return;
	}
	q->stats->events++;
	if (has_requests(q))
		return;
	q->stats->spurious_events++;
	q->spurious++;
}

/*
 * Waits for the guest or another thread.  A guest that sends events without
 * requests is looked at once a millisecond, no more.
 */
static void wait_for_event(struct vhsm_queue *q)
{
	bool damped = q->spurious > SPURIOUS_MAX;
	struct pollfd fds[2] = {
		{ .fd = q->wake_fd, .events = POLLIN },
		{ .fd = q->engine->ops->event_fd(q->engine->transport,
						 q->index),
		  .events = POLLIN },
	};
	uint64_t count;
	ssize_t n;

	poll(fds, damped || q->deaf ? 1 : 2,
	     damped && !q->deaf ? DAMPED_MS : -1);
	if (fds[0].revents) {
		n = read(q->wake_fd, &count, sizeof(count));
		(void)n;	/* what it says is looked at anyway */
	}
	if (!q->deaf && (damped || fds[1].revents))
		take_event(q);
}

static void sleep_until_called(struct vhsm_queue *q)
{
	struct vhsm_epoch *epoch = &q->engine->epoch;
	int more = 0;

	if (!q->deaf)
		RING_FINAL_CHECK_FOR_REQUESTS(&q->ring, more);
	if (more)
		return;
	atomic_store(&q->sleeping, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (!is_called(q)) {
		vhsm_epoch_offline(epoch, q->thread.index);
		wait_for_event(q);
		vhsm_epoch_online(epoch, q->thread.index);
	}
	atomic_store_explicit(&q->sleeping, false, memory_order_relaxed);
}

void vhsm_queue_wake(struct vhsm_queue *q)
{
	uint64_t one = 1;
	ssize_t n;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&q->sleeping))
		return;
	n = write(q->wake_fd, &one, sizeof(one));
	(void)n;		/* full: it is awake already */
}

static void *queue_main(void *arg)
{
	struct vhsm_queue *q = arg;
	struct vhsm_epoch *epoch = &q->engine->epoch;
	bool stop, work;

	vhsm_thread_begin(&q->thread);
	vhsm_epoch_online(epoch, q->thread.index);
	for (;;) {
		stop = atomic_load_explicit(&q->stop, memory_order_acquire);
		work = take_done(q);
		work |= release_held(q);
		q->deaf |= stop;
		if (!q->deaf)
			work |= serve_ring(q);
		tell(q);
		vhsm_epoch_quiesce(epoch, q->thread.index);
		if (work)
			continue;
		if (stop && !q->in_flight && !q->held)
			break;
		if (stop || !look_again(q))
			sleep_until_called(q);
	}
	vhsm_epoch_offline(epoch, q->thread.index);
	atomic_store(&q->ended, true);
	return NULL;
}

/* --------------------------------------------------------------- life */

int vhsm_queue_init(struct vhsm_queue *q, struct vhsm_engine *engine,
		    unsigned index, const struct vhsm_queue_memory *memory,
		    uint32_t spin_us)
{
	vhsm_sring_t *sring = memory->ring;
	size_t ring_len = (size_t)VHSM_PAGE_SIZE << memory->ring_order;
	RING_IDX at;

	memset(q, 0, sizeof(*q));
	q->engine = engine;
	q->index = index;
	q->pool = memory->pool;
	q->pool_len = memory->pool_len;
	q->stats = &engine->stats->queue[index];
	q->held_last = &q->held;
	q->wake_fd = -1;
	/* An engine that comes back finds the ring as the guest made it anew:
	 * nothing outstanding, wherever the indices stand. */
	at = *(volatile RING_IDX *)&sring->rsp_prod;
	BACK_RING_ATTACH(&q->ring, sring, at, ring_len);
	q->told = at;
	vhsm_spin_init(&q->spin, spin_us, sysconf(_SC_NPROCESSORS_ONLN));
	q->jobs = calloc(RING_SIZE(&q->ring), sizeof(*q->jobs));
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->thread.index = index;
	if (!q->jobs || q->wake_fd < 0) {
		vhsm_queue_deinit(q);
		return -ENOMEM;
	}
	return 0;
}

void vhsm_queue_deinit(struct vhsm_queue *q)
{
	free(q->jobs);
	q->jobs = NULL;
	if (q->wake_fd >= 0)
		close(q->wake_fd);
	q->wake_fd = -1;
}

int vhsm_queue_start(struct vhsm_queue *q)
{
	int r = pthread_create(&q->id, NULL, queue_main, q);

	if (!r)
		vhsm_thread_await(&q->thread);
	return -r;
}

void vhsm_queue_stop(struct vhsm_queue *q)
{
	atomic_store(&q->stop, true);
	vhsm_queue_wake(q);
}

void vhsm_queue_join(struct vhsm_queue *q)
{
	pthread_join(q->id, NULL);
}
