/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/child.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct vhsm_child {
	pid_t pid;
	int pidfd;			/* readable once it has ended */
	struct event *ended;
	vhsm_child_ended *on_ended;
	void *arg;
};

static void how_write(char *how, size_t room, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		snprintf(how, room, "exit status %d", info->si_status);
	else
		snprintf(how, room, "signal %d (%s)", info->si_status,
			 strsignal(info->si_status));
}

static void child_release(struct vhsm_child *child)
{
	if (child->ended)
		event_free(child->ended);
	if (child->pidfd >= 0)
		close(child->pidfd);
	free(child);
}

static void on_pidfd(evutil_socket_t pidfd, short what, void *arg)
{
	struct vhsm_child *child = arg;
	vhsm_child_ended *on_ended = child->on_ended;
	void *owner = child->arg;
	siginfo_t info = { 0 };
	char how[64];

	(void)what;
	if (waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG) ||
	    !info.si_pid)
		return;
	how_write(how, sizeof(how), &info);
	child_release(child);
	on_ended(owner, how);
}

/* After fork: only what is async-signal-safe. */
static _Noreturn void child_exec(const char *path, char *const argv[],
				 const int fds[VHSM_CHILD_FDS])
{
	int high[VHSM_CHILD_FDS], null;
	sigset_t none;

	/* Out of the way first: a source may be another's target. */
	for (unsigned i = 0; i < VHSM_CHILD_FDS; i++) {
		high[i] = fds[i] < 0 ? -1 :
			fcntl(fds[i], F_DUPFD, 3 + VHSM_CHILD_FDS);
		if (fds[i] >= 0 && high[i] < 0)
			_exit(127);
	}
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0)
		_exit(127);
	for (unsigned i = 0; i < VHSM_CHILD_FDS; i++) {
		close(3 + i);
		if (high[i] >= 0 && dup2(high[i], 3 + i) < 0)
			_exit(127);
	}
	if (close_range(3 + VHSM_CHILD_FDS, ~0u, 0))
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execv(path, argv);
	_exit(127);
}

struct vhsm_child *vhsm_child_spawn(struct event_base *base, const char *path,
				    char *const argv[],
				    const int fds[VHSM_CHILD_FDS],
				    vhsm_child_ended *on_ended, void *arg)
{
	struct vhsm_child *child;
	int err;

	if (access(path, X_OK))
		return NULL;
	child = calloc(1, sizeof(*child));
	if (!child)
		return NULL;
	child->pidfd = -1;
	child->on_ended = on_ended;
	child->arg = arg;
	child->pid = fork();
	if (child->pid < 0)
		goto err_free;
	if (!child->pid)
		child_exec(path, argv, fds);
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0)
		goto err_kill;
	child->ended = event_new(base, child->pidfd, EV_READ | EV_PERSIST,
				 on_pidfd, child);
	if (!child->ended || event_add(child->ended, NULL)) {
		errno = ENOMEM;
		goto err_kill;
	}
	return child;

err_kill:
	err = errno;
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	errno = err;
err_free:
	err = errno;
	child_release(child);
	errno = err;
	return NULL;
}

pid_t vhsm_child_pid(const struct vhsm_child *child)
{
	return child->pid;
}

void vhsm_child_kill(struct vhsm_child *child)
{
	pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
}

void vhsm_child_free(struct vhsm_child **child)
{
	siginfo_t info;

	if (!*child)
		return;
	vhsm_child_kill(*child);
	waitid(P_PIDFD, (*child)->pidfd, &info, WEXITED);
	child_release(*child);
	*child = NULL;
}

void vhsm_backoff_started(struct vhsm_backoff *backoff, int64_t now_ms)
{
	backoff->started_ms = now_ms;
}

uint32_t vhsm_backoff_next(struct vhsm_backoff *backoff, int64_t now_ms)
{
	if (!backoff->delay_ms ||
	    now_ms - backoff->started_ms >= VHSM_BACKOFF_GOOD_MS)
		backoff->delay_ms = VHSM_BACKOFF_MIN_MS;
	else if (backoff->delay_ms < VHSM_BACKOFF_MAX_MS / 2)
		backoff->delay_ms *= 2;
	else
		backoff->delay_ms = VHSM_BACKOFF_MAX_MS;
	return backoff->delay_ms;
}
