/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder-write.c - writes the file of a reference (reference-file.h): beside
 * its place, and then into it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/reference-file.h"
#include "kernel-image/builder-internal.h"
#include "kernel-image/image-internal.h"

/* The symbols' tables, made for the file. */
struct symbols {
	struct reference_symbol *symbol;
	size_t count;
	char *string;
	size_t string_len;
	uint32_t *hash;
	size_t hash_len;
};

static int compare_sites(const void *a, const void *b)
{
	const struct vhsm_site *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static int sort_sites(struct vhsm_builder *b, char *why)
{
	size_t i;

	if (b->site_count)
		qsort(b->site, b->site_count, sizeof(*b->site), compare_sites);
	for (i = 1; i < b->site_count; i++) {
		const struct vhsm_site *s = &b->site[i];

		if (s->va < s[-1].va + s[-1].len)
			return image_fail(why, -EEXIST,
					  "patch sites at %#llx (kind %u) and %#llx (kind %u) overlap",
					  (unsigned long long)s[-1].va,
					  s[-1].kind,
					  (unsigned long long)s->va, s->kind);
	}
	return 0;
}

/* Whether the file's 32 bits can say it: an address of the kernel, or a small
 * number (per-CPU). */
static bool is_short(uint64_t va)
{
	return va == (uint64_t)(int64_t)(int32_t)va;
}

static bool is_function(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static void fill_symbols(const struct vhsm_builder *b, struct symbols *out)
{
	const struct vhsm_image_symbol *in;
	size_t i, n;

	in = vhsm_image_symbols(b->image, &n);
	for (i = 0; i < n; i++, in++) {
		size_t len = strlen(in->name) + 1;

		if (!is_short(in->va))
			continue;
		out->symbol[out->count++] = (struct reference_symbol){
			.va = (uint32_t)in->va,
			.name = (uint32_t)out->string_len & 0x7fffffff,
			.function = is_function(in->type),
		};
		memcpy(out->string + out->string_len, in->name, len);
		out->string_len += len;
	}
	/* Backwards, so that a bucket's chain goes forwards. */
	memset(out->hash, 0xff, out->hash_len * sizeof(*out->hash));
	for (i = out->count; i-- > 0;) {
		struct reference_symbol *s = &out->symbol[i];
		uint32_t *bucket = &out->hash[
			reference_name_hash(out->string + s->name) &
			(out->hash_len - 1)];

		s->next = *bucket;
		*bucket = (uint32_t)i;
	}
}

static int make_symbols(const struct vhsm_builder *b, struct symbols *out,
			char *why)
{
	const struct vhsm_image_symbol *in;
	size_t i, n, len = 1;

	in = vhsm_image_symbols(b->image, &n);
	for (i = 0; i < n; i++)
		len += strlen(in[i].name) + 1;
	for (out->hash_len = 64; out->hash_len < n / 2; out->hash_len *= 2)
		;
	out->symbol = calloc(n + 1, sizeof(*out->symbol));
	out->string = malloc(len);
	out->hash = malloc(out->hash_len * sizeof(*out->hash));
	if (!out->symbol || !out->string || !out->hash)
		return image_fail(why, -ENOMEM, "no memory for the symbols");
	out->string[out->string_len++] = 0;
	fill_symbols(b, out);
	return 0;
}

static void free_symbols(struct symbols *symbols)
{
	free(symbols->symbol);
	free(symbols->string);
	free(symbols->hash);
}

/* Notes a table behind all others. */
static struct reference_table place(uint64_t *end, uint64_t count,
				    size_t record_len)
{
	struct reference_table table = { *end, count };

	*end = (*end + count * record_len + 7) & ~7ull;
	return table;
}

static void make_header(const struct vhsm_builder *b, const struct symbols *s,
			struct reference_header *h)
{
	uint64_t end = sizeof(*h), bytes = 0;
	size_t i;

	for (i = 0; i < b->segment_count; i++)
		bytes += b->segment[i].bytes ? b->segment[i].len : 0;
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, REFERENCE_MAGIC, sizeof(h->magic));
	h->version = REFERENCE_VERSION;
	h->header_len = sizeof(*h);
	h->layout_id = reference_layout_id();
	h->image_start = b->image_start;
	h->image_end = b->image_end;
	memcpy(h->image_sha256, vhsm_image_sha256(b->image),
	       sizeof(h->image_sha256));
	snprintf(h->release, sizeof(h->release), "%s",
		 vhsm_image_release(b->image));
	h->segments = place(&end, b->segment_count,
			    sizeof(struct reference_segment));
	h->bytes = place(&end, bytes, 1);
	h->relocations = place(&end, b->relocation_count,
			       sizeof(*b->relocation));
	h->sites = place(&end, b->site_count, sizeof(*b->site));
	h->variants = place(&end, b->variant_count, sizeof(*b->variant));
	h->variant_bytes = place(&end, b->variant_bytes_len, 1);
	h->symbols = place(&end, s->count, sizeof(*s->symbol));
	h->hash = place(&end, s->hash_len, sizeof(*s->hash));
	h->strings = place(&end, s->string_len, 1);
	h->layout = place(&end, VHSM_LAYOUT_COUNT, sizeof(b->layout[0]));
	h->file_len = (end + REFERENCE_ALIGN - 1) & ~(REFERENCE_ALIGN - 1ull);
}

/* Zeros up to the next multiple of 8. */
static void pad(FILE *file, size_t len)
{
	static const uint8_t zeros[8];

	if (len % 8)
		fwrite(zeros, 8 - len % 8, 1, file);
}

static void put(FILE *file, const void *bytes, size_t len)
{
	if (len)
		fwrite(bytes, len, 1, file);
	pad(file, len);
}

static void put_segments(FILE *file, const struct vhsm_builder *b)
{
	uint32_t at = 0;
	size_t i;

	for (i = 0; i < b->segment_count; i++) {
		const struct builder_segment *s = &b->segment[i];
		struct reference_segment out = {
			.start = s->start, .len = s->len, .kind = s->kind,
			.bytes_at = s->bytes ? at : REFERENCE_NOTHING,
		};

		at += s->bytes ? (uint32_t)s->len : 0;
		put(file, &out, sizeof(out));
	}
	for (i = 0; i < b->segment_count; i++)
		if (b->segment[i].bytes)
			fwrite(b->segment[i].bytes, b->segment[i].len, 1, file);
	pad(file, at);
}

static int write_file(const struct vhsm_builder *b, const struct symbols *s,
		      const struct reference_header *h, FILE *file)
{
	put(file, h, sizeof(*h));
	put_segments(file, b);
	put(file, b->relocation, b->relocation_count * sizeof(*b->relocation));
	put(file, b->site, b->site_count * sizeof(*b->site));
	put(file, b->variant, b->variant_count * sizeof(*b->variant));
	put(file, b->variant_bytes, b->variant_bytes_len);
	put(file, s->symbol, s->count * sizeof(*s->symbol));
	put(file, s->hash, s->hash_len * sizeof(*s->hash));
	put(file, s->string, s->string_len);
	put(file, b->layout, sizeof(b->layout));
	if (ferror(file) || fflush(file) ||
	    ftruncate(fileno(file), (off_t)h->file_len) || fsync(fileno(file)))
		return errno ? -errno : -EIO;
	return 0;
}

/* Beside path, then renamed to it: whoever has the old one mapped keeps it. */
static int replace_file(const struct vhsm_builder *b, const struct symbols *s,
			const struct reference_header *h, const char *path)
{
	char temporary[4096];
	FILE *file;
	int fd, r;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		r = -errno;
		close(fd);
		goto out;
	}
	errno = 0;
	r = write_file(b, s, h, file);
	if (!r && fchmod(fd, 0644))
		r = -errno;
	if (fclose(file) && !r)
		r = -EIO;
	if (!r && rename(temporary, path))
		r = -errno;
out:
	if (r)
		unlink(temporary);
	return r;
}

int vhsm_builder_write(struct vhsm_builder *b, const char *path, char *why)
{
	struct reference_header header;
	struct symbols symbols = { 0 };
	int r;

	r = sort_sites(b, why);
	if (!r)
		r = make_symbols(b, &symbols, why);
	if (!r) {
		make_header(b, &symbols, &header);
		if (header.file_len > REFERENCE_MAX_LEN)
			r = image_fail(why, -EFBIG,
				       "its reference would have %llu MiB",
				       (unsigned long long)header.file_len >>
				       20);
	}
	if (!r) {
		r = replace_file(b, &symbols, &header, path);
		if (r)
			image_fail(why, r, "%.120s cannot be written: %s",
				   path, strerror(-r));
		else
			b->counts.file_len = header.file_len;
	}
	free_symbols(&symbols);
	return r;
}
