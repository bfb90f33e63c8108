/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.c - vhsm-inspect: looks into a guest once, by hand, with what the
 * monitor looks with all the time.
 */
#include <config.h>

#include "inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
"usage: vhsm-inspect record --domain NAME|ID --out FILE [--pause] [--json]\n"
"       vhsm-inspect info SOURCE (--baseline DIR | --reference FILE) [--json]\n"
"       vhsm-inspect check SOURCE (--baseline DIR | --reference FILE)\n"
"                          [--checks NAME,...] [--json]\n"
"       vhsm-inspect checks [--json]\n"
"\n"
"Looks into a guest once.\n"
"\n"
"  record  writes the guest's memory to FILE, its registers to FILE.json\n"
"  info    says which kernel runs in it, where, and how much there is of it\n"
"  check   runs the monitor's checks once, confirms and prints what they find\n"
"  checks  lists them\n"
"\n"
"SOURCE is one of:\n"
"  -d, --domain NAME|ID  a running PVH or HVM guest (in dom0, as root)\n"
"  -i, --image FILE      what record wrote\n"
"\n"
"  -b, --baseline DIR    an approved configuration\n"
"  -r, --reference FILE  the reference of a kernel alone\n"
"  -c, --checks NAME,... only these checks\n"
"  -o, --out FILE        must not exist\n"
"  -p, --pause           the guest stands still while it is recorded\n"
"  -j, --json            print JSON\n"
"  -h, --help            print this\n"
"  -V, --version         print the version\n"
"\n"
"Exit status: 0 done, nothing found; 1 failed; 2 not understood; 4 check found\n"
"something.\n";

static int complain(const char *text)
{
	fprintf(stderr, "vhsm-inspect: %s\n", text);
	return -EINVAL;
}

static int options_check(const struct options *o)
{
	if (!strcmp(o->command, "record")) {
		if (!o->domain || o->image)
			return complain("record wants --domain");
		return o->out ? 0 : complain("--out is missing");
	}
	if (!strcmp(o->command, "checks"))
		return 0;
	if (strcmp(o->command, "info") && strcmp(o->command, "check")) {
		fprintf(stderr, "vhsm-inspect: no such command: %s\n",
			o->command);
		return -EINVAL;
	}
	if (!o->domain == !o->image)
		return complain("give one of --domain and --image");
	if (!o->baseline == !o->reference)
		return complain("give one of --baseline and --reference");
	return 0;
}

/* 0, -EINVAL after saying why, or the letter of what was to be printed. */
static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "image", required_argument, NULL, 'i' },
		{ "baseline", required_argument, NULL, 'b' },
		{ "reference", required_argument, NULL, 'r' },
		{ "checks", required_argument, NULL, 'c' },
		{ "out", required_argument, NULL, 'o' },
		{ "pause", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:i:b:r:c:o:pjhV", options,
				NULL)) != -1) {
		switch (c) {
		case 'd': o->domain = optarg; break;
		case 'i': o->image = optarg; break;
		case 'b': o->baseline = optarg; break;
		case 'r': o->reference = optarg; break;
		case 'c': o->checks = optarg; break;
		case 'o': o->out = optarg; break;
		case 'p': o->pause = true; break;
		case 'j': o->json = true; break;
		case 'h':
		case 'V': return c;
		default: return -EINVAL;
		}
	}
	if (optind == argc)
		return complain("say what to do");
	if (optind + 1 < argc)
		return complain("one command at a time");
	o->command = argv[optind];
	return options_check(o);
}

void inspect_print_json(json_t *json)
{
	json_dumpf(json, stdout, 0);
	putchar('\n');
	json_decref(json);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int r;

	r = options_read(&o, argc, argv);
	if (r > 0) {
		fputs(r == 'h' ? usage : "vhsm-inspect " PACKAGE_VERSION "\n",
		      stdout);
		return EXIT_CLEAN;
	}
	if (r) {
		fputs("Try vhsm-inspect --help.\n", stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(o.command, "record"))
		return inspect_record(&o);
	if (!strcmp(o.command, "info"))
		return inspect_info(&o);
	return !strcmp(o.command, "check") ? inspect_check(&o) :
					     inspect_checks(&o);
}
