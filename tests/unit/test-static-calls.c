/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-static-calls.c - static calls of the kernel's text that lead out of the
 * image: to functions of approved modules, and to code of BPF's compiler; and
 * where that compiler may put its code.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "introspect/reference-file.h"
#include "unit/module-fixture.h"

#define SKIP		77
#define SLIDE		UINT64_C(0x8000000)
#define PACK		UINT64_C(0xffffffffe4003000)	/* no huge page's */
#define HUGE_PAGE	UINT64_C(0x200000)
#define STRUCTS		UINT64_C(0xffffc90000010000)	/* a page */

static struct vhsm_reference *reference;
static struct module_fixture m;

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

static void silent(const struct vhsm_check *check)
{
	ck_assert_msg(!table_fixture_run(&m.t, check), "%s", m.t.why);
	ck_assert_msg(m.t.count == 0, "%s: %s", m.t.found[0].object,
		      m.t.found[0].detail);
}

static void found(const struct vhsm_check *check)
{
	ck_assert_msg(!table_fixture_run(&m.t, check), "%s", m.t.why);
	ck_assert_uint_eq(m.t.count, 1);
}

/* The image's own first byte of a site: a call's or a jump's. */
static uint8_t opcode(const struct vhsm_site *site)
{
	uint8_t own = 0;

	ck_assert_int_eq(vhsm_reference_expected(reference, site->va, 0, &own,
						 1), 0);
	return own;
}

/* A place that calls or jumps, of the key; 0: that calls, of any. */
static const struct vhsm_site *call_site(uint64_t key)
{
	const struct vhsm_site *site = reference->site;
	size_t i, count = reference->header->sites.count;

	for (i = 0; i < count; i++, site++)
		if (site->kind == VHSM_SITE_STATIC_CALL && site->len == 5 &&
		    site->flags & VHSM_SITE_DYNAMIC && site->key &&
		    (key ? site->key == key : opcode(site) == 0xe8))
			return site;
	ck_abort_msg("no such static call");
	return NULL;
}

/* The site calls the target, and its key says so. */
static void lead(const struct vhsm_site *site, uint64_t target)
{
	uint64_t va = site->va + SLIDE;
	int32_t distance = (int32_t)(target - va - 5);
	uint8_t call[5] = { opcode(site) };

	memcpy(call + 1, &distance, sizeof(distance));
	guest_fixture_poke(&m.t.guest, va, call, sizeof(call));
	module_fixture_set(&m, site->key + SLIDE, VHSM_L_static_call_key__func,
			   target);
}

/* Where a function of the module begins. */
static uint64_t function(void)
{
	return MODULE_BASE + module_fixture_site(&m, VHSM_SITE_FTRACE)->at;
}

START_TEST(a_function_of_an_approved_module_may_be_called)
{
	const struct vhsm_site *site = call_site(0);

	lead(site, function());
	silent(&vhsm_check_kernel_text);
	ck_assert_uint_eq(m.t.explained, 1);
	module_fixture_set(&m, site->key + SLIDE, VHSM_L_static_call_key__func,
			   function() + 1);
	found(&vhsm_check_kernel_text);	/* its key says otherwise */
}
END_TEST

START_TEST(the_middle_of_a_modules_function_is_found)
{
	lead(call_site(0), function() + 1 + (uint64_t)_i * 4);
	found(&vhsm_check_kernel_text);
}
END_TEST

START_TEST(a_call_into_a_module_that_was_changed_is_found)
{
	void *state;

	lead(call_site(0), function());
	state = table_fixture_open(&m.t, &vhsm_check_kernel_text);
	ck_assert_int_eq(table_fixture_rerun(&m.t, &vhsm_check_kernel_text,
					     state), 0);
	ck_assert_uint_eq(m.t.count, 0);
	guest_fixture_poke(&m.t.guest, function() + 5, "\xe9\x11\x22\x33\x44",
			   5);
	ck_assert_int_eq(table_fixture_rerun(&m.t, &vhsm_check_kernel_text,
					     state), 0);
	ck_assert_uint_eq(m.t.count, 1);
	vhsm_check_kernel_text.close(state);
}
END_TEST

START_TEST(a_call_into_a_module_of_no_name_or_another_is_found)
{
	lead(call_site(0), function());
	if (_i)
		module_fixture_describe(&m, m.va, "other");
	else
		module_fixture_list(&m, NULL, 0);
	found(&vhsm_check_kernel_text);
}
END_TEST

/* --- BPF --- */

static uint64_t member(uint64_t va, enum vhsm_layout l)
{
	ck_assert_uint_ne(vhsm_reference_layout(reference, l).offset,
			  VHSM_NO_MEMBER);
	return va + vhsm_reference_layout(reference, l).offset;
}

/* The one entry of a list. */
static void list_one(const char *head, uint64_t node)
{
	uint64_t at = table_fixture_symbol(&m.t, head);

	guest_fixture_poke_u64(&m.t.guest, at, node);
	guest_fixture_poke_u64(&m.t.guest, at + 8, node);
	guest_fixture_poke_u64(&m.t.guest, node, at);
	guest_fixture_poke_u64(&m.t.guest, node + 8, at);
}

/* The compiler has a pack. */
static void make_pack(void)
{
	table_fixture_page(&m.t, STRUCTS, VHSM_MAP_WRITE);
	guest_fixture_poke_u64(&m.t.guest, member(STRUCTS,
			       VHSM_L_bpf_prog_pack__ptr), PACK);
	list_one("pack_list", member(STRUCTS, VHSM_L_bpf_prog_pack__list));
	table_fixture_page(&m.t, PACK, VHSM_MAP_EXEC);
}

START_TEST(a_pack_may_begin_at_any_page)
{
	/* The guest's other executable memory is known. */
	silent(&vhsm_check_exec_unknown);
	make_pack();
	table_fixture_page(&m.t, PACK + HUGE_PAGE - GUEST_PAGE, VHSM_MAP_EXEC);
	silent(&vhsm_check_exec_unknown);
	table_fixture_page(&m.t, PACK + HUGE_PAGE, VHSM_MAP_EXEC);
	found(&vhsm_check_exec_unknown);
	ck_assert_uint_eq(m.t.found[0].address, PACK + HUGE_PAGE);
}
END_TEST

START_TEST(a_pack_is_as_long_as_the_nodes_of_memory)
{
	uint32_t nodes = 2;

	make_pack();
	guest_fixture_poke(&m.t.guest, table_fixture_symbol(&m.t, "nr_node_ids"),
			   &nodes, sizeof(nodes));
	table_fixture_page(&m.t, PACK + HUGE_PAGE, VHSM_MAP_EXEC);
	silent(&vhsm_check_exec_unknown);
	nodes = 1u << 30;		/* of no machine */
	guest_fixture_poke(&m.t.guest, table_fixture_symbol(&m.t, "nr_node_ids"),
			   &nodes, sizeof(nodes));
	found(&vhsm_check_exec_unknown);
}
END_TEST

/* The dispatcher's code is at image; the call that goes there. */
static const struct vhsm_site *dispatch(uint64_t image)
{
	uint64_t va = table_fixture_symbol(&m.t, "bpf_dispatcher_xdp"), key;

	guest_fixture_poke_u64(&m.t.guest, member(va,
			       VHSM_L_bpf_dispatcher__image), image);
	ck_assert_int_eq(vhsm_kernel_read_u64(&m.t.kernel, member(va,
			 VHSM_L_bpf_dispatcher__sc_key), &key), 0);
	return call_site(key - SLIDE);
}

START_TEST(a_dispatchers_code_may_be_called)
{
	const struct vhsm_site *site;

	make_pack();
	site = dispatch(PACK + 0x40);
	lead(site, PACK + 0x40);
	silent(&vhsm_check_kernel_text);
	lead(site, PACK + 0x40 + 2048);
	silent(&vhsm_check_kernel_text);
	lead(site, PACK + 0x41);
	found(&vhsm_check_kernel_text);
}
END_TEST

START_TEST(what_no_dispatcher_has_may_not_be_called)
{
	const struct vhsm_site *site;

	make_pack();
	if (_i == 0) {
		lead(dispatch(0), PACK);	/* it has no code */
	} else if (_i == 1) {
		site = dispatch(MODULE_BASE + 0x123);	/* nor there */
		lead(site, MODULE_BASE + 0x123);
	} else {
		dispatch(PACK);			/* for whom? */
		lead(call_site(0), PACK);
	}
	found(&vhsm_check_kernel_text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("static-calls");
	TCase *tests = tcase_create("static-calls");
	SRunner *runner;
	int failed;

	if (!module_fixture_file()) {
		puts("SKIP: no kernel to test with (VHSM_TEST_KERNEL)");
		return SKIP;
	}
	runner = srunner_create(suite);
	tcase_add_unchecked_fixture(tests, setup_reference, teardown_reference);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_function_of_an_approved_module_may_be_called);
	tcase_add_loop_test(tests, the_middle_of_a_modules_function_is_found, 0,
			    2);
	tcase_add_test(tests, a_call_into_a_module_that_was_changed_is_found);
	tcase_add_loop_test(tests,
		a_call_into_a_module_of_no_name_or_another_is_found, 0, 2);
	tcase_add_test(tests, a_pack_may_begin_at_any_page);
	tcase_add_test(tests, a_pack_is_as_long_as_the_nodes_of_memory);
	tcase_add_test(tests, a_dispatchers_code_may_be_called);
	tcase_add_loop_test(tests, what_no_dispatcher_has_may_not_be_called, 0,
			    3);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
