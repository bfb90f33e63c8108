/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-sites.c - the legal values of each kind of patch site, from tables made
 * by hand; and tables that make no sense.  Image and builder are this file's.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/site-op.h"

#define TEXT		UINT64_C(0xffffffff81000000)
#define TEXT_LEN	0x1000u
#define REPLACEMENT	UINT64_C(0xffffffff83000000)
#define DATA		UINT64_C(0xffffffff83100000)
#define TABLE		UINT64_C(0xffffffff83200000)	/* and 64 KiB each */
#define PART_LEN	0x400u
#define SITES_MAX	8u
#define VALUES_MAX	64u

#define THUNK_RAX	(TEXT + 0xe00)
#define THUNK_R11	(TEXT + 0xe20)
#define ITS_RAX		(TEXT + 0xe40)
#define RETURN_THUNK	(TEXT + 0xe60)
#define SRSO_THUNK	(TEXT + 0xe80)
#define NATIVE		(TEXT + 0xea0)
#define SCT		(TEXT + 0xf00)
#define SCK		(DATA + 0x100)

/* --- an image --- */

struct vhsm_image {
	struct vhsm_image_section section[12];
	size_t sections;
	uint8_t bytes[12][TEXT_LEN];
};

struct vhsm_builder {
	struct vhsm_site site[SITES_MAX];
	size_t sites;
	struct {
		uint64_t va;
		uint8_t bytes[64];
		uint32_t len;
		uint8_t target_at;
	} value[VALUES_MAX];
	size_t values;
};

static struct vhsm_image image;
static struct vhsm_builder builder;
static char why[VHSM_BUILDER_WHY_LEN];

static const struct vhsm_image_symbol symbols[] = {
	{ "__x86_indirect_thunk_rax", THUNK_RAX, 'T' },
	{ "__x86_indirect_thunk_r11", THUNK_R11, 'T' },
	{ "__x86_indirect_its_thunk_rax", ITS_RAX, 'T' },
	{ "__x86_return_thunk", RETURN_THUNK, 'T' },
	{ "srso_return_thunk", SRSO_THUNK, 'T' },
	{ "__SCT__call", SCT, 'T' },
	{ "pv_ops", DATA, 'D' },
	{ "__SCK__call", SCK, 'D' },
	{ "__start___jump_table", DATA + 0x200, 'D' },
	{ "__stop___jump_table", DATA + 0x210, 'D' },
	{ "__start_static_call_sites", DATA + 0x220, 'D' },
	{ "__stop_static_call_sites", DATA + 0x228, 'D' },
	{ "__start_mcount_loc", DATA + 0x240, 'D' },
	{ "__stop_mcount_loc", DATA + 0x248, 'D' },
	{ "ftrace_caller", TEXT + 0xec0, 'T' },
};

const struct vhsm_image_section *
vhsm_image_section(const struct vhsm_image *i, const char *name)
{
	for (size_t k = 0; k < i->sections; k++)
		if (!strcmp(i->section[k].name, name))
			return &i->section[k];
	return NULL;
}

const uint8_t *vhsm_image_at(const struct vhsm_image *i, uint64_t va,
			     uint64_t len)
{
	for (size_t k = 0; k < i->sections; k++) {
		const struct vhsm_image_section *s = &i->section[k];

		if (va >= s->va && va - s->va <= s->len &&
		    len <= s->len - (va - s->va))
			return s->bytes + (va - s->va);
	}
	return NULL;
}

const struct vhsm_image_symbol *vhsm_image_symbols(const struct vhsm_image *i,
						   size_t *count)
{
	(void)i;
	*count = sizeof(symbols) / sizeof(symbols[0]);
	return symbols;
}

int vhsm_image_symbol(const struct vhsm_image *i, const char *name,
		      uint64_t *va)
{
	(void)i;
	for (size_t k = 0; k < sizeof(symbols) / sizeof(symbols[0]); k++)
		if (!strcmp(symbols[k].name, name)) {
			*va = symbols[k].va;
			return 0;
		}
	return -ENOENT;
}

enum vhsm_relocation_kind
vhsm_image_relocation_at(const struct vhsm_image *i, uint64_t va)
{
	(void)i;
	(void)va;
	return 0;
}

int vhsm_builder_add_site(struct vhsm_builder *b, const struct vhsm_site *site,
			  const struct vhsm_builder_variant *v, size_t count)
{
	ck_assert_uint_lt(b->sites, SITES_MAX);
	b->site[b->sites++] = *site;
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_lt(b->values, VALUES_MAX);
		b->value[b->values].va = site->va;
		b->value[b->values].len = site->len;
		b->value[b->values].target_at = v[i].target_at;
		memcpy(b->value[b->values++].bytes, v[i].bytes, site->len);
	}
	return 0;
}

/* --- making it --- */

static uint8_t *section(const char *name, uint64_t va, uint64_t len)
{
	size_t k = image.sections++;

	ck_assert_uint_lt(k, 12);
	image.section[k] = (struct vhsm_image_section){
		.name = name, .va = va, .len = len, .bytes = image.bytes[k],
	};
	return image.bytes[k];
}

/* Bytes anywhere in the image. */
static void put(uint64_t va, const void *bytes, size_t len)
{
	uint8_t *at = (uint8_t *)vhsm_image_at(&image, va, len);

	ck_assert_ptr_nonnull(at);
	memcpy(at, bytes, len);
}

static void put_branch(uint64_t va, uint8_t opcode, uint64_t target)
{
	uint8_t bytes[5];

	vhsm_site_branch(bytes, opcode, va, target);
	put(va, bytes, 5);
}

static void put_relative(uint64_t va, uint64_t target)
{
	uint32_t distance = (uint32_t)(target - va);

	put(va, &distance, 4);
}

static void setup(void)
{
	memset(&image, 0, sizeof(image));
	memset(&builder, 0, sizeof(builder));
	section(".text", TEXT, TEXT_LEN);
	section(".altinstr_replacement", REPLACEMENT, PART_LEN);
	section(".data", DATA, PART_LEN);
	put(SCT, "\xe9", 1);
	/* What every image here has: a jump label, a static call, a function
	 * that ftrace knows; in text that is otherwise not looked at. */
	image.section[2].len = 0x200;
}

static void with_runtime_tables(void)
{
	image.section[2].len = PART_LEN;
	put(TEXT + 0x800, "\xeb\x10", 2);
	put_relative(DATA + 0x200, TEXT + 0x800);
	put_relative(DATA + 0x204, TEXT + 0x812);
	put_branch(TEXT + 0x840, 0xe8, SCT);
	put_relative(DATA + 0x220, TEXT + 0x840);
	put_relative(DATA + 0x224, SCK);
	put(SCK, &(uint64_t){ NATIVE }, 8);
	put_branch(TEXT + 0x880, 0xe8, TEXT + 0xee0);
	put(DATA + 0x240, &(uint64_t){ TEXT + 0x880 }, 8);
}

static void alternative(uint64_t va, uint8_t len, uint16_t feature,
			const char *replacement, uint8_t replacement_len)
{
	const struct vhsm_image_section *table =
		vhsm_image_section(&image, ".altinstructions");
	uint64_t entry, from;

	if (!table) {
		section(".altinstructions", TABLE, 0);
		table = vhsm_image_section(&image, ".altinstructions");
	}
	entry = table->va + table->len;
	from = REPLACEMENT + table->len / 12 * 32;
	((struct vhsm_image_section *)table)->len += 12;
	put(from, replacement, replacement_len);
	put_relative(entry, va);
	put_relative(entry + 4, from);
	put(entry + 8, &feature, 2);
	put(entry + 10, &len, 1);
	put(entry + 11, &replacement_len, 1);
}

static void relative_site(const char *name, unsigned number, uint64_t va)
{
	uint64_t at = TABLE + number * 0x10000u;

	section(name, at, 4);
	put_relative(at, va);
}

static void paravirt(uint64_t va, uint8_t slot, uint8_t len)
{
	section(".parainstructions", TABLE + 0x90000, 16);
	put(TABLE + 0x90000, &va, 8);
	put(TABLE + 0x90008, &slot, 1);
	put(TABLE + 0x90009, &len, 1);
}

static void make(void)
{
	ck_assert_msg(vhsm_builder_add_sites(&builder, &image, why) == 0, "%s",
		      why);
}

static bool has(uint64_t va, const void *bytes, size_t len, uint8_t target_at)
{
	for (size_t i = 0; i < builder.values; i++)
		if (builder.value[i].va == va && builder.value[i].len == len &&
		    builder.value[i].target_at == target_at &&
		    !memcmp(builder.value[i].bytes, bytes, len))
			return true;
	return false;
}

static bool has_branch(uint64_t va, uint8_t opcode, uint64_t target)
{
	uint8_t bytes[5];

	vhsm_site_branch(bytes, opcode, va, target);
	return has(va, bytes, 5, 0);
}

/* How many values the site at va has. */
static unsigned values(uint64_t va)
{
	unsigned n = 0;

	for (size_t i = 0; i < builder.values; i++)
		n += builder.value[i].va == va;
	return n;
}

/* --- boot --- */

START_TEST(an_alternative_is_either_and_its_no_ops_are_joined)
{
	put(TEXT, "\x90\x90\x90", 3);
	alternative(TEXT, 3, 308, "\x0f\x01\xcb", 3);
	make();
	ck_assert_uint_eq(values(TEXT), 2);
	ck_assert(has(TEXT, "\x0f\x1f\x00", 3, 0));
	ck_assert(has(TEXT, "\x0f\x01\xcb", 3, 0));
}
END_TEST

START_TEST(a_later_alternative_wins_and_leaves_no_mixture)
{
	put(TEXT, "\x0f\x01\xca", 3);
	alternative(TEXT, 3, 1, "\xfa", 1);
	alternative(TEXT, 3, 2, "\xfb\xf4", 2);
	make();
	ck_assert_uint_eq(values(TEXT), 2);
	ck_assert(has(TEXT, "\xfa\x66\x90", 3, 0));
	ck_assert(has(TEXT, "\xfb\xf4\x90", 3, 0));
}
END_TEST

START_TEST(calls_and_jumps_of_a_replacement_are_moved)
{
	uint8_t near[5] = { 0xeb, 0x10, 0x0f, 0x1f, 0x00 };

	put(TEXT, "\x0f\x1f\x44\x00\x00", 5);
	put(TEXT + 0x40, "\x0f\x1f\x44\x00\x00", 5);
	alternative(TEXT, 5, 1, "\xe8\0\0\0\0", 5);
	alternative(TEXT + 0x40, 5, 1, "\xe9\0\0\0\0", 5);
	put_branch(REPLACEMENT, 0xe8, TEXT + 0x500);
	put_branch(REPLACEMENT + 32, 0xe9, TEXT + 0x52);
	make();
	ck_assert(has_branch(TEXT, 0xe8, TEXT + 0x500));
	ck_assert(has(TEXT + 0x40, near, 5, 0));
}
END_TEST

START_TEST(a_retpoline_may_be_what_it_stands_for)
{
	put_branch(TEXT, 0xe8, THUNK_RAX);
	relative_site(".retpoline_sites", 1, TEXT);
	make();
	ck_assert(has(TEXT, "\xff\xd0\x0f\x1f\x00", 5, 0));
	ck_assert(has(TEXT, "\x0f\xae\xe8\xff\xd0", 5, 0));
	ck_assert(has_branch(TEXT, 0xe8, ITS_RAX));
	ck_assert(has(TEXT, "\xe8\x00\x00\x00\x00", 5, 1));
	ck_assert_uint_eq(values(TEXT), 4);
}
END_TEST

START_TEST(a_retpoline_of_a_high_register_has_a_prefix)
{
	put(TEXT, "\x2e", 1);
	put_branch(TEXT + 1, 0xe9, THUNK_R11);
	relative_site(".retpoline_sites", 1, TEXT);
	make();
	ck_assert(has(TEXT, "\x41\xff\xe3\xcc\x66\x90", 6, 0));
	ck_assert(has(TEXT, "\x0f\xae\xe8\x41\xff\xe3", 6, 0));
	ck_assert_uint_eq(values(TEXT), 2);
}
END_TEST

START_TEST(a_return_is_a_return_or_a_known_thunk)
{
	put_branch(TEXT, 0xe9, RETURN_THUNK);
	relative_site(".return_sites", 1, TEXT);
	make();
	ck_assert(has(TEXT, "\xc3\xcc\xcc\xcc\xcc", 5, 0));
	ck_assert(has_branch(TEXT, 0xe9, SRSO_THUNK));
	ck_assert_uint_eq(values(TEXT), 2);
}
END_TEST

START_TEST(a_lock_may_be_a_prefix_that_does_nothing)
{
	put(TEXT, "\xf0\x0f\xc1\x07", 4);
	relative_site(".smp_locks", 1, TEXT);
	make();
	ck_assert_uint_eq(builder.site[builder.sites - 1].len, 1);
	ck_assert(has(TEXT, "\x3e", 1, 0));
	ck_assert_uint_eq(values(TEXT), 1);
}
END_TEST

START_TEST(a_paravirt_call_is_the_images_or_the_slots)
{
	uint8_t direct[6];

	put(TEXT, "\xff\x15\x01\x02\x03\x04", 6);
	put(DATA + 3 * 8, &(uint64_t){ NATIVE }, 8);
	paravirt(TEXT, 3, 6);
	make();
	vhsm_site_branch(direct, 0xe8, TEXT, NATIVE);
	direct[5] = 0x90;
	ck_assert(has(TEXT, direct, 6, 0));
	ck_assert(has(TEXT, "\xe8\x00\x00\x00\x00\x90", 6, 1));
	ck_assert_uint_eq(values(TEXT), 2);
	ck_assert_uint_eq(builder.site[builder.sites - 1].key, DATA + 24);
	ck_assert_uint_eq(builder.site[builder.sites - 1].flags,
			  VHSM_SITE_DYNAMIC);
}
END_TEST

START_TEST(an_alternative_of_a_paravirt_call_is_done_after_it)
{
	put(TEXT, "\xff\x15\x01\x02\x03\x04", 6);
	paravirt(TEXT, 3, 6);
	alternative(TEXT, 6, 0x8000 | 272, "\xfa", 1);
	make();
	ck_assert(has(TEXT, "\xfa\x0f\x1f\x44\x00\x00", 6, 0));
	ck_assert(has(TEXT, "\xe8\x00\x00\x00\x00\x90", 6, 1));
	ck_assert_uint_eq(values(TEXT), 2);
}
END_TEST

START_TEST(a_return_in_an_alternative_makes_one_site_of_both)
{
	put(TEXT, "\xf3\x90", 2);
	put_branch(TEXT + 2, 0xe9, RETURN_THUNK);
	relative_site(".return_sites", 1, TEXT + 2);
	alternative(TEXT, 7, 5, "\xff\xe0\xcc", 3);
	make();
	ck_assert_uint_eq(builder.sites, 2);	/* with the trampoline */
	ck_assert(has(TEXT, "\xf3\x90\xc3\xcc\xcc\xcc\xcc", 7, 0));
	ck_assert(has(TEXT, "\xff\xe0\xcc\x0f\x1f\x40\x00", 7, 0));
	ck_assert_uint_eq(values(TEXT), 3);
}
END_TEST

START_TEST(what_boot_throws_away_is_no_site)
{
	relative_site(".return_sites", 1, DATA);
	make();
	ck_assert_uint_eq(builder.sites, 1);	/* the trampoline */
}
END_TEST

/* --- run time --- */

START_TEST(what_is_turned_at_run_time_has_its_values)
{
	with_runtime_tables();
	make();
	ck_assert(has(TEXT + 0x800, "\x66\x90", 2, 0));
	ck_assert(has(TEXT + 0x800, "\xeb\x10", 2, 0));
	ck_assert(has_branch(TEXT + 0x840, 0xe8, NATIVE));
	ck_assert(has(TEXT + 0x840, "\x0f\x1f\x44\x00\x00", 5, 0));
	ck_assert(has(TEXT + 0x840, "\x2e\x2e\x2e\x31\xc0", 5, 0));
	ck_assert(has(TEXT + 0x840, "\xe8\x00\x00\x00\x00", 5, 1));
	ck_assert(has(TEXT + 0x880, "\x0f\x1f\x44\x00\x00", 5, 0));
	ck_assert(has_branch(TEXT + 0x880, 0xe8, TEXT + 0xec0));
	ck_assert(has(TEXT + 0x880, "\xe8\x00\x00\x00\x00", 5, 1));
	ck_assert(has_branch(SCT, 0xe9, NATIVE));
	ck_assert(has(SCT, "\xc3\xcc\xcc\xcc\xcc", 5, 0));
}
END_TEST

START_TEST(a_trampoline_that_returns_is_one_site)
{
	with_runtime_tables();
	put_branch(SCT, 0xe9, RETURN_THUNK);
	relative_site(".return_sites", 1, SCT);
	make();
	ck_assert_uint_eq(builder.sites, 4);
}
END_TEST

/* --- tables that make no sense --- */

static void refused(void)
{
	ck_assert_int_eq(vhsm_builder_add_sites(&builder, &image, why),
			 -EINVAL);
	ck_assert_uint_ne(why[0], 0);
}

START_TEST(entries_that_are_cut_are_refused)
{
	alternative(TEXT, 3, 1, "\xfa", 1);
	((struct vhsm_image_section *)
	 vhsm_image_section(&image, ".altinstructions"))->len = 11;
	refused();
}
END_TEST

START_TEST(a_replacement_outside_the_image_is_refused)
{
	alternative(TEXT, 3, 1, "\xfa", 1);
	put_relative(TABLE + 4, REPLACEMENT + PART_LEN);
	refused();
}
END_TEST

START_TEST(a_replacement_longer_than_its_place_is_refused)
{
	alternative(TEXT, 3, 1, "\xfa\xfa\xfa\xfa", 4);
	refused();
}
END_TEST

START_TEST(a_place_of_another_form_is_refused)
{
	static const char *const tables[] = {
		".retpoline_sites", ".return_sites", ".smp_locks",
		".ibt_endbr_seal",
	};

	put(TEXT, "\x48\x89\xc3\x48\x89\xc3", 6);
	relative_site(tables[_i], 1, TEXT);
	refused();
}
END_TEST

START_TEST(a_paravirt_call_without_room_is_refused)
{
	paravirt(TEXT, 3, 4);
	refused();
}
END_TEST

START_TEST(a_jump_label_that_is_no_jump_is_refused)
{
	with_runtime_tables();
	put(TEXT + 0x800, "\x48\x89", 2);
	refused();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sites");
	TCase *t = tcase_create("sites");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, an_alternative_is_either_and_its_no_ops_are_joined);
	tcase_add_test(t, a_later_alternative_wins_and_leaves_no_mixture);
	tcase_add_test(t, calls_and_jumps_of_a_replacement_are_moved);
	tcase_add_test(t, a_retpoline_may_be_what_it_stands_for);
	tcase_add_test(t, a_retpoline_of_a_high_register_has_a_prefix);
	tcase_add_test(t, a_return_is_a_return_or_a_known_thunk);
	tcase_add_test(t, a_lock_may_be_a_prefix_that_does_nothing);
	tcase_add_test(t, a_paravirt_call_is_the_images_or_the_slots);
	tcase_add_test(t, an_alternative_of_a_paravirt_call_is_done_after_it);
	tcase_add_test(t, a_return_in_an_alternative_makes_one_site_of_both);
	tcase_add_test(t, what_boot_throws_away_is_no_site);
	tcase_add_test(t, what_is_turned_at_run_time_has_its_values);
	tcase_add_test(t, a_trampoline_that_returns_is_one_site);
	tcase_add_test(t, entries_that_are_cut_are_refused);
	tcase_add_test(t, a_replacement_outside_the_image_is_refused);
	tcase_add_test(t, a_replacement_longer_than_its_place_is_refused);
	tcase_add_loop_test(t, a_place_of_another_form_is_refused, 0, 4);
	tcase_add_test(t, a_paravirt_call_without_room_is_refused);
	tcase_add_test(t, a_jump_label_that_is_no_jump_is_refused);
	suite_add_tcase(suite, t);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
