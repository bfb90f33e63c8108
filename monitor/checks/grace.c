/* SPDX-License-Identifier: Apache-2.0 */
#include "grace.h"

#include <time.h>

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool vhsm_grace_over(struct vhsm_grace *g, uint64_t key)
{
	uint64_t now = now_ms();

	for (unsigned i = 0; i < g->count; i++) {
		if (g->thing[i].key != key)
			continue;
		g->thing[i].seen = true;
		return now - g->thing[i].since_ms >= VHSM_GRACE_MS;
	}
	if (g->count == VHSM_GRACE_THINGS)
		return true;
	g->thing[g->count].key = key;
	g->thing[g->count].since_ms = g->warm ? now : now - VHSM_GRACE_MS;
	g->thing[g->count].seen = true;
	g->count++;
	return !g->warm;
}

void vhsm_grace_end(struct vhsm_grace *g)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < g->count; i++) {
		if (!g->thing[i].seen)
			continue;
		g->thing[kept] = g->thing[i];
		g->thing[kept++].seen = false;
	}
	g->count = kept;
	g->warm = true;
}
