/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-credentials.c - root without exec is found by history, by sharing and
 * by ancestry; what a kernel does itself (exec of a set-user-ID program, setuid
 * by who may, dropping privilege) is not.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/checks.h"
#include "unit/task-fixture.h"

#define SKIP		77
#define USER		1000u
#define CAP_SETUID_BIT	(UINT64_C(1) << 7)
#define CAP_NET_RAW_BIT	(UINT64_C(1) << 13)

static struct vhsm_reference *reference;
static struct task_fixture f;
static struct fixture_task init, shell, victim;
static void *state;
static char why[VHSM_CHECK_WHY_LEN];
static struct {
	unsigned count;
	struct vhsm_finding last;
} found;
static uint64_t sweeps;

static void note(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	(void)sweep;
	found.count++;
	found.last = *finding;
}

/* The number of findings of one more run. */
static unsigned run(void)
{
	struct vhsm_sweep sweep = {
		.kernel = &f.kernel, .number = ++sweeps, .report = note,
	};

	memset(&found, 0, sizeof(found));
	*why = '\0';
	ck_assert_msg(!vhsm_check_credentials.run(state, &sweep, why), "%s",
		      why);
	return found.count;
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
	shell = task_fixture_add(&f, 7, "sh", USER, init.va);
	victim = task_fixture_add(&f, 9, "job", USER, shell.va);
	sweeps = 0;
	ck_assert_int_eq(vhsm_check_credentials.open(NULL, &state, why), 0);
	ck_assert_uint_eq(run(), 0);
}

static void teardown(void)
{
	vhsm_check_credentials.close(state);
	task_fixture_deinit(&f);
}

static void set_cred(const struct fixture_task *t, enum vhsm_layout l,
		     uint64_t value)
{
	task_fixture_set(&f, t->cred, l, value);
}

static void set_ids(const struct fixture_task *t, uint32_t uid)
{
	set_cred(t, VHSM_L_cred__uid, uid);
	set_cred(t, VHSM_L_cred__euid, uid);
	set_cred(t, VHSM_L_cred__suid, uid);
	set_cred(t, VHSM_L_cred__fsuid, uid);
}

/* As execve does: a new mm, the next exec id. */
static void exec(const struct fixture_task *t)
{
	task_fixture_set(&f, t->va, VHSM_L_task_struct__mm,
			 task_fixture_alloc(&f, 2048));
	task_fixture_set(&f, t->va, VHSM_L_task_struct__self_exec_id,
			 task_fixture_get(&f, t->va,
				VHSM_L_task_struct__self_exec_id) + 1);
}

/* The program that a task executes. */
static void set_program(const struct fixture_task *t, uint32_t mode,
			uint32_t owner)
{
	uint64_t file = task_fixture_alloc(&f, 512);
	uint64_t inode = task_fixture_alloc(&f, 1024);

	task_fixture_set(&f, inode, VHSM_L_inode__i_mode, mode);
	task_fixture_set(&f, inode, VHSM_L_inode__i_uid, owner);
	task_fixture_set(&f, file, VHSM_L_file__f_inode, inode);
	task_fixture_set(&f, task_fixture_get(&f, t->va,
			 VHSM_L_task_struct__mm), VHSM_L_mm_struct__exe_file,
			 file);
}

/* --- history --- */

START_TEST(ids_written_over_are_found_and_stay_found)
{
	set_ids(&victim, 0);
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(found.last.object, "pid 9");
	ck_assert_str_eq(found.last.comm, "job");
	ck_assert_uint_eq(found.last.address, victim.cred);
	ck_assert_uint_eq(run(), 1);
	ck_assert_uint_eq(run(), 1);
	set_ids(&victim, USER);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(one_id_alone_is_enough)
{
	static const enum vhsm_layout ids[] = {
		VHSM_L_cred__uid, VHSM_L_cred__euid, VHSM_L_cred__suid,
		VHSM_L_cred__fsuid,
	};

	set_cred(&victim, ids[_i], 0);
	ck_assert_uint_eq(run(), 1);
}
END_TEST

START_TEST(capabilities_that_grow_are_found)
{
	set_cred(&victim, VHSM_L_cred__cap_permitted, CAP_NET_RAW_BIT);
	ck_assert_uint_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(found.last.detail, "capabilities"));
}
END_TEST

START_TEST(an_exec_of_a_privileged_program_is_legal)
{
	exec(&victim);
	set_cred(&victim, VHSM_L_cred__euid, 0);
	set_cred(&victim, VHSM_L_cred__cap_permitted, CAP_NET_RAW_BIT);
	ck_assert_uint_eq(run(), 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(setuid_by_who_may_is_legal)
{
	/* a saved id of root */
	set_cred(&victim, VHSM_L_cred__suid, 0);
	exec(&victim);
	ck_assert_uint_eq(run(), 0);
	set_cred(&victim, VHSM_L_cred__euid, 0);
	ck_assert_uint_eq(run(), 0);
	/* CAP_SETUID */
	exec(&shell);
	set_cred(&shell, VHSM_L_cred__cap_permitted, CAP_SETUID_BIT);
	ck_assert_uint_eq(run(), 0);
	set_ids(&shell, 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(dropping_privilege_is_legal_and_remembered)
{
	set_ids(&init, USER);
	set_cred(&init, VHSM_L_cred__cap_permitted, 0);
	ck_assert_uint_eq(run(), 0);
	set_ids(&init, 0);
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(found.last.object, "pid 1");
}
END_TEST

START_TEST(an_exec_id_without_an_exec_does_not_help)
{
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__self_exec_id,
			 task_fixture_get(&f, victim.va,
				VHSM_L_task_struct__self_exec_id) + 1);
	set_ids(&victim, 0);
	ck_assert_uint_eq(run(), 1);
}
END_TEST

/* begin_new_exec() has raised the id and not yet committed credentials. */
START_TEST(an_exec_under_way_is_judged_when_it_is_over)
{
	exec(&victim);
	task_fixture_set(&f, victim.signal,
			 VHSM_L_signal_struct__cred_guard_owner, victim.va);
	ck_assert_uint_eq(run(), 0);
	set_ids(&victim, 0);
	ck_assert_uint_eq(run(), 0);
	task_fixture_set(&f, victim.signal,
			 VHSM_L_signal_struct__cred_guard_owner, 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(a_namespaces_capabilities_are_legal)
{
	uint64_t first = task_fixture_get(&f, victim.cred,
					  VHSM_L_cred__user_ns);

	set_cred(&victim, VHSM_L_cred__user_ns, task_fixture_alloc(&f, 1024));
	set_cred(&victim, VHSM_L_cred__cap_permitted, UINT64_MAX >> 23);
	ck_assert_uint_eq(run(), 0);
	/* but there is no way back */
	set_cred(&victim, VHSM_L_cred__user_ns, first);
	ck_assert_uint_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(found.last.detail, "namespace"));
}
END_TEST

START_TEST(another_process_in_its_place_has_no_history)
{
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__start_time,
			 f.clock++);
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__real_parent,
			 init.va);
	set_ids(&victim, 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

/* --- sharing --- */

static void point_at(const struct fixture_task *t, uint64_t cred)
{
	task_fixture_set(&f, t->va, VHSM_L_task_struct__cred, cred);
	task_fixture_set(&f, t->va, VHSM_L_task_struct__real_cred, cred);
}

START_TEST(the_kernels_own_credentials_are_found_without_history)
{
	struct fixture_task new = task_fixture_add(&f, 20, "x", 0, init.va);

	point_at(&new, task_fixture_symbol(&f, "init_cred"));
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(found.last.object, "pid 20");
	ck_assert_ptr_nonnull(strstr(found.last.detail, "init_cred"));
}
END_TEST

START_TEST(another_processs_credentials_are_found)
{
	struct fixture_task new = task_fixture_add(&f, 20, "x", 0, init.va);

	point_at(&new, init.cred);
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(found.last.object, "pid 20");
	ck_assert_ptr_nonnull(strstr(found.last.detail, "process 1"));
}
END_TEST

START_TEST(threads_of_a_process_share_legally)
{
	struct fixture_task thread = task_fixture_add(&f, 20, "sh", USER,
						      init.va);

	task_fixture_set(&f, thread.va, VHSM_L_task_struct__tgid, 7);
	point_at(&thread, shell.cred);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(acting_as_another_process_is_found_and_overriding_is_not)
{
	uint64_t own = task_fixture_alloc(&f, 512);

	/* overlayfs and nfsd make credentials of their own */
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__cred, own);
	ck_assert_uint_eq(run(), 0);
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__cred, init.cred);
	ck_assert_uint_eq(run(), 1);
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__cred,
			 task_fixture_symbol(&f, "init_cred"));
	ck_assert_uint_eq(run(), 1);
}
END_TEST

/* --- ancestry --- */

START_TEST(a_root_child_of_a_harmless_parent_is_found)
{
	run();			/* shell is known to be harmless by now */
	task_fixture_add(&f, 20, "x", 0, shell.va);
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(found.last.object, "pid 20");
	ck_assert_uint_eq(run(), 1);
}
END_TEST

START_TEST(a_root_child_that_began_before_its_parent_was_harmless_is_legal)
{
	struct fixture_task server = task_fixture_add(&f, 20, "d", 0, init.va);

	run();
	/* it makes a helper, and drops its privilege: neither was seen */
	task_fixture_add(&f, 21, "d-helper", 0, server.va);
	set_ids(&server, USER);
	set_cred(&server, VHSM_L_cred__cap_permitted, 0);
	ck_assert_uint_eq(run(), 0);
	ck_assert_uint_eq(run(), 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(an_exec_of_a_plain_program_does_not_make_root)
{
	struct fixture_task new;

	run();
	new = task_fixture_add(&f, 20, "x", 0, shell.va);
	exec(&new);
	set_program(&new, 0100755, 0);
	ck_assert_uint_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(found.last.detail, "set-user-ID"));
}
END_TEST

START_TEST(an_exec_of_a_set_user_id_program_does)
{
	struct fixture_task new;

	run();
	new = task_fixture_add(&f, 20, "sudo", 0, shell.va);
	exec(&new);
	set_program(&new, 0104755, 0);
	ck_assert_uint_eq(run(), 0);
	/* and what it executes is plain */
	exec(&new);
	set_program(&new, 0100755, 0);
	ck_assert_uint_eq(run(), 0);
}
END_TEST

START_TEST(a_set_user_id_program_of_somebody_else_does_not)
{
	struct fixture_task new;

	run();
	new = task_fixture_add(&f, 20, "x", 0, shell.va);
	exec(&new);
	set_program(&new, 0104755, USER);
	ck_assert_uint_eq(run(), 1);
}
END_TEST

/* --- hostile --- */

START_TEST(wild_pointers_are_no_more_than_a_task_left_out)
{
	static const uint64_t wild[] = {
		0, 8, UINT64_C(0x00007ffffffffff8), UINT64_C(0xdead000000000100),
		UINT64_MAX,
	};

	task_fixture_set(&f, victim.va, VHSM_L_task_struct__real_cred,
			 wild[_i]);
	task_fixture_set(&f, shell.va, VHSM_L_task_struct__real_parent,
			 wild[_i]);
	task_fixture_set(&f, shell.va, VHSM_L_task_struct__mm, wild[_i]);
	run();
	task_fixture_set(&f, victim.va, VHSM_L_task_struct__real_cred,
			 victim.cred);
	run();
}
END_TEST

static void add_history(TCase *tests)
{
	tcase_add_test(tests, ids_written_over_are_found_and_stay_found);
	tcase_add_loop_test(tests, one_id_alone_is_enough, 0, 4);
	tcase_add_test(tests, capabilities_that_grow_are_found);
	tcase_add_test(tests, an_exec_of_a_privileged_program_is_legal);
	tcase_add_test(tests, setuid_by_who_may_is_legal);
	tcase_add_test(tests, dropping_privilege_is_legal_and_remembered);
	tcase_add_test(tests, an_exec_id_without_an_exec_does_not_help);
	tcase_add_test(tests, an_exec_under_way_is_judged_when_it_is_over);
	tcase_add_test(tests, a_namespaces_capabilities_are_legal);
	tcase_add_test(tests, another_process_in_its_place_has_no_history);
}

static void add_others(TCase *tests)
{
	tcase_add_test(tests, the_kernels_own_credentials_are_found_without_history);
	tcase_add_test(tests, another_processs_credentials_are_found);
	tcase_add_test(tests, threads_of_a_process_share_legally);
	tcase_add_test(tests, acting_as_another_process_is_found_and_overriding_is_not);
	tcase_add_test(tests, a_root_child_of_a_harmless_parent_is_found);
	tcase_add_test(tests, a_root_child_that_began_before_its_parent_was_harmless_is_legal);
	tcase_add_test(tests, an_exec_of_a_plain_program_does_not_make_root);
	tcase_add_test(tests, an_exec_of_a_set_user_id_program_does);
	tcase_add_test(tests, a_set_user_id_program_of_somebody_else_does_not);
	tcase_add_loop_test(tests, wild_pointers_are_no_more_than_a_task_left_out,
			    0, 5);
}

int main(void)
{
	Suite *suite = suite_create("credentials");
	TCase *tests = tcase_create("credentials");
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
	add_history(tests);
	add_others(tests);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
