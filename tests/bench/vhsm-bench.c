// SPDX-License-Identifier: Apache-2.0
/*
 * vhsm-bench - how fast the product is; see bench.h for what is compared.
 * Run by "make bench" in the build directory.
 */
#include <config.h>

#include "bench/harness.h"

#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhsmif.h"

#define ROUNDS_MAX 9

static const struct bench_op ops[] = {
	{ "aes-256-gcm 16 B", "aes", "aes-256", VHSM_OP_ENCRYPT,
	  VHSM_MECH_AES_GCM, 16 },
	{ "aes-256-gcm 1 KiB", "aes", "aes-256", VHSM_OP_ENCRYPT,
	  VHSM_MECH_AES_GCM, 1024 },
	{ "aes-256-gcm 4 KiB", "aes", "aes-256", VHSM_OP_ENCRYPT,
	  VHSM_MECH_AES_GCM, 4096 },
	{ "aes-256-gcm 64 KiB", "aes", "aes-256", VHSM_OP_ENCRYPT,
	  VHSM_MECH_AES_GCM, 65536 },
	{ "aes-256-gcm 1 MiB", "aes", "aes-256", VHSM_OP_ENCRYPT,
	  VHSM_MECH_AES_GCM, 1u << 20 },
	{ "hmac-sha256 1 KiB", "hmac", "hmac", VHSM_OP_MAC,
	  VHSM_MECH_HMAC | VHSM_HASH_SHA256, 1024 },
	{ "ecdsa-p256 sign", "p256", "ec-p256", VHSM_OP_SIGN,
	  VHSM_MECH_ECDSA | VHSM_HASH_SHA256, 32 },
	{ "ed25519 sign", "ed25519", "ed25519", VHSM_OP_SIGN,
	  VHSM_MECH_EDDSA, 32 },
	{ "rsa-2048 sign", "rsa", "rsa-2048", VHSM_OP_SIGN,
	  VHSM_MECH_RSA_PKCS1 | VHSM_HASH_SHA256, 32 },
};
#define OPS (sizeof(ops) / sizeof(ops[0]))
static const struct bench_op nop = { .name = "nop", .op = VHSM_OP_NOP };
static const unsigned depths[] = { 1, 8, 32, 128 };
#define DEPTHS (sizeof(depths) / sizeof(depths[0]))

struct options {
	unsigned rounds;
	uint64_t slice_ns;
	bool json;
	bool one_cpu;
	const char *only;		/* part of an operation's name */
};

struct bench {
	struct options options;
	struct bench_daemon *daemon;
	struct bench_product *product;
	struct bench_ring *ring;
	int engine;
	json_t *rows;
};

/* What one row of the table says: medians of the rounds. */
struct row {
	double ops_per_s, p50_us, p99_us, native_ratio, notified, allocated;
};

void bench_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("vhsm-bench: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(EXIT_FAILURE);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare_double);
	return values[count / 2];
}

/* One round: the reference just before and just after the product. */
static void measure(struct bench *b, const struct bench_op *op, unsigned depth,
		    struct bench_native *native, struct row *row)
{
	double rate[ROUNDS_MAX], ratio[ROUNDS_MAX], p50[ROUNDS_MAX];
	double p99[ROUNDS_MAX];
	uint64_t requests = 0, notifications = 0;
	struct bench_slice first, slice, last;
	int64_t allocations;

	/* Contexts are made on first use; that is not the steady state. */
	bench_product_run(b->product, op, depth, b->options.slice_ns / 4,
			  &slice);
	allocations = bench_daemon_allocations(b->daemon, b->engine);
	for (unsigned i = 0; i < b->options.rounds; i++) {
		bench_native_run(native, b->options.slice_ns / 2, &first);
		bench_product_run(b->product, op, depth, b->options.slice_ns,
				  &slice);
		bench_native_run(native, b->options.slice_ns / 2, &last);
		rate[i] = slice.ops_per_s;
		ratio[i] = slice.ops_per_s /
			((first.ops_per_s + last.ops_per_s) / 2);
		p50[i] = slice.p50_us;
		p99[i] = slice.p99_us;
		requests += slice.requests;
		notifications += slice.notifications;
	}
	row->allocated = allocations < 0 ? -1 :
		(double)(bench_daemon_allocations(b->daemon, b->engine) -
			 allocations) / requests;
	row->ops_per_s = median(rate, b->options.rounds);
	row->native_ratio = median(ratio, b->options.rounds);
	row->p50_us = median(p50, b->options.rounds);
	row->p99_us = median(p99, b->options.rounds);
	row->notified = (double)notifications / requests;
}

static void print_row(struct bench *b, const char *name, unsigned depth,
		      const struct row *row)
{
	json_array_append_new(b->rows, json_pack(
		"{s:s,s:i,s:f,s:f,s:f,s:f,s:f,s:f}", "operation", name,
		"depth", (int)depth, "ops_per_s", row->ops_per_s,
		"p50_us", row->p50_us, "p99_us", row->p99_us,
		"of_native", row->native_ratio,
		"notifications_per_request", row->notified,
		"allocations_per_request", row->allocated));
	if (b->options.json)
		return;
	printf("%-20s %5u %11.0f %9.2f %9.2f %8.2f %9.3f %9.3f\n", name, depth,
	       row->ops_per_s, row->p50_us, row->p99_us, row->native_ratio,
	       row->notified, row->allocated);
	fflush(stdout);
}

static void measure_op(struct bench *b, const struct bench_op *op)
{
	struct bench_native *native = bench_native_new(op);
	struct row row;

	for (unsigned d = 0; d < DEPTHS; d++) {
		measure(b, op, depths[d], native, &row);
		print_row(b, op->name, depths[d], &row);
	}
	bench_native_free(&native);
}

/* The product's NOP beside the bare ring's: what validating, looking up and
 * accounting cost.  of_native is then the share of the bare ring's rate. */
static void measure_ring(struct bench *b)
{
	for (unsigned d = 0; d < DEPTHS; d++) {
		double rate[2][ROUNDS_MAX], p50[2][ROUNDS_MAX];
		double p99[2][ROUNDS_MAX];
		struct bench_slice slice[2];
		struct row row = { .allocated = -1 };

		for (unsigned i = 0; i < b->options.rounds; i++) {
			bench_ring_run(b->ring, depths[d],
				       b->options.slice_ns, &slice[0]);
			bench_product_run(b->product, &nop, depths[d],
					  b->options.slice_ns, &slice[1]);
			for (int s = 0; s < 2; s++) {
				rate[s][i] = slice[s].ops_per_s;
				p50[s][i] = slice[s].p50_us;
				p99[s][i] = slice[s].p99_us;
			}
		}
		for (int s = 0; s < 2; s++) {
			row.ops_per_s = median(rate[s], b->options.rounds);
			row.p50_us = median(p50[s], b->options.rounds);
			row.p99_us = median(p99[s], b->options.rounds);
			row.native_ratio = row.ops_per_s /
				median(rate[0], b->options.rounds);
			print_row(b, s ? "nop, product" : "nop, bare ring",
				  depths[d], &row);
		}
	}
}

static bool wanted(const struct bench *b, const char *name)
{
	return !b->options.only || strstr(name, b->options.only);
}

static void finish(struct bench *b, int64_t idle)
{
	int64_t maps = bench_daemon_maps(b->daemon);
	double idle_mib = idle / 1048576.0;
	json_t *out;

	if (b->options.json) {
		out = json_pack("{s:o,s:f,s:I}", "rows", b->rows,
				"engine_idle_mib", idle_mib,
				"maps_after_connect", (json_int_t)maps);
		json_dumpf(out, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(out);
		return;
	}
	printf("\nengine, idle, without its pool: %.1f MiB resident\n"
	       "mappings (on Xen: grant operations) since it connected: %lld\n",
	       idle_mib, (long long)maps);
	json_decref(b->rows);
}

/*
 * The guest's side has CPU 0, what serves it the others (children inherit);
 * or, with --one-cpu, all share CPU 0, where polling cannot pay.
 */
static void place(bool guest, bool one_cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if ((guest || one_cpu) == (cpu == 0))
			CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static const char help[] =
"Usage: vhsm-bench [--quick] [--rounds N] [--one-cpu] [--only TEXT] [--json]\n"
"\n"
"Starts vhsmd from the build directory with a store of its own and measures\n"
"operations through libvhsm, next to OpenSSL in this process (\"of native\")\n"
"and a bare ring.  Latencies of the product are from submit to reap.\n"
"\n"
"  --quick      about half a minute\n"
"  --rounds N   1..9; medians are told (default 5)\n"
"  --one-cpu    all on CPU 0, where polling cannot pay\n"
"  --only TEXT  operations whose name contains it\n"
"  --json       for programs\n";

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "one-cpu", no_argument, NULL, 'o' },
		{ "only", required_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'q':
			o->rounds = 3;
			o->slice_ns = 120000000u;
			break;
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'j':
			o->json = true;
			break;
		case 'O':
			o->only = optarg;
			break;
		case 'o':
			o->one_cpu = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		default:
			exit(2);
		}
	}
	if (o->rounds < 1 || o->rounds > ROUNDS_MAX)
		bench_die("--rounds takes 1 to %d", ROUNDS_MAX);
}

int main(int argc, char **argv)
{
	struct bench b = { .options = { .rounds = 5,
					.slice_ns = 400000000u } };
	int64_t idle;

	parse(argc, argv, &b.options);
	b.rows = json_array();
	place(false, b.options.one_cpu);
	b.ring = bench_ring_new(!b.options.one_cpu);
	b.daemon = bench_daemon_new(ops, OPS);
	place(true, b.options.one_cpu);
	b.product = bench_product_new(bench_daemon_device(b.daemon));
	b.engine = bench_daemon_engine(b.daemon);
	idle = bench_resident(b.engine);
	if (!b.options.json)
		printf("%-20s %5s %11s %9s %9s %8s %9s %9s\n", "operation",
		       "depth", "ops/s", "p50 us", "p99 us", "of nat.",
		       "notif/rq", "alloc/rq");
	if (wanted(&b, nop.name))
		measure_ring(&b);
	for (unsigned i = 0; i < OPS; i++)
		if (wanted(&b, ops[i].name))
			measure_op(&b, &ops[i]);
	finish(&b, idle);
	bench_product_free(&b.product);
	bench_ring_free(&b.ring);
	bench_daemon_free(&b.daemon);
	return EXIT_SUCCESS;
}
