/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - many requests at once, and their results when they come.
 *
 * The steady state takes the session's lock twice for each call and allocates
 * nothing: requests are copied once, to give them the wire's ids and key
 * numbers, and results are put straight into the caller's array.
 */
#include "lib/session.h"

#include <errno.h>
#include <unistd.h>

/* Requests given to the transport at once: as many as most rings have. */
#define SUBMIT_CHUNK	256u

static bool for_callers(const struct vhsm_request *r)
{
	return r->op != VHSM_OP_KEY_OPEN && r->op != VHSM_OP_CANCEL;
}

/* Takes places for up to count requests and makes their wire form. */
static unsigned prepare(struct vhsm *h, const struct vhsm_request *requests,
			unsigned count, struct vhsm_request *wire)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		wire[i] = requests[i];
		wire[i].id = vhsm_table_take(&h->table, &requests[i], NULL);
		if (!wire[i].id)
			break;
		wire[i].key = vhsm_key_wire(h, requests[i].key);
	}
	return i;
}

/* Lock held.  How many of at most SUBMIT_CHUNK were taken. */
static unsigned submit_some(struct vhsm *h,
			    const struct vhsm_request *requests,
			    unsigned count)
{
	struct vhsm_request wire[SUBMIT_CHUNK];
	struct vhsm_exchange x = { .requests = wire };
	unsigned i, prepared = prepare(h, requests, count, wire), taken;

	if (!prepared)
		return 0;
	x.submit = prepared;
	vhsm_exchange(h, &x);
	taken = x.submit;
	/* If the connection ended, all are answered GONE, submitted or not. */
	for (i = x.submit; i < prepared; i++)
		if (!vhsm_table_free_id(&h->table, wire[i].id))
			taken++;
	return taken;
}

int vhsm_submit(struct vhsm *h, const struct vhsm_request *requests,
		unsigned n)
{
	unsigned done = 0, some, taken;
	int r;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	for (some = 0; some < n; some++)
		if (!for_callers(&requests[some]))
			return -EINVAL;
	pthread_mutex_lock(&h->lock);
	r = vhsm_reconnect(h);
	while (r == 0 && done < n) {
		some = n - done < SUBMIT_CHUNK ? n - done : SUBMIT_CHUNK;
		taken = submit_some(h, requests + done, some);
		done += taken;
		if (taken < some)
			break;
	}
	pthread_mutex_unlock(&h->lock);
	return r < 0 ? r : (int)done;
}

/* What a reap was asked for, and how far it is. */
struct reap {
	struct vhsm_response *results;
	unsigned max;
	unsigned min;
	unsigned done;
	int64_t deadline_ms;		/* negative: none */
	bool looked;			/* at the device, at least once */
	bool expired;
};

static void take_kept(struct vhsm *h, struct reap *r)
{
	uint64_t count;

	while (r->done < r->max &&
	       vhsm_table_reap(&h->table, &r->results[r->done]))
		r->done++;
	if (h->kicked && !h->table.done) {
		h->kicked = false;
		while (read(h->kick, &count, sizeof(count)) < 0 &&
		       errno == EINTR)
			;
	}
}

/* Whether no more is to be waited for. */
static bool is_enough(const struct vhsm *h, const struct reap *r)
{
	if (r->done >= r->max)
		return true;
	return r->looked && (r->done >= r->min || r->expired ||
			     !(h->table.batch + h->table.done));
}

static int time_left(struct reap *r)
{
	int64_t left;

	if (r->deadline_ms < 0)
		return -1;
	left = r->deadline_ms - vhsm_now_ms();
	return left > 0 ? (int)left : 0;
}

/* Goes to the device for results.  0, -EINTR or why the session is over. */
static int reap_as_leader(struct vhsm *h, struct reap *r)
{
	const unsigned left = r->min > r->done ? r->min - r->done : 0;
	const unsigned out = h->table.batch;
	struct vhsm_exchange x = {
		.responses = r->results + r->done,
		.reap = r->max - r->done,
		.wait = left < out ? left : out,
		.arm = h->polled,
	};
	int err;

	if (x.wait) {
		x.timeout_ms = time_left(r);
		r->expired = x.timeout_ms == 0;
	}
	/* A blocking caller's answer must not wait for the batch. */
	if (x.wait && h->table.calls)
		x.wait = 1;
	h->leading = true;
	err = vhsm_exchange(h, &x);
	h->leading = false;
	r->looked = true;
	r->done += vhsm_dispatch(h, r->results + r->done, x.reap);
	vhsm_pass_lead(h);
	return err == -EINTR ? err : h->failed;
}

/* Waits for the leader to bring results or to hand on the lead. */
static void reap_as_follower(struct vhsm *h, struct reap *r,
			     struct vhsm_waiter *w)
{
	struct timespec t;
	int left = time_left(r);

	r->looked = true;
	if (is_enough(h, r))
		return;
	if (left < 0) {
		pthread_cond_wait(&w->cond, &h->lock);
		return;
	}
	t = vhsm_deadline_in(left);
	if (pthread_cond_timedwait(&w->cond, &h->lock, &t) == ETIMEDOUT)
		r->expired = true;
}

static int reap(struct vhsm *h, struct reap *r)
{
	struct vhsm_waiter w;
	int err = h->failed;

	vhsm_waiter_init(&w);
	w.sent = true;
	vhsm_waiter_join(h, &w);
	for (;;) {
		take_kept(h, r);
		if (err || is_enough(h, r))
			break;
		if (h->leading)
			reap_as_follower(h, r, &w);
		else
			err = reap_as_leader(h, r);
	}
	vhsm_waiter_leave(h, &w);
	vhsm_pass_lead(h);
	vhsm_waiter_deinit(&w);
	return r->done ? (int)r->done : err;
}

int vhsm_reap(struct vhsm *h, struct vhsm_response *results, unsigned max,
	      unsigned min, int timeout_ms)
{
	struct reap r = {
		.results = results, .max = max,
		.min = min < max ? min : max,
		.deadline_ms = -1,
	};
	int n;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (timeout_ms >= 0 && min)
		r.deadline_ms = vhsm_now_ms() + timeout_ms;
	pthread_mutex_lock(&h->lock);
	n = reap(h, &r);
	pthread_mutex_unlock(&h->lock);
	return n;
}

int vhsm_cancel(struct vhsm *h, uint64_t cookie)
{
	struct vhsm_request request = { .op = VHSM_OP_CANCEL };
	struct vhsm_response response;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	pthread_mutex_lock(&h->lock);
	request.u.cancel.id = vhsm_table_find_cookie(&h->table, cookie);
	pthread_mutex_unlock(&h->lock);
	if (!request.u.cancel.id)
		return -VHSM_E_NOT_FOUND;
	return vhsm_attempt(h, &request, &response);
}

int vhsm_fd(struct vhsm *h)
{
	const uint64_t one = 1;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	pthread_mutex_lock(&h->lock);
	if (!h->polled) {
		h->polled = true;
		/* What came before nobody asked to be told of. */
		h->kicked = write(h->kick, &one, sizeof(one)) == sizeof(one);
	}
	pthread_mutex_unlock(&h->lock);
	return h->epoll;
}
