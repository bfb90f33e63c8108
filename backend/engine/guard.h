/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - an engine's view of its guest's gate (gate.h): may a key be used
 * now, and may what was made with it still be published?
 *
 * Every use of a key (SIGN .. MAC_VERIFY) enters before it begins and leaves
 * before its result is published; the worker that runs a slow one asks again
 * in between.  What needs no key is not asked about: NOP, KEY_OPEN, KEY_LIST,
 * KEY_PUBLIC, RANDOM and CANCEL give away no secret and help nobody to use
 * one, whatever the guest has become.
 *
 *   level REVOKED, or one we do not know                            UNAPPROVED
 *   the lease has run out, or none was given yet (0)                LEASE_STALE
 *   level VERIFY_ONLY, for all but VERIFY, MAC_VERIFY, DECRYPT      VERIFY_ONLY
 *   level THROTTLED, with a second's worth of requests taken        THROTTLED
 *   the epoch of entering is over, though the level of now allows
 *   it (taken away and given back meanwhile)                        CANCELLED
 *
 * The rate is this engine's, over all its queues: so many requests begin a
 * second, and after a pause as many at once.
 *
 * Cost: three loads of one line that nobody writes to, twice a request; the
 * clock is read only where there is a lease (once a batch, and before each
 * publication) or a rate.
 */
#ifndef VHSM_GUARD_H
#define VHSM_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/gate.h"
#include "vhsmif.h"

struct vhsm_guard {
	const struct vhsm_gate *gate;
	uint64_t (*clock)(void);	/* CLOCK_MONOTONIC in ns; tests have
					 * one of their own */
	/* When the requests begun so far would have been due at the rate. */
	_Atomic uint64_t due_ns __attribute__((aligned(128)));
};

/* gate stays the caller's and outlives the guard. */
void vhsm_guard_init(struct vhsm_guard *, const struct vhsm_gate *gate);

/*
 * Maps the gate that fd is, read-only; fd stays the caller's.  0; -EINVAL: not
 * a memfd of its size; -EPERM: not sealed so that neither its size can change
 * nor anyone but its maker write to it; -errno of mmap.  With why
 * (VHSM_TEXT_MAX).
 */
int vhsm_guard_open(struct vhsm_guard *, int fd, char *why);

/* The slow halves of the two below. */
enum vhsm_status vhsm_guard_judge_enter(struct vhsm_guard *, uint16_t op,
					uint64_t *now_ns);
enum vhsm_status vhsm_guard_judge_leave(struct vhsm_guard *, uint16_t op,
					uint64_t epoch, uint64_t *now_ns);

/* Nothing is restricted and nothing needs the clock. */
static inline bool vhsm_guard_is_open(const struct vhsm_gate *gate)
{
	return atomic_load_explicit(&gate->level, memory_order_relaxed) ==
			VHSM_GATE_FULL &&
		atomic_load_explicit(&gate->lease_until_ns,
				     memory_order_relaxed) == VHSM_LEASE_NONE;
}

/*
 * Any thread, before a key is used.  OK with the epoch to leave under; or why
 * not.  now_ns: the time, read if it is 0; may be as old as the batch.
 */
static inline enum vhsm_status vhsm_guard_enter(struct vhsm_guard *guard,
						uint16_t op, uint64_t *now_ns,
						uint64_t *epoch)
{
	/* Epoch, then level: the other way round than they are written. */
	*epoch = atomic_load_explicit(&guard->gate->epoch,
				      memory_order_acquire);
	if (__builtin_expect(vhsm_guard_is_open(guard->gate), 1))
		return VHSM_S_OK;
	return vhsm_guard_judge_enter(guard, op, now_ns);
}

/*
 * Any thread, once the result is made and before any of it is published.  OK,
 * or why it must not be.  Reads the clock, where it needs it, to *now_ns.
 */
static inline enum vhsm_status vhsm_guard_leave(struct vhsm_guard *guard,
						uint16_t op, uint64_t epoch,
						uint64_t *now_ns)
{
	atomic_signal_fence(memory_order_seq_cst);	/* not any sooner */
	if (__builtin_expect(atomic_load_explicit(&guard->gate->epoch,
						  memory_order_acquire) ==
			     epoch && vhsm_guard_is_open(guard->gate), 1))
		return VHSM_S_OK;
	return vhsm_guard_judge_leave(guard, op, epoch, now_ns);
}

#endif /* VHSM_GUARD_H */
