/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process may and may not do, tried for real: a child takes the
 * steps, does one thing, and its parent sees how it ended.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "common/secret.h"
#include "ops/ops.h"

#define SECURE_HEAP (1 << 18)

static char dir[64];

/* Runs what in a child: 0 for its "good"; as waitpid tells. */
static int in_child(bool (*what)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(what() ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static bool hardened(void)
{
	char why[200] = "";

	if (vhsm_sandbox_harden(SECURE_HEAP, why) == 0)
		return true;
	fprintf(stderr, "harden: %s\n", why);
	return false;
}

static bool hardening_holds(void)
{
	struct rlimit core;
	int signal_number = 0;

	return hardened() && getrlimit(RLIMIT_CORE, &core) == 0 &&
	       core.rlim_cur == 0 && core.rlim_max == 0 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	       prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) == 0 &&
	       signal_number == SIGKILL && CRYPTO_secure_malloc_initialized();
}

START_TEST(harden_leaves_no_core_and_no_way_to_look)
{
	ck_assert_int_eq(in_child(hardening_holds), 0);
}
END_TEST

static bool secrets_are_in_the_secure_heap(void)
{
	struct vhsm_secret s;
	bool good;

	if (!hardened() || vhsm_secret_copy(&s, "key", 3) < 0)
		return false;
	good = CRYPTO_secure_allocated(s.bytes) && s.len == 3 &&
	       memcmp(s.bytes, "key", 3) == 0;
	vhsm_secret_deinit(&s);
	return good && !s.bytes && !s.room &&
	       vhsm_secret_init(&s, 2 * SECURE_HEAP) == -ENOMEM && !s.bytes;
}

START_TEST(secrets_lie_in_the_secure_heap)
{
	ck_assert_int_eq(in_child(secrets_are_in_the_secure_heap), 0);
}
END_TEST

static bool a_crash(void)
{
	if (hardened() && signal(SIGSEGV, SIG_DFL) != SIG_ERR)
		raise(SIGSEGV);
	return false;
}

START_TEST(a_crash_dumps_no_core)
{
	int status = in_child(a_crash);

	ck_assert(WIFSIGNALED(status));
	ck_assert(!WCOREDUMP(status));
}
END_TEST

static bool a_bad_heap_is_said(void)
{
	char why[200] = "";

	return vhsm_sandbox_harden(1000, why) < 0 && why[0];
}

START_TEST(a_secure_heap_that_cannot_be_is_an_error)
{
	ck_assert_int_eq(in_child(a_bad_heap_is_said), 0);
}
END_TEST

/* ----------------------------------------------------------------- drop */

static bool dropped_to_a_number(void)
{
	char why[200] = "";
	int signal_number = 0;

	if (!hardened() || vhsm_sandbox_drop("64321", why) < 0) {
		fprintf(stderr, "drop: %s\n", why);
		return false;
	}
	return getuid() == 64321 && geteuid() == 64321 && getgid() == 64321 &&
	       getgroups(0, NULL) == 0 && setuid(0) < 0 && setgid(0) < 0 &&
	       open("/etc/shadow", O_RDONLY) < 0 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) == 0 &&
	       signal_number == SIGKILL;
}

START_TEST(root_is_given_up_for_a_number)
{
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(dropped_to_a_number), 0);
}
END_TEST

static bool dropped_to_numbers(void)
{
	char why[200] = "";

	return vhsm_sandbox_drop("64321:64322", why) == 0 &&
	       getuid() == 64321 && getgid() == 64322 && getegid() == 64322;
}

START_TEST(root_is_given_up_for_numbers_of_user_and_group)
{
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(dropped_to_numbers), 0);
}
END_TEST

static bool dropped_to_a_name(void)
{
	char why[200] = "";

	return vhsm_sandbox_drop("nobody", why) == 0 && getuid() != 0 &&
	       geteuid() != 0 && setuid(0) < 0;
}

START_TEST(root_is_given_up_for_a_name)
{
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(dropped_to_a_name), 0);
}
END_TEST

static bool staying_root_is_refused(void)
{
	static const char *const users[] = {
		NULL, "root", "0", "no-such-user", "99999999999", "12x",
		"12:", "12:x", "12:0", "12:3:4", ":",
	};

	for (int i = 0; i < 11; i++) {
		char why[200] = "";

		if (vhsm_sandbox_drop(users[i], why) == 0 || !why[0])
			return false;
	}
	return true;
}

START_TEST(root_does_not_stay_root)
{
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(staying_root_is_refused), 0);
}
END_TEST

static bool unprivileged_rules_hold(void)
{
	char why[200] = "", self[16];

	if (geteuid() == 0 && setuid(64321) < 0)
		return false;
	snprintf(self, sizeof(self), "%u", (unsigned)geteuid());
	return vhsm_sandbox_drop(NULL, why) == 0 &&
	       vhsm_sandbox_drop(self, why) == 0 &&
	       vhsm_sandbox_drop("64322", why) == -EPERM && why[0];
}

START_TEST(others_stay_who_they_are_and_become_nobody_else)
{
	ck_assert_int_eq(in_child(unprivileged_rules_hold), 0);
}
END_TEST

#ifndef VHSM_SANITIZED

/* ----------------------------------------------------------------- lock */

static bool (*act)(void);
static int (*lock)(char *);

static bool act_locked(void)
{
	char why[200] = "";

	vhsm_log_init("test", false);
	if (!hardened() || lock(why) < 0)
		return false;
	return act();
}

static bool in_lock(int (*lock_)(char *), bool (*act_)(void))
{
	int status;

	lock = lock_;
	act = act_;
	status = in_child(act_locked);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool killed(int (*lock_)(char *), bool (*act_)(void))
{
	int status;

	lock = lock_;
	act = act_;
	status = in_child(act_locked);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static bool do_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static bool do_connect(void) { return connect(0, NULL, 0); }
static bool do_exec(void) { return execl("/bin/true", "true", NULL); }
static bool do_fork(void) { return syscall(SYS_fork); }
static bool do_clone(void) { return fork(); }
static bool do_ptrace(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static bool do_setuid(void) { return setuid(1); }
static bool do_kill(void) { return kill(getppid(), 0); }
static bool do_memfd(void) { return memfd_create("x", 0); }
static bool do_peek(void)
{
	return syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0);
}
static bool do_seccomp(void) { return syscall(SYS_seccomp, 0, 0, NULL); }
static bool do_mount(void) { return syscall(SYS_mount, 0, 0, 0, 0, 0); }
static bool do_dumpable(void) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }
static bool do_rlimit(void)
{
	struct rlimit r = { 1, 1 };

	return setrlimit(RLIMIT_CORE, &r);
}
static bool do_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static bool do_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static bool do_map_grant(void)
{
	return ioctl(0, IOCTL_GNTDEV_MAP_GRANT_REF, NULL);
}
static bool do_unmap_grant(void)
{
	return ioctl(0, IOCTL_GNTDEV_UNMAP_GRANT_REF, NULL);
}
static bool do_bind(void)
{
	return ioctl(0, IOCTL_EVTCHN_BIND_INTERDOMAIN, NULL);
}

static bool (*const forbidden_to_both[])(void) = {
	do_socket, do_connect, do_exec, do_fork, do_clone, do_ptrace,
	do_setuid, do_kill, do_memfd, do_peek, do_seccomp, do_mount,
	do_dumpable, do_rlimit, do_code, do_make_code, do_map_grant,
	do_unmap_grant, do_bind,
};
#define FORBIDDEN_TO_BOTH 19

static bool do_rename(void) { return rename("/nowhere", "/nowhere2"); }
static bool do_unlink(void) { return unlink("/nowhere"); }
static bool do_accept(void) { return accept4(0, NULL, NULL, 0); }
static bool do_stat(void)
{
	struct stat st;

	return stat("/", &st);
}
static bool do_thread_clone(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static bool (*const forbidden_to_engine[])(void) = {
	do_rename, do_unlink, do_accept, do_stat, do_thread_clone,
};
#define FORBIDDEN_TO_ENGINE 5

START_TEST(both_die_of_what_only_an_intruder_does)
{
	bool (*what)(void) = forbidden_to_both[_i];

	ck_assert(killed(vhsm_sandbox_lock_engine, what));
	ck_assert(killed(vhsm_sandbox_lock_vault, what));
}
END_TEST

START_TEST(an_engine_dies_of_touching_files_or_making_threads)
{
	ck_assert(killed(vhsm_sandbox_lock_engine, forbidden_to_engine[_i]));
}
END_TEST

static bool opening_is_refused(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES &&
	       fopen("/proc/self/maps", "r") == NULL;
}

START_TEST(an_engine_opens_nothing)
{
	ck_assert(in_lock(vhsm_sandbox_lock_engine, opening_is_refused));
}
END_TEST

static int pair[2];

static bool engine_serves(void)
{
	struct ioctl_evtchn_notify notify = { 1 };
	char *memory = malloc(1 << 20);
	char byte = 0;
	bool good;

	memset(memory, 1, 1 << 20);
	memory = realloc(memory, 4 << 20);
	good = write(pair[0], "x", 1) == 1 && read(pair[1], &byte, 1) == 1 &&
	       byte == 'x' &&
	       ioctl(pair[0], IOCTL_EVTCHN_NOTIFY, &notify) < 0 &&
	       errno == ENOTTY;
	free(memory);
	vhsm_log(LOG_INFO, "an engine still logs");
	return good;
}

START_TEST(an_engine_serves_its_descriptors)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert(in_lock(vhsm_sandbox_lock_engine, engine_serves));
}
END_TEST

/* Made before the lock; the filter must reach them too. */
static pthread_barrier_t barrier;

static void *late_socket(void *arg)
{
	pthread_barrier_wait(&barrier);
	(void)!socket(AF_UNIX, SOCK_STREAM, 0);
	return arg;
}

static bool thread_acts(void)
{
	char why[200];
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	if (!hardened() || pthread_create(&thread, NULL, late_socket, NULL) ||
	    vhsm_sandbox_lock_engine(why) < 0)
		return false;
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	return true;
}

START_TEST(threads_from_before_the_lock_are_locked)
{
	int status = in_child(thread_acts);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

static void *nothing(void *arg)
{
	return arg;
}

/* The lock comes while they are still being born. */
static bool young_threads_live(void)
{
	pthread_t threads[16];
	char why[200];

	if (!hardened())
		return false;
	for (int i = 0; i < 16; i++)
		if (pthread_create(&threads[i], NULL, nothing, NULL))
			return false;
	if (vhsm_sandbox_lock_engine(why) < 0)
		return false;
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	return true;
}

START_TEST(threads_just_made_survive_the_lock)
{
	for (int round = 0; round < 10; round++)
		ck_assert_int_eq(in_child(young_threads_live), 0);
}
END_TEST

/* One operation of every mechanism, with contexts made after the lock. */
static bool every_mechanism_runs(void)
{
	const struct vhsm_mechanism *m;
	static uint8_t bytes[4096];
	uint8_t in[64] = { 1 }, out[VHSM_SIG_MAX];

	for (size_t i = 0; (m = vhsm_mechanism_at(i)); i++) {
		struct vhsm_nonce_source nonces = { 0 };
		struct vhsm_material key = {
			.type = m->types[0], .bytes = bytes,
			.len = sizeof(bytes),
		};
		struct vhsm_operation o = {
			.mechanism = m->id, .input = in, .input_len = 64,
			.output = out, .output_len = sizeof(out),
			.op = m->usages & VHSM_USE_SIGN ? VHSM_OP_SIGN :
			      m->usages & VHSM_USE_MAC ? VHSM_OP_MAC :
			      VHSM_OP_ENCRYPT,
		};
		struct vhsm_context *c;

		if (m->family->generate(key.type, bytes, &key.len) < 0)
			return false;
		c = m->family->context_new(&key, &nonces);
		if (!c || m->family->run(c, &o) != VHSM_S_OK)
			return false;
		m->family->context_free(&c);
	}
	return vhsm_ops_random(out, sizeof(out)) == VHSM_S_OK;
}

START_TEST(every_mechanism_runs_locked)
{
	const char *what;

	ck_assert_int_eq(vhsm_ops_init(&what), 0);
	ck_assert(in_lock(_i ? vhsm_sandbox_lock_vault :
			  vhsm_sandbox_lock_engine, every_mechanism_runs));
	vhsm_ops_deinit();
}
END_TEST

static bool vault_works(void)
{
	static const char sql[] = "PRAGMA journal_mode=WAL;"
		"PRAGMA synchronous=FULL;CREATE TABLE t(x);"
		"BEGIN IMMEDIATE;INSERT INTO t VALUES(1);COMMIT;"
		"PRAGMA wal_checkpoint(TRUNCATE);VACUUM;";
	pthread_t thread;
	char path[128], moved[128];
	sqlite3 *db;
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/store.db", dir);
	good = sqlite3_open(path, &db) == SQLITE_OK &&
	       sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
	good = sqlite3_close(db) == SQLITE_OK && good;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	good = good && fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 &&
	       ftruncate(fd, 0) == 0 && close(fd) == 0 &&
	       rename(path, moved) == 0 && unlink(moved) == 0;
	return good && pthread_create(&thread, NULL, nothing, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0;
}

START_TEST(a_vault_keeps_its_store_and_makes_threads)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/vhsm-sandbox-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert(in_lock(vhsm_sandbox_lock_vault, vault_works));
	snprintf(path, sizeof(path), "%s/store.db", dir);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static void add_lock_tests(TCase *t)
{
	tcase_add_loop_test(t, both_die_of_what_only_an_intruder_does, 0,
			    FORBIDDEN_TO_BOTH);
	tcase_add_loop_test(t,
		an_engine_dies_of_touching_files_or_making_threads, 0,
		FORBIDDEN_TO_ENGINE);
	tcase_add_test(t, an_engine_opens_nothing);
	tcase_add_test(t, an_engine_serves_its_descriptors);
	tcase_add_test(t, threads_from_before_the_lock_are_locked);
	tcase_add_test(t, threads_just_made_survive_the_lock);
	tcase_add_loop_test(t, every_mechanism_runs_locked, 0, 2);
	tcase_add_test(t, a_vault_keeps_its_store_and_makes_threads);
}

#else

/* Sanitizers need calls that the filters forbid, so there are none. */
static void add_lock_tests(TCase *t)
{
	(void)t;
	(void)dir;
}

#endif

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *t = tcase_create("sandbox");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, harden_leaves_no_core_and_no_way_to_look);
	tcase_add_test(t, secrets_lie_in_the_secure_heap);
	tcase_add_test(t, a_crash_dumps_no_core);
	tcase_add_test(t, a_secure_heap_that_cannot_be_is_an_error);
	tcase_add_test(t, root_is_given_up_for_a_number);
	tcase_add_test(t, root_is_given_up_for_numbers_of_user_and_group);
	tcase_add_test(t, root_is_given_up_for_a_name);
	tcase_add_test(t, root_does_not_stay_root);
	tcase_add_test(t, others_stay_who_they_are_and_become_nobody_else);
	add_lock_tests(t);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
