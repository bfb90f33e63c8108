/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhsm-bench-monitor.c - the monitor's part of "make bench".
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench-monitor.h"
#include "bench/harness.h"

static const char usage[] =
"Usage: vhsm-bench-monitor [--quick] [--rounds N] [--json]\n"
"                          [--image FILE (--kernel FILE | --baseline DIR)]\n"
"\n"
"Measures fingerprints and sweeps of a made-up guest, and the quick checks on\n"
"a recording (vhsm-inspect record).  Medians; ratios of neighbours in time.\n"
"\n"
"  --quick          a guest of 256 MiB instead of 512, fewer rounds\n"
"  --rounds N       1..64 (9)\n"
"  --image FILE     the recording\n"
"  --kernel FILE    the kernel of the guest in it\n"
"  --baseline DIR   or all that is approved of that guest\n"
"  --json           for programs\n";

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vhsm-bench-monitor: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

void bench_row(struct bench_monitor *b, const char *name, double ms,
	       double ratio, const char *meaning)
{
	if (b->json) {
		json_array_append_new(b->rows, json_pack(
			"{s:s,s:f,s:f,s:s}", "name", name, "ms", ms, "ratio",
			ratio, "meaning", meaning));
		return;
	}
	printf("%-28s %10.2f ms", name, ms);
	if (ratio > 0)
		printf("  %5.2f", ratio);
	printf("  %s\n", meaning);
	fflush(stdout);
}

static void read_options(struct bench_monitor *b, int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "image", required_argument, NULL, 'i' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "baseline", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			b->memory_mib = 256;
			b->rounds = 5;
			break;
		case 'r': b->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'i': b->image = optarg; break;
		case 'k': b->kernel = optarg; break;
		case 'b': b->baseline = optarg; break;
		case 'j': b->json = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (optind < argc || b->rounds < 1 || b->rounds > 64 ||
	    (b->image && !b->kernel == !b->baseline)) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bench_monitor b = { .rounds = 9, .memory_mib = 512 };

	read_options(&b, argc, argv);
	b.rows = json_array();
	bench_memory(&b);
	if (b.image)
		bench_checks(&b);
	else if (!b.json)
		puts("quick checks: not measured (--image)");
	if (b.json) {
		json_dumpf(b.rows, stdout, JSON_INDENT(1) |
			   JSON_REAL_PRECISION(6));
		putchar('\n');
	}
	json_decref(b.rows);
	return 0;
}
