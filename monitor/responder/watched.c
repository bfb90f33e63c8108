/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.c - walks a guest through its states (watch.h): what the state says
 * is to be done is done here, and what comes of it is told to the state.
 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/utf8.h"
#include "responder/responder.h"

#define MEASURE_MS	300000u		/* limits of the acts */
#define MATCH_MS	300000u
#define START_MS	120000u
#define STOP_MS		60000u
#define STOP_RETRY_S	2
#define VAULT_RETRY_S	2
#define VAULT_TRIES	5u

void vhsm_watched_problem(struct vhsm_watched *w, const char *format, ...)
{
	char text[VHSM_WHY_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	vhsm_utf8_mend(text);
	/* Told once, not with every try. */
	if (strcmp(text, w->problem))
		vhsm_log(LOG_WARNING, "%s (ID %u): %s", w->domain.name,
			 w->domain.domid, text);
	snprintf(w->problem, sizeof(w->problem), "%s", text);
}

static void monitor_name(const struct vhsm_watched *w,
			 char name[VHSM_MONITOR_NAME_LEN])
{
	snprintf(name, VHSM_MONITOR_NAME_LEN, "%s%s", VHSM_MONITOR_PREFIX,
		 w->domain.name);
}

static bool act_start(struct vhsm_watched *w, const char *verb, json_t *params,
		      uint32_t timeout_ms, vhsm_job_done *done)
{
	/* An answer that would be dropped is not waited for. */
	vhsm_job_free(&w->job);
	w->job_boot = w->boot;
	w->job = vhsm_job_start(w->responder->base, w->responder->conf.act,
				verb, params, timeout_ms, done, w);
	if (!w->job)
		vhsm_watched_problem(w, "%s: %s", w->responder->conf.act,
				     strerror(errno));
	return w->job != NULL;
}

/* --- what was it booted with, and is that approved? --- */

static void on_measured(void *arg, json_t *result, const char *code,
			const char *error)
{
	struct vhsm_watched *w = arg;

	w->job = NULL;
	if (w->job_boot != w->boot)
		return;
	json_decref(w->measured);
	w->measured = json_incref(result);
	if (!result && strcmp(code, "not-yet"))
		vhsm_watched_problem(w, "its boot cannot be measured: %s",
				     error);
	vhsm_watched_step(w, VHSM_MEASURED, result != NULL);
}

static void measure(struct vhsm_watched *w)
{
	if (w->mixed) {
		vhsm_watched_problem(w, "not watched, and its keys are shut: "
				     "the devices of its configuration name "
				     "different policies; name one for all, "
				     "and start it anew");
		vhsm_watched_step(w, VHSM_MEASURED, false);
		return;
	}
	if (!act_start(w, "boot", json_pack("{s:I}", "domid",
					    (json_int_t)w->domain.domid),
		       MEASURE_MS, on_measured))
		vhsm_watched_step(w, VHSM_MEASURED, false);
}

static void on_matched(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;
	const char *name = json_string_value(json_object_get(result,
							     "baseline"));
	const char *digest = json_string_value(json_object_get(result,
							       "manifest"));

	(void)code;
	w->job = NULL;
	if (w->job_boot != w->boot)
		return;
	snprintf(w->baseline, sizeof(w->baseline), "%s", name ? name : "");
	snprintf(w->manifest, sizeof(w->manifest), "%s", digest ? digest : "");
	w->manifest_file = (struct vhsm_file_stamp){ 0 };
	if (name)
		w->problem[0] = '\0';
	else
		vhsm_watched_problem(w, "boot not approved: %s",
				     error ? error : "no baseline");
	vhsm_watched_step(w, VHSM_MATCHED, name != NULL);
}

/* A boot that was not approved is not without a new approval: its match, which
 * reads the whole baseline, is not made again before there is one. */
static void match(struct vhsm_watched *w)
{
	if (!vhsm_approval_changed(w) && w->watch.told_unapproved) {
		vhsm_watched_step(w, VHSM_MATCHED, false);
		return;
	}
	if (!act_start(w, "match", json_pack("{s:s,s:s,s:O}", "uuid",
			w->domain.uuid, "dir",
			w->responder->conf.baseline_dir, "boot", w->measured),
		       MATCH_MS, on_matched))
		vhsm_watched_step(w, VHSM_MATCHED, false);
}

/* --- the monitor domain --- */

/* What a start puts there, as monitor-start names it: one that was killed in the
 * middle has left it. */
static void leftovers_remove(const struct vhsm_watched *w)
{
	char path[PATH_MAX], name[VHSM_MONITOR_NAME_LEN];

	monitor_name(w, name);
	if (snprintf(path, sizeof(path), "%s/monitors/%s.img",
		     w->responder->conf.vhsmd.run_dir, name) <
	    (int)sizeof(path))
		unlink(path);
}

/* One that was killed in the middle may have left a domain, too. */
static void on_cleaned(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;

	(void)result;
	(void)code;
	(void)error;
	w->job = NULL;
	leftovers_remove(w);
	vhsm_watched_step(w, VHSM_STARTED, false);
}

static void start_failed(struct vhsm_watched *w, const char *code)
{
	char name[VHSM_MONITOR_NAME_LEN];

	monitor_name(w, name);
	if ((strcmp(code, "timeout") && strcmp(code, "died")) ||
	    !act_start(w, "monitor-stop", json_pack("{s:s}", "name", name),
		       STOP_MS, on_cleaned))
		vhsm_watched_step(w, VHSM_STARTED, false);
}

static void on_started(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;

	w->job = NULL;
	w->vault_tries = 0;
	w->monitor.runs = false;
	w->monitor.domid = json_integer_value(json_object_get(result,
							      "domid"));
	if (!w->monitor.domid) {
		vhsm_watched_problem(w, "its monitor cannot be started: %s",
				     error ? error : "no domain");
		start_failed(w, code ? code : "died");
		return;
	}
	vhsm_log(LOG_INFO, "%s (ID %u): its monitor is domain %u, baseline %s",
		 w->domain.name, w->domain.domid, w->monitor.domid,
		 w->baseline);
	vhsm_watched_step(w, VHSM_STARTED, true);
}

static void monitor_start(struct vhsm_watched *w)
{
	const struct vhsm_responder_conf *conf = &w->responder->conf;
	char name[VHSM_MONITOR_NAME_LEN];
	char baseline[PATH_MAX], work[PATH_MAX];

	monitor_name(w, name);
	if (snprintf(baseline, sizeof(baseline), "%s/%s", conf->baseline_dir,
		     w->baseline) >= (int)sizeof(baseline) ||
	    snprintf(work, sizeof(work), "%s/monitors",
		     conf->vhsmd.run_dir) >= (int)sizeof(work) ||
	    !act_start(w, "monitor-start", json_pack(
			"{s:I,s:s,s:s,s:s,s:I,s:s,s:s,s:s}",
			"guest", (json_int_t)w->domain.domid, "name", name,
			"kernel", conf->monitor_kernel,
			"ramdisk", conf->monitor_ramdisk,
			"memory_mib", (json_int_t)conf->monitor_memory_mib,
			"baseline", baseline, "manifest", w->manifest,
			"work", work), START_MS, on_started))
		vhsm_watched_step(w, VHSM_STARTED, false);
}

/*
 * Without them it would never look for what the policy says it must, and call
 * the guest clean.  A vault that is just started anew is waited for a little,
 * before that counts as a monitor that cannot be had.
 */
void vhsm_watched_start(struct vhsm_watched *w, const char *why)
{
	const struct timeval wait = { .tv_sec = VAULT_RETRY_S };

	if (!why) {
		monitor_start(w);
		return;
	}
	vhsm_watched_problem(w, "its monitor is not started, for what its keys "
			     "look like is not known: %s", why);
	if (w->vault_tries++ < VAULT_TRIES && w->watch.present &&
	    !w->watch.again) {
		event_add(w->retry, &wait);
		return;
	}
	w->vault_tries = 0;
	vhsm_watched_step(w, VHSM_STARTED, false);
}

static void monitor_stop(struct vhsm_watched *w);

static void on_stopped(void *arg, json_t *result, const char *code,
		       const char *error)
{
	const struct timeval wait = { .tv_sec = STOP_RETRY_S };
	struct vhsm_watched *w = arg;

	(void)result;
	(void)code;
	w->job = NULL;
	if (error) {
		vhsm_watched_problem(w, "its monitor cannot be removed: %s",
				     error);
		event_add(w->retry, &wait);
		return;
	}
	w->monitor.domid = 0;
	leftovers_remove(w);
	vhsm_watched_step(w, VHSM_STOPPED, true);
}

static void monitor_stop(struct vhsm_watched *w)
{
	char name[VHSM_MONITOR_NAME_LEN];
	const struct timeval wait = { .tv_sec = STOP_RETRY_S };

	monitor_name(w, name);
	if (!act_start(w, "monitor-stop", json_pack("{s:s}", "name", name),
		       STOP_MS, on_stopped))
		event_add(w->retry, &wait);
}

static void start(struct vhsm_watched *w)
{
	if (w->policy.checks >> VHSM_CHECK_SECRET_LEAK & 1)
		vhsm_fingerprints_start(w);
	else
		monitor_start(w);
}

/* --- the state --- */

static void hang_up(struct vhsm_watched *w)
{
	struct vhsm_responder *r = w->responder;

	vhsm_link_close(w);
	vhsm_hypervisor_dirty_end(r->hypervisor, &w->monitor.dirty,
				  w->domain.domid);
	vhsm_learn_end(w);
}

static void connect_try(struct vhsm_watched *w)
{
	if (w->monitor.channel)
		return;
	if (vhsm_link_open(w) && errno != ENOENT)
		vhsm_watched_problem(w, "its monitor cannot be reached: %s",
				     strerror(errno));
}

static void alerts_raise(struct vhsm_watched *w, uint32_t todo)
{
	if (todo & VHSM_ALERT_UNAPPROVED)
		vhsm_findings_own(w, VHSM_CHECK_BOOT_UNAPPROVED, "boot",
				  w->problem);
	if (todo & VHSM_ALERT_LOST)
		vhsm_findings_own(w, VHSM_CHECK_MONITOR_LOST, "monitor",
				  w->monitor.domid ?
				  "the monitor ended or did not answer in time"
				  : w->problem);
	if (todo & VHSM_ALERT_BROKEN)
		vhsm_findings_own(w, VHSM_CHECK_MONITOR_BROKEN, "monitor",
				  w->monitor.broke[0] ? w->monitor.broke :
				  "it spoke out of turn");
}

static void todo_run(struct vhsm_watched *w, uint32_t todo)
{
	if (todo & VHSM_DO_HANG_UP)
		hang_up(w);
	if (todo & VHSM_DO_GATE)
		vhsm_keys_gate(w, NULL, 0);
	if (todo & VHSM_DO_STOP)
		monitor_stop(w);
	if (todo & VHSM_DO_MEASURE)
		measure(w);
	if (todo & VHSM_DO_MATCH)
		match(w);
	if (todo & VHSM_DO_START)
		start(w);
	if (todo & VHSM_DO_CONNECT)
		connect_try(w);
	if (todo & VHSM_DO_CONFIGURE)
		vhsm_sweep_configure(w);
	if (todo & VHSM_DO_SWEEP)
		vhsm_sweep_order(w);
	alerts_raise(w, todo);
	w->monitor.broke[0] = '\0';
}

static void timer_set(struct vhsm_watched *w)
{
	uint64_t now = vhsm_now_ms(), due = w->watch.deadline_ms;
	uint64_t ms = due > now ? due - now : 0;
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	if (due)
		event_add(w->timer, &wait);
	else
		event_del(w->timer);
}

void vhsm_watched_step(struct vhsm_watched *w,
		       enum vhsm_watch_happened happened, bool ok)
{
	const unsigned room = sizeof(w->queue) / sizeof(w->queue[0]);

	/* Doing something may make something else happen at once: one after
	 * the other.  Each thing done tells of one at most. */
	if (w->queued < room) {
		w->queue[w->queued].happened = happened;
		w->queue[w->queued++].ok = ok;
	}
	if (w->stepping)
		return;
	w->stepping = true;
	while (w->queued) {
		enum vhsm_watch_state before = w->watch.state;

		happened = w->queue[0].happened;
		ok = w->queue[0].ok;
		memmove(w->queue, w->queue + 1,
			--w->queued * sizeof(w->queue[0]));
		todo_run(w, vhsm_watch_step(&w->watch, &w->times, happened, ok,
					    vhsm_now_ms()));
		if (w->watch.state != before)
			vhsm_log(LOG_DEBUG, "%s (ID %u): %s, was %s",
				 w->domain.name, w->domain.domid,
				 vhsm_watch_state_name(w->watch.state),
				 vhsm_watch_state_name(before));
	}
	w->stepping = false;
	timer_set(w);
}

static void on_timer(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	vhsm_watched_step(arg, VHSM_TICK, false);
}

static void on_retry(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_watched *w = arg;

	(void)none;
	(void)what;
	if (w->watch.state == VHSM_WATCH_STARTING)
		vhsm_fingerprints_start(w);
	else
		monitor_stop(w);
}

static void on_again(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	vhsm_keys_gate(arg, NULL, 0);
}

/* Those that there are. */
static void timers_free(struct vhsm_watched *w)
{
	struct event *timers[] = { w->timer, w->retry, w->again, w->later };

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		if (timers[i])
			event_free(timers[i]);
}

void vhsm_watched_obey(struct vhsm_watched *w, const struct vhsm_policy *policy)
{
	const struct vhsm_responder_conf *conf = &w->responder->conf;

	w->policy = *policy;
	w->times = (struct vhsm_watch_times){
		.sweep_ms = policy->sweep_ms,
		.hang_ms = conf->monitor_hang_ms > 3 * policy->sweep_ms ?
			conf->monitor_hang_ms : 3 * policy->sweep_ms,
		.start_ms = conf->monitor_start_ms,
	};
}

struct vhsm_watched *vhsm_watched_new(struct vhsm_responder *responder,
				      const struct vhsm_domain_seen *domain,
				      const struct vhsm_policy *policy)
{
	struct vhsm_watched *w;

	if (responder->guest_count >= responder->conf.max_guests) {
		errno = EUSERS;
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->responder = responder;
	w->domain = *domain;
	vhsm_utf8_mend(w->domain.name);
	w->domain.domid = 0;
	vhsm_watched_obey(w, policy);
	w->timer = evtimer_new(responder->base, on_timer, w);
	w->retry = evtimer_new(responder->base, on_retry, w);
	w->again = evtimer_new(responder->base, on_again, w);
	w->later = evtimer_new(responder->base, vhsm_slow_later, w);
	if (!w->timer || !w->retry || !w->again || !w->later) {
		timers_free(w);
		free(w);
		errno = ENOMEM;
		return NULL;
	}
	LIST_INSERT_HEAD(&responder->guests, w, link);
	responder->guest_count++;
	return w;
}

void vhsm_watched_free(struct vhsm_watched *w)
{
	vhsm_learn_free(w);
	hang_up(w);
	if (w->releaser)
		vhsm_rpc_error(w->releaser, "failed", "the responder ends");
	vhsm_job_free(&w->job);
	leftovers_remove(w);
	vhsm_job_free(&w->reaction);
	timers_free(w);
	json_decref(w->measured);
	json_decref(w->fingerprints.set);
	vhsm_incident_deinit(&w->incident);
	LIST_REMOVE(w, link);
	w->responder->guest_count--;
	free(w);
}
