/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-show.c - an alert as one reads it who was woken by it: what, where,
 * what was done about it, what to do.
 */
#include <config.h>

#include "alert-show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

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

static void next_print(const json_t *alert, const char *guest,
		       const char *uid)
{
	bool open = ctl_int(alert, "status_id") != 4;

	if (!open)
		return;
	printf(LABEL "vhsmctl alerts ack %s --note TEXT\n", "next", uid);
	printf(LABEL "vhsmctl alerts export %s --out DIR\n", "", uid);
	printf(LABEL "vhsmctl release --domain %s     when the guest is as it"
	       " should be\n", "", guest);
}

void ctl_alert_show(const json_t *alert)
{
	const json_t *info = member(alert, "finding_info");
	const json_t *guest = member(alert, "resources");
	const json_t *ours = json_object_get(alert, "unmapped");
	const json_t *technique = json_object_get(member(info, "attacks"),
						  "technique");

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
	       ctl_text(json_object_get(info, "analytic"), "name"),
	       ctl_int(alert, "confidence_score"), ctl_text(ours, "policy"),
	       ctl_text(ours, "baseline")[0] ? ctl_text(ours, "baseline") :
	       "none");
	actions_print(ours);
	printf(LABEL "%s, seen %" JSON_INTEGER_FORMAT " times, last ",
	       "status", ctl_text(alert, "status"), ctl_int(alert, "count"));
	time_print(ctl_int(info, "last_seen_time"), false);
	putchar('\n');
	timeline_print(ours);
	next_print(alert, ctl_text(guest, "name"), ctl_text(info, "uid"));
}
