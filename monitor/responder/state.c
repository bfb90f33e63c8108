/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - what outlives this process: open incidents, with what is still to
 * be done and whom it was not told yet, policies that an admin gave, and
 * watches that an admin ended.
 *
 *   {"format": "vhsm-responder", "version": 1, "host": BOOT, "guests": [
 *     {"uuid": ..., "name": ..., "policy": ..., "by_admin": ...,
 *      "stopped_domid": N or 0, "incident": {...} or null,
 *      "unnotified": [UID...]}]}
 *
 * A watch was ended for one domain, and devices were taken from one: the number
 * is another's after the host was booted again, which the kernel's boot id
 * tells.  "host" and "stopped_domid"
 * may be missing, as from 0.1.0 before they were.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "common/file.h"
#include "common/log.h"
#include "responder/responder.h"

#define BOOT_ID_FILE	"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN	37u

/* "" when it is not known: then none is the same. */
static void boot_id(char id[BOOT_ID_LEN])
{
	FILE *f = fopen(BOOT_ID_FILE, "re");

	id[0] = '\0';
	if (!f)
		return;
	if (!fgets(id, BOOT_ID_LEN, f))
		id[0] = '\0';
	fclose(f);
}

static json_t *unnotified_encode(const struct vhsm_watched *w)
{
	json_t *uids = json_array();

	for (unsigned i = 0; i < w->unnotified_count; i++)
		json_array_append_new(uids, json_string(w->unnotified[i]));
	return uids;
}

static void unnotified_load(struct vhsm_watched *w, const json_t *uids)
{
	const json_t *uid;
	size_t i;

	json_array_foreach(uids, i, uid)
		if (json_string_length(uid) == VHSM_ALERT_UID_LEN - 1 &&
		    w->unnotified_count < VHSM_NOTIFY_MAX)
			memcpy(w->unnotified[w->unnotified_count++],
			       json_string_value(uid), VHSM_ALERT_UID_LEN);
}

/* By an admin: where none has said so, it is looked at anew. */
static bool is_ended(const struct vhsm_watched *w)
{
	return w->stopped && !w->unnamed;
}

static json_t *guest_encode(const struct vhsm_watched *w)
{
	return json_pack("{s:s,s:s,s:s,s:b,s:I,s:o,s:o}",
			 "uuid", w->domain.uuid, "name", w->domain.name,
			 "policy", w->policy.name, "by_admin", w->by_admin,
			 "stopped_domid", (json_int_t)(is_ended(w) ?
				w->domain.domid : w->stopped_domid),
			 "incident", w->incident.open ?
			 vhsm_incident_encode(&w->incident) : json_null(),
			 "unnotified", unnotified_encode(w));
}

void vhsm_state_save(struct vhsm_responder *r)
{
	json_t *guests = json_array(), *json;
	char host[BOOT_ID_LEN];
	struct vhsm_watched *w;
	char *text = NULL;
	int ret = -ENOMEM;

	LIST_FOREACH(w, &r->guests, link)
		if (w->incident.open || w->by_admin || is_ended(w) ||
		    w->stopped_domid)
			json_array_append_new(guests, guest_encode(w));
	boot_id(host);
	json = json_pack("{s:s,s:i,s:s,s:o}", "format", "vhsm-responder",
			 "version", 1, "host", host, "guests", guests);
	if (json)
		text = json_dumps(json, JSON_INDENT(1));
	if (text)
		ret = vhsm_file_replace(r->conf.state_file, text,
					strlen(text), 0600);
	if (ret)
		vhsm_log(LOG_ERR, "%s: %s", r->conf.state_file,
			 strerror(-ret));
	free(text);
	json_decref(json);
}

static int guest_load(struct vhsm_responder *r, const json_t *json,
		      bool same_boot)
{
	char why[VHSM_POLICY_WHY_LEN] = "";
	struct vhsm_domain_seen domain = { 0 };
	const char *uuid, *name, *policy_name;
	struct vhsm_incident incident = { 0 };
	struct vhsm_policy policy;
	struct vhsm_watched *w;
	json_int_t stopped = 0;
	json_t *was;
	uint8_t bytes[16];
	int by_admin;

	if (json_unpack((json_t *)json, "{s:s,s:s,s:s,s:b,s?I,s:o}", "uuid",
			&uuid, "name", &name, "policy", &policy_name,
			"by_admin", &by_admin, "stopped_domid", &stopped,
			"incident", &was) || uuid_parse(uuid, bytes) ||
	    stopped < 0 || stopped > UINT16_MAX)
		return -EINVAL;
	if (!json_is_null(was) && vhsm_incident_decode(&incident, was))
		return -EINVAL;
	uuid_unparse_lower(bytes, domain.uuid);
	snprintf(domain.name, sizeof(domain.name), "%s", name);
	if (vhsm_policy_read(&policy, r->conf.vhsmd.policy_dir, policy_name,
			     why)) {
		/* An incident stays open, whatever became of its policy. */
		vhsm_log(LOG_ERR, "%s: %s", name, why);
		memset(&policy, 0, sizeof(policy));
		snprintf(policy.name, sizeof(policy.name), "%s", policy_name);
		policy.sweep_ms = 1000;
		policy.lease_ms = 5000;
		policy.throttle_rate = 1;
		policy.isolate_disks = true;
	}
	w = vhsm_watched_new(r, &domain, &policy);
	if (!w) {
		vhsm_incident_deinit(&incident);
		return -errno;
	}
	w->by_admin = by_admin;
	w->stopped_domid = same_boot ? stopped : 0;
	/* What was done was done to a domain of that boot. */
	if (!same_boot)
		incident.isolated_domid = incident.frozen_domid = 0;
	w->incident = incident;
	w->bundled = incident.sealed;
	unnotified_load(w, json_object_get(json, "unnotified"));
	return 0;
}

int vhsm_state_load(struct vhsm_responder *r)
{
	json_error_t error = { 0 };
	json_t *json = json_load_file(r->conf.state_file,
				      JSON_REJECT_DUPLICATES, &error), *guest;
	const char *host = json_string_value(json_object_get(json, "host"));
	char now[BOOT_ID_LEN];
	size_t i;
	int ret = 0;

	if (!json && json_error_code(&error) == json_error_cannot_open_file &&
	    errno == ENOENT)
		return 0;
	boot_id(now);
	if (!json_is_array(json_object_get(json, "guests")))
		ret = -EINVAL;
	json_array_foreach(json_object_get(json, "guests"), i, guest)
		if (!ret)
			ret = guest_load(r, guest, host && now[0] &&
					 !strcmp(host, now));
	json_decref(json);
	if (ret)
		vhsm_log(LOG_ERR, "%s: not as we wrote it%s%s; incidents in it "
			 "would be forgotten: repair it, or remove it",
			 r->conf.state_file, error.text[0] ? ": " : "",
			 error.text);
	return ret;
}
