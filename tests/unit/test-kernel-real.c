/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-kernel-real.c - a reference of the kernel that the lab's guests boot.
 * Its file is what tests/lab/fetch leaves, or VHSM_TEST_KERNEL; without one
 * the test is skipped.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-image/builder.h"
#include "unit/kernel-fixture.h"

#define SLIDE	0x2b000000u
#define SKIP	77

static const char *kernel;
static char dir[] = "/tmp/kernel-real.XXXXXX";
static char path[64], packed[64];
static char why[VHSM_BUILDER_WHY_LEN];
static struct vhsm_builder_counts counts;
static struct vhsm_reference *reference;

/* Once, for it takes its time. */
static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/reference", dir);
	snprintf(packed, sizeof(packed), "%s/vmlinuz", dir);
	ck_assert_msg(vhsm_reference_make(kernel, path, &counts, why) == 0,
		      "%s", why);
	reference = vhsm_reference_open(path, why);
	ck_assert_msg(reference, "%s", why);
}

static void teardown(void)
{
	vhsm_reference_close(&reference);
	unlink(path);
	unlink(packed);
	rmdir(dir);
}

static uint64_t symbol(const char *name)
{
	uint64_t va = 0;

	ck_assert_msg(vhsm_reference_symbol(reference, name, &va) == 0, "%s",
		      name);
	return va;
}

START_TEST(everything_a_check_needs_is_there)
{
	struct vhsm_member m;
	uint64_t distance;

	ck_assert_uint_gt(counts.text_len, 8u << 20);
	ck_assert_uint_gt(counts.rodata_len, 4u << 20);
	ck_assert_uint_gt(counts.relocations, 50000);
	ck_assert_uint_gt(counts.symbols, 50000);
	ck_assert_uint_gt(counts.sites, 50000);
	ck_assert_uint_le(counts.file_len, 48u << 20);
	ck_assert_ptr_eq(strstr(vhsm_reference_release(reference), "6."),
			 vhsm_reference_release(reference));
	ck_assert(vhsm_reference_is_function(reference, symbol("schedule")));
	ck_assert(!vhsm_reference_is_function(reference,
					      symbol("schedule") + 1));
	ck_assert(!vhsm_reference_is_function(reference, symbol("init_task")));
	ck_assert_str_eq(vhsm_reference_symbol_at(reference,
			 symbol("init_task") + 8, &distance), "init_task");
	m = vhsm_reference_layout(reference, VHSM_L_task_struct__comm);
	ck_assert_uint_eq(m.size, 16);
	m = vhsm_reference_layout(reference, VHSM_L_list_head__prev);
	ck_assert_uint_eq(m.offset, 8);
	m = vhsm_reference_layout(reference, VHSM_L_task_struct__tgid);
	ck_assert_uint_eq(m.offset - vhsm_reference_layout(reference,
			  VHSM_L_task_struct__pid).offset, 4);
}
END_TEST

START_TEST(the_system_call_table_is_expected_as_relocated)
{
	uint64_t table = symbol("sys_call_table"), entry[2];

	ck_assert_int_eq(vhsm_reference_expected(reference, table, SLIDE,
						 (uint8_t *)entry,
						 sizeof(entry)), 0);
	ck_assert_uint_eq(entry[0], symbol("__x64_sys_read") + SLIDE);
	ck_assert_uint_eq(entry[1], symbol("__x64_sys_write") + SLIDE);
}
END_TEST

START_TEST(gates_are_made_from_a_segment_of_their_own)
{
	uint64_t table = symbol("early_idts"), entry;
	struct vhsm_member m = vhsm_reference_layout(reference,
						     VHSM_L_idt_data__addr);

	ck_assert_int_eq(vhsm_reference_expected(reference, table + m.offset,
						 SLIDE, (uint8_t *)&entry,
						 sizeof(entry)), 0);
	ck_assert(vhsm_reference_is_function(reference, entry - SLIDE));
}
END_TEST

START_TEST(the_packed_kernel_gives_the_same_reference)
{
	struct vhsm_builder_counts again;
	uint8_t *bytes, *image;
	FILE *file = fopen(kernel, "r");
	size_t len, image_len;

	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	len = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(len);
	ck_assert_uint_eq(fread(bytes, len, 1, file), 1);
	fclose(file);
	image = kernel_fixture_bzimage(bytes, len, FIXTURE_ZSTD, &image_len);
	file = fopen(packed, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(image, image_len, 1, file), 1);
	fclose(file);
	free(image);
	free(bytes);
	ck_assert_msg(vhsm_reference_make(packed, path, &again, why) == 0,
		      "%s", why);
	ck_assert_mem_eq(&again, &counts, sizeof(counts));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel-real");
	TCase *tests = tcase_create("kernel-real");
	SRunner *runner;
	int failed;

	kernel = getenv("VHSM_TEST_KERNEL");
	if (!kernel)
		kernel = TEST_KERNEL;
	if (access(kernel, R_OK)) {
		printf("%s: not there (tests/lab/fetch)\n", kernel);
		return SKIP;
	}
	runner = srunner_create(suite);
	tcase_add_unchecked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, everything_a_check_needs_is_there);
	tcase_add_test(tests, the_system_call_table_is_expected_as_relocated);
	tcase_add_test(tests, gates_are_made_from_a_segment_of_their_own);
	tcase_add_test(tests, the_packed_kernel_gives_the_same_reference);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
