/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow.c - the reactions that take time: isolate, freeze, destroy; one after
 * the other, each in a process of its own.
 *
 * Each is pending, in the incident and on disk, until it is known to have been
 * done to the domain that the guest is now.  So a guest that reboots meanwhile,
 * an act that is killed, and a responder that ends only delay it:
 *
 *   pending --> acting on domid N --> done      if the guest is still domain N
 *     ^ ^               |'----------> pending   if it is another, or none
 *     | '-- RETRY_S ----'
 *     '---- the guest came as another domain (vhsm_incident_follow)
 *
 * An act that failed VHSM_INCIDENT_TRIES times is given up until an admin orders
 * it or the guest comes as another domain.
 */
#include <config.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define BIT(reaction)	(1u << (reaction))
#define ACT_MS		60000u
#define FREEZE_MS	3600000u	/* for the memory's image */
#define RETRY_MS	2000u
#define BUILD_MS	500u		/* between two looks at a domain that */
#define BUILT_MS	30000		/* is being built, and how long it may */

static void hold(struct vhsm_watched *w, int reaction, uint32_t ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	w->held |= BIT(reaction);
	event_add(w->later, &wait);
}

void vhsm_slow_later(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_watched *w = arg;

	(void)none;
	(void)what;
	w->held = 0;
	vhsm_reactions_pump(w);
}

static void failed(struct vhsm_watched *w, int reaction, const char *error)
{
	struct vhsm_incident *incident = &w->incident;
	bool paused = reaction == VHSM_REACT_FREEZE &&
		incident->frozen_domid == w->domain.domid;

	incident->tries[reaction]++;
	vhsm_reactions_acted(w, incident->pending_uid, reaction, false,
			     "%s%.130s", paused ? "paused, but " : "", error);
	if (incident->tries[reaction] < VHSM_INCIDENT_TRIES)
		hold(w, reaction, RETRY_MS);
	else
		incident->pending &= ~BIT(reaction);
}

static void done(struct vhsm_watched *w, int reaction)
{
	w->incident.pending &= ~BIT(reaction);
	w->incident.done |= BIT(reaction);
}

/* Whether what was just acted upon is what the guest is. */
static bool is_same(const struct vhsm_watched *w)
{
	return w->domain.domid && w->domain.domid == w->reacting_domid;
}

/* --- isolate --- */

static bool array_has(const json_t *array, const json_t *wanted)
{
	const json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
		if (json_equal(value, wanted))
			return true;
	return false;
}

/* Devices that an earlier, half done isolation took are not forgotten. */
static void isolated_add(struct vhsm_incident *incident, uint32_t domid,
			 const json_t *result)
{
	static const char *const lists[] = { "nics", "disks" };
	json_t *device;
	size_t at;

	if (!incident->isolated || incident->isolated_domid != domid) {
		json_decref(incident->isolated);
		incident->isolated = json_pack("{s:[],s:[]}", lists[0],
					       lists[1]);
	}
	incident->isolated_domid = domid;
	for (unsigned i = 0; i < 2; i++) {
		json_t *all = json_object_get(incident->isolated, lists[i]);

		json_array_foreach(json_object_get(result, lists[i]), at,
				   device)
			if (!array_has(all, device))
				json_array_append(all, device);
	}
}

static const char *text_of(const json_t *result, const char *name)
{
	const char *text = json_string_value(json_object_get(result, name));

	return text ? text : "";
}

static void isolated(struct vhsm_watched *w, const json_t *result)
{
	const char *error = text_of(result, "error");
	const char *note = text_of(result, "note");
	size_t nics = json_array_size(json_object_get(result, "nics"));
	size_t disks = json_array_size(json_object_get(result, "disks"));
	json_int_t moved = json_integer_value(json_object_get(result,
							      "moved"));
	size_t unplugged = nics - (size_t)moved;
	char text[64] = "";

	isolated_add(&w->incident, w->domain.domid, result);
	if (error[0]) {
		failed(w, VHSM_REACT_ISOLATE, error);
		return;
	}
	done(w, VHSM_REACT_ISOLATE);
	if (moved)
		snprintf(text, sizeof(text), "%lld network device%s moved "
			 "to %s, ", (long long)moved, moved == 1 ? "" : "s",
			 w->policy.quarantine_bridge);
	if (note[0])
		vhsm_log(LOG_WARNING, "%s (ID %u): quarantine: %.160s",
			 w->domain.name, w->domain.domid, note);
	vhsm_reactions_acted(w, w->incident.pending_uid, VHSM_REACT_ISOLATE,
			     true, "%s%zu network device%s unplugged%s%.60s%s, "
			     "%zu disk%s unplugged%s%.40s", text, unplugged,
			     unplugged == 1 ? "" : "s", note[0] ? " (" : "",
			     note, note[0] ? ")" : "", disks,
			     disks == 1 ? "" : "s",
			     w->stays[0] ? "; not taken: " : "", w->stays);
}

/* --- freeze, destroy --- */

static void frozen(struct vhsm_watched *w, const json_t *result)
{
	json_int_t pages = json_integer_value(json_object_get(result,
							      "pages"));

	done(w, VHSM_REACT_FREEZE);
	vhsm_reactions_acted(w, w->incident.pending_uid, VHSM_REACT_FREEZE,
			     true, "paused, and %lld pages of memory kept",
			     (long long)pages);
}

/* One that had ended by itself may be on its way to come again. */
static void destroyed(struct vhsm_watched *w, const json_t *result)
{
	uint8_t *tries = &w->incident.tries[VHSM_REACT_DESTROY];

	if (!json_is_true(json_object_get(result, "ran")) ||
	    (w->domain.domid && !is_same(w))) {
		if (!*tries)
			vhsm_reactions_acted(w, w->incident.pending_uid,
				VHSM_REACT_DESTROY, false, "the domain had "
				"ended by itself; one in its place is "
				"destroyed");
		*tries = 1;
		if (is_same(w))
			hold(w, VHSM_REACT_DESTROY, RETRY_MS);
		return;
	}
	done(w, VHSM_REACT_DESTROY);
	w->incident.destroyed = true;
	vhsm_reactions_acted(w, w->incident.pending_uid, VHSM_REACT_DESTROY,
			     true, "the domain was destroyed");
}

/* --- the acts --- */

static void on_reacted(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;
	int reaction = w->reacting;

	(void)code;
	w->reaction = NULL;
	if (reaction == VHSM_REACT_DESTROY && !error)
		destroyed(w, result);
	else if (!is_same(w))
		vhsm_log(LOG_NOTICE, "%s (ID %u): %s came too late for domain "
			 "%u, and is repeated", w->domain.name,
			 w->domain.domid, vhsm_reaction_name(reaction),
			 w->reacting_domid);
	else if (error)
		failed(w, reaction, error);
	else if (reaction == VHSM_REACT_ISOLATE)
		isolated(w, result);
	else
		frozen(w, result);
	vhsm_state_save(w->responder);
	vhsm_reactions_pump(w);
}

static bool act_start(struct vhsm_watched *w, const char *verb, json_t *params,
		      uint32_t timeout_ms, vhsm_job_done *when_done)
{
	if (params)
		w->reaction = vhsm_job_start(w->responder->base,
					     w->responder->conf.act, verb,
					     params, timeout_ms, when_done, w);
	if (!w->reaction)
		failed(w, w->reacting, "it cannot be started");
	return w->reaction != NULL;
}

static json_t *isolate_params(const struct vhsm_watched *w)
{
	return json_pack("{s:I,s:s,s:b}", "domid",
			 (json_int_t)w->domain.domid, "bridge",
			 w->policy.quarantine_bridge, "disks",
			 w->policy.isolate_disks);
}

/* What is about to be taken is on disk before it is. */
static void on_listed(void *arg, json_t *result, const char *code,
		      const char *error)
{
	struct vhsm_watched *w = arg;
	bool built = json_is_true(json_object_get(result, "built"));

	(void)code;
	w->reaction = NULL;
	if (is_same(w) && error) {
		failed(w, VHSM_REACT_ISOLATE, error);
	} else if (is_same(w) && !built &&
		   vhsm_now_ms() - w->came_ms < BUILT_MS) {
		/* The toolstack would plug them after us. */
		hold(w, VHSM_REACT_ISOLATE, BUILD_MS);
	} else if (is_same(w)) {
		isolated_add(&w->incident, w->domain.domid, result);
		snprintf(w->stays, sizeof(w->stays), "%s",
			 text_of(result, "stays"));
		vhsm_state_save(w->responder);
		if (act_start(w, "isolate", isolate_params(w), ACT_MS,
			      on_reacted))
			return;
	}
	vhsm_reactions_pump(w);
}

/* At once: what a stopped guest cannot do any more needs no hurry.  Pauses
 * are counted, so ours is made once and taken back once, whoever else pauses
 * it. */
bool vhsm_slow_pause(struct vhsm_watched *w)
{
	int ret;

	if (w->incident.frozen_domid == w->domain.domid)
		return true;
	ret = vhsm_hypervisor_pause(w->responder->hypervisor,
				    w->domain.domid);
	if (ret)
		vhsm_watched_problem(w, "cannot be paused: %s",
				     strerror(-ret));
	else
		w->incident.frozen_domid = w->domain.domid;
	return !ret;
}

static void freeze(struct vhsm_watched *w)
{
	char path[PATH_MAX];
	json_t *params = NULL;

	if (!vhsm_slow_pause(w)) {
		failed(w, VHSM_REACT_FREEZE, "it cannot be paused");
		return;
	}
	if (!vhsm_bundle_path(w, path))
		params = json_pack("{s:I,s:s,s:s}", "domid",
				   (json_int_t)w->domain.domid, "name",
				   w->domain.name, "path", path);
	act_start(w, "freeze", params, FREEZE_MS, on_reacted);
}

void vhsm_slow_start(struct vhsm_watched *w, enum vhsm_reaction reaction)
{
	w->reacting = reaction;
	w->reacting_domid = w->domain.domid;
	if (reaction == VHSM_REACT_ISOLATE)
		act_start(w, "devices", isolate_params(w), ACT_MS, on_listed);
	else if (reaction == VHSM_REACT_FREEZE)
		freeze(w);
	else
		act_start(w, "destroy", json_pack("{s:I}", "domid",
			  (json_int_t)w->domain.domid), ACT_MS, on_reacted);
}
