/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-kernel-shadow.c - a process, or a processor, with page tables that lead
 * to another kernel is found; what Linux lets differ is not.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "unit/task-fixture.h"

#define SKIP		77
#define TABLE		UINT64_C(0x67)	/* present, for all, used, written */
#define TEXT		UINT64_C(0x61)	/* present, read-only */
#define LARGE		UINT64_C(0x80)
#define NX		(UINT64_C(1) << 63)
#define FRAME		UINT64_C(0x000ffffffffff000)
#define LAST		511u		/* entry of the kernel's image */
#define UNUSED		300u		/* one that the kernel has not */
#define LDT		272u
#define REPORTS		64u		/* of one run */

static struct vhsm_reference *reference;
static struct task_fixture f;
static struct fixture_task init, shell;
static uint64_t init_root, shell_root;	/* their top tables, physical */
static void *state;
static char why[VHSM_CHECK_WHY_LEN];
static struct {
	unsigned count;
	bool cut;
	struct vhsm_finding last;
} found;

static void note(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	(void)sweep;
	found.count++;
	found.last = *finding;
}

static int run(uint64_t number)
{
	struct vhsm_sweep sweep = {
		.kernel = &f.kernel, .number = number, .report = note,
	};
	int r;

	memset(&found, 0, sizeof(found));
	*why = '\0';
	r = vhsm_check_kernel_shadow.run(state, &sweep, why);
	found.cut = sweep.cut;
	ck_assert(r || sweep.objects >= 3);
	return r;
}

static void silent(uint64_t number)
{
	ck_assert_msg(run(number) == 0, "%s", why);
	ck_assert_msg(!found.count, "%s: %s", found.last.object,
		      found.last.detail);
}

static void one(uint64_t number, const char *object)
{
	ck_assert_msg(run(number) == 0, "%s", why);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.last.object, object);
	ck_assert_int_eq(found.last.check, VHSM_CHECK_KERNEL_SHADOW);
}

static uint64_t get(uint64_t table, unsigned index)
{
	return guest_fixture_read_u64(&f.guest, table + 8 * index);
}

static void set(uint64_t table, unsigned index, uint64_t entry)
{
	guest_fixture_write_u64(&f.guest, table + 8 * index, entry);
}

/* A pair of pages of the kernel's heap, as the kernel gets top tables. */
static uint64_t new_pair(uint64_t *physical)
{
	uint64_t va = task_fixture_alloc(&f, 4 * GUEST_PAGE);

	va = (va + 2 * GUEST_PAGE - 1) & ~(2 * GUEST_PAGE - 1);
	*physical = va - TASK_FIXTURE_HEAP + TASK_FIXTURE_HEAP_AT;
	return va;
}

/* An mm with a top table as the kernel makes it; its address. */
static uint64_t new_mm(uint64_t *root)
{
	uint64_t mm = task_fixture_alloc(&f, 4096);
	unsigned i;

	task_fixture_set(&f, mm, VHSM_L_mm_struct__pgd, new_pair(root));
	for (i = 256; i < 512; i++) {
		set(*root, i, get(f.kernel.space.root, i));
		set(*root + GUEST_PAGE, i,
		    get(f.kernel.space.root + GUEST_PAGE, i));
	}
	return mm;
}

static uint64_t copy_of(uint64_t physical)
{
	uint64_t page = guest_fixture_page(&f.guest);
	uint8_t bytes[GUEST_PAGE];

	ck_assert_int_eq(vhsm_guest_memory_read(f.guest.memory, physical, bytes,
						sizeof(bytes)), 0);
	guest_fixture_write(&f.guest, page, bytes, sizeof(bytes));
	return page;
}

/* Entry index of table leads to a copy of what it led to: the copy. */
static uint64_t own_copy(uint64_t table, unsigned index)
{
	uint64_t entry = get(table, index);
	uint64_t copy = copy_of(entry & FRAME);

	set(table, index, (entry & ~FRAME) | copy);
	return copy;
}

/* Gives the table a kernel of its own, with another byte of text at va. */
static void shadow(uint64_t root, uint64_t va)
{
	uint64_t table = own_copy(own_copy(root, va >> 39 & 511),
				  va >> 30 & 511);
	uint64_t small = guest_fixture_page(&f.guest), entry, page;
	unsigned i;

	entry = get(table, va >> 21 & 511);
	ck_assert_uint_ne(entry & LARGE, 0);
	for (i = 0; i < 512; i++)
		set(small, i, ((entry & FRAME) + i * GUEST_PAGE) | TEXT);
	set(table, va >> 21 & 511, small | TABLE);
	page = own_copy(small, va >> 12 & 511);
	guest_fixture_write(&f.guest, page + va % GUEST_PAGE, "\xcc", 1);
}

static void setup_reference(void)
{
	reference = task_fixture_reference();
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
}

static void setup(void)
{
	const struct vhsm_check_setup setup = { .reference = reference };

	task_fixture_init(&f, reference);
	init = task_fixture_add(&f, 1, "init", 0, f.init_task);
	shell = task_fixture_add(&f, 7, "sh", 1000, init.va);
	task_fixture_set(&f, init.va, VHSM_L_task_struct__mm,
			 new_mm(&init_root));
	task_fixture_set(&f, shell.va, VHSM_L_task_struct__mm,
			 new_mm(&shell_root));
	ck_assert_int_eq(vhsm_check_kernel_shadow.open(&setup, &state, why), 0);
}

static void teardown(void)
{
	vhsm_check_kernel_shadow.close(state);
	task_fixture_deinit(&f);
}

START_TEST(tables_as_the_kernel_makes_them_are_silent)
{
	silent(1);
}
END_TEST

START_TEST(what_linux_lets_differ_is_silent)
{
	set(shell_root, LAST, 0);	/* not copied yet */
	set(init_root, LAST, get(init_root, LAST) ^ 0x0ff0000000000e60);
	set(shell_root, 0, TABLE | 0x5000);	/* the program's own half */
	silent(1);
}
END_TEST

START_TEST(other_text_by_tables_of_a_process_is_found)
{
	uint64_t va = task_fixture_symbol(&f, "tcp4_seq_show");
	uint8_t own;

	shadow(shell_root, va);
	ck_assert_int_eq(vhsm_kernel_read(&f.kernel, va, &own, 1), 0);
	one(1, "page tables of pid 7");
	ck_assert_uint_eq(found.last.pid, 7);
	ck_assert_str_eq(found.last.comm, "sh");
	ck_assert_uint_eq(found.last.address, va);
	ck_assert_str_eq(found.last.symbol, "tcp4_seq_show+0");
	ck_assert_uint_eq(found.last.before[0], own);
	ck_assert_uint_eq(found.last.after[0], 0xcc);
	ck_assert_ptr_nonnull(strstr(found.last.after_code, "int3"));
	ck_assert_ptr_nonnull(strstr(found.last.detail, "process 7 (sh)"));
	one(1, "page tables of pid 7");	/* a second look */
}
END_TEST

START_TEST(a_copy_of_a_table_is_found_before_it_is_changed)
{
	uint64_t expected = get(shell_root, LAST), is;

	own_copy(shell_root, LAST);
	one(1, "page tables of pid 7");
	is = get(shell_root, LAST);
	ck_assert_uint_eq(found.last.before_len, 8);
	ck_assert_mem_eq(found.last.before, &expected, 8);
	ck_assert_mem_eq(found.last.after, &is, 8);
}
END_TEST

START_TEST(an_entry_that_the_kernel_has_not_is_found)
{
	static const unsigned index[] = { UNUSED, LDT + 1 + 2, 256, 510 };

	set(shell_root, index[_i], guest_fixture_page(&f.guest) | TABLE);
	one(1, "page tables of pid 7");
}
END_TEST

START_TEST(an_entry_that_allows_more_is_found)
{
	uint64_t entry = get(f.kernel.space.root, LAST);

	set(f.kernel.space.root, LAST, entry & ~UINT64_C(4));
	set(f.guest.root, LAST, entry & ~UINT64_C(4));
	set(init_root, LAST, entry & ~UINT64_C(4));
	set(shell_root, LAST, entry | 4);
	one(1, "page tables of pid 7");
}
END_TEST

START_TEST(a_second_table_that_leads_elsewhere_is_found)
{
	set(shell_root + GUEST_PAGE, LAST, get(shell_root, LAST));
	one(1, "page tables of pid 7");
	ck_assert_ptr_nonnull(strstr(found.last.detail, "(the second)"));
}
END_TEST

START_TEST(tables_that_a_kernel_thread_borrowed_are_looked_at)
{
	uint64_t mm = new_mm(&shell_root);

	task_fixture_set(&f, shell.va, VHSM_L_task_struct__mm, 0);
	task_fixture_set(&f, shell.va, VHSM_L_task_struct__active_mm, mm);
	silent(1);
	own_copy(shell_root, LAST);
	one(2, "page tables of pid 7");
}
END_TEST

START_TEST(another_table_of_the_kernel_itself_is_found)
{
	uint64_t mm = task_fixture_symbol(&f, "init_mm"), root, pgd;

	pgd = task_fixture_get(&f, new_mm(&root), VHSM_L_mm_struct__pgd);
	task_fixture_set(&f, mm, VHSM_L_mm_struct__pgd, pgd);
	silent(1);
	own_copy(root, LAST);
	one(2, "page tables of init_mm");
}
END_TEST

START_TEST(a_table_that_is_not_there_is_an_error)
{
	task_fixture_set(&f, task_fixture_get(&f, shell.va,
					      VHSM_L_task_struct__mm),
			 VHSM_L_mm_struct__pgd, TASK_FIXTURE_HEAP - 0x10000);
	ck_assert_int_eq(run(1), -EFAULT);
	ck_assert_ptr_nonnull(strstr(why, "process 7"));
}
END_TEST

/* --- descriptors of a process --- */

/* Where the entry of the first page of descriptors stands. */
static uint64_t make_descriptors(uint64_t root)
{
	uint64_t table = root;
	unsigned level, i;

	for (level = 4; level > 1; level--) {
		uint64_t below = guest_fixture_page(&f.guest);

		set(table, level == 4 ? LDT : 0, below | TABLE);
		table = below;
	}
	for (i = 0; i < 32; i++)
		set(table, i, guest_fixture_page(&f.guest) | TEXT | NX);
	return table;
}

START_TEST(descriptors_of_a_process_are_silent)
{
	make_descriptors(shell_root);
	set(shell_root + GUEST_PAGE, LDT, get(shell_root, LDT));
	silent(1);
}
END_TEST

START_TEST(anything_else_in_the_place_of_descriptors_is_found)
{
	uint64_t table = make_descriptors(shell_root);

	if (_i == 0)
		set(table, 3, get(table, 3) & ~NX);
	else if (_i == 1)
		set(table, 3, get(table, 3) | 2);
	else if (_i == 2)
		set(table, 40, get(table, 3));
	else
		set(get(shell_root, LDT) & FRAME, 1, get(shell_root, LDT));
	one(1, "page tables of pid 7");
}
END_TEST

/* --- the table for firmware --- */

static uint64_t make_firmware(void)
{
	uint64_t root, mm = new_mm(&root), table;

	task_fixture_set(&f, task_fixture_symbol(&f, "efi_mm"),
			 VHSM_L_mm_struct__pgd,
			 task_fixture_get(&f, mm, VHSM_L_mm_struct__pgd));
	table = own_copy(root, LAST);
	set(table, 507, guest_fixture_page(&f.guest) | TABLE);
	f.kernel.vcpu[0].cr3 = root;
	return table;
}

START_TEST(a_processor_in_firmware_is_silent)
{
	make_firmware();
	silent(1);
	silent(2);
	silent(3);
}
END_TEST

START_TEST(what_is_no_firmware_in_its_table_is_found)
{
	uint64_t table = make_firmware();

	if (_i == 0)
		own_copy(table, 510);
	else
		set(table, _i == 1 ? 443 : 508,
		    guest_fixture_page(&f.guest) | TABLE);
	silent(1);
	silent(2);
	one(3, "page tables of vcpu 0");
}
END_TEST

/* --- processors --- */

START_TEST(more_tables_than_are_told_of_fail_the_run)
{
	struct fixture_task t;
	uint64_t root;
	unsigned pid;

	for (pid = 10; pid < 10 + REPORTS + 1; pid++) {
		t = task_fixture_add(&f, pid % TASK_FIXTURE_PIDS, "bad", 0,
				     init.va);
		task_fixture_set(&f, t.va, VHSM_L_task_struct__mm,
				 new_mm(&root));
		set(root, UNUSED, root | TABLE);
	}
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, REPORTS);
	ck_assert(found.cut);
}
END_TEST

START_TEST(a_table_of_no_process_counts_when_a_processor_keeps_it)
{
	uint64_t root;

	new_mm(&root);
	own_copy(root, LAST);
	f.kernel.vcpu[0].cr3 = root | 0x1123;	/* the second, and a PCID */
	silent(1);
	silent(1);			/* a second look at the same */
	silent(2);
	one(3, "page tables of vcpu 0");
	one(3, "page tables of vcpu 0");
	one(4, "page tables of vcpu 0");
	f.kernel.vcpu[0].cr3 = shell_root | 0x1000;
	silent(5);
	f.kernel.vcpu[0].cr3 = root;
	silent(6);
	silent(8);			/* anew: not in every sweep */
	silent(9);
	one(10, "page tables of vcpu 0");
}
END_TEST

START_TEST(a_table_is_told_of_once)
{
	own_copy(shell_root, LAST);
	f.kernel.vcpu[0].cr3 = shell_root;
	one(1, "page tables of pid 7");
	one(2, "page tables of pid 7");
}
END_TEST

/* --- what programs have of the kernel --- */

START_TEST(entry_code_of_programs_must_be_the_kernels)
{
	uint64_t second = f.kernel.space.root + GUEST_PAGE;
	uint64_t va = task_fixture_symbol(&f, "entry_SYSCALL_64");
	uint64_t level3 = guest_fixture_page(&f.guest);
	uint64_t level2 = guest_fixture_page(&f.guest);
	uint64_t own = get(f.kernel.space.root, LAST);

	own = get(get(own & FRAME, va >> 30 & 511) & FRAME, va >> 21 & 511);
	set(level3, va >> 30 & 511, level2 | TABLE);
	set(level2, va >> 21 & 511, own);
	set(second, LAST, level3 | TABLE);
	set(init_root + GUEST_PAGE, LAST, level3 | TABLE);
	set(shell_root + GUEST_PAGE, LAST, level3 | TABLE);
	f.kernel.vcpu[0].cr3 = shell_root | GUEST_PAGE;
	silent(1);
	set(level2, va >> 21 & 511, own + GUEST_LARGE);
	one(2, "page tables of programs");
	ck_assert_uint_eq(found.last.address, va & ~(GUEST_LARGE - 1));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, tables_as_the_kernel_makes_them_are_silent);
	tcase_add_test(tests, what_linux_lets_differ_is_silent);
	tcase_add_test(tests, other_text_by_tables_of_a_process_is_found);
	tcase_add_test(tests, a_copy_of_a_table_is_found_before_it_is_changed);
	tcase_add_loop_test(tests, an_entry_that_the_kernel_has_not_is_found, 0,
			    4);
	tcase_add_test(tests, an_entry_that_allows_more_is_found);
	tcase_add_test(tests, a_second_table_that_leads_elsewhere_is_found);
	tcase_add_test(tests, tables_that_a_kernel_thread_borrowed_are_looked_at);
	tcase_add_test(tests, another_table_of_the_kernel_itself_is_found);
	tcase_add_test(tests, a_table_that_is_not_there_is_an_error);
	tcase_add_test(tests, descriptors_of_a_process_are_silent);
	tcase_add_loop_test(tests,
			    anything_else_in_the_place_of_descriptors_is_found,
			    0, 4);
	tcase_add_test(tests, a_processor_in_firmware_is_silent);
	tcase_add_loop_test(tests, what_is_no_firmware_in_its_table_is_found, 0,
			    3);
	tcase_add_test(tests,
		       a_table_of_no_process_counts_when_a_processor_keeps_it);
	tcase_add_test(tests, a_table_is_told_of_once);
	tcase_add_test(tests, more_tables_than_are_told_of_fail_the_run);
	tcase_add_test(tests, entry_code_of_programs_must_be_the_kernels);
}

int main(void)
{
	Suite *suite = suite_create("kernel-shadow");
	TCase *tests = tcase_create("kernel-shadow");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("SKIP: no kernel to test with (VHSM_TEST_KERNEL)");
		return SKIP;
	}
	runner = srunner_create(suite);
	tcase_add_unchecked_fixture(tests, setup_reference, teardown_reference);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
