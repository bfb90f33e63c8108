/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c - opens a reference: maps the file, finds its tables, and has
 * them checked before anybody may look.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/reference-file.h"

static const char not_whole[] = "is damaged: a table lies outside the file";

uint64_t reference_layout_id(void)
{
	static const char text[] =
#define MEMBER(type, member) #type "." #member ";"
#define NESTED(type, name, path) #type "." #name "=" path ";"
#define OPTIONAL(type, member) #type "." #member "?;"
#define SIZE(type) #type ";"
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
		"";
	uint64_t id = 14695981039346656037u;
	const char *p;

	for (p = text; *p; p++)
		id = (id ^ (uint8_t)*p) * 1099511628211u;
	return id;
}

/* Where a table begins, or NULL when it is not in the file. */
static const void *table_start(const struct reference_header *header,
			       const struct reference_table *table,
			       size_t record_len)
{
	if (table->at % 8 || table->at > header->file_len ||
	    table->count > (header->file_len - table->at) / record_len ||
	    table->count > UINT32_MAX - 1)
		return NULL;
	return (const uint8_t *)header + table->at;
}

static const char *header_check(const struct reference_header *header,
				size_t file_len)
{
	if (file_len < sizeof(*header) ||
	    memcmp(header->magic, REFERENCE_MAGIC, sizeof(header->magic)))
		return "is no reference of a kernel";
	if (header->version != REFERENCE_VERSION)
		return "has a version this program does not know: make the "
		       "baseline again";
	if (header->header_len != sizeof(*header) ||
	    header->file_len != file_len)
		return "is damaged: it is not as long as it says";
	if (header->layout_id != reference_layout_id())
		return "was made by another version of this program: make the "
		       "baseline again";
	if (memchr(header->release, 0, sizeof(header->release)) == NULL)
		return "is damaged: the release has no end";
	return NULL;
}

static const char *tables_find(struct vhsm_reference *reference)
{
	const struct reference_header *h = reference->header;

	reference->bytes = table_start(h, &h->bytes, 1);
	reference->relocation = table_start(h, &h->relocations,
					    sizeof(*reference->relocation));
	reference->site = table_start(h, &h->sites, sizeof(*reference->site));
	reference->variant = table_start(h, &h->variants,
					 sizeof(*reference->variant));
	reference->variant_bytes = table_start(h, &h->variant_bytes, 1);
	reference->symbol = table_start(h, &h->symbols,
					sizeof(*reference->symbol));
	reference->hash = table_start(h, &h->hash, sizeof(*reference->hash));
	reference->string = table_start(h, &h->strings, 1);
	reference->layout = table_start(h, &h->layout,
					sizeof(*reference->layout));
	if (!reference->bytes || !reference->relocation || !reference->site ||
	    !reference->variant || !reference->variant_bytes ||
	    !reference->symbol || !reference->hash || !reference->string ||
	    !reference->layout)
		return not_whole;
	return NULL;
}

static const char *segments_find(struct vhsm_reference *reference)
{
	const struct reference_header *h = reference->header;
	const struct reference_segment *in =
		table_start(h, &h->segments, sizeof(*in));
	struct vhsm_reference_segment *out;
	size_t i;

	if (!in || h->segments.count == 0)
		return not_whole;
	out = calloc(h->segments.count, sizeof(*out));
	if (!out)
		return "cannot be opened: no memory";
	reference->segment = out;
	for (i = 0; i < h->segments.count; i++, in++, out++) {
		out->start = in->start;
		out->len = in->len;
		out->kind = (enum vhsm_segment_kind)in->kind;
		if (in->bytes_at == REFERENCE_NOTHING)
			continue;
		if (in->bytes_at > h->bytes.count ||
		    in->len > h->bytes.count - in->bytes_at)
			return not_whole;
		out->bytes = reference->bytes + in->bytes_at;
	}
	return NULL;
}

/* Of a file or a disk, in bytes, or -errno. */
static int64_t file_length(int fd)
{
	struct stat st;
	off_t len;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	len = lseek(fd, 0, SEEK_END);
	if (len < 0)
		return -errno;
	return len == 0 || len > REFERENCE_MAX_LEN ? -EINVAL : len;
}

/* Maps path: its length, or -errno. */
static int64_t map_file(const char *path, const void **map)
{
	int64_t r;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_length(fd);
	if (r > 0) {
		*map = mmap(NULL, (size_t)r, PROT_READ, MAP_PRIVATE, fd, 0);
		if (*map == MAP_FAILED)
			r = -errno;
	}
	close(fd);
	return r;
}

struct vhsm_reference *vhsm_reference_open(const char *path, char *why)
{
	struct vhsm_reference *reference;
	const void *map = NULL;
	const char *wrong;
	int64_t len;

	len = map_file(path, &map);
	if (len < 0) {
		snprintf(why, VHSM_REFERENCE_WHY_LEN, "%.120s: %s", path,
			 strerror((int)-len));
		return NULL;
	}
	reference = calloc(1, sizeof(*reference));
	if (!reference) {
		munmap((void *)map, (size_t)len);
		snprintf(why, VHSM_REFERENCE_WHY_LEN, "no memory");
		return NULL;
	}
	wrong = header_check(map, (size_t)len);
	if (wrong)
		munmap((void *)map, (size_t)len);
	else
		reference->header = map;
	if (!wrong)
		wrong = tables_find(reference);
	if (!wrong)
		wrong = segments_find(reference);
	if (!wrong)
		wrong = reference_check(reference);
	if (wrong) {
		snprintf(why, VHSM_REFERENCE_WHY_LEN, "%.100s %s", path,
			 wrong);
		vhsm_reference_close(&reference);
	}
	return reference;
}

void vhsm_reference_close(struct vhsm_reference **reference)
{
	if (!*reference)
		return;
	if ((*reference)->header)
		munmap((void *)(*reference)->header,
		       (*reference)->header->file_len);
	free((*reference)->segment);
	free(*reference);
	*reference = NULL;
}
