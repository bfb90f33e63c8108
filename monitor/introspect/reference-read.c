/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference-read.c - what a reference answers; the file was checked when it
 * was opened.
 */
#include <errno.h>
#include <string.h>

#include "introspect/reference-file.h"

const uint8_t *vhsm_reference_image_sha256(const struct vhsm_reference *r)
{
	return r->header->image_sha256;
}

const char *vhsm_reference_release(const struct vhsm_reference *r)
{
	return r->header->release;
}

const struct vhsm_reference_segment *
vhsm_reference_segments(const struct vhsm_reference *r, size_t *count)
{
	*count = r->header->segments.count;
	return r->segment;
}

const struct vhsm_relocation *
vhsm_reference_relocations(const struct vhsm_reference *r, size_t *count)
{
	*count = r->header->relocations.count;
	return r->relocation;
}

/* The first relocation that ends after va: its number. */
static size_t relocation_after(const struct vhsm_reference *r, uint64_t va)
{
	size_t low = 0, high = r->header->relocations.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct vhsm_relocation *at = &r->relocation[middle];

		if (at->at + reference_relocation_len(at->kind) <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Relocates one place, of which [va, va + len) is in bytes. */
static void relocate(const struct vhsm_reference_segment *segment,
		     const struct vhsm_relocation *relocation, uint64_t slide,
		     uint64_t va, uint8_t *bytes, size_t len)
{
	unsigned size = reference_relocation_len(relocation->kind);
	uint64_t value = 0;
	unsigned i;

	memcpy(&value, segment->bytes + (relocation->at - segment->start),
	       size);
	if (relocation->kind == VHSM_RELOCATION_32_NEG)
		value -= slide;
	else
		value += slide;
	for (i = 0; i < size; i++) {
		uint64_t place = relocation->at + i;

		if (place >= va && place - va < len)
			bytes[place - va] = (uint8_t)(value >> (8 * i));
	}
}

static const struct vhsm_reference_segment *
segment_at(const struct vhsm_reference *r, uint64_t va, size_t len)
{
	size_t i;

	for (i = 0; i < r->header->segments.count; i++) {
		const struct vhsm_reference_segment *s = &r->segment[i];

		if (va >= s->start && va - s->start < s->len)
			return s->bytes && len <= s->len - (va - s->start) ?
			       s : NULL;
	}
	return NULL;
}

int vhsm_reference_expected(const struct vhsm_reference *r, uint64_t va,
			    uint64_t slide, uint8_t *bytes, size_t len)
{
	const struct vhsm_reference_segment *segment = segment_at(r, va, len);
	size_t i;

	if (!segment)
		return -EFAULT;
	memcpy(bytes, segment->bytes + (va - segment->start), len);
	if (slide == 0)
		return 0;
	for (i = relocation_after(r, va);
	     i < r->header->relocations.count && r->relocation[i].at < va + len;
	     i++)
		relocate(segment, &r->relocation[i], slide, va, bytes, len);
	return 0;
}

int vhsm_reference_symbol(const struct vhsm_reference *r, const char *name,
			  uint64_t *va)
{
	uint32_t i = r->hash[reference_name_hash(name) &
			     (r->header->hash.count - 1)];

	while (i != REFERENCE_NOTHING) {
		const struct reference_symbol *s = &r->symbol[i];

		if (!strcmp(r->string + s->name, name)) {
			*va = reference_symbol_va(s);
			return 0;
		}
		i = s->next;
	}
	return -ENOENT;
}

/* How many symbols are at or before va. */
static size_t symbols_until(const struct vhsm_reference *r, uint64_t va)
{
	size_t low = 0, high = r->header->symbols.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (reference_symbol_va(&r->symbol[middle]) <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *vhsm_reference_symbol_at(const struct vhsm_reference *r,
				     uint64_t va, uint64_t *distance)
{
	size_t i;

	if (va < r->header->image_start || va >= r->header->image_end)
		return NULL;
	i = symbols_until(r, va);
	if (i == 0 ||
	    reference_symbol_va(&r->symbol[i - 1]) < r->header->image_start)
		return NULL;
	/* The first of those at one address is what the kernel says, too. */
	while (--i > 0 && r->symbol[i - 1].va == r->symbol[i].va)
		;
	*distance = va - reference_symbol_va(&r->symbol[i]);
	return r->string + r->symbol[i].name;
}

bool vhsm_reference_is_function(const struct vhsm_reference *r, uint64_t va)
{
	size_t i = symbols_until(r, va);

	for (; i > 0 && reference_symbol_va(&r->symbol[i - 1]) == va; i--)
		if (r->symbol[i - 1].function)
			return true;
	return false;
}

struct vhsm_member vhsm_reference_layout(const struct vhsm_reference *r,
					 enum vhsm_layout which)
{
	static const struct vhsm_member none = { VHSM_NO_MEMBER, 0 };

	if ((unsigned)which >= VHSM_LAYOUT_COUNT)
		return none;
	return r->layout[which];
}
