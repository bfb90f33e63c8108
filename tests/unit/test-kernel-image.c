/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-kernel-image.c - what is read from a kernel image, and what is refused,
 * with small images made here.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-image/image.h"
#include "unit/kernel-fixture.h"

static char path[] = "/tmp/kernel-image.XXXXXX";
static char why[VHSM_IMAGE_WHY_LEN];

static void setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	why[0] = 0;
}

static void teardown(void)
{
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
}

static void save(const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static struct vhsm_image *open_bytes(const uint8_t *bytes, size_t len)
{
	save(bytes, len);
	return vhsm_image_open(path, why);
}

static struct vhsm_image *open_fixture(const struct kernel_fixture *fixture)
{
	size_t len;
	uint8_t *bytes = kernel_fixture_vmlinux(fixture, &len);
	struct vhsm_image *image = open_bytes(bytes, len);

	free(bytes);
	return image;
}

static void check_symbol(const struct vhsm_image *image, const char *name,
			 uint64_t expected)
{
	uint64_t va = 0;

	ck_assert_msg(vhsm_image_symbol(image, name, &va) == 0, "%s", name);
	ck_assert_msg(va == expected, "%s: %#lx", name, (unsigned long)va);
}

static const enum fixture_symbols ages[] = {
	FIXTURE_6_1, FIXTURE_6_1_SEQS, FIXTURE_6_4, FIXTURE_SYMTAB,
};

START_TEST(symbols_are_found_in_tables_of_every_age)
{
	const struct kernel_fixture fixture = { .symbols = ages[_i] };
	struct vhsm_image *image = open_fixture(&fixture);
	char long_name[FIXTURE_LONG_NAME_LEN + 1];
	const struct vhsm_image_symbol *s;
	size_t i, count;
	uint64_t va;

	ck_assert_msg(image, "%s", why);
	memset(long_name, 'l', FIXTURE_LONG_NAME_LEN);
	long_name[FIXTURE_LONG_NAME_LEN] = 0;
	check_symbol(image, "_text", FIXTURE_TEXT);
	check_symbol(image, "twice", FIXTURE_TEXT + 0x100);
	check_symbol(image, "filler_0", FIXTURE_TEXT + 0x400);
	check_symbol(image, "filler_699", FIXTURE_TEXT + 0x400 + 8 * 699);
	check_symbol(image, long_name, FIXTURE_TEXT + 0x2300);
	check_symbol(image, "_end", FIXTURE_INIT + 0x3000);
	if (ages[_i] != FIXTURE_6_4)
		check_symbol(image, "per_cpu_thing", 0x10);
	ck_assert_int_eq(vhsm_image_symbol(image, "filler_", &va), -ENOENT);
	s = vhsm_image_symbols(image, &count);
	ck_assert_uint_gt(count, FIXTURE_FILLERS);
	for (i = 1; i < count; i++)
		ck_assert(s[i - 1].va <= s[i].va);
	ck_assert_str_eq(vhsm_image_release(image), FIXTURE_RELEASE);
	vhsm_image_free(&image);
}
END_TEST

START_TEST(every_compression_gives_the_same_image)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1_SEQS };
	size_t len, packed_len;
	uint8_t *elf = kernel_fixture_vmlinux(&fixture, &len);
	uint8_t *packed = kernel_fixture_bzimage(elf, len,
						 (enum fixture_codec)_i,
						 &packed_len);
	struct vhsm_image *image = open_bytes(packed, packed_len);
	const uint8_t *text;
	size_t count;

	ck_assert_msg(image, "%s", why);
	text = vhsm_image_at(image, FIXTURE_TEXT + 0x2000, 16);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(text[5], kernel_fixture_byte(FIXTURE_TEXT + 0x2005));
	vhsm_image_relocations(image, &count);
	ck_assert_uint_eq(count, 9);
	vhsm_image_free(&image);
	free(packed);
	free(elf);
}
END_TEST

START_TEST(a_cut_or_damaged_stream_is_an_error)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1 };
	size_t len, packed_len;
	uint8_t *elf = kernel_fixture_vmlinux(&fixture, &len);
	uint8_t *packed = kernel_fixture_bzimage(elf, len,
						 (enum fixture_codec)_i,
						 &packed_len);
	uint32_t shorter;

	ck_assert_ptr_null(open_bytes(packed, packed_len - 1));
	ck_assert_ptr_nonnull(strstr(why, "cut short"));
	/* The payload ends early, and the header says so. */
	shorter = (uint32_t)(packed_len - 3 * 512 - 0x100) / 2;
	memcpy(packed + 0x24c, &shorter, 4);
	ck_assert_ptr_null(open_bytes(packed, packed_len));
	ck_assert_ptr_nonnull(strstr(why, "no end"));
	shorter = (uint32_t)(packed_len - 3 * 512 - 0x100);
	memcpy(packed + 0x24c, &shorter, 4);
	memset(packed + packed_len / 2, 0x5a, 64);
	ck_assert_ptr_null(open_bytes(packed, packed_len));
	ck_assert(strstr(why, "damaged") || strstr(why, "not") ||
		  strstr(why, "no "));
	memset(packed + 3 * 512 + 0x100, 0, 8);
	ck_assert_ptr_null(open_bytes(packed, packed_len));
	ck_assert_ptr_nonnull(strstr(why, "none of xz, gzip and zstd"));
	free(packed);
	free(elf);
}
END_TEST

START_TEST(what_unpacks_without_bound_is_refused)
{
	size_t len = (size_t)VHSM_IMAGE_MAX_LEN + 4096, packed_len;
	uint8_t *zeros = calloc(1, len);
	uint8_t *packed = kernel_fixture_bzimage(zeros, len, FIXTURE_ZSTD,
						 &packed_len);

	free(zeros);
	ck_assert_uint_lt(packed_len, 1u << 20);
	ck_assert_ptr_null(open_bytes(packed, packed_len));
	ck_assert_ptr_nonnull(strstr(why, "more than 512 MiB"));
	free(packed);
}
END_TEST

START_TEST(sections_and_their_bytes_are_found)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_SYMTAB };
	struct vhsm_image *image = open_fixture(&fixture);
	const struct vhsm_image_section *s;
	size_t count;

	ck_assert_msg(image, "%s", why);
	vhsm_image_sections(image, &count);
	ck_assert_uint_eq(count, 7);		/* those with an address */
	s = vhsm_image_section(image, ".text");
	ck_assert(s && s->exec && !s->write && s->va == FIXTURE_TEXT);
	s = vhsm_image_section(image, ".bss");
	ck_assert(s && !s->bytes && s->write && !s->exec);
	ck_assert_ptr_null(vhsm_image_section(image, ".symtab"));
	ck_assert_ptr_null(vhsm_image_at(image, s->va, 1));
	s = vhsm_image_section(image, ".text");
	ck_assert_ptr_nonnull(vhsm_image_at(image, s->va + s->len - 1, 1));
	ck_assert_ptr_null(vhsm_image_at(image, s->va + s->len - 1, 2));
	ck_assert_ptr_null(vhsm_image_at(image, s->va + 1, UINT64_MAX));
	vhsm_image_free(&image);
}
END_TEST

START_TEST(relocations_have_their_kinds)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1 };
	struct vhsm_image *image = open_fixture(&fixture);
	const struct vhsm_relocation *r;
	size_t i, count;

	ck_assert_msg(image, "%s", why);
	r = vhsm_image_relocations(image, &count);
	ck_assert_uint_eq(count, 9);
	for (i = 1; i < count; i++)
		ck_assert(r[i - 1].at < r[i].at);
	ck_assert_int_eq(vhsm_image_relocation_at(image, FIXTURE_TEXT + 0x10),
			 VHSM_RELOCATION_32);
	ck_assert_int_eq(vhsm_image_relocation_at(image, FIXTURE_TEXT + 0x80),
			 VHSM_RELOCATION_32_NEG);
	ck_assert_int_eq(vhsm_image_relocation_at(image, FIXTURE_RODATA + 0x40),
			 VHSM_RELOCATION_64);
	ck_assert_int_eq(vhsm_image_relocation_at(image, FIXTURE_RODATA + 0x41),
			 0);
	vhsm_image_free(&image);
}
END_TEST

START_TEST(relocations_without_beginning_are_an_error)
{
	const struct kernel_fixture fixture = { .symbols = FIXTURE_6_1 };
	size_t len;
	uint8_t *bytes = kernel_fixture_vmlinux(&fixture, &len);
	const size_t list_len = 12 * 4;
	struct vhsm_image *image;

	/* Without the zero that ends the lists. */
	memcpy(bytes + len - list_len, "\1\2\3\4", 4);
	ck_assert_ptr_null(open_bytes(bytes, len));
	ck_assert_ptr_nonnull(strstr(why, "no beginning"));
	/* With something before it. */
	memset(bytes + len - 6 * 4, 0, 4);
	ck_assert_ptr_null(open_bytes(bytes, len));
	ck_assert_ptr_nonnull(strstr(why, "not theirs"));
	/* None at all: a kernel that is never moved. */
	image = open_bytes(bytes, len - list_len);
	ck_assert_ptr_nonnull(image);
	vhsm_image_free(&image);
	free(bytes);
}
END_TEST

START_TEST(what_is_no_kernel_is_refused)
{
	const struct kernel_fixture none = { .symbols = FIXTURE_NO_SYMBOLS };
	uint8_t zeros[4096] = { 0 };

	ck_assert_ptr_null(vhsm_image_open("/nonexistent/vmlinuz", why));
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	ck_assert_ptr_null(vhsm_image_open("/tmp", why));
	ck_assert_ptr_null(open_bytes(zeros, 0));
	ck_assert_ptr_null(open_bytes(zeros, sizeof(zeros)));
	ck_assert_ptr_nonnull(strstr(why, "neither a bzImage nor an ELF"));
	memcpy(zeros + 0x202, "HdrS\x07\x02", 6);
	ck_assert_ptr_null(open_bytes(zeros, sizeof(zeros)));
	ck_assert_ptr_nonnull(strstr(why, "boot protocol 2.07"));
	memcpy(zeros, "\177ELF\2\1\1", 7);
	ck_assert_ptr_null(open_bytes(zeros, sizeof(zeros)));
	ck_assert_ptr_null(open_fixture(&none));
	ck_assert_ptr_nonnull(strstr(why, "symbols were not found"));
}
END_TEST

/* The image is opened, or refused with a reason; nothing else happens. */
static void open_anyhow(const uint8_t *bytes, size_t len)
{
	struct vhsm_image *image;

	why[0] = 0;
	image = open_bytes(bytes, len);
	ck_assert(image || why[0]);
	vhsm_image_free(&image);
}

START_TEST(an_image_cut_anywhere_harms_nobody)
{
	const struct kernel_fixture fixture = { .symbols = ages[_i] };
	size_t len, cut;
	uint8_t *bytes = kernel_fixture_vmlinux(&fixture, &len);

	for (cut = 0; cut < len; cut += 997)
		open_anyhow(bytes, cut);
	for (cut = 1; cut < 512; cut++)
		open_anyhow(bytes, len - cut);
	free(bytes);
}
END_TEST

START_TEST(an_image_with_wrong_bytes_harms_nobody)
{
	const struct kernel_fixture fixture = { .symbols = ages[_i] };
	size_t len, i, at;
	uint8_t *bytes = kernel_fixture_vmlinux(&fixture, &len);
	uint8_t old;

	srand(3);
	for (i = 0; i < 1500; i++) {
		/* Headers at both ends, and the tables of symbols. */
		at = i % 3 == 0 ? (size_t)rand() % 400 :
		     i % 3 == 1 ? len - 1 - (size_t)rand() % 1200 :
				  0x5200 + (size_t)rand() % 0x4000;
		old = bytes[at];
		bytes[at] = (uint8_t)rand();
		open_anyhow(bytes, len);
		bytes[at] = old;
	}
	free(bytes);
}
END_TEST

int main(void)
{
	const int age_count = sizeof(ages) / sizeof(ages[0]);
	Suite *suite = suite_create("kernel-image");
	TCase *tests = tcase_create("kernel-image");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, symbols_are_found_in_tables_of_every_age, 0,
			    age_count);
	tcase_add_loop_test(tests, every_compression_gives_the_same_image, 0,
			    3);
	tcase_add_loop_test(tests, a_cut_or_damaged_stream_is_an_error, 0, 3);
	tcase_add_test(tests, what_unpacks_without_bound_is_refused);
	tcase_add_test(tests, sections_and_their_bytes_are_found);
	tcase_add_test(tests, relocations_have_their_kinds);
	tcase_add_test(tests, relocations_without_beginning_are_an_error);
	tcase_add_test(tests, what_is_no_kernel_is_refused);
	tcase_add_loop_test(tests, an_image_cut_anywhere_harms_nobody, 0,
			    age_count);
	tcase_add_loop_test(tests, an_image_with_wrong_bytes_harms_nobody, 0,
			    age_count);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
