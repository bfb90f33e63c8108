/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/job.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/file.h"

#define ANSWER_MAX	(1 << 20)

struct vhsm_job {
	struct vhsm_child *child;
	struct event *overdue;
	bool timed_out;
	int answer_fd;			/* memfd the act writes its answer to */
	vhsm_job_done *done;
	void *arg;
	char verb[24];
};

static void job_release(struct vhsm_job *job)
{
	if (job->overdue)
		event_free(job->overdue);
	if (job->answer_fd >= 0)
		close(job->answer_fd);
	free(job);
}

static json_t *answer_read(int fd)
{
	json_t *answer = NULL;
	struct stat st;
	char *text;

	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > ANSWER_MAX)
		return NULL;
	text = malloc(st.st_size);
	if (text && pread(fd, text, st.st_size, 0) == st.st_size)
		answer = json_loadb(text, st.st_size, JSON_REJECT_DUPLICATES,
				    NULL);
	free(text);
	return answer;
}

static void on_ended(void *arg, const char *how)
{
	struct vhsm_job *job = arg;
	json_t *answer = job->timed_out ? NULL : answer_read(job->answer_fd);
	json_t *wrong = json_object_get(answer, "error");
	json_t *result = json_object_get(answer, "result");
	const char *code = json_string_value(json_object_get(wrong, "code"));
	const char *text = json_string_value(json_object_get(wrong,
							     "message"));
	vhsm_job_done *done = job->done;
	void *owner = job->arg;
	char error[96];

	if (result || (code && text)) {
		job_release(job);
		done(owner, result, code, text);
	} else {
		snprintf(error, sizeof(error), job->timed_out ?
			 "%s took too long" : "%s died: %s", job->verb, how);
		code = job->timed_out ? "timeout" : "died";
		job_release(job);
		done(owner, NULL, code, error);
	}
	json_decref(answer);
}

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_job *job = arg;

	(void)none;
	(void)what;
	job->timed_out = true;
	vhsm_child_kill(job->child);	/* its end is told */
}

/* Bounded and in memory: an act never waits for us to read. */
static int params_fd(json_t *params)
{
	char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
	int fd = -1, ret = -ENOMEM;

	if (text)
		fd = memfd_create("act-params", MFD_CLOEXEC);
	if (fd >= 0)
		ret = vhsm_file_write_all(fd, text, strlen(text));
	if (!ret && lseek(fd, 0, SEEK_SET))
		ret = -errno;
	free(text);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = -ret;
	return -1;
}

struct vhsm_job *vhsm_job_start(struct event_base *base, const char *program,
				const char *verb, json_t *params,
				uint32_t timeout_ms, vhsm_job_done *done,
				void *arg)
{
	const struct timeval wait = { timeout_ms / 1000,
				      timeout_ms % 1000 * 1000 };
	char *const argv[] = { (char *)program, (char *)verb, NULL };
	struct vhsm_job *job = calloc(1, sizeof(*job));
	int fds[VHSM_CHILD_FDS] = { -1, -1, -1, -1 };
	int err = ENOMEM;

	fds[0] = params_fd(params);
	json_decref(params);
	if (!job || fds[0] < 0)
		goto out;
	job->answer_fd = fds[1] = memfd_create("act-answer", MFD_CLOEXEC);
	job->done = done;
	job->arg = arg;
	snprintf(job->verb, sizeof(job->verb), "%s", verb);
	job->overdue = evtimer_new(base, on_overdue, job);
	if (job->overdue && fds[1] >= 0) {
		job->child = vhsm_child_spawn(base, program, argv, fds,
					      on_ended, job);
		err = errno;
	}
	if (job->child)
		event_add(job->overdue, &wait);
out:
	if (fds[0] >= 0)
		close(fds[0]);
	if (job && job->child)
		return job;
	if (job)
		job_release(job);
	errno = err;
	return NULL;
}

void vhsm_job_free(struct vhsm_job **job)
{
	struct vhsm_job *j = *job;

	*job = NULL;
	if (!j)
		return;
	vhsm_child_free(&j->child);
	job_release(j);
}
