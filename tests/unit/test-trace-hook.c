/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-trace-hook.c - what is attached to sensitive functions of a real kernel,
 * by the kernel's own tracers and by others; and lists that were bent.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/probe-list.h"
#include "unit/task-fixture.h"

#define SKIP		77
#define OUTSIDE		UINT64_C(0xffffffffc0201000)
#define VICTIM		"__x64_sys_getdents64"

static struct vhsm_reference *reference;
static struct task_fixture f;
static void *state;
static char why[VHSM_CHECK_WHY_LEN];
static unsigned found;
static struct vhsm_finding last;

static void note(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	(void)sweep;
	found++;
	last = *finding;
}

static int run(void)
{
	struct vhsm_sweep sweep = { .kernel = &f.kernel, .report = note };

	found = 0;
	why[0] = '\0';
	return vhsm_check_trace_hook.run(state, &sweep, why);
}

static void expect(const char *object)
{
	ck_assert_msg(run() == 0, "%s", why);
	ck_assert_uint_eq(found, 1);
	ck_assert_str_eq(last.object, object);
	ck_assert_ptr_nonnull(strstr(last.detail, "0xffffffffc0201000"));
}

static void expect_nothing(void)
{
	ck_assert_msg(run() == 0, "%s", why);
	ck_assert_msg(found == 0, "%s", last.detail);
}

static int open_with(const char *options, void **check)
{
	json_t *parsed = options ? json_loads(options, 0, NULL) : NULL;
	struct vhsm_check_setup setup = {
		.reference = reference, .options = parsed,
	};
	int error = vhsm_check_trace_hook.open(&setup, check, why);

	json_decref(parsed);
	return error;
}

static void setup_reference(void)
{
	reference = task_fixture_reference();
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
}

static uint64_t symbol(const char *name)
{
	return task_fixture_symbol(&f, name);
}

static void setup(void)
{
	task_fixture_init(&f, reference);
	ck_assert_int_eq(open_with(NULL, &state), 0);
	guest_fixture_poke_u64(&f.guest, symbol("ftrace_ops_list"),
			       symbol("ftrace_list_end"));
}

static void teardown(void)
{
	vhsm_check_trace_hook.close(state);
	task_fixture_deinit(&f);
}

/* --- making what is attached --- */

/* A hash of one bucket with one function; its address. */
static uint64_t make_hash(uint64_t ip, uint64_t direct)
{
	uint64_t hash = task_fixture_alloc(&f, 128);
	uint64_t bucket = task_fixture_alloc(&f, 16);
	uint64_t entry = task_fixture_alloc(&f, 64);

	task_fixture_set(&f, entry, VHSM_L_ftrace_func_entry__ip, ip);
	task_fixture_set(&f, entry, VHSM_L_ftrace_func_entry__direct, direct);
	guest_fixture_poke_u64(&f.guest, bucket, task_fixture_at(&f, entry,
				       VHSM_L_ftrace_func_entry__hlist));
	task_fixture_set(&f, hash, VHSM_L_ftrace_hash__buckets, bucket);
	task_fixture_set(&f, hash, VHSM_L_ftrace_hash__count, 1);
	return hash;
}

/* An ftrace_ops on the list; filter: its hash, 0 for all functions. */
static uint64_t make_tracer(uint64_t func, uint64_t filter, uint64_t flags)
{
	uint64_t ops = task_fixture_alloc(&f, 512);
	uint64_t hashes = task_fixture_alloc(&f, 128);

	task_fixture_set(&f, ops, VHSM_L_ftrace_ops__func, func);
	task_fixture_set(&f, ops, VHSM_L_ftrace_ops__flags, flags);
	task_fixture_set(&f, ops, VHSM_L_ftrace_ops__func_hash, hashes);
	task_fixture_set(&f, ops, VHSM_L_ftrace_ops__next,
			 symbol("ftrace_list_end"));
	task_fixture_set(&f, hashes, VHSM_L_ftrace_ops_hash__filter_hash,
			 filter);
	guest_fixture_poke_u64(&f.guest, symbol("ftrace_ops_list"), ops);
	return ops;
}

/* A kprobe, in room for what it may be part of. */
static uint64_t make_probe(uint64_t addr, uint64_t pre)
{
	uint64_t probe = task_fixture_alloc(&f, 512);

	task_fixture_set(&f, probe, VHSM_L_kprobe__addr, addr);
	task_fixture_set(&f, probe, VHSM_L_kprobe__pre_handler, pre);
	return probe;
}

static void attach(uint64_t probe)
{
	guest_fixture_poke_u64(&f.guest, symbol("kprobe_table"),
			       task_fixture_at(&f, probe,
					       VHSM_L_kprobe__hlist));
}

/* --- ftrace --- */

START_TEST(a_guest_with_nothing_attached_is_silent)
{
	expect_nothing();
}
END_TEST

START_TEST(a_foreign_tracer_of_a_sensitive_function_is_found)
{
	make_tracer(OUTSIDE, make_hash(symbol(VICTIM), 0), 0);
	expect("ftrace hook on " VICTIM);
}
END_TEST

/* Until the last place that calls it is patched. */
START_TEST(a_tracer_that_is_being_removed_is_judged_too)
{
	uint64_t ops = make_tracer(OUTSIDE, make_hash(symbol(VICTIM), 0), 0);

	guest_fixture_poke_u64(&f.guest, symbol("ftrace_ops_list"),
			       symbol("ftrace_list_end"));
	expect_nothing();
	guest_fixture_poke_u64(&f.guest, symbol("removed_ops"), ops);
	expect("ftrace hook on " VICTIM);
}
END_TEST

START_TEST(a_foreign_tracer_of_everything_is_found)
{
	make_tracer(OUTSIDE, 0, 0);
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_gt(found, 8);
}
END_TEST

START_TEST(a_foreign_tracer_of_other_functions_counts_if_it_redirects)
{
	uint64_t hash = make_hash(symbol("do_adjtimex"), 0);

	make_tracer(OUTSIDE, hash, 0);
	expect_nothing();
	make_tracer(OUTSIDE, hash, VHSM_TRACER_IPMODIFY);
	expect("ftrace redirection on kernel functions");
}
END_TEST

START_TEST(the_kernels_own_tracer_of_everything_is_silent)
{
	make_tracer(symbol("function_trace_call"), 0, 0);
	expect_nothing();
}
END_TEST

START_TEST(a_direct_call_of_a_sensitive_function_is_found)
{
	guest_fixture_poke_u64(&f.guest, symbol("direct_functions"),
			       make_hash(symbol(VICTIM), OUTSIDE));
	expect("direct call on " VICTIM);
}
END_TEST

START_TEST(a_list_of_tracers_that_loops_is_an_error)
{
	uint64_t ops = make_tracer(OUTSIDE, 0, 0);

	task_fixture_set(&f, ops, VHSM_L_ftrace_ops__next, ops);
	ck_assert_int_eq(run(), -ELOOP);
	ck_assert_uint_ne(why[0], 0);
}
END_TEST

/* Each hash has no more than it may, all together have. */
START_TEST(hashes_without_an_end_are_an_error)
{
	uint64_t hash = make_hash(symbol("vfs_read"), 0), first = 0, ops;
	uint64_t buckets = task_fixture_alloc(&f, 8 << 14);

	task_fixture_set(&f, hash, VHSM_L_ftrace_hash__size_bits, 14);
	task_fixture_set(&f, hash, VHSM_L_ftrace_hash__buckets, buckets);
	for (unsigned i = 0; i < 80; i++) {
		ops = make_tracer(OUTSIDE, hash, 0);
		if (first)
			task_fixture_set(&f, ops, VHSM_L_ftrace_ops__next,
					 first);
		first = ops;
		if (i == 2)
			ck_assert_msg(!run(), "%s", why);
	}
	ck_assert_int_eq(run(), -E2BIG);
}
END_TEST

START_TEST(a_filter_that_leads_nowhere_is_an_error)
{
	uint64_t hash = make_hash(symbol(VICTIM), 0);

	make_tracer(OUTSIDE, hash, 0);
	if (_i) {
		task_fixture_set(&f, hash, VHSM_L_ftrace_hash__buckets,
				 0x1234);
		ck_assert_int_eq(run(), -EFAULT);
	} else {
		task_fixture_set(&f, hash, VHSM_L_ftrace_hash__size_bits, 60);
		ck_assert_int_eq(run(), -E2BIG);
	}
}
END_TEST

/* --- kprobes --- */

START_TEST(a_foreign_kprobe_in_a_sensitive_function_is_found)
{
	attach(make_probe(symbol(VICTIM) + 5, OUTSIDE));
	expect("kprobe on " VICTIM);
}
END_TEST

START_TEST(a_foreign_kprobe_elsewhere_is_silent)
{
	attach(make_probe(symbol("do_adjtimex"), OUTSIDE));
	expect_nothing();
}
END_TEST

START_TEST(the_kernels_own_kprobe_is_silent)
{
	attach(make_probe(symbol(VICTIM), symbol("kprobe_dispatcher")));
	expect_nothing();
}
END_TEST

START_TEST(a_kretprobe_is_judged_by_its_own_handler)
{
	uint64_t probe = make_probe(symbol(VICTIM),
				    symbol("pre_handler_kretprobe"));

	attach(probe);
	task_fixture_set(&f, probe, VHSM_L_kretprobe__handler,
			 symbol("kretprobe_dispatcher"));
	expect_nothing();
	task_fixture_set(&f, probe, VHSM_L_kretprobe__handler, OUTSIDE);
	expect("kretprobe on " VICTIM);
}
END_TEST

START_TEST(a_kprobe_behind_another_is_found)
{
	uint64_t all = make_probe(symbol(VICTIM), symbol("aggr_pre_handler"));
	uint64_t mine = make_probe(symbol(VICTIM), OUTSIDE);
	uint64_t head = task_fixture_at(&f, all, VHSM_L_kprobe__list);
	uint64_t node = task_fixture_at(&f, mine, VHSM_L_kprobe__list);

	attach(all);
	guest_fixture_poke_u64(&f.guest, head, node);
	guest_fixture_poke_u64(&f.guest, head + 8, node);
	guest_fixture_poke_u64(&f.guest, node, head);
	guest_fixture_poke_u64(&f.guest, node + 8, head);
	expect("kprobe on " VICTIM);
}
END_TEST

START_TEST(a_bucket_of_kprobes_that_loops_is_an_error)
{
	uint64_t probe = make_probe(symbol(VICTIM), 0);
	uint64_t node = task_fixture_at(&f, probe, VHSM_L_kprobe__hlist);

	attach(probe);
	guest_fixture_poke_u64(&f.guest, node, node);
	ck_assert_int_lt(run(), 0);
	ck_assert_uint_ne(why[0], 0);
}
END_TEST

/* --- options --- */

START_TEST(the_policy_names_the_functions)
{
	json_t *options = json_pack("{s[s]}", "functions", "do_adjtimex");
	struct vhsm_check_setup setup = {
		.reference = reference, .options = options,
	};

	vhsm_check_trace_hook.close(state);
	ck_assert_int_eq(vhsm_check_trace_hook.open(&setup, &state, why), 0);
	attach(make_probe(symbol(VICTIM), OUTSIDE));
	expect_nothing();
	attach(make_probe(symbol("do_adjtimex"), OUTSIDE));
	expect("kprobe on do_adjtimex");
	json_decref(options);
}
END_TEST

START_TEST(options_that_name_no_function_are_refused)
{
	static const char *const options[] = {
		"{\"functions\": [\"no_such_function\"]}",
		"{\"functions\": \"do_adjtimex\"}",
		"{\"functions\": [1]}",
	};
	void *check = NULL;

	ck_assert_int_eq(open_with(options[_i], &check), -EINVAL);
	ck_assert_ptr_null(check);
	ck_assert_uint_ne(why[0], 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_guest_with_nothing_attached_is_silent);
	tcase_add_test(tests,
		       a_foreign_tracer_of_a_sensitive_function_is_found);
	tcase_add_test(tests, a_tracer_that_is_being_removed_is_judged_too);
	tcase_add_test(tests, a_foreign_tracer_of_everything_is_found);
	tcase_add_test(tests,
		a_foreign_tracer_of_other_functions_counts_if_it_redirects);
	tcase_add_test(tests, the_kernels_own_tracer_of_everything_is_silent);
	tcase_add_test(tests, a_direct_call_of_a_sensitive_function_is_found);
	tcase_add_test(tests, a_list_of_tracers_that_loops_is_an_error);
	tcase_add_test(tests, hashes_without_an_end_are_an_error);
	tcase_add_loop_test(tests, a_filter_that_leads_nowhere_is_an_error, 0,
			    2);
	tcase_add_test(tests,
		       a_foreign_kprobe_in_a_sensitive_function_is_found);
	tcase_add_test(tests, a_foreign_kprobe_elsewhere_is_silent);
	tcase_add_test(tests, the_kernels_own_kprobe_is_silent);
	tcase_add_test(tests, a_kretprobe_is_judged_by_its_own_handler);
	tcase_add_test(tests, a_kprobe_behind_another_is_found);
	tcase_add_test(tests, a_bucket_of_kprobes_that_loops_is_an_error);
	tcase_add_test(tests, the_policy_names_the_functions);
	tcase_add_loop_test(tests, options_that_name_no_function_are_refused,
			    0, 3);
}

int main(void)
{
	Suite *suite = suite_create("trace-hook");
	TCase *tests = tcase_create("trace-hook");
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
	return failed != 0;
}
