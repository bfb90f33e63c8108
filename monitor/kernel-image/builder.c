/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder.c - gathers what a reference is made of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/builder-internal.h"
#include "kernel-image/layout.h"

#define SITES_MAX		(1u << 20)
#define VARIANTS_MAX		(4u << 20)
#define VARIANT_BYTES_MAX	(16u << 20)

struct vhsm_builder *vhsm_builder_new(const struct vhsm_image *image,
				      char *why)
{
	struct vhsm_builder *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		snprintf(why, VHSM_BUILDER_WHY_LEN, "no memory");
		return NULL;
	}
	b->image = image;
	r = builder_find_segments(b, why);
	if (!r)
		r = layout_read(image, b->layout, why);
	if (r)
		vhsm_builder_free(&b);
	return b;
}

void vhsm_builder_free(struct vhsm_builder **where)
{
	struct vhsm_builder *b = *where;

	if (!b)
		return;
	free(b->relocation);
	free(b->site);
	free(b->variant);
	free(b->variant_bytes);
	free(b);
	*where = NULL;
}

/* Makes room for more records behind count. */
static int make_room(void **array, size_t *room, size_t count, size_t more,
		     size_t record_len, size_t max)
{
	size_t want = *room ? *room : 1024;
	void *moved;

	if (more > max || count > max - more)
		return -E2BIG;
	while (want < count + more)
		want *= 2;
	if (want == *room)
		return 0;
	moved = realloc(*array, want * record_len);
	if (!moved)
		return -ENOMEM;
	*array = moved;
	*room = want;
	return 0;
}

/* Whether a variant is the image's own bytes, or one that is there. */
static bool is_known(const struct vhsm_builder *b, const struct vhsm_site *site,
		     const uint8_t *own, const struct vhsm_builder_variant *new)
{
	size_t i;

	if (new->slide_at == VHSM_NO_SLIDE && new->target_at == 0 &&
	    !memcmp(own, new->bytes, site->len))
		return true;
	for (i = site->first_variant; i < b->variant_count; i++) {
		const struct vhsm_site_variant *v = &b->variant[i];

		if (v->slide_at == new->slide_at &&
		    v->target_at == new->target_at &&
		    !memcmp(b->variant_bytes + v->bytes_at, new->bytes,
			    site->len))
			return true;
	}
	return false;
}

static void add_variant(struct vhsm_builder *b, uint32_t len,
			const struct vhsm_builder_variant *new)
{
	b->variant[b->variant_count++] = (struct vhsm_site_variant){
		.bytes_at = (uint32_t)b->variant_bytes_len,
		.len = (uint8_t)len,
		.slide_at = new->slide_at,
		.target_at = new->target_at,
	};
	memcpy(b->variant_bytes + b->variant_bytes_len, new->bytes, len);
	b->variant_bytes_len += len;
}

static bool site_check(const struct vhsm_site *site,
		       const struct vhsm_builder_variant *variant,
		       size_t count)
{
	size_t i;

	if (site->len == 0 || site->kind == 0 ||
	    site->kind >= VHSM_SITE_KINDS || count > UINT16_MAX ||
	    (count && site->len > UINT8_MAX))
		return false;
	for (i = 0; i < count; i++)
		if ((variant[i].slide_at != VHSM_NO_SLIDE &&
		     variant[i].slide_at + 4u > site->len) ||
		    (variant[i].target_at != 0 &&
		     variant[i].target_at + 4u > site->len))
			return false;
	return true;
}

int vhsm_builder_add_site(struct vhsm_builder *b, const struct vhsm_site *site,
			  const struct vhsm_builder_variant *variant,
			  size_t count)
{
	const struct builder_segment *segment;
	struct vhsm_site *new;
	size_t i;
	int r;

	segment = builder_segment_of(b, site->va, site->len);
	if (!segment || !site_check(site, variant, count))
		return -EINVAL;
	r = make_room((void **)&b->site, &b->site_room, b->site_count, 1,
		      sizeof(*b->site), SITES_MAX);
	if (!r)
		r = make_room((void **)&b->variant, &b->variant_room,
			      b->variant_count, count, sizeof(*b->variant),
			      VARIANTS_MAX);
	if (!r)
		r = make_room((void **)&b->variant_bytes,
			      &b->variant_bytes_room, b->variant_bytes_len,
			      count * site->len, 1, VARIANT_BYTES_MAX);
	if (r)
		return r;
	new = &b->site[b->site_count++];
	*new = (struct vhsm_site){
		.va = site->va, .len = site->len, .kind = site->kind,
		.flags = site->flags, .key = site->key,
		.first_variant = (uint32_t)b->variant_count,
	};
	for (i = 0; i < count; i++)
		if (!is_known(b, new, segment->bytes +
			      (site->va - segment->start), &variant[i]))
			add_variant(b, site->len, &variant[i]);
	new->variant_count = (uint16_t)(b->variant_count - new->first_variant);
	return 0;
}

void vhsm_builder_counts(const struct vhsm_builder *b,
			 struct vhsm_builder_counts *counts)
{
	size_t i, symbols;

	*counts = b->counts;
	counts->text_len = counts->rodata_len = counts->ro_after_init_len = 0;
	for (i = 0; i < b->segment_count; i++) {
		const struct builder_segment *s = &b->segment[i];

		if (s->kind == VHSM_SEGMENT_TEXT)
			counts->text_len += s->len;
		else if (s->kind == VHSM_SEGMENT_RODATA)
			counts->rodata_len += s->len;
		else
			counts->ro_after_init_len += s->len;
	}
	vhsm_image_symbols(b->image, &symbols);
	counts->segments = b->segment_count;
	counts->relocations = b->relocation_count;
	counts->symbols = symbols;
	counts->sites = b->site_count;
	counts->variants = b->variant_count;
}
