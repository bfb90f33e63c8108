/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device-json.h - devices as the admin protocol tells of them.
 */
#ifndef VHSM_DEVICE_JSON_H
#define VHSM_DEVICE_JSON_H

#include <jansson.h>

#include "broker/broker.h"

#define VHSM_DEVICES_PAGE 32u

/* A page: {"devices": [...], "next"?: N}, new, from the after-th on; with
 * counters for "top".  NULL: no memory. */
json_t *vhsm_devices_json(const struct vhsm_broker *broker, size_t after,
			  bool with_counters);

#endif /* VHSM_DEVICE_JSON_H */
