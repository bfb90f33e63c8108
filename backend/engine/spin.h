/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.h - whether, and how long, to look again before sleeping.
 *
 * Sleeping and being woken costs some 10 us; looking again costs what is
 * waited.  As long as looking finds work it goes on; when it does not (the
 * guest is idle, or runs on this very CPU and cannot run while we look) it
 * switches itself off, and probes again after a number of sleeps that doubles
 * with each probe in vain.  So the cost of a wrong guess is bounded by one
 * limit in VHSM_SPIN_SKIP_MAX sleeps.
 *
 * Pure state, no clock and no memory of anybody's: what it decides can be
 * tested without threads.
 */
#ifndef VHSM_SPIN_H
#define VHSM_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define VHSM_SPIN_CREDIT_MAX 16
#define VHSM_SPIN_SKIP_MIN 8u
#define VHSM_SPIN_SKIP_MAX 1024u

struct vhsm_spin {
	uint64_t limit_ns;		/* longest poll; 0: never */
	int credit;			/* polls while above 0 */
	uint32_t skip;			/* sleeps left until the next probe */
	uint32_t backoff;		/* sleeps to skip after the next loss */
};

/* limit_us 0, or a machine of one CPU: never polls. */
void vhsm_spin_init(struct vhsm_spin *, uint32_t limit_us, unsigned cpus);

/* How many ns to poll before this sleep; 0: sleep at once. */
uint64_t vhsm_spin_budget(struct vhsm_spin *);

/*
 * How it went: found says that there was work, elapsed_ns how long it took
 * (0 if too short to have been measured).  Work found after the limit was not
 * found by looking: somebody else ran on this CPU.  Returns whether it paid.
 */
bool vhsm_spin_result(struct vhsm_spin *, bool found, uint64_t elapsed_ns);

static inline void vhsm_spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" : : : "memory");
#endif
}

#endif /* VHSM_SPIN_H */
