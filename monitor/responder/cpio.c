/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define HEADER_LEN	110u
#define NAME_MAX_LEN	255u

static int put(struct vhsm_cpio *cpio, const void *bytes, size_t len)
{
	int ret = vhsm_file_write_all(cpio->fd, bytes, len);

	if (!ret)
		cpio->written += len;
	return ret;
}

static int pad(struct vhsm_cpio *cpio)
{
	static const char zeros[4];

	return put(cpio, zeros, -cpio->written & 3);
}

/* Thirteen numbers of eight digits after the magic: inode, mode, uid, gid,
 * links, mtime, size, device, special device, name's size with its NUL, check
 * sum (unused). */
static int header_put(struct vhsm_cpio *cpio, const char *name, uint32_t mode,
		      uint32_t size, bool counts)
{
	char header[HEADER_LEN + 1];
	size_t name_len = strlen(name) + 1;
	int ret;

	if (name_len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	if (counts)
		cpio->files++;
	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X"
		 "%08X%08X%08X%08X%08X%08X", counts ? cpio->files : 0, mode,
		 0, 0, 1, 0, size, 0, 0, 0, 0, (unsigned)name_len, 0);
	ret = put(cpio, header, HEADER_LEN);
	if (!ret)
		ret = put(cpio, name, name_len);
	return ret ? ret : pad(cpio);
}

int vhsm_cpio_begin(struct vhsm_cpio *cpio, int fd, uint64_t offset)
{
	*cpio = (struct vhsm_cpio){ .fd = fd, .written = offset };
	return pad(cpio);
}

int vhsm_cpio_add_dir(struct vhsm_cpio *cpio, const char *name)
{
	return header_put(cpio, name, S_IFDIR | 0500, 0, true);
}

int vhsm_cpio_add_file(struct vhsm_cpio *cpio, const char *name, int file_fd)
{
	char buf[65536];
	uint64_t at = 0;
	struct stat st;
	ssize_t n;
	int ret;

	if (fstat(file_fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > UINT32_MAX)
		return -EFBIG;
	ret = header_put(cpio, name, S_IFREG | 0400, st.st_size, true);
	while (!ret && at < (uint64_t)st.st_size) {
		size_t want = st.st_size - at < sizeof(buf) ?
			st.st_size - at : sizeof(buf);

		n = pread(file_fd, buf, want, at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		ret = put(cpio, buf, n);
		at += n;
	}
	return ret ? ret : pad(cpio);
}

int vhsm_cpio_end(struct vhsm_cpio *cpio)
{
	return header_put(cpio, "TRAILER!!!", 0, 0, false);
}
