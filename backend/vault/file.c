/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - crash-safe small files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

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

static int check_secret(const char *path, const struct stat *st, char *why)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return vhsm_vault_fail(why, VHSM_E_DENIED,
			"%s: belongs to uid %u; it holds a secret and must be "
			"root's or ours", path, st->st_uid);
	if ((st->st_mode & 077) != 0)
		return vhsm_vault_fail(why, VHSM_E_DENIED,
			"%s: mode %04o lets others read or change it; run "
			"chmod 0400 %s", path, st->st_mode & 07777, path);
	return 0;
}

static int read_all(int fd, char *bytes, size_t *len)
{
	size_t got = 0;
	ssize_t n;
	char more;

	while (got < *len) {
		n = read(fd, bytes + got, *len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	if (got == *len && read(fd, &more, 1) == 1)
		return -EFBIG;
	*len = got;
	return 0;
}

int vhsm_file_read(const char *path, bool secret, void *bytes, size_t *len,
		   char *why)
{
	/* Not to hang on a fifo somebody put there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return vhsm_vault_fail(why, -errno, "%s: %s", path,
				       strerror(errno));
	if (fstat(fd, &st) != 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = vhsm_vault_fail(why, VHSM_E_DENIED,
				    "%s: not a regular file", path);
	else if (secret)
		r = check_secret(path, &st, why);
	if (r == 0) {
		r = read_all(fd, bytes, len);
		if (r < 0)
			vhsm_vault_fail(why, r, "%s: %s", path, strerror(-r));
	}
	close(fd);
	return r;
}

int vhsm_file_make_dir(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	return 0;
}
