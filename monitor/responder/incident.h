/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incident.h - what was done to a guest that was found not to be as approved,
 * until an admin releases it.  It outlives the guest's domain, for a reboot
 * releases nothing, and the responder (state.h).
 */
#ifndef VHSM_INCIDENT_H
#define VHSM_INCIDENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

#define VHSM_INCIDENT_TRIES 3u		/* of a reaction that fails */

struct vhsm_incident {
	bool open;
	char uid[37];			/* of its first alert, or one of its
					 * own: an admin's reaction has none */
	uint64_t opened_ms;		/* since the epoch */
	char reason[160];		/* "syscall-table: sys_call_table[62]" */
	uint32_t done;			/* sets of reactions */
	uint32_t dry;			/* said, not done */
	uint32_t pending;		/* being done, or waiting for it */
	char pending_uid[37];		/* of the alert they answer */
	uint8_t tries[VHSM_REACTIONS];	/* that failed */
	uint32_t rate;			/* under throttle */
	uint32_t isolated_domid;	/* whose devices... */
	json_t *isolated;		/* ...were taken: as the toolstack wrote
					 * them down; owned */
	uint32_t frozen_domid;		/* paused by us, once */
	bool destroyed;
	bool sealed;			/* its evidence is */
};

void vhsm_incident_deinit(struct vhsm_incident *);
json_t *vhsm_incident_encode(const struct vhsm_incident *);

/*
 * The guest is another domain than before, or the responder has begun anew:
 * what was done to the former domain, and can be done to this one, is pending
 * again.  A destroyed guest that an admin made again is not destroyed for what
 * was found before; what is found in it is answered anew.
 */
void vhsm_incident_follow(struct vhsm_incident *, uint32_t domid);

/* 0 or -EINVAL: what we wrote ourselves is checked all the same. */
int vhsm_incident_decode(struct vhsm_incident *, const json_t *untrusted);

#endif /* VHSM_INCIDENT_H */
