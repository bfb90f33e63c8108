/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.h - makes module references (introspect/module-reference.h) from the
 * modules' files: *.ko, plain or packed by xz, gzip or zstd.
 *
 *   vhsm_modules_builder_new    for a kernel, by its reference
 *   vhsm_modules_builder_add    a file, or all below a folder
 *   vhsm_modules_builder_write  resolves what they refer to, writes the file
 */
#ifndef VHSM_MODULE_H
#define VHSM_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"
#include "kernel-image/module-elf.h"

struct vhsm_modules_builder;

struct vhsm_modules_counts {
	size_t modules;
	size_t text_len;		/* bytes */
	size_t fields, sites, variants;
	size_t unresolved;		/* references to what neither the kernel
					 * nor a module here has; not compared */
	size_t file_len;		/* bytes */
};

/* Borrows the reference.  NULL without memory. */
struct vhsm_modules_builder *
vhsm_modules_builder_new(const struct vhsm_reference *);
void vhsm_modules_builder_free(struct vhsm_modules_builder **);

/*
 * 0; -EEXIST for a second, different module of a name; -EINVAL for one of
 * another kernel; -EBADMSG or -ENOEXEC for a damaged one; another -errno; with
 * why (VHSM_MODULE_WHY_LEN) naming the file.
 */
int vhsm_modules_builder_add(struct vhsm_modules_builder *, const char *path,
			     char *why);

/* Module i, in the order of names once written: its name and its file's
 * SHA-256; NULL past the end. */
const char *vhsm_modules_builder_module(const struct vhsm_modules_builder *,
					size_t i, const uint8_t **sha256);

/* Replaces path whole, mode 0644.  0 or -errno with why.  counts may be
 * NULL. */
int vhsm_modules_builder_write(struct vhsm_modules_builder *, const char *path,
			       struct vhsm_modules_counts *counts, char *why);

#endif /* VHSM_MODULE_H */
