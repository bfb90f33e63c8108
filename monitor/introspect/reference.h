/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h - what one approved kernel image says of itself, in the form the
 * monitor uses: made in dom0 from the image (kernel-image/), mapped read-only
 * where it is used.  Nothing in it was ever the guest's.
 *
 *   segments     the bytes of text and read-only data, at link addresses
 *   relocations  what to add a KASLR slide to, in these bytes
 *   sites        where the kernel patches itself, and every legal value
 *   symbols      kallsyms of the image
 *   layout       offsets of structures' members (layout.def), from BTF
 *
 * Addresses are link addresses throughout; what is at link address A is at
 * A + slide in the guest.
 *
 * The file is checked whole when it is opened (magic, version, every offset and
 * count against the size), so that a damaged one is an error then and not
 * later.
 */
#ifndef VHSM_REFERENCE_H
#define VHSM_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_REFERENCE_WHY_LEN	200u
#define VHSM_NO_MEMBER		UINT32_MAX

struct vhsm_reference;

/* Maps the file, or the disk that it is; NULL with why (VHSM_REFERENCE_WHY_LEN). */
struct vhsm_reference *vhsm_reference_open(const char *path, char *why);
void vhsm_reference_close(struct vhsm_reference **);

/* Of the image the toolstack boots, as it stands on disk. */
const uint8_t *vhsm_reference_image_sha256(const struct vhsm_reference *);
/* "6.1.0-44-amd64" and so on, NUL terminated. */
const char *vhsm_reference_release(const struct vhsm_reference *);

/* --- segments --- */

enum vhsm_segment_kind {
	VHSM_SEGMENT_TEXT = 1,		/* executable */
	VHSM_SEGMENT_RODATA = 2,	/* read-only after boot, same as in the
					 * image but for relocations and sites */
	VHSM_SEGMENT_RO_AFTER_INIT = 3,	/* filled at boot, then read-only: the
					 * image's bytes say nothing */
	VHSM_SEGMENT_INIT = 4,		/* what boot fills gates from (the
					 * tables of idt.c), gone since; to
					 * derive from, not to compare */
};

struct vhsm_reference_segment {
	uint64_t start;			/* link address */
	uint64_t len;			/* bytes; the first and last page may
					 * be shared with the neighbours */
	const uint8_t *bytes;
	enum vhsm_segment_kind kind;
};

/* Segments in ascending order; *count of them. */
const struct vhsm_reference_segment *
vhsm_reference_segments(const struct vhsm_reference *, size_t *count);

/* --- relocations --- */

enum vhsm_relocation_kind {
	VHSM_RELOCATION_64 = 1,		/* *(u64 *)at += slide */
	VHSM_RELOCATION_32 = 2,		/* *(u32 *)at += slide */
	VHSM_RELOCATION_32_NEG = 3,	/* *(u32 *)at -= slide */
};

struct vhsm_relocation {
	uint64_t at;
	uint32_t kind;
	uint32_t reserved;
};

/* All in the segments, ascending by at. */
const struct vhsm_relocation *
vhsm_reference_relocations(const struct vhsm_reference *, size_t *count);

/* Copies len expected bytes at link address va, relocated by slide; 0, or
 * -EFAULT outside the segments.  A relocation cut by the range is applied to
 * the part that is inside. */
int vhsm_reference_expected(const struct vhsm_reference *, uint64_t va,
			    uint64_t slide, uint8_t *bytes, size_t len);

/* --- symbols --- */

/* Link address of a symbol (the first of that name): 0 or -ENOENT. */
int vhsm_reference_symbol(const struct vhsm_reference *, const char *name,
			  uint64_t *va);
/*
 * The name of the last symbol at or before va, with va's distance from it, or
 * NULL; the reference's.  "function" symbols only if text is asked for.
 */
const char *vhsm_reference_symbol_at(const struct vhsm_reference *,
				     uint64_t va, uint64_t *distance);
/* Whether a function's first byte is at va. */
bool vhsm_reference_is_function(const struct vhsm_reference *, uint64_t va);

/* --- layout --- */

enum vhsm_layout {
#define MEMBER(type, member) VHSM_L_##type##__##member,
#define NESTED(type, name, path) VHSM_L_##type##__##name,
#define OPTIONAL(type, member) VHSM_L_##type##__##member,
#define SIZE(type) VHSM_L_##type##__SIZE,
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
	VHSM_LAYOUT_COUNT
};

struct vhsm_member {
	uint32_t offset;		/* bytes; VHSM_NO_MEMBER: there is none */
	uint32_t size;			/* bytes, of the member or the type */
};

/* The reference's value; MEMBER and SIZE always are there, or the reference
 * could not have been made. */
struct vhsm_member vhsm_reference_layout(const struct vhsm_reference *,
					 enum vhsm_layout);

#endif /* VHSM_REFERENCE_H */
