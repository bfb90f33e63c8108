/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference-check.c - whether a reference's tables agree with each other, so
 * that who reads it need not ask again: order, ranges, ends of chains.
 */
#include <string.h>

#include "introspect/reference-file.h"

/* The segment that holds all of [va, va + len), or NULL. */
static const struct vhsm_reference_segment *
segment_of(const struct vhsm_reference *reference, uint64_t va, uint64_t len,
	   size_t *hint)
{
	size_t count = reference->header->segments.count;

	for (; *hint < count; (*hint)++) {
		const struct vhsm_reference_segment *s =
			&reference->segment[*hint];

		if (va < s->start)
			return NULL;
		if (va - s->start < s->len)
			return len <= s->len - (va - s->start) ? s : NULL;
	}
	return NULL;
}

static const char *segments_check(const struct vhsm_reference *reference)
{
	const struct reference_header *h = reference->header;
	const struct vhsm_reference_segment *s = reference->segment;
	uint64_t last = h->image_start;
	size_t i;

	if (h->image_start >= h->image_end)
		return "is damaged: the image has no length";
	for (i = 0; i < h->segments.count; i++, s++) {
		if (s->start < last || s->start > h->image_end ||
		    s->len == 0 || s->len > h->image_end - s->start)
			return "is damaged: segments out of order";
		if (s->kind < VHSM_SEGMENT_TEXT ||
		    s->kind > VHSM_SEGMENT_INIT ||
		    (s->kind == VHSM_SEGMENT_RO_AFTER_INIT) == !!s->bytes)
			return "is damaged: a segment of no kind";
		last = s->start + s->len;
	}
	return NULL;
}

static const char *relocations_check(const struct vhsm_reference *reference)
{
	const struct vhsm_relocation *r = reference->relocation;
	size_t i, hint = 0, count = reference->header->relocations.count;
	uint64_t last = 0;

	for (i = 0; i < count; i++, r++) {
		const struct vhsm_reference_segment *s;
		unsigned len = reference_relocation_len(r->kind);

		if (r->kind < VHSM_RELOCATION_64 ||
		    r->kind > VHSM_RELOCATION_32_NEG || r->at < last)
			return "is damaged: relocations out of order";
		s = segment_of(reference, r->at, len, &hint);
		if (!s || !s->bytes)
			return "is damaged: a relocation outside the segments";
		last = r->at + len;
	}
	return NULL;
}

static const char *variants_check(const struct vhsm_reference *reference,
				  const struct vhsm_site *site)
{
	const struct reference_header *h = reference->header;
	const struct vhsm_site_variant *v;
	uint32_t i;

	if (site->first_variant > h->variants.count ||
	    site->variant_count > h->variants.count - site->first_variant)
		return "is damaged: a patch site without its variants";
	v = reference->variant + site->first_variant;
	for (i = 0; i < site->variant_count; i++, v++) {
		if (v->len != site->len ||
		    v->bytes_at > h->variant_bytes.count ||
		    v->len > h->variant_bytes.count - v->bytes_at)
			return "is damaged: a variant without its bytes";
		if ((v->slide_at != VHSM_NO_SLIDE && v->slide_at + 4u > v->len) ||
		    (v->target_at != 0 && v->target_at + 4u > v->len))
			return "is damaged: a variant's operand outside it";
	}
	return NULL;
}

static const char *sites_check(const struct vhsm_reference *reference)
{
	const struct vhsm_site *site = reference->site;
	size_t i, hint = 0, count = reference->header->sites.count;
	const char *wrong = NULL;
	uint64_t last = 0;

	for (i = 0; i < count && !wrong; i++, site++) {
		const struct vhsm_reference_segment *s;

		if (site->va < last || site->len == 0)
			return "is damaged: patch sites out of order";
		if (site->kind == 0 || site->kind >= VHSM_SITE_KINDS)
			return "is damaged: a patch site of no kind";
		s = segment_of(reference, site->va, site->len, &hint);
		if (!s || !s->bytes)
			return "is damaged: a patch site outside the segments";
		last = site->va + site->len;
		wrong = variants_check(reference, site);
	}
	return wrong;
}

static const char *symbols_check(const struct vhsm_reference *reference)
{
	const struct reference_header *h = reference->header;
	const struct reference_symbol *s = reference->symbol;
	uint32_t last = 0;
	size_t i;

	if (h->strings.count == 0 ||
	    reference->string[h->strings.count - 1] != 0)
		return "is damaged: the names have no end";
	for (i = 0; i < h->symbols.count; i++, s++) {
		if (s->va < last || s->name >= h->strings.count)
			return "is damaged: symbols out of order";
		/* Only forwards, so a chain ends. */
		if (s->next != REFERENCE_NOTHING &&
		    (s->next <= i || s->next >= h->symbols.count))
			return "is damaged: a chain of symbols has no end";
		last = s->va;
	}
	if (h->hash.count == 0 || (h->hash.count & (h->hash.count - 1)))
		return "is damaged: the hash table's size";
	for (i = 0; i < h->hash.count; i++)
		if (reference->hash[i] != REFERENCE_NOTHING &&
		    reference->hash[i] >= h->symbols.count)
			return "is damaged: the hash table leads nowhere";
	return NULL;
}

static const char *layout_check(const struct vhsm_reference *reference)
{
	static const bool required[VHSM_LAYOUT_COUNT] = {
#define MEMBER(type, member) [VHSM_L_##type##__##member] = true,
#define NESTED(type, name, path)
#define OPTIONAL(type, member)
#define SIZE(type) [VHSM_L_##type##__SIZE] = true,
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
	};
	const struct vhsm_member *m = reference->layout;
	size_t i;

	if (reference->header->layout.count != VHSM_LAYOUT_COUNT)
		return "is damaged: the layout is not whole";
	for (i = 0; i < VHSM_LAYOUT_COUNT; i++, m++)
		if (m->offset == VHSM_NO_MEMBER ? required[i] :
		    m->offset > REFERENCE_MAX_LEN ||
		    m->size > REFERENCE_MAX_LEN)
			return "is damaged: a member outside any structure";
	return NULL;
}

const char *reference_check(const struct vhsm_reference *reference)
{
	const char *wrong = segments_check(reference);

	if (!wrong)
		wrong = relocations_check(reference);
	if (!wrong)
		wrong = sites_check(reference);
	if (!wrong)
		wrong = symbols_check(reference);
	if (!wrong)
		wrong = layout_check(reference);
	return wrong;
}
