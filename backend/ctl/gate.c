/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - whether a guest's keys answer, in words.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static void level_text(const json_t *device, char *text, size_t room)
{
	const char *level = ctl_text(device, "level");

	if (!strcmp(level, "throttled"))
		snprintf(text, room, "throttled (%" JSON_INTEGER_FORMAT "/s)",
			 ctl_int(device, "rate"));
	else
		snprintf(text, room, "%s", level);
}

static void lease_text(const json_t *device, char *text, size_t room)
{
	const char *lease = ctl_text(device, "lease");

	if (!strcmp(lease, "valid"))
		snprintf(text, room, "%.1f s left",
			 (double)ctl_int(device, "lease_left_ms") / 1000);
	else
		snprintf(text, room, "%s", lease);
}

void ctl_gate_texts_add(json_t *devices)
{
	char text[64];
	json_t *device;
	size_t i;

	json_array_foreach(devices, i, device) {
		level_text(device, text, sizeof(text));
		json_object_set_new(device, "level_text", json_string(text));
		lease_text(device, text, sizeof(text));
		json_object_set_new(device, "lease_text", json_string(text));
	}
}

/* Why the device's guest is revoked in the vault; NULL: it is not. */
static const char *withheld(const json_t *device, const json_t *engines)
{
	json_t *engine;
	size_t i;

	json_array_foreach((json_t *)engines, i, engine)
		if (!strcmp(ctl_text(engine, "uuid"),
			    ctl_text(device, "uuid")) &&
		    ctl_text(engine, "revoked")[0])
			return ctl_text(engine, "revoked");
	return NULL;
}

void ctl_gate_withheld_add(json_t *devices, const json_t *engines)
{
	const char *reason;
	char text[96];
	json_t *device;
	size_t i;

	json_array_foreach(devices, i, device) {
		reason = withheld(device, engines);
		if (!reason)
			continue;
		snprintf(text, sizeof(text), "%s, keys withheld",
			 ctl_text(device, "level_text"));
		json_object_set_new(device, "withheld", json_string(reason));
		json_object_set_new(device, "level_text", json_string(text));
	}
}
