/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/ladder.h"

#include <stdio.h>

#define BIT(reaction) (1u << (reaction))

/* The gate takes microseconds, the toolstack seconds, a memory image minutes. */
static const enum vhsm_reaction order[] = {
	VHSM_REACT_REVOKE, VHSM_REACT_VERIFY_ONLY, VHSM_REACT_THROTTLE,
	VHSM_REACT_ISOLATE, VHSM_REACT_FREEZE, VHSM_REACT_DESTROY,
};

#define STEPS (sizeof(order) / sizeof(order[0]))

static uint32_t wanted(const struct vhsm_policy *policy, uint64_t checks)
{
	uint32_t set = 0;

	for (unsigned number = 0; number < 64; number++)
		if (checks >> number & 1)
			set |= vhsm_policy_reactions(policy, number);
	return set & ~BIT(VHSM_REACT_RECORD);
}

uint32_t vhsm_ladder_plan(const struct vhsm_policy *policy,
			  const struct vhsm_incident *incident,
			  uint64_t checks)
{
	uint32_t set = wanted(policy, checks);

	if (policy->dry_run)
		return set & ~incident->dry;
	if (incident->destroyed)
		return 0;
	for (unsigned i = 0; i < VHSM_REACTIONS; i++)
		if (incident->tries[i] >= VHSM_INCIDENT_TRIES)
			set &= ~BIT(i);
	return set & ~(incident->done | incident->pending);
}

int vhsm_ladder_first(uint32_t set)
{
	for (size_t i = 0; i < STEPS; i++)
		if (set & BIT(order[i]))
			return order[i];
	return -1;
}

bool vhsm_ladder_tolerates(const struct vhsm_policy *policy,
			   const struct vhsm_incident *incident,
			   uint64_t checks)
{
	uint32_t limits = BIT(VHSM_REACT_THROTTLE) |
			  BIT(VHSM_REACT_VERIFY_ONLY);

	return !(wanted(policy, checks) & ~(limits & incident->done));
}

const char *vhsm_ladder_level_name(enum vhsm_gate_level level)
{
	static const char *const names[] = {
		"full", "throttled", "verify-only", "revoked",
	};

	return (unsigned)level < sizeof(names) / sizeof(names[0]) ?
		names[level] : "revoked";
}

static void level_decide(struct vhsm_key_gate *gate,
			 const struct vhsm_incident *incident)
{
	gate->level = VHSM_GATE_FULL;
	if (incident->done & BIT(VHSM_REACT_THROTTLE)) {
		gate->level = VHSM_GATE_THROTTLED;
		gate->rate = incident->rate;
	}
	if (incident->done & BIT(VHSM_REACT_VERIFY_ONLY))
		gate->level = VHSM_GATE_VERIFY_ONLY;
	if (incident->done & BIT(VHSM_REACT_REVOKE))
		gate->level = VHSM_GATE_REVOKED;
	if (gate->level != VHSM_GATE_FULL)
		snprintf(gate->reason, sizeof(gate->reason), "%s",
			 incident->reason);
}

static const char *lease_reason(const struct vhsm_watch *watch,
				uint32_t valid_ms)
{
	if (valid_ms)
		return "seen as approved";
	if (watch->told_unapproved)
		return "boot not approved";
	if (!watch->clean_ms)
		return "not seen as approved yet";
	return "not seen as approved for too long";
}

void vhsm_ladder_gate(struct vhsm_key_gate *gate,
		      const struct vhsm_policy *policy,
		      const struct vhsm_incident *incident,
		      const struct vhsm_watch *watch, uint64_t now_ms)
{
	uint32_t lease_ms = vhsm_policy_lease(policy);
	uint64_t age;

	*gate = (struct vhsm_key_gate){ .level = VHSM_GATE_FULL };
	if (incident->open)
		level_decide(gate, incident);
	gate->leased = lease_ms != 0;
	if (gate->leased && watch->clean_ms) {
		age = now_ms - watch->clean_ms;
		gate->valid_ms = age < lease_ms ? lease_ms - age : 0;
		gate->valid_until_ms = watch->clean_ms + lease_ms;
	}
	if (!gate->reason[0])
		snprintf(gate->reason, sizeof(gate->reason), "%s",
			 gate->leased ? lease_reason(watch, gate->valid_ms) :
			 "no lease demanded");
}
