/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - keeps the evidence of an incident (evidence.h), once what is done
 * about it is done: the alert, the last audit records of the guest's key use,
 * the memory image if it was frozen; then the seal.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "responder/evidence.h"
#include "responder/responder.h"

#define RECORDS		100		/* of the audit log */
#define VAULT_MS	30000u
#define SEAL_MS		3600000u

static int folder(struct vhsm_watched *w, char *path)
{
	char why[VHSM_EVIDENCE_WHY_LEN] = "";
	int ret = vhsm_evidence_begin(w->responder->conf.incident_dir,
				      w->incident.uid, path, why);

	if (ret)
		vhsm_watched_problem(w, "evidence: %s", why);
	return ret;
}

int vhsm_bundle_path(struct vhsm_watched *w, char *path)
{
	size_t len;
	int ret = folder(w, path);

	if (ret)
		return ret;
	len = strlen(path);
	return snprintf(path + len, PATH_MAX - len, "/memory.img") <
		(int)(PATH_MAX - len) ? 0 : -ENAMETOOLONG;
}

static void on_sealed(void *arg, json_t *result, const char *code,
		      const char *error)
{
	struct vhsm_watched *w = arg;

	(void)result;
	(void)code;
	w->reaction = NULL;
	w->incident.sealed = !error;
	vhsm_state_save(w->responder);
	if (error)
		vhsm_watched_problem(w, "evidence of %s is not sealed: %s",
				     w->incident.uid, error);
	else
		vhsm_log(LOG_INFO, "%s: evidence of incident %s is sealed",
			 w->domain.name, w->incident.uid);
	vhsm_reactions_pump(w);
}

static void seal(struct vhsm_watched *w, const char *path)
{
	/* More is done, or undone: then once more. */
	if (w->reaction || w->releaser) {
		w->bundled = false;
		return;
	}
	w->reacting = VHSM_REACT_RECORD;
	w->reaction = vhsm_job_start(w->responder->base,
				     w->responder->conf.act, "seal",
				     json_pack("{s:s,s:s}", "bundle", path,
					       "keys", w->responder->conf
					       .alert_dir),
				     SEAL_MS, on_sealed, w);
	if (!w->reaction)
		vhsm_watched_problem(w, "evidence is not sealed: %s",
				     strerror(errno));
}

static void on_records(void *arg, json_t *result, const char *code,
		       const char *error)
{
	const json_t *records = json_object_get(result, "records");
	char why[VHSM_EVIDENCE_WHY_LEN] = "", path[PATH_MAX];
	struct vhsm_watched *w = vhsm_asked_close(arg, NULL, NULL);
	const json_t *alert;

	(void)code;
	if (!w || !w->incident.open || folder(w, path))
		return;
	if (!result)
		vhsm_watched_problem(w, "evidence: no audit records: %s",
				     error);
	else if (vhsm_evidence_add_lines(path, "audit.jsonl", records, why))
		vhsm_watched_problem(w, "evidence: %s", why);
	/* As it is now: with what was done. */
	alert = vhsm_alerts_find(w->responder->alerts, w->incident.uid);
	if (alert && vhsm_evidence_add(path, "alert.json", alert, why))
		vhsm_watched_problem(w, "evidence: %s", why);
	seal(w, path);
}

int vhsm_bundle_begin(struct vhsm_watched *w)
{
	void *asked = vhsm_asked_open(w, NULL, 0);

	if (!asked)
		return -ENOMEM;
	vhsm_rpc_async_call(w->responder->vault, "audit.show",
			    json_pack("{s:s,s:i,s:b}", "domain",
				      w->domain.uuid, "limit", RECORDS, "last",
				      true), -1, VAULT_MS, on_records,
			    asked);
	return 0;
}
