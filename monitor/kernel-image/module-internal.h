/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-internal.h - what the builder of module references is made of; for
 * the module*.c files only.
 *
 * module.c        the files, their exports, the order of work
 * module-elf.c    one file
 * module-layout.c where its sections will be
 * module-kernel.c what the kernel exports
 * module-field.c  its relocations
 * module-site.c   where the kernel patches it
 * module-write.c  the file that comes out
 */
#ifndef VHSM_MODULE_INTERNAL_H
#define VHSM_MODULE_INTERNAL_H

#include "introspect/module-reference-file.h"
#include "kernel-image/module.h"

/* Records of one length, one behind the other. */
struct pool {
	uint8_t *bytes;
	size_t count;
	size_t room;
	size_t record_len;
};

struct file {
	char *path;
	char name[VHSM_MODULE_NAME_MAX];
	uint8_t sha256[32];
};

struct export {
	char *name;
	uint32_t module;		/* place in files */
	uint32_t at;			/* in its memory */
};

/* What the kernel exports. */
struct kernel_export {
	char name[128];
	uint64_t va;			/* link address */
};

struct vhsm_modules_builder {
	const struct vhsm_reference *reference;
	struct kernel_export *kernel;	/* by name */
	size_t kernel_exports;
	struct file *file;
	size_t files, file_room;
	struct export *export;		/* by name, while writing */
	size_t exports, export_room;
	struct pool record, field, site, variant, bytes;
	size_t unresolved;
};

/* A module being worked on. */
struct work {
	struct vhsm_modules_builder *b;
	struct module_elf elf;
	uint16_t number;
};

/* Appends; -ENOMEM, or -E2BIG where an index would no longer fit. */
int pool_add(struct pool *, const void *record, size_t count);

/*
 * What a relocation writes: 0 with *target, whose at is the relocation's
 * offset in its section; 1 for one that writes nothing; -EBADMSG for one that
 * is not known or refers to no symbol.
 */
int module_target(struct work *, const Elf64_Rela *,
		  struct vhsm_module_target *target);

/* Reads what the kernel exports (its tables __ksymtab and __ksymtab_gpl): 0 or
 * -ENOMEM.  A kernel without such tables exports nothing. */
int module_read_kernel(struct vhsm_modules_builder *);
/* 0 with the link address, or -ENOENT.  A name that is not exported, but is one
 * of the image's, is that. */
int module_find_kernel(const struct vhsm_modules_builder *, const char *name,
		       uint64_t *va);

/* Adds the fields of the text, and its sites: 0 or -errno. */
int module_add_fields(struct work *);
int module_add_sites(struct work *);

/* 0 or -errno with why. */
int module_write(struct vhsm_modules_builder *, const char *path,
		 struct vhsm_modules_counts *counts, char *why);

#endif /* VHSM_MODULE_INTERNAL_H */
