/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/device-json.h"

#include <inttypes.h>

#include "broker/engine-child.h"
#include "broker/guest.h"

/* The engine writes while we read: each counter is right, their sum is of no
 * one moment. */
static json_t *counter(const uint64_t *value)
{
	return json_integer(__atomic_load_n(value, __ATOMIC_RELAXED));
}

static json_t *queue_json(const struct vhsm_queue_stats *q)
{
	const struct {
		const char *name;
		const uint64_t *value;
	} counters[] = {
		{ "requests", &q->requests },
		{ "refusals", &q->refusals },
		{ "malformed", &q->malformed },
		{ "batches", &q->batches },
		{ "notifications", &q->notifications },
		{ "events", &q->events },
		{ "polls_won", &q->polls_won },
		{ "polls_lost", &q->polls_lost },
		{ "bytes", &q->bytes },
		{ "spurious_events", &q->spurious_events },
	};
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(json, counters[i].name,
				    counter(counters[i].value));
	return json;
}

static void counters_add(json_t *json, const struct vhsm_engine_stats *stats)
{
	uint32_t queues = __atomic_load_n(&stats->queues, __ATOMIC_RELAXED);
	json_t *list = json_array();

	if (queues > VHSM_MAX_QUEUES)	/* the engine's word */
		queues = VHSM_MAX_QUEUES;
	for (uint32_t q = 0; q < queues; q++)
		json_array_append_new(list, queue_json(&stats->queue[q]));
	json_object_set_new(json, "queues", list);
	json_object_set_new(json, "grant_maps", counter(&stats->grant_maps));
	json_object_set_new(json, "grant_maps_after_connect",
			    counter(&stats->grant_maps_after_connect));
	json_object_set_new(json, "keys_loaded", counter(&stats->keys));
	json_object_set_new(json, "worker_requests",
			    counter(&stats->worker_requests));
	json_object_set_new(json, "audit_waits", counter(&stats->audit_waits));
}

static json_t *device_json(const struct vhsm_device *device,
			   bool with_counters)
{
	const struct vhsm_identity *id = &device->identity;
	json_t *json = json_pack("{s:s,s:i,s:s,s:i,s:s,s:s,s:s}",
				 "uuid", id->uuid_text,
				 "domid", (int)id->domid,
				 "domain", id->domain,
				 "device", (int)id->device,
				 "transport", device->transport,
				 "state", device->state_name(device),
				 "keys", id->keys);

	if (!json)
		return NULL;
	if (id->monitor[0])
		json_object_set_new(json, "monitor", json_string(id->monitor));
	vhsm_guest_describe(device->guest, json);
	if (device->error[0])
		json_object_set_new(json, "error",
				    json_string(device->error));
	if (!device->engine)
		return json;
	json_object_set_new(json, "engine_pid",
			    json_integer(vhsm_engine_pid(device->engine)));
	if (with_counters)
		counters_add(json, vhsm_engine_stats(device->engine));
	return json;
}

json_t *vhsm_devices_json(const struct vhsm_broker *broker, size_t after,
			  bool with_counters)
{
	const struct vhsm_device *device;
	json_t *list = json_array(), *json = json_object();
	size_t i = 0;

	LIST_FOREACH(device, &broker->devices, link) {
		if (i >= after + VHSM_DEVICES_PAGE) {
			json_object_set_new(json, "next", json_integer(i));
			break;
		}
		if (i++ >= after)
			json_array_append_new(list, device_json(device,
							with_counters));
	}
	json_object_set_new(json, "devices", list);
	return json;
}
