/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-run.c - keeps "depth" requests outstanding for a while and counts.
 *
 * Buffers are in the slice and used again and again, ciphers work in place,
 * and answers are taken half a depth at a time, as a busy program would.
 */
#include "cli/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES		65536u
#define OUTPUT_LEN	VHSM_SIG_MAX
#define AWAY_PAUSE_NS	10000000

struct place {
	uint8_t *buffer;
	uint64_t submitted_ns;
};

struct bench {
	struct vhsm *h;
	const struct bench_case *b;
	struct place *places;
	struct vhsm_request *requests;	/* one for each place */
	struct vhsm_request *idle;	/* those to submit next */
	struct vhsm_response *responses;
	unsigned idle_count;
	unsigned outstanding;
	uint32_t *samples_ns;
	uint64_t sample_count;
	struct bench_result *result;
};

uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void build(struct bench *n, unsigned i)
{
	const struct bench_case *b = n->b;
	uint8_t *p = n->places[i].buffer;
	struct vhsm_segment input, output, nonce, tag, none = { 0, 0 };
	struct vhsm_request *r = &n->requests[i];

	vhsm_buffer_segment(n->h, p + OUTPUT_LEN, b->size, &input);
	vhsm_buffer_segment(n->h, p, OUTPUT_LEN, &output);
	vhsm_buffer_segment(n->h, p, VHSM_NONCE_LEN, &nonce);
	vhsm_buffer_segment(n->h, p + 64, VHSM_TAG_LEN, &tag);
	if (b->op == VHSM_OP_NOP)
		vhsm_request_nop(r, i);
	else if (b->op == VHSM_OP_RANDOM)
		vhsm_request_random(r, i, input);
	else if (b->op == VHSM_OP_ENCRYPT)
		vhsm_request_encrypt(r, i, b->key, b->mechanism, 0, nonce,
				     none, input, input, tag);
	else if (b->op == VHSM_OP_MAC)
		vhsm_request_mac(r, i, b->key, b->mechanism, input, output);
	else
		vhsm_request_sign(r, i, b->key, b->mechanism, 0, input,
				  output);
}

static int set_up(struct bench *n)
{
	const unsigned depth = n->b->depth;
	unsigned i;

	n->places = calloc(depth, sizeof(*n->places));
	n->requests = calloc(depth, sizeof(*n->requests));
	n->idle = calloc(depth, sizeof(*n->idle));
	n->responses = calloc(depth, sizeof(*n->responses));
	n->samples_ns = calloc(SAMPLES, sizeof(*n->samples_ns));
	if (!n->places || !n->requests || !n->idle || !n->responses ||
	    !n->samples_ns)
		return -ENOMEM;
	for (i = 0; i < depth; i++) {
		n->places[i].buffer = vhsm_buffer_alloc(n->h, OUTPUT_LEN +
							n->b->size);
		if (!n->places[i].buffer)
			return -VHSM_E_NO_SPACE;
		build(n, i);
		n->idle[n->idle_count++] = n->requests[i];
	}
	return 0;
}

static void tear_down(struct bench *n)
{
	unsigned i;

	for (i = 0; n->places && i < n->b->depth; i++)
		vhsm_buffer_free(n->h, n->places[i].buffer);
	free(n->places);
	free(n->requests);
	free(n->idle);
	free(n->responses);
	free(n->samples_ns);
}

static int submit(struct bench *n)
{
	const struct timespec pause = { .tv_nsec = AWAY_PAUSE_NS };
	uint64_t now = bench_now_ns();
	unsigned i;
	int taken = vhsm_submit(n->h, n->idle, n->idle_count);

	if (taken == -VHSM_E_GONE) {
		nanosleep(&pause, NULL);
		return 0;
	}
	if (taken < 0)
		return taken;
	for (i = 0; i < (unsigned)taken; i++)
		n->places[n->idle[i].id].submitted_ns = now;
	n->idle_count -= (unsigned)taken;
	n->outstanding += (unsigned)taken;
	memmove(n->idle, n->idle + taken, n->idle_count * sizeof(*n->idle));
	return 0;
}

static void account(struct bench *n, const struct vhsm_response *p,
		    uint64_t now)
{
	uint64_t took = now - n->places[p->id].submitted_ns;

	n->outstanding--;
	n->idle[n->idle_count++] = n->requests[p->id];
	if (p->status != VHSM_S_OK) {
		n->result->errors++;
		n->result->status = p->status;
		return;
	}
	n->result->requests++;
	n->samples_ns[n->sample_count++ % SAMPLES] =
		took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
}

static int reap(struct bench *n)
{
	unsigned min = (n->outstanding + 1) / 2, i;
	uint64_t now;
	int count;

	if (!n->outstanding)
		return 0;
	count = vhsm_reap(n->h, n->responses, n->b->depth, min, -1);
	if (count == -EINTR)
		return 0;
	now = bench_now_ns();
	for (i = 0; count > 0 && i < (unsigned)count; i++)
		account(n, &n->responses[i], now);
	return count < 0 ? count : 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void summarise(struct bench *n, uint64_t took_ns, uint64_t signals)
{
	struct bench_result *r = n->result;
	size_t count = n->sample_count < SAMPLES ? n->sample_count : SAMPLES;

	if (!count)
		return;
	qsort(n->samples_ns, count, sizeof(*n->samples_ns), by_value);
	r->p50_us = n->samples_ns[count / 2] / 1e3;
	r->p99_us = n->samples_ns[count * 99 / 100] / 1e3;
	r->per_second = (double)r->requests * 1e9 / (double)took_ns;
	r->notifications = (double)signals / (double)r->requests;
}

static uint64_t signals(struct vhsm *h)
{
	struct vhsm_info info;

	return vhsm_info(h, &info) < 0 ? 0 :
		info.notifications_sent + info.interrupts;
}

int bench_run(struct vhsm *h, const struct bench_case *b,
	      struct bench_result *result)
{
	struct bench n = { .h = h, .b = b, .result = result };
	uint64_t start, end, before;
	int r = set_up(&n);

	memset(result, 0, sizeof(*result));
	before = signals(h);
	start = bench_now_ns();
	end = start + (uint64_t)b->ms * 1000000u;
	while (r == 0 && bench_now_ns() < end) {
		r = submit(&n);
		if (r == 0)
			r = reap(&n);
	}
	/* The buffers are custody's until the last answer. */
	while (n.outstanding && reap(&n) == 0)
		;
	if (r == 0)
		summarise(&n, bench_now_ns() - start, signals(h) - before);
	tear_down(&n);
	return r;
}
