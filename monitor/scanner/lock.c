/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - see lock.h.  Every group of system calls says why it is kept.
 *
 * Of privcmd only the mapping of frames is left, to read: Xen would let them be
 * written, and the domain's kernel would let some hypercalls through.  Of the
 * event channel only waking the responder.
 */
#include <config.h>

#include "scanner/lock.h"

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/privcmd.h>

#include "common/log.h"
#include "common/sandbox.h"

#define WHY_LEN 200
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int allowed[] = {
	/* The event channel's pending and unmasked ports; an image's bytes;
	 * the log. */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	/* A channel that is a socket. */
	SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(epoll_ctl),
	/* Waiting, and the pause before a second look. */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall),
	/* malloc, and giving up the guest's pages; mmap and mprotect are
	 * below. */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* Time: real calls where a PV domain has no vDSO clock. */
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	/* libyara's locks and its handlers for faults while it scans. */
	SCMP_SYS(futex), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
	/* OpenSSL's generator and its check that it was not forked. */
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	/* malloc's choice of an arena, qsort's of how much to allocate. */
	SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(sysinfo),
	/* The end. */
	SCMP_SYS(close), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static int add(scmp_filter_ctx ctx, uint32_t action, int call,
	       const struct scmp_arg_cmp *arg)
{
	return seccomp_rule_add_array(ctx, action, call, arg ? 1 : 0, arg);
}

/* Memory: no new code, ever; what is writable is nobody else's. */
static int add_memory_rules(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp read_only =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, 0);
	const struct scmp_arg_cmp anonymous[] = {
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
		SCMP_A4(SCMP_CMP_MASKED_EQ, UINT32_MAX, UINT32_MAX),
	};
	int r = add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), &read_only);

	if (!r)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap),
					   COUNT(anonymous), anonymous);
	if (!r)
		r = add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), &read_only);
	return r;
}

static int add_rules(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp ioctls[] = {
		SCMP_A1(SCMP_CMP_EQ, IOCTL_PRIVCMD_MMAPBATCH_V2),
		SCMP_A1(SCMP_CMP_EQ, IOCTL_EVTCHN_NOTIFY),
	};
	/* Calls that libraries try and that may fail. */
	static const int refused[] = {
		SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat),
		SCMP_SYS(fstat), SCMP_SYS(prlimit64), SCMP_SYS(socket),
	};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < COUNT(allowed); i++)
		r = add(ctx, SCMP_ACT_ALLOW, allowed[i], NULL);
	for (i = 0; !r && i < COUNT(refused); i++)
		r = add(ctx, SCMP_ACT_ERRNO(EACCES), refused[i], NULL);
	if (!r)
		r = add_memory_rules(ctx);
	for (i = 0; !r && i < COUNT(ioctls); i++)
		r = add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), &ioctls[i]);
	return r;
}

static int limit_resources(char *why)
{
	static const struct {
		int resource;
		const char *what;
	} limits[] = {
		{ RLIMIT_CORE, "core files" }, { RLIMIT_NPROC, "processes" },
		{ RLIMIT_FSIZE, "files" }, { RLIMIT_MEMLOCK, "locked memory" },
	};
	const struct rlimit none = { 0, 0 };

	/* Where standard error is a file, a line to it fails; no reason to
	 * die. */
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < COUNT(limits); i++) {
		if (!setrlimit((__rlimit_resource_t)limits[i].resource, &none))
			continue;
		snprintf(why, WHY_LEN, "cannot give up %s: %s", limits[i].what,
			 strerror(errno));
		return -errno;
	}
	return 0;
}

static int lock_calls(char *why)
{
#ifdef VHSM_SANITIZED
	(void)add_rules;
	(void)why;
	vhsm_log(LOG_NOTICE,
		 "sanitizer build: without the system call filter");
	return 0;
#else
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = ctx ? 0 : -ENOMEM;

	if (!r)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = add_rules(ctx);
	if (!r)
		r = seccomp_load(ctx);
	if (r)
		snprintf(why, WHY_LEN, "cannot set the system call filter: %s",
			 strerror(-r));
	seccomp_release(ctx);
	return r;
#endif
}

int monitor_lock(char *why)
{
	int r = vhsm_sandbox_drop("65534:65534", why);

	if (!r)
		r = limit_resources(why);
	if (!r)
		r = lock_calls(why);
	return r;
}
