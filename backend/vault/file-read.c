/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file-read.c - reads small files, with care for those that hold a secret.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/file-read.h"
#include "vault/vault-error.h"

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
