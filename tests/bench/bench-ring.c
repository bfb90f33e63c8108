// SPDX-License-Identifier: Apache-2.0
/*
 * bench-ring.c - the floor: the same ring.h, slots and eventfds between two
 * processes that spin for 50 us before they sleep, and nothing else.
 */
#include <config.h>

#include "bench/harness.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vhsmif.h"

#define RING_LEN 65536u
#define SPIN_NS 50000u

struct bench_ring {
	vhsm_sring_t *sring;
	vhsm_front_ring_t front;
	int to_server, to_client;
	pid_t pid;
	uint64_t spin_ns;
	struct bench_latency latency;
	uint64_t begun[BENCH_DEPTH_MAX];
};

/* Whether *index left the value within the spin. */
static bool spin(const struct bench_ring *b, volatile RING_IDX *index,
		 RING_IDX value)
{
	uint64_t start = 0;

	if (!b->spin_ns)
		return *index != value;

	for (unsigned i = 1; *index == value; i++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
		if (i % 64)
			continue;
		if (!start)
			start = bench_now();
		else if (bench_now() - start > b->spin_ns)
			return false;
	}
	return true;
}

static void wait_event(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;
	ssize_t n;

	poll(&p, 1, -1);
	n = read(fd, &count, sizeof(count));
	(void)n;
}

static void send_event(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void serve_batch(vhsm_back_ring_t *ring, int to_client)
{
	RING_IDX prod = *(volatile RING_IDX *)&ring->sring->req_prod;
	struct vhsm_request r;
	int notify;

	xen_rmb();
	while (ring->req_cons != prod) {
		RING_COPY_REQUEST(ring, ring->req_cons, &r);
		ring->req_cons++;
		*RING_GET_RESPONSE(ring, ring->rsp_prod_pvt) =
			(struct vhsm_response){ .id = r.id, .op = r.op };
		ring->rsp_prod_pvt++;
	}
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(ring, notify);
	if (notify)
		send_event(to_client);
}

static void serve(struct bench_ring *b)
{
	vhsm_back_ring_t ring;
	int more;

	BACK_RING_INIT(&ring, b->sring, RING_LEN);
	for (;;) {
		if (spin(b, &ring.sring->req_prod, ring.req_cons)) {
			serve_batch(&ring, b->to_client);
			continue;
		}
		RING_FINAL_CHECK_FOR_REQUESTS(&ring, more);
		if (!more)
			wait_event(b->to_server);
	}
}

struct bench_ring *bench_ring_new(bool spins)
{
	struct bench_ring *b = calloc(1, sizeof(*b));

	if (!b)
		bench_die("out of memory");
	b->spin_ns = spins ? SPIN_NS : 0;
	b->sring = mmap(NULL, RING_LEN, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->sring == MAP_FAILED)
		bench_die("cannot map a ring");
	XEN_FRONT_RING_INIT(&b->front, b->sring, RING_LEN);
	b->to_server = eventfd(0, 0);
	b->to_client = eventfd(0, 0);
	b->pid = fork();
	if (b->pid < 0)
		bench_die("cannot fork");
	if (!b->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(b);
	}
	return b;
}

static void put(struct bench_ring *b, uint64_t id, uint64_t now)
{
	struct vhsm_request r = { .id = id };

	*RING_GET_REQUEST(&b->front, b->front.req_prod_pvt) = r;
	b->front.req_prod_pvt++;
	b->begun[id] = now;
}

static void push(struct bench_ring *b)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->front, notify);
	if (notify)
		send_event(b->to_server);
}

static void wait_for_answers(struct bench_ring *b)
{
	int some;

	while (!spin(b, &b->sring->rsp_prod, b->front.rsp_cons)) {
		RING_FINAL_CHECK_FOR_RESPONSES(&b->front, some);
		if (some)
			return;
		wait_event(b->to_client);
	}
}

static unsigned turn(struct bench_ring *b, bool again)
{
	unsigned count = 0;
	uint64_t now;
	RING_IDX prod;

	wait_for_answers(b);
	now = bench_now();
	prod = *(volatile RING_IDX *)&b->sring->rsp_prod;
	xen_rmb();
	for (; b->front.rsp_cons != prod; b->front.rsp_cons++, count++) {
		uint64_t id = RING_GET_RESPONSE(&b->front,
						b->front.rsp_cons)->id;

		bench_sample(&b->latency, now - b->begun[id]);
		if (again)
			put(b, id, now);
	}
	push(b);
	return count;
}

void bench_ring_run(struct bench_ring *b, unsigned depth, uint64_t ns,
		    struct bench_slice *slice)
{
	uint64_t start = bench_now(), now, count = 0;

	b->latency.count = 0;
	for (unsigned i = 0; i < depth; i++)
		put(b, i, start);
	push(b);
	do {
		count += turn(b, true);
		now = bench_now();
	} while (now - start < ns);
	while (b->front.rsp_cons != b->front.req_prod_pvt)
		turn(b, false);
	memset(slice, 0, sizeof(*slice));
	slice->requests = count;
	slice->ops_per_s = count * 1e9 / (now - start);
	slice->p50_us = bench_percentile(&b->latency, 50);
	slice->p99_us = bench_percentile(&b->latency, 99);
}

void bench_ring_free(struct bench_ring **ring)
{
	struct bench_ring *b = *ring;

	*ring = NULL;
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	munmap(b->sring, RING_LEN);
	close(b->to_server);
	close(b->to_client);
	free(b);
}
