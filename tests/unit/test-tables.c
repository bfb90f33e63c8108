/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tables.c - the checks of tables, entry registers and executable pages,
 * on a real kernel that was moved, healthy and not.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "checks/gates.h"
#include "checks/kernel-map.h"
#include "unit/table-fixture.h"

#define SKIP	77
#define SLIDE	UINT64_C(0x1a000000)
#define VMALLOC	UINT64_C(0xffffc90000045000)
#define MODULES	UINT64_C(0xffffffffe0000000)

static struct vhsm_reference *reference;
static struct table_fixture f;

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
	table_fixture_init(&f, reference, SLIDE);
}

static void teardown(void)
{
	table_fixture_deinit(&f);
}

static void one_finding(const struct vhsm_check *check, const char *object)
{
	ck_assert_msg(!table_fixture_run(&f, check), "%s", f.why);
	ck_assert_uint_eq(f.count, 1);
	ck_assert_str_eq(f.found[0].object, object);
	ck_assert_uint_eq(f.found[0].check, check->number);
}

static void nothing(const struct vhsm_check *check)
{
	ck_assert_msg(!table_fixture_run(&f, check), "%s", f.why);
	ck_assert_msg(f.count == 0, "%s: %s", f.found[0].object,
		      f.found[0].detail);
}

START_TEST(healthy_guest_raises_nothing)
{
	nothing(&vhsm_check_syscall_table);
	nothing(&vhsm_check_cpu_entry);
	nothing(&vhsm_check_exec_unknown);
	nothing(&vhsm_check_write_exec);
	nothing(&vhsm_check_module_hidden);
}
END_TEST

START_TEST(changed_system_call_is_found_with_both_targets)
{
	uint64_t table = table_fixture_symbol(&f, "sys_call_table");
	uint64_t evil = table_fixture_symbol(&f, "commit_creds"), value;

	guest_fixture_poke_u64(&f.guest, table + 62 * 8, evil);
	one_finding(&vhsm_check_syscall_table, "sys_call_table[62]");
	ck_assert_uint_eq(f.found[0].address, table + 62 * 8);
	memcpy(&value, f.found[0].after, 8);
	ck_assert_uint_eq(value, evil);
	memcpy(&value, f.found[0].before, 8);
	ck_assert_uint_eq(value, table_fixture_symbol(&f, "__x64_sys_kill"));
	ck_assert_str_ne(f.found[0].after_code, "");
	ck_assert_ptr_nonnull(strstr(f.found[0].detail, "commit_creds"));
}
END_TEST

START_TEST(system_call_to_unmapped_memory_is_found)
{
	guest_fixture_poke_u64(&f.guest, table_fixture_symbol(&f,
						"sys_call_table"), 0x1000);
	one_finding(&vhsm_check_syscall_table, "sys_call_table[0]");
	ck_assert_str_eq(f.found[0].after_code, "");
}
END_TEST

START_TEST(table_that_is_not_mapped_is_an_error)
{
	uint64_t at = guest_fixture_entry(&f.guest, table_fixture_symbol(&f,
					"sys_call_table"), GUEST_PAGE);

	guest_fixture_write_u64(&f.guest, at, 0);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_syscall_table),
			 -EFAULT);
	ck_assert_str_ne(f.why, "");
}
END_TEST

START_TEST(gates_come_from_the_tables_of_the_image)
{
	struct vhsm_gates gates;
	uint64_t va;

	ck_assert_int_eq(vhsm_gates_derive(&gates, reference, f.why), 0);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "asm_exc_page_fault",
					       &va), 0);
	ck_assert_uint_eq(gates.gate[14].handler, va);
	ck_assert_uint_eq(gates.gate[3].bits, 0xee00);
	ck_assert_uint_eq(gates.gate[8].bits, 0x8e01);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "irq_entries_start",
					       &va), 0);
	ck_assert_uint_eq(gates.gate[0x30].handler, va + 0x10 * 8);
	ck_assert(!gates.any_system[0x30]);
	ck_assert(gates.any_system[0xf3]);
}
END_TEST

START_TEST(changed_gate_is_found)
{
	uint64_t gate = f.guest.vcpu.idt_base + 16 * 3, low = 0;

	guest_fixture_poke(&f.guest, gate, &low, 2);
	one_finding(&vhsm_check_cpu_entry, "idt[3]");
	ck_assert_str_eq(f.found[0].symbol, "asm_exc_int3+0");
}
END_TEST

/* To name where each leads the list of modules is walked, which is the guest's. */
START_TEST(of_many_changes_some_are_told)
{
	uint64_t zero = 0;

	for (unsigned i = 0; i < 256; i++)
		guest_fixture_poke_u64(&f.guest, f.guest.vcpu.idt_base + 16 * i,
				       zero);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_cpu_entry), 0);
	ck_assert_uint_eq(f.count, 64);
	for (unsigned i = 0; i < 256; i++)
		guest_fixture_poke_u64(&f.guest,
				       table_fixture_symbol(&f,
							    "sys_call_table") +
				       8 * i, zero);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_syscall_table), 0);
	ck_assert_uint_eq(f.count, 64);
}
END_TEST

START_TEST(gate_that_user_mode_may_call_is_found)
{
	static const uint8_t any_ring = 0xee;

	guest_fixture_poke(&f.guest, f.guest.vcpu.idt_base + 16 * 14 + 5,
			   &any_ring, 1);
	one_finding(&vhsm_check_cpu_entry, "idt[14]");
}
END_TEST

static void set_gate(unsigned vector, uint64_t handler)
{
	uint64_t at = f.guest.vcpu.idt_base + 16 * vector;
	uint16_t low = (uint16_t)handler, middle = (uint16_t)(handler >> 16);
	uint32_t high = (uint32_t)(handler >> 32);

	guest_fixture_poke(&f.guest, at, &low, 2);
	guest_fixture_poke(&f.guest, at + 6, &middle, 2);
	guest_fixture_poke(&f.guest, at + 8, &high, 4);
}

START_TEST(system_vector_may_have_a_hypervisors_handler_and_no_other)
{
	uint64_t xen = table_fixture_symbol(&f, "asm_sysvec_xen_hvm_callback");

	set_gate(0xf3, xen);
	nothing(&vhsm_check_cpu_entry);
	set_gate(0xf3, xen + 1);
	one_finding(&vhsm_check_cpu_entry, "idt[243]");
	set_gate(0xf3, table_fixture_symbol(&f, "commit_creds"));
	one_finding(&vhsm_check_cpu_entry, "idt[243]");
}
END_TEST

START_TEST(device_vector_may_not_have_a_hypervisors_handler)
{
	set_gate(0x30, table_fixture_symbol(&f, "asm_sysvec_xen_hvm_callback"));
	one_finding(&vhsm_check_cpu_entry, "idt[48]");
}
END_TEST

START_TEST(table_of_gates_elsewhere_is_found_and_read)
{
	uint8_t page[4096];

	ck_assert_int_eq(vhsm_kernel_read(&f.kernel, f.guest.vcpu.idt_base,
					  page, sizeof(page)), 0);
	page[16 * 14] ^= 1;
	table_fixture_page(&f, VMALLOC, VHSM_MAP_WRITE);
	guest_fixture_poke(&f.guest, VMALLOC, page, sizeof(page));
	f.kernel.vcpu[0].idt_base = VMALLOC;
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_cpu_entry), 0);
	ck_assert_uint_eq(f.count, 2);
	ck_assert_str_eq(f.found[0].object, "vcpu 0 IDTR");
	ck_assert_str_eq(f.found[1].object, "idt[14]");
}
END_TEST

START_TEST(alias_of_the_table_of_gates_is_legal)
{
	uint64_t entry, own = guest_fixture_entry(&f.guest,
					f.guest.vcpu.idt_base, GUEST_PAGE);

	table_fixture_page(&f, VMALLOC, 0);
	entry = guest_fixture_entry(&f.guest, VMALLOC, GUEST_PAGE);
	guest_fixture_write_u64(&f.guest, entry,
				guest_fixture_read_u64(&f.guest, own));
	f.kernel.vcpu[0].idt_base = VMALLOC;
	nothing(&vhsm_check_cpu_entry);
}
END_TEST

START_TEST(entry_register_elsewhere_is_found)
{
	f.kernel.vcpu[0].lstar += 1;
	one_finding(&vhsm_check_cpu_entry, "vcpu 0 LSTAR");
	f.kernel.vcpu[0].lstar -= 1;
	f.kernel.vcpu[0].sysenter_eip = VMALLOC;
	one_finding(&vhsm_check_cpu_entry, "vcpu 0 SYSENTER_EIP");
}
END_TEST

START_TEST(protection_that_is_off_is_found)
{
	f.kernel.vcpu[0].cr0 &= ~UINT64_C(0x10000);
	one_finding(&vhsm_check_cpu_entry, "vcpu 0 CR0");
	f.kernel.vcpu[0].cr0 |= 0x10000;
	guest_fixture_poke_u64(&f.guest, table_fixture_symbol(&f,
					"cr4_pinned_bits"), 0x100000);
	one_finding(&vhsm_check_cpu_entry, "vcpu 0 CR4");
}
END_TEST

START_TEST(vcpu_that_is_off_is_not_looked_at)
{
	f.kernel.vcpu[0].online = 0;
	f.kernel.vcpu[0].lstar = 0;
	nothing(&vhsm_check_cpu_entry);
}
END_TEST

START_TEST(executable_page_of_nobodys_is_found)
{
	static const uint8_t ret = 0xc3;

	table_fixture_page(&f, VMALLOC, VHSM_MAP_EXEC);
	guest_fixture_poke(&f.guest, VMALLOC, &ret, 1);
	one_finding(&vhsm_check_exec_unknown, "page 0xffffc90000045000");
	ck_assert_uint_eq(f.found[0].after[0], 0xc3);
	ck_assert_uint_ne(f.found[0].physical, 0);
	nothing(&vhsm_check_write_exec);
}
END_TEST

START_TEST(page_that_is_writable_and_executable_is_found)
{
	table_fixture_page(&f, VMALLOC, VHSM_MAP_EXEC | VHSM_MAP_WRITE);
	one_finding(&vhsm_check_write_exec, "page 0xffffc90000045000");
}
END_TEST

START_TEST(text_made_writable_is_found)
{
	uint64_t text = table_fixture_symbol(&f, "_text");
	uint64_t at = guest_fixture_entry(&f.guest, text, GUEST_LARGE);

	guest_fixture_write_u64(&f.guest, at,
				guest_fixture_read_u64(&f.guest, at) | 2);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_write_exec), 0);
	ck_assert_uint_eq(f.count, 1);
	ck_assert_uint_eq(f.found[0].address, text);
	ck_assert_ptr_nonnull(strstr(f.found[0].symbol, "+0"));
}
END_TEST

static time_t passed;			/* seconds, of no test's time */

/* In place of libc's: the checks' clock. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	long rc = syscall(SYS_clock_gettime, clock, t);

	if (rc == 0)
		t->tv_sec += passed;
	return (int)rc;
}

static void grace_pass(void)
{
	passed += 2;
}

START_TEST(new_page_among_modules_counts_when_it_stays)
{
	void *state = table_fixture_open(&f, &vhsm_check_exec_unknown);

	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	table_fixture_page(&f, MODULES, VHSM_MAP_EXEC);
	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	ck_assert_uint_eq(f.count, 0);
	grace_pass();
	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	ck_assert_uint_eq(f.count, 1);
	vhsm_check_exec_unknown.close(state);
}
END_TEST

static void set_grace_periods(uint64_t seq)
{
	guest_fixture_poke_u64(&f.guest,
		table_fixture_symbol(&f, "rcu_state") +
		vhsm_reference_layout(reference,
				      VHSM_L_rcu_state__gp_seq).offset, seq);
}

/* rmmod of a busy guest: its grace period takes longer than ours. */
START_TEST(new_page_among_modules_has_the_time_that_rcu_takes)
{
	static const uint64_t seq[] = { 0x101, 0x101, 0x105, 0x109 };
	void *state = table_fixture_open(&f, &vhsm_check_exec_unknown);

	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	table_fixture_page(&f, MODULES, VHSM_MAP_EXEC);
	for (unsigned i = 0; i < sizeof(seq) / sizeof(seq[0]); i++) {
		set_grace_periods(seq[i]);
		ck_assert_int_eq(table_fixture_rerun(&f,
				&vhsm_check_exec_unknown, state), 0);
		ck_assert_uint_eq(f.count, i == 3);
		grace_pass();
	}
	vhsm_check_exec_unknown.close(state);
}
END_TEST

/* insmod, rmmod, insmod, rmmod: what each leaves for a while lies in one place,
 * and only what stays there with no module coming or going counts. */
START_TEST(new_page_among_modules_has_its_time_for_each_module)
{
	static const uint64_t events[] = { 7, 9, 11, 11 };
	void *state = table_fixture_open(&f, &vhsm_check_exec_unknown);

	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	table_fixture_page(&f, MODULES, VHSM_MAP_EXEC);
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		guest_fixture_poke_u64(&f.guest,
			table_fixture_symbol(&f, "uevent_seqnum"), events[i]);
		ck_assert_int_eq(table_fixture_rerun(&f,
				&vhsm_check_exec_unknown, state), 0);
		ck_assert_uint_eq(f.count, i == 3);
		grace_pass();
	}
	vhsm_check_exec_unknown.close(state);
}
END_TEST

/* The guest's word is taken for so long. */
START_TEST(new_page_among_modules_counts_in_the_end_whatever_the_guest_says)
{
	void *state = table_fixture_open(&f, &vhsm_check_exec_unknown);
	uint64_t word = 0x101;

	ck_assert_int_eq(table_fixture_rerun(&f, &vhsm_check_exec_unknown,
					     state), 0);
	table_fixture_page(&f, MODULES, VHSM_MAP_EXEC);
	for (int ms = 0; ms <= 18000; ms += 2000, word += 4) {
		set_grace_periods(word);
		guest_fixture_poke_u64(&f.guest,
			table_fixture_symbol(&f, "uevent_seqnum"), word);
		ck_assert_int_eq(table_fixture_rerun(&f,
				&vhsm_check_exec_unknown, state), 0);
		ck_assert_uint_eq(f.count, ms >= 16000);
		grace_pass();
	}
	vhsm_check_exec_unknown.close(state);
}
END_TEST

START_TEST(claimed_trampoline_must_look_like_one)
{
	uint64_t list = table_fixture_symbol(&f, "ftrace_ops_trampoline_list");
	uint64_t ops = VMALLOC + 0x1000, start, end;
	uint8_t code[512];

	table_fixture_page(&f, VMALLOC, VHSM_MAP_EXEC);
	table_fixture_page(&f, ops, VHSM_MAP_WRITE);
#define SET(member, value) guest_fixture_poke_u64(&f.guest, ops + \
	vhsm_reference_layout(reference, VHSM_L_ftrace_ops__##member).offset, \
	value)
	SET(trampoline, VMALLOC);
	SET(trampoline_size, 0x1f0);
	SET(list, list);
	guest_fixture_poke_u64(&f.guest, list, ops +
		vhsm_reference_layout(reference,
				      VHSM_L_ftrace_ops__list).offset);
	one_finding(&vhsm_check_exec_unknown, "page 0xffffc90000045000");
	start = table_fixture_symbol(&f, "ftrace_caller");
	end = table_fixture_symbol(&f, "ftrace_caller_end");
	ck_assert_uint_le(end - start, sizeof(code));
	ck_assert_int_eq(vhsm_kernel_read(&f.kernel, start, code, end - start),
			 0);
	guest_fixture_poke(&f.guest, VMALLOC, code, end - start);
	nothing(&vhsm_check_exec_unknown);
#undef SET
}
END_TEST

START_TEST(tables_that_loop_cost_bounded_work)
{
	uint64_t root = f.kernel.space.root, table = guest_fixture_page(&f.guest);

	/* A table all of whose entries are itself: 512^3 of them. */
	for (unsigned i = 0; i < 512; i++)
		guest_fixture_write_u64(&f.guest, table + 8 * i, table | 3);
	guest_fixture_write_u64(&f.guest, root + 8 * 300, table | 3);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_exec_unknown),
			 -E2BIG);
	ck_assert_int_eq(table_fixture_run(&f, &vhsm_check_write_exec), -E2BIG);
	ck_assert_str_ne(f.why, "");
}
END_TEST

START_TEST(shared_tables_without_code_are_read_once)
{
	uint64_t table = guest_fixture_page(&f.guest);
	uint64_t upper = guest_fixture_page(&f.guest);
	struct vhsm_kernel_map before, map;

	ck_assert_int_eq(vhsm_kernel_map_read(&f.kernel, &before, f.why), 0);
	for (unsigned i = 0; i < 512; i++)
		guest_fixture_write_u64(&f.guest, upper + 8 * i, table | 3);
	guest_fixture_write_u64(&f.guest, f.kernel.space.root + 8 * 300,
				upper | 3);
	ck_assert_int_eq(vhsm_kernel_map_read(&f.kernel, &map, f.why), 0);
	ck_assert_uint_eq(map.tables, before.tables + 2);
	ck_assert_uint_eq(map.count, before.count);
	vhsm_kernel_map_deinit(&map);
	vhsm_kernel_map_deinit(&before);
}
END_TEST

START_TEST(table_outside_memory_is_not_mapped)
{
	guest_fixture_write_u64(&f.guest, f.kernel.space.root + 8 * 300,
				UINT64_C(0x000ffffffffff003));
	nothing(&vhsm_check_exec_unknown);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, healthy_guest_raises_nothing);
	tcase_add_test(t, changed_system_call_is_found_with_both_targets);
	tcase_add_test(t, system_call_to_unmapped_memory_is_found);
	tcase_add_test(t, table_that_is_not_mapped_is_an_error);
	tcase_add_test(t, gates_come_from_the_tables_of_the_image);
	tcase_add_test(t, changed_gate_is_found);
	tcase_add_test(t, of_many_changes_some_are_told);
	tcase_add_test(t, gate_that_user_mode_may_call_is_found);
	tcase_add_test(t,
		system_vector_may_have_a_hypervisors_handler_and_no_other);
	tcase_add_test(t, device_vector_may_not_have_a_hypervisors_handler);
	tcase_add_test(t, table_of_gates_elsewhere_is_found_and_read);
	tcase_add_test(t, alias_of_the_table_of_gates_is_legal);
	tcase_add_test(t, entry_register_elsewhere_is_found);
	tcase_add_test(t, protection_that_is_off_is_found);
	tcase_add_test(t, vcpu_that_is_off_is_not_looked_at);
	tcase_add_test(t, executable_page_of_nobodys_is_found);
	tcase_add_test(t, page_that_is_writable_and_executable_is_found);
	tcase_add_test(t, text_made_writable_is_found);
	tcase_add_test(t, new_page_among_modules_counts_when_it_stays);
	tcase_add_test(t,
		       new_page_among_modules_has_the_time_that_rcu_takes);
	tcase_add_test(t,
		       new_page_among_modules_has_its_time_for_each_module);
	tcase_add_test(t,
		       new_page_among_modules_counts_in_the_end_whatever_the_guest_says);
	tcase_add_test(t, claimed_trampoline_must_look_like_one);
	tcase_add_test(t, tables_that_loop_cost_bounded_work);
	tcase_add_test(t, shared_tables_without_code_are_read_once);
	tcase_add_test(t, table_outside_memory_is_not_mapped);
}

int main(void)
{
	Suite *s = suite_create("tables");
	TCase *t = tcase_create("tables");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("no kernel to test with (tests/lab/fetch)");
		return SKIP;
	}
	tcase_add_unchecked_fixture(t, setup_reference, teardown_reference);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	add_tests(t);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
