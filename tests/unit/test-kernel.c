/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-kernel.c - a real kernel is found wherever it was moved to, whatever
 * tables a vCPU has, and not where it is not.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/guest-fixture.h"

#define MEMORY	(UINT64_C(256) << 20)
#define MIB	(UINT64_C(1) << 20)
#define SKIP	77

static struct vhsm_reference *reference;
static struct guest_fixture f;
static struct vhsm_kernel k;
static char why[VHSM_KERNEL_WHY_LEN];

static void setup_reference(void)
{
	reference = guest_fixture_reference();
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
}

static void setup(void)
{
	guest_fixture_init(&f, MEMORY, false);
}

static void teardown(void)
{
	guest_fixture_deinit(&f);
}

static int find(void)
{
	*why = '\0';
	return vhsm_kernel_find(&k, f.memory, reference, &f.vcpu, 1, why);
}

static uint64_t link_address(const char *name)
{
	uint64_t va;

	ck_assert_int_eq(vhsm_reference_symbol(reference, name, &va), 0);
	return va;
}

/* The last slide that keeps the image below 1 GiB. */
static uint64_t last_slide(void)
{
	return (GUEST_TEXT_MAP + GUEST_HUGE - link_address("_end")) &
	       ~(GUEST_LARGE - 1);
}

static void expect_found(uint64_t slide, uint64_t offset)
{
	char text[64];
	uint64_t va;

	ck_assert_msg(!find(), "%s", why);
	ck_assert_uint_eq(k.slide, slide);
	ck_assert_uint_eq(k.phys_base, offset - GUEST_TEXT_MAP);
	ck_assert_uint_eq(k.space.root, link_address("init_top_pgt") +
			  k.phys_base);
	ck_assert_int_eq(vhsm_kernel_symbol(&k, "linux_banner", &va), 0);
	ck_assert_uint_eq(va, link_address("linux_banner") + slide);
	ck_assert_int_eq(vhsm_kernel_read_text(&k, va, text, 15), 0);
	ck_assert_str_eq(text, "Linux version ");
	vhsm_kernel_describe(&k, va + 3, text, sizeof(text));
	ck_assert_str_eq(text, "linux_banner+0x3");
	ck_assert(vhsm_kernel_in_text(&k, f.vcpu.lstar));
	ck_assert(!vhsm_kernel_in_text(&k, va));
}

static const struct {
	uint64_t slide, offset;		/* MiB; slide UINT64_MAX: the last */
} places[] = {
	{ 0, 0 }, { 2, 0 }, { 0, 2 }, { 16, 32 }, { 64, 100 }, { 334, 6 },
	{ 512, 48 }, { UINT64_MAX, 78 },
};

START_TEST(kernel_is_found_wherever_it_was_moved_to)
{
	uint64_t slide = places[_i].slide == UINT64_MAX ? last_slide() :
			 places[_i].slide * MIB;

	guest_fixture_load_kernel(&f, reference, slide,
				  places[_i].offset * MIB);
	expect_found(slide, places[_i].offset * MIB);
	/* and without a hint from the system call entry */
	f.vcpu.lstar = 0;
	ck_assert_msg(!find(), "%s", why);
	ck_assert_uint_eq(k.slide, slide);
}
END_TEST

/* Of moved text every byte must be as expected: nothing patched it. */
START_TEST(moved_text_is_as_the_reference_expects)
{
	const struct vhsm_reference_segment *s;
	uint8_t expected[GUEST_PAGE], found[GUEST_PAGE];
	uint64_t at;
	size_t count, i;

	guest_fixture_load_kernel(&f, reference, 334 * MIB, 6 * MIB);
	ck_assert_msg(!find(), "%s", why);
	s = vhsm_reference_segments(reference, &count);
	for (i = 0; i < count; i++) {
		if (s[i].kind == VHSM_SEGMENT_RO_AFTER_INIT)
			continue;
		for (at = 0; at + GUEST_PAGE <= s[i].len; at += GUEST_PAGE) {
			ck_assert_int_eq(vhsm_reference_expected(reference,
					s[i].start + at, k.slide, expected,
					GUEST_PAGE), 0);
			ck_assert_int_eq(vhsm_kernel_read(&k, s[i].start + at +
					k.slide, found, GUEST_PAGE), 0);
			ck_assert_msg(!memcmp(expected, found, GUEST_PAGE),
				      "page %#llx", (unsigned long long)
				      (s[i].start + at));
		}
	}
}
END_TEST

START_TEST(kernel_is_found_by_the_table_of_user_mode)
{
	uint64_t user = f.root + GUEST_PAGE;

	guest_fixture_load_kernel(&f, reference, 64 * MIB, 2 * MIB);
	f.vcpu.cr3 = user | 0x8ed;	/* and bits that are not address */
	expect_found(64 * MIB, 2 * MIB);
	/* one whose other half has nothing of the kernel, as if it were alone */
	guest_fixture_write_u64(&f, user + 8 * 511,
				guest_fixture_read_u64(&f, f.root + 8 * 511));
	guest_fixture_write_u64(&f, f.root + 8 * 511, 0);
	f.vcpu.cr3 = user;
	expect_found(64 * MIB, 2 * MIB);
}
END_TEST

START_TEST(kernel_is_found_by_whichever_vcpu_is_ready)
{
	struct vhsm_vcpu vcpu[3] = { 0 };

	guest_fixture_load_kernel(&f, reference, 64 * MIB, 2 * MIB);
	vcpu[1] = f.vcpu;
	vcpu[1].efer = 0;		/* still in real mode */
	vcpu[2] = f.vcpu;
	ck_assert_msg(!vhsm_kernel_find(&k, f.memory, reference, vcpu, 3, why),
		      "%s", why);
	ck_assert_uint_eq(k.vcpu_count, 3);
	ck_assert_int_eq(vhsm_kernel_find(&k, f.memory, reference, vcpu, 2,
					  why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "long mode"));
}
END_TEST

START_TEST(impossible_numbers_of_vcpus_are_refused)
{
	ck_assert_int_eq(vhsm_kernel_find(&k, f.memory, reference, &f.vcpu, 0,
					  why), -EINVAL);
	ck_assert_int_eq(vhsm_kernel_find(&k, f.memory, reference, &f.vcpu,
					  VHSM_VCPUS_MAX + 1, why), -EINVAL);
}
END_TEST

START_TEST(empty_guest_has_no_kernel)
{
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, vhsm_reference_release(reference)));
}
END_TEST

/* Overwrites one byte in so many of the text. */
static void tamper(uint64_t slide, unsigned every)
{
	uint64_t start = link_address("_text") + slide, at;
	uint64_t len = link_address("_etext") + slide - start;
	uint8_t page[GUEST_PAGE];
	unsigned i;

	for (at = 0; at + GUEST_PAGE <= len; at += GUEST_PAGE) {
		ck_assert_int_eq(vhsm_address_space_read(&f.space, start + at,
							 page, sizeof(page)),
				 0);
		for (i = 0; i < GUEST_PAGE; i += every)
			page[i] ^= 0x55;
		guest_fixture_poke(&f, start + at, page, sizeof(page));
	}
}

START_TEST(patched_text_is_found_and_other_text_is_not)
{
	guest_fixture_load_kernel(&f, reference, 2 * MIB, 0);
	tamper(2 * MIB, 8);
	ck_assert_msg(!find(), "%s", why);
	tamper(2 * MIB, 2);
	ck_assert_int_eq(find(), -ENOENT);
}
END_TEST

START_TEST(text_that_cannot_be_executed_is_no_kernel)
{
	uint64_t entry, value;

	guest_fixture_load_kernel(&f, reference, 0, 0);
	entry = guest_fixture_entry(&f, GUEST_TEXT_MAP, GUEST_HUGE);
	value = guest_fixture_read_u64(&f, entry);
	guest_fixture_write_u64(&f, entry, value | UINT64_C(1) << 63);
	ck_assert_int_eq(find(), -ENOENT);
}
END_TEST

START_TEST(clean_copy_elsewhere_does_not_hide_the_kernel)
{
	uint64_t slide = 256 * MIB, start = link_address("_text");
	uint64_t len = link_address("_etext") - start, at;

	guest_fixture_load_kernel(&f, reference, slide, 0);
	/* the same pages once more, below */
	for (at = 0; at + GUEST_LARGE <= len; at += GUEST_LARGE)
		guest_fixture_map(&f, start + at, 16 * MIB + at, GUEST_LARGE,
				  VHSM_MAP_EXEC, GUEST_LARGE);
	ck_assert_msg(!find(), "%s", why);
	ck_assert_uint_eq(k.slide, slide);
}
END_TEST

START_TEST(kernel_without_its_own_top_table_is_an_error)
{
	guest_fixture_load_kernel(&f, reference, 0, 0);
	guest_fixture_poke_u64(&f, link_address("init_top_pgt") + 8 * 511, 0);
	ck_assert_int_eq(find(), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "init_top_pgt"));
}
END_TEST

START_TEST(text_of_a_guest_is_made_printable)
{
	uint64_t va = link_address("linux_banner");
	char text[16];

	guest_fixture_load_kernel(&f, reference, 0, 0);
	ck_assert_msg(!find(), "%s", why);
	guest_fixture_poke(&f, va, "a\033[2J\377b\n", 9);
	ck_assert_int_eq(vhsm_kernel_read_text(&k, va, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "a?[2J?b?");
	ck_assert_int_eq(vhsm_kernel_read_text(&k, va, text, 4), 0);
	ck_assert_str_eq(text, "a?[");
	ck_assert_int_eq(vhsm_kernel_read_text(&k, 0x1000, text, 4), -EFAULT);
	ck_assert_str_eq(text, "");
	vhsm_kernel_describe(&k, 0x1000, text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kernel");
	TCase *t = tcase_create("kernel");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("no kernel to test with (tests/lab/fetch)");
		return SKIP;
	}
	tcase_add_unchecked_fixture(t, setup_reference, teardown_reference);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, kernel_is_found_wherever_it_was_moved_to, 0,
			    sizeof(places) / sizeof(places[0]));
	tcase_add_test(t, moved_text_is_as_the_reference_expects);
	tcase_add_test(t, kernel_is_found_by_the_table_of_user_mode);
	tcase_add_test(t, kernel_is_found_by_whichever_vcpu_is_ready);
	tcase_add_test(t, impossible_numbers_of_vcpus_are_refused);
	tcase_add_test(t, empty_guest_has_no_kernel);
	tcase_add_test(t, patched_text_is_found_and_other_text_is_not);
	tcase_add_test(t, text_that_cannot_be_executed_is_no_kernel);
	tcase_add_test(t, clean_copy_elsewhere_does_not_hide_the_kernel);
	tcase_add_test(t, kernel_without_its_own_top_table_is_an_error);
	tcase_add_test(t, text_of_a_guest_is_made_printable);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
