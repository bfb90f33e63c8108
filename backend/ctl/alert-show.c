/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-show.c - an alert as one reads it who was woken by it: what, where,
 * what was done about it, what to do.
 */
#include <config.h>

#include "ctl/alert-show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"

#define LABEL "  %-10s"

static const json_t *member(const json_t *alert, const char *name)
{
	const json_t *value = json_object_get(alert, name);

	return json_is_array(value) ? json_array_get(value, 0) : value;
}

/* "2026-11-21 15:12:51.123 UTC"; time_only leaves the day out. */
static void time_print(json_int_t ms, bool time_only)
{
	time_t s = (time_t)(ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&s, &tm))
		strftime(text, sizeof(text), time_only ? "%H:%M:%S" : "%F %T",
			 &tm);
	printf("%s.%03d%s", text, (int)(ms % 1000), time_only ? "" : " UTC");
}

void ctl_alert_line(const json_t *alert)
{
	const json_t *info = member(alert, "finding_info");
	const json_t *guest = member(alert, "resources");
	const json_t *data = json_object_get(member(alert, "evidences"),
					     "data");

	time_print(ctl_int(alert, "time"), false);
	printf("  %-8s  %-11s  %-12s  %-17s  %-28s  %-14s  %s\n",
	       ctl_text(alert, "severity"), ctl_text(alert, "status"),
	       ctl_text(guest, "name"),
	       ctl_text(json_object_get(info, "analytic"), "name"),
	       ctl_text(data, "object"), ctl_text(alert, "disposition"),
	       ctl_text(info, "uid"));
}

/* "55 48 89 e5" of "554889e5". */
static void bytes_print(const char *label, const char *hex)
{
	if (!hex[0])
		return;
	printf(LABEL, label);
	for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
		printf("%.2s ", hex + i);
	putchar('\n');
}

static void code_print(const char *code)
{
	size_t len;

	while (*code) {
		len = strcspn(code, "\n");
		printf(LABEL "    %.*s\n", "", (int)len, code);
		code += len + !!code[len];
	}
}

static void evidence_print(const json_t *evidence)
{
	const json_t *data = json_object_get(evidence, "data");
	const json_t *process = json_object_get(evidence, "process");

	printf(LABEL "%s", "where", ctl_text(data, "object"));
	if (ctl_text(data, "address")[0])
		printf(" at %s", ctl_text(data, "address"));
	if (ctl_text(data, "symbol")[0])
		printf(" (%s)", ctl_text(data, "symbol"));
	putchar('\n');
	if (process)
		printf(LABEL "%s, pid %" JSON_INTEGER_FORMAT "\n", "process",
		       ctl_text(process, "name"), ctl_int(process, "pid"));
	bytes_print("approved", ctl_text(data, "before"));
	code_print(ctl_text(data, "before_code"));
	bytes_print("found", ctl_text(data, "after"));
	code_print(ctl_text(data, "after_code"));
}

static void actions_print(const json_t *ours)
{
	const json_t *actions = json_object_get(ours, "actions"), *action;
	size_t i;

	if (!json_array_size(actions))
		printf(LABEL "nothing yet\n", "done");
	json_array_foreach((json_t *)actions, i, action)
		printf(LABEL "%s%s%s%s\n", i ? "" : "done",
		       ctl_text(action, "reaction"),
		       json_is_true(json_object_get(action, "done")) ? "" :
		       json_is_true(json_object_get(action, "dry_run")) ?
		       " (dry run: NOT done)" : " FAILED",
		       ctl_text(action, "text")[0] ? ": " : "",
		       ctl_text(action, "text"));
}

static void timeline_print(const json_t *ours)
{
	const json_t *line = json_object_get(ours, "timeline"), *step;
	json_int_t first = ctl_int(json_array_get(line, 0), "time");
	size_t i;

	json_array_foreach((json_t *)line, i, step) {
		printf(LABEL, i ? "" : "timeline");
		time_print(ctl_int(step, "time"), true);
		printf("  %+9.3f s  %s%s%s\n",
		       (ctl_int(step, "time") - first) / 1000.0,
		       ctl_text(step, "what"),
		       ctl_text(step, "text")[0] ? ": " : "",
		       ctl_text(step, "text"));
	}
}

/* What to do about a finding of a check, besides what is right for all.  "@"
 * stands for the guest's UUID. */
static const struct step {
	const char *check;
	const char *command;
	const char *why;
} steps[] = {
	{ "boot-unapproved", "vhsmctl monitor show --domain @",
	  "what differs from what is approved" },
	{ "boot-unapproved", "vhsmctl baseline make --name NAME --domain @ "
	  "--modules DIR", "if it is to boot this, with these modules," },
	{ "boot-unapproved", "vhsmctl baseline approve --domain @ NAME",
	  "this lets it; else boot what is approved" },
	{ "monitor-lost", "vhsmctl monitor show --domain @",
	  "whether a new monitor sweeps, or why not" },
	{ "monitor-lost", "journalctl -u vhsm-responder",
	  "what the monitor said last" },
	{ "monitor-broken", "vhsmctl monitor show --domain @",
	  "the new monitor, and what the old one sent" },
	{ "monitor-broken", "vhsmctl react --domain @ freeze",
	  "the guest may have taken it over: keep its memory" },
	{ "module-unapproved", "vhsmctl baseline make --name NAME --domain @ "
	  "--modules DIR", "if the module is to be there," },
	{ "module-unapproved", "vhsmctl baseline approve --domain @ NAME",
	  "and to revoke the old one:" },
	{ "module-unapproved", "vhsmctl baseline revoke --domain @ OLD",
	  "counts from the next sweep" },
	{ "secret-leak", "vhsmctl key revoke --domain @ KEY",
	  "who is in the guest has this key: replace it" },
	{ "yara", "vhsmctl react --domain @ freeze",
	  "if the rule is right: keep its memory" },
};

static void step_print(const char *command, const char *uuid, const char *why)
{
	const char *at = strchr(command, '@');

	printf(LABEL "%.*s%s%s\n", "", at ? (int)(at - command) :
	       (int)strlen(command), command, at ? uuid : "", at ? at + 1 : "");
	if (why)
		printf(LABEL "    %s\n", "", why);
}

/* First what is particular, for it is why one was woken. */
static void next_print(const json_t *alert, const char *check,
		       const char *uuid, const char *uid)
{
	if (ctl_int(alert, "status_id") == 4)
		return;
	puts("  next");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].check, check))
			step_print(steps[i].command, uuid, steps[i].why);
	printf(LABEL "vhsmctl alerts ack %s --note TEXT\n", "", uid);
	printf(LABEL "vhsmctl alerts export %s --out DIR\n", "", uid);
	step_print("vhsmctl release --domain @", uuid,
		   "when the guest is as it should be");
}

void ctl_alert_show(const json_t *shown)
{
	const json_t *alert = json_object_get(shown, "alert");
	const json_t *info = member(alert, "finding_info");
	const json_t *guest = member(alert, "resources");
	const json_t *ours = json_object_get(alert, "unmapped");
	const json_t *technique = json_object_get(member(info, "attacks"),
						  "technique");
	const char *check = ctl_text(json_object_get(info, "analytic"),
				     "name");

	printf("%s: %s\n", ctl_text(alert, "severity"),
	       ctl_text(info, "title"));
	printf(LABEL "%s (domain %" JSON_INTEGER_FORMAT ", %s)\n", "guest",
	       ctl_text(guest, "name"),
	       ctl_int(json_object_get(guest, "data"), "domid"),
	       ctl_text(guest, "uid"));
	printf(LABEL "%s\n", "what", ctl_text(info, "desc"));
	evidence_print(member(alert, "evidences"));
	printf(LABEL "%s %s (MITRE ATT&CK)\n", "technique",
	       ctl_text(technique, "uid"), ctl_text(technique, "name"));
	printf(LABEL "check %s, confidence %" JSON_INTEGER_FORMAT
	       " of 100, policy %s, baseline %s\n", "judged by",
	       check, ctl_int(alert, "confidence_score"), ctl_text(ours, "policy"),
	       ctl_text(ours, "baseline")[0] ? ctl_text(ours, "baseline") :
	       "none");
	actions_print(ours);
	printf(LABEL "%s, seen %" JSON_INTEGER_FORMAT " times, last ",
	       "status", ctl_text(alert, "status"), ctl_int(alert, "count"));
	time_print(ctl_int(info, "last_seen_time"), false);
	putchar('\n');
	timeline_print(ours);
	if (ctl_text(shown, "bundle")[0])
		printf(LABEL "%s%s\n", "evidence", ctl_text(shown, "bundle"),
		       json_is_true(json_object_get(shown, "sealed")) ? "" :
		       " (not sealed yet)");
	next_print(alert, check, ctl_text(guest, "uid"),
		   ctl_text(info, "uid"));
}
