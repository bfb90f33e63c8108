/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a locked vhsm-monitor can still do, each tried by a process of its own.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/privcmd.h>

#include "scanner/lock.h"

#ifdef VHSM_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

static int fd;				/* opened before the lock, to write */
static void *shared;			/* of it, read-only */

static int open_file(void)
{
	return open("/dev/null", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static int read_mapping(void)
{
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED;
}

static int private_memory(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	p[0] = 1;
	return munmap(p, 4096);
}

static int map_frames(void)
{
	/* Not of privcmd: whether it may be asked is what counts. */
	return ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, NULL) && errno == ENOTTY ?
		0 : 1;
}

static int write_mapping(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
		MAP_FAILED;
}

static int make_writable(void)
{
	return mprotect(shared, 4096, PROT_READ | PROT_WRITE);
}

static int new_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int hypercall(void)
{
	return ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, NULL);
}

static int new_process(void)
{
	return fork() < 0;
}

static int send_signal(void)
{
	return kill(getppid(), 0);
}

static const struct {
	int (*attempt)(void);
	int killed;
} attempts[] = {
	{ open_file, 0 }, { read_mapping, 0 }, { private_memory, 0 },
	{ map_frames, 0 },
	{ write_mapping, 1 }, { make_writable, 1 }, { new_code, 1 },
	{ hypercall, 1 }, { new_process, 1 }, { send_signal, 1 },
};

START_TEST(only_what_a_sweep_needs_is_left)
{
	char name[] = "/tmp/test-monitor-lock.XXXXXX", why[200] = "";
	int status;
	pid_t pid;

	fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	pid = fork();
	if (pid == 0)
		_exit(monitor_lock(why) ? 99 : attempts[_i].attempt());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (attempts[_i].killed) {
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), SIGSYS);
	} else {
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	}
}
END_TEST

/* What a sanitizer build has instead. */
START_TEST(a_build_without_the_filter_says_so)
{
	char why[200] = "", said[512] = "";
	int status, ends[2];
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 2);
		_exit(monitor_lock(why) ? 99 : 0);
	}
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	n = read(ends[0], said, sizeof(said) - 1);
	ck_assert_int_gt(n, 0);
	ck_assert_ptr_nonnull(strstr(said, "without the system call filter"));
	close(ends[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("monitor lock");
	TCase *tests = tcase_create("monitor lock");
	SRunner *runner;
	int failed;

	if (SANITIZED)
		tcase_add_test(tests, a_build_without_the_filter_says_so);
	else
		tcase_add_loop_test(tests, only_what_a_sweep_needs_is_left, 0,
				    sizeof(attempts) / sizeof(attempts[0]));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
