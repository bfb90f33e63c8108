/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - fuzzes the admin protocol's envelope, one packet to one call of the
 * handler or to an error, and the broker's method guest.gate behind it: the
 * guest of the seeds has a device whose policy demands a lease.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "broker/guest.h"
#include "broker/vault-child.h"
#include "broker/xen.h"
#include "common/rpc.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define GUEST		"7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01"

static struct vhsm_broker broker;
static struct vhsm_guest *guest;
static unsigned calls;

static void text_check(const char *text, size_t size)
{
	MUST(strnlen(text, size) < size);
	for (; *text; text++)
		MUST(*text >= ' ' && *text <= '~');
}

/* What would be audited. */
void vhsm_vault_guest_event(struct vhsm_vault *vault, const uint8_t uuid[16],
			    enum vhsm_guest_event event, uint32_t from,
			    uint32_t to, uint32_t uid, const char *reason)
{
	(void)vault;
	(void)uuid;
	(void)event;
	(void)uid;
	MUST(from != to);
	text_check(reason, VHSM_TEXT_MAX);
}

/* There is no Xen: never called. */
int vhsm_xen_domain_find(struct vhsm_xen *xen, const char *name,
			 const uint32_t *domid, const uint8_t *uuid,
			 struct vhsm_domain *domain)
{
	(void)xen;
	(void)name;
	(void)domid;
	(void)uuid;
	(void)domain;
	abort();
}

/* Whatever was ordered, the gate is one that engines understand. */
static void gate_check(void)
{
	json_t *json = json_object();
	const char *level;
	json_int_t rate, left;
	enum vhsm_gate_level number;

	vhsm_guest_describe(guest, json);
	level = json_string_value(json_object_get(json, "level"));
	rate = json_integer_value(json_object_get(json, "rate"));
	left = json_integer_value(json_object_get(json, "lease_left_ms"));
	MUST(level && !vhsm_gate_level_parse(level, &number));
	MUST(number != VHSM_GATE_THROTTLED ||
	     (rate >= 1 && rate <= VHSM_RATE_MAX));
	MUST(left >= 0 && left <= VHSM_LEASE_MS_MAX);
	MUST(vhsm_guest_devices(guest) == 1);
	json_decref(json);
}

/* Other methods are echoed; what a handler is promised is checked. */
static void handler(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	(void)arg;
	calls++;
	MUST(method && *method && json_is_object(params) && fd == -1);
	if (!strcmp(method, "guest.gate")) {
		vhsm_guest_gate_rpc(&broker, call, params);
		gate_check();
	} else if (json_object_size(params)) {
		vhsm_rpc_result(call, json_incref(params));
	} else {
		vhsm_rpc_error(call, "not-found", "no method %s", method);
	}
}

static struct vhsm_rpc_server *server_new(void)
{
	struct vhsm_identity identity = { .domid = 5, .domain = "web" };

	broker.base = event_base_new();
	MUST(broker.base && !vhsm_guests_new(&broker) &&
	     !uuid_parse(GUEST, identity.uuid));
	guest = vhsm_guest_join(&broker, &identity, true);
	MUST(guest);
	return vhsm_rpc_server_new(broker.base, -1, handler, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct vhsm_rpc_server *server;
	unsigned before = calls;

	if (!server)
		server = server_new();
	MUST(server);
	vhsm_rpc_dispatch(server, NULL, (const char *)data, len, -1);
	MUST(calls - before <= 1);
	return 0;
}
