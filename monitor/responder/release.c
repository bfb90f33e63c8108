/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.c - undoes what was done to a guest, in this order: its devices, its
 * pause, its keys in the vault, the gate, its alerts.  What fails leaves the
 * incident open, and the same command goes on from there.  What is found or
 * ordered meanwhile fails it, too, and what was undone by then is redone.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/utf8.h"
#include "responder/responder.h"

#define BIT(reaction)	(1u << (reaction))
#define ACT_MS		60000u
#define VAULT_MS	30000u

/* What was undone and is to be in effect all the same is done anew. */
static void redo(struct vhsm_watched *w)
{
	struct vhsm_incident *incident = &w->incident;

	incident->pending |= w->undone & ~incident->done;
	memset(incident->tries, 0, sizeof(incident->tries));
	if (incident->pending & BIT(VHSM_REACT_FREEZE) && w->domain.domid)
		vhsm_slow_pause(w);
}

static void refuse(struct vhsm_watched *w, const char *what, const char *error)
{
	struct vhsm_rpc_call *call = w->releaser;

	w->releaser = NULL;
	if (w->spoilt)
		redo(w);
	w->undone = 0;
	/* The vault may have released its keys, and is told anew. */
	vhsm_keys_gate(w, NULL, 0);
	vhsm_state_save(w->responder);
	vhsm_rpc_error(call, "failed", "%s: %s; the guest is not released, "
		       "try again", what, error);
	vhsm_reactions_pump(w);
}

/* What the admin has not seen is not released: true, and it is refused. */
static bool is_spoilt(struct vhsm_watched *w)
{
	if (w->spoilt)
		refuse(w, w->domain.name, "something more was found in it, or "
		       "ordered, meanwhile: see vhsmctl alerts");
	return w->spoilt;
}

static void release_end(struct vhsm_watched *w)
{
	struct vhsm_rpc_call *call = w->releaser;
	char why[VHSM_ALERT_WHY_LEN] = "";
	bool destroyed = w->incident.destroyed;

	w->releaser = NULL;
	vhsm_incident_deinit(&w->incident);
	w->held = 0;
	event_del(w->later);
	vhsm_keys_gate(w, NULL, 0);
	if (vhsm_alerts_release(w->responder->alerts, w->domain.uuid,
				vhsm_rpc_caller_uid(call), w->release_reason,
				why))
		vhsm_log(LOG_ERR, "%s: its alerts are not closed: %s",
			 w->domain.name, why);
	vhsm_log(LOG_NOTICE, "%s (ID %u): released by uid %u: %s",
		 w->domain.name, w->domain.domid, vhsm_rpc_caller_uid(call),
		 w->release_reason);
	vhsm_state_save(w->responder);
	vhsm_rpc_result(call, json_pack("{s:s,s:s,s:b}", "uuid",
					w->domain.uuid, "domain",
					w->domain.name, "destroyed",
					destroyed));
}

static void on_vault(void *arg, json_t *result, const char *code,
		     const char *error)
{
	struct vhsm_watched *w = vhsm_asked_close(arg, NULL, NULL);

	if (!w || !w->releaser)
		return;
	if (is_spoilt(w))
		return;
	if (!result && (!code || strcmp(code, "not-found")))
		refuse(w, "the vault", error);
	else
		release_end(w);
}

static void vault_release(struct vhsm_watched *w)
{
	void *asked = vhsm_asked_open(w, NULL, 0);

	if (!asked) {
		refuse(w, "the vault", strerror(ENOMEM));
		return;
	}
	vhsm_keys_untold(w);
	vhsm_rpc_async_call(w->responder->vault, "guest.release",
			    json_pack("{s:s,s:s}", "uuid", w->domain.uuid,
				      "reason", w->release_reason), -1,
			    VAULT_MS, on_vault, asked);
}

static void unpause(struct vhsm_watched *w)
{
	struct vhsm_incident *incident = &w->incident;
	int ret = 0;

	if (incident->frozen_domid && incident->frozen_domid ==
	    w->domain.domid)
		ret = vhsm_hypervisor_unpause(w->responder->hypervisor,
					      w->domain.domid);
	if (ret) {
		refuse(w, "unpause", strerror(-ret));
		return;
	}
	incident->frozen_domid = 0;
	w->undone |= incident->done & BIT(VHSM_REACT_FREEZE);
	incident->done &= ~BIT(VHSM_REACT_FREEZE);
	vault_release(w);
}

static void on_rejoined(void *arg, json_t *result, const char *code,
			const char *error)
{
	struct vhsm_watched *w = arg;

	(void)result;
	(void)code;
	w->reaction = NULL;
	if (error) {
		refuse(w, "its devices", error);
		return;
	}
	w->incident.isolated_domid = 0;
	w->undone |= w->incident.done & BIT(VHSM_REACT_ISOLATE);
	w->incident.done &= ~BIT(VHSM_REACT_ISOLATE);
	if (!is_spoilt(w))
		unpause(w);
}

static void rejoin(struct vhsm_watched *w)
{
	const json_t *taken = w->incident.isolated;

	w->reacting = VHSM_REACT_RECORD;
	w->reaction = vhsm_job_start(w->responder->base,
		w->responder->conf.act, "rejoin",
		json_pack("{s:I,s:O,s:O}", "domid",
			  (json_int_t)w->domain.domid,
			  "nics", json_object_get(taken, "nics"),
			  "disks", json_object_get(taken, "disks")),
		ACT_MS, on_rejoined, w);
	if (!w->reaction)
		refuse(w, "its devices", "the act cannot be started");
}

void vhsm_release_begin(struct vhsm_watched *w, struct vhsm_rpc_call *call,
			const char *reason)
{
	if (w->releaser || w->reaction || w->vault_busy) {
		vhsm_rpc_error(call, "busy", "something is being done to %s; "
			       "try again when it is done", w->domain.name);
		return;
	}
	w->releaser = call;
	w->undone = 0;
	w->spoilt = false;
	snprintf(w->release_reason, sizeof(w->release_reason), "%s", reason);
	vhsm_utf8_mend(w->release_reason);
	if (w->incident.isolated && w->domain.domid &&
	    w->incident.isolated_domid == w->domain.domid)
		rejoin(w);
	else
		unpause(w);
}
