// SPDX-License-Identifier: Apache-2.0
/*
 * bench-product.c - the guest's side as a program would write it: libvhsm's
 * batch interface, data in slice buffers, as many outstanding as the depth.
 */
#include <config.h>

#include "bench/harness.h"

#include <stdlib.h>
#include <string.h>

#include "vhsm/vhsm.h"

struct bench_product {
	struct vhsm *h;
	uint8_t *memory;		/* one buffer, shared out by depth */
	struct bench_latency latency;
	struct vhsm_request request[BENCH_DEPTH_MAX];
	uint64_t begun[BENCH_DEPTH_MAX];
};

#define SMALL 1024u			/* nonce, tag and signature of a slot */
#define BULK_DEPTH 8u			/* distinct buffers of large requests */
#define MEMORY_LEN (BENCH_DEPTH_MAX * (SMALL + 4096u) + \
		    BULK_DEPTH * (1u << 20))

static void must(int r, const char *what)
{
	if (r < 0)
		bench_die("%s: %s", what, vhsm_strerror(r));
}

struct bench_product *bench_product_new(const char *device)
{
	struct bench_product *p = calloc(1, sizeof(*p));

	if (!p)
		bench_die("out of memory");
	must(vhsm_open(device, &p->h), device);
	p->memory = vhsm_buffer_alloc(p->h, MEMORY_LEN);
	if (!p->memory)
		bench_die("no room for %u bytes in the slice", MEMORY_LEN);
	memset(p->memory, 0x5a, MEMORY_LEN);
	return p;
}

static struct vhsm_segment segment(struct bench_product *p, const uint8_t *at,
				   size_t len)
{
	struct vhsm_segment s;

	must(vhsm_buffer_segment(p->h, at, len, &s), "segment");
	return s;
}

/* Requests of one slot never share bytes with another's, but for the largest:
 * there in-place buffers are used in turn. */
static void make_request(struct bench_product *p, const struct bench_op *op,
			 uint32_t key, unsigned slot)
{
	uint8_t *small = p->memory + slot * SMALL;
	uint8_t *bulk = p->memory + BENCH_DEPTH_MAX * SMALL;
	struct vhsm_request *r = &p->request[slot];
	struct vhsm_segment data;

	if (op->len <= 4096)
		bulk += slot * 4096;
	else
		bulk += BENCH_DEPTH_MAX * 4096 +
			(slot % BULK_DEPTH) * (1u << 20);
	data = segment(p, bulk, op->len);
	switch (op->op) {
	case VHSM_OP_ENCRYPT:
		vhsm_request_encrypt(r, slot, key, op->mechanism, 0,
				     segment(p, small, VHSM_NONCE_LEN),
				     (struct vhsm_segment){ 0, 0 }, data, data,
				     segment(p, small + 16, VHSM_TAG_LEN));
		break;
	case VHSM_OP_MAC:
		vhsm_request_mac(r, slot, key, op->mechanism, data,
				 segment(p, small, 64));
		break;
	case VHSM_OP_SIGN:
		vhsm_request_sign(r, slot, key, op->mechanism, 0, data,
				  segment(p, small, VHSM_SIG_MAX));
		break;
	default:
		vhsm_request_nop(r, slot);
	}
}

static void submit(struct bench_product *p, const struct vhsm_request *r,
		   unsigned n)
{
	int taken;

	for (uint64_t now = bench_now(), i = 0; i < n; i++)
		p->begun[r[i].id] = now;
	while (n) {
		taken = vhsm_submit(p->h, r, n);
		must(taken, "submit");
		r += taken;
		n -= taken;
	}
}

/*
 * Takes what is there and asks for the same again, unless it is the end.  As a
 * program after throughput does, it waits for half of what is outstanding, so
 * that the other half keeps the engine busy and one wake-up serves many.
 */
static unsigned turn(struct bench_product *p, unsigned depth, bool again)
{
	struct vhsm_response done[BENCH_DEPTH_MAX];
	struct vhsm_request next[BENCH_DEPTH_MAX];
	int n = vhsm_reap(p->h, done, BENCH_DEPTH_MAX, (depth + 1) / 2,
			  10000);
	uint64_t now = bench_now();

	must(n, "reap");
	if (!n)
		bench_die("no answer for 10 s");
	for (int i = 0; i < n; i++) {
		must(vhsm_status_error(done[i].status), "a request");
		bench_sample(&p->latency, now - p->begun[done[i].id]);
		next[i] = p->request[done[i].id];
	}
	if (again)
		submit(p, next, n);
	return n;
}

void bench_product_run(struct bench_product *p, const struct bench_op *op,
		       unsigned depth, uint64_t ns, struct bench_slice *slice)
{
	struct vhsm_info before, after;
	uint64_t start, now, count = 0;
	unsigned left;
	uint32_t key = 0;

	if (op->key)
		must(vhsm_key_open(p->h, op->key, &key), op->key);
	for (unsigned i = 0; i < depth; i++)
		make_request(p, op, key, i);
	p->latency.count = 0;
	must(vhsm_info(p->h, &before), "info");
	start = bench_now();
	submit(p, p->request, depth);
	do {
		count += turn(p, depth, true);
		now = bench_now();
	} while (now - start < ns);
	for (left = depth; left; left -= turn(p, 1, false))
		;
	must(vhsm_info(p->h, &after), "info");
	memset(slice, 0, sizeof(*slice));
	slice->requests = count + depth;
	slice->ops_per_s = count * 1e9 / (now - start);
	slice->p50_us = bench_percentile(&p->latency, 50);
	slice->p99_us = bench_percentile(&p->latency, 99);
	slice->notifications = after.interrupts - before.interrupts;
	if (op->key)
		vhsm_key_close(p->h, key);
}

void bench_product_free(struct bench_product **product)
{
	struct bench_product *p = *product;

	*product = NULL;
	vhsm_close(&p->h);
	free(p);
}
