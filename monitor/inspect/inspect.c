/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.c - vhsm-inspect: looks into a guest once, by hand, with what the
 * monitor looks with all the time.
 */
#include "inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
"usage: vhsm-inspect record --domain NAME|ID --out FILE [--pause]\n"
"\n"
"Looks into a guest once.\n"
"\n"
"  record  writes the guest's memory to FILE, its registers to FILE.json\n"
"\n"
"  -d, --domain NAME|ID  a running PVH or HVM guest (in dom0, as root)\n"
"  -o, --out FILE        must not exist\n"
"  -p, --pause           the guest stands still meanwhile\n"
"  -h, --help            print this\n"
"\n"
"Exit status: 0 done, 1 failed.\n";

static int complain(const char *text)
{
	fprintf(stderr, "vhsm-inspect: %s\n", text);
	return -EINVAL;
}

static int options_check(const struct options *o)
{
	if (!strcmp(o->command, "record")) {
		if (!o->domain)
			return complain("--domain is missing");
		if (!o->out)
			return complain("--out is missing");
		return 0;
	}
	fprintf(stderr, "vhsm-inspect: no such command: %s\n", o->command);
	return -EINVAL;
}

/* 0, -EINVAL after saying why, or 1 when help was asked for. */
static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "out", required_argument, NULL, 'o' },
		{ "pause", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:o:ph", options, NULL)) != -1) {
		switch (c) {
		case 'd': o->domain = optarg; break;
		case 'o': o->out = optarg; break;
		case 'p': o->pause = true; break;
		case 'h': return 1;
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

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int r;

	r = options_read(&o, argc, argv);
	if (r == 1) {
		fputs(usage, stdout);
		return EXIT_CLEAN;
	}
	if (r) {
		fputs("Try vhsm-inspect --help.\n", stderr);
		return EXIT_FAILED;
	}
	return inspect_record(&o);
}
