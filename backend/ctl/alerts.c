/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts.c - vhsmctl alerts list|show|follow|ack|export|verify.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/alert-export.h"
#include "ctl/alert-show.h"
#include "ctl/ctl.h"
#include "responder/alert.h"

#define FOLLOW_MS 300

/* A line each, in either form, so that both can be piped. */
static enum ctl_exit alerts_print(const struct ctl_args *args,
				  const json_t *alerts)
{
	const json_t *alert;
	size_t i;

	json_array_foreach((json_t *)alerts, i, alert) {
		if (args->json) {
			json_dumpf(alert, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			ctl_alert_line(alert);
		}
	}
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	perror("vhsmctl: standard output");
	return CTL_FAILED;
}

static enum ctl_exit fetch(const struct ctl_args *args, json_int_t after,
			   json_t **alerts)
{
	json_t *params = json_pack("{s:I, s:b}", "after", after, "open",
				   !args->all);

	if (args->domain)
		json_object_set_new(params, "domain",
				    json_string(args->domain));
	return ctl_call_pages(args, CTL_RESPONDER, "alerts.list", params,
			      "alerts", alerts);
}

static enum ctl_exit list(const struct ctl_args *args)
{
	json_t *alerts;
	enum ctl_exit ret = fetch(args, 0, &alerts);

	if (ret)
		return ret;
	ret = alerts_print(args, alerts);
	if (!ret && !args->json && !json_array_size(alerts))
		puts(args->all ? "no alerts" : "no open alerts");
	json_decref(alerts);
	return ret;
}

static json_int_t sequence_last(const json_t *alerts, json_int_t last)
{
	size_t count = json_array_size(alerts);

	return !count ? last : ctl_int(json_object_get(json_array_get(alerts,
		count - 1), "metadata"), "sequence");
}

static enum ctl_exit follow(const struct ctl_args *args)
{
	struct timespec pause = { 0, FOLLOW_MS * 1000000L };
	struct ctl_args all = *args;
	json_int_t last = 0;
	json_t *alerts;
	enum ctl_exit ret;
	bool first = !args->all;

	/* Changes of closed ones are news, too; the past is not. */
	for (all.all = true;; nanosleep(&pause, NULL)) {
		ret = fetch(&all, last, &alerts);
		if (ret)
			return ret;
		last = sequence_last(alerts, last);
		if (!first)
			ret = alerts_print(args, alerts);
		first = false;
		json_decref(alerts);
		if (ret)
			return ret;
	}
}

static bool has_uid(const struct ctl_args *args)
{
	if (!args->operand)
		fputs("vhsmctl: which alert?  vhsmctl alerts list has their "
		      "UIDs\n", stderr);
	return args->operand;
}

/* The alert that the operand names, as alerts.show answers. */
static enum ctl_exit ask(const struct ctl_args *args, json_t **shown)
{
	if (!has_uid(args))
		return CTL_USAGE;
	return ctl_call(args, CTL_RESPONDER, "alerts.show",
			json_pack("{s:s}", "uid", args->operand), shown);
}

static enum ctl_exit show(const struct ctl_args *args)
{
	json_t *shown;
	enum ctl_exit ret = ask(args, &shown);

	if (ret)
		return ret;
	if (args->json)
		ret = ctl_print_json(json_incref(json_object_get(shown,
								 "alert")));
	else
		ctl_alert_show(shown);
	json_decref(shown);
	return ret;
}

static enum ctl_exit ack(const struct ctl_args *args)
{
	json_t *result;
	enum ctl_exit ret;

	if (!has_uid(args))
		return CTL_USAGE;
	ret = ctl_call(args, CTL_RESPONDER, "alerts.ack",
		       json_pack("{s:s, s:s}", "uid", args->operand, "note",
				 args->note ? args->note : ""), &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	json_decref(result);
	puts("acknowledged");
	return CTL_OK;
}

static enum ctl_exit export(const struct ctl_args *args)
{
	json_t *shown;
	enum ctl_exit ret;

	if (args->operand && !args->out) {
		fputs("vhsmctl: say where to: --out DIR, which is made\n",
		      stderr);
		return CTL_USAGE;
	}
	ret = ask(args, &shown);
	if (ret)
		return ret;
	ret = ctl_alert_export(args, shown);
	json_decref(shown);
	return ret;
}

static enum ctl_exit verify(const struct ctl_args *args)
{
	if (args->operand)
		return ctl_evidence_verify(args, args->operand);
	fputs("vhsmctl: which bundle?  Name its folder\n", stderr);
	return CTL_USAGE;
}

const struct ctl_command ctl_alert_commands[] = {
	{ "alerts", "list", " all domain json ", NULL,
	  "alerts list [--all] [--domain DOMAIN] [--json]\n\n"
	  "Prints the open alerts, or all that are kept, one a line, that\n"
	  "which changed last at the end.  With --json each is an object of\n"
	  "OCSF; see alerts.jsonl(5).\n", list },
	{ "alerts", "show", " json ", "UID",
	  "alerts show UID [--json]\n\n"
	  "Prints all that is known of an alert, and what to do next.\n",
	  show },
	{ "alerts", "follow", " all domain json ", NULL,
	  "alerts follow [--all] [--domain DOMAIN] [--json]\n\n"
	  "Prints alerts as they come and change, until interrupted; with\n"
	  "--all those of the past before.\n", follow },
	{ "alerts", "ack", " note json ", "UID",
	  "alerts ack UID [--note TEXT] [--json]\n\n"
	  "Says that somebody looks after it.  What was done to the guest\n"
	  "stays done: vhsmctl release undoes that.\n", ack },
	{ "alerts", "export", " out json ", "UID",
	  "alerts export UID --out DIR [--json]\n\n"
	  "Copies the signed evidence of an alert to DIR, a new folder; makes\n"
	  "it, of the alert and the audit records of the guest's keys, where\n"
	  "there is none yet.\n", export },
	{ "alerts", "verify", " key json ", "DIR",
	  "alerts verify DIR [--key FILE] [--json]\n\n"
	  "Proves that nothing of a bundle was changed since it was signed;\n"
	  "else says what was and exits 4.  FILE is the host's public key;\n"
	  "if not said, evidence.pub of the running vhsm-responder's\n"
	  "alert-dir, else " VHSM_ALERT_DIR "/evidence.pub.\n",
	  verify },
	{ 0 }
};
