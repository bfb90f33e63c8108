/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-image.c - memory from a raw file, read in pieces (a mapping
 * would die of a file that is cut short meanwhile).
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-memory-backend.h"

#define PIECE_LEN	(1u << 20)

struct image {
	struct vhsm_guest_memory base;
	int fd;
	uint8_t *piece;
};

/* Fills the piece as far as the file goes: bytes read, or -errno. */
static ssize_t read_piece(const struct image *image, uint64_t offset)
{
	size_t len = 0;
	ssize_t n;

	while (len < PIECE_LEN) {
		n = pread(image->fd, image->piece + len, PIECE_LEN - len,
			  (off_t)(offset + len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int image_walk(struct vhsm_guest_memory *memory,
		      vhsm_memory_visit *visit, void *arg,
		      struct vhsm_memory_stats *stats, char *why)
{
	struct image *image = (struct image *)memory;
	uint64_t offset = 0;
	ssize_t n;
	int r;

	for (;;) {
		n = read_piece(image, offset);
		if (n < 0) {
			snprintf(why, VHSM_MEMORY_WHY_LEN,
				 "reading the image at offset %llu: %s",
				 (unsigned long long)offset, strerror(-n));
			return (int)n;
		}
		if (n == 0)
			return 0;
		stats->pages += ((size_t)n + VHSM_GUEST_PAGE_SIZE - 1) /
				VHSM_GUEST_PAGE_SIZE;
		r = visit(offset, image->piece, (size_t)n, arg);
		if (r)
			return r;
		offset += (size_t)n;
	}
}

static void image_close(struct vhsm_guest_memory *memory)
{
	struct image *image = (struct image *)memory;

	if (image->piece)
		OPENSSL_cleanse(image->piece, PIECE_LEN);
	free(image->piece);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}

struct vhsm_guest_memory *vhsm_guest_memory_open_image(const char *path,
						       char *why)
{
	struct image *image = calloc(1, sizeof(*image));
	struct stat st;

	if (!image) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
		return NULL;
	}
	image->base.walk = image_walk;
	image->base.close = image_close;
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	image->piece = malloc(PIECE_LEN);
	if (image->fd < 0)
		snprintf(why, VHSM_MEMORY_WHY_LEN, "%.120s: %s", path,
			 strerror(errno));
	else if (!image->piece)
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
	else if (fstat(image->fd, &st) || !S_ISREG(st.st_mode))
		snprintf(why, VHSM_MEMORY_WHY_LEN,
			 "%.120s: not an ordinary file", path);
	else
		return &image->base;
	image_close(&image->base);
	return NULL;
}
