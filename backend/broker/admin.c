/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/admin.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/device-json.h"
#include "broker/domain.h"
#include "broker/guest.h"
#include "broker/vault-child.h"
#include "broker/xen.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rpc.h"

static size_t device_count(const struct vhsm_broker *broker)
{
	const struct vhsm_device *device;
	size_t count = 0;

	LIST_FOREACH(device, &broker->devices, link)
		count++;
	return count;
}

static void do_status(struct vhsm_broker *broker, struct vhsm_rpc_call *call,
		      json_t *params)
{
	json_t *vault = json_pack("{s:b,s:i,s:i}",
				  "ready", vhsm_vault_is_ready(broker->vault),
				  "pid", (int)vhsm_vault_pid(broker->vault),
				  "restarts",
				  (int)vhsm_vault_restarts(broker->vault));

	(void)params;
	vhsm_rpc_result(call, json_pack(
		"{s:s,s:I,s:o,s:b,s:s,s:I,s:i,s:I,s:I}",
		"version", PACKAGE_VERSION,
		"uptime_s",
		(json_int_t)(vhsm_now_ms() - broker->started_ms) / 1000,
		"vault", vault,
		"xen", broker->xen != NULL,
		"local", broker->local ? broker->config.local_socket : "",
		"devices", (json_int_t)device_count(broker),
		"engines", (int)broker->engines,
		"engine_starts", (json_int_t)broker->engine_starts,
		"engine_deaths", (json_int_t)broker->engine_deaths));
}

static void devices_answer(struct vhsm_broker *broker,
			   struct vhsm_rpc_call *call, json_t *params,
			   bool with_counters)
{
	const json_t *after = json_object_get(params, "after");

	if (after && (!json_is_integer(after) || json_integer_value(after) < 0))
		vhsm_rpc_error(call, "bad-request", "after must be a number");
	else
		vhsm_rpc_result(call, vhsm_devices_json(broker,
				json_integer_value(after), with_counters));
}

static void do_device_list(struct vhsm_broker *broker,
			   struct vhsm_rpc_call *call, json_t *params)
{
	devices_answer(broker, call, params, false);
}

static void do_top(struct vhsm_broker *broker, struct vhsm_rpc_call *call,
		   json_t *params)
{
	devices_answer(broker, call, params, true);
}

/* params.domain to a domain; false when the call has been answered. */
static bool domain_param(struct vhsm_broker *broker,
			 struct vhsm_rpc_call *call, json_t *params,
			 struct vhsm_domain *domain)
{
	const char *who = json_string_value(json_object_get(params, "domain"));
	char why[VHSM_DOMAIN_WHY];

	if (!who) {
		vhsm_rpc_error(call, "bad-request",
			       "domain must be a name, an ID or a UUID");
		return false;
	}
	if (vhsm_domain_resolve(broker, who, domain, why)) {
		vhsm_rpc_error(call, "not-found", "%s", why);
		return false;
	}
	return true;
}

static void do_domain_resolve(struct vhsm_broker *broker,
			      struct vhsm_rpc_call *call, json_t *params)
{
	char text[UUID_STR_LEN];
	struct vhsm_domain domain;
	json_t *json;

	if (!domain_param(broker, call, params, &domain))
		return;
	uuid_unparse_lower(domain.uuid, text);
	json = json_pack("{s:s}", "uuid", text);
	if (domain.running)
		json_object_set_new(json, "domid", json_integer(domain.domid));
	if (domain.name[0])
		json_object_set_new(json, "name", json_string(domain.name));
	if (domain.config[0])
		json_object_set_new(json, "config",
				    json_string(domain.config));
	vhsm_rpc_result(call, json);
}

static void do_device_attach(struct vhsm_broker *broker,
			     struct vhsm_rpc_call *call, json_t *params)
{
	const json_t *keys = json_object_get(params, "keys");
	const char *text = keys ? json_string_value(keys) : "";
	const json_t *policy = json_object_get(params, "monitor");
	const char *monitor = policy ? json_string_value(policy) : "";
	char why[VHSM_TEXT_MAX];
	struct vhsm_domain domain;
	uint32_t device;
	int ret;

	if (!text || !vhsm_key_list_check(text)) {
		vhsm_rpc_error(call, "bad-request",
			       "keys are names or globs joined by '+'");
		return;
	}
	if (!monitor || strlen(monitor) >= VHSM_POLICY_NAME_MAX) {
		vhsm_rpc_error(call, "bad-request",
			       "monitor is the name of a policy");
		return;
	}
	if (!domain_param(broker, call, params, &domain))
		return;
	if (!domain.running || !broker->xen) {
		vhsm_rpc_error(call, "not-running", "the domain does not run "
			       "under Xen here; put a line vhsm = [ \"keys=%s\" "
			       "] in its configuration instead",
			       text[0] ? text : "*");
		return;
	}
	ret = vhsm_xen_attach(broker->xen, &domain, text, monitor, &device,
			      why);
	if (ret)
		vhsm_rpc_error(call, "failed", "%s", why);
	else
		vhsm_rpc_result(call, json_pack("{s:i,s:i}", "domid",
						(int)domain.domid, "device",
						(int)device));
}

static void do_device_detach(struct vhsm_broker *broker,
			     struct vhsm_rpc_call *call, json_t *params)
{
	const json_t *device = json_object_get(params, "device");
	struct vhsm_domain domain;

	if (!json_is_integer(device) || json_integer_value(device) < 0 ||
	    json_integer_value(device) > UINT32_MAX) {
		vhsm_rpc_error(call, "bad-request", "device must be a number");
		return;
	}
	if (!domain_param(broker, call, params, &domain))
		return;
	if (!domain.running || !broker->xen ||
	    vhsm_xen_detach(broker->xen, domain.domid,
			    json_integer_value(device)))
		vhsm_rpc_error(call, "not-found", "the domain has no such "
			       "device; see vhsmctl device list");
	else
		vhsm_rpc_result(call, json_object());
}

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	static const struct {
		const char *name;
		void (*run)(struct vhsm_broker *, struct vhsm_rpc_call *,
			    json_t *params);
	} methods[] = {
		{ "status", do_status },
		{ "device.list", do_device_list },
		{ "device.attach", do_device_attach },
		{ "device.detach", do_device_detach },
		{ "domain.resolve", do_domain_resolve },
		{ "guest.gate", vhsm_guest_gate_rpc },
		{ "top", do_top },
	};

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(method, methods[i].name)) {
			methods[i].run(arg, call, params);
			return;
		}
	}
	vhsm_rpc_error(call, "no-method", "the broker has no such method");
}

int vhsm_admin_new(struct vhsm_broker *broker)
{
	char path[PATH_MAX];
	int sock;

	snprintf(path, sizeof(path), "%s/vhsmd.sock", broker->config.run_dir);
	sock = vhsm_rpc_listen(path);
	if (sock < 0) {
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(-sock));
		return sock;
	}
	broker->admin = vhsm_rpc_server_new(broker->base, sock, on_call,
					    broker);
	if (!broker->admin) {
		close(sock);
		return -errno;
	}
	return 0;
}
