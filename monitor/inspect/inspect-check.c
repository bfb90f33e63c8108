/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect-check.c - vhsm-inspect check: all checks once, confirmed by a second
 * look; and vhsm-inspect checks: which there are.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/run.h"
#include "inspect/inspect.h"

#define CONFIRM_MS	250u		/* between the two looks at a domain */
#define SLICE_MS	1000u

/* One run of the command. */
struct check_run {
	const struct options *options;
	struct vhsm_reference *reference;
	json_t *manifest;		/* of the baseline, or NULL */
	json_t *wanted;			/* of --checks, or NULL: all */
	json_t *findings;		/* for --json */
	unsigned found;
	struct source source;
	struct vhsm_kernel kernel;
	struct vhsm_runner *runner;
	struct vhsm_verdict verdict;
};

static void print_bytes(const char *label, const uint8_t *bytes, uint32_t len,
			const char *code)
{
	uint32_t i;

	if (!len)
		return;
	printf("  %-9s", label);
	for (i = 0; i < len && i < VHSM_EVIDENCE_MAX; i++)
		printf(" %02x", bytes[i]);
	putchar('\n');
	while (*code) {
		size_t line = strcspn(code, "\n");

		printf("              %.*s\n", (int)line, code);
		code += line + !!code[line];
	}
}

static void print_finding(const struct vhsm_finding *f)
{
	const struct vhsm_check_info *info = vhsm_check_by_number(f->check);

	printf("%s: %s: %s\n", info->name, info->title, f->object);
	if (f->detail[0])
		printf("  %s\n", f->detail);
	if (f->address)
		printf("  address   %#" PRIx64 " %s\n", f->address, f->symbol);
	if (f->pid)
		printf("  process   %u %s\n", f->pid, f->comm);
	print_bytes("should be", f->before, f->before_len, f->before_code);
	print_bytes("is", f->after, f->after_len, f->after_code);
	printf("  technique %s %s; confidence %u %%\n", info->technique,
	       info->technique_name, f->confidence);
}

static void take_finding(void *arg, const struct vhsm_finding *f, bool again)
{
	struct check_run *run = arg;

	(void)again;
	run->found++;
	if (run->options->json)
		json_array_append_new(run->findings, vhsm_finding_encode(f));
	else
		print_finding(f);
}

static json_t *names_of(const char *list)
{
	json_t *names = json_object();
	char *copy = strdup(list), *rest = copy, *name;

	while (copy && names && (name = strsep(&rest, ",")))
		if (*name)
			json_object_set_new(names, name, json_null());
	free(copy);
	return names;
}

/* The baseline's manifest, for what was learned. */
static int open_manifest(struct check_run *run, char *why)
{
	json_error_t error;
	char *path = NULL;

	if (!run->options->baseline)
		return 0;
	if (asprintf(&path, "%s/manifest.json", run->options->baseline) < 0) {
		snprintf(why, INSPECT_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	run->manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!run->manifest)
		snprintf(why, INSPECT_WHY_LEN, "%.120s: %.100s", path,
			 error.text);
	free(path);
	return run->manifest ? 0 : -EINVAL;
}

static int open_runner(struct check_run *run, char *why)
{
	struct vhsm_runner_setup setup = {
		.reference = run->reference,
		.baseline_dir = run->options->baseline,
		.learned = json_object_get(run->manifest, "learned"),
		.confirm_ms = run->source.xch ? CONFIRM_MS : 0,
		.full_ms = 1,
		.found = take_finding, .arg = run,
	};

	if (run->options->checks)
		run->wanted = names_of(run->options->checks);
	setup.checks = run->wanted;
	run->findings = json_array();
	run->runner = vhsm_runner_open(&setup, why);
	return run->runner ? 0 : -EINVAL;
}

static int open_run(struct check_run *run, char *why)
{
	int r;

	run->reference = source_reference(run->options, why);
	if (!run->reference)
		return -EIO;
	r = open_manifest(run, why);
	if (!r)
		r = source_open(&run->source, run->options, why);
	if (!r)
		r = vhsm_kernel_find(&run->kernel, run->source.memory,
				     run->reference, run->source.vcpu,
				     run->source.vcpu_count, why);
	return r ? r : open_runner(run, why);
}

static void close_run(struct check_run *run)
{
	vhsm_runner_close(&run->runner);
	source_close(&run->source);
	json_decref(run->findings);
	json_decref(run->wanted);
	json_decref(run->manifest);
	vhsm_reference_close(&run->reference);
}

static json_t *encode_run(const struct vhsm_check_run *run)
{
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:s}",
			 "check", vhsm_check_by_number(run->check)->name,
			 "finished", run->finished,
			 "objects", (json_int_t)run->objects,
			 "explained", (json_int_t)run->explained,
			 "us", (json_int_t)run->us, "error", run->error);
}

static void print_json(struct check_run *run)
{
	json_t *runs = json_array(), *json;
	unsigned i;

	for (i = 0; i < run->verdict.run_count; i++)
		json_array_append_new(runs, encode_run(&run->verdict.run[i]));
	json = json_pack("{s:s, s:b, s:O, s:o}", "release",
			 vhsm_reference_release(run->reference), "clean",
			 run->verdict.clean, "findings", run->findings,
			 "checks", runs);
	inspect_print_json(json);
}

static void print(const struct check_run *run)
{
	const struct vhsm_check_run *c;
	unsigned i;

	printf("%-18s %10s %10s %9s\n", "check", "objects", "explained",
	       "ms");
	for (i = 0; i < run->verdict.run_count; i++) {
		c = &run->verdict.run[i];
		printf("%-18s %10" PRIu64 " %10" PRIu64 " %9.1f%s%s\n",
		       vhsm_check_by_number(c->check)->name, c->objects,
		       c->explained, (double)c->us / 1000,
		       c->error[0] ? "  failed: " : "", c->error);
	}
	printf("%u findings\n", run->found);
}

static enum exit_code judge(const struct check_run *run)
{
	unsigned i;

	if (run->found)
		return EXIT_FINDINGS;
	for (i = 0; i < run->verdict.run_count; i++)
		if (run->verdict.run[i].error[0]) {
			fputs("vhsm-inspect: not every check could run\n",
			      stderr);
			return EXIT_FAILED;
		}
	return run->verdict.clean ? EXIT_CLEAN : EXIT_FAILED;
}

enum exit_code inspect_check(const struct options *o)
{
	char why[INSPECT_WHY_LEN] = "";
	struct check_run *run = calloc(1, sizeof(*run));
	enum exit_code code = EXIT_FAILED;
	int r = -ENOMEM;

	if (!run)
		goto out;
	run->options = o;
	r = open_run(run, why);
	if (r)
		goto out;
	while (vhsm_runner_slice(run->runner, &run->kernel, SLICE_MS) ==
	       VHSM_CHECK_MORE)
		continue;
	/* what fails is in the verdict */
	vhsm_runner_sweep(run->runner, &run->kernel, 1, &run->verdict);
	if (o->json)
		print_json(run);
	else
		print(run);
	code = judge(run);
out:
	if (r)
		fprintf(stderr, "vhsm-inspect: %s\n", *why ? why :
			strerror(-r));
	if (run)
		close_run(run);
	free(run);
	return code;
}

static json_t *check_json(const struct vhsm_check_info *info)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "name", info->name,
			 "cadence", info->cadence == VHSM_CADENCE_FULL ?
				"full" : "quick",
			 "severity_id", (int)info->severity,
			 "technique", info->technique,
			 "technique_name", info->technique_name,
			 "title", info->title);
}

enum exit_code inspect_checks(const struct options *o)
{
	const struct vhsm_check *const *check;
	json_t *list = json_array();

	for (check = vhsm_checks; *check; check++) {
		const struct vhsm_check_info *info =
			vhsm_check_by_number((*check)->number);

		json_array_append_new(list, check_json(info));
		if (!o->json)
			printf("%-18s %-10s %s\n", info->name,
			       info->technique, info->title);
	}
	if (o->json)
		inspect_print_json(json_incref(list));
	json_decref(list);
	return EXIT_CLEAN;
}
