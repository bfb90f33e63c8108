/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.c - vhsmctl monitor list|start|stop|show, release, react.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static bool has_domain(const struct ctl_args *args)
{
	if (!args->domain)
		fputs("vhsmctl: say which: --domain NAME, ID or UUID\n",
		      stderr);
	return args->domain != NULL;
}

static enum ctl_exit guests_get(const struct ctl_args *args, json_t **guests)
{
	return ctl_call_pages(args, CTL_RESPONDER, "watch.list", json_object(),
			      "guests", guests);
}

/* What a person wants of a lease: how long it still holds. */
static void lease_add(json_t *guest)
{
	const json_t *valid = json_object_get(guest, "valid_ms");
	char text[32] = "none";

	if (json_is_integer(valid))
		snprintf(text, sizeof(text), "%" PRId64 " ms",
			 (int64_t)json_integer_value(valid));
	json_object_set_new(guest, "lease", json_string(text));
}

static enum ctl_exit list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{ "DOMAIN", "domain", false },
		{ "ID", "domid", true },
		{ "POLICY", "policy", false },
		{ "STATE", "state", false },
		{ "MONITOR", "monitor", true },
		{ "BASELINE", "baseline", false },
		{ "KEYS", "level", false },
		{ "LEASE", "lease", true },
		{ "REASON", "reason", false },
	};
	json_t *guests, *guest;
	enum ctl_exit ret = guests_get(args, &guests);
	size_t i;

	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(json_pack("{s:o}", "guests", guests));
	json_array_foreach(guests, i, guest)
		lease_add(guest);
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]), guests);
	json_array_foreach(guests, i, guest)
		if (ctl_text(guest, "problem")[0])
			printf("%s: %s\n", ctl_text(guest, "domain"),
			       ctl_text(guest, "problem"));
	json_decref(guests);
	return CTL_OK;
}

static bool guest_is(const json_t *guest, const char *who)
{
	const json_t *domid = json_object_get(guest, "domid");
	char id[24] = "";

	if (json_is_integer(domid))
		snprintf(id, sizeof(id), "%" PRId64,
			 (int64_t)json_integer_value(domid));
	return !strcmp(ctl_text(guest, "domain"), who) ||
		!strcasecmp(ctl_text(guest, "uuid"), who) ||
		(id[0] && !strcmp(id, who));
}

static void line(const char *label, const char *text)
{
	if (text[0])
		printf("%-10s %s\n", label, text);
}

static void incident_print(const json_t *incident)
{
	const json_t *name;
	size_t i;

	if (!json_is_object(incident))
		return;
	line("incident", ctl_text(incident, "uid"));
	line("because", ctl_text(incident, "reason"));
	printf("%-10s", "done");
	json_array_foreach(json_object_get(incident, "done"), i, name)
		printf(" %s", json_string_value(name));
	putchar('\n');
}

static void verdict_print(const json_t *verdict)
{
	static const struct ctl_column columns[] = {
		{ "CHECK", "check", false },
		{ "OBJECTS", "objects", true },
		{ "EXPLAINED", "explained", true },
		{ "US", "us", true },
		{ "ERROR", "error", false },
	};

	if (!json_is_object(verdict))
		return;
	printf("%-10s %" PRId64 ", %s, in %" PRId64 " us; %" PRId64
	       " full scans\n", "sweep", (int64_t)ctl_int(verdict, "sweep"),
	       json_is_true(json_object_get(verdict, "clean")) ? "clean" :
	       "not clean", (int64_t)ctl_int(verdict, "us"),
	       (int64_t)ctl_int(verdict, "full_done"));
	line("error", ctl_text(verdict, "error"));
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]),
			json_object_get(verdict, "checks"));
}

static void guest_print(json_t *guest)
{
	lease_add(guest);
	line("domain", ctl_text(guest, "domain"));
	line("uuid", ctl_text(guest, "uuid"));
	line("policy", ctl_text(guest, "policy"));
	line("state", ctl_text(guest, "state"));
	line("baseline", ctl_text(guest, "baseline"));
	line("kernel", ctl_text(guest, "kernel"));
	line("keys", ctl_text(guest, "level"));
	line("lease", ctl_text(guest, "lease"));
	line("reason", ctl_text(guest, "reason"));
	line("problem", ctl_text(guest, "problem"));
	incident_print(json_object_get(guest, "incident"));
	verdict_print(json_object_get(guest, "verdict"));
}

static enum ctl_exit show(const struct ctl_args *args)
{
	json_t *guests, *guest;
	enum ctl_exit ret;
	size_t i;

	if (!has_domain(args))
		return CTL_USAGE;
	ret = guests_get(args, &guests);
	if (ret)
		return ret;
	ret = CTL_FAILED;
	json_array_foreach(guests, i, guest) {
		if (!guest_is(guest, args->domain))
			continue;
		ret = CTL_OK;
		if (args->json)
			ret = ctl_print_json(json_incref(guest));
		else
			guest_print(guest);
		break;
	}
	if (i == json_array_size(guests))
		fprintf(stderr, "vhsmctl: %s is not watched; see vhsmctl "
			"monitor list\n", args->domain);
	json_decref(guests);
	return ret;
}

/* Calls about a domain; says done when it is. */
static enum ctl_exit call(const struct ctl_args *args, const char *method,
			  json_t *params, json_t **result)
{
	enum ctl_exit ret = ctl_call(args, CTL_RESPONDER, method, params,
				     result);

	if (!ret && args->json) {
		ret = ctl_print_json(*result);
		*result = NULL;
	}
	return ret;
}

static enum ctl_exit start(const struct ctl_args *args)
{
	const char *policy = args->policy ? args->policy : "strict";
	enum ctl_exit ret;
	json_t *result;

	if (!has_domain(args))
		return CTL_USAGE;
	ret = call(args, "watch.start", json_pack("{s:s,s:s}", "domain",
			args->domain, "policy", policy), &result);
	if (!ret && result)
		printf("%s is watched, policy %s\n",
		       ctl_text(result, "domain"), policy);
	json_decref(ret ? NULL : result);
	return ret;
}

static enum ctl_exit stop(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;

	if (!has_domain(args))
		return CTL_USAGE;
	ret = call(args, "watch.stop", json_pack("{s:s}", "domain",
						 args->domain), &result);
	if (!ret && result)
		printf("%s is not watched any more; its keys do not depend on "
		       "it\n", args->domain);
	json_decref(ret ? NULL : result);
	return ret;
}

static enum ctl_exit release(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;

	if (!has_domain(args))
		return CTL_USAGE;
	ret = call(args, "release", json_pack("{s:s,s:s}", "domain",
			args->domain, "reason", args->reason ? args->reason :
			""), &result);
	if (!ret && result)
		printf("%s is released%s\n", ctl_text(result, "domain"),
		       json_is_true(json_object_get(result, "destroyed")) ?
		       "; its domain was destroyed, which cannot be undone: "
		       "create it again" : "");
	json_decref(ret ? NULL : result);
	return ret;
}

static enum ctl_exit react(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;

	if (!has_domain(args))
		return CTL_USAGE;
	if (!args->operand) {
		fputs("vhsmctl: say what to do: throttle, verify-only, revoke, "
		      "isolate, freeze or destroy\n", stderr);
		return CTL_USAGE;
	}
	ret = call(args, "react", json_pack("{s:s,s:s}", "domain",
			args->domain, "reaction", args->operand), &result);
	if (!ret && result)
		printf("%s: %s is being done; vhsmctl monitor show --domain %s "
		       "tells how it went\n", ctl_text(result, "domain"),
		       args->operand, args->domain);
	json_decref(ret ? NULL : result);
	return ret;
}

const struct ctl_command ctl_monitor_commands[] = {
	{ "monitor", "list", " json ", NULL,
	  "monitor list [--json]\n\n"
	  "Lists the guests that are watched, how far their monitors are, and\n"
	  "whether their keys answer; then, of each that has one, its problem.\n",
	  list },
	{ "monitor", "show", " domain json ", NULL,
	  "monitor show --domain DOMAIN [--json]\n\n"
	  "Prints one of them: its last sweep, check by check, and its open\n"
	  "incident.\n", show },
	{ "monitor", "start", " domain policy json ", NULL,
	  "monitor start --domain DOMAIN [--policy NAME] [--json]\n\n"
	  "Watches a domain under a policy (strict), from now on and when it\n"
	  "is created again, until monitor stop.\n", start },
	{ "monitor", "stop", " domain json ", NULL,
	  "monitor stop --domain DOMAIN [--json]\n\n"
	  "Ends the watch; the domain's keys do not depend on it then.  Refused\n"
	  "while an incident is open.\n", stop },
	{ "release", NULL, " domain reason json ", NULL,
	  "release --domain DOMAIN [--reason TEXT] [--json]\n\n"
	  "Undoes what was done to a domain: devices, pause, keys; its alerts\n"
	  "are closed.\n", release },
	{ "react", NULL, " domain json ", "REACTION",
	  "react --domain DOMAIN REACTION [--json]\n\n"
	  "Does to a domain what its policy could: throttle, verify-only,\n"
	  "revoke, isolate, freeze or destroy.\n", react },
	{ 0 }
};
