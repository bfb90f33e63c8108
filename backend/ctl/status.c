/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - vhsmctl status, top.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

/* One line a guest that is not what it should be. */
static void reasons_print(const json_t *devices)
{
	const char *reason, *last = "";
	json_t *device;
	size_t i;

	json_array_foreach((json_t *)devices, i, device) {
		reason = ctl_text(device, "withheld")[0] ?
			ctl_text(device, "withheld") :
			strcmp(ctl_text(device, "level"), "full") ?
			ctl_text(device, "reason") : "";
		if (reason[0] && strcmp(last, ctl_text(device, "uuid")))
			printf("%s: %s: %s\n", ctl_text(device, "domain")[0] ?
			       ctl_text(device, "domain") :
			       ctl_text(device, "uuid"),
			       ctl_text(device, "level_text"), reason);
		if (reason[0])
			last = ctl_text(device, "uuid");
	}
}

/* responder: null, it does not run; or "error", it does not answer. */
static void responder_print(const json_t *responder)
{
	json_int_t alerts = ctl_int(responder, "open_alerts");

	if (json_is_null(responder)) {
		puts("responder NOT RUNNING: no guest is watched, and leases "
		     "run out (systemctl start vhsm-responder)");
		return;
	}
	if (ctl_text(responder, "error")[0]) {
		puts("responder NO ANSWER: no guest may be watched, and leases "
		     "run out (journalctl -u vhsm-responder)");
		return;
	}
	printf("responder %" JSON_INTEGER_FORMAT " guests watched by %"
	       JSON_INTEGER_FORMAT " monitors, %" JSON_INTEGER_FORMAT
	       " incidents, %" JSON_INTEGER_FORMAT " open alerts%s\n",
	       ctl_int(responder, "guests"), ctl_int(responder, "monitors"),
	       ctl_int(responder, "incidents"), alerts,
	       alerts ? ": vhsmctl alerts list" : "");
}

static void status_print(const json_t *status)
{
	static const struct ctl_column columns[] = {
		{ "DOMAIN", "domain", false },
		{ "ID", "domid", true },
		{ "DEV", "device", true },
		{ "STATE", "state", false },
		{ "LEVEL", "level_text", false },
		{ "LEASE", "lease_text", false },
		{ "KEYS", "keys", false },
		{ "ERROR", "error", false },
	};
	const json_t *vault = json_object_get(status, "vault");
	const json_t *responder = json_object_get(status, "responder");
	const json_t *devices = json_object_get(status, "devices");
	bool ready = json_is_true(json_object_get(vault, "ready"));

	printf("vhsmd %s, up %" JSON_INTEGER_FORMAT " s\n",
	       ctl_text(status, "version"), ctl_int(status, "uptime_s"));
	printf("vault     %s, %" JSON_INTEGER_FORMAT " restarts\n",
	       ready ? "ready" : "NOT READY: see vhsmd's log",
	       ctl_int(vault, "restarts"));
	printf("xen       %s\n", json_is_true(json_object_get(status, "xen")) ?
	       "connected" : "none");
	if (ctl_text(status, "local")[0])
		printf("local     %s\n", ctl_text(status, "local"));
	printf("engines   %" JSON_INTEGER_FORMAT " running, %"
	       JSON_INTEGER_FORMAT " started, %" JSON_INTEGER_FORMAT
	       " died\n", ctl_int(status, "engines"),
	       ctl_int(status, "engine_starts"),
	       ctl_int(status, "engine_deaths"));
	responder_print(responder);
	if (!json_array_size(devices)) {
		puts("devices   none");
		return;
	}
	putchar('\n');
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]),
			devices);
	reasons_print(devices);
}

/* Of the vault, while it is ready: which guests it withholds keys from. */
static enum ctl_exit gates_add(const struct ctl_args *args, bool ready,
			       json_t *devices)
{
	json_t *vault;
	enum ctl_exit ret;

	ctl_gate_texts_add(devices);
	if (!ready || !json_array_size(devices))
		return CTL_OK;
	ret = ctl_call(args, CTL_VAULT, "vault.status", json_object(), &vault);
	if (ret)
		return ret;
	ctl_gate_withheld_add(devices, json_object_get(vault, "engines"));
	json_decref(vault);
	return CTL_OK;
}

/*
 * Adds to the broker's status its "devices" and the "responder": null where it
 * does not run, which is no error, for not every host watches its guests; or
 * {"error"}.
 */
static enum ctl_exit others_add(const struct ctl_args *args, bool ready,
				json_t *status)
{
	json_t *devices, *responder = NULL;
	enum ctl_exit ret, asked;

	ret = ctl_call_pages(args, CTL_BROKER, "device.list", json_object(),
			     "devices", &devices);
	if (ret)
		return ret;
	ret = gates_add(args, ready, devices);
	json_object_set_new(status, "devices", devices);
	asked = ctl_call_if_up(args, CTL_RESPONDER, "status", json_object(),
			       &responder);
	if (asked)
		responder = json_pack("{s:s}", "error", asked == CTL_UNREACHABLE
				      ? "no-answer" : "failed");
	json_object_set_new(status, "responder",
			    responder ? responder : json_null());
	return ret ? ret : asked;
}

static enum ctl_exit status(const struct ctl_args *args)
{
	enum ctl_exit ret, printed = CTL_OK;
	json_t *result;
	bool ready;

	ret = ctl_call(args, CTL_BROKER, "status", json_object(), &result);
	if (ret)
		return ret;
	ready = json_is_true(json_object_get(json_object_get(result, "vault"),
					     "ready"));
	ret = others_add(args, ready, result);
	if (args->json) {
		printed = ctl_print_json(result);
	} else {
		status_print(result);
		json_decref(result);
	}
	return ret ? ret : printed ? printed : ready ? CTL_OK : CTL_FAILED;
}

/* Adds to a device the sums over its queues, and the rates since before. */
static void sums_add(json_t *device, const json_t *before, double seconds)
{
	static const char *const names[] = {
		"requests", "refusals", "malformed", "batches",
		"notifications", "events", "bytes",
	};
	json_t *queues = json_object_get(device, "queues"), *queue;
	json_int_t sum, requests, gained;
	char text[32];
	size_t q;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sum = 0;
		json_array_foreach(queues, q, queue)
			sum += ctl_int(queue, names[i]);
		json_object_set_new(device, names[i], json_integer(sum));
	}
	requests = ctl_int(device, "requests");
	snprintf(text, sizeof(text), "%.3f", requests ?
		 (double)ctl_int(device, "notifications") / requests : 0.0);
	json_object_set_new(device, "notifications_per_request",
			    json_string(text));
	gained = requests - (before ? ctl_int(before, "requests") : requests);
	json_object_set_new(device, "requests_per_s", json_integer(
			    seconds > 0 && gained > 0 ? gained / seconds : 0));
}

static const json_t *same_device(const json_t *devices, const json_t *device)
{
	const json_t *other;
	size_t i;

	json_array_foreach((json_t *)devices, i, other)
		if (!strcmp(ctl_text(other, "uuid"),
			    ctl_text(device, "uuid")) &&
		    ctl_int(other, "device") == ctl_int(device, "device") &&
		    ctl_int(other, "engine_pid") ==
		    ctl_int(device, "engine_pid"))
			return other;
	return NULL;
}

static void top_print(const json_t *devices)
{
	static const struct ctl_column columns[] = {
		{ "DOMAIN", "domain", false },
		{ "ID", "domid", true },
		{ "DEV", "device", true },
		{ "STATE", "state", false },
		{ "REQUESTS", "requests", true },
		{ "REQ/S", "requests_per_s", true },
		{ "REFUSED", "refusals", true },
		{ "MALFORMED", "malformed", true },
		{ "BYTES", "bytes", true },
		{ "NOTIF/REQ", "notifications_per_request", true },
		{ "MAPS", "grant_maps", true },
		{ "LATER", "grant_maps_after_connect", true },
	};

	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]),
			devices);
}

static enum ctl_exit top(const struct ctl_args *args)
{
	json_t *devices, *before = NULL, *device;
	enum ctl_exit ret;
	long interval;
	size_t i;

	if (!ctl_number("interval", args->interval, 1, 3600, 2, &interval))
		return CTL_USAGE;
	for (;;) {
		ret = ctl_call_pages(args, CTL_BROKER, "top", json_object(),
				     "devices", &devices);
		if (ret)
			break;
		json_array_foreach(devices, i, device)
			sums_add(device, same_device(before, device),
				 interval);
		if (args->json) {
			ret = ctl_print_json(json_pack("{s:O}", "devices",
						       devices));
		} else {
			if (!args->once && isatty(STDOUT_FILENO))
				fputs("\033[H\033[J", stdout);
			top_print(devices);
			ret = fflush(stdout) ? CTL_FAILED : CTL_OK;
		}
		json_decref(before);
		before = devices;
		if (args->once || ret)
			break;
		sleep(interval);
	}
	json_decref(before);
	return ret;
}

const struct ctl_command ctl_status_commands[] = {
	{ "status", NULL, " json ", NULL,
	  "status [--json]\n\n"
	  "Prints how vhsmd, its vault and its devices are, and whether\n"
	  "vhsm-responder runs and has open alerts.  Fails if the vault is\n"
	  "not ready, or if one of them has not answered within 5 s.\n",
	  status },
	{ "top", NULL, " once json interval ", NULL,
	  "top [--once] [--interval S] [--json]\n\n"
	  "Prints what the devices have served, every 2 s or as said, or\n"
	  "once.  MAPS counts pages mapped, LATER those after the device was\n"
	  "connected, which stays 0.\n", top },
	{ 0 }
};
