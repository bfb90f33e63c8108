/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data-file.c - the files of data-file.h.
 */
#include "cli/data-file.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM 65536u

static bool is_standard(const char *path)
{
	return !path || !strcmp(path, "-");
}

const char *file_name(const char *path, const char *standard)
{
	return is_standard(path) ? standard : path;
}

bool file_is_terminal(const char *path)
{
	return !path && isatty(STDOUT_FILENO);
}

size_t file_len(const char *path)
{
	struct stat st;
	int r = is_standard(path) ? fstat(STDIN_FILENO, &st) :
		stat(path, &st);

	return r == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
}

/* Reads to the end or to max + 1 bytes. */
static int read_all(int fd, size_t max, uint8_t **data, size_t *len)
{
	size_t room = 0;
	uint8_t *more;
	ssize_t n;

	for (;;) {
		if (*len == room) {
			room = room ? room * 2 : FIRST_ROOM;
			more = realloc(*data, room);
			if (!more)
				return -ENOMEM;
			*data = more;
		}
		n = read(fd, *data + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*len += (size_t)n;
		if (*len > max)
			return -EFBIG;
		if (n == 0)
			return 0;
	}
}

int file_read(const char *path, size_t max, uint8_t **data, size_t *len)
{
	int fd = STDIN_FILENO, r;

	*data = NULL;
	*len = 0;
	if (!is_standard(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_all(fd, max, data, len);
	if (fd != STDIN_FILENO)
		close(fd);
	if (r < 0) {
		free(*data);
		*data = NULL;
	}
	return r;
}

int file_create(struct file_out *f, const char *path)
{
	int fd;

	*f = (struct file_out) { .stream = stdout, .path = path };
	if (is_standard(path))
		return 0;
	if (asprintf(&f->temporary, "%s.XXXXXX", path) < 0) {
		f->temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(f->temporary, O_CLOEXEC);	/* mode 0600 */
	f->stream = fd < 0 ? NULL : fdopen(fd, "wb");
	if (f->stream)
		return 0;
	fd = errno;
	free(f->temporary);
	f->temporary = NULL;
	return -fd;
}

/* What the umask leaves of 0666, as for any file that is created. */
static void widen_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	fchmod(fd, 0666 & ~mask);
}

int file_commit(struct file_out *f)
{
	int r = 0;

	if (!f->temporary)
		return fflush(f->stream) ? -errno : 0;
	widen_mode(fileno(f->stream));
	if (fflush(f->stream) || fsync(fileno(f->stream)))
		r = -errno;
	if (fclose(f->stream) && r == 0)
		r = -errno;
	f->stream = NULL;
	if (r == 0 && rename(f->temporary, f->path) < 0)
		r = -errno;
	if (r == 0) {
		free(f->temporary);
		f->temporary = NULL;
	}
	file_abandon(f);
	return r;
}

void file_abandon(struct file_out *f)
{
	if (!f->temporary)
		return;
	if (f->stream)
		fclose(f->stream);
	unlink(f->temporary);
	free(f->temporary);
	f->temporary = NULL;
	f->stream = NULL;
}

int file_put(const char *path, const void *data, size_t len)
{
	struct file_out f;
	int r = file_create(&f, path);

	if (r == 0 && fwrite(data, 1, len, f.stream) != len)
		r = -errno;
	if (r == 0)
		r = file_commit(&f);
	else
		file_abandon(&f);
	if (r < 0)
		return cli_error(file_name(path, "standard output"), r);
	return CLI_OK;
}
