/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-views.h - where a kernel has its modules beside the list: see
 * module-hidden.c.
 */
#ifndef VHSM_MODULE_VIEWS_H
#define VHSM_MODULE_VIEWS_H

#include <stddef.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_VIEW_TREE		0x1u
#define VHSM_VIEW_KSET		0x2u
#define VHSM_VIEW_MEMORY	0x4u

struct vhsm_seen_module {
	uint64_t va;			/* of struct module */
	unsigned views;			/* VHSM_VIEW_* that have it */
};

struct vhsm_module_views {
	struct vhsm_seen_module *module;
	size_t count;
	size_t room;
};

/* 0 with *views, to be freed; -EFAULT, -ELOOP, -E2BIG, -ENOMEM with why. */
int vhsm_module_views_read(const struct vhsm_kernel *,
			   struct vhsm_module_views *views, char *why);
void vhsm_module_views_deinit(struct vhsm_module_views *);

#endif /* VHSM_MODULE_VIEWS_H */
