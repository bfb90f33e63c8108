/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-image.c - memory from a raw file, read in pieces (a mapping
 * would die of a file that is cut short meanwhile).  A walk steps over what the
 * file leaves out, where the file system tells; a page in a hole is of zeros,
 * for whoever copies an image may have made holes of zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/guest-memory-backend.h"

#define CHUNK_PAGES	64u		/* 256 KiB; all of them 128 MiB */
#define CHUNK_LEN	((size_t)CHUNK_PAGES * VHSM_GUEST_PAGE_SIZE)
#define SLOTS		(GUEST_CHUNK_COUNT_MAX + 1)	/* and a walk's */

struct image {
	struct vhsm_guest_memory base;
	int fd;
	uint8_t *slot;			/* SLOTS chunks; NULL: none */
	uint16_t free[SLOTS];		/* those not in use, the next one last */
	unsigned free_count;
};

/*
 * The chunks' memory, taken as it is touched and in huge pages where the system
 * has any: a fault for each page would cost more than reading it.
 */
static int slots_init(struct image *image)
{
	void *slot = mmap(NULL, SLOTS * CHUNK_LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (slot == MAP_FAILED)
		return -errno;
	madvise(slot, SLOTS * CHUNK_LEN, MADV_HUGEPAGE);
	image->slot = slot;
	while (image->free_count < SLOTS) {
		image->free[image->free_count] =
			(uint16_t)(SLOTS - 1 - image->free_count);
		image->free_count++;
	}
	return 0;
}

/* Reads as far as the file goes: bytes read, or -errno. */
static ssize_t read_file(const struct image *image, uint64_t offset,
			 uint8_t *bytes, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = pread(image->fd, bytes + len, size - len,
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

/*
 * The data at or after offset: its first byte's page, or the offset itself
 * where the file system does not know; UINT64_MAX past the last.  *end is where
 * it ends at the earliest.
 */
static uint64_t find_data(const struct image *image, uint64_t offset,
			  uint64_t *end)
{
	off_t start, hole;

	*end = UINT64_MAX;
	start = lseek(image->fd, (off_t)offset, SEEK_DATA);
	if (start < 0)
		return errno == ENXIO ? UINT64_MAX : offset;
	hole = lseek(image->fd, start, SEEK_HOLE);
	if (hole >= 0)
		*end = (uint64_t)hole;
	start -= start % VHSM_GUEST_PAGE_SIZE;
	return (uint64_t)start > offset ? (uint64_t)start : offset;
}

static int image_load(struct vhsm_guest_memory *memory, uint64_t first,
		      unsigned count, uint8_t **bytes, uint64_t *present)
{
	struct image *image = (struct image *)memory;
	uint64_t start = first * VHSM_GUEST_PAGE_SIZE, at = start, hole;
	uint64_t end = start + (uint64_t)count * VHSM_GUEST_PAGE_SIZE;
	uint8_t *copy;
	ssize_t n;

	at = find_data(image, at, &hole);
	if (at >= end)
		return 0;
	if (!image->free_count)
		return -ENOMEM;		/* a walk within a walk */
	copy = image->slot + image->free[image->free_count - 1] * CHUNK_LEN;
	n = read_file(image, start, copy, end - start);
	if (n <= 0)
		return (int)n;
	image->free_count--;
	memset(copy + n, 0, end - start - (size_t)n);
	end = start + (size_t)n;
	while (at < end) {
		for (; at < end && at < hole; at += VHSM_GUEST_PAGE_SIZE) {
			uint64_t page = (at - start) / VHSM_GUEST_PAGE_SIZE;

			present[page / 64] |= UINT64_C(1) << (page % 64);
		}
		if (at < end)
			at = find_data(image, at, &hole);
	}
	*bytes = copy;
	return 0;
}

static void image_unload(struct vhsm_guest_memory *memory, uint8_t *bytes,
			 unsigned count)
{
	struct image *image = (struct image *)memory;

	OPENSSL_cleanse(bytes, (size_t)count * VHSM_GUEST_PAGE_SIZE);
	image->free[image->free_count++] =
		(uint16_t)((size_t)(bytes - image->slot) / CHUNK_LEN);
}

static void image_close(struct vhsm_guest_memory *memory)
{
	struct image *image = (struct image *)memory;

	if (image->fd >= 0)
		close(image->fd);
	if (image->slot)
		munmap(image->slot, SLOTS * CHUNK_LEN);
	free(image);
}

static int image_init(struct image *image, uint64_t size)
{
	int r = slots_init(image);

	image->base.zeros = true;
	image->base.chunk_pages = CHUNK_PAGES;
	image->base.chunk_max = GUEST_CHUNK_COUNT_MAX;
	image->base.frames = size / VHSM_GUEST_PAGE_SIZE +
			     !!(size % VHSM_GUEST_PAGE_SIZE);
	return r ? r : guest_memory_init(&image->base);
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
	image->base.load = image_load;
	image->base.unload = image_unload;
	image->base.close = image_close;
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (image->fd < 0)
		snprintf(why, VHSM_MEMORY_WHY_LEN, "%.120s: %s", path,
			 strerror(errno));
	else if (fstat(image->fd, &st) || !S_ISREG(st.st_mode))
		snprintf(why, VHSM_MEMORY_WHY_LEN,
			 "%.120s: not an ordinary file", path);
	else if (image_init(image, (uint64_t)st.st_size))
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
	else
		return &image->base;
	image_close(&image->base);
	return NULL;
}
