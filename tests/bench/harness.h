/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness.h - how fast the whole product is, next to what cannot be beaten.
 *
 * Three servers do the same work in turns, in one run: OpenSSL in this process
 * with contexts reused (the limit), the product (vhsmd, vault, engine and
 * libvhsm with buffers in the slice), and a bare ring with a server that does
 * nothing (the floor of the transport).  Ratios of neighbours in time mean
 * something on a shared machine; absolute figures only give the scale.
 */
#ifndef VHSM_HARNESS_H
#define VHSM_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define BENCH_DEPTH_MAX 128u
#define BENCH_SAMPLES 65536u

struct bench_op {
	const char *name;
	const char *key;		/* NULL: none (the bare ring's NOP) */
	const char *key_type;		/* as vhsmctl takes it */
	uint16_t op;
	uint16_t mechanism;
	uint32_t len;
};

/* What one server did in one slice of time. */
struct bench_slice {
	double ops_per_s;
	double p50_us;			/* 0 where not measured */
	double p99_us;
	uint64_t requests;
	uint64_t notifications;		/* from the backend */
};

/* Latencies, sorted by bench_percentile. */
struct bench_latency {
	uint32_t ns[BENCH_SAMPLES];
	unsigned count;
};

static inline uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static inline void bench_sample(struct bench_latency *l, uint64_t ns)
{
	if (l->count < BENCH_SAMPLES)
		l->ns[l->count++] = ns < UINT32_MAX ? ns : UINT32_MAX;
}

/* In us; 0 without samples. */
double bench_percentile(struct bench_latency *, unsigned percent);
/* Writes what went wrong and ends the program with status 1. */
void bench_die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* bench-native.c: OpenSSL in this process. */
struct bench_native;
struct bench_native *bench_native_new(const struct bench_op *);
void bench_native_run(struct bench_native *, uint64_t ns, struct bench_slice *);
void bench_native_free(struct bench_native **);

/* bench-ring.c: a process that answers every slot and does nothing else. */
struct bench_ring;
/* spins: before it sleeps, on both sides. */
struct bench_ring *bench_ring_new(bool spins);
void bench_ring_run(struct bench_ring *, unsigned depth, uint64_t ns,
		    struct bench_slice *);
void bench_ring_free(struct bench_ring **);

/* bench-product.c: through libvhsm. */
struct bench_product;
struct bench_product *bench_product_new(const char *device);
void bench_product_run(struct bench_product *, const struct bench_op *,
		       unsigned depth, uint64_t ns, struct bench_slice *);
void bench_product_free(struct bench_product **);

/* bench-daemon.c: vhsmd with a store and keys of its own, in a directory that
 * goes away with it. */
struct bench_daemon;
struct bench_daemon *bench_daemon_new(const struct bench_op *ops,
				      unsigned count);
/* "local:PATH?..." for vhsm_open; the daemon's. */
const char *bench_daemon_device(const struct bench_daemon *);
/* The engine that serves us; -1 if there is none. */
int bench_daemon_engine(const struct bench_daemon *);
/* Mappings the engine made since it connected; -1 if it does not say. */
int64_t bench_daemon_maps(const struct bench_daemon *);
/* malloc, calloc, realloc calls of a process so far; -1 if not counted. */
int64_t bench_daemon_allocations(const struct bench_daemon *, int pid);
/* Resident bytes of a process that are its own: without shared memory. */
int64_t bench_resident(int pid);
void bench_daemon_free(struct bench_daemon **);

#endif /* VHSM_HARNESS_H */
