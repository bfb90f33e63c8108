/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-internal.h - what an image is made of; for the files that make one
 * only.
 */
#ifndef VHSM_IMAGE_INTERNAL_H
#define VHSM_IMAGE_INTERNAL_H

#include "kernel-image/image.h"

#define IMAGE_RELEASE_LEN 64u

/* A piece of the file that is loaded to memory (PT_LOAD). */
struct image_load {
	uint64_t va;
	uint64_t at;			/* offset in bytes */
	uint64_t len;			/* bytes in the file */
};

struct vhsm_image {
	uint8_t sha256[32];
	char release[IMAGE_RELEASE_LEN];
	uint8_t *bytes;			/* unpacked */
	size_t len;
	size_t elf_len;			/* what follows are relocations */
	struct vhsm_image_section *section;
	size_t section_count;
	struct image_load *load;
	size_t load_count;
	struct vhsm_image_symbol *symbol;
	size_t symbol_count;
	char *names;			/* of the symbols */
	uint32_t *symbol_hash;		/* open addressing: number + 1; 0: free */
	size_t symbol_hash_len;		/* a power of two */
	struct vhsm_relocation *relocation;
	size_t relocation_count;
};

/* Writes why and returns error. */
int image_fail(char *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Replaces the file's bytes (malloc'ed) by the ELF file in them, which has its
 * relocations behind it.  0 or -errno with why (unpack.c).
 */
int image_unpack(uint8_t **bytes, size_t *len, char *why);

/* Unpacks a stream of xz, gzip or zstd; *out (malloc'ed) is the caller's even
 * when it fails.  0 or -errno with why (unpack.c). */
int image_decompress(const uint8_t *payload, size_t payload_len, uint8_t **out,
		     size_t *out_len, char *why);

/* Finds sections and loads; 0 or -errno with why (elf.c). */
int image_read_elf(struct vhsm_image *, char *why);

/* 0 or -errno with why (relocations.c). */
int image_read_relocations(struct vhsm_image *, char *why);

/* Fills symbol and names; 0, -ENOENT when there are no such tables, or another
 * -errno with why (kallsyms.c, symtab.c). */
int image_read_kallsyms(struct vhsm_image *, char *why);
int image_read_symtab(struct vhsm_image *, char *why);

/* The loaded bytes at va and behind: how many there are, up to the end of its
 * PT_LOAD; 0: none.  Unlike sections, these have the gaps between them. */
uint64_t image_loaded(const struct vhsm_image *, uint64_t va,
		      const uint8_t **bytes);

#endif /* VHSM_IMAGE_INTERNAL_H */
