/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.c - does what the ladder says.  The gate first, in one message;
 * then what takes time (slow.c); then the sinks are told, and evidence kept.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/utf8.h"
#include "responder/responder.h"

#define BIT(reaction)	(1u << (reaction))
#define GATE		(BIT(VHSM_REACT_THROTTLE) | BIT(VHSM_REACT_VERIFY_ONLY) \
			 | BIT(VHSM_REACT_REVOKE))

void vhsm_incident_open(struct vhsm_watched *w, const char *uid,
			const char *reason)
{
	struct vhsm_incident *incident = &w->incident;
	uint8_t random[16] = { 0 };

	if (incident->open)
		return;
	vhsm_incident_deinit(incident);
	incident->open = true;
	incident->opened_ms = vhsm_wall_ms();
	incident->rate = w->policy.throttle_rate;
	snprintf(incident->reason, sizeof(incident->reason), "%s", reason);
	snprintf(incident->uid, sizeof(incident->uid), "%s", uid);
	if (!uid[0] && getrandom(random, sizeof(random), 0) > 0)
		uuid_unparse_lower(random, incident->uid);
	w->bundled = false;
	vhsm_keys_untold(w);
}

void vhsm_reactions_acted(struct vhsm_watched *w, const char *uid,
			  enum vhsm_reaction reaction, bool done,
			  const char *format, ...)
{
	struct vhsm_alert_action action = {
		.reaction = reaction,
		.done = done,
		.dry_run = w->policy.dry_run,
		.time_ms = vhsm_wall_ms(),
	};
	char why[VHSM_ALERT_WHY_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(action.text, sizeof(action.text), format, args);
	va_end(args);
	vhsm_utf8_mend(action.text);
	vhsm_log(done ? LOG_NOTICE : LOG_WARNING, "%s (ID %u): %s: %s",
		 w->domain.name, w->domain.domid, vhsm_reaction_name(reaction),
		 action.text);
	/* One an admin ordered may have no alert. */
	if (uid && uid[0] && vhsm_alerts_find(w->responder->alerts, uid) &&
	    vhsm_alerts_acted(w->responder->alerts, uid, &action, why))
		vhsm_log(LOG_ERR, "alert %s: %s", uid, why);
}

static void dry_say(struct vhsm_watched *w, uint32_t set, const char *uid)
{
	int reaction;

	w->incident.dry |= set;
	while ((reaction = vhsm_ladder_first(set)) >= 0) {
		set &= ~BIT(reaction);
		vhsm_reactions_acted(w, uid, reaction, false,
				     "dry-run: would be done");
	}
}

void vhsm_reactions_begin(struct vhsm_watched *w, uint32_t set,
			  const char *uid)
{
	struct vhsm_incident *incident = &w->incident;

	if (w->policy.dry_run) {
		dry_say(w, set, uid);
		return;
	}
	/* The keys before anything that may wait for a disk. */
	incident->done |= set & GATE;
	if (set & GATE)
		vhsm_keys_gate(w, uid, set & GATE);
	incident->pending |= set & ~GATE;
	if (set & ~GATE)
		snprintf(incident->pending_uid, sizeof(incident->pending_uid),
			 "%s", uid);
	if ((set & BIT(VHSM_REACT_FREEZE)) && w->domain.domid)
		vhsm_slow_pause(w);
	w->bundled = false;
	incident->sealed = false;
	/* A release under way would undo these, too. */
	w->spoilt = true;
}

void vhsm_reactions_follow(struct vhsm_watched *w)
{
	if (!w->incident.open)
		return;
	vhsm_incident_follow(&w->incident, w->domain.domid);
	/* A release that fails lets it go on. */
	if (w->incident.pending & BIT(VHSM_REACT_FREEZE) && !w->releaser)
		vhsm_slow_pause(w);
	w->held = 0;
	vhsm_reactions_pump(w);
}

/* The policy's sinks hear of an alert when it is known what became of the
 * keys and the devices; what takes longer is not waited for. */
static void notify(struct vhsm_watched *w)
{
	unsigned before = w->unnotified_count;

	if (w->gate_busy || w->vault_busy || !before ||
	    (w->reaction && w->reacting == VHSM_REACT_ISOLATE))
		return;
	vhsm_notify(w);
	if (w->incident.open && w->unnotified_count != before)
		vhsm_state_save(w->responder);
}

void vhsm_reactions_pump(struct vhsm_watched *w)
{
	struct vhsm_incident *incident = &w->incident;
	int reaction;

	while (!w->reaction && !w->releaser && w->domain.domid &&
	       (reaction = vhsm_ladder_first(incident->pending &
					     ~w->held)) >= 0)
		vhsm_slow_start(w, reaction);
	notify(w);
	if (w->reaction || w->releaser || w->vault_busy || w->gate_busy ||
	    (incident->pending && w->domain.domid))
		return;
	if (incident->open && incident->done && !w->bundled)
		w->bundled = !vhsm_bundle_begin(w);
}
