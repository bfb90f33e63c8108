/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - writing a recording.  Only frames that the guest has are written:
 * the file is as long as the highest of them says, and takes as much room as
 * there are.
 */
#include "introspect/record.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "introspect/image-digest.h"
#include "introspect/record-json.h"

#define COPY_LEN	(256u << 10)

#define PARTS_MAX	65536u

/* A part of the file that was written. */
struct part {
	uint64_t start, end;
};

struct writer {
	int fd;
	bool parts_lost;		/* a guest made more than there may be */
	size_t part_count;
	struct part *part;		/* so that its digest need not read the
					 * holes between them */
	uint8_t *copy;			/* COPY_LEN; some file systems cannot
					 * write from a foreign mapping */
	const char *path;
	char *why;
};

static int write_all(const struct writer *w, uint64_t address, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(w->fd, w->copy + done, len - done,
			   (off_t)(address + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			n = n ? -errno : -EIO;
			snprintf(w->why, VHSM_RECORD_WHY_LEN, "%.120s: %s",
				 w->path, strerror((int)-n));
			return (int)n;
		}
		done += (size_t)n;
	}
	return 0;
}

/* The part start..end, which may prolong the last. */
static void add_part(struct writer *w, uint64_t start, uint64_t end)
{
	if (w->part_count && w->part[w->part_count - 1].end == start)
		w->part[w->part_count - 1].end = end;
	else if (w->part_count == PARTS_MAX)
		w->parts_lost = true;
	else
		w->part[w->part_count++] = (struct part){ start, end };
}

static int write_run(uint64_t address, const uint8_t *bytes, size_t len,
		     void *arg)
{
	struct writer *w = arg;
	size_t at, piece;
	int r = 0;

	add_part(w, address, address + len);
	for (at = 0; !r && at < len; at += piece) {
		piece = len - at < COPY_LEN ? len - at : COPY_LEN;
		memcpy(w->copy, bytes + at, piece);
		r = write_all(w, address + at, piece);
	}
	return r;
}

static int digest_run(uint64_t address, const uint8_t *bytes, size_t len,
		      void *arg)
{
	return vhsm_image_digest_pages(arg, address, bytes, len);
}

/* Feeds what stands in the file from address to end. */
static int digest_part(struct vhsm_guest_memory *image, uint64_t address,
		       uint64_t end, EVP_MD_CTX *digest)
{
	const uint8_t *page;
	int r = 0;

	for (; !r && address < end; address += VHSM_GUEST_PAGE_SIZE) {
		page = vhsm_guest_memory_page(image,
					      address / VHSM_GUEST_PAGE_SIZE);
		r = page ? digest_run(address, page, VHSM_GUEST_PAGE_SIZE,
				      digest) : -EIO;
	}
	return r;
}

/* Of the parts given, ascending, or of all the file when there are none. */
static int digest_file(const char *path, const struct part *part, size_t count,
		       uint8_t sha256[32], char *why)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	struct vhsm_guest_memory *image = NULL;
	struct vhsm_memory_stats stats;
	int r = -EIO;
	size_t i;

	snprintf(why, VHSM_RECORD_WHY_LEN, "SHA-256 of %.120s failed", path);
	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		goto out;
	image = vhsm_guest_memory_open_image(path, why);
	if (!image)
		goto out;
	if (part)
		for (i = 0, r = 0; !r && i < count; i++)
			r = digest_part(image, part[i].start, part[i].end,
					digest);
	else
		r = vhsm_guest_memory_walk(image, digest_run, digest, &stats,
					   why);
	if (!r && EVP_DigestFinal_ex(digest, sha256, NULL) != 1)
		r = -EIO;
out:
	vhsm_guest_memory_close(&image);
	EVP_MD_CTX_free(digest);
	return r;
}

int vhsm_record_digest(const char *path, uint8_t sha256[32], char *why)
{
	return digest_file(path, NULL, 0, sha256, why);
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int writer_init(struct writer *w)
{
	w->copy = malloc(COPY_LEN);
	w->part = malloc(PARTS_MAX * sizeof(*w->part));
	if (w->copy && w->part)
		return 0;
	snprintf(w->why, VHSM_RECORD_WHY_LEN, "out of memory");
	return -ENOMEM;
}

static void writer_deinit(struct writer *w)
{
	if (w->copy)
		OPENSSL_cleanse(w->copy, COPY_LEN);
	free(w->copy);
	free(w->part);
}

/* The memory into the new file fd. */
static int write_memory(struct vhsm_recording *r, int fd,
			struct vhsm_guest_memory *memory, const char *path,
			char *why)
{
	struct writer w = { .fd = fd, .path = path, .why = why };
	char wrong[VHSM_MEMORY_WHY_LEN] = "";
	int e;

	*why = '\0';
	e = writer_init(&w);
	if (e)
		goto out;
	r->frames = vhsm_guest_memory_frames(memory);
	e = vhsm_guest_memory_walk(memory, write_run, &w, &r->stats, wrong);
	if (e) {
		if (!*why)
			snprintf(why, VHSM_RECORD_WHY_LEN, "%s", wrong);
		goto out;
	}
	if (fsync(fd)) {
		e = -errno;
		snprintf(why, VHSM_RECORD_WHY_LEN, "%.120s: %s", path,
			 strerror(-e));
		goto out;
	}
	qsort(w.part, w.part_count, sizeof(*w.part), compare_parts);
	e = digest_file(path, w.parts_lost ? NULL : w.part, w.part_count,
			r->sha256, why);
out:
	writer_deinit(&w);
	return e;
}

static int write_registers(const struct vhsm_recording *r, const char *path,
			   char *why)
{
	char *text = record_encode(r), *name = NULL;
	int e = -ENOMEM;

	if (text && asprintf(&name, "%s.json", path) < 0)
		name = NULL;
	if (name)
		e = vhsm_file_make(name, text, strlen(text), 0600);
	if (e)
		snprintf(why, VHSM_RECORD_WHY_LEN, "%.120s.json: %s", path,
			 strerror(-e));
	free(name);
	free(text);
	return e;
}

int vhsm_record_write(struct vhsm_recording *r,
		      struct vhsm_guest_memory *memory, const char *path,
		      char *why)
{
	time_t now = time(NULL);
	struct tm tm;
	int e, fd;

	gmtime_r(&now, &tm);
	strftime(r->time, sizeof(r->time), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		e = -errno;
		snprintf(why, VHSM_RECORD_WHY_LEN, "%.120s: %s", path,
			 strerror(-e));
		return e;
	}
	e = write_memory(r, fd, memory, path, why);
	close(fd);
	if (!e)
		e = write_registers(r, path, why);
	if (e)
		unlink(path);
	return e;
}
