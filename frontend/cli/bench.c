/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.c - "vhsm bench": which cases there are, and the table of them.
 *
 * Each key is used for the one thing its type is for.  The last column puts
 * the device beside this guest's own OpenSSL in the same run; only that ratio
 * means something on another machine.
 */
#include "cli/commands.h"

#include "cli/bench.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define KEYS_MAX	64u
#define ROOM		(3u << 20)
#define ROOM_QUICK	(1u << 19)
#define MS		500u
#define MS_QUICK	150u

static const unsigned all_depths[] = { 1, 8, 32, 128, 0 };
static const unsigned quick_depths[] = { 1, 32, 0 };
static const uint32_t bulk_sizes[] = { 16, 1024, 4096, 65536, 1048576, 0 };
static const uint32_t small_sizes[] = { 1024, 0 };

struct table {
	struct cli *c;
	json_t *rows;			/* NULL: lines */
	unsigned printed;
	int error;
};

static const char *op_name(uint16_t op)
{
	switch (op) {
	case VHSM_OP_NOP: return "nop";
	case VHSM_OP_RANDOM: return "random";
	case VHSM_OP_ENCRYPT: return "encrypt";
	case VHSM_OP_MAC: return "mac";
	default: return "sign";
	}
}

static const char *mechanism_text(const struct bench_case *b)
{
	const char *name = vhsm_mechanism_name(b->mechanism);

	return b->mechanism && name ? name : "-";
}

static void add_row(struct table *t, const struct bench_case *b,
		    const struct bench_result *r, double soft)
{
	const char *type = vhsm_key_type_name(b->key_type);

	if (t->rows) {
		json_array_append_new(t->rows, json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f,"
			" s:I}",
			"op", op_name(b->op), "key_type", type ? type : "",
			"mechanism", mechanism_text(b),
			"size", (json_int_t)b->size,
			"depth", (json_int_t)b->depth,
			"per_second", r->per_second,
			"p50_us", r->p50_us, "p99_us", r->p99_us,
			"notifications_per_request", r->notifications,
			"openssl_per_second", soft,
			"errors", (json_int_t)r->errors));
		return;
	}
	if (!t->printed++)
		printf("%-8s %-18s %8s %5s %10s %9s %9s %9s %10s %7s\n", "OP",
		       "MECHANISM", "BYTES", "DEPTH", "PER-SEC", "P50-US",
		       "P99-US", "NOTIF/REQ", "OPENSSL", "RATIO");
	printf("%-8s %-18s %8u %5u %10.0f %9.1f %9.1f %9.3f ",
	       op_name(b->op), mechanism_text(b), b->size, b->depth,
	       r->per_second, r->p50_us, r->p99_us, r->notifications);
	if (soft > 0)
		printf("%10.0f %7.2f", soft, r->per_second / soft);
	else
		printf("%10s %7s", "-", "-");
	if (r->errors)
		printf("  %llu errors, the last %s",
		       (unsigned long long)r->errors,
		       vhsm_status_name(r->status));
	putchar('\n');
	fflush(stdout);
}

/* One size at every depth. */
static void run_depths(struct table *t, struct bench_case *b)
{
	const unsigned chosen[] = { (unsigned)t->c->depth, 0 };
	const unsigned *depth = t->c->depth > 0 ? chosen :
		t->c->quick ? quick_depths : all_depths;
	struct bench_result result;
	double soft = bench_soft(b);
	int r;

	for (; *depth; depth++) {
		b->depth = *depth;
		r = bench_run(t->c->h, b, &result);
		if (r == -VHSM_E_NO_SPACE)
			continue;	/* deeper ones do not fit either */
		if (r < 0) {
			t->error = cli_error(op_name(b->op), r);
			return;
		}
		add_row(t, b, &result, soft);
	}
}

static void run_case(struct table *t, struct bench_case *b)
{
	const uint32_t chosen[] = { (uint32_t)t->c->size, 0 };
	const uint32_t *size = b->op == VHSM_OP_ENCRYPT && !t->c->quick ?
		bulk_sizes : small_sizes;

	if (t->error || (t->c->op && strcmp(t->c->op, op_name(b->op))))
		return;
	b->ms = t->c->quick ? MS_QUICK : MS;
	if (t->c->size > 0)
		size = chosen;
	for (; *size && !t->error; size++) {
		b->size = *size;
		run_depths(t, b);
	}
}

static uint16_t op_of(uint16_t mechanism)
{
	switch (VHSM_MECH_FAMILY(mechanism)) {
	case VHSM_MECH_AES_GCM:
	case VHSM_MECH_CHACHA20_POLY1305:
		return VHSM_OP_ENCRYPT;
	case VHSM_MECH_HMAC:
		return VHSM_OP_MAC;
	default:
		return VHSM_OP_SIGN;
	}
}

static void run_key(struct table *t, const struct vhsm_key_info *info)
{
	char name[VHSM_NAME_MAX + 1];
	struct bench_case b = {
		.key_type = info->type,
		.mechanism = vhsm_mechanism_default(info->type),
	};
	const uint32_t needs = op_of(b.mechanism) == VHSM_OP_SIGN ?
		VHSM_USE_SIGN : op_of(b.mechanism) == VHSM_OP_MAC ?
		VHSM_USE_MAC : VHSM_USE_ENCRYPT;
	int r;

	cli_key_name(info, name);
	if (!b.mechanism || info->state != VHSM_KEY_ENABLED ||
	    !(info->usages & needs) || t->error ||
	    (t->c->key && strcmp(t->c->key, name)))
		return;
	r = vhsm_key_open(t->c->h, name, &b.key);
	if (r < 0) {
		t->error = cli_error(name, r);
		return;
	}
	b.op = op_of(b.mechanism);
	run_case(t, &b);
	vhsm_key_close(t->c->h, b.key);
}

static void run_all(struct table *t)
{
	struct bench_case nop = { .op = VHSM_OP_NOP };
	struct bench_case random = { .op = VHSM_OP_RANDOM };
	struct vhsm_key_info keys[KEYS_MAX];
	int count = vhsm_key_list(t->c->h, NULL, keys, KEYS_MAX), i;

	if (count < 0) {
		t->error = cli_error("the list of keys", count);
		return;
	}
	if (!t->c->key) {
		run_case(t, &nop);
		run_case(t, &random);
	}
	for (i = 0; i < count; i++)
		run_key(t, &keys[i]);
	if (!t->error && !t->printed && !t->rows)
		t->error = cli_usage("bench: no key and operation fit what "
				     "was asked for");
}

static int run_bench(struct cli *c)
{
	struct table t = { .c = c };
	int r = cli_open(c, c->quick ? ROOM_QUICK : ROOM);

	if (r)
		return r;
	if (c->json)
		t.rows = json_array();
	run_all(&t);
	if (t.rows) {
		json_dumpf(t.rows, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(t.rows);
	}
	return t.error;
}

const struct cli_command cmd_bench = {
	"bench", "[--quick]", "How fast, beside this guest's own OpenSSL",
	"qpOkz", 0, 0, run_bench,
	"  --quick      a short look: 1 KiB, depths 1 and 32\n"
	"  --depth N    this many requests outstanding\n"
	"  --size N     bytes of input\n"
	"  --key NAME   this key only\n"
	"  --op OP      nop, random, encrypt, mac or sign only\n",
};
