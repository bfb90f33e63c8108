/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-json.h - a finding as an OCSF Detection Finding, and its changes; for
 * the files that implement alert.h only.
 *
 * Everything in it is from our own catalogue, the hypervisor's names, or text
 * that was made printable ASCII.
 */
#ifndef VHSM_ALERT_JSON_H
#define VHSM_ALERT_JSON_H

#include "responder/alert.h"

/* activity_id of class 2004. */
enum vhsm_activity {
	VHSM_ACTIVITY_CREATE = 1,
	VHSM_ACTIVITY_UPDATE = 2,
	VHSM_ACTIVITY_CLOSE = 3,
};

/* status_id of class 2004. */
enum vhsm_alert_status {
	VHSM_ALERT_NEW = 1,
	VHSM_ALERT_IN_PROGRESS = 2,	/* acknowledged */
	VHSM_ALERT_RESOLVED = 4,	/* released */
};

/* A new alert; a new reference, NULL without memory.  Times in milliseconds
 * since the epoch, 0 unknown. */
json_t *vhsm_alert_encode(const struct vhsm_alert_guest *,
			  const struct vhsm_policy *,
			  const struct vhsm_finding *, const char *uid,
			  uint64_t now_ms, uint64_t swept_ms,
			  uint64_t clean_ms);

/* Adds a step to the timeline and, for what was done, sets the disposition.
 * 0 or -ENOMEM. */
int vhsm_alert_add_action(json_t *alert, const struct vhsm_alert_action *);
/* Adds "what" to the timeline, with more text or NULL. */
int vhsm_alert_add_step(json_t *alert, uint64_t now_ms, const char *what,
			const char *text);
int vhsm_alert_set_status(json_t *alert, enum vhsm_alert_status);
/* What changes with every line: activity, time, sequence. */
int vhsm_alert_set_activity(json_t *alert, enum vhsm_activity,
			    uint64_t now_ms, uint64_t sequence);
/* Seen once more, at now_ms. */
int vhsm_alert_count(json_t *alert, uint64_t now_ms);

/* Of an alert, "" or 0 where it has none. */
const char *vhsm_alert_uid(const json_t *alert);
const char *vhsm_alert_guest_uuid(const json_t *alert);
uint64_t vhsm_alert_sequence(const json_t *alert);
bool vhsm_alert_is_open(const json_t *alert);
/* Whether it is about the same thing. */
bool vhsm_alert_same(const json_t *alert, const char *uuid,
		     const struct vhsm_finding *);

#endif /* VHSM_ALERT_JSON_H */
