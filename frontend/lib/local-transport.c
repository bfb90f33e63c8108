/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-transport.c - requests over a shared ring without Xen: memory, two
 * eventfds and a socket whose end is the disconnect (local-wire.h).
 *
 * The ring is Xen's, used as any frontend uses it.  Invariants:
 *  1. the backend's producer index is checked against what is outstanding
 *     before it is believed, and each response is copied once;
 *  2. only the reaper moves rsp_cons, only under submit_lock req_prod_pvt is
 *     moved; each is read by the other side atomically;
 *  3. rsp_event is moved on only before sleeping, so a spinning or busy
 *     reaper costs the backend no notification, and to the number waited for,
 *     so a batch costs one.
 */
#include "vhsmif.h"

#include "lib/local-transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/monotonic.h"

/* A reap that does not wait looks at the socket once in so many times. */
#define IDLE_LOOKS	256
/* Of connecting at first, 20 ms apart. */
#define FIRST_TRIES	250

static struct vhsm_local *local_of(struct vhsm_transport *t)
{
	return (struct vhsm_local *)t;
}

static uint32_t load(const volatile RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void local_close(struct vhsm_transport **t)
{
	struct vhsm_local *l = local_of(*t);

	vhsm_local_disconnect(l);
	if (l->map)
		munmap(l->map, l->map_len);
	if (l->memfd >= 0)
		close(l->memfd);
	if (l->to_backend >= 0)
		close(l->to_backend);
	if (l->from_backend >= 0)
		close(l->from_backend);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
	*t = NULL;
}

/* A daemon whose engine is just starting or ending says -EAGAIN. */
static int connect_first(struct vhsm_local *l)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	unsigned tries;
	int r = vhsm_local_connect(l);

	for (tries = 0; r == -EAGAIN && tries < FIRST_TRIES; tries++) {
		nanosleep(&pause, NULL);
		r = vhsm_local_connect(l);
	}
	return r;
}

static int local_open(const char *device, struct vhsm_transport **t)
{
	struct vhsm_local *l = calloc(1, sizeof(*l));
	struct vhsm_transport *base;
	int r;

	if (!l)
		return -ENOMEM;
	base = &l->base;
	base->ops = &vhsm_transport_local;
	l->memfd = l->to_backend = l->from_backend = l->sock = l->epoll = -1;
	pthread_mutex_init(&l->submit_lock, NULL);
	r = vhsm_local_parse(l, device);
	if (r == 0)
		r = vhsm_local_map(l);
	if (r == 0)
		r = connect_first(l);
	if (r < 0) {
		local_close(&base);
		return r;
	}
	base->slots = RING_SIZE(&l->ring);
	*t = base;
	return 0;
}

static void notify_backend(struct vhsm_local *l)
{
	const uint64_t one = 1;

	/* A full counter (EAGAIN) is a pending notification all the same. */
	if (write(l->to_backend, &one, sizeof(one)) == sizeof(one))
		l->notifications_sent++;
}

/* Puts as many requests as there is room for; one notification at most. */
static unsigned submit(struct vhsm_local *l, const struct vhsm_request *reqs,
		       unsigned count)
{
	RING_IDX prod, free_slots;
	unsigned i;
	int notify = 0;

	pthread_mutex_lock(&l->submit_lock);
	prod = l->ring.req_prod_pvt;
	free_slots = RING_SIZE(&l->ring) - (prod - load(&l->ring.rsp_cons));
	if (count > free_slots)
		count = free_slots;
	for (i = 0; i < count; i++)
		*RING_GET_REQUEST(&l->ring, prod + i) = reqs[i];
	if (count) {
		__atomic_store_n(&l->ring.req_prod_pvt, prod + count,
				 __ATOMIC_RELEASE);
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&l->ring, notify);
		l->requests += count;
		if (notify)
			notify_backend(l);
	}
	pthread_mutex_unlock(&l->submit_lock);
	return count;
}

/* How many responses wait; -VHSM_E_PROTOCOL if there cannot be so many. */
static int available(struct vhsm_local *l)
{
	uint32_t untrusted_prod = load(&l->ring.sring->rsp_prod);
	uint32_t outstanding = load(&l->ring.req_prod_pvt) - l->ring.rsp_cons;
	uint32_t count = untrusted_prod - l->ring.rsp_cons;

	return count > outstanding ? -VHSM_E_PROTOCOL : (int)count;
}

/* Copies up to room responses out.  How many, or -VHSM_E_PROTOCOL. */
static int take(struct vhsm_local *l, struct vhsm_response *out, unsigned room)
{
	RING_IDX cons = l->ring.rsp_cons;
	int count = available(l);
	int i;

	if (count < 0)
		return count;
	if ((unsigned)count > room)
		count = (int)room;
	for (i = 0; i < count; i++)
		RING_COPY_RESPONSE(&l->ring, cons + i, &out[i]);
	__atomic_store_n(&l->ring.rsp_cons, cons + count, __ATOMIC_RELEASE);
	return count;
}

/* Asks to be told of the want-th response from now.  Whether it is here. */
static bool arm(struct vhsm_local *l, unsigned want)
{
	l->ring.sring->rsp_event = l->ring.rsp_cons + want;
	xen_mb();	/* the backend sees rsp_event before we look again */
	return load(&l->ring.sring->rsp_prod) - l->ring.rsp_cons >= want;
}

static void clear_event(struct vhsm_local *l)
{
	uint64_t count;

	if (read(l->from_backend, &count, sizeof(count)) == sizeof(count))
		l->interrupts += count;
}

/*
 * Sleeps until the backend notifies or goes.  0 to look again, -ETIMEDOUT,
 * -EINTR, -VHSM_E_GONE.
 */
static int sleep_for_event(struct vhsm_local *l, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = l->from_backend, .events = POLLIN },
		{ .fd = l->sock, .events = POLLIN },
	};
	int n = poll(fds, 2, timeout_ms);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (fds[0].revents)
		clear_event(l);
	/* The socket carries nothing: whatever it says is the end. */
	return fds[1].revents ? -VHSM_E_GONE : 0;
}

/* Waits until "want" responses can be taken; errors as sleep_for_event(). */
static int wait_for(struct vhsm_local *l, unsigned want, int timeout_ms)
{
	int64_t deadline = 0, left = -1;
	int r;

	if (vhsm_spin_wait(&l->spin, &l->ring.sring->rsp_prod,
			   l->ring.rsp_cons, want))
		return 0;
	if (timeout_ms >= 0)
		deadline = vhsm_now_ms() + timeout_ms;
	while (!arm(l, want)) {
		if (timeout_ms >= 0) {
			left = deadline - vhsm_now_ms();
			if (left < 0)
				left = 0;
		}
		r = sleep_for_event(l, (int)left);
		if (r < 0)
			return r;
	}
	return 0;
}

/* After a reap that found too little and does not wait. */
static int look_around(struct vhsm_local *l, bool armed)
{
	struct pollfd sock = { .fd = l->sock, .events = POLLIN };

	if (!armed && ++l->idle_looks % IDLE_LOOKS)
		return 0;
	return poll(&sock, 1, 0) > 0 ? -VHSM_E_GONE : 0;
}

static int reap(struct vhsm_local *l, struct vhsm_exchange *x, unsigned room)
{
	unsigned done = 0;
	int r = 0, n;

	for (;;) {
		n = take(l, x->responses + done, room - done);
		if (n < 0)
			return n;
		done += (unsigned)n;
		x->reap = done;
		if (done >= x->wait || done == room || r < 0)
			break;
		r = wait_for(l, x->wait - done, x->timeout_ms);
	}
	/* What comes while the event is armed must be taken: no event follows
	 * for it, and the event armed is spent. */
	while (x->reap < room && x->arm && r == 0) {
		clear_event(l);
		if (!arm(l, 1))
			break;
		n = take(l, x->responses + x->reap, room - x->reap);
		if (n < 0)
			return n;
		x->reap += (unsigned)n;
	}
	if (!x->reap && r == 0)
		r = look_around(l, x->arm);
	/* What came is delivered first; the reason comes again next time. */
	return x->reap || r == -ETIMEDOUT ? 0 : r;
}

static int local_enter(struct vhsm_transport *t, struct vhsm_exchange *x)
{
	struct vhsm_local *l = local_of(t);
	unsigned room = x->reap;

	x->reap = 0;
	if (l->sock < 0) {
		x->submit = 0;
		return -VHSM_E_GONE;
	}
	if (x->submit)
		x->submit = submit(l, x->requests, x->submit);
	return room ? reap(l, x, room) : 0;
}

static int local_reconnect(struct vhsm_transport *t)
{
	struct vhsm_local *l = local_of(t);

	vhsm_local_disconnect(l);
	return vhsm_local_connect(l) < 0 ? -VHSM_E_GONE : 0;
}

static void local_wait_room(struct vhsm_transport *t, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	/* Room comes with a response, which only the reaper is told of. */
	(void)t;
	(void)timeout_ms;
	nanosleep(&pause, NULL);
}

static int local_info(struct vhsm_transport *t, struct vhsm_info *info)
{
	struct vhsm_local *l = local_of(t);

	pthread_mutex_lock(&l->submit_lock);
	info->connected = l->sock >= 0;
	info->abi_version = VHSM_VERSION;
	info->connections = l->connections;
	info->requests = l->requests;
	info->notifications_sent = l->notifications_sent;
	info->interrupts = l->interrupts;
	pthread_mutex_unlock(&l->submit_lock);
	return 0;
}

const struct vhsm_transport_ops vhsm_transport_local = {
	.prefix = "local:",
	.open = local_open,
	.enter = local_enter,
	.reconnect = local_reconnect,
	.wait_room = local_wait_room,
	.info = local_info,
	.close = local_close,
};
