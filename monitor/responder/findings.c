/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings.c - from a finding to an alert, and to the reactions that the
 * guest's policy asks for.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "log.h"
#include "responder.h"

#define ALERTS_AT_ONCE	16u		/* new ones of a guest, then one in every */
#define ALERTS_EVERY_MS	250u

static void guest_describe(const struct vhsm_watched *w,
			   struct vhsm_alert_guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	memcpy(guest->uuid, w->domain.uuid, sizeof(guest->uuid));
	memcpy(guest->name, w->domain.name, sizeof(guest->name));
	guest->domid = w->domain.domid;
	snprintf(guest->baseline, sizeof(guest->baseline), "%s", w->baseline);
	snprintf(guest->policy, sizeof(guest->policy), "%s", w->policy.name);
}

/*
 * A new alert is written to disk several times, which takes time from all
 * guests.  One that is put off is written when the next sweep finds the same
 * again.
 */
static bool alert_allowed(struct vhsm_watched *w)
{
	uint64_t now = vhsm_now_ms();

	if (w->alerts_ms + ALERTS_AT_ONCE * ALERTS_EVERY_MS < now)
		w->alerts_ms = now - ALERTS_AT_ONCE * ALERTS_EVERY_MS;
	if (w->alerts_ms + ALERTS_EVERY_MS > now)
		return false;
	w->alerts_ms += ALERTS_EVERY_MS;
	return true;
}

/* What an earlier finding brought about answers this one, too. */
static void in_effect_tell(struct vhsm_watched *w,
			   const struct vhsm_finding *f, const char *uid)
{
	uint32_t set = vhsm_policy_reactions(&w->policy, f->check) &
		w->incident.done;
	int reaction;

	while (w->incident.open && (reaction = vhsm_ladder_first(set)) >= 0) {
		set &= ~(1u << reaction);
		vhsm_reactions_acted(w, uid, reaction, true, "in effect since "
				     "alert %s", w->incident.uid);
	}
}

static int alert_add(struct vhsm_watched *w, const struct vhsm_finding *f,
		     bool urgent, char uid[VHSM_ALERT_UID_LEN])
{
	char why[VHSM_ALERT_WHY_LEN] = "";
	struct vhsm_alert_guest guest;
	bool is_new = false;
	int ret;

	if (!urgent &&
	    !vhsm_alerts_has(w->responder->alerts, w->domain.uuid, f) &&
	    !alert_allowed(w))
		return -EAGAIN;
	guest_describe(w, &guest);
	ret = vhsm_alerts_add(w->responder->alerts, &guest, &w->policy, f,
			      w->ordered_wall_ms, w->clean_wall_ms, uid,
			      &is_new, why);
	if (ret) {
		/* What cannot be written down is acted upon all the same. */
		vhsm_log(LOG_ERR, "%s (ID %u): alert not written: %s",
			 guest.name, guest.domid, why);
		uid[0] = '\0';
		return ret;
	}
	if (is_new) {
		vhsm_log(LOG_ALERT, "%s (ID %u): %s: %s; alert %s",
			 guest.name, guest.domid,
			 vhsm_check_by_number(f->check)->name, f->object, uid);
		in_effect_tell(w, f, uid);
		vhsm_notify_later(w, uid);
	}
	return 0;
}

/* What is acted upon, or is the responder's own, has its alert now. */
static void add(struct vhsm_watched *w, const struct vhsm_finding *f, bool own)
{
	const uint64_t bit = UINT64_C(1) << f->check;
	char uid[VHSM_ALERT_UID_LEN] = "", reason[160];
	uint32_t plan;

	w->monitor.found |= bit;
	plan = vhsm_ladder_plan(&w->policy, &w->incident, bit);
	alert_add(w, f, own || plan, uid);
	if (plan) {
		snprintf(reason, sizeof(reason), "%s: %s",
			 vhsm_check_by_number(f->check)->name, f->object);
		vhsm_incident_open(w, uid, reason);
		vhsm_reactions_begin(w, plan, w->incident.uid[0] && !uid[0] ?
				     w->incident.uid : uid);
	}
	vhsm_reactions_pump(w);
}

void vhsm_findings_add(struct vhsm_watched *w, const struct vhsm_finding *f)
{
	add(w, f, false);
}

void vhsm_findings_own(struct vhsm_watched *w, enum vhsm_check_number check,
		       const char *object, const char *detail)
{
	struct vhsm_finding finding = { .check = check, .confidence = 100 };

	snprintf(finding.object, sizeof(finding.object), "%s", object);
	vhsm_log_escape(finding.detail, sizeof(finding.detail), detail,
			strlen(detail));
	add(w, &finding, true);
}
