/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder.h - makes a reference (introspect/reference.h) from an image.
 *
 *   vhsm_builder_new       segments, relocations, symbols, layout
 *   vhsm_builder_add_site  by whoever knows the patch sites (site-*.c)
 *   vhsm_builder_write     sorts, checks, writes the file
 *
 * vhsm_reference_make does all of it.
 */
#ifndef VHSM_BUILDER_H
#define VHSM_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"
#include "introspect/site.h"
#include "kernel-image/image.h"

#define VHSM_BUILDER_WHY_LEN 256u

struct vhsm_builder;

struct vhsm_builder_counts {
	size_t segments;
	size_t text_len, rodata_len, ro_after_init_len;	/* bytes */
	size_t relocations;
	size_t symbols;
	size_t sites, variants;
	size_t file_len;		/* bytes; after vhsm_builder_write */
};

/* Borrows the image.  NULL with why (VHSM_BUILDER_WHY_LEN). */
struct vhsm_builder *vhsm_builder_new(const struct vhsm_image *, char *why);
void vhsm_builder_free(struct vhsm_builder **);

/* A value that a site may have beside the image's own; site's len bytes. */
struct vhsm_builder_variant {
	const uint8_t *bytes;		/* copied */
	uint8_t slide_at;		/* of a 32-bit operand to add the slide
					 * to; VHSM_NO_SLIDE: none */
	uint8_t target_at;		/* of a 32-bit operand that only the
					 * running kernel knows; 0: none */
};

/*
 * Adds a site; of *site are used va, len, kind, flags and key.  Sites may come
 * in any order; variants like the image's own bytes, or like each other, are
 * left out.  0; -EINVAL when it is not inside a segment, or a variant makes no
 * sense; -E2BIG; -ENOMEM.
 */
int vhsm_builder_add_site(struct vhsm_builder *, const struct vhsm_site *site,
			  const struct vhsm_builder_variant *, size_t count);

/* Adds every place where the kernel patches itself, as the image's tables say
 * (site-*.c): 0 or -errno with why. */
int vhsm_builder_add_sites(struct vhsm_builder *, const struct vhsm_image *,
			   char *why);

/* Replaces path whole, mode 0644.  0; -EEXIST when two sites overlap; another
 * -errno; with why. */
int vhsm_builder_write(struct vhsm_builder *, const char *path, char *why);

void vhsm_builder_counts(const struct vhsm_builder *,
			 struct vhsm_builder_counts *);

/* The whole way from the kernel's file to the reference's: 0 or -errno with
 * why.  counts may be NULL. */
int vhsm_reference_make(const char *kernel, const char *path,
			struct vhsm_builder_counts *, char *why);

#endif /* VHSM_BUILDER_H */
