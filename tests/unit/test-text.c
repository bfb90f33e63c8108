/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-text.c - a real kernel, slid, whose text and read-only data are changed
 * as the kernel itself would, and as it would not.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/probe-list.h"
#include "checks/text-view.h"
#include "introspect/reference-file.h"
#include "unit/task-fixture.h"

#define SKIP	77

static struct vhsm_reference *reference;
static struct task_fixture f;
static struct vhsm_page_key key;
static void *text, *hook, *rodata;
static char why[VHSM_CHECK_WHY_LEN];
static uint64_t sweeps, explained;
static unsigned counts[64];
static bool cut;
static struct vhsm_finding last;

static void note(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	(void)sweep;
	counts[finding->check]++;
	last = *finding;
}

static void run_one(const struct vhsm_check *check, void *state)
{
	struct vhsm_sweep sweep = {
		.kernel = &f.kernel, .number = sweeps, .report = note,
	};

	ck_assert_msg(check->run(state, &sweep, why) == 0, "%s", why);
	explained += sweep.explained;
	cut |= sweep.cut;
}

/* A sweep of the three checks: how many findings in all. */
static unsigned sweep_all(void)
{
	memset(counts, 0, sizeof(counts));
	explained = 0;
	cut = false;
	sweeps++;
	run_one(&vhsm_check_kernel_text, text);
	run_one(&vhsm_check_inline_hook, hook);
	run_one(&vhsm_check_kernel_rodata, rodata);
	return counts[VHSM_CHECK_KERNEL_TEXT] +
	       counts[VHSM_CHECK_INLINE_HOOK] +
	       counts[VHSM_CHECK_KERNEL_RODATA];
}

static void setup_reference(void)
{
	reference = task_fixture_reference();
	ck_assert_int_eq(vhsm_page_key_init(&key), 0);
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
}

static void setup(void)
{
	struct vhsm_check_setup setup = {
		.reference = reference, .page_key = &key,
	};

	task_fixture_init(&f, reference);
	ck_assert_int_eq(vhsm_check_kernel_text.open(&setup, &text, why), 0);
	ck_assert_int_eq(vhsm_check_inline_hook.open(&setup, &hook, why), 0);
	ck_assert_int_eq(vhsm_check_kernel_rodata.open(&setup, &rodata, why),
			 0);
}

static void teardown(void)
{
	vhsm_check_kernel_text.close(text);
	vhsm_check_inline_hook.close(hook);
	vhsm_check_kernel_rodata.close(rodata);
	task_fixture_deinit(&f);
}

static void poke(uint64_t va, const void *bytes, size_t len)
{
	guest_fixture_poke(&f.guest, va, bytes, len);
}

static void poke_branch(uint64_t va, uint8_t opcode, uint64_t target)
{
	uint8_t bytes[5] = { opcode };
	uint32_t operand = (uint32_t)(target - va - 5);

	memcpy(bytes + 1, &operand, 4);
	poke(va, bytes, 5);
}

static uint64_t symbol(const char *name)
{
	return task_fixture_symbol(&f, name);
}

/* A site of the kind; dynamic: with an open target, called by opcode. */
static const struct vhsm_site *find_site(enum vhsm_site_kind kind,
					 uint8_t opcode)
{
	size_t count = reference->header->sites.count;
	const struct vhsm_site *site = reference->site;

	for (size_t i = 0; i < count; i++) {
		uint8_t own;

		ck_assert_int_eq(vhsm_reference_expected(reference, site[i].va,
							 0, &own, 1), 0);
		if (site[i].kind == kind && (!opcode ||
		    (own == opcode && site[i].key &&
		     site[i].flags & VHSM_SITE_DYNAMIC)))
			return &site[i];
	}
	ck_abort_msg("the kernel has no site of kind %u", kind);
	return NULL;
}

START_TEST(text_like_the_images_is_silent)
{
	ck_assert_uint_eq(f.kernel.slide, TASK_FIXTURE_SLIDE);
	ck_assert_uint_eq(sweep_all(), 0);
	ck_assert_uint_eq(explained, 0);
}
END_TEST

/* Round i gives each site its variant i: the least number of differences that
 * are explained is then that of the sites that have one. */
START_TEST(every_variant_of_every_site_is_explained)
{
	size_t count = reference->header->sites.count, patched = 0;
	const struct vhsm_site *site = reference->site;

	for (size_t k = 0; k < count; k++) {
		uint8_t bytes[256];

		if (site[k].variant_count <= (unsigned)_i ||
		    vhsm_reference_site_variant(reference, &site[k],
						(unsigned)_i)->target_at)
			continue;
		vhsm_reference_variant(reference, &site[k], (unsigned)_i,
				       f.kernel.slide, bytes);
		poke(site[k].va + f.kernel.slide, bytes, site[k].len);
		patched++;
	}
	ck_assert_uint_gt(patched, 1000);
	ck_assert_msg(sweep_all() == 0, "%s: %s", last.object, last.detail);
	ck_assert_uint_ge(explained, patched);
	/* And it is cheap to see that nothing changed since. */
	ck_assert_uint_eq(sweep_all(), 0);
	ck_assert_uint_ge(explained, patched);
}
END_TEST

START_TEST(a_site_with_another_value_is_found)
{
	static const enum vhsm_site_kind kinds[] = {
		VHSM_SITE_ALTERNATIVE, VHSM_SITE_PARAVIRT, VHSM_SITE_RETPOLINE,
		VHSM_SITE_RETURN, VHSM_SITE_LOCK, VHSM_SITE_JUMP_LABEL,
		VHSM_SITE_STATIC_CALL, VHSM_SITE_FTRACE,
	};
	const struct vhsm_site *site = find_site(kinds[_i], 0);

	poke(site->va + f.kernel.slide, "\x42", 1);
	ck_assert_uint_eq(sweep_all(), 1);
	ck_assert_uint_eq(last.before_len, last.after_len);
	ck_assert_mem_ne(last.before, last.after, last.after_len);
}
END_TEST

START_TEST(a_byte_in_a_function_is_found_and_then_forgotten)
{
	uint64_t va = symbol("vfs_read") + 0x21;
	uint8_t was;

	ck_assert_int_eq(vhsm_kernel_read(&f.kernel, va, &was, 1), 0);
	poke(va, "\xf4", 1);
	ck_assert_uint_eq(sweep_all(), 1);
	ck_assert_uint_eq(counts[VHSM_CHECK_KERNEL_TEXT], 1);
	ck_assert_str_eq(last.object, "vfs_read+0x21, 1 byte");
	ck_assert_uint_eq(last.after[va - last.address], 0xf4);
	ck_assert_uint_eq(last.before[va - last.address], was);
	ck_assert_uint_ne(last.before_code[0], 0);
	ck_assert_ptr_nonnull(strstr(last.after_code, "hlt"));
	/* The second look, in the same sweep, reads again. */
	poke(va, &was, 1);
	counts[VHSM_CHECK_KERNEL_TEXT] = 0;
	run_one(&vhsm_check_kernel_text, text);
	ck_assert_uint_eq(counts[VHSM_CHECK_KERNEL_TEXT], 0);
	ck_assert_uint_eq(sweep_all(), 0);
}
END_TEST

START_TEST(read_only_data_that_changed_is_found)
{
	poke(symbol("linux_proc_banner"), "X", 1);
	ck_assert_uint_eq(sweep_all(), 1);
	ck_assert_uint_eq(counts[VHSM_CHECK_KERNEL_RODATA], 1);
	ck_assert_uint_eq(last.before[0], '%');
	ck_assert_uint_eq(last.after[0], 'X');
}
END_TEST

/* To explain each byte of a text or table that is all wrong would take minutes. */
START_TEST(what_is_all_wrong_is_not_looked_at_to_its_end)
{
	static uint8_t bytes[64 << 10];
	uint64_t va = symbol("linux_banner") + GUEST_PAGE;

	ck_assert_int_eq(vhsm_kernel_read(&f.kernel, va, bytes, sizeof(bytes)),
			 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] ^= 0x55;
	poke(va, bytes, sizeof(bytes));
	ck_assert_uint_ge(sweep_all(), 1);
	ck_assert(cut);
}
END_TEST

START_TEST(more_differences_than_are_told_are_not_kept_quiet)
{
	/* Far enough apart to be so many. */
	uint64_t va = symbol("linux_banner");
	uint8_t byte;

	for (unsigned i = 0; i <= VHSM_DIFFERENCES_MAX; i++) {
		ck_assert(!cut);
		ck_assert_int_eq(vhsm_kernel_read(&f.kernel, va + 16 * i, &byte,
						  1), 0);
		byte ^= 0x80;
		poke(va + 16 * i, &byte, 1);
		if (i + 1 >= VHSM_DIFFERENCES_MAX)
			ck_assert_uint_eq(sweep_all(), VHSM_DIFFERENCES_MAX);
	}
	ck_assert(cut);
}
END_TEST

START_TEST(a_system_call_table_is_left_to_its_own_check)
{
	guest_fixture_poke_u64(&f.guest, symbol("sys_call_table"), 42);
	ck_assert_uint_eq(sweep_all(), 0);
}
END_TEST

/* --- hooks --- */

static void expect_hook(uint64_t target)
{
	char text_of[32];

	ck_assert_uint_eq(sweep_all(), 1);
	ck_assert_uint_eq(counts[VHSM_CHECK_INLINE_HOOK], 1);
	snprintf(text_of, sizeof(text_of), "%#llx",
		 (unsigned long long)target);
	ck_assert_msg(strstr(last.detail, text_of), "%s", last.detail);
}

START_TEST(a_jump_in_a_prologue_is_an_inline_hook)
{
	poke_branch(symbol("tcp4_seq_show"), 0xe9, f.heap - 0x1000);
	expect_hook((uint64_t)(int64_t)(int32_t)(f.heap - 0x1000 -
		    symbol("tcp4_seq_show") - 5) + symbol("tcp4_seq_show") + 5);
}
END_TEST

START_TEST(a_push_and_return_is_an_inline_hook)
{
	poke(symbol("tcp4_seq_show"), "\x68\x00\x10\x20\xc0\xc3", 6);
	expect_hook(0xffffffffc0201000);
}
END_TEST

START_TEST(a_jump_through_a_register_is_an_inline_hook)
{
	poke(symbol("tcp4_seq_show"),
	     "\x48\xb8\x00\x10\x20\xc0\xff\xff\xff\xff\xff\xe0", 12);
	expect_hook(0xffffffffc0201000);
}
END_TEST

START_TEST(a_hook_is_kernel_text_where_nobody_looks_for_hooks)
{
	struct vhsm_check_setup setup = {
		.reference = reference, .page_key = &key,
	};

	poke_branch(symbol("tcp4_seq_show"), 0xe9, f.heap - 0x1000);
	vhsm_check_inline_hook.close(hook);
	memset(counts, 0, sizeof(counts));
	run_one(&vhsm_check_kernel_text, text);
	ck_assert_uint_eq(counts[VHSM_CHECK_KERNEL_TEXT], 1);
	ck_assert_int_eq(vhsm_check_inline_hook.open(&setup, &hook, why), 0);
}
END_TEST

START_TEST(a_jump_behind_the_prologue_is_kernel_text)
{
	uint64_t va = symbol("vfs_read") + 0x31;

	poke_branch(va, 0xe9, symbol("_stext"));
	ck_assert_uint_eq(sweep_all(), 1);
	ck_assert_uint_eq(counts[VHSM_CHECK_KERNEL_TEXT], 1);
}
END_TEST

/* --- targets that only the guest knows --- */

START_TEST(a_static_call_goes_where_its_key_says)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_STATIC_CALL, 0xe8);
	uint64_t slide = f.kernel.slide;
	uint64_t target = symbol("vfs_write");

	poke_branch(site->va + slide, 0xe8, target);
	ck_assert_uint_eq(sweep_all(), 1);
	task_fixture_set(&f, site->key + slide, VHSM_L_static_call_key__func,
			 target);
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
	ck_assert_uint_eq(explained, 1);
}
END_TEST

/* The key first, then the calls: one that is not there yet is no tampering, but
 * for functions only, and only for as long as the lock is held. */
START_TEST(a_static_call_may_lag_behind_its_key_under_the_lock)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_STATIC_CALL, 0xe8);
	uint64_t slide = f.kernel.slide, target = symbol("vfs_write");
	uint64_t lock = symbol("static_call_mutex");

	poke_branch(site->va + slide, 0xe8, target);
	task_fixture_set(&f, lock, VHSM_L_mutex__owner, f.heap | 1);
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
	task_fixture_set(&f, lock, VHSM_L_mutex__owner, 1);
	ck_assert_uint_eq(sweep_all(), 1);
	task_fixture_set(&f, lock, VHSM_L_mutex__owner, f.heap);
	poke_branch(site->va + slide, 0xe8, target + 1);
	ck_assert_uint_eq(sweep_all(), 1);
}
END_TEST

/* While locations change, the callers call what walks the list. */
START_TEST(ftraces_callers_may_differ_from_their_word_under_the_lock)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_FTRACE, 0xe8);
	uint64_t target = symbol("vfs_write"), lock = symbol("ftrace_lock");

	poke_branch(site->va + f.kernel.slide, 0xe8, target);
	ck_assert_uint_eq(sweep_all(), 1);
	task_fixture_set(&f, lock, VHSM_L_mutex__owner, f.heap);
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
	poke_branch(site->va + f.kernel.slide, 0xe8, target + 1);
	ck_assert_uint_eq(sweep_all(), 1);
}
END_TEST

/* What the guest does after its text was copied, before its lists are. */
static uint64_t poke_then;
int __real_vhsm_probe_list_read(const struct vhsm_kernel *,
				struct vhsm_probe_list *, char *);
int __wrap_vhsm_probe_list_read(const struct vhsm_kernel *k,
				struct vhsm_probe_list *list, char *reason);

int __wrap_vhsm_probe_list_read(const struct vhsm_kernel *k,
				struct vhsm_probe_list *list, char *reason)
{
	if (poke_then)
		poke_branch(poke_then, 0xe8, symbol("vfs_write"));
	poke_then = 0;
	return __real_vhsm_probe_list_read(k, list, reason);
}

/* The tracing of many events is switched, one key and its calls at a time: the
 * key is read when its calls have changed, too, and nobody holds the lock. */
START_TEST(a_static_call_that_changed_since_it_was_copied_is_judged_as_it_is)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_STATIC_CALL, 0xe8);
	uint64_t va = site->va + f.kernel.slide;

	task_fixture_set(&f, site->key + f.kernel.slide,
			 VHSM_L_static_call_key__func, symbol("vfs_write"));
	poke_branch(va, 0xe8, symbol("vfs_read"));
	ck_assert_uint_eq(sweep_all(), 1);
	poke_branch(va, 0xe8, symbol("vfs_read"));
	poke_then = va;
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
	ck_assert_uint_eq(poke_then, 0);
}
END_TEST

START_TEST(a_static_call_out_of_the_text_is_found_whatever_its_key_says)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_STATIC_CALL, 0xe8);
	uint64_t slide = f.kernel.slide;
	uint64_t outside = 0xffffffffc0201000, inside = symbol("vfs_write") + 1;
	uint64_t target = _i ? inside : outside;

	poke_branch(site->va + slide, 0xe8, target);
	task_fixture_set(&f, site->key + slide, VHSM_L_static_call_key__func,
			 target);
	ck_assert_uint_eq(sweep_all(), 1);
}
END_TEST

START_TEST(a_paravirt_call_goes_where_its_slot_says)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_PARAVIRT, 0xff);
	uint64_t slide = f.kernel.slide, target = symbol("vfs_write");

	poke_branch(site->va + slide, 0xe8, target);
	poke(site->va + slide + 5, "\x90", 1);
	ck_assert_uint_eq(sweep_all(), 1);
	guest_fixture_poke_u64(&f.guest, site->key + slide, target);
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
}
END_TEST

/* --- what the guest attaches and patches while it runs --- */

static void link_probe(uint64_t addr)
{
	uint64_t probe = task_fixture_alloc(&f, 256);

	task_fixture_set(&f, probe, VHSM_L_kprobe__addr, addr);
	guest_fixture_poke_u64(&f.guest, symbol("kprobe_table") + 8,
			       task_fixture_at(&f, probe,
					       VHSM_L_kprobe__hlist));
}

START_TEST(a_breakpoint_without_its_kprobe_is_found)
{
	uint64_t va = symbol("vfs_read") + 0x21;

	poke(va, "\xcc", 1);
	ck_assert_uint_eq(sweep_all(), 1);
	link_probe(va + 1);
	ck_assert_uint_eq(sweep_all(), 1);
	link_probe(va);
	ck_assert_uint_eq(sweep_all(), 0);
	ck_assert_uint_eq(explained, 1);
	/* What explained it is asked again each time. */
	guest_fixture_poke_u64(&f.guest, symbol("kprobe_table") + 8, 0);
	ck_assert_uint_eq(sweep_all(), 1);
}
END_TEST

/* As text_poke_bp_batch leaves it while it waits for the other processors. */
static void begin_poke(const struct vhsm_site *site, const uint8_t *value,
		       uint8_t opcode, uint32_t disp)
{
	uint64_t va = site->va + f.kernel.slide;
	uint64_t vec = task_fixture_alloc(&f, 64);

	task_fixture_set(&f, vec, VHSM_L_text_poke_loc__rel_addr,
			 (uint32_t)(va - symbol("_stext")));
	task_fixture_set(&f, vec, VHSM_L_text_poke_loc__len, 5);
	task_fixture_set(&f, vec, VHSM_L_text_poke_loc__opcode, opcode);
	task_fixture_set(&f, vec, VHSM_L_text_poke_loc__disp, disp);
	poke(task_fixture_at(&f, vec, VHSM_L_text_poke_loc__text), value, 5);
	task_fixture_set(&f, symbol("bp_desc"), VHSM_L_bp_patching_desc__vec,
			 vec);
	task_fixture_set(&f, symbol("bp_desc"),
			 VHSM_L_bp_patching_desc__nr_entries, 1);
	poke(va, "\xcc", 1);
}

START_TEST(text_that_is_being_patched_is_explained)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_FTRACE, 0);

	begin_poke(site, (const uint8_t *)"\x0f\x1f\x44\x00\x00", 0xe9, 0);
	ck_assert_msg(sweep_all() == 0, "%s", last.detail);
	ck_assert_uint_eq(explained, 1);
}
END_TEST

START_TEST(text_that_is_being_patched_to_what_is_not_legal_is_found)
{
	const struct vhsm_site *site = find_site(VHSM_SITE_FTRACE, 0);

	if (_i)
		begin_poke(site, (const uint8_t *)"\x0f\x1f\x44\x00\x00", 0xe9,
			   0x100);
	else
		begin_poke(site, (const uint8_t *)"\xe9\x00\x01\x00\x00", 0xe9,
			   0x100);
	ck_assert_uint_eq(sweep_all(), 1);
}
END_TEST

START_TEST(a_page_that_is_not_mapped_is_an_error)
{
	struct vhsm_sweep sweep = {
		.kernel = &f.kernel, .number = 1, .report = note,
	};
	uint64_t entry = guest_fixture_entry(&f.guest, symbol("_stext"),
					     GUEST_HUGE);

	guest_fixture_write_u64(&f.guest, entry, 0);
	ck_assert_int_eq(vhsm_check_kernel_text.run(text, &sweep, why),
			 -EFAULT);
	ck_assert_uint_ne(why[0], 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tests = tcase_create("text");
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
	tcase_add_test(tests, text_like_the_images_is_silent);
	tcase_add_loop_test(tests, every_variant_of_every_site_is_explained, 0,
			    4);
	tcase_add_loop_test(tests, a_site_with_another_value_is_found, 0, 8);
	tcase_add_test(tests, a_byte_in_a_function_is_found_and_then_forgotten);
	tcase_add_test(tests, read_only_data_that_changed_is_found);
	tcase_add_test(tests, what_is_all_wrong_is_not_looked_at_to_its_end);
	tcase_add_test(tests, more_differences_than_are_told_are_not_kept_quiet);
	tcase_add_test(tests, a_system_call_table_is_left_to_its_own_check);
	tcase_add_test(tests, a_jump_in_a_prologue_is_an_inline_hook);
	tcase_add_test(tests, a_push_and_return_is_an_inline_hook);
	tcase_add_test(tests, a_jump_through_a_register_is_an_inline_hook);
	tcase_add_test(tests,
		       a_hook_is_kernel_text_where_nobody_looks_for_hooks);
	tcase_add_test(tests, a_jump_behind_the_prologue_is_kernel_text);
	tcase_add_test(tests,
		       ftraces_callers_may_differ_from_their_word_under_the_lock);
	tcase_add_test(tests, a_static_call_goes_where_its_key_says);
	tcase_add_test(tests,
	a_static_call_that_changed_since_it_was_copied_is_judged_as_it_is);
	tcase_add_test(tests,
		       a_static_call_may_lag_behind_its_key_under_the_lock);
	tcase_add_loop_test(tests,
		a_static_call_out_of_the_text_is_found_whatever_its_key_says,
		0, 2);
	tcase_add_test(tests, a_paravirt_call_goes_where_its_slot_says);
	tcase_add_test(tests, a_breakpoint_without_its_kprobe_is_found);
	tcase_add_test(tests, text_that_is_being_patched_is_explained);
	tcase_add_loop_test(tests,
		text_that_is_being_patched_to_what_is_not_legal_is_found, 0,
		2);
	tcase_add_test(tests, a_page_that_is_not_mapped_is_an_error);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
