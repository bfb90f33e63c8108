/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ladder.h - from findings and a policy to what is done, and to what the
 * guest's keys may do: pure functions, for the whole judgement to be readable
 * and testable in one place.
 */
#ifndef VHSM_LADDER_H
#define VHSM_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/gate.h"
#include "policy/policy.h"
#include "responder/incident.h"
#include "responder/watch.h"

/*
 * The reactions to do now about findings of these checks (a set by number), of
 * those the policy asks for: not again what is done or begun, nor what failed
 * VHSM_INCIDENT_TRIES times, nor on a guest that is destroyed.  Under dry-run
 * those not said yet.  RECORD, which raising the alert was, is not in it.
 */
uint32_t vhsm_ladder_plan(const struct vhsm_policy *,
			  const struct vhsm_incident *, uint64_t checks);

/* The first to do of a set: what protects at once before what takes time,
 * destruction last.  -1: the set is empty. */
int vhsm_ladder_first(uint32_t set);

/* Whether the lease is renewed in spite of findings of these checks: the policy
 * asks at most that the keys be throttled or only verify, and the gate has done
 * that. */
bool vhsm_ladder_tolerates(const struct vhsm_policy *,
			   const struct vhsm_incident *, uint64_t checks);

/* What the broker is told: the parameters of guest.gate. */
struct vhsm_key_gate {
	enum vhsm_gate_level level;
	uint32_t rate;			/* under THROTTLED */
	bool leased;
	bool unwatched;			/* an admin ended the watch */
	uint32_t valid_ms;		/* if leased; 0: no lease now */
	uint64_t valid_until_ms;	/* the same by the watch's clock, of
					 * when now_ms was */
	char reason[200];
};

const char *vhsm_ladder_level_name(enum vhsm_gate_level);

/* now_ms: on the watch's clock. */
void vhsm_ladder_gate(struct vhsm_key_gate *, const struct vhsm_policy *,
		      const struct vhsm_incident *, const struct vhsm_watch *,
		      uint64_t now_ms);

#endif /* VHSM_LADDER_H */
