/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-monitor.h - how fast the monitor looks: next to reading memory, and in
 * proportion to what there is to look at.
 */
#ifndef BENCH_MONITOR_H
#define BENCH_MONITOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_monitor {
	unsigned rounds;
	uint64_t memory_mib;		/* of the largest made-up guest */
	const char *image;		/* a recording, or NULL */
	const char *kernel;		/* of the guest in it */
	const char *baseline;		/* instead of kernel, or NULL */
	bool json;
	json_t *rows;
};

/* A figure: printed, or kept for the end.  ratio: 0 where there is none. */
void bench_row(struct bench_monitor *, const char *name, double ms,
	       double ratio, const char *meaning);
/* Of count values, which it sorts. */
double bench_median(double *values, unsigned count);

/* monitor-memory.c: fingerprints, full and incremental sweeps. */
void bench_memory(struct bench_monitor *);
/* monitor-checks.c: the quick checks on the recording. */
void bench_checks(struct bench_monitor *);

#endif /* BENCH_MONITOR_H */
