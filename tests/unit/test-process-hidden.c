/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-process-hidden.c - a task that is missing in the list or in the tree of
 * pids is found; one that is coming or going is not; and lists that were bent
 * cost bounded work.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/tasks.h"
#include "unit/task-fixture.h"

#define SKIP		77
#define PF_EXITING	0x4u

static struct vhsm_reference *reference;
static struct task_fixture f;
static struct fixture_task init, shell, evil;
static void *state;
static char why[VHSM_CHECK_WHY_LEN];
static struct {
	unsigned count;
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
	r = vhsm_check_process_hidden.run(state, &sweep, why);
	ck_assert(r || sweep.objects);
	return r;
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
	task_fixture_init(&f, reference);
	init = task_fixture_add(&f, 1, "init", 0, f.init_task);
	shell = task_fixture_add(&f, 7, "sh", 1000, init.va);
	evil = task_fixture_add(&f, 9, "evil\x1b[2J", 1000, shell.va);
	ck_assert_int_eq(vhsm_check_process_hidden.open(NULL, &state, why), 0);
}

static void teardown(void)
{
	vhsm_check_process_hidden.close(state);
	task_fixture_deinit(&f);
}

static uint64_t tasks_node(const struct fixture_task *t)
{
	return task_fixture_at(&f, t->va, VHSM_L_task_struct__tasks);
}

/* Takes a task out of all views but those given. */
static void hide(struct fixture_task *t, unsigned but)
{
	if (!(but & VHSM_TASK_LIST))
		task_fixture_unlink(&f, tasks_node(t));
	if (!(but & VHSM_TASK_PIDS))
		task_fixture_set_pid(&f, t->number, 0);
	if (!(but & VHSM_TASK_TREE))
		task_fixture_unlink(&f, task_fixture_at(&f, t->va,
					VHSM_L_task_struct__sibling));
	if (!(but & VHSM_TASK_CGROUP))
		task_fixture_unlink(&f, task_fixture_at(&f, t->va,
					VHSM_L_task_struct__cg_list));
}

START_TEST(a_guest_with_all_tasks_in_all_views_is_silent)
{
	ck_assert_msg(run(1) == 0, "%s", why);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

START_TEST(a_process_out_of_the_task_list_is_found)
{
	hide(&evil, ~(unsigned)VHSM_TASK_LIST);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.last.object, "pid 9");
	ck_assert_uint_eq(found.last.pid, 9);
	ck_assert_str_eq(found.last.comm, "evil?[2J");
	ck_assert_uint_eq(found.last.address, evil.va);
	ck_assert_ptr_nonnull(strstr(found.last.detail,
				     "not in the task list."));
}
END_TEST

START_TEST(a_process_out_of_the_tree_of_pids_is_found)
{
	hide(&evil, ~(unsigned)VHSM_TASK_PIDS);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_ptr_nonnull(strstr(found.last.detail,
				     "not in the tree of pids."));
}
END_TEST

/* What it cannot leave: parents wait for it, or it runs. */
START_TEST(a_process_out_of_both_is_found_by_any_other_view)
{
	static const unsigned others[] = { VHSM_TASK_TREE, VHSM_TASK_CGROUP };

	hide(&evil, others[_i]);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.last.object, "pid 9");
	ck_assert_ptr_nonnull(strstr(found.last.detail,
				     "task list and the tree of pids."));
}
END_TEST

START_TEST(a_process_that_only_the_scheduler_knows_is_found)
{
	uint64_t offset, link, rq;

	hide(&evil, 0);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 0);
	vhsm_reference_symbol(reference, "runqueues", &link);
	vhsm_kernel_read_u64(&f.kernel, task_fixture_symbol(&f,
			     "__per_cpu_offset"), &offset);
	rq = offset + link;
	task_fixture_link(&f, task_fixture_at(&f, rq, VHSM_L_rq__cfs_tasks),
			  task_fixture_at(&f, evil.va,
					  VHSM_L_task_struct__run_node));
	ck_assert_int_eq(run(2), 0);
	ck_assert_uint_eq(found.count, 1);
	task_fixture_unlink(&f, task_fixture_at(&f, evil.va,
						VHSM_L_task_struct__run_node));
	task_fixture_set(&f, rq, VHSM_L_rq__curr, evil.va);
	ck_assert_int_eq(run(3), 0);
	ck_assert_uint_eq(found.count, 1);
}
END_TEST

START_TEST(a_hidden_process_cannot_pass_for_an_idle_task)
{
	uint64_t offset, link;

	task_fixture_set(&f, evil.va, VHSM_L_task_struct__pid, 0);
	hide(&evil, 0);
	vhsm_reference_symbol(reference, "runqueues", &link);
	vhsm_kernel_read_u64(&f.kernel, task_fixture_symbol(&f,
			     "__per_cpu_offset"), &offset);
	task_fixture_set(&f, offset + link, VHSM_L_rq__curr, evil.va);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 1);
}
END_TEST

START_TEST(a_thread_out_of_its_process_is_found)
{
	uint64_t thread = task_fixture_at(&f, evil.va,
					  VHSM_L_task_struct__thread_node);
	uint64_t head = task_fixture_at(&f, shell.signal,
					VHSM_L_signal_struct__thread_head);

	/* "evil" becomes a thread of "sh" */
	task_fixture_unlink(&f, tasks_node(&evil));
	task_fixture_unlink(&f, thread);
	task_fixture_link(&f, head, thread);
	task_fixture_set(&f, evil.va, VHSM_L_task_struct__tgid, 7);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 0);
	task_fixture_unlink(&f, thread);
	ck_assert_int_eq(run(2), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_ptr_nonnull(strstr(found.last.detail, "of process 7"));
}
END_TEST

START_TEST(a_process_that_ends_counts_only_in_a_later_sweep)
{
	hide(&evil, VHSM_TASK_CGROUP);
	task_fixture_set(&f, evil.va, VHSM_L_task_struct__flags, PF_EXITING);
	run(1);
	ck_assert_uint_eq(found.count, 0);
	run(1);
	ck_assert_uint_eq(found.count, 0);
	run(2);
	ck_assert_uint_eq(found.count, 1);
}
END_TEST

START_TEST(a_pid_without_a_process_is_not_one)
{
	/* a session's leader is gone; and one that is being made */
	uint64_t pid = task_fixture_alloc(&f, 256);

	task_fixture_set_pid(&f, 30, pid);
	task_fixture_set_pid(&f, 31, 0);
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

/* Way forward mended, way back not: what a careless rootkit leaves. */
START_TEST(a_half_unlinked_process_is_found)
{
	guest_fixture_poke_u64(&f.guest, tasks_node(&init), tasks_node(&evil));
	ck_assert_int_eq(run(1), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.last.object, "pid 7");
}
END_TEST

START_TEST(a_task_list_that_loops_is_an_error)
{
	guest_fixture_poke_u64(&f.guest, tasks_node(&evil), tasks_node(&init));
	ck_assert_int_eq(run(1), -ELOOP);
	ck_assert_ptr_nonnull(strstr(why, "task list comes back to itself"));
}
END_TEST

START_TEST(a_task_list_that_leaves_the_kernel_is_an_error)
{
	static const uint64_t wild[] = {
		0, 8, UINT64_C(0x00007fffffffffff), UINT64_C(0x8000000000000000),
		UINT64_MAX, UINT64_C(0xdead000000000122),
	};

	guest_fixture_poke_u64(&f.guest, tasks_node(&evil), wild[_i]);
	ck_assert_int_eq(run(1), -EFAULT);
	ck_assert_ptr_nonnull(strstr(why, "cannot be read"));
}
END_TEST

START_TEST(a_tree_of_pids_that_leads_nowhere_is_an_error)
{
	static const uint64_t wild[] = {
		8, UINT64_C(0x00007ffffffffff0), UINT64_C(0xffffc90000000000),
	};

	task_fixture_set_pid(&f, 5, wild[_i]);
	ck_assert_int_eq(run(1), -EFAULT);
	ck_assert_ptr_nonnull(strstr(why, "tree of pids"));
}
END_TEST

/* Each leader's threads are all tasks there are: the square of their number,
 * if nobody counts. */
START_TEST(lists_that_share_their_tails_cost_bounded_work)
{
	uint64_t threads = task_fixture_at(&f, shell.signal,
					   VHSM_L_signal_struct__thread_head);
	uint64_t at = task_fixture_alloc(&f, UINT64_C(1) << 20), i;

	for (i = 0; i < 1000; i++, at += 1024) {
		/* overlapping tasks, far enough apart for their lists */
		task_fixture_set(&f, at, VHSM_L_task_struct__signal,
				 shell.signal);
	}
	at -= 1000 * 1024;
	for (i = 0; i < 1000; i++, at += 1024) {
		task_fixture_link(&f, task_fixture_at(&f, f.init_task,
					VHSM_L_task_struct__tasks),
				  task_fixture_at(&f, at,
					VHSM_L_task_struct__tasks));
		task_fixture_link(&f, threads, task_fixture_at(&f, at,
					VHSM_L_task_struct__thread_node));
	}
	ck_assert_int_eq(run(1), -E2BIG);
	ck_assert_ptr_nonnull(strstr(why, "longer than"));
}
END_TEST

START_TEST(a_kernel_boots_until_its_first_process_is_a_program)
{
	uint64_t head = task_fixture_at(&f, f.init_task,
					VHSM_L_task_struct__tasks);

	task_fixture_set(&f, init.va, VHSM_L_task_struct__mm, f.heap);
	ck_assert(!vhsm_kernel_boots(&f.kernel));
	task_fixture_set(&f, init.va, VHSM_L_task_struct__mm, 0);
	ck_assert(vhsm_kernel_boots(&f.kernel));
	/* Not so for another that hides it. */
	task_fixture_set(&f, init.va, VHSM_L_task_struct__pid, 7);
	ck_assert(!vhsm_kernel_boots(&f.kernel));
	task_fixture_set(&f, head, VHSM_L_list_head__next, head);
	ck_assert(vhsm_kernel_boots(&f.kernel));
	task_fixture_set(&f, head, VHSM_L_list_head__next, 1);
	ck_assert(!vhsm_kernel_boots(&f.kernel));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process-hidden");
	TCase *tests = tcase_create("process-hidden");
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
	tcase_add_test(tests, a_kernel_boots_until_its_first_process_is_a_program);
	tcase_add_test(tests, a_guest_with_all_tasks_in_all_views_is_silent);
	tcase_add_test(tests, a_process_out_of_the_task_list_is_found);
	tcase_add_test(tests, a_process_out_of_the_tree_of_pids_is_found);
	tcase_add_loop_test(tests, a_process_out_of_both_is_found_by_any_other_view,
			    0, 2);
	tcase_add_test(tests, a_process_that_only_the_scheduler_knows_is_found);
	tcase_add_test(tests, a_hidden_process_cannot_pass_for_an_idle_task);
	tcase_add_test(tests, a_thread_out_of_its_process_is_found);
	tcase_add_test(tests, a_process_that_ends_counts_only_in_a_later_sweep);
	tcase_add_test(tests, a_pid_without_a_process_is_not_one);
	tcase_add_test(tests, a_half_unlinked_process_is_found);
	tcase_add_test(tests, a_task_list_that_loops_is_an_error);
	tcase_add_loop_test(tests, a_task_list_that_leaves_the_kernel_is_an_error,
			    0, 6);
	tcase_add_loop_test(tests, a_tree_of_pids_that_leads_nowhere_is_an_error,
			    0, 3);
	tcase_add_test(tests, lists_that_share_their_tails_cost_bounded_work);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
