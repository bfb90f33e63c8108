/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder-segments.c - which of an image stays, and stays as it is: text, and
 * the read-only data around what boot fills (include/asm-generic/vmlinux.lds.h:
 * RO_DATA and RO_AFTER_INIT_DATA).  And a little that does not stay, from which
 * the kernel fills what the checks look at.
 *
 * The bytes are taken as the loader takes them, by program headers, so what
 * fills the gaps between sections is there, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/reference-file.h"
#include "kernel-image/builder-internal.h"
#include "kernel-image/image-internal.h"

static int compare(const void *a, const void *b)
{
	const struct builder_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

const struct builder_segment *builder_segment_of(const struct vhsm_builder *b,
						 uint64_t va, uint64_t len)
{
	size_t i;

	for (i = 0; i < b->segment_count; i++) {
		const struct builder_segment *s = &b->segment[i];

		if (s->bytes && va >= s->start && va - s->start < s->len &&
		    len <= s->len - (va - s->start))
			return s;
	}
	return NULL;
}

/* Adds [start, end), as far as it is loaded from the file. */
static int add(struct vhsm_builder *b, uint64_t start, uint64_t end,
	       enum vhsm_segment_kind kind, char *why)
{
	struct builder_segment *s = &b->segment[b->segment_count];
	uint64_t have;

	if (start == end)
		return 0;
	if (start > end || start < b->image_start || end > b->image_end)
		return image_fail(why, -EBADMSG,
				  "its segment at %#llx makes no sense",
				  (unsigned long long)start);
	if (b->segment_count == BUILDER_SEGMENTS_MAX)
		return image_fail(why, -E2BIG, "it has too many segments");
	s->start = start;
	s->len = end - start;
	s->kind = kind;
	if (kind != VHSM_SEGMENT_RO_AFTER_INIT) {
		have = image_loaded(b->image, start, &s->bytes);
		if (have == 0)
			return image_fail(why, -EBADMSG,
					  "what is at %#llx is not in the file",
					  (unsigned long long)start);
		if (s->len > have)
			s->len = have;
	}
	b->segment_count++;
	return 0;
}

/* A symbol that must be there. */
static int need(const struct vhsm_builder *b, const char *name, uint64_t *va,
		char *why)
{
	if (vhsm_image_symbol(b->image, name, va))
		return image_fail(why, -ENOENT, "its symbols have no %s", name);
	return 0;
}

/* Executable sections, but for those that are freed after boot. */
static int add_text(struct vhsm_builder *b, char *why)
{
	const struct vhsm_image_section *s;
	uint64_t init_start, init_end, etext;
	size_t i, count;
	int r;

	r = need(b, "__init_begin", &init_start, why);
	if (!r)
		r = need(b, "__init_end", &init_end, why);
	if (!r)
		r = need(b, "_etext", &etext, why);
	s = vhsm_image_sections(b->image, &count);
	for (i = 0; !r && i < count; i++, s++) {
		uint64_t end = s->va + s->len;

		if (!s->exec || (s->va >= init_start && s->va < init_end))
			continue;
		if (etext > s->va && etext < end)
			end = etext;
		r = add(b, s->va, end, VHSM_SEGMENT_TEXT, why);
	}
	return r;
}

static int add_rodata(struct vhsm_builder *b, char *why)
{
	uint64_t start, filled, filled_end, end;
	int r;

	r = need(b, "__start_rodata", &start, why);
	if (!r)
		r = need(b, "__end_rodata", &end, why);
	if (!r)
		r = need(b, "__start_ro_after_init", &filled, why);
	if (!r)
		r = need(b, "__end_ro_after_init", &filled_end, why);
	if (!r && (filled < start || filled_end > end))
		r = image_fail(why, -EBADMSG,
			       "what boot fills is not in its read-only data");
	if (!r)
		r = add(b, start, filled, VHSM_SEGMENT_RODATA, why);
	if (!r)
		r = add(b, filled, filled_end, VHSM_SEGMENT_RO_AFTER_INIT, why);
	if (!r)
		r = add(b, filled_end, end, VHSM_SEGMENT_RODATA, why);
	return r;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && !strcmp(name + len - end_len, end);
}

/*
 * The tables that interrupt gates are made from (early_idts, def_idts, and so
 * on in arch/x86/kernel/idt.c): each from its symbol to the next one.
 */
static int add_init(struct vhsm_builder *b, char *why)
{
	const struct vhsm_image_symbol *s;
	uint64_t init_start, init_end;
	size_t i, count;
	int r;

	r = need(b, "__init_begin", &init_start, why);
	if (!r)
		r = need(b, "__init_end", &init_end, why);
	s = vhsm_image_symbols(b->image, &count);
	for (i = 0; !r && i + 1 < count; i++) {
		uint64_t start = s[i].va;

		if (start < init_start || start >= init_end ||
		    !ends_with(s[i].name, "_idts"))
			continue;
		/* Tables side by side are one segment. */
		while (i + 2 < count && ends_with(s[i + 1].name, "_idts"))
			i++;
		r = add(b, start, s[i + 1].va, VHSM_SEGMENT_INIT, why);
	}
	return r;
}

static int check_order(const struct vhsm_builder *b, char *why)
{
	bool text = false, rodata = false;
	size_t i;

	for (i = 0; i < b->segment_count; i++) {
		const struct builder_segment *s = &b->segment[i];

		text |= s->kind == VHSM_SEGMENT_TEXT;
		rodata |= s->kind == VHSM_SEGMENT_RODATA;
		if (i > 0 && s->start < s[-1].start + s[-1].len)
			return image_fail(why, -EBADMSG,
					  "its segments at %#llx overlap",
					  (unsigned long long)s->start);
	}
	if (!text || !rodata)
		return image_fail(why, -ENOEXEC,
				  "it has no text, or no read-only data");
	return 0;
}

static int take_relocations(struct vhsm_builder *b, char *why)
{
	const struct vhsm_relocation *in;
	uint64_t last = 0;
	size_t i, count;

	in = vhsm_image_relocations(b->image, &count);
	b->relocation = calloc(count + 1, sizeof(*in));
	if (!b->relocation)
		return image_fail(why, -ENOMEM, "no memory");
	for (i = 0; i < count; i++, in++) {
		unsigned len = reference_relocation_len(in->kind);

		if (!builder_segment_of(b, in->at, len))
			continue;
		if (in->at < last)
			return image_fail(why, -EBADMSG,
					  "its relocations at %#llx overlap",
					  (unsigned long long)in->at);
		b->relocation[b->relocation_count++] = *in;
		last = in->at + len;
	}
	return 0;
}

/* From the first to the last byte of the sections; per-CPU data, whose link
 * addresses are small numbers, left out. */
static void find_range(struct vhsm_builder *b)
{
	const struct vhsm_image_section *s;
	size_t i, count;

	s = vhsm_image_sections(b->image, &count);
	b->image_start = UINT64_MAX;
	for (i = 0; i < count; i++, s++) {
		if (s->va < 0xffffffff80000000u)
			continue;
		if (s->va < b->image_start)
			b->image_start = s->va;
		if (s->va + s->len > b->image_end)
			b->image_end = s->va + s->len;
	}
}

int builder_find_segments(struct vhsm_builder *b, char *why)
{
	int r;

	find_range(b);
	r = add_text(b, why);
	if (!r)
		r = add_rodata(b, why);
	if (!r)
		r = add_init(b, why);
	if (r)
		return r;
	qsort(b->segment, b->segment_count, sizeof(b->segment[0]), compare);
	r = check_order(b, why);
	return r ? r : take_relocations(b, why);
}
