/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/incident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void vhsm_incident_deinit(struct vhsm_incident *incident)
{
	json_decref(incident->isolated);
	memset(incident, 0, sizeof(*incident));
}

void vhsm_incident_follow(struct vhsm_incident *incident, uint32_t domid)
{
	uint32_t lost = 0;

	if (incident->isolated_domid != domid) {
		lost |= 1u << VHSM_REACT_ISOLATE;
		json_decref(incident->isolated);
		incident->isolated = NULL;
		incident->isolated_domid = 0;
	}
	if (incident->frozen_domid != domid) {
		lost |= 1u << VHSM_REACT_FREEZE;
		incident->frozen_domid = 0;
	}
	incident->pending |= incident->done & lost;
	incident->done &= ~(lost | 1u << VHSM_REACT_DESTROY);
	incident->destroyed = false;
	memset(incident->tries, 0, sizeof(incident->tries));
}

static json_t *reactions_encode(uint32_t set)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < VHSM_REACTIONS; i++)
		if (set >> i & 1)
			json_array_append_new(names,
				json_string(vhsm_reaction_name(i)));
	return names;
}

json_t *vhsm_incident_encode(const struct vhsm_incident *incident)
{
	return json_pack("{s:s,s:I,s:s,s:o,s:o,s:o,s:s,s:I,s:I,s:O?,s:I,s:b,"
			 "s:b}",
			 "uid", incident->uid,
			 "opened_ms", (json_int_t)incident->opened_ms,
			 "reason", incident->reason,
			 "done", reactions_encode(incident->done),
			 "dry", reactions_encode(incident->dry),
			 "pending", reactions_encode(incident->pending),
			 "pending_uid", incident->pending_uid,
			 "rate", (json_int_t)incident->rate,
			 "isolated_domid",
			 (json_int_t)incident->isolated_domid,
			 "isolated", incident->isolated,
			 "frozen_domid", (json_int_t)incident->frozen_domid,
			 "destroyed", incident->destroyed,
			 "sealed", incident->sealed);
}

static int reactions_decode(const json_t *names, uint32_t *set)
{
	const json_t *name;
	size_t i;

	*set = 0;
	json_array_foreach(names, i, name) {
		int reaction = json_is_string(name) ?
			vhsm_reaction_by_name(json_string_value(name)) : -1;

		if (reaction < 0)
			return -EINVAL;
		*set |= 1u << reaction;
	}
	return json_is_array(names) ? 0 : -EINVAL;
}

int vhsm_incident_decode(struct vhsm_incident *incident,
			 const json_t *untrusted)
{
	json_int_t opened, rate, isolated_domid, frozen_domid;
	json_t *done, *dry, *pending = NULL, *isolated = NULL;
	const char *uid, *reason, *pending_uid = "";
	int destroyed, sealed = 0;

	memset(incident, 0, sizeof(*incident));
	/* The optional were not written by the first version. */
	if (json_unpack((json_t *)untrusted,
			"{s:s,s:I,s:s,s:o,s:o,s?o,s?s,s:I,s:I,s:o,s:I,s:b,"
			"s?b!}",
			"uid", &uid, "opened_ms", &opened, "reason", &reason,
			"done", &done, "dry", &dry, "pending", &pending,
			"pending_uid", &pending_uid, "rate", &rate,
			"isolated_domid", &isolated_domid,
			"isolated", &isolated, "frozen_domid", &frozen_domid,
			"destroyed", &destroyed, "sealed", &sealed) ||
	    strlen(uid) >= sizeof(incident->uid) ||
	    strlen(pending_uid) >= sizeof(incident->pending_uid) ||
	    opened < 0 || rate < 0 ||
	    rate > UINT32_MAX || isolated_domid < 0 ||
	    isolated_domid > UINT16_MAX || frozen_domid < 0 ||
	    frozen_domid > UINT16_MAX ||
	    reactions_decode(done, &incident->done) ||
	    reactions_decode(dry, &incident->dry) ||
	    (pending && reactions_decode(pending, &incident->pending))) {
		memset(incident, 0, sizeof(*incident));
		return -EINVAL;
	}
	incident->open = true;
	snprintf(incident->uid, sizeof(incident->uid), "%s", uid);
	snprintf(incident->reason, sizeof(incident->reason), "%s", reason);
	incident->opened_ms = opened;
	incident->rate = rate;
	incident->isolated_domid = isolated_domid;
	incident->frozen_domid = frozen_domid;
	incident->destroyed = destroyed;
	incident->sealed = sealed;
	snprintf(incident->pending_uid, sizeof(incident->pending_uid), "%s",
		 pending_uid);
	if (!json_is_null(isolated))
		incident->isolated = json_incref(isolated);
	return 0;
}
