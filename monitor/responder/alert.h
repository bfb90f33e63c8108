/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert.h - alerts: one thing found in one guest, from the finding to what was
 * done, as an OCSF Detection Finding (class_uid 2004, OCSF 1.3) in JSON lines;
 * alerts.jsonl(5) says which fields there are.
 *
 * The store is a folder with a file UID.json for each alert, which survives a
 * restart of the responder and a rotation of the log; and the log, to which a
 * line is appended for every new alert and every change of one (activity_id 1
 * create, 2 update, 3 close).  metadata.sequence grows by one with each line.
 * The same finding of the same object, while its alert is open, is the same
 * alert, whose count grows; a line is written for that at most once a minute,
 * and the longer it stands the less often: an eighth of its age after the last.
 *
 * Open alerts of one guest are at most VHSM_ALERTS_GUEST_MAX: what is found
 * beyond is counted in the last.  Of closed ones the newest VHSM_ALERTS_CLOSED
 * are kept; the log has all.
 *
 * Of one thread.
 */
#ifndef VHSM_ALERT_H
#define VHSM_ALERT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "findings/finding.h"
#include "policy/policy.h"

#define VHSM_ALERT_DIR		LOCALSTATEDIR "/lib/vhsm/alerts"
#define VHSM_ALERT_FILE		LOCALSTATEDIR "/log/vhsm/alerts.jsonl"
#define VHSM_ALERT_WHY_LEN	256u
#define VHSM_ALERT_UID_LEN	37u	/* a UUID and NUL */
#define VHSM_ALERTS_GUEST_MAX	256u
#define VHSM_ALERTS_CLOSED	1024u
#define VHSM_ALERTS_GUESTS	4096u	/* as max-guests may be */

struct vhsm_alerts;

/* Whom it is about. */
struct vhsm_alert_guest {
	char uuid[37];
	char name[80];
	uint32_t domid;
	char baseline[64];		/* "" unknown */
	char policy[64];
};

/* One step of what was done about it, with its time. */
struct vhsm_alert_action {
	enum vhsm_reaction reaction;
	bool done;			/* false: failed, or only dry-run */
	bool dry_run;
	uint64_t time_ms;		/* since the epoch, when it was done */
	char text[160];			/* "4 keys zeroised in 3 ms" */
};

/* dir (made if need be) and the JSON lines file; NULL with why.  Reads what is
 * open from the file. */
struct vhsm_alerts *vhsm_alerts_open(const char *dir, const char *file,
				     char *why);
void vhsm_alerts_close(struct vhsm_alerts **);

/*
 * A confirmed finding: 0 with uid, *is_new whether it is a new alert.  swept_ms
 * is when the sweep that found it was asked for, clean_ms when the last clean
 * one was (0: never): the change happened between the two.  -errno with why.
 */
int vhsm_alerts_add(struct vhsm_alerts *, const struct vhsm_alert_guest *,
		    const struct vhsm_policy *, const struct vhsm_finding *,
		    uint64_t swept_ms, uint64_t clean_ms,
		    char uid[VHSM_ALERT_UID_LEN], bool *is_new, char *why);

/* The same in two steps, for what must not wait for a disk in between: in
 * memory only, which never blocks; then into file and line. */
int vhsm_alerts_hold(struct vhsm_alerts *, const struct vhsm_alert_guest *,
		     const struct vhsm_policy *, const struct vhsm_finding *,
		     uint64_t swept_ms, uint64_t clean_ms,
		     char uid[VHSM_ALERT_UID_LEN], bool *is_new, char *why);
int vhsm_alerts_write(struct vhsm_alerts *, const char *uid, bool is_new,
		      char *why);

/* Adds what was done to an alert, and writes its line. */
int vhsm_alerts_acted(struct vhsm_alerts *, const char *uid,
		      const struct vhsm_alert_action *, char *why);

/*
 * Tells the policy's sinks, syslog and command, of an alert.  Once for each
 * new one, when it is known what was done about it.  Never blocks: the command
 * runs by itself, with the alert on its standard input, for at most
 * VHSM_ALERT_COMMAND_S seconds; one that cannot be started is logged.
 */
#define VHSM_ALERT_COMMAND_S	30u
void vhsm_alerts_notify(struct vhsm_alerts *, const struct vhsm_policy *,
			const char *uid);

/* All open alerts of a guest are closed, with who released it and why. */
int vhsm_alerts_release(struct vhsm_alerts *, const char *uuid,
			unsigned admin_uid, const char *reason, char *why);
/* -ENOENT: no such alert. */
int vhsm_alerts_ack(struct vhsm_alerts *, const char *uid, unsigned admin_uid,
		    const char *note, char *why);

/* Whether such a finding would be counted in an alert that is open. */
bool vhsm_alerts_has(const struct vhsm_alerts *, const char *uuid,
		     const struct vhsm_finding *);
/* The alert's OCSF object, borrowed; NULL: no such. */
const json_t *vhsm_alerts_find(const struct vhsm_alerts *, const char *uid);
/* Up to count whose last line came after that sequence, in its order: a new
 * array of new references. */
json_t *vhsm_alerts_list(const struct vhsm_alerts *, uint64_t after,
			 bool open_only, unsigned count);

#endif /* VHSM_ALERT_H */
