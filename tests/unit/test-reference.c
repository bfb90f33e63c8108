/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-reference.c - what was put into a reference is what it answers, and a
 * damaged one is refused when it is opened.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/reference-file.h"
#include "kernel-image/builder.h"
#include "unit/kernel-fixture.h"

#define SLIDE	0x1a000000u

static char dir[] = "/tmp/reference.XXXXXX";
static char kernel[64], path[64];
static char why[VHSM_BUILDER_WHY_LEN];
static struct vhsm_image *image;
static struct vhsm_builder *builder;
static struct vhsm_reference *reference;

static void save(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert(len == 0 || fwrite(bytes, len, 1, file) == 1);
	fclose(file);
}

static void make_kernel(const struct kernel_fixture *fixture)
{
	size_t len;
	uint8_t *bytes = kernel_fixture_vmlinux(fixture, &len);

	save(kernel, bytes, len);
	free(bytes);
}

static void setup(void)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1_SEQS };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(kernel, sizeof(kernel), "%s/vmlinux", dir);
	snprintf(path, sizeof(path), "%s/reference", dir);
	make_kernel(&fixture);
	image = vhsm_image_open(kernel, why);
	ck_assert_msg(image, "%s", why);
	builder = vhsm_builder_new(image, why);
	ck_assert_msg(builder, "%s", why);
}

static void teardown(void)
{
	vhsm_reference_close(&reference);
	vhsm_builder_free(&builder);
	vhsm_image_free(&image);
	unlink(kernel);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);	/* nothing was left behind */
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static void add_site(uint64_t va, uint32_t len, int error)
{
	static const uint8_t bytes[2][16] = { { 0x90 }, { 0xcc } };
	const struct vhsm_site site = {
		.va = va, .len = len, .kind = VHSM_SITE_ALTERNATIVE,
		.key = 0x1234,
	};
	const struct vhsm_builder_variant variant[] = {
		{ bytes[0], VHSM_NO_SLIDE, 0 },
		{ bytes[0], VHSM_NO_SLIDE, 0 },		/* the same again */
		{ bytes[1], len < 5 ? VHSM_NO_SLIDE : 1, 0 },
		/* the image's own */
		{ vhsm_image_at(image, va, len), VHSM_NO_SLIDE, 0 },
	};
	size_t count = variant[3].bytes ? 4 : 3;

	ck_assert_int_eq(vhsm_builder_add_site(builder, &site, variant, count),
			 error);
}

static void write_and_open(void)
{
	ck_assert_msg(vhsm_builder_write(builder, path, why) == 0, "%s", why);
	reference = vhsm_reference_open(path, why);
	ck_assert_msg(reference, "%s", why);
}

START_TEST(segments_are_what_stays_and_what_boot_fills)
{
	static const struct vhsm_reference_segment expected[] = {
		{ FIXTURE_TEXT, FIXTURE_ETEXT - FIXTURE_TEXT, NULL,
		  VHSM_SEGMENT_TEXT },
		{ FIXTURE_RODATA, FIXTURE_FILLED - FIXTURE_RODATA, NULL,
		  VHSM_SEGMENT_RODATA },
		{ FIXTURE_FILLED, FIXTURE_FILLED_END - FIXTURE_FILLED, NULL,
		  VHSM_SEGMENT_RO_AFTER_INIT },
		{ FIXTURE_FILLED_END, FIXTURE_END_RODATA - FIXTURE_FILLED_END,
		  NULL, VHSM_SEGMENT_RODATA },
		{ FIXTURE_IDTS, 0x40, NULL, VHSM_SEGMENT_INIT },
	};
	const struct vhsm_reference_segment *s;
	size_t i, count;

	write_and_open();
	s = vhsm_reference_segments(reference, &count);
	ck_assert_uint_eq(count, 5);
	for (i = 0; i < count; i++) {
		ck_assert_uint_eq(s[i].start, expected[i].start);
		ck_assert_uint_eq(s[i].len, expected[i].len);
		ck_assert_int_eq(s[i].kind, expected[i].kind);
		ck_assert(!s[i].bytes ==
			  (s[i].kind == VHSM_SEGMENT_RO_AFTER_INIT));
	}
	ck_assert_str_eq(vhsm_reference_release(reference), FIXTURE_RELEASE);
	ck_assert_mem_eq(vhsm_reference_image_sha256(reference),
			 vhsm_image_sha256(image), 32);
}
END_TEST

/* A disk has whole sectors, and the reference must be as long as it. */
START_TEST(a_reference_has_whole_pages)
{
	struct stat st;

	write_and_open();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
	ck_assert_int_eq(st.st_size % 4096, 0);
}
END_TEST

/* What the reference expects of memory, and what the file has, with the
 * relocations applied one by one. */
static void check_expected(uint64_t start, size_t len)
{
	uint8_t *own = malloc(len), *expected = malloc(len);
	const struct vhsm_relocation *r;
	uint64_t value;
	size_t i, count, n;

	r = vhsm_image_relocations(image, &count);
	memcpy(own, vhsm_image_at(image, start, len), len);
	for (i = 0; i < count; i++) {
		n = r[i].kind == VHSM_RELOCATION_64 ? 8 : 4;
		if (r[i].at < start || r[i].at + n > start + len)
			continue;
		value = 0;
		memcpy(&value, own + (r[i].at - start), n);
		value += r[i].kind == VHSM_RELOCATION_32_NEG ?
			 -(uint64_t)SLIDE : SLIDE;
		memcpy(own + (r[i].at - start), &value, n);
	}
	ck_assert_int_eq(vhsm_reference_expected(reference, start, SLIDE,
						 expected, len), 0);
	ck_assert_mem_eq(own, expected, len);
	/* The same in pieces, which cut every relocation everywhere. */
	for (i = 0; i < len; i++) {
		uint8_t piece[3];
		size_t piece_len = len - i < 3 ? len - i : 3;

		ck_assert_int_eq(vhsm_reference_expected(reference, start + i,
				 SLIDE, piece, piece_len), 0);
		ck_assert_mem_eq(own + i, piece, piece_len);
	}
	free(own);
	free(expected);
}

START_TEST(expected_bytes_are_relocated_even_when_cut)
{
	uint8_t byte[2];

	write_and_open();
	check_expected(FIXTURE_TEXT, FIXTURE_ETEXT - FIXTURE_TEXT);
	check_expected(FIXTURE_RODATA, FIXTURE_FILLED - FIXTURE_RODATA);
	check_expected(FIXTURE_IDTS, 0x40);
	ck_assert_int_eq(vhsm_reference_expected(reference, FIXTURE_ETEXT - 1,
						 SLIDE, byte, 1), 0);
	ck_assert_uint_eq(byte[0], kernel_fixture_byte(FIXTURE_ETEXT - 1));
	ck_assert_int_eq(vhsm_reference_expected(reference, FIXTURE_ETEXT - 1,
						 SLIDE, byte, 2), -EFAULT);
	ck_assert_int_eq(vhsm_reference_expected(reference, FIXTURE_FILLED,
						 SLIDE, byte, 1), -EFAULT);
	ck_assert_int_eq(vhsm_reference_expected(reference, FIXTURE_DATA,
						 SLIDE, byte, 1), -EFAULT);
}
END_TEST

START_TEST(only_relocations_within_segments_are_kept)
{
	const struct vhsm_relocation *r;
	size_t i, count;

	write_and_open();
	r = vhsm_reference_relocations(reference, &count);
	ck_assert_uint_eq(count, 6);
	for (i = 0; i < count; i++)
		ck_assert(r[i].at != FIXTURE_DATA + 0x10 &&
			  r[i].at != FIXTURE_INIT + 0x40);
}
END_TEST

START_TEST(symbols_are_found_by_name_and_by_address)
{
	uint64_t va, distance;

	write_and_open();
	ck_assert_int_eq(vhsm_reference_symbol(reference, "twice", &va), 0);
	ck_assert_uint_eq(va, FIXTURE_TEXT + 0x100);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "filler_699", &va),
			 0);
	ck_assert_uint_eq(va, FIXTURE_TEXT + 0x400 + 8 * 699);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "per_cpu_thing",
					       &va), 0);
	ck_assert_uint_eq(va, 0x10);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "nothing", &va),
			 -ENOENT);
	ck_assert_str_eq(vhsm_reference_symbol_at(reference,
			 FIXTURE_TEXT + 0x40f, &distance), "filler_1");
	ck_assert_uint_eq(distance, 7);
	ck_assert_str_eq(vhsm_reference_symbol_at(reference, FIXTURE_TEXT,
						  &distance), "_text");
	ck_assert_ptr_null(vhsm_reference_symbol_at(reference, FIXTURE_TEXT - 1,
						    &distance));
	ck_assert_ptr_null(vhsm_reference_symbol_at(reference,
			   FIXTURE_INIT + 0x3000, &distance));
	ck_assert_ptr_null(vhsm_reference_symbol_at(reference, 0x18,
						    &distance));
	ck_assert(vhsm_reference_is_function(reference, FIXTURE_TEXT + 0x408));
	ck_assert(!vhsm_reference_is_function(reference, FIXTURE_TEXT + 0x409));
	ck_assert(!vhsm_reference_is_function(reference, FIXTURE_RODATA));
}
END_TEST

START_TEST(members_are_where_the_types_say)
{
	struct vhsm_member m;

	write_and_open();
	m = vhsm_reference_layout(reference, VHSM_L_list_head__next);
	ck_assert_uint_eq(m.offset, 0);
	ck_assert_uint_eq(m.size, 8);
	m = vhsm_reference_layout(reference, VHSM_L_list_head__prev);
	ck_assert_uint_eq(m.offset, 8);
	m = vhsm_reference_layout(reference, VHSM_L_task_struct__SIZE);
	ck_assert_uint_eq(m.size, 4096);
	m = vhsm_reference_layout(reference, VHSM_L_vmap_area__list);
	ck_assert_uint_eq(m.offset, VHSM_NO_MEMBER);
	m = vhsm_reference_layout(reference, VHSM_LAYOUT_COUNT);
	ck_assert_uint_eq(m.offset, VHSM_NO_MEMBER);
}
END_TEST

START_TEST(an_image_that_lacks_what_is_needed_is_refused)
{
	struct kernel_fixture fixture = { .symbols = FIXTURE_6_1 };
	struct vhsm_builder_counts counts;

	fixture.without_type = "task_struct";
	make_kernel(&fixture);
	ck_assert_int_lt(vhsm_reference_make(kernel, path, &counts, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "task_struct"));
	fixture.without_type = NULL;
	fixture.without_symbol = "__start_ro_after_init";
	make_kernel(&fixture);
	ck_assert_int_lt(vhsm_reference_make(kernel, path, &counts, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "__start_ro_after_init"));
	fixture.without_symbol = "linux_banner";
	make_kernel(&fixture);
	ck_assert_int_lt(vhsm_reference_make(kernel, path, &counts, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "linux_banner"));
	fixture.without_symbol = NULL;
	fixture.overlapping_relocations = true;
	make_kernel(&fixture);
	ck_assert_int_lt(vhsm_reference_make(kernel, path, &counts, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "overlap"));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(sites_are_sorted_and_their_variants_differ)
{
	struct vhsm_builder_counts counts;
	const struct vhsm_site *site;
	const struct vhsm_site_variant *v;
	size_t i;

	add_site(FIXTURE_TEXT + 0x300, 8, 0);
	add_site(FIXTURE_TEXT + 0x20, 3, 0);
	add_site(FIXTURE_RODATA + 0x60, 5, 0);
	write_and_open();
	vhsm_builder_counts(builder, &counts);
	ck_assert_uint_eq(counts.sites, 3);
	ck_assert_uint_eq(counts.variants, 6);
	site = reference->site;
	ck_assert_uint_eq(reference->header->sites.count, 3);
	ck_assert_uint_eq(site[0].va, FIXTURE_TEXT + 0x20);
	ck_assert_uint_eq(site[1].va, FIXTURE_TEXT + 0x300);
	ck_assert_uint_eq(site[2].va, FIXTURE_RODATA + 0x60);
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(site[i].key, 0x1234);
		ck_assert_uint_eq(site[i].variant_count, 2);
		v = reference->variant + site[i].first_variant;
		ck_assert_uint_eq(v[0].len, site[i].len);
		ck_assert_uint_eq(reference->variant_bytes[v[0].bytes_at],
				  0x90);
		ck_assert_uint_eq(reference->variant_bytes[v[1].bytes_at],
				  0xcc);
		ck_assert_uint_eq(v[1].slide_at, i ? 1 : VHSM_NO_SLIDE);
	}
}
END_TEST

/* By looking at them all. */
static const struct vhsm_site *site_covering(uint64_t va)
{
	size_t i, count = reference->header->sites.count;
	const struct vhsm_site *site = reference->site;

	for (i = 0; i < count; i++)
		if (va >= site[i].va && va < site[i].va + site[i].len)
			return &site[i];
	return NULL;
}

START_TEST(a_site_is_found_wherever_the_last_one_was)
{
	size_t start, near, last = 0;
	unsigned i;
	uint64_t va;

	for (i = 0; i < 30; i++)
		add_site(FIXTURE_TEXT + 0x20 + 12 * i, 5 + i % 3, 0);
	write_and_open();
	for (va = FIXTURE_TEXT; va < FIXTURE_TEXT + 0x200; va++) {
		for (start = 0; start < 40; start++) {
			near = start;
			ck_assert_ptr_eq(vhsm_reference_site_at(
				reference, va, &near), site_covering(va));
		}
		near = SIZE_MAX;
		ck_assert_ptr_eq(vhsm_reference_site_at(reference, va, &near),
				 site_covering(va));
		ck_assert_ptr_eq(vhsm_reference_site_at(reference, va, &last),
				 site_covering(va));
	}
}
END_TEST

START_TEST(sites_that_make_no_sense_are_refused)
{
	add_site(FIXTURE_TEXT, 0, -EINVAL);
	add_site(FIXTURE_ETEXT - 4, 5, -EINVAL);	/* beyond the text */
	add_site(FIXTURE_FILLED, 4, -EINVAL);		/* no bytes there */
	add_site(FIXTURE_DATA, 4, -EINVAL);
	add_site(FIXTURE_TEXT, 300, -EINVAL);		/* a variant's length */
	add_site(FIXTURE_TEXT + 0x20, 5, 0);
	add_site(FIXTURE_TEXT + 0x24, 4, 0);
	ck_assert_int_eq(vhsm_builder_write(builder, path, why), -EEXIST);
	ck_assert_ptr_nonnull(strstr(why, "overlap"));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Whatever opens answers without harm. */
static void use(void)
{
	const struct vhsm_reference_segment *s;
	uint64_t va, distance;
	uint8_t bytes[64];
	size_t i, count;

	s = vhsm_reference_segments(reference, &count);
	for (i = 0; i < count; i++) {
		vhsm_reference_expected(reference, s[i].start, SLIDE, bytes,
					sizeof(bytes));
		vhsm_reference_expected(reference, s[i].start + s[i].len - 64,
					SLIDE, bytes, sizeof(bytes));
		vhsm_reference_symbol_at(reference, s[i].start, &distance);
		vhsm_reference_is_function(reference, s[i].start);
	}
	vhsm_reference_symbol(reference, "twice", &va);
	vhsm_reference_symbol(reference, "nothing", &va);
}

static uint8_t *written(size_t *len)
{
	uint8_t *bytes;
	struct stat st;
	FILE *file;

	add_site(FIXTURE_TEXT + 0x300, 8, 0);
	add_site(FIXTURE_TEXT + 0x20, 3, 0);
	ck_assert_int_eq(vhsm_builder_write(builder, path, why), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	file = fopen(path, "r");
	ck_assert_uint_eq(fread(bytes, *len, 1, file), 1);
	fclose(file);
	return bytes;
}

START_TEST(a_reference_cut_anywhere_is_refused)
{
	size_t len, cut;
	uint8_t *bytes = written(&len);

	for (cut = 0; cut < len; cut += cut < 1024 ? 1 : 511) {
		save(path, bytes, cut);
		why[0] = 0;
		ck_assert_ptr_null(vhsm_reference_open(path, why));
		ck_assert_ptr_nonnull(strstr(why, path));
	}
	free(bytes);
}
END_TEST

START_TEST(a_reference_with_wrong_bytes_is_refused_or_harmless)
{
	size_t len, i, at, bytes_end, refused = 0;
	uint8_t *bytes = written(&len), old;
	const struct reference_header *h = (const void *)bytes;

	srand(5);
	bytes_end = h->relocations.at;
	for (i = 0; i < 4000; i++) {
		at = i % 2 ? (size_t)rand() % sizeof(*h) :
			     bytes_end + (size_t)rand() % (len - bytes_end);
		old = bytes[at];
		bytes[at] ^= (uint8_t)(1 << rand() % 8);
		save(path, bytes, len);
		reference = vhsm_reference_open(path, why);
		if (reference)
			use();
		else
			refused++;
		vhsm_reference_close(&reference);
		bytes[at] = old;
	}
	ck_assert_uint_gt(refused, 1000);
	free(bytes);
}
END_TEST

START_TEST(tables_that_contradict_each_other_are_refused)
{
	size_t len;
	uint8_t *bytes = written(&len);
	struct reference_header *h = (void *)bytes;
	struct reference_symbol *symbol = (void *)(bytes + h->symbols.at);
	struct vhsm_site *site = (void *)(bytes + h->sites.at);
	struct vhsm_relocation *r = (void *)(bytes + h->relocations.at);
	uint64_t kept;

#define REFUSED(field, value, text) do { \
	kept = (field); \
	(field) = (value); \
	save(path, bytes, len); \
	(field) = kept; \
	ck_assert_ptr_null(vhsm_reference_open(path, why)); \
	ck_assert_msg(strstr(why, text), "%s", why); \
} while (0)
	REFUSED(symbol[3].next, 3, "chain");		/* to itself */
	REFUSED(symbol[3].next, 2, "chain");
	REFUSED(symbol[9].name, 0x7fffffff, "symbols");
	REFUSED(symbol[9].va, 0, "symbols");
	REFUSED(bytes[h->strings.at + h->strings.count - 1], 'x', "no end");
	REFUSED(site[0].len, 0x1000, "variant");
	REFUSED(site[0].first_variant, 4, "variants");
	REFUSED(site[0].va, FIXTURE_DATA, "patch site");
	REFUSED(site[1].kind, 0, "no kind");
	REFUSED(r[0].at, FIXTURE_ETEXT - 2, "relocation");
	REFUSED(r[1].kind, 9, "relocations");
	REFUSED(h->version, 2, "version");
	REFUSED(h->layout_id, 1, "another version");
	REFUSED(h->hash.count, h->hash.count - 1, "hash");
#undef REFUSED
	save(path, bytes, len);
	reference = vhsm_reference_open(path, why);
	ck_assert_msg(reference, "%s", why);
	free(bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference");
	TCase *tests = tcase_create("reference");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, segments_are_what_stays_and_what_boot_fills);
	tcase_add_test(tests, a_reference_has_whole_pages);
	tcase_add_test(tests, expected_bytes_are_relocated_even_when_cut);
	tcase_add_test(tests, only_relocations_within_segments_are_kept);
	tcase_add_test(tests, symbols_are_found_by_name_and_by_address);
	tcase_add_test(tests, members_are_where_the_types_say);
	tcase_add_test(tests, an_image_that_lacks_what_is_needed_is_refused);
	tcase_add_test(tests, sites_are_sorted_and_their_variants_differ);
	tcase_add_test(tests, a_site_is_found_wherever_the_last_one_was);
	tcase_add_test(tests, sites_that_make_no_sense_are_refused);
	tcase_add_test(tests, a_reference_cut_anywhere_is_refused);
	tcase_add_test(tests,
		       a_reference_with_wrong_bytes_is_refused_or_harmless);
	tcase_add_test(tests, tables_that_contradict_each_other_are_refused);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
