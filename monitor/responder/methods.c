/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods.c - the admin's calls, over RUNDIR/vhsm/responder.sock (rpc.h):
 *
 *   status          -> {version, uptime_s, guests, monitors, incidents,
 *                       open_alerts, alert_dir, incident_dir, baseline_dir}
 *   watch.list      {after: UUID or ""} -> {guests: [...], next: UUID or null}
 *   watch.start     {domain, policy} -> the guest
 *   watch.stop      {domain} -> {uuid}
 *   baseline.learn  {domain, baseline, approve} -> {baseline, changed,
 *                   approved}, when it is done
 *   release         {domain, reason} -> {uuid, domain, destroyed}
 *   react           {domain, reaction} -> the guest
 *   alerts.*        rpc-alerts.h
 *
 * "domain" is a name, an ID or a UUID.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"
#include "responder/rpc-alerts.h"

#define PAGE_GUESTS	32u

static const char *text_param(struct vhsm_rpc_call *call, json_t *params,
			      const char *name)
{
	const char *text = json_string_value(json_object_get(params, name));

	if (!text)
		vhsm_rpc_error(call, "bad-request", "%s must be a text", name);
	return text;
}

static struct vhsm_watched *watched_param(struct vhsm_responder *r,
					  struct vhsm_rpc_call *call,
					  json_t *params)
{
	const char *who = text_param(call, params, "domain");
	struct vhsm_watched *w = who ? vhsm_watched_resolve(r, who) : NULL;

	if (who && !w && errno == ENOTUNIQ)
		vhsm_rpc_error(call, "ambiguous", "%.80s may mean more than "
			       "one guest, perhaps one that is gone: say its "
			       "UUID, see vhsmctl monitor list", who);
	else if (who && !w)
		vhsm_rpc_error(call, "not-found", "%.80s is not watched; see "
			       "vhsmctl monitor list", who);
	return w;
}

static json_t *runs_json(const struct vhsm_verdict *verdict)
{
	json_t *runs = json_array();

	for (unsigned i = 0; i < verdict->run_count; i++) {
		const struct vhsm_check_run *run = &verdict->run[i];

		json_array_append_new(runs, json_pack(
			"{s:s,s:b,s:I,s:I,s:I,s:s}",
			"check", vhsm_check_by_number(run->check)->name,
			"finished", run->finished,
			"objects", (json_int_t)run->objects,
			"explained", (json_int_t)run->explained,
			"us", (json_int_t)run->us, "error", run->error));
	}
	return runs;
}

static json_t *verdict_json(const struct vhsm_watched *w)
{
	const struct vhsm_verdict *verdict = &w->monitor.verdict;

	if (!w->monitor.has_verdict)
		return json_null();
	return json_pack("{s:I,s:b,s:I,s:I,s:I,s:s,s:o}",
			 "sweep", (json_int_t)verdict->number,
			 "clean", verdict->clean,
			 "us", (json_int_t)verdict->us,
			 "cpu_us", (json_int_t)verdict->cpu_us,
			 "full_done", (json_int_t)verdict->full_done,
			 "error", verdict->error,
			 "checks", runs_json(verdict));
}

static const char *state_name(const struct vhsm_watched *w)
{
	if (w->stopped)
		return "stopped";
	return vhsm_watch_state_name(w->watch.state);
}

/* What an admin is to know, the worst of it. */
static json_t *problem_json(const struct vhsm_watched *w)
{
	if (w->unconfirmed)
		return json_sprintf("the gate refuses the use of its keys, but "
				    "engines have not confirmed that they "
				    "zeroised them, asked %u times: detach its "
				    "devices, or restart vhsmd, which ends "
				    "them", w->unconfirmed);
	if (w->problem[0] || !w->lease_refused)
		return json_string(w->problem);
	return json_string("a device's monitor= demands a lease, and this "
			   "policy gives none: its keys stay shut");
}

json_t *vhsm_watched_json(const struct vhsm_watched *w)
{
	struct vhsm_key_gate gate;

	vhsm_keys_decide(&gate, w);
	if (w->stopped)
		gate = (struct vhsm_key_gate){ .reason = "not watched" };
	return json_pack("{s:s,s:s,s:o,s:s,s:b,s:s,s:s,s:o,s:s,s:o,s:s,s:s,"
			 "s:I,s:o,s:o,s:o}",
			 "uuid", w->domain.uuid, "domain", w->domain.name,
			 "domid", w->domain.domid ?
				json_integer(w->domain.domid) : json_null(),
			 "policy", w->policy.name, "by_admin", w->by_admin,
			 "state", state_name(w), "baseline", w->baseline,
			 "monitor", w->monitor.domid ?
				json_integer(w->monitor.domid) : json_null(),
			 "level", vhsm_ladder_level_name(gate.level),
			 "valid_ms", gate.leased ?
				json_integer(gate.valid_ms) : json_null(),
			 "reason", gate.reason,
			 "kernel", w->monitor.kernel.release,
			 "restarts", (json_int_t)w->watch.restarts,
			 "problem", problem_json(w),
			 "verdict", verdict_json(w),
			 "incident", w->incident.open ?
				vhsm_incident_encode(&w->incident) :
				json_null());
}

static void do_status(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		      json_t *params)
{
	json_t *alerts = vhsm_alerts_list(r->alerts, 0, true, UINT32_MAX);
	json_int_t monitors = 0, incidents = 0;
	const struct vhsm_watched *w;

	(void)params;
	LIST_FOREACH(w, &r->guests, link) {
		monitors += w->monitor.domid != 0;
		incidents += w->incident.open;
	}
	vhsm_rpc_result(call, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s}",
		"version", PACKAGE_VERSION,
		"uptime_s",
		(json_int_t)(vhsm_now_ms() - r->started_ms) / 1000,
		"guests", (json_int_t)r->guest_count, "monitors", monitors,
		"incidents", incidents,
		"open_alerts", (json_int_t)json_array_size(alerts),
		"alert_dir", r->conf.alert_dir,
		"incident_dir", r->conf.incident_dir,
		"baseline_dir", r->conf.baseline_dir));
	json_decref(alerts);
}

/* The guest whose UUID comes next in order. */
static const struct vhsm_watched *next_after(const struct vhsm_responder *r,
					     const char *after)
{
	const struct vhsm_watched *w, *next = NULL;

	LIST_FOREACH(w, &r->guests, link)
		if (strcmp(w->domain.uuid, after) > 0 &&
		    (!next || strcmp(w->domain.uuid, next->domain.uuid) < 0))
			next = w;
	return next;
}

static void do_list(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		    json_t *params)
{
	const char *after = json_string_value(json_object_get(params,
							      "after"));
	const struct vhsm_watched *w = next_after(r, after ? after : "");
	json_t *guests = json_array();
	size_t bytes = 0;

	for (unsigned i = 0; w && i < PAGE_GUESTS &&
	     vhsm_rpc_page_add(guests, vhsm_watched_json(w), &bytes); i++) {
		after = w->domain.uuid;
		w = next_after(r, after);
	}
	vhsm_rpc_result(call, json_pack("{s:o,s:o}", "guests", guests, "next",
					w ? json_string(after) : json_null()));
}

static void do_start(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		     json_t *params)
{
	const char *who = text_param(call, params, "domain");
	const char *policy = who ? text_param(call, params, "policy") : NULL;
	char why[VHSM_WHY_LEN] = "";
	struct vhsm_watched *w;
	int ret;

	if (!policy)
		return;
	ret = vhsm_roster_start(r, who, policy, &w, why);
	if (ret)
		vhsm_rpc_error(call, ret == -ENOENT ? "not-found" : "failed",
			       "%s", why);
	else
		vhsm_rpc_result(call, vhsm_watched_json(w));
}

static void do_stop(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		    json_t *params)
{
	struct vhsm_watched *w = watched_param(r, call, params);
	char why[VHSM_WHY_LEN] = "";

	if (!w)
		return;
	vhsm_log(LOG_NOTICE, "%s (ID %u): watch ended by uid %u",
		 w->domain.name, w->domain.domid, vhsm_rpc_caller_uid(call));
	if (vhsm_roster_stop(w, why))
		vhsm_rpc_error(call, "busy", "%s", why);
	else
		vhsm_rpc_result(call, json_pack("{s:s}", "uuid",
						w->domain.uuid));
}

static void do_learn(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		     json_t *params)
{
	struct vhsm_watched *w = watched_param(r, call, params);
	const char *name = w ? text_param(call, params, "baseline") : NULL;

	if (!name)
		return;
	if (strlen(name) >= VHSM_BASELINE_NAME_MAX)
		vhsm_rpc_error(call, "bad-request", "baseline: name too long");
	else
		vhsm_learn_begin(w, call, name, json_is_true(
				 json_object_get(params, "approve")));
}

static void do_release(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		       json_t *params)
{
	struct vhsm_watched *w = watched_param(r, call, params);
	const char *reason = json_string_value(json_object_get(params,
							       "reason"));

	if (w)
		vhsm_release_begin(w, call, reason ? reason : "");
}

static void do_react(struct vhsm_responder *r, struct vhsm_rpc_call *call,
		     json_t *params)
{
	struct vhsm_watched *w = watched_param(r, call, params);
	const char *name = w ? text_param(call, params, "reaction") : NULL;
	int reaction = name ? vhsm_reaction_by_name(name) : 0;

	if (!name)
		return;
	if (reaction <= VHSM_REACT_RECORD) {
		vhsm_rpc_error(call, "bad-request", "reaction must be "
			       "throttle, verify-only, revoke, isolate, "
			       "freeze or destroy");
		return;
	}
	if (w->policy.dry_run || w->stopped) {
		vhsm_rpc_error(call, "failed", w->stopped ?
			       "%s is not watched now" :
			       "the policy of %s is a dry run",
			       w->domain.name);
		return;
	}
	if (reaction >= VHSM_REACT_ISOLATE && !w->domain.domid) {
		vhsm_rpc_error(call, "failed", "%s does not run",
			       w->domain.name);
		return;
	}
	vhsm_log(LOG_NOTICE, "%s (ID %u): %s ordered by uid %u",
		 w->domain.name, w->domain.domid, name,
		 vhsm_rpc_caller_uid(call));
	vhsm_incident_open(w, "", "ordered by an admin");
	w->incident.tries[reaction] = 0;
	vhsm_reactions_begin(w, 1u << reaction, w->incident.uid);
	vhsm_state_save(r);
	vhsm_reactions_pump(w);
	vhsm_rpc_result(call, vhsm_watched_json(w));
}

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	static const struct {
		const char *name;
		void (*run)(struct vhsm_responder *, struct vhsm_rpc_call *,
			    json_t *params);
	} methods[] = {
		{ "status", do_status },
		{ "watch.list", do_list },
		{ "watch.start", do_start },
		{ "watch.stop", do_stop },
		{ "baseline.learn", do_learn },
		{ "release", do_release },
		{ "react", do_react },
	};
	struct vhsm_responder *r = arg;
	const struct vhsm_rpc_alerts alerts = {
		r->alerts, r->conf.alert_dir, r->conf.incident_dir,
	};

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(method, methods[i].name)) {
			methods[i].run(r, call, params);
			return;
		}
	}
	if (!vhsm_rpc_alerts(&alerts, call, method, params))
		vhsm_rpc_error(call, "no-method",
			       "the responder has no such method");
}

int vhsm_methods_new(struct vhsm_responder *r)
{
	char path[PATH_MAX];
	int sock;

	snprintf(path, sizeof(path), "%s/responder.sock",
		 r->conf.vhsmd.run_dir);
	sock = vhsm_rpc_listen(path);
	if (sock < 0) {
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(-sock));
		return sock;
	}
	r->admin = vhsm_rpc_server_new(r->base, sock, on_call, r);
	if (!r->admin) {
		close(sock);
		return -errno;
	}
	r->admin_fd = sock;
	return 0;
}

void vhsm_methods_free(struct vhsm_responder *r)
{
	if (!r->admin)
		return;
	vhsm_rpc_server_free(&r->admin);
	close(r->admin_fd);
}
