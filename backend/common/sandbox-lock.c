/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-lock.c - the second step: seccomp filters, one allow-list a process.
 * Every group of system calls says why its process keeps it; what is in no
 * group kills the process, threads and all, because only an intruder asks.
 *
 * Filters judge arguments only where they are values (never what a pointer
 * points to), as the kernel requires.
 */
#include <config.h>

#include "common/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>

#include "common/log.h"

#define WHY_LEN 200
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------- both processes */

static const int common_calls[] = {
	/* Messages of siblings, events, logging: on descriptors it has. */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom),
	SCMP_SYS(sendto), SCMP_SYS(close), SCMP_SYS(shutdown),
	/* Waiting for them. */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(restart_syscall),
	/* Locks and condition variables; a spin's end. */
	SCMP_SYS(futex), SCMP_SYS(sched_yield),
	/* malloc, for what OpenSSL allocates; mmap and mprotect are below. */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(munlock),
	/* Time: real calls where a PV domain has no vDSO clock. */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time),
	/* The DRBG's seed, and its check that it was not forked. */
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	/* malloc's choice of an arena. */
	SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu),
	/* A thread's first acts: one made just before the lock may not have
	 * come to them yet. */
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	/* Signals, and the end. */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* ---------------------------------------------------------------- vault */

static const int vault_calls[] = {
	/* SQLite and the audit log: files of its own directory, by the rights
	 * of its uid, which owns nothing else. */
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(fstat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(link),
	SCMP_SYS(linkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(umask),
	SCMP_SYS(getdents64),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fstatfs),
	SCMP_SYS(fadvise64), SCMP_SYS(dup), SCMP_SYS(dup3),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	/* The admin's connections: accepted on a socket it was given. */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* libevent's own wake-ups and timers. */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_create), SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(signalfd4),
	/* A thread for key generation (clone itself is below). */
	SCMP_SYS(set_tid_address), SCMP_SYS(membarrier), SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
};

/* A rule's error goes into *r and stays there. */
static void allow_all(scmp_filter_ctx ctx, const int *calls, size_t count,
		      int *r)
{
	for (size_t i = 0; i < count && *r == 0; i++)
		*r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
}

static void add_rule(scmp_filter_ctx ctx, uint32_t action, int call,
		     const struct scmp_arg_cmp *arg, int *r)
{
	if (*r == 0)
		*r = seccomp_rule_add_array(ctx, action, call, arg ? 1 : 0,
					    arg);
}

static void allow_common(scmp_filter_ctx ctx, int *r)
{
	/* Memory for data only: no new code, ever. */
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ,
						    PROT_EXEC, 0);

	allow_all(ctx, common_calls, COUNT(common_calls), r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), &no_exec, r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), &no_exec, r);
}

static void allow_engine(scmp_filter_ctx ctx, int *r)
{
	/* Waking the guest.  Pending ports are read, unmasked ones written;
	 * binding, and every grant operation, is over. */
	const struct scmp_arg_cmp notify = SCMP_A1(SCMP_CMP_EQ,
						   IOCTL_EVTCHN_NOTIFY);

	allow_common(ctx, r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), &notify, r);
	/* malloc, when it trims a thread's heap, looks into /proc and copes
	 * with a no; so opening is refused rather than deadly. */
	add_rule(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), NULL, r);
	add_rule(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), NULL, r);
}

static void allow_vault(scmp_filter_ctx ctx, int *r)
{
	/* Threads, but no processes.  clone3 hides its flags behind a pointer;
	 * the C library falls back to clone. */
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ,
						   CLONE_THREAD, CLONE_THREAD);
	/* A thread's name. */
	const struct scmp_arg_cmp set_name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME);
	/* The stack limit for a thread: read, not set. */
	const struct scmp_arg_cmp no_new_limit = SCMP_A2(SCMP_CMP_EQ, 0);
	/* libevent asks how much a socket holds. */
	const struct scmp_arg_cmp readable = SCMP_A1(SCMP_CMP_EQ, FIONREAD);

	allow_common(ctx, r);
	allow_all(ctx, vault_calls, COUNT(vault_calls), r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), &thread, r);
	add_rule(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), NULL, r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), &set_name, r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), &no_new_limit, r);
	add_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), &readable, r);
	/* stdio asks whether a file is a terminal, and copes with a no. */
	if (*r == 0)
		*r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY),
				      SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_EQ, TCGETS));
}

static int lock(const char *who, void (*allow)(scmp_filter_ctx, int *),
		char *why)
{
#ifdef VHSM_SANITIZED
	(void)allow;
	(void)why;
	vhsm_log(LOG_NOTICE, "sanitizer build: %s runs without its system call "
		 "filter", who);
	return 0;
#else
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = -ENOMEM;

	if (!ctx)
		goto out;
	/* Threads made before the lock are locked with us. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* Hot calls are found in log time. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		allow(ctx, &r);
	if (r == 0)
		r = seccomp_load(ctx);
out:
	if (r < 0)
		snprintf(why, WHY_LEN, "cannot set the %s's system call "
			 "filter: %s", who, strerror(-r));
	seccomp_release(ctx);
	return r;
#endif
}

int vhsm_sandbox_lock_engine(char *why)
{
	return lock("engine", allow_engine, why);
}

int vhsm_sandbox_lock_vault(char *why)
{
	return lock("vault", allow_vault, why);
}
