/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - vhsmctl audit show|verify.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#define LIMIT_MAX 10000			/* records of one answer, at most */

static void record_print(const json_t *record)
{
	char *details = json_dumps(json_object_get(record, "details"),
				   JSON_COMPACT | JSON_ENCODE_ANY);

	printf("%6" JSON_INTEGER_FORMAT "  %-24s  %-20s  %-36s  %s\n",
	       ctl_int(record, "seq"), ctl_text(record, "time"),
	       ctl_text(record, "event"), ctl_text(record, "domain")[0] ?
	       ctl_text(record, "domain") : "-", details ? details : "");
	free(details);
}

/* A record a line, in either form, so that both can be piped. */
static enum ctl_exit records_print(const struct ctl_args *args,
				   const json_t *records)
{
	const json_t *record;
	size_t i;

	json_array_foreach((json_t *)records, i, record) {
		if (args->json) {
			json_dumpf(record, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			record_print(record);
		}
	}
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	perror("vhsmctl: standard output");
	return CTL_FAILED;
}

static enum ctl_exit show(const struct ctl_args *args)
{
	json_t *params = json_object(), *found, *records;
	enum ctl_exit ret = CTL_OK;
	long limit;

	if (!ctl_number("limit", args->limit, 1, LIMIT_MAX, 0, &limit))
		ret = CTL_USAGE;
	if (!ret && args->domain) {
		ret = ctl_domain_params(args, &found);
		if (!ret) {
			json_object_set(params, "domain",
					json_object_get(found, "uuid"));
			json_decref(found);
		}
	}
	if (ret) {
		json_decref(params);
		return ret;
	}
	if (args->since)
		json_object_set_new(params, "since", json_string(args->since));
	if (args->event)
		json_object_set_new(params, "event", json_string(args->event));
	if (limit) {
		json_object_set_new(params, "limit", json_integer(limit));
		json_object_set_new(params, "last", json_true());
		ret = ctl_call(args, CTL_VAULT, "audit.show", params, &found);
		if (ret)
			return ret;
		ret = records_print(args, json_object_get(found, "records"));
		json_decref(found);
		return ret;
	}
	ret = ctl_call_pages(args, CTL_VAULT, "audit.show", params, "records",
			     &records);
	if (ret)
		return ret;
	ret = records_print(args, records);
	json_decref(records);
	return ret;
}

static enum ctl_exit verify(const struct ctl_args *args)
{
	json_t *result;
	enum ctl_exit ret = ctl_call(args, CTL_VAULT, "audit.verify",
				     json_object(), &result);
	bool ok;

	if (ret)
		return ret;
	ok = json_is_true(json_object_get(result, "ok"));
	if (args->json) {
		ret = ctl_print_json(result);
		return ok ? ret : CTL_NOT_VERIFIED;
	}
	if (ok)
		printf("the audit log is whole: %" JSON_INTEGER_FORMAT
		       " records, %" JSON_INTEGER_FORMAT
		       " checkpoints, signed up to record %"
		       JSON_INTEGER_FORMAT "\n", ctl_int(result, "records"),
		       ctl_int(result, "checkpoints"),
		       ctl_int(result, "signed_seq"));
	else
		printf("THE AUDIT LOG IS NOT WHOLE, at record %"
		       JSON_INTEGER_FORMAT ": %s\n(%" JSON_INTEGER_FORMAT
		       " records before it are good)\n",
		       ctl_int(result, "broken_seq"),
		       ctl_text(result, "problem"),
		       ctl_int(result, "records"));
	json_decref(result);
	return ok ? CTL_OK : CTL_NOT_VERIFIED;
}

const struct ctl_command ctl_audit_commands[] = {
	{ "audit", "show", " since domain event limit json ", NULL,
	  "audit show [--since TIME] [--domain DOMAIN] [--event EVENT]"
	  " [--limit N] [--json]\n\n"
	  "Prints the audit log, a record a line.\n\n"
	  "TIME   from then on: 2026-01-31T12:00:00Z or a beginning of it\n"
	  "EVENT  of that name, or beginning so: key.\n"
	  "N      only the last N\n", show },
	{ "audit", "verify", " json ", NULL,
	  "audit verify [--json]\n\n"
	  "Proves that no record was changed, removed or added; else says\n"
	  "where the chain breaks and exits 4.\n", verify },
	{ 0 }
};
