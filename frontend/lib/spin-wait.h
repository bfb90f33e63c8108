/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin-wait.h - looks at a shared counter for a short while before its reader
 * goes to sleep, for as long as that pays.
 *
 * An answer that comes while spinning costs a fraction of a microsecond; one
 * slept for costs ten.  But where both ends share a CPU, or operations are
 * long, spinning only keeps the other end from working.  So: after a few
 * fruitless spins stop, and probe again ever more rarely, until one pays.
 */
#ifndef VHSM_SPIN_WAIT_H
#define VHSM_SPIN_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct vhsm_spin {
	unsigned failures;	/* fruitless in a row */
	unsigned skip;		/* waits left without a spin */
	unsigned backoff;	/* the next skip */
};

/*
 * Whether *counter came to be at least "want" past "from" while spinning.
 * All zeroes is a spin's first state.  One thread at a time.
 */
bool vhsm_spin_wait(struct vhsm_spin *s, const volatile uint32_t *counter,
		    uint32_t from, uint32_t want);

#endif /* VHSM_SPIN_WAIT_H */
