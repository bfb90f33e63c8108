/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - a monitor policy, vhsm-policy(5): how a guest is watched and what
 * happens to one that is not as approved.  "monitor=NAME" in xl.cfg names
 * NAME.conf in vhsmd.conf's policy-dir.  Read by the responder, and by the
 * broker, which needs to know whether keys depend on a lease before it connects
 * them.
 *
 * In libconfuse's syntax:
 *
 *   lease-ms = 5000            # keys stop when the last clean sweep is older;
 *                              # 0: keys do not depend on one
 *   sweep-ms = 1000            # time between two sweeps
 *   full-ms = 30000            # least time between two full scans; 0: none
 *   slice-ms = 50              # of a full scan, between two sweeps
 *   dry-run = false            # write what would be done, and do nothing
 *   checks = { "all" }         # or names of checks.def
 *   throttle-rate = 10         # requests a second under "throttle"
 *   quarantine-bridge = ""     # isolate moves network devices there instead
 *                              # of unplugging them
 *   isolate-disks = true       # isolate takes disks, too
 *   command = ""               # run for every alert, the alert on its input
 *   syslog = false
 *   on medium { reactions = { "record" } }       # by severity...
 *   on high { reactions = { "revoke" } }
 *   on critical { reactions = { "revoke" } }
 *   check yara { reactions = { "record" }        # ...or by check
 *                options = "" }                  # JSON object, for the check
 *
 * These are the defaults (but for the last line: by default a check's reactions
 * are those of its severity).  A lease must be longer than two sweeps.
 */
#ifndef VHSM_POLICY_H
#define VHSM_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/policy-name.h"
#include "policy/catalogue.h"

#define VHSM_POLICY_WHY_LEN	256u

/* The ladder, in order; a set of reactions has a bit (1 << step) for each. */
enum vhsm_reaction {
	VHSM_REACT_RECORD = 0,		/* always done */
	VHSM_REACT_THROTTLE,
	VHSM_REACT_VERIFY_ONLY,
	VHSM_REACT_REVOKE,		/* keys zeroised in the engine */
	VHSM_REACT_ISOLATE,
	VHSM_REACT_FREEZE,
	VHSM_REACT_DESTROY,
	VHSM_REACTIONS
};

/* NULL: no such reaction. */
const char *vhsm_reaction_name(enum vhsm_reaction);
/* The reaction of that name, or -1. */
int vhsm_reaction_by_name(const char *name);

struct vhsm_policy {
	char name[VHSM_POLICY_NAME_MAX];
	uint32_t lease_ms;		/* 0, or 500..3600000 */
	uint32_t sweep_ms;		/* 100..60000 */
	uint32_t full_ms;		/* 0, or 1000..86400000 */
	uint32_t slice_ms;		/* 5..1000 */
	bool dry_run;
	uint64_t checks;		/* bit (1 << number) of each */
	uint32_t throttle_rate;		/* 1..1000000 */
	char quarantine_bridge[16];
	bool isolate_disks;
	char command[256];		/* absolute path, or "" */
	bool syslog;
	uint32_t on_severity[7];	/* sets of reactions, by severity_id */
	struct {
		bool given;
		uint32_t reactions;
		char options[512];
	} check[64];			/* by number */
};

/* Reads dir/name.conf: 0; -ENOENT, -EINVAL (also for a name that is none) or
 * another -errno, with why (VHSM_POLICY_WHY_LEN) naming file and line.  Not for
 * several threads at once. */
int vhsm_policy_read(struct vhsm_policy *, const char *dir, const char *name,
		     char *why);

/* The set of reactions to a finding of that check; RECORD is always in it.
 * Whether they are done or only written (dry_run) is the caller's to see. */
uint32_t vhsm_policy_reactions(const struct vhsm_policy *,
			       enum vhsm_check_number);

/* The lease keys depend on, in ms; 0 none: under dry-run nothing stops keys. */
uint32_t vhsm_policy_lease(const struct vhsm_policy *);

#endif /* VHSM_POLICY_H */
