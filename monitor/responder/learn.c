/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learn.c - what only a running guest can tell, put into a baseline: an admin
 * asks, the monitor learns with its next sweep, and an act writes it down.
 *
 * It is learned only from a guest that shows nothing else than what is
 * approved, in a boot that the toolstack measured and that is the baseline's;
 * and an admin has the last word, for it counts once it is approved.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "responder/responder.h"

#define WRITE_MS	300000u		/* the baseline's files are hashed */
#define LEARNED_MAX	524288u		/* bytes of all frames */

/* Forgets the question; the monitor may still owe its answer. */
static struct vhsm_rpc_call *take(struct vhsm_learning *learning)
{
	struct vhsm_rpc_call *call = learning->call;

	if (learning->overdue)
		event_free(learning->overdue);
	json_decref(learning->learned);
	*learning = (struct vhsm_learning){ .owed = learning->owed };
	return call;
}

static void fail(struct vhsm_watched *w, const char *why)
{
	struct vhsm_rpc_call *call = take(&w->learning);

	vhsm_log(LOG_NOTICE, "%s (ID %u): nothing is learned: %s",
		 w->domain.name, w->domain.domid, why);
	if (call)
		vhsm_rpc_error(call, "failed", "nothing is learned: %s", why);
}

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	fail(arg, "the monitor did not answer in time");
}

/* Why nothing may be learned from the guest as it was last seen, or NULL. */
static const char *refusal(const struct vhsm_watched *w)
{
	if (!w->measured || !w->baseline[0])
		return "its boot was not measured, or is not approved";
	if (w->incident.open)
		return "an incident is open: vhsmctl release it first";
	if (!w->monitor.has_verdict)
		return "its monitor does not sweep; see vhsmctl monitor show";
	if (!w->monitor.verdict.clean || w->monitor.findings)
		return "the last sweep did not find it clean";
	return NULL;
}

static bool overdue_set(struct vhsm_watched *w)
{
	/* The order goes out after one interval at most, and is answered or
	 * the monitor lost; the learning itself may take as long again. */
	uint64_t ms = w->times.sweep_ms + UINT64_C(2) * w->times.hang_ms;
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	w->learning.overdue = evtimer_new(w->responder->base, on_overdue, w);
	return w->learning.overdue && !event_add(w->learning.overdue, &wait);
}

void vhsm_learn_begin(struct vhsm_watched *w, struct vhsm_rpc_call *call,
		      const char *baseline, bool approve)
{
	struct vhsm_learning *learning = &w->learning;
	const char *why = refusal(w);

	if (learning->call || learning->owed || learning->job) {
		vhsm_rpc_error(call, "busy", "%s is learned from already",
			       w->domain.name);
		return;
	}
	learning->learned = json_object();
	if (!why && (!learning->learned || !overdue_set(w)))
		why = "no memory";
	if (!why && vhsm_sweep_learn(w))
		why = "its monitor does not listen";
	if (why) {
		take(learning);
		vhsm_rpc_error(call, "failed", "nothing is learned from %s: "
			       "%s", w->domain.name, why);
		return;
	}
	learning->call = call;
	learning->approve = approve;
	learning->owed = true;
	snprintf(learning->baseline, sizeof(learning->baseline), "%s",
		 baseline);
}

const char *vhsm_learn_take(struct vhsm_watched *w, const char *bytes,
			    size_t len)
{
	static char why[VHSM_MESSAGE_WHY_LEN];
	struct vhsm_learning *learning = &w->learning;
	const struct vhsm_check_info *info;
	json_t *learned = NULL;

	if (!learning->owed)
		return "learned what it was not asked to";
	/* Too late: the admin was told so. */
	if (!learning->call)
		return NULL;
	if (vhsm_learned_decode(&info, &learned, bytes, len, why))
		return why;
	learning->bytes += len;
	if (info->number >= 64 || !(w->policy.checks >> info->number & 1) ||
	    json_object_get(learning->learned, info->name) ||
	    learning->bytes > LEARNED_MAX) {
		json_decref(learned);
		return "learned twice, too much, or for a check it does not "
			"make";
	}
	if (json_object_set_new(learning->learned, info->name, learned))
		fail(w, "no memory");
	return NULL;
}

const char *vhsm_learn_failed(struct vhsm_watched *w, const char *bytes,
			      size_t len)
{
	static char why[VHSM_MESSAGE_WHY_LEN];
	char text[VHSM_LOG_TEXT_LEN], told[VHSM_LOG_TEXT_LEN + 32];

	if (!w->learning.owed)
		return "learned what it was not asked to";
	if (vhsm_learn_failed_decode(text, bytes, len, why))
		return why;
	w->learning.owed = false;
	snprintf(told, sizeof(told), "the monitor says: %s", text);
	if (w->learning.call)
		fail(w, told);
	return NULL;
}

static void on_written(void *arg, json_t *result, const char *code,
		       const char *error)
{
	struct vhsm_watched *w = arg;
	struct vhsm_rpc_call *call;

	(void)code;
	w->learning.job = NULL;
	if (error) {
		fail(w, error);
		return;
	}
	call = take(&w->learning);
	vhsm_log(LOG_NOTICE, "%s (ID %u): learned from by uid %u%s",
		 w->domain.name, w->domain.domid, vhsm_rpc_caller_uid(call),
		 json_is_true(json_object_get(result, "changed")) ? "" :
		 ", nothing that was new");
	vhsm_rpc_result(call, json_incref(result));
}

const char *vhsm_learn_done(struct vhsm_watched *w, size_t len)
{
	struct vhsm_learning *learning = &w->learning;
	const struct vhsm_responder_conf *conf = &w->responder->conf;
	const char *why = refusal(w);

	if (!learning->owed || len)
		return "learned what it was not asked to";
	learning->owed = false;
	if (!learning->call)
		return NULL;
	if (why) {
		fail(w, why);
		return NULL;
	}
	event_del(learning->overdue);
	learning->job = vhsm_job_start(w->responder->base, conf->act, "learn",
		json_pack("{s:s,s:s,s:s,s:O,s:O,s:b}", "uuid", w->domain.uuid,
			  "dir", conf->baseline_dir, "baseline",
			  learning->baseline, "boot", w->measured, "learned",
			  learning->learned, "approve", learning->approve),
		WRITE_MS, on_written, w);
	if (!learning->job)
		fail(w, "it cannot be written down");
	return NULL;
}

void vhsm_learn_end(struct vhsm_watched *w)
{
	w->learning.owed = false;
	/* What is being written is whole, and of the boot it says. */
	if (w->learning.call && !w->learning.job)
		fail(w, "the monitor ended meanwhile");
}

void vhsm_learn_free(struct vhsm_watched *w)
{
	vhsm_job_free(&w->learning.job);
	vhsm_learn_end(w);
}
