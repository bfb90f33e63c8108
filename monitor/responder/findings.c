/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings.c - from a finding to an alert, and to the reactions that the
 * guest's policy asks for.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

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
static void in_effect_tell(struct vhsm_watched *w, uint32_t set,
			   const char *uid)
{
	int reaction;

	while (w->incident.open && (reaction = vhsm_ladder_first(set)) >= 0) {
		set &= ~(1u << reaction);
		vhsm_reactions_acted(w, uid, reaction, true, "in effect since "
				     "alert %s", w->incident.uid);
	}
}

/* In memory, for its name; uid "" if it cannot be had, or is put off. */
static bool alert_hold(struct vhsm_watched *w, const struct vhsm_finding *f,
		       bool urgent, char uid[VHSM_ALERT_UID_LEN])
{
	char why[VHSM_ALERT_WHY_LEN] = "";
	struct vhsm_alert_guest guest;
	bool is_new = false;

	if (!urgent &&
	    !vhsm_alerts_has(w->responder->alerts, w->domain.uuid, f) &&
	    !alert_allowed(w))
		return false;
	guest_describe(w, &guest);
	if (vhsm_alerts_hold(w->responder->alerts, &guest, &w->policy, f,
			     w->ordered_wall_ms, w->clean_wall_ms, uid,
			     &is_new, why)) {
		vhsm_log(LOG_ERR, "%s (ID %u): no alert: %s", guest.name,
			 guest.domid, why);
		uid[0] = '\0';
	}
	return is_new;
}

static void alert_tell(struct vhsm_watched *w, const struct vhsm_finding *f,
		       const char *uid, bool is_new)
{
	char why[VHSM_ALERT_WHY_LEN] = "";

	if (is_new)
		vhsm_log(LOG_ALERT, "%s (ID %u): %s: %s; alert %s",
			 w->domain.name, w->domain.domid,
			 vhsm_check_by_number(f->check)->name, f->object, uid);
	/* What cannot be written down is acted upon, and told, all the same. */
	if (uid[0] && vhsm_alerts_write(w->responder->alerts, uid, is_new,
					why))
		vhsm_log(LOG_ERR, "%s (ID %u): alert not written: %s",
			 w->domain.name, w->domain.domid, why);
}

/* Opens the incident if need be. */
static void react(struct vhsm_watched *w, const struct vhsm_finding *f,
		  uint32_t plan, const char *uid)
{
	char reason[160];

	snprintf(reason, sizeof(reason), "%s: %s",
		 vhsm_check_by_number(f->check)->name, f->object);
	vhsm_incident_open(w, uid, reason);
	vhsm_reactions_begin(w, plan, uid[0] ? uid : w->incident.uid);
}

/*
 * What is acted upon, or is the responder's own, has its alert now.  But the
 * gate is told before anything is written: a guest that keeps dom0's disk busy
 * must not use its keys for as long as that takes.
 */
static void add(struct vhsm_watched *w, const struct vhsm_finding *f, bool own)
{
	const uint64_t bit = UINT64_C(1) << f->check;
	uint32_t in_effect = vhsm_policy_reactions(&w->policy, f->check) &
		w->incident.done;
	uint32_t plan = vhsm_ladder_plan(&w->policy, &w->incident, bit);
	char uid[VHSM_ALERT_UID_LEN] = "";
	bool is_new = alert_hold(w, f, own || plan, uid);

	w->monitor.found |= bit;
	w->spoilt |= !own && (is_new || !uid[0]);
	if (plan && !w->policy.dry_run)
		react(w, f, plan, uid);
	alert_tell(w, f, uid, is_new);
	if (plan && w->policy.dry_run)
		react(w, f, plan, uid);
	if (is_new && uid[0]) {
		in_effect_tell(w, in_effect, uid);
		vhsm_notify_later(w, uid);
	}
	if (plan)
		vhsm_state_save(w->responder);
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
