// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "bench/harness.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
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
