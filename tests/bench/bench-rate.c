// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_NS 2000000u
#define WINDOW_REQUESTS 32u

void bench_rate_begin(struct bench_rate *r, uint64_t now)
{
	memset(r, 0, sizeof(*r));
	r->begun = now;
	r->window_begun = now;
}

void bench_rate_add(struct bench_rate *r, uint64_t count, uint64_t now)
{
	r->count += count;
	r->window_count += count;
	if (now - r->window_begun < WINDOW_NS ||
	    r->window_count < WINDOW_REQUESTS ||
	    r->used == sizeof(r->windows) / sizeof(r->windows[0]))
		return;
	r->windows[r->used++] = r->window_count * 1e9 /
		(now - r->window_begun);
	r->window_begun = now;
	r->window_count = 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_rate_end(struct bench_rate *r, uint64_t now)
{
	if (!r->used)
		return r->count * 1e9 / (now - r->begun);
	qsort(r->windows, r->used, sizeof(r->windows[0]), compare);
	return r->windows[r->used * 3 / 4];
}

double bench_percentile(struct bench_latency *l, unsigned percent)
{
	static double us[BENCH_SAMPLES];

	if (!l->count)
		return 0;
	for (unsigned i = 0; i < l->count; i++)
		us[i] = l->ns[i] / 1e3;
	qsort(us, l->count, sizeof(us[0]), compare);
	return us[(uint64_t)(l->count - 1) * percent / 100];
}
