/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder-internal.h - what a builder is made of; for the files that implement
 * builder.h only.
 */
#ifndef VHSM_BUILDER_INTERNAL_H
#define VHSM_BUILDER_INTERNAL_H

#include "kernel-image/builder.h"

#define BUILDER_SEGMENTS_MAX	16u

struct builder_segment {
	uint64_t start, len;
	const uint8_t *bytes;		/* the image's; NULL: RO_AFTER_INIT */
	enum vhsm_segment_kind kind;
};

struct vhsm_builder {
	const struct vhsm_image *image;
	uint64_t image_start, image_end;
	struct builder_segment segment[BUILDER_SEGMENTS_MAX];
	size_t segment_count;
	struct vhsm_relocation *relocation;	/* in the segments */
	size_t relocation_count;
	struct vhsm_site *site;
	size_t site_count, site_room;
	struct vhsm_site_variant *variant;
	size_t variant_count, variant_room;
	uint8_t *variant_bytes;
	size_t variant_bytes_len, variant_bytes_room;
	struct vhsm_member layout[VHSM_LAYOUT_COUNT];
	struct vhsm_builder_counts counts;
};

/* The segment with bytes that has all of [va, va + len), or NULL. */
const struct builder_segment *builder_segment_of(const struct vhsm_builder *,
						 uint64_t va, uint64_t len);

/* Finds the segments and their relocations (builder-segments.c); 0 or -errno
 * with why. */
int builder_find_segments(struct vhsm_builder *, char *why);

#endif /* VHSM_BUILDER_INTERNAL_H */
