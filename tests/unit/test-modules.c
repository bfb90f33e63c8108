/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-modules.c - approved modules pass, patched as the kernel patches them;
 * others, changed ones and hidden ones do not; and no structure of a guest's
 * makes the checks of modules crash or go on for ever.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/module-list.h"
#include "introspect/site.h"
#include "unit/module-fixture.h"

#define SKIP	77
#define SLIDE	UINT64_C(0x8000000)

static struct vhsm_reference *reference;
static struct module_fixture m;
static const struct vhsm_check *const unapproved =
	&vhsm_check_module_unapproved;
static const struct vhsm_check *const hidden = &vhsm_check_module_hidden;

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
	module_fixture_init(&m, reference, SLIDE);
}

static void teardown(void)
{
	module_fixture_deinit(&m);
}

static void nothing(const struct vhsm_check *check)
{
	ck_assert_msg(!table_fixture_run(&m.t, check), "%s", m.t.why);
	ck_assert_msg(m.t.count == 0, "%s: %s", m.t.found[0].object,
		      m.t.found[0].detail);
}

static void one_finding(const struct vhsm_check *check, const char *object,
			const char *detail)
{
	ck_assert_msg(!table_fixture_run(&m.t, check), "%s", m.t.why);
	ck_assert_uint_eq(m.t.count, 1);
	ck_assert_str_eq(m.t.found[0].object, object);
	ck_assert_msg(strstr(m.t.found[0].detail, detail), "%s",
		      m.t.found[0].detail);
}

static void poke(uint32_t at, const void *bytes, size_t len)
{
	guest_fixture_poke(&m.t.guest, MODULE_BASE + at, bytes, len);
}

/* A call at the offset, to a symbol of the kernel. */
static void poke_call(uint32_t at, uint8_t opcode, const char *symbol)
{
	int32_t distance = (int32_t)(table_fixture_symbol(&m.t, symbol) -
				     (MODULE_BASE + at + 5));

	poke(at, &opcode, 1);
	poke(at + 1, &distance, sizeof(distance));
}

START_TEST(approved_module_raises_nothing)
{
	nothing(unapproved);
	nothing(hidden);
	nothing(&vhsm_check_exec_unknown);
	ck_assert_uint_gt(m.text.field_count, 500);
	ck_assert_uint_gt(m.text.site_count, 50);
}
END_TEST

START_TEST(what_the_kernel_patches_is_explained)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	static const uint8_t ret[] = { 0xc3, 0xcc, 0xcc, 0xcc, 0xcc };
	static const uint8_t ds = 0x3e;

	poke(module_fixture_site(&m, VHSM_SITE_FTRACE)->at, nop, 5);
	poke(module_fixture_site(&m, VHSM_SITE_RETURN)->at, ret, 5);
	poke(module_fixture_site(&m, VHSM_SITE_LOCK)->at, &ds, 1);
	nothing(unapproved);
	ck_assert_uint_eq(m.t.explained, 3);
	poke_call(module_fixture_site(&m, VHSM_SITE_FTRACE)->at, 0xe8,
		  "ftrace_regs_caller");
	poke_call(module_fixture_site(&m, VHSM_SITE_RETURN)->at, 0xe9,
		  "srso_return_thunk");
	nothing(unapproved);
}
END_TEST

START_TEST(either_side_of_a_jump_label_is_legal_and_no_other)
{
	const struct vhsm_module_site *s =
		module_fixture_site(&m, VHSM_SITE_JUMP_LABEL);
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	const uint8_t *jump;

	ck_assert_uint_eq(s->len, 5);
	poke(s->at, nop, 5);
	nothing(unapproved);
	vhsm_modules_variant(m.modules, s, 0, &jump);
	ck_assert_uint_eq(jump[0], 0xe9);
	poke(s->at, jump, 5);
	nothing(unapproved);
	poke_call(s->at, 0xe9, "commit_creds");
	one_finding(unapproved, "module " MODULE_NAME, "approved file");
}
END_TEST

START_TEST(trace_call_that_leads_elsewhere_is_found)
{
	uint32_t at = module_fixture_site(&m, VHSM_SITE_FTRACE)->at;

	poke_call(at, 0xe8, "commit_creds");
	one_finding(unapproved, "module " MODULE_NAME, "approved file");
	poke_call(at, 0xe8, "ftrace_caller");
	nothing(unapproved);
}
END_TEST

START_TEST(return_that_leads_elsewhere_is_found)
{
	poke_call(module_fixture_site(&m, VHSM_SITE_RETURN)->at, 0xe9,
		  "commit_creds");
	one_finding(unapproved, "module " MODULE_NAME, "approved file");
}
END_TEST

START_TEST(relocated_call_that_leads_elsewhere_is_found)
{
	for (size_t i = 0; i < m.text.field_count; i++) {
		const struct vhsm_module_target *t = &m.text.field[i];

		if (t->kind != VHSM_FIELD_PC32 || t->from != VHSM_FROM_KERNEL ||
		    m.text.bytes[t->at - 1] != 0xe8)
			continue;
		poke_call(t->at - 1, 0xe8, "commit_creds");
		/* A site may be here, whose call is judged by its kind. */
		ck_assert_int_eq(table_fixture_run(&m.t, unapproved), 0);
		if (m.t.count)
			return;
	}
	ck_abort_msg("no redirected call was found");
}
END_TEST

START_TEST(changed_byte_is_found_with_both_values)
{
	uint32_t at = 0;
	uint8_t byte;

	while (m.text.bytes[at] != 0x48)
		at++;
	byte = 0x49;
	poke(at, &byte, 1);
	one_finding(unapproved, "module " MODULE_NAME, "1 bytes");
	ck_assert_uint_eq(m.t.found[0].address, MODULE_BASE + at);
	ck_assert_uint_eq(m.t.found[0].before[0], 0x48);
	ck_assert_uint_eq(m.t.found[0].after[0], 0x49);
}
END_TEST

START_TEST(text_that_was_right_once_is_looked_at_again)
{
	void *state = table_fixture_open(&m.t, unapproved);
	static const uint8_t trap = 0xcc;

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(table_fixture_rerun(&m.t, unapproved, state),
				 0);
		ck_assert_uint_eq(m.t.count, 0);
	}
	poke(m.text.len / 2, &trap, 1);
	ck_assert_int_eq(table_fixture_rerun(&m.t, unapproved, state), 0);
	ck_assert_uint_eq(m.t.count, 1);
	unapproved->close(state);
}
END_TEST

START_TEST(code_behind_the_text_is_found)
{
	static const uint8_t ret = 0xc3;

	ck_assert_uint_ne(m.text.len % GUEST_PAGE, 0);
	poke(m.text.len, &ret, 1);
	one_finding(unapproved, "module " MODULE_NAME, "behind the text");
}
END_TEST

START_TEST(module_of_another_name_is_found_in_any_state)
{
	module_fixture_describe(&m, m.va, "evil");
	for (unsigned state = VHSM_MODULE_LIVE; state <= VHSM_MODULE_UNFORMED;
	     state++) {
		module_fixture_set(&m, m.va, VHSM_L_module__state, state);
		one_finding(unapproved, "module evil", "not in the baseline");
	}
}
END_TEST

START_TEST(without_a_file_of_modules_none_is_approved)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/modules", m.t.dir);
	ck_assert_int_eq(unlink(path), 0);
	one_finding(unapproved, "module " MODULE_NAME, "not in the baseline");
	module_fixture_list(&m, NULL, 0);
	nothing(unapproved);
}
END_TEST

START_TEST(name_of_a_guest_is_made_printable)
{
	module_fixture_describe(&m, m.va, "ev\x1b[2J\n");
	one_finding(unapproved, "module ev?[2J?", "not in the baseline");
}
END_TEST

START_TEST(text_of_a_module_that_loads_is_looked_at_when_it_stays)
{
	void *state = table_fixture_open(&m.t, unapproved);
	static const uint8_t trap = 0xcc;

	ck_assert_int_eq(table_fixture_rerun(&m.t, unapproved, state), 0);
	module_fixture_set(&m, m.va, VHSM_L_module__state, VHSM_MODULE_COMING);
	poke(m.text.len / 2, &trap, 1);
	ck_assert_int_eq(table_fixture_rerun(&m.t, unapproved, state), 0);
	ck_assert_uint_eq(m.t.count, 0);
	unapproved->close(state);
	/* At a first look there is no telling how long it has been so. */
	one_finding(unapproved, "module " MODULE_NAME, "approved file");
}
END_TEST

/* A busy guest takes its time; and nobody can run it yet. */
START_TEST(text_of_a_module_that_is_not_whole_counts_when_it_can_be_executed)
{
	void *state;

	module_fixture_set(&m, m.va, VHSM_L_module__state,
			   VHSM_MODULE_UNFORMED);
	for (uint64_t at = 0; at < m.text.len; at += GUEST_PAGE)
		table_fixture_page(&m.t, MODULE_BASE + at, VHSM_MAP_WRITE);
	state = table_fixture_open(&m.t, unapproved);
	ck_assert_int_eq(table_fixture_rerun(&m.t, unapproved, state), 0);
	ck_assert_uint_eq(m.t.count, 0);
	unapproved->close(state);
	table_fixture_page(&m.t, MODULE_BASE, VHSM_MAP_EXEC);
	one_finding(unapproved, "module " MODULE_NAME, "approved file");
}
END_TEST

START_TEST(claim_of_more_text_is_found)
{
	module_fixture_set(&m, m.va, VHSM_L_module__text_size, 0x7ffff000);
	one_finding(unapproved, "module " MODULE_NAME, "claims");
}
END_TEST

START_TEST(second_module_of_a_name_is_found)
{
	uint64_t list[2] = { m.va, MODULE_BASE + 0x100000 };

	table_fixture_page(&m.t, list[1], VHSM_MAP_WRITE);
	module_fixture_describe(&m, list[1], MODULE_NAME);
	module_fixture_set(&m, list[1], VHSM_L_module__text_base,
			   MODULE_BASE + 0x200000);
	module_fixture_list(&m, list, 2);
	one_finding(unapproved, "module " MODULE_NAME, "not in the baseline");
}
END_TEST

START_TEST(list_that_loops_is_an_error)
{
	uint32_t node = vhsm_reference_layout(reference,
					      VHSM_L_module__list).offset;

	guest_fixture_poke_u64(&m.t.guest, m.va + node, m.va + node);
	ck_assert_int_eq(table_fixture_run(&m.t, unapproved), -ELOOP);
	ck_assert_int_eq(table_fixture_run(&m.t, hidden), -ELOOP);
	ck_assert_int_eq(table_fixture_run(&m.t, &vhsm_check_exec_unknown),
			 -ELOOP);
}
END_TEST

START_TEST(list_that_leads_nowhere_is_an_error)
{
	uint32_t node = vhsm_reference_layout(reference,
					      VHSM_L_module__list).offset;

	guest_fixture_poke_u64(&m.t.guest, m.va + node, 0xdead0000);
	ck_assert_int_eq(table_fixture_run(&m.t, unapproved), -EFAULT);
	ck_assert_int_eq(table_fixture_run(&m.t, hidden), -EFAULT);
}
END_TEST

START_TEST(module_out_of_the_list_is_found_in_memory)
{
	module_fixture_list(&m, NULL, 0);
	nothing(unapproved);
	one_finding(hidden, "module " MODULE_NAME, "executable memory");
	ck_assert_int_eq(table_fixture_run(&m.t, &vhsm_check_exec_unknown), 0);
	ck_assert_uint_eq(m.t.count, 1);
}
END_TEST

static uint32_t offset_of(enum vhsm_layout member)
{
	return vhsm_reference_layout(reference, member).offset;
}

START_TEST(module_out_of_the_list_is_found_in_the_tree)
{
	uint64_t root = table_fixture_symbol(&m.t, "mod_tree") +
		offset_of(VHSM_L_mod_tree_root__tree);
	uint64_t node = m.va + 0x800;

	/* No longer where its own memory begins, by its own account. */
	module_fixture_set(&m, m.va, VHSM_L_module__text_base, MODULE_BASE + 8);
	module_fixture_set(&m, node, VHSM_L_mod_tree_node__mod, m.va);
	guest_fixture_poke_u64(&m.t.guest, root, node +
			       offset_of(VHSM_L_mod_tree_node__node) +
			       offset_of(VHSM_L_latch_tree_node__node));
	module_fixture_list(&m, NULL, 0);
	one_finding(hidden, "module " MODULE_NAME, "mod_tree");
}
END_TEST

START_TEST(damaged_file_of_modules_is_refused)
{
	char path[96], why[VHSM_MODULES_WHY_LEN];
	struct vhsm_modules *damaged;
	uint64_t word[30], bad;
	unsigned refused = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/modules", m.t.dir);
	file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(word, sizeof(word), 1, file), 1);
	for (unsigned i = 0; i < 30; i++) {
		bad = word[i] ^ UINT64_C(0x8000000000000001);
		ck_assert_int_eq(fseek(file, (long)(8 * i), SEEK_SET), 0);
		ck_assert_uint_eq(fwrite(&bad, 8, 1, file), 1);
		ck_assert_int_eq(fflush(file), 0);
		damaged = vhsm_modules_open(path, why);
		refused += !damaged;
		vhsm_modules_close(&damaged);
		ck_assert_int_eq(fseek(file, (long)(8 * i), SEEK_SET), 0);
		ck_assert_uint_eq(fwrite(&word[i], 8, 1, file), 1);
		ck_assert_int_eq(fflush(file), 0);
	}
	fclose(file);
	/* All but the release's eight words and names are told by the check. */
	ck_assert_uint_ge(refused, 13);
	damaged = vhsm_modules_open(path, why);
	ck_assert_msg(damaged, "%s", why);
	vhsm_modules_close(&damaged);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, approved_module_raises_nothing);
	tcase_add_test(t, what_the_kernel_patches_is_explained);
	tcase_add_test(t, either_side_of_a_jump_label_is_legal_and_no_other);
	tcase_add_test(t, trace_call_that_leads_elsewhere_is_found);
	tcase_add_test(t, return_that_leads_elsewhere_is_found);
	tcase_add_test(t, relocated_call_that_leads_elsewhere_is_found);
	tcase_add_test(t, changed_byte_is_found_with_both_values);
	tcase_add_test(t, text_that_was_right_once_is_looked_at_again);
	tcase_add_test(t, code_behind_the_text_is_found);
	tcase_add_test(t, module_of_another_name_is_found_in_any_state);
	tcase_add_test(t, without_a_file_of_modules_none_is_approved);
	tcase_add_test(t, name_of_a_guest_is_made_printable);
	tcase_add_test(t,
		text_of_a_module_that_loads_is_looked_at_when_it_stays);
	tcase_add_test(t, claim_of_more_text_is_found);
	tcase_add_test(t,
		text_of_a_module_that_is_not_whole_counts_when_it_can_be_executed);
	tcase_add_test(t, second_module_of_a_name_is_found);
	tcase_add_test(t, list_that_loops_is_an_error);
	tcase_add_test(t, list_that_leads_nowhere_is_an_error);
	tcase_add_test(t, module_out_of_the_list_is_found_in_memory);
	tcase_add_test(t, module_out_of_the_list_is_found_in_the_tree);
	tcase_add_test(t, damaged_file_of_modules_is_refused);
}

int main(void)
{
	Suite *s = suite_create("modules");
	TCase *t = tcase_create("modules");
	SRunner *runner;
	int failed;

	if (!module_fixture_file()) {
		puts("no kernel and module to test with (tests/lab/fetch)");
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
