/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-json.c - alerts in the form of the Open Cybersecurity Schema Framework,
 * version 1.3: class 2004 "Detection Finding" of category 2 "Findings", with
 * the profile "security_control" for what was done.
 *
 * What OCSF has no place for, the addresses and bytes of memory evidence, the
 * timeline, stands in "evidences[0].data" and in "unmapped".
 */
#include <config.h>

#include "responder/alert-json.h"
#include "common/hex.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CATEGORY_UID	2
#define CLASS_UID	2004
#define TYPE_UID(activity) (CLASS_UID * 100 + (activity))
#define TIMELINE_MAX	64u		/* steps; the first and the last are
					 * what matters */

static const char *severity_name(unsigned severity)
{
	static const char *const names[] = {
		"Unknown", "Informational", "Low", "Medium", "High",
		"Critical", "Fatal",
	};

	return names[severity < sizeof(names) / sizeof(names[0]) ?
		     severity : 0];
}

/* OCSF confidence_id: 1 low, 2 medium, 3 high. */
static int confidence_id(unsigned score)
{
	return score < 40 ? 1 : score < 75 ? 2 : 3;
}

static json_t *hex(const uint8_t *bytes, size_t len)
{
	char text[2 * VHSM_EVIDENCE_MAX + 1];

	vhsm_hex_encode(bytes, len < VHSM_EVIDENCE_MAX ? len : VHSM_EVIDENCE_MAX,
			text);
	return json_string(text);
}

static json_t *address(uint64_t value)
{
	char text[24];

	if (!value)
		return json_null();
	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *metadata(const char *uid)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:s, s:[s], s:s}",
			 "version", "1.3.0",
			 "product", "name", "xen-vhsm", "vendor_name",
			 "xen-vhsm", "version", PACKAGE_VERSION,
			 "uid", uid, "profiles", "security_control",
			 "log_name", "alerts.jsonl");
}

static json_t *finding_info(const struct vhsm_check_info *info,
			    const struct vhsm_finding *f, const char *uid,
			    uint64_t now_ms)
{
	return json_pack("{s:s, s:s, s:s, s:[s], s:I, s:I, s:I, s:I,"
			 " s:{s:s, s:s, s:i, s:s},"
			 " s:[{s:s, s:{s:s, s:s}}]}",
			 "uid", uid, "title", info->title, "desc",
			 f->detail[0] ? f->detail : info->title,
			 "types", info->name,
			 "created_time", (json_int_t)now_ms,
			 "modified_time", (json_int_t)now_ms,
			 "first_seen_time", (json_int_t)now_ms,
			 "last_seen_time", (json_int_t)now_ms,
			 "analytic", "name", info->name, "uid", info->name,
			 "type_id", 1, "type", "Rule",
			 "attacks", "version", "16", "technique",
			 "uid", info->technique, "name",
			 info->technique_name);
}

/* What was seen: OCSF leaves the form of "data" to the product. */
static json_t *evidence(const struct vhsm_finding *f)
{
	json_t *data = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:s}",
		"object", f->object, "address", address(f->address),
		"physical", address(f->physical), "symbol", f->symbol,
		"before", hex(f->before, f->before_len),
		"after", hex(f->after, f->after_len),
		"before_code", f->before_code, "after_code", f->after_code);
	json_t *evidence = json_pack("{s:o}", "data", data);

	if (evidence && (f->pid || f->comm[0]))
		json_object_set_new(evidence, "process", json_pack(
			"{s:i, s:s}", "pid", (int)f->pid, "name", f->comm));
	return evidence;
}

static json_t *resource(const struct vhsm_alert_guest *guest)
{
	return json_pack("{s:s, s:s, s:s, s:{s:i}}", "uid", guest->uuid,
			 "name", guest->name, "type", "Virtual Machine",
			 "data", "domid", (int)guest->domid);
}

/* What is ours alone. */
static json_t *unmapped(const struct vhsm_alert_guest *guest,
			const struct vhsm_policy *policy,
			const struct vhsm_finding *f, uint64_t swept_ms,
			uint64_t clean_ms)
{
	return json_pack("{s:i, s:s, s:s, s:b, s:I, s:I, s:[], s:[]}",
			 "check", (int)f->check, "policy", policy->name,
			 "baseline", guest->baseline,
			 "dry_run", policy->dry_run,
			 "last_clean_sweep", (json_int_t)clean_ms,
			 "sweep", (json_int_t)swept_ms,
			 "actions", "timeline");
}

json_t *vhsm_alert_encode(const struct vhsm_alert_guest *guest,
			  const struct vhsm_policy *policy,
			  const struct vhsm_finding *f, const char *uid,
			  uint64_t now_ms, uint64_t swept_ms,
			  uint64_t clean_ms)
{
	const struct vhsm_check_info *info = vhsm_check_by_number(f->check);
	char message[512];
	json_t *alert;

	if (!info)
		return NULL;
	snprintf(message, sizeof(message), "%s in guest %s: %s", info->title,
		 guest->name, f->object);
	alert = json_pack("{s:i, s:s, s:i, s:s, s:i, s:s, s:b, s:i, s:s,"
			  " s:i, s:i, s:s, s:o, s:o, s:[o], s:[o], s:o,"
			  " s:i, s:s}",
		"category_uid", CATEGORY_UID, "category_name", "Findings",
		"class_uid", CLASS_UID, "class_name", "Detection Finding",
		"severity_id", (int)info->severity, "severity",
		severity_name(info->severity), "is_alert", true,
		"confidence_id", confidence_id(f->confidence), "confidence",
		confidence_id(f->confidence) == 3 ? "High" :
		confidence_id(f->confidence) == 2 ? "Medium" : "Low",
		"confidence_score", (int)f->confidence, "count", 1,
		"message", message, "metadata", metadata(uid),
		"finding_info", finding_info(info, f, uid, now_ms),
		"evidences", evidence(f), "resources", resource(guest),
		"unmapped", unmapped(guest, policy, f, swept_ms, clean_ms),
		"disposition_id", 15, "disposition", "Detected");
	if (!alert)
		return NULL;
	if (clean_ms)
		vhsm_alert_add_step(alert, clean_ms, "last clean sweep", NULL);
	if (swept_ms)
		vhsm_alert_add_step(alert, swept_ms, "sweep that found it",
				    NULL);
	if (vhsm_alert_add_step(alert, now_ms, "alert", NULL) ||
	    vhsm_alert_set_status(alert, VHSM_ALERT_NEW)) {
		json_decref(alert);
		return NULL;
	}
	return alert;
}

int vhsm_alert_add_step(json_t *alert, uint64_t now_ms, const char *what,
			const char *text)
{
	json_t *line = json_object_get(json_object_get(alert, "unmapped"),
				       "timeline");
	json_t *step = json_pack("{s:I, s:s}", "time", (json_int_t)now_ms,
				 "what", what);

	if (step && text && text[0])
		json_object_set_new(step, "text", json_string(text));
	if (!step)
		return -ENOMEM;
	/* The middle gives way. */
	if (json_array_size(line) >= TIMELINE_MAX)
		json_array_remove(line, TIMELINE_MAX / 2);
	return json_array_append_new(line, step) ? -ENOMEM : 0;
}

/* OCSF disposition_id: 2 blocked, 3 quarantined, 4 isolated, 15 detected,
 * 24 access revoked; the furthest step of the ladder wins. */
static void disposition_set(json_t *alert, enum vhsm_reaction reaction)
{
	static const struct {
		int id;
		const char *name;
	} rows[VHSM_REACTIONS] = {
		[VHSM_REACT_RECORD] = { 15, "Detected" },
		[VHSM_REACT_THROTTLE] = { 15, "Detected" },
		[VHSM_REACT_VERIFY_ONLY] = { 2, "Blocked" },
		[VHSM_REACT_REVOKE] = { 24, "Access Revoked" },
		[VHSM_REACT_ISOLATE] = { 4, "Isolated" },
		[VHSM_REACT_FREEZE] = { 3, "Quarantined" },
		[VHSM_REACT_DESTROY] = { 5, "Deleted" },
	};
	json_t *actions = json_object_get(json_object_get(alert, "unmapped"),
					  "actions"), *action;
	size_t i;

	json_array_foreach(actions, i, action)
		if (json_is_true(json_object_get(action, "done")) &&
		    json_integer_value(json_object_get(action, "step")) >
		    (json_int_t)reaction)
			return;
	json_object_set_new(alert, "disposition_id",
			    json_integer(rows[reaction].id));
	json_object_set_new(alert, "disposition",
			    json_string(rows[reaction].name));
}

int vhsm_alert_add_action(json_t *alert, const struct vhsm_alert_action *act)
{
	const char *name = vhsm_reaction_name(act->reaction);
	json_t *actions = json_object_get(json_object_get(alert, "unmapped"),
					  "actions");
	json_t *action = json_pack("{s:s, s:i, s:b, s:b, s:I, s:s}",
		"reaction", name, "step", (int)act->reaction,
		"done", act->done, "dry_run", act->dry_run,
		"time", (json_int_t)act->time_ms, "text", act->text);
	char what[64];

	if (!action)
		return -ENOMEM;
	if (json_array_size(actions) >= TIMELINE_MAX)
		json_array_remove(actions, TIMELINE_MAX / 2);
	if (json_array_append_new(actions, action))
		return -ENOMEM;
	if (act->done)
		disposition_set(alert, act->reaction);
	snprintf(what, sizeof(what), "%s%s", name, act->dry_run ?
		 " (dry run: not done)" : act->done ? "" : " FAILED");
	return vhsm_alert_add_step(alert, act->time_ms, what, act->text);
}

int vhsm_alert_set_status(json_t *alert, enum vhsm_alert_status status)
{
	const char *name = status == VHSM_ALERT_NEW ? "New" :
		status == VHSM_ALERT_IN_PROGRESS ? "In Progress" : "Resolved";

	return json_object_set_new(alert, "status_id", json_integer(status)) ||
		json_object_set_new(alert, "status", json_string(name)) ?
		-ENOMEM : 0;
}

int vhsm_alert_set_activity(json_t *alert, enum vhsm_activity activity,
			    uint64_t now_ms, uint64_t sequence)
{
	static const char *const names[] = { "", "Create", "Update", "Close" };
	char type[64];

	snprintf(type, sizeof(type), "Detection Finding: %s", names[activity]);
	return json_object_set_new(alert, "activity_id",
				   json_integer(activity)) ||
		json_object_set_new(alert, "activity_name",
				    json_string(names[activity])) ||
		json_object_set_new(alert, "type_uid",
				    json_integer(TYPE_UID(activity))) ||
		json_object_set_new(alert, "type_name", json_string(type)) ||
		json_object_set_new(alert, "time", json_integer(now_ms)) ||
		json_object_set_new(json_object_get(alert, "metadata"),
				    "sequence", json_integer(sequence)) ?
		-ENOMEM : 0;
}

int vhsm_alert_count(json_t *alert, uint64_t now_ms)
{
	json_int_t count = json_integer_value(json_object_get(alert, "count"));

	return json_object_set_new(alert, "count", json_integer(count + 1)) ||
		json_object_set_new(json_object_get(alert, "finding_info"),
				    "last_seen_time", json_integer(now_ms)) ?
		-ENOMEM : 0;
}

/* The string at a path of members and array places, "" if there is none. */
static const char *text_at(const json_t *json, const char *member,
			   const char *inner)
{
	const json_t *value = json_object_get(json, member);

	if (json_is_array(value))
		value = json_array_get(value, 0);
	value = json_object_get(value, inner);
	return json_is_string(value) ? json_string_value(value) : "";
}

const char *vhsm_alert_uid(const json_t *alert)
{
	return text_at(alert, "finding_info", "uid");
}

const char *vhsm_alert_guest_uuid(const json_t *alert)
{
	return text_at(alert, "resources", "uid");
}

uint64_t vhsm_alert_sequence(const json_t *alert)
{
	json_int_t n = json_integer_value(json_object_get(
		json_object_get(alert, "metadata"), "sequence"));

	return n > 0 ? (uint64_t)n : 0;
}

bool vhsm_alert_is_open(const json_t *alert)
{
	return json_integer_value(json_object_get(alert, "status_id")) !=
		VHSM_ALERT_RESOLVED;
}

bool vhsm_alert_same(const json_t *alert, const char *uuid,
		     const struct vhsm_finding *f)
{
	const json_t *evidence = json_array_get(json_object_get(alert,
		"evidences"), 0);

	return !strcmp(vhsm_alert_guest_uuid(alert), uuid) &&
		json_integer_value(json_object_get(json_object_get(alert,
		"unmapped"), "check")) == (json_int_t)f->check &&
		!strcmp(text_at(evidence, "data", "object"), f->object);
}
