/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-tool.c - vhsm-baseline-make, what "vhsmctl baseline make" runs.  A
 * program of its own, so that vhsmctl is not linked with all that reads
 * kernels and with the toolstack.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "baseline/domain-boot.h"
#include "baseline/make.h"
#include "common/hex.h"

#define MODULES_MAX	4096u		/* files and folders named */

struct options {
	const char *store;
	const char *name, *kernel, *guest_kernel, *ramdisk, *cmdline, *domain;
	const char *rules;
	char *modules;			/* separated by ',' */
	bool json;
};

static void progress(const char *step, void *arg)
{
	(void)arg;
	fprintf(stderr, "vhsmctl: %s...\n", step);
}

static int usage(FILE *out, int code)
{
	fputs("Usage: vhsm-baseline-make --store DIR --name NAME [--kernel FILE]\n"
	      "         [--guest-kernel FILE] [--ramdisk FILE] [--cmdline TEXT]\n"
	      "         [--domain DOMAIN] [--modules PATH,...] [--rules FILE] [--json]\n\n"
	      "Run by vhsmctl baseline make; see vhsmctl(8).\n", out);
	return code;
}

/* 0, or what to exit with. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "store", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "guest-kernel", required_argument, NULL, 'g' },
		{ "ramdisk", required_argument, NULL, 'r' },
		{ "cmdline", required_argument, NULL, 'c' },
		{ "domain", required_argument, NULL, 'd' },
		{ "modules", required_argument, NULL, 'm' },
		{ "rules", required_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': options->store = optarg; break;
		case 'n': options->name = optarg; break;
		case 'k': options->kernel = optarg; break;
		case 'g': options->guest_kernel = optarg; break;
		case 'r': options->ramdisk = optarg; break;
		case 'c': options->cmdline = optarg; break;
		case 'd': options->domain = optarg; break;
		case 'm': options->modules = optarg; break;
		case 'y': options->rules = optarg; break;
		case 'j': options->json = true; break;
		case 'h': exit(usage(stdout, 0));
		default: return usage(stderr, 2);
		}
	}
	if (optind < argc || !options->store || !options->name ||
	    (!options->kernel && !options->domain))
		return usage(stderr, 2);
	return 0;
}

/* Splits the list of modules: how many. */
static size_t split(char *list, const char **out)
{
	size_t count = 0;
	char *save = NULL, *at;

	if (!list)
		return 0;
	for (at = strtok_r(list, ",", &save); at && count < MODULES_MAX;
	     at = strtok_r(NULL, ",", &save))
		out[count++] = at;
	return count;
}

static int report(const struct options *options, const json_t *manifest,
		  const uint8_t digest[32])
{
	char hex[BASELINE_HEX_LEN];
	json_t *out;
	int bad;

	vhsm_hex_encode(digest, 32, hex);
	if (!options->json) {
		printf("baseline %s made: Linux %s, %zu modules, manifest %.16s\n"
		       "nothing runs under it until it is approved: vhsmctl "
		       "baseline approve --domain %s %s\n",
		       options->name,
		       json_string_value(json_object_get(manifest, "release")),
		       json_array_size(json_object_get(manifest, "modules")),
		       hex, options->domain ? options->domain : "DOMAIN",
		       options->name);
		return fflush(stdout) ? 1 : 0;
	}
	out = json_pack("{s:s,s:s,s:O,s:i}", "name", options->name,
			"manifest", hex, "release",
			json_object_get(manifest, "release"), "modules",
			(int)json_array_size(json_object_get(manifest,
							     "modules")));
	bad = !out || json_dumpf(out, stdout, JSON_INDENT(2));
	json_decref(out);
	return printf("\n") < 0 || bad || fflush(stdout) ? 1 : 0;
}

static int make(const struct options *options,
		const struct vhsm_domain_boot *boot)
{
	static const char *modules[MODULES_MAX];
	char why[VHSM_BASELINE_WHY_LEN] = "";
	struct vhsm_baseline_parts parts = {
		.name = options->name,
		.kernel = options->kernel ? options->kernel : boot->kernel,
		.guest_kernel = options->guest_kernel,
		.ramdisk = options->ramdisk ? options->ramdisk : boot->ramdisk,
		.cmdline = options->cmdline ? options->cmdline :
			   boot->cmdline ? boot->cmdline : "",
		.modules = modules,
		.module_count = split(options->modules, modules),
		.rules = options->rules,
		.progress = progress,
	};
	uint8_t digest[32];
	json_t *manifest;
	int r;

	if (vhsm_baseline_make(options->store, &parts, &manifest, digest,
			       why)) {
		fprintf(stderr, "vhsmctl: baseline %s was not made: %s\n",
			options->name, why);
		return 1;
	}
	r = report(options, manifest, digest);
	json_decref(manifest);
	return r;
}

/* As it was booted; or as it would be, if it does not run. */
static int boot_read(const char *domain, struct vhsm_domain_boot *boot,
		     char *why)
{
	int r = vhsm_domain_boot(domain, boot, why);

	return r == -ENOENT ? vhsm_config_boot(domain, boot, why) : r;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct vhsm_domain_boot boot = { 0 };
	char why[VHSM_BASELINE_WHY_LEN];
	int r = parse(argc, argv, &options);

	if (r)
		return r;
	if (options.domain && boot_read(options.domain, &boot, why)) {
		fprintf(stderr, "vhsmctl: %s\n", why);
		return 1;
	}
	r = make(&options, &boot);
	vhsm_domain_boot_free(&boot);
	return r;
}
