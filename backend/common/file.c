/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - crash-safe small files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

int vhsm_file_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int vhsm_file_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		r = -errno;
	close(fd);
	return r;
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (slash == NULL)
		return vhsm_file_sync_dir(".");
	if (slash == path)
		return vhsm_file_sync_dir("/");
	if ((size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	return vhsm_file_sync_dir(dir);
}

static int temporary_write(const char *path, const void *bytes, size_t len,
			   mode_t mode)
{
	int fd, r;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  mode & 0600);
	if (fd < 0)
		return -errno;
	r = vhsm_file_write_all(fd, bytes, len);
	if (r == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		r = -errno;
	close(fd);
	if (r < 0)
		unlink(path);
	return r;
}

static int temporary_place(const char *temporary, const char *path,
			   bool replace)
{
	int r = 0;

	if (replace ? rename(temporary, path) : link(temporary, path))
		r = -errno;
	if (!replace || r < 0)
		unlink(temporary);
	return r < 0 ? r : sync_parent(path);
}

static int file_put(const char *path, const void *bytes, size_t len,
		    mode_t mode, bool replace)
{
	char temporary[PATH_MAX];
	int r;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	r = temporary_write(temporary, bytes, len, mode);
	return r < 0 ? r : temporary_place(temporary, path, replace);
}

int vhsm_file_replace(const char *path, const void *bytes, size_t len,
		      mode_t mode)
{
	return file_put(path, bytes, len, mode, true);
}

int vhsm_file_make(const char *path, const void *bytes, size_t len,
		   mode_t mode)
{
	return file_put(path, bytes, len, mode, false);
}

int vhsm_file_make_dir(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	return 0;
}
