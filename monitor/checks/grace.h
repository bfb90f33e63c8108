/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grace.h - for how long something has been seen.
 *
 * What a module leaves behind is freed when no processor can be in it any more:
 * its init text after the init, all of it after rmmod.  For that time (an RCU
 * grace period) the memory is still executable and no structure of the kernel
 * says whose it is.  So there, and only there, something new is given
 * VHSM_GRACE_MS before it counts.
 *
 * By the guest's own word it is given more, up to VHSM_GRACE_MAX_MS in all: a
 * guest that is so busy that its grace periods take longer, one of these first;
 * and where a module may have come or gone since the last look, the time anew,
 * for a module that is loaded again gets the place that it had, and what is
 * seen may be what the second leaves.
 *
 * What is there at the first look has had its time.
 *
 * Facts: Linux 6.1 kernel/module/main.c (do_init_module, free_module: an event
 * for each), lib/kobject_uevent.c (uevent_seqnum), kernel/rcu/rcu.h
 * (rcu_seq_done).
 */
#ifndef VHSM_GRACE_H
#define VHSM_GRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_GRACE_MS		1500u
#define VHSM_GRACE_MAX_MS	15000u
#define VHSM_GRACE_THINGS	128u	/* what is beyond gets no grace */

struct vhsm_grace_thing {
	uint64_t key;
	uint64_t first_ms;		/* CLOCK_MONOTONIC */
	uint64_t since_ms;		/* it is the same, and nothing waits for
					 * RCU */
	uint64_t gp_seq;		/* RCU's, when it may have become this */
	uint64_t uevents;		/* the kernel's, at the last look */
	bool seen;			/* in this run */
};

struct vhsm_grace {
	bool warm;			/* a run was finished */
	unsigned count;
	struct vhsm_grace_thing thing[VHSM_GRACE_THINGS];
};

/* All zeros is an empty one. */

/* Whether the thing, seen now, has been there long enough to count. */
bool vhsm_grace_over(struct vhsm_grace *, const struct vhsm_kernel *,
		     uint64_t key);
/* After each whole run: what was not seen in it is forgotten. */
void vhsm_grace_end(struct vhsm_grace *);

#endif /* VHSM_GRACE_H */
