/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key-import.c - a key's bytes from a file, or standard input, to the vault in
 * a sealed memfd: they stand in no JSON, no argument and no file of ours, and
 * pass the broker by.
 */
#include <config.h>

#include "ctl/key-import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536u		/* an RSA-4096 in PEM is 3.3 KiB */

static int copy(int from, int to)
{
	char buf[4096];
	size_t total = 0;
	ssize_t len;
	int ret = 0;

	while ((len = read(from, buf, sizeof(buf))) > 0) {
		total += len;
		if (total > KEY_FILE_MAX)
			ret = -EFBIG;
		else if (write(to, buf, len) != len)
			ret = -EIO;
		if (ret)
			break;
	}
	if (len < 0)
		ret = -errno;
	explicit_bzero(buf, sizeof(buf));
	return ret;
}

int ctl_key_file_seal(const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	int from = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int memfd, ret;

	if (from < 0)
		return -errno;
	memfd = memfd_create("vhsm-key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ret = memfd < 0 ? -errno : copy(from, memfd);
	if (!ret && fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
			  F_SEAL_WRITE | F_SEAL_SEAL))
		ret = -errno;
	if (!is_stdin)
		close(from);
	if (!ret)
		return memfd;
	if (memfd >= 0)
		close(memfd);
	return ret;
}
