/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-files.c - the files of the log in the order of the chain, and their
 * lines.  log-SEQ.jsonl sort by name, since SEQ has leading zeros; log.jsonl
 * comes last.  Descriptors and sizes are taken at once, so that a scan sees
 * one moment of a log that grows or rotates meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/audit-files.h"

static int name_select(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return strncmp(entry->d_name, "log-", 4) == 0 && len > 10 &&
	       strcmp(entry->d_name + len - 6, ".jsonl") == 0;
}

static int file_add(struct vhsm_audit_files *files, const char *dir,
		    const char *name)
{
	struct vhsm_audit_file *file = &files->file[files->count];
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	files->count++;
	if (fstat(file->fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	file->len = st.st_size;
	return 0;
}

int vhsm_audit_files_open(struct vhsm_audit_files **files, const char *dir)
{
	struct vhsm_audit_files *f = NULL;
	struct dirent **names = NULL;
	int i, count, r;

	*files = NULL;
	count = scandir(dir, &names, name_select, alphasort);
	if (count < 0)
		return -errno;
	f = calloc(1, sizeof(*f) + ((size_t)count + 1) * sizeof(f->file[0]));
	r = f == NULL ? -ENOMEM : 0;
	for (i = 0; i < count; i++) {
		if (r == 0)
			r = file_add(f, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (r == 0)
		r = file_add(f, dir, "log.jsonl");
	if (r == 0)
		*files = f;
	else
		vhsm_audit_files_close(&f);
	return r;
}

void vhsm_audit_files_close(struct vhsm_audit_files **files)
{
	size_t i;

	if (*files == NULL)
		return;
	for (i = 0; i < (*files)->count; i++)
		close((*files)->file[i].fd);
	free(*files);
	*files = NULL;
}

#define CHUNK (4u * VHSM_AUDIT_LINE_MAX)

/* Hands on every line of the n bytes; *rest is what remains of the last. */
static int lines_take(const char *bytes, size_t n, size_t *rest,
		      vhsm_audit_line_handler *handler, void *arg)
{
	const char *end;
	int r;

	while ((end = memchr(bytes, '\n', n)) != NULL) {
		r = handler(arg, bytes, (size_t)(end - bytes), true);
		if (r != 0)
			return r;
		n -= (size_t)(end - bytes) + 1;
		bytes = end + 1;
	}
	*rest = n;
	return 0;
}

int vhsm_audit_file_scan(const struct vhsm_audit_file *file, char *chunk,
			 vhsm_audit_line_handler *handler, void *arg)
{
	off_t at = 0;
	size_t kept = 0, want, n;
	ssize_t got;
	int r;

	while (at < file->len) {
		want = CHUNK - kept;
		if ((off_t)want > file->len - at)
			want = (size_t)(file->len - at);
		got = pread(file->fd, chunk + kept, want, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		at += got;
		n = kept + (size_t)got;
		r = lines_take(chunk, n, &kept, handler, arg);
		if (r != 0)
			return r;
		/* Longer than any record: hand it on as it is, broken. */
		if (kept == CHUNK)
			break;
		memmove(chunk, chunk + n - kept, kept);
	}
	return kept > 0 ? handler(arg, chunk, kept, false) : 0;
}

int vhsm_audit_scan(struct vhsm_audit_files *files,
		    vhsm_audit_line_handler *handler, void *arg)
{
	char *chunk = malloc(CHUNK);
	size_t i;
	int r = chunk == NULL ? -ENOMEM : 0;

	for (i = 0; i < files->count && r == 0; i++)
		r = vhsm_audit_file_scan(&files->file[i], chunk, handler, arg);
	free(chunk);
	return r;
}

struct last_line {
	struct vhsm_audit_last *last;
	off_t at;
};

static int last_take(void *arg, const char *line, size_t len, bool whole)
{
	struct last_line *state = arg;
	json_t *record;
	uint64_t seq;

	(void)whole;			/* lines_take has only whole ones */
	state->at += (off_t)len + 1;
	record = vhsm_audit_parse(line, len, &seq);
	if (record == NULL)
		return 0;
	json_decref(record);
	state->last->head.seq = seq;
	state->last->end = state->at;
	return vhsm_audit_hash(line, len, state->last->head.hash);
}

int vhsm_audit_file_last(const struct vhsm_audit_file *file,
			 struct vhsm_audit_last *last)
{
	/* Two lines' worth from the end hold the last whole one. */
	off_t from = file->len > (off_t)CHUNK ? file->len - (off_t)CHUNK : 0;
	struct last_line state = { last, 0 };
	char *chunk = malloc(CHUNK), *start;
	size_t rest = 0;
	ssize_t got;
	int r = -ENOMEM;

	memset(last, 0, sizeof(*last));
	if (chunk == NULL)
		return r;
	got = pread(file->fd, chunk, CHUNK, from);
	r = got < 0 ? -errno : 0;
	if (r == 0 && got > 0) {
		start = chunk;
		if (from > 0 && (start = memchr(chunk, '\n', (size_t)got)))
			start++;
		if (start != NULL) {
			state.at = from + (start - chunk);
			r = lines_take(start, (size_t)(chunk + got - start),
				       &rest, last_take, &state);
		}
	}
	free(chunk);
	return r;
}
