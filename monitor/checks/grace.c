/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/grace.h"
#include "common/clock.h"

#include <time.h>

#define GP_STATE	3u		/* RCU_SEQ_STATE_MASK */
#define GP_STEP		4u		/* 1 << RCU_SEQ_CTR_SHIFT */

/* RCU's count of grace periods, and whether one is under way: its lowest bits. */
static uint64_t gp_seq(const struct vhsm_kernel *k)
{
	uint64_t va, seq;

	return vhsm_kernel_symbol(k, "rcu_state", &va) ||
	       vhsm_kernel_read_member(k, va, VHSM_L_rcu_state__gp_seq, &seq) ?
	       0 : seq;
}

/* How many events the kernel has told user space of: a module that comes is one,
 * and one that goes. */
static uint64_t uevents(const struct vhsm_kernel *k)
{
	uint64_t va, count;

	return vhsm_kernel_symbol(k, "uevent_seqnum", &va) ||
	       vhsm_kernel_read_u64(k, va, &count) ? 0 : count;
}

/* Whether who waited for RCU at the first look may do so still: for the end of
 * the grace period that was under way then, and of the next. */
static bool may_wait(uint64_t first, uint64_t now)
{
	return now & GP_STATE && now / GP_STEP - first / GP_STEP < 2;
}

/* What is seen again: the same, or what came after it to the same place. */
static bool again(struct vhsm_grace_thing *t, const struct vhsm_kernel *k,
		  uint64_t now)
{
	uint64_t seq = gp_seq(k), events = uevents(k);

	t->seen = true;
	if ((events != t->uevents || may_wait(t->gp_seq, seq)) &&
	    now - t->first_ms < VHSM_GRACE_MAX_MS)
		t->since_ms = now;
	if (events != t->uevents)
		t->gp_seq = seq;
	t->uevents = events;
	return now - t->since_ms >= VHSM_GRACE_MS;
}

bool vhsm_grace_over(struct vhsm_grace *g, const struct vhsm_kernel *k,
		     uint64_t key)
{
	uint64_t now = (uint64_t)vhsm_now_ms();

	for (unsigned i = 0; i < g->count; i++)
		if (g->thing[i].key == key)
			return again(&g->thing[i], k, now);
	if (g->count == VHSM_GRACE_THINGS)
		return true;
	g->thing[g->count++] = (struct vhsm_grace_thing){
		.key = key,
		.first_ms = g->warm ? now : now - VHSM_GRACE_MAX_MS,
		.since_ms = g->warm ? now : now - VHSM_GRACE_MS,
		.gp_seq = gp_seq(k), .uevents = uevents(k), .seen = true,
	};
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
