/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-reference.h - what the approved modules' files say of the text they
 * have when they are loaded: made in dom0 (kernel-image/module.h), mapped
 * read-only where it is used.  Nothing in it was ever the guest's.
 *
 * A module's text is its bytes, in which the kernel fills fields (relocations)
 * and patches sites.  A field's value depends on where the kernel and the
 * modules it refers to are; so fields keep a target, and the value is worked
 * out for the guest.  Offsets are from the module's beginning in memory, where
 * its text lies.
 *
 * The file is checked whole when it is opened.  libc only.
 */
#ifndef VHSM_MODULE_REFERENCE_H
#define VHSM_MODULE_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_MODULES_WHY_LEN	200u
#define VHSM_MODULE_NAME_MAX	64u	/* bytes, with the NUL */

struct vhsm_modules;

/* How a field is written. */
enum vhsm_field_kind {
	VHSM_FIELD_ANY = 1,		/* 8 bytes that may be anything: an
					 * address of memory freed after init, or
					 * a per-CPU offset */
	VHSM_FIELD_ANY32 = 2,		/* 4 bytes of that kind */
	VHSM_FIELD_ABS64 = 3,
	VHSM_FIELD_ABS32 = 4,		/* sign- or zero-extended by its user */
	VHSM_FIELD_PC32 = 5,		/* target less the field's address */
	VHSM_FIELD_PC64 = 6,
	VHSM_FIELD_KINDS
};

/* Bytes that a field of the kind has. */
static inline unsigned vhsm_field_len(unsigned kind)
{
	return kind == VHSM_FIELD_ANY || kind == VHSM_FIELD_ABS64 ||
		kind == VHSM_FIELD_PC64 ? 8 : 4;
}

/* What a target is counted from. */
#define VHSM_FROM_ZERO		0xffffu	/* it is a value */
#define VHSM_FROM_KERNEL	0xfffeu	/* it is a link address of the image */
					/* else: the module of that number */

struct vhsm_module_target {
	uint64_t value;			/* with the addend; wraps */
	uint16_t from;
	uint8_t kind;			/* enum vhsm_field_kind */
	uint8_t reserved;
	uint32_t at;			/* offset: in the text, or in a
					 * variant's bytes */
};

/*
 * Another legal value of a site.  What is left of the site behind its bytes is
 * filled with no-operations.
 */
struct vhsm_module_variant {
	uint32_t bytes_at;		/* in the file's pool */
	uint8_t len;
	uint8_t has_target;		/* target is to be filled in */
	uint16_t reserved;
	struct vhsm_module_target target;
};

/* A place the kernel patches; kind as in site.h.  They may overlap. */
struct vhsm_module_site {
	uint32_t at;
	uint8_t len;			/* bytes, not 0 */
	uint8_t kind;			/* enum vhsm_site_kind */
	uint16_t variant_count;
	uint32_t first_variant;
};

struct vhsm_module_text {
	const char *name;		/* as the kernel spells it: with '_' */
	const uint8_t *bytes;
	uint32_t len;			/* bytes; the rest of its last page is
					 * zeros */
	uint32_t size;			/* of all of the module, with data */
	const struct vhsm_module_target *field;	/* ascending by at */
	size_t field_count;
	const struct vhsm_module_site *site;	/* ascending by at */
	size_t site_count;
	const uint8_t *sha256;		/* of the file, as it stands on disk */
};

/* Maps the file; NULL with why (VHSM_MODULES_WHY_LEN). */
struct vhsm_modules *vhsm_modules_open(const char *path, char *why);
void vhsm_modules_close(struct vhsm_modules **);

size_t vhsm_modules_count(const struct vhsm_modules *);
/* Module i: 0 with *text, the reference's; -ENOENT past the end. */
int vhsm_modules_text(const struct vhsm_modules *, size_t i,
		      struct vhsm_module_text *text);
/* By name: its number, or -ENOENT. */
int vhsm_modules_find(const struct vhsm_modules *, const char *name);
/* Variant i of a site, and its bytes. */
const struct vhsm_module_variant *
vhsm_modules_variant(const struct vhsm_modules *,
		     const struct vhsm_module_site *, unsigned i,
		     const uint8_t **bytes);
/* Of the kernel they are for. */
const char *vhsm_modules_release(const struct vhsm_modules *);

#endif /* VHSM_MODULE_REFERENCE_H */
