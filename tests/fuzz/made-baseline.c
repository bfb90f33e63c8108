/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made-baseline.c - the rest of a made-up baseline: a module with every kind of
 * field and site, a rule, and the fingerprints of a secret.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fingerprint/fingerprint.h"
#include "fuzz/made-guest.h"
#include "introspect/module-reference-file.h"

#define TEXT_LEN	0x800u
#define FIELDS		8u
#define SITES		11u

const uint8_t made_secret[32] = {
	0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15, 0xf3, 0x9c, 0xc0, 0x60,
	0x5c, 0xed, 0xc8, 0x34, 0x10, 0x82, 0x27, 0x6b, 0xf3, 0xa2, 0x72, 0x51,
	0xf8, 0x6c, 0x6a, 0x11, 0xd0, 0xc1, 0x8e, 0x95,
};

static char dir[64];
static const char *const names[] = {
	"modules", "rules.yar", "fingerprints.json"
};

static void remove_all(void)
{
	char path[96];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static const char *path_of(unsigned i)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
	return path;
}

struct modules_file {
	struct modules_header h;
	struct modules_record module;
	struct vhsm_module_target field[FIELDS];
	struct vhsm_module_site site[SITES];
	struct vhsm_module_variant variant[2 * SITES];
	uint8_t bytes[TEXT_LEN + 16];
};

static void fill_sites(struct modules_file *f)
{
	static const uint8_t nop_and_jump[16] = {
		0x0f, 0x1f, 0x44, 0, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0
	};
	unsigned i;

	memcpy(f->bytes + TEXT_LEN, nop_and_jump, sizeof(nop_and_jump));
	for (i = 0; i < SITES; i++) {
		f->site[i].at = 0x400 + 32 * i;
		f->site[i].len = i % 2 ? 8 : 5;
		f->site[i].kind = (uint8_t)(i + 1);
		f->site[i].variant_count = 2;
		f->site[i].first_variant = 2 * i;
		f->variant[2 * i].bytes_at = TEXT_LEN;
		f->variant[2 * i].len = 5;
		f->variant[2 * i + 1].bytes_at = TEXT_LEN + 8;
		f->variant[2 * i + 1].len = 5;
		f->variant[2 * i + 1].has_target = 1;
		f->variant[2 * i + 1].target.kind = VHSM_FIELD_PC32;
		f->variant[2 * i + 1].target.from = VHSM_FROM_KERNEL;
		f->variant[2 * i + 1].target.at = 1;
		f->variant[2 * i + 1].target.value = MADE_TEXT + 0x1000 - 4;
	}
}

static void fill_module(struct modules_file *f)
{
	unsigned i;

	snprintf(f->module.name, sizeof(f->module.name), "made_up");
	f->module.len = TEXT_LEN;
	f->module.size = 2 * VHSM_GUEST_PAGE_SIZE;
	f->module.field_count = FIELDS;
	f->module.site_count = SITES;
	for (i = 0; i < TEXT_LEN; i++)
		f->bytes[i] = (uint8_t)(i * 13 + (i >> 7));
	for (i = 0; i < FIELDS; i++) {
		f->field[i].value = MADE_TEXT + 0x1000 + 64 * i;
		f->field[i].from = i < 6 ? VHSM_FROM_KERNEL : i == 6 ? 0 :
			VHSM_FROM_ZERO;
		f->field[i].kind = (uint8_t)(i % 6 + 1);
		f->field[i].at = 0x100 + 16 * i;
	}
	fill_sites(f);
}

static void set_table(const struct modules_file *f, struct modules_table *t,
		      const void *table, uint64_t count)
{
	t->at = (uint64_t)((const uint8_t *)table - (const uint8_t *)f);
	t->count = count;
}

static void write_modules(void)
{
	static struct modules_file f;
	FILE *out = fopen(path_of(0), "w");

	memcpy(f.h.magic, MODULES_MAGIC, sizeof(f.h.magic));
	f.h.version = MODULES_VERSION;
	f.h.file_len = sizeof(f);
	snprintf(f.h.release, sizeof(f.h.release), "%s",
		 vhsm_reference_release(made_reference()));
	set_table(&f, &f.h.modules, &f.module, 1);
	set_table(&f, &f.h.fields, f.field, FIELDS);
	set_table(&f, &f.h.sites, f.site, SITES);
	set_table(&f, &f.h.variants, f.variant, 2 * SITES);
	set_table(&f, &f.h.bytes, f.bytes, sizeof(f.bytes));
	fill_module(&f);
	MUST(out && fwrite(&f, sizeof(f), 1, out) == 1 && !fclose(out));
}

static void write_rules(void)
{
	FILE *out = fopen(path_of(1), "w");

	MUST(out && fputs("rule made_up { strings: $a = \"" MADE_MARKER "\" "
			  "$b = /vhsm[0-9]{2,6}x/ condition: any of them }\n",
			  out) >= 0 && !fclose(out));
}

static void write_fingerprints(void)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	json_t *json;

	MUST(set && !vhsm_fingerprints_add_secret(set, "made-up/1 raw",
				made_secret, sizeof(made_secret)));
	json = vhsm_fingerprints_encode(set);
	MUST(json && !json_dump_file(json, path_of(2), JSON_COMPACT));
	json_decref(json);
	vhsm_fingerprints_free(&set);
}

const char *made_baseline(void)
{
	const char *tmp = getenv("TMPDIR");

	if (dir[0])
		return dir;
	snprintf(dir, sizeof(dir), "%.30s/made-baseline.XXXXXX",
		 tmp ? tmp : "/tmp");
	MUST(mkdtemp(dir));
	atexit(remove_all);
	write_modules();
	write_rules();
	write_fingerprints();
	return dir;
}
