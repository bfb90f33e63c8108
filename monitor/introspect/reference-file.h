/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference-file.h - the file that a reference is, and the reference in
 * memory; for the files that write and implement reference.h and site.h only.
 *
 * One header, then tables of fixed-size records at offsets that are multiples
 * of 8, in the machine's byte order (x86-64 only).  A string is the offset of
 * its first byte in the table of strings, which ends with a NUL.  Zeros fill
 * the last page: a monitor domain has the file as a disk, which is as long in
 * whole sectors.
 */
#ifndef VHSM_REFERENCE_FILE_H
#define VHSM_REFERENCE_FILE_H

#include "introspect/reference.h"
#include "introspect/site.h"

#define REFERENCE_MAGIC		"VHSMREF"	/* with its NUL, 8 bytes */
#define REFERENCE_VERSION	1u
#define REFERENCE_MAX_LEN	(64u << 20)	/* bytes */
#define REFERENCE_ALIGN		4096u		/* of its length */
#define REFERENCE_RELEASE_LEN	64u		/* bytes, with the NUL */
#define REFERENCE_NOTHING	UINT32_MAX	/* no bytes; end of a chain */

struct reference_table {
	uint64_t at;			/* offset in the file */
	uint64_t count;			/* records */
};

struct reference_header {
	char magic[8];
	uint32_t version;
	uint32_t header_len;		/* bytes, of this structure */
	uint64_t file_len;		/* bytes */
	uint64_t layout_id;		/* of the layout.def it was made with */
	uint64_t image_start, image_end; /* link addresses, end not included */
	uint8_t image_sha256[32];
	char release[REFERENCE_RELEASE_LEN];
	struct reference_table segments;	/* reference_segment */
	struct reference_table bytes;		/* of the segments */
	struct reference_table relocations;	/* vhsm_relocation */
	struct reference_table sites;		/* vhsm_site */
	struct reference_table variants;	/* vhsm_site_variant */
	struct reference_table variant_bytes;
	struct reference_table symbols;		/* reference_symbol */
	struct reference_table hash;		/* uint32_t: first symbol of a
						 * bucket; a power of two */
	struct reference_table strings;
	struct reference_table layout;		/* vhsm_member */
};

struct reference_segment {
	uint64_t start, len;
	uint32_t bytes_at;		/* in bytes, or REFERENCE_NOTHING */
	uint32_t kind;			/* enum vhsm_segment_kind */
};

/*
 * Ascending by va, which is the low half of a link address: the upper half is
 * its sign.  (Per-CPU symbols are small numbers.)
 */
struct reference_symbol {
	uint32_t va;
	uint32_t name : 31;		/* string */
	uint32_t function : 1;
	uint32_t next;			/* later symbol in the bucket */
};

struct vhsm_reference {
	const struct reference_header *header;	/* of the mapped file */
	struct vhsm_reference_segment *segment;
	const uint8_t *bytes;
	const struct vhsm_relocation *relocation;
	const struct vhsm_site *site;
	const struct vhsm_site_variant *variant;
	const uint8_t *variant_bytes;
	const struct reference_symbol *symbol;
	const uint32_t *hash;
	const char *string;
	const struct vhsm_member *layout;
};

static inline uint64_t reference_symbol_va(const struct reference_symbol *s)
{
	return (uint64_t)(int64_t)(int32_t)s->va;
}

/* Bytes that a relocation changes. */
static inline unsigned reference_relocation_len(uint32_t kind)
{
	return kind == VHSM_RELOCATION_64 ? 8 : 4;
}

/* FNV-1a: the bucket of a name, before it is cut to the table's size. */
static inline uint32_t reference_name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

/* Names the layout.def that was compiled in. */
uint64_t reference_layout_id(void);

/* Whether the tables, which lie within the file, agree with each other: NULL,
 * or what is wrong (reference-check.c). */
const char *reference_check(const struct vhsm_reference *);

#endif /* VHSM_REFERENCE_FILE_H */
