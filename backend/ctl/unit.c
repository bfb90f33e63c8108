/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.c - vhsmctl unit list|destroy: a unit is where one domain's keys are
 * stored.
 */
#include <config.h>

#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/prompt.h"

static enum ctl_exit list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{ "UUID", "uuid", false },
		{ "ENGINES", "engines", true },
	};
	json_t *units;
	enum ctl_exit ret = ctl_call_pages(args, CTL_VAULT, "unit.list",
					   json_object(), "units", &units);

	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(json_pack("{s:o}", "units", units));
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]), units);
	json_decref(units);
	return CTL_OK;
}

static enum ctl_exit destroy(const struct ctl_args *args)
{
	json_t *params, *result;
	enum ctl_exit ret = ctl_domain_params(args, &params);

	if (ret)
		return ret;
	ret = ctl_confirm(args, "every key of the domain is lost");
	if (ret) {
		json_decref(params);
		return ret;
	}
	ret = ctl_call(args, CTL_VAULT, "unit.destroy", params, &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	printf("unit %s destroyed, with %" JSON_INTEGER_FORMAT " keys\n",
	       ctl_text(result, "uuid"), ctl_int(result, "keys"));
	json_decref(result);
	return CTL_OK;
}

const struct ctl_command ctl_unit_commands[] = {
	{ "unit", "list", " json ", NULL,
	  "unit list [--json]\n\n"
	  "Lists the domains that keys are stored for.\n", list },
	{ "unit", "destroy", " domain yes json ", NULL,
	  "unit destroy --domain DOMAIN [--yes]\n\n"
	  "Destroys all keys of a domain for ever.\n", destroy },
	{ 0 }
};
