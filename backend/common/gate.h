/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - whether a guest's keys answer now: one page per guest, a memfd that
 * the broker writes and every engine of the guest maps read-only (descriptor
 * VHSM_FD_GATE).
 *
 * An engine asks before it begins an operation and again before it publishes
 * the result, so a result is never published under an epoch that is over or a
 * lease that has run out: after the broker's store of a new epoch no operation
 * succeeds, however long it has been under way.  Output written meanwhile is
 * zeroed.
 *
 *   level    what may be done at all
 *   lease    CLOCK_MONOTONIC nanoseconds until which the guest counts as seen
 *            approved; 0 where one is demanded and none was given yet;
 *            VHSM_LEASE_NONE where its policy asks for no monitor
 *   epoch    grows with every change of level that takes something away
 *
 * Fields are independent atomics: the writer stores level, then epoch; the
 * reader loads epoch, then level.
 */
#ifndef VHSM_GATE_H
#define VHSM_GATE_H

#include <stdatomic.h>
#include <stdint.h>

#define VHSM_LEASE_NONE	UINT64_MAX

enum vhsm_gate_level {
	VHSM_GATE_FULL = 0,
	VHSM_GATE_THROTTLED = 1,	/* rate requests with a key a second */
	VHSM_GATE_VERIFY_ONLY = 2,	/* VERIFY, MAC_VERIFY, DECRYPT */
	VHSM_GATE_REVOKED = 3,		/* nothing; the vault zeroises as well */
};

struct vhsm_gate {
	_Atomic uint64_t epoch;
	_Atomic uint64_t lease_until_ns;
	_Atomic uint32_t level;		/* enum vhsm_gate_level */
	_Atomic uint32_t rate;		/* under THROTTLED */
	uint64_t reserved[5];
};

_Static_assert(sizeof(struct vhsm_gate) == 64, "one cache line");

#endif /* VHSM_GATE_H */
