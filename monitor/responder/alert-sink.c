/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/alert-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"

void vhsm_sink_syslog(const json_t *alert)
{
	json_int_t severity = json_integer_value(json_object_get(alert,
		"severity_id"));
	char *text = json_dumps(alert, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!text)
		return;
	openlog("vhsm-responder", LOG_NDELAY | LOG_PID, LOG_AUTHPRIV);
	syslog((severity > 4 ? LOG_ALERT : LOG_CRIT) | LOG_AUTHPRIV, "%s",
	       text);
	closelog();
	free(text);
}

/* The alert in a file without a name, at its start; or -1. */
static int alert_file(const json_t *alert)
{
	char *text = json_dumps(alert, JSON_COMPACT | JSON_ENSURE_ASCII);
	int fd = memfd_create("alert", MFD_CLOEXEC);

	if (!text || fd < 0 ||
	    vhsm_file_write_all(fd, text, strlen(text)) ||
	    vhsm_file_write_all(fd, "\n", 1) || lseek(fd, 0, SEEK_SET)) {
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

/* In the child of the child, after fork: async-signal-safe calls only. */
static void run(const char *command, int input, int null, unsigned limit_s)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const argv[] = { (char *)command, NULL };
	char *const envp[] = { path, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (dup2(input, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    close_range(3, ~0U, 0))
		_exit(126);
	alarm(limit_s);			/* survives exec */
	execve(command, argv, envp);
	_exit(127);
}

void vhsm_sink_command(const json_t *alert, const char *command,
		       unsigned limit_s)
{
	int input = alert_file(alert), status;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = -1;

	if (input >= 0 && null >= 0 && !access(command, X_OK))
		pid = fork();
	if (!pid) {
		/* Twice, so that init waits for it and not we. */
		pid = fork();
		if (!pid)
			run(command, input, null, limit_s);
		_exit(pid < 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		vhsm_log(LOG_ERR, "alert command %s: cannot be run: %s",
			 command, strerror(errno));
	if (input >= 0)
		close(input);
	if (null >= 0)
		close(null);
}
