/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - a Linux kernel image in memory: unpacked, with its sections, its
 * symbols and its relocations.  What a reference is made from.
 *
 * The file is the administrator's, but may be damaged or not what he thinks it
 * is: every offset in it is checked, what it unpacks to is bounded, and every
 * error says what is wrong.
 *
 * Pointers that come from an image are good until it is freed.  Addresses are
 * link addresses.
 */
#ifndef VHSM_IMAGE_H
#define VHSM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"

#define VHSM_IMAGE_WHY_LEN	200u
#define VHSM_IMAGE_MAX_LEN	(512u << 20)	/* bytes, unpacked */

struct vhsm_image;

/* A vmlinuz (bzImage: Documentation/arch/x86/boot.rst) or a vmlinux with its
 * relocations behind it.  NULL with why (VHSM_IMAGE_WHY_LEN). */
struct vhsm_image *vhsm_image_open(const char *path, char *why);
void vhsm_image_free(struct vhsm_image **);

/* SHA-256 of the file as it stands on disk. */
const uint8_t *vhsm_image_sha256(const struct vhsm_image *);
/* "6.1.0-44-amd64", from its linux_banner. */
const char *vhsm_image_release(const struct vhsm_image *);

/* --- sections --- */

/* A section that has an address when the kernel runs (SHF_ALLOC). */
struct vhsm_image_section {
	const char *name;
	uint64_t va;
	uint64_t len;			/* bytes */
	const uint8_t *bytes;		/* NULL: filled with zeros (NOBITS) */
	bool exec;
	bool write;
};

/* All of them in the file's order; *count of them. */
const struct vhsm_image_section *
vhsm_image_sections(const struct vhsm_image *, size_t *count);
/* By name, or NULL. */
const struct vhsm_image_section *vhsm_image_section(const struct vhsm_image *,
						    const char *name);
/* The len bytes at va, which must lie in one section that has bytes, or NULL.
 * Not relocated: this is what stands in the file. */
const uint8_t *vhsm_image_at(const struct vhsm_image *, uint64_t va,
			     uint64_t len);

/* --- symbols: kallsyms, or the ELF's own --- */

struct vhsm_image_symbol {
	const char *name;
	uint64_t va;
	char type;			/* as nm(1) says; upper case: global */
};

/* Ascending by va; *count of them. */
const struct vhsm_image_symbol *
vhsm_image_symbols(const struct vhsm_image *, size_t *count);
/* Link address of the first symbol of that name: 0 or -ENOENT. */
int vhsm_image_symbol(const struct vhsm_image *, const char *name,
		      uint64_t *va);

/* --- relocations: all of the image's, ascending by at --- */

const struct vhsm_relocation *
vhsm_image_relocations(const struct vhsm_image *, size_t *count);
/* The kind of the relocation at exactly this address; 0: none. */
enum vhsm_relocation_kind
vhsm_image_relocation_at(const struct vhsm_image *, uint64_t va);

#endif /* VHSM_IMAGE_H */
