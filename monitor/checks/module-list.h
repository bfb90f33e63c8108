/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-list.h - the modules that a guest's kernel says it has (its list
 * "modules"), copied once.  What it says is the guest's word; who uses it says
 * why it may be believed.
 */
#ifndef VHSM_MODULE_LIST_H
#define VHSM_MODULE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_MODULES_MAX	4096u
#define VHSM_MODULE_NAME_LEN	64u	/* with its NUL; the kernel's is 56 */

/* enum module_state */
#define VHSM_MODULE_LIVE	0u
#define VHSM_MODULE_COMING	1u
#define VHSM_MODULE_GOING	2u
#define VHSM_MODULE_UNFORMED	3u

struct vhsm_module {
	uint64_t va;			/* of struct module */
	char name[VHSM_MODULE_NAME_LEN];	/* printable ASCII */
	uint32_t state;
	uint64_t base;			/* of what stays after init */
	uint32_t size;			/* bytes: text first, page aligned */
	uint32_t text_size;
	uint64_t init_base;		/* of what is freed after init */
	uint32_t init_text_size;
};

struct vhsm_module_list {
	struct vhsm_module *module;	/* in the list's order */
	size_t count;
};

/* Copies the structure at va: 0, or -EFAULT. */
int vhsm_module_read(const struct vhsm_kernel *, uint64_t va,
		     struct vhsm_module *);

/* 0 with *list, to be freed; errors as vhsm_kernel_walk_list, -ENOENT when the
 * image has no such list, -ENOMEM; with why. */
int vhsm_module_list_read(const struct vhsm_kernel *,
			  struct vhsm_module_list *list, char *why);
void vhsm_module_list_deinit(struct vhsm_module_list *);

/* The module with its structure at va, or whose text (core or init) va is in;
 * NULL: none. */
const struct vhsm_module *
vhsm_module_list_find(const struct vhsm_module_list *, uint64_t va);
const struct vhsm_module *
vhsm_module_list_owner(const struct vhsm_module_list *, uint64_t va);

/* Whose an address is, for a person: "name+0x12" of the image, "module evil+0x12"
 * of what the list says, or "" outside both. */
void vhsm_module_describe(const struct vhsm_kernel *, uint64_t va, char *text,
			  size_t size);

#endif /* VHSM_MODULE_LIST_H */
