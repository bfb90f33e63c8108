/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline-show.c - vhsmctl baseline list, show and diff.
 */
#include <config.h>

#include "ctl/baseline-ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/baseline-store.h"
#include "common/hex.h"
#include "common/log.h"

#define LINE_LEN 76

/* The domains that have a baseline approved, as [{"domain", "current",
 * "time"}]: current, if it is approved as it is now. */
static int approved_for(const char *dir, const char *name, const char *digest,
			json_t **out, char *why)
{
	json_t *uuids, *list, *uuid, *entry;
	size_t i, j;
	int r = vhsm_baseline_approved_domains(dir, &uuids, why);

	*out = json_array();
	if (r)
		return r;
	json_array_foreach(uuids, i, uuid) {
		r = vhsm_baseline_approvals(dir, json_string_value(uuid),
					    &list, why);
		if (r)
			break;
		json_array_foreach(list, j, entry) {
			if (strcmp(ctl_text(entry, "name"), name))
				continue;
			json_array_append_new(*out,
				json_pack("{s:O,s:b,s:s}", "domain", uuid,
					  "current",
					  !strcmp(ctl_text(entry, "manifest"),
						  digest),
					  "time", ctl_text(entry, "time")));
		}
		json_decref(list);
	}
	json_decref(uuids);
	return r;
}

/* --- list --- */

/* One line of the list; a baseline that is damaged says so. */
static json_t *row(const char *dir, const char *name)
{
	char why[VHSM_BASELINE_WHY_LEN] = "", digest_text[65] = "";
	json_t *manifest = NULL, *approved = NULL, *domains = json_array();
	json_t *entry, *out;
	uint8_t digest[32];
	size_t i;
	int r = vhsm_baseline_read(dir, name, &manifest, digest, why);

	if (!r)
		vhsm_hex_encode(digest, 32, digest_text);
	if (approved_for(dir, name, digest_text, &approved, why))
		r = -EBADMSG;
	json_array_foreach(approved, i, entry)
		if (json_is_true(json_object_get(entry, "current")))
			json_array_append(domains,
					  json_object_get(entry, "domain"));
	out = json_pack("{s:s,s:s,s:s,s:s,s:o}", "name", name, "release",
			ctl_text(manifest, "release"), "made",
			ctl_text(manifest, "made"), "problem", r ? why : "",
			"approved", domains);
	json_decref(approved);
	json_decref(manifest);
	return out;
}

enum ctl_exit ctl_baseline_list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", false }, { "RELEASE", "release", false },
		{ "MADE", "made", false }, { "APPROVED FOR", "approved", false },
		{ "PROBLEM", "problem", false },
	};
	char why[VHSM_BASELINE_WHY_LEN] = "", signer[65] = "";
	const char *dir = ctl_baseline_store(args);
	json_t *names, *rows, *name;
	size_t i;
	int r = vhsm_baseline_list(dir, &names, why);

	if (r)
		return ctl_baseline_failed(r, why);
	rows = json_array();
	json_array_foreach(names, i, name)
		json_array_append_new(rows, row(dir, json_string_value(name)));
	json_decref(names);
	if (vhsm_baseline_signer(dir, signer, why))
		signer[0] = 0;
	if (args->json)
		return ctl_print_json(json_pack("{s:o,s:s}", "baselines", rows,
						"signer", signer));
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]), rows);
	if (signer[0])
		printf("approvals are signed by key %s\n", signer);
	json_decref(rows);
	return CTL_OK;
}

/* --- show --- */

static void print_modules(const json_t *modules)
{
	size_t i, at = LINE_LEN;
	json_t *module;

	printf("modules      %zu\n", json_array_size(modules));
	json_array_foreach(modules, i, module) {
		const char *name = ctl_text(module, "name");

		if (at + strlen(name) + 1 > LINE_LEN) {
			printf("%s            ", i ? "\n" : "");
			at = 12;
		}
		printf(" %s", name);
		at += strlen(name) + 1;
	}
	if (json_array_size(modules))
		putchar('\n');
}

static void print_learned(const json_t *manifest)
{
	const json_t *from = json_object_get(manifest, "learned_from");
	json_t *learned = json_object_get(manifest, "learned"), *value;
	const char *check;

	if (!json_object_size(learned)) {
		puts("learned      nothing");
		return;
	}
	printf("learned     ");
	json_object_foreach(learned, check, value)
		printf(" %s", check);
	printf("\n             from %s at %s\n", ctl_text(from, "domain"),
	       ctl_text(from, "time"));
}

static void print_manifest(const json_t *manifest, const char *digest,
			   const json_t *approved)
{
	const json_t *boot = json_object_get(manifest, "boot");
	const json_t *files = json_object_get(manifest, "files");
	const char *ramdisk = ctl_text(boot, "ramdisk");
	const char *starts = ctl_text(boot, "starts");
	json_t *entry;
	size_t i;

	printf("name         %s\n", ctl_text(manifest, "name"));
	printf("manifest     %s\n", digest);
	printf("made         %s\n", ctl_text(manifest, "made"));
	printf("kernel       Linux %s\n             %s\n",
	       ctl_text(manifest, "release"),
	       *starts ? starts : ctl_text(boot, "kernel"));
	if (*starts)
		printf("started by   %s\n", ctl_text(boot, "kernel"));
	printf("ramdisk      %s\n", *ramdisk ? ramdisk : "none");
	printf("command line %s\n", ctl_text(boot, "cmdline"));
	printf("rules        %s\n",
	       json_object_get(files, "rules.yar") ? "rules.yar" : "none");
	print_modules(json_object_get(manifest, "modules"));
	print_learned(manifest);
	if (!json_array_size(approved))
		puts("approved     for no domain");
	json_array_foreach(approved, i, entry)
		printf("approved     for %s at %s%s\n",
		       ctl_text(entry, "domain"), ctl_text(entry, "time"),
		       json_is_true(json_object_get(entry, "current")) ? "" :
		       ", but changed since");
}

enum ctl_exit ctl_baseline_show(const struct ctl_args *args)
{
	char why[VHSM_BASELINE_WHY_LEN] = "", text[65];
	const char *dir = ctl_baseline_store(args);
	json_t *manifest, *approved = NULL;
	uint8_t digest[32];
	int r;

	if (!args->operand) {
		fputs("vhsmctl: say which baseline\n", stderr);
		return CTL_USAGE;
	}
	r = vhsm_baseline_read(dir, args->operand, &manifest, digest, why);
	if (r)
		return ctl_baseline_failed(r, why);
	vhsm_hex_encode(digest, 32, text);
	r = approved_for(dir, args->operand, text, &approved, why);
	if (r) {
		json_decref(approved);
		json_decref(manifest);
		return ctl_baseline_failed(r, why);
	}
	if (args->json)
		return ctl_print_json(json_pack("{s:s,s:o,s:o}", "digest", text,
						"manifest", manifest,
						"approved", approved));
	print_manifest(manifest, text, approved);
	json_decref(approved);
	json_decref(manifest);
	return CTL_OK;
}

/* --- diff --- */

/* Text, null as a dash, the rest as JSON; printable, for what was learned was
 * said by a monitor. */
static void print_value(const char *sign, const json_t *value)
{
	char *text, line[2 * VHSM_CMDLINE_MAX];

	if (json_is_null(value)) {
		printf("  %s (none)\n", sign);
		return;
	}
	if (json_is_string(value)) {
		printf("  %s %s\n", sign,
		       vhsm_log_escape(line, sizeof(line),
				       json_string_value(value),
				       json_string_length(value)));
		return;
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
			  JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	printf("  %s %.200s%s\n", sign, text ? text : "",
	       text && strlen(text) > 200 ? "..." : "");
	free(text);
}

static void print_differences(const json_t *differences)
{
	json_t *entry;
	size_t i;

	json_array_foreach(differences, i, entry) {
		printf("%s\n", ctl_text(entry, "what"));
		print_value("-", json_object_get(entry, "a"));
		print_value("+", json_object_get(entry, "b"));
	}
}

enum ctl_exit ctl_baseline_diff(const struct ctl_args *args)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	const char *dir = ctl_baseline_store(args);
	json_t *a, *b, *differences;
	enum ctl_exit ret;
	uint8_t digest[32];
	int r;

	if (!args->operand || !args->operand_b) {
		fputs("vhsmctl: say which two baselines\n", stderr);
		return CTL_USAGE;
	}
	r = vhsm_baseline_read(dir, args->operand, &a, digest, why);
	if (r)
		return ctl_baseline_failed(r, why);
	r = vhsm_baseline_read(dir, args->operand_b, &b, digest, why);
	if (r) {
		json_decref(a);
		return ctl_baseline_failed(r, why);
	}
	r = vhsm_baseline_diff(a, b, &differences);
	json_decref(a);
	json_decref(b);
	if (r)
		return ctl_baseline_failed(r, "no memory");
	ret = json_array_size(differences) ? CTL_FAILED : CTL_OK;
	if (args->json)
		return ctl_print_json(differences) ? CTL_FAILED : ret;
	print_differences(differences);
	if (!json_array_size(differences))
		puts("no difference");
	json_decref(differences);
	return ret;
}
