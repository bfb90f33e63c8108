/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-kernel.c - what a module's undefined names mean: the kernel's exports.
 *
 * Its symbols alone do not say, for a static function may have an exported
 * one's name (kern_path has two).  The table that the loader itself uses is in
 * read-only data (include/linux/export.h: struct kernel_symbol, whose members
 * are distances from themselves).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/module-internal.h"

#define EXPORTS_MAX 262144u

struct entry_shape {
	uint32_t value, name, len;
};

static int distance_at(const struct vhsm_reference *r, uint64_t va,
		       uint64_t *target)
{
	int32_t distance;

	if (vhsm_reference_expected(r, va, 0, (uint8_t *)&distance,
				    sizeof(distance)))
		return -EFAULT;
	*target = va + (uint64_t)(int64_t)distance;
	return 0;
}

/* A string of the image: 0, or -EFAULT for one that has no end in size. */
static int read_name(const struct vhsm_reference *r, uint64_t va, char *name,
		     size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (vhsm_reference_expected(r, va + i, 0, (uint8_t *)&name[i],
					    1))
			return -EFAULT;
		if (!name[i])
			return 0;
	}
	return -EFAULT;
}

static int read_table(struct vhsm_modules_builder *b,
		      const struct entry_shape *shape, const char *from,
		      const char *to)
{
	const struct vhsm_reference *r = b->reference;
	uint64_t at, end, name;
	void *more;

	if (vhsm_reference_symbol(r, from, &at) ||
	    vhsm_reference_symbol(r, to, &end) || end <= at ||
	    (end - at) / shape->len > EXPORTS_MAX)
		return 0;
	more = reallocarray(b->kernel, b->kernel_exports +
			    (end - at) / shape->len, sizeof(*b->kernel));
	if (!more)
		return -ENOMEM;
	b->kernel = more;
	for (; at + shape->len <= end; at += shape->len) {
		struct kernel_export *e = &b->kernel[b->kernel_exports];

		if (distance_at(r, at + shape->value, &e->va) == 0 &&
		    distance_at(r, at + shape->name, &name) == 0 &&
		    read_name(r, name, e->name, sizeof(e->name)) == 0)
			b->kernel_exports++;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kernel_export *)a)->name,
		      ((const struct kernel_export *)b)->name);
}

int module_read_kernel(struct vhsm_modules_builder *b)
{
	const struct vhsm_reference *r = b->reference;
	struct vhsm_member value = vhsm_reference_layout(r,
				VHSM_L_kernel_symbol__value_offset);
	struct vhsm_member name = vhsm_reference_layout(r,
				VHSM_L_kernel_symbol__name_offset);
	struct vhsm_member space = vhsm_reference_layout(r,
				VHSM_L_kernel_symbol__namespace_offset);
	struct entry_shape shape = { value.offset, name.offset,
				     space.offset + space.size };
	int rc;

	b->kernel_exports = 0;
	if (value.offset == VHSM_NO_MEMBER || name.offset == VHSM_NO_MEMBER ||
	    space.offset == VHSM_NO_MEMBER)
		return 0;
	rc = read_table(b, &shape, "__start___ksymtab", "__stop___ksymtab");
	if (rc == 0)
		rc = read_table(b, &shape, "__start___ksymtab_gpl",
				"__stop___ksymtab_gpl");
	if (rc == 0 && b->kernel_exports)
		qsort(b->kernel, b->kernel_exports, sizeof(*b->kernel),
		      by_name);
	return rc;
}

int module_find_kernel(const struct vhsm_modules_builder *b, const char *name,
		       uint64_t *va)
{
	size_t low = 0, high = b->kernel_exports;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, b->kernel[middle].name);

		if (order == 0) {
			*va = b->kernel[middle].va;
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return vhsm_reference_symbol(b->reference, name, va);
}
