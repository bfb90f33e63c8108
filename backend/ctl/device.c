/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.c - vhsmctl device attach|detach|list, domain resolve.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static enum ctl_exit list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{ "DOMAIN", "domain", false },
		{ "ID", "domid", true },
		{ "DEV", "device", true },
		{ "STATE", "state", false },
		{ "TRANSPORT", "transport", false },
		{ "UUID", "uuid", false },
		{ "LEVEL", "level_text", false },
		{ "LEASE", "lease_text", false },
		{ "MONITOR", "monitor", false },
		{ "KEYS", "keys", false },
		{ "ERROR", "error", false },
	};
	json_t *devices;
	enum ctl_exit ret = ctl_call_pages(args, CTL_BROKER, "device.list",
					   json_object(), "devices", &devices);

	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(json_pack("{s:o}", "devices", devices));
	ctl_gate_texts_add(devices);
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]),
			devices);
	json_decref(devices);
	return CTL_OK;
}

static bool has_domain(const struct ctl_args *args)
{
	if (!args->domain)
		fputs("vhsmctl: say which: --domain NAME, ID or UUID\n",
		      stderr);
	return args->domain != NULL;
}

static enum ctl_exit attach(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;

	if (!has_domain(args))
		return CTL_USAGE;
	ret = ctl_call(args, CTL_BROKER, "device.attach",
		       json_pack("{s:s,s:s,s:s}", "domain", args->domain,
				 "keys", args->keys ? args->keys : "",
				 "monitor", args->monitor ? args->monitor : ""),
		       &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	printf("device %d attached to domain ID %d\n",
	       (int)ctl_int(result, "device"), (int)ctl_int(result, "domid"));
	json_decref(result);
	return CTL_OK;
}

/* The one device of the domain; CTL_USAGE, having said so, if it has more. */
static enum ctl_exit only_device(const struct ctl_args *args, long *number)
{
	json_t *devices = NULL, *found = NULL, *device;
	unsigned count = 0;
	enum ctl_exit ret;
	size_t i;

	ret = ctl_call(args, CTL_BROKER, "domain.resolve",
		       json_pack("{s:s}", "domain", args->domain), &found);
	if (!ret)
		ret = ctl_call_pages(args, CTL_BROKER, "device.list",
				     json_object(), "devices", &devices);
	if (ret)
		goto out;
	json_array_foreach(devices, i, device) {
		if (strcmp(ctl_text(device, "uuid"), ctl_text(found, "uuid")))
			continue;
		*number = ctl_int(device, "device");
		count++;
	}
	if (!count)
		fputs("vhsmctl: the domain has no device\n", stderr);
	else if (count > 1)
		fprintf(stderr, "vhsmctl: the domain has %u devices; say which "
			"with --device\n", count);
	ret = !count ? CTL_FAILED : count > 1 ? CTL_USAGE : CTL_OK;
out:
	json_decref(found);
	json_decref(devices);
	return ret;
}

static enum ctl_exit detach(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;
	long number;

	if (!has_domain(args) ||
	    !ctl_number("device", args->device, 0, 65535, -1, &number))
		return CTL_USAGE;
	if (number < 0) {
		ret = only_device(args, &number);
		if (ret)
			return ret;
	}
	ret = ctl_call(args, CTL_BROKER, "device.detach",
		       json_pack("{s:s,s:i}", "domain", args->domain, "device",
				 (int)number), &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	printf("device %ld is being detached\n", number);
	json_decref(result);
	return CTL_OK;
}

static enum ctl_exit resolve(const struct ctl_args *args)
{
	const char *who = args->operand ? args->operand : args->domain;
	enum ctl_exit ret;
	json_t *result;

	if (!who) {
		fputs("vhsmctl: say which: a name, an ID or a UUID\n", stderr);
		return CTL_USAGE;
	}
	ret = ctl_call(args, CTL_BROKER, "domain.resolve",
		       json_pack("{s:s}", "domain", who), &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	puts(ctl_text(result, "uuid"));
	json_decref(result);
	return CTL_OK;
}

const struct ctl_command ctl_device_commands[] = {
	{ "device", "list", " json ", NULL,
	  "device list [--json]\n\n"
	  "Lists the devices, how they are, and whether their guests' keys\n"
	  "answer: LEVEL is what the responder allows, LEASE how long the guest\n"
	  "counts as seen approved (none: no policy asks for that).\n", list },
	{ "device", "attach", " domain keys monitor json ", NULL,
	  "device attach --domain DOMAIN [--keys NAME[+NAME...]]\n"
	  "              [--monitor POLICY] [--json]\n\n"
	  "Plugs a device into a running domain, for the keys named (globs\n"
	  "too) or all of the domain's.  Where the monitor policy named demands\n"
	  "a lease, they answer once the guest has been seen approved.\n",
	  attach },
	{ "device", "detach", " domain device json ", NULL,
	  "device detach --domain DOMAIN [--device N] [--json]\n\n"
	  "Unplugs a device, once the guest has let go of it or 10 s have\n"
	  "passed.  Without --device, the only one the domain has.\n",
	  detach },
	{ "domain", "resolve", " domain json ", "DOMAIN",
	  "domain resolve DOMAIN [--json]\n\n"
	  "Prints the UUID, which keys follow, of the domain with that name,\n"
	  "ID or UUID, running or configured.\n", resolve },
	{ 0 }
};
