/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-gate.c - the method guest.gate: nothing is guessed, since an order
 * half understood would open or shut the wrong thing.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/guest.h"
#include "broker/xen.h"
#include "common/log.h"
#include "common/rpc.h"

static const char *params_check(json_t *params)
{
	static const char *const known[] = {
		"uuid", "domid", "level", "rate", "valid_ms",
		"valid_until_ms", "unwatched", "reason",
	};
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(params, name, value) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (!strcmp(name, known[i]))
				break;
		if (i == sizeof(known) / sizeof(known[0]))
			return "guest.gate knows uuid, domid, level, rate, "
				"valid_ms, valid_until_ms, unwatched and "
				"reason only";
	}
	return NULL;
}

static const char *rate_take(json_t *params, struct vhsm_gate_order *order)
{
	json_t *rate = json_object_get(params, "rate");
	json_int_t n = json_integer_value(rate);

	if (rate && !json_is_null(rate) &&
	    (!json_is_integer(rate) || n < 0 || n > VHSM_RATE_MAX))
		return "rate must be a number from 1 to 1000000";
	if (order->level == VHSM_GATE_THROTTLED && n < 1)
		return "level throttled needs a rate from 1 to 1000000";
	order->rate = n;
	return NULL;
}

static const char *lease_take(json_t *params, struct vhsm_gate_order *order)
{
	json_t *valid = json_object_get(params, "valid_ms");
	json_int_t n = json_integer_value(valid);

	order->leased = !json_is_null(valid);
	if (!valid || (order->leased && (!json_is_integer(valid) || n < 0)))
		return "valid_ms must be a number of milliseconds, or null "
			"where no lease is demanded";
	order->valid_ms = n < VHSM_LEASE_MS_MAX ? n : VHSM_LEASE_MS_MAX;
	valid = json_object_get(params, "valid_until_ms");
	n = json_integer_value(valid);
	if (valid && !json_is_null(valid) && (!json_is_integer(valid) || n < 0))
		return "valid_until_ms must be a time of CLOCK_MONOTONIC in "
			"milliseconds";
	order->valid_until_ms = json_is_integer(valid) &&
		n < INT64_MAX / 1000000 ? (uint64_t)n : UINT64_MAX;
	valid = json_object_get(params, "unwatched");
	if (valid && !json_is_boolean(valid))
		return "unwatched must be true or false";
	order->unwatched = json_is_true(valid);
	return order->unwatched && order->leased ?
		"one that is not watched has no valid_ms" : NULL;
}

static const char *domid_take(json_t *params, struct vhsm_gate_order *order)
{
	json_t *domid = json_object_get(params, "domid");
	json_int_t n = json_integer_value(domid);

	order->has_domid = domid && !json_is_null(domid);
	if (order->has_domid &&
	    (!json_is_integer(domid) || n < 0 || n > UINT32_MAX))
		return "domid must be a domain's number";
	order->domid = n;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *order_take(json_t *params, struct vhsm_gate_order *order)
{
	const char *level = json_string_value(json_object_get(params, "level"));
	json_t *reason = json_object_get(params, "reason");
	const char *wrong = params_check(params);

	if (wrong)
		return wrong;
	if (!level || vhsm_gate_level_parse(level, &order->level))
		return "level must be full, throttled, verify-only or revoked";
	if (!json_is_string(reason))
		return "reason must be a text";
	vhsm_log_escape(order->reason, sizeof(order->reason),
			json_string_value(reason), json_string_length(reason));
	wrong = rate_take(params, order);
	if (!wrong)
		wrong = domid_take(params, order);
	return wrong ? wrong : lease_take(params, order);
}

/* One with a record, or one that runs and may get a device yet. */
static struct vhsm_guest *guest_known(struct vhsm_broker *broker,
				      const uint8_t uuid[16])
{
	struct vhsm_guest *guest = vhsm_guest_find(broker->guests, uuid);
	struct vhsm_domain domain;

	if (guest)
		return guest;
	errno = ENOENT;
	if (!broker->xen ||
	    vhsm_xen_domain_find(broker->xen, NULL, NULL, uuid, &domain))
		return NULL;
	return vhsm_guest_expect(broker, uuid);
}

void vhsm_guest_gate_rpc(struct vhsm_broker *broker,
			 struct vhsm_rpc_call *call, json_t *params)
{
	const char *text = json_string_value(json_object_get(params, "uuid"));
	struct vhsm_gate_order order = { .uid = vhsm_rpc_caller_uid(call) };
	const char *wrong = order_take(params, &order);
	char uuid_text[UUID_STR_LEN];
	struct vhsm_guest *guest;
	uint8_t uuid[16];

	if (!wrong && (!text || uuid_parse(text, uuid)))
		wrong = "uuid must be a domain's UUID, as xl list -v shows it";
	if (wrong) {
		vhsm_rpc_error(call, "bad-request", "%s", wrong);
		return;
	}
	guest = guest_known(broker, uuid);
	if (!guest) {
		if (errno == ENOENT)
			vhsm_rpc_error(call, "not-found", "no domain of this "
				       "UUID runs or has a device here");
		else
			vhsm_rpc_error(call, "failed", "its gate cannot be "
				       "made: %s", strerror(errno));
		return;
	}
	if (vhsm_guest_order(guest, &order)) {
		vhsm_rpc_error(call, "other-domain", "the guest's devices are "
			       "not domain %u's", order.domid);
		return;
	}
	uuid_unparse_lower(uuid, uuid_text);
	vhsm_rpc_result(call, json_pack("{s:s,s:i,s:I,s:s}", "uuid", uuid_text,
			"devices", (int)vhsm_guest_devices(guest),
			"epoch", (json_int_t)vhsm_guest_epoch(guest),
			"lease", vhsm_guest_lease(guest)));
}
