/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file-copy.c - walks the extents of data of a file (lseek(2), SEEK_DATA).
 *
 * A file system that does not know its holes says that all is data.
 */
#include <config.h>

#include "common/file-copy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define BLOCK_LEN	65536u

static bool all_zero(const char *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Copies up to one block at offset at.  The bytes copied, or -errno. */
static ssize_t copy_block(int in, int out, off_t at, size_t len, char *block)
{
	ssize_t n;
	int r = 0;

	do
		n = pread(in, block, len, at);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	if (!all_zero(block, (size_t)n))
		r = lseek(out, at, SEEK_SET) < 0 ? -errno :
			vhsm_file_write_all(out, block, (size_t)n);
	return r < 0 ? r : n;
}

static int copy_extent(int in, int out, off_t at, off_t end, char *block)
{
	ssize_t n;

	for (; at < end; at += n) {
		size_t left = (size_t)(end - at);

		n = copy_block(in, out, at, left < BLOCK_LEN ? left : BLOCK_LEN,
			       block);
		if (n < 0)
			return (int)n;
	}
	return 0;
}

static int copy_extents(int in, int out, off_t size, char *block)
{
	off_t start, end;
	int r = 0;

	for (end = 0; !r && end < size;) {
		start = lseek(in, end, SEEK_DATA);
		if (start < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(in, start, SEEK_HOLE);
		if (end < 0)
			return -errno;
		r = copy_extent(in, out, start, end, block);
	}
	return r;
}

int vhsm_file_copy(int in, int out)
{
	struct stat st;
	char *block;
	int r;

	if (fstat(in, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	block = malloc(BLOCK_LEN);
	if (!block)
		return -ENOMEM;
	r = copy_extents(in, out, st.st_size, block);
	free(block);
	if (!r && (ftruncate(out, st.st_size) || fsync(out)))
		r = -errno;
	return r;
}
