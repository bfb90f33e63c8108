/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/rpc-alerts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "responder/alert-json.h"
#include "responder/evidence.h"

#define PAGE 8u				/* alerts of one answer, at most */
#define NOTE_MAX 400u

static const char *text_of(const json_t *params, const char *name)
{
	const char *text = json_string_value(json_object_get(params, name));

	return text ? text : "";
}

static bool is_of(const json_t *alert, const char *domain)
{
	const json_t *guest = json_array_get(json_object_get(alert,
		"resources"), 0);

	return !domain[0] || !strcmp(domain, vhsm_alert_guest_uuid(alert)) ||
		!strcmp(domain, text_of(guest, "name"));
}

static void list(const struct vhsm_rpc_alerts *of, struct vhsm_rpc_call *call,
		 const json_t *params)
{
	const json_t *after = json_object_get(params, "after");
	const char *domain = text_of(params, "domain");
	bool open = json_is_true(json_object_get(params, "open"));
	json_t *all, *page, *alert, *next = json_null();
	size_t i, bytes = 0;

	if (after && (!json_is_integer(after) || json_integer_value(after) < 0)) {
		vhsm_rpc_error(call, "bad-request",
			       "after: must be a sequence number");
		return;
	}
	all = vhsm_alerts_list(of->alerts, json_integer_value(after), open,
			       UINT32_MAX);
	page = json_array();
	json_array_foreach(all, i, alert) {
		if (!is_of(alert, domain))
			continue;
		if (json_array_size(page) < PAGE &&
		    vhsm_rpc_page_add(page, json_incref(alert), &bytes))
			continue;
		next = json_integer(vhsm_alert_sequence(json_array_get(page,
			json_array_size(page) - 1)));
		break;
	}
	json_decref(all);
	vhsm_rpc_result(call, json_pack("{s:o, s:o}", "alerts", page, "next",
					next));
}

static void show(const struct vhsm_rpc_alerts *of, struct vhsm_rpc_call *call,
		 const json_t *params)
{
	const json_t *alert = vhsm_alerts_find(of->alerts,
					       text_of(params, "uid"));
	char bundle[PATH_MAX];

	if (!alert) {
		vhsm_rpc_error(call, "not-found", "no alert has this UID; "
			       "vhsmctl alerts list --all has those that are "
			       "kept");
		return;
	}
	snprintf(bundle, sizeof(bundle), "%s/%s", of->incident_dir,
		 text_of(params, "uid"));
	vhsm_rpc_result(call, json_pack("{s:o,s:o,s:b,s:s}",
		"alert", json_deep_copy(alert),
		"bundle", access(bundle, F_OK) ? json_null() :
			json_string(bundle),
		"sealed", vhsm_evidence_sealed(bundle), "keys",
		of->alert_dir));
}

/* What an admin wrote goes into a log, so it has to be harmless there, too. */
static bool note_check(const char *note)
{
	for (const char *p = note; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	return strlen(note) <= NOTE_MAX;
}

static void ack(const struct vhsm_rpc_alerts *of, struct vhsm_rpc_call *call,
		const json_t *params)
{
	const char *uid = text_of(params, "uid"), *note = text_of(params,
								  "note");
	char why[VHSM_ALERT_WHY_LEN];
	int r;

	if (!note_check(note)) {
		vhsm_rpc_error(call, "bad-request", "note: at most %u bytes, "
			       "without control characters", NOTE_MAX);
		return;
	}
	r = vhsm_alerts_ack(of->alerts, uid, vhsm_rpc_caller_uid(call), note,
			    why);
	if (r)
		vhsm_rpc_error(call, r == -ENOENT ? "not-found" :
			       r == -EALREADY ? "bad-request" : "internal",
			       "%s", why);
	else
		vhsm_rpc_result(call, json_pack("{s:s}", "uid", uid));
}

bool vhsm_rpc_alerts(const struct vhsm_rpc_alerts *of,
		     struct vhsm_rpc_call *call, const char *method,
		     const json_t *params)
{
	static const struct {
		const char *method;
		void (*run)(const struct vhsm_rpc_alerts *,
			    struct vhsm_rpc_call *, const json_t *);
	} methods[] = {
		{ "alerts.list", list },
		{ "alerts.show", show },
		{ "alerts.ack", ack },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].method, method))
			continue;
		methods[i].run(of, call, params);
		return true;
	}
	return false;
}
