/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.c - does what the ladder says.  The gate first, in one message;
 * then, one after the other and each in a process of its own, what takes time.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"
#include "responder.h"
#include "uuid.h"

#define BIT(reaction)	(1u << (reaction))
#define GATE		(BIT(VHSM_REACT_THROTTLE) | BIT(VHSM_REACT_VERIFY_ONLY) \
			 | BIT(VHSM_REACT_REVOKE))
#define ACT_MS		60000u
#define FREEZE_MS	3600000u	/* for the memory's image */

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
		vhsm_uuid_format(random, incident->uid);
	w->bundled = false;
	w->vault_told = false;
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

/* At once: what a stopped guest cannot do any more needs no hurry. */
static void pause_now(struct vhsm_watched *w)
{
	int ret = vhsm_hypervisor_pause(w->responder->hypervisor,
					w->domain.domid);

	if (ret)
		vhsm_watched_problem(w, "cannot be paused: %s",
				     strerror(-ret));
	else
		w->incident.frozen_domid = w->domain.domid;
}

void vhsm_reactions_begin(struct vhsm_watched *w, uint32_t set,
			  const char *uid)
{
	struct vhsm_incident *incident = &w->incident;

	if (w->policy.dry_run) {
		dry_say(w, set, uid);
		return;
	}
	w->bundled = false;
	incident->done |= set & GATE;
	if (set & GATE)
		vhsm_keys_gate(w, uid, set & GATE);
	if ((set & BIT(VHSM_REACT_FREEZE)) && w->domain.domid)
		pause_now(w);
	if ((set & ~GATE) && w->domain.domid) {
		w->slow |= set & ~GATE;
		snprintf(w->slow_uid, sizeof(w->slow_uid), "%s", uid);
	}
	vhsm_state_save(w->responder);
}

static void failed(struct vhsm_watched *w, int reaction, const char *error)
{
	w->incident.tries[reaction]++;
	vhsm_log(LOG_ERR, "%s: %s", w->domain.name, error);
	vhsm_reactions_acted(w, w->slow_uid, reaction, false, "%.150s", error);
}

/* Devices that an earlier, half done isolation took are not forgotten. */
static void isolated_add(struct vhsm_incident *incident, uint32_t domid,
			 json_t *result)
{
	static const char *const lists[] = { "nics", "disks" };

	if (!incident->isolated || incident->isolated_domid != domid) {
		json_decref(incident->isolated);
		incident->isolated = json_pack("{s:[],s:[]}", lists[0],
					       lists[1]);
	}
	incident->isolated_domid = domid;
	for (unsigned i = 0; i < 2; i++)
		json_array_extend(json_object_get(incident->isolated,
						  lists[i]),
				  json_object_get(result, lists[i]));
}

static void isolated(struct vhsm_watched *w, json_t *result)
{
	const char *error = json_string_value(json_object_get(result,
							      "error"));
	size_t nics = json_array_size(json_object_get(result, "nics"));
	size_t disks = json_array_size(json_object_get(result, "disks"));
	const char *note = json_string_value(json_object_get(result, "note"));
	json_int_t moved = json_integer_value(json_object_get(result,
							      "moved"));
	char text[64] = "";

	isolated_add(&w->incident, w->domain.domid, result);
	if (error) {
		failed(w, VHSM_REACT_ISOLATE, error);
		return;
	}
	w->incident.done |= BIT(VHSM_REACT_ISOLATE);
	if (moved)
		snprintf(text, sizeof(text), "%lld network devices moved to "
			 "%s, ", (long long)moved,
			 w->policy.quarantine_bridge);
	if (note && note[0])
		vhsm_log(LOG_WARNING, "%s (ID %u): quarantine: %.160s",
			 w->domain.name, w->domain.domid, note);
	vhsm_reactions_acted(w, w->slow_uid, VHSM_REACT_ISOLATE, true,
			     "%s%zu network devices unplugged%s%.60s%s, %zu "
			     "disks unplugged", text, nics - (size_t)moved,
			     note && note[0] ? " (" : "", note ? note : "",
			     note && note[0] ? ")" : "", disks);
}

static void on_reacted(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;
	json_int_t pages = json_integer_value(json_object_get(result,
							      "pages"));
	int reaction = w->reacting;

	(void)code;
	w->reaction = NULL;
	if (error) {
		failed(w, reaction, error);
	} else if (reaction == VHSM_REACT_ISOLATE) {
		isolated(w, result);
	} else if (reaction == VHSM_REACT_FREEZE) {
		w->incident.done |= BIT(reaction);
		vhsm_reactions_acted(w, w->slow_uid, reaction, true, "paused, "
			"and %lld pages of memory kept", (long long)pages);
	} else {
		w->incident.done |= BIT(reaction);
		w->incident.destroyed = true;
		vhsm_reactions_acted(w, w->slow_uid, reaction, true,
				     "the domain was destroyed");
	}
	vhsm_state_save(w->responder);
	vhsm_reactions_pump(w);
}

static json_t *act_params(struct vhsm_watched *w, int reaction,
			  const char **verb, uint32_t *timeout_ms)
{
	char path[PATH_MAX];

	*timeout_ms = ACT_MS;
	if (reaction == VHSM_REACT_ISOLATE) {
		*verb = "isolate";
		return json_pack("{s:I,s:s,s:b}", "domid",
				 (json_int_t)w->domain.domid, "bridge",
				 w->policy.quarantine_bridge, "disks",
				 w->policy.isolate_disks);
	}
	if (reaction == VHSM_REACT_FREEZE) {
		*verb = "freeze";
		*timeout_ms = FREEZE_MS;
		if (vhsm_bundle_path(w, path))
			return NULL;
		return json_pack("{s:I,s:s,s:s}", "domid",
				 (json_int_t)w->domain.domid, "name",
				 w->domain.name, "path", path);
	}
	*verb = "destroy";
	return json_pack("{s:I}", "domid", (json_int_t)w->domain.domid);
}

static void slow_start(struct vhsm_watched *w, int reaction)
{
	uint32_t timeout_ms;
	const char *verb;
	json_t *params = act_params(w, reaction, &verb, &timeout_ms);

	w->reacting = reaction;
	if (params)
		w->reaction = vhsm_job_start(w->responder->base,
					     w->responder->conf.act, verb,
					     params, timeout_ms, on_reacted,
					     w);
	if (!w->reaction)
		failed(w, reaction, "it cannot be started");
}

void vhsm_reactions_pump(struct vhsm_watched *w)
{
	int reaction;

	while (!w->reaction && (reaction = vhsm_ladder_first(w->slow)) >= 0) {
		w->slow &= ~BIT(reaction);
		if (w->domain.domid && !w->incident.destroyed)
			slow_start(w, reaction);
	}
	if (w->reaction || w->vault_busy || w->gate_busy)
		return;
	vhsm_notify(w);
	if (w->incident.open && w->incident.done && !w->bundled) {
		w->bundled = true;
		vhsm_bundle_begin(w);
	}
}
