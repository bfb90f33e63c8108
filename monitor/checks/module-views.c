/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/module-views.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/kernel-map.h"
#include "checks/module-list.h"

#define PAGE		((uint64_t)VHSM_GUEST_PAGE_SIZE)
#define KOBJECTS_MAX	65536u		/* built-in modules have one, too */
#define ALIGNMENT	64u		/* of struct module: a cache line */
#define DATA_MAX	(16u << 20)	/* bytes searched behind one text */
#define SEARCH_MAX	(64u << 20)	/* in all */
#define CANDIDATES_MAX	65536u		/* pointers looked at more closely */

struct views {
	struct vhsm_module_views *out;
	const struct vhsm_kernel *kernel;
	unsigned searched;		/* bytes */
	unsigned candidates;
};

static uint32_t offset_of(const struct vhsm_kernel *k, enum vhsm_layout member)
{
	return vhsm_reference_layout(k->reference, member).offset;
}

static int add(struct vhsm_module_views *v, uint64_t va, unsigned view)
{
	for (size_t i = 0; i < v->count; i++) {
		if (v->module[i].va == va) {
			v->module[i].views |= view;
			return 0;
		}
	}
	if (v->count == VHSM_MODULES_MAX)
		return -E2BIG;
	if (v->count == v->room) {
		size_t room = v->room ? v->room * 2 : 64;
		void *more = reallocarray(v->module, room, sizeof(*v->module));

		if (!more)
			return -ENOMEM;
		v->module = more;
		v->room = room;
	}
	v->module[v->count++] = (struct vhsm_seen_module){ va, view };
	return 0;
}

static int visit_tree(uint64_t va, void *arg)
{
	struct views *v = arg;
	uint64_t module;

	if (vhsm_kernel_read_member(v->kernel, va, VHSM_L_mod_tree_node__mod,
				    &module))
		return -EFAULT;
	return add(v->out, module, VHSM_VIEW_TREE);
}

/* A latched tree is two, of which writers change one while readers use the
 * other: the nodes' first half is in the first. */
static int read_tree(struct views *v)
{
	const struct vhsm_kernel *k = v->kernel;
	uint64_t root;

	if (vhsm_kernel_symbol(k, "mod_tree", &root))
		return 0;		/* looked up through the list */
	return vhsm_kernel_walk_rbtree(k,
		root + offset_of(k, VHSM_L_mod_tree_root__tree),
		offset_of(k, VHSM_L_mod_tree_node__node) +
		offset_of(k, VHSM_L_latch_tree_node__node),
		2 * VHSM_MODULES_MAX, visit_tree, v);
}

static int visit_kobject(uint64_t va, void *arg)
{
	struct views *v = arg;
	const struct vhsm_kernel *k = v->kernel;
	uint64_t module;

	if (vhsm_kernel_read_member(k, va - offset_of(k,
						VHSM_L_module_kobject__kobj),
				    VHSM_L_module_kobject__mod, &module))
		return -EFAULT;
	/* Built into the kernel. */
	return module ? add(v->out, module, VHSM_VIEW_KSET) : 0;
}

static int read_kset(struct views *v)
{
	const struct vhsm_kernel *k = v->kernel;
	uint64_t kset;

	if (vhsm_kernel_symbol(k, "module_kset", &kset))
		return 0;
	if (vhsm_kernel_read_u64(k, kset, &kset))
		return -EFAULT;
	if (!kset)
		return 0;		/* too early in the boot */
	return vhsm_kernel_walk_list(k, kset + offset_of(k, VHSM_L_kset__list),
				     offset_of(k, VHSM_L_kobject__entry),
				     KOBJECTS_MAX, visit_kobject, v);
}

/* Whether the bytes of a page hold a pointer to base where a struct module that
 * begins at the candidate's place would have it; looked at again in memory. */
static int try_candidate(struct views *v, uint64_t va, uint64_t base)
{
	struct vhsm_module m;

	if (v->candidates++ == CANDIDATES_MAX)
		return -E2BIG;
	if (vhsm_module_read(v->kernel, va, &m) || m.base != base ||
	    !m.name[0] || m.state > VHSM_MODULE_UNFORMED ||
	    !m.text_size || m.text_size > m.size || va - base >= m.size)
		return 0;
	return add(v->out, va, VHSM_VIEW_MEMORY);
}

/*
 * A module's text begins its memory and its struct module lies somewhere behind
 * it, with a pointer to the beginning (core_layout.base).  Looks for that
 * pointer at every place it could have.
 */
static int search_area(struct views *v, uint64_t base, uint64_t from)
{
	uint32_t base_at = offset_of(v->kernel, VHSM_L_module__text_base);
	uint64_t word[VHSM_GUEST_PAGE_SIZE / 8];
	uint64_t end = from + DATA_MAX;
	int rc = 0;

	for (; from < end && v->searched < SEARCH_MAX && rc == 0;
	     from += PAGE) {
		if (vhsm_kernel_read(v->kernel, from, word, sizeof(word)))
			break;		/* the area's end */
		v->searched += sizeof(word);
		for (unsigned i = 0; i < PAGE / 8 && rc == 0; i++) {
			uint64_t va = from + 8 * i - base_at;

			if (word[i] == base && va % ALIGNMENT == 0)
				rc = try_candidate(v, va, base);
		}
	}
	return rc;
}

static int read_memory(struct views *v, char *why)
{
	struct vhsm_kernel_map map;
	uint64_t end;
	int rc = vhsm_kernel_map_read(v->kernel, &map, why);

	if (rc)
		return rc;
	if (vhsm_kernel_symbol(v->kernel, "_end", &end))
		end = 0;
	for (size_t i = 0; i < map.count && rc == 0; i++)
		if (map.run[i].start >= end)
			rc = search_area(v, map.run[i].start,
					 map.run[i].start + map.run[i].len);
	vhsm_kernel_map_deinit(&map);
	return rc;
}

int vhsm_module_views_read(const struct vhsm_kernel *k,
			   struct vhsm_module_views *out, char *why)
{
	struct views v = { .out = out, .kernel = k };
	const char *what = "mod_tree";
	int rc;

	memset(out, 0, sizeof(*out));
	why[0] = 0;
	rc = read_tree(&v);
	if (rc == 0 && (what = "module_kset"))
		rc = read_kset(&v);
	if (rc == 0 && (what = "memory of modules"))
		rc = read_memory(&v, why);
	if (rc == 0)
		return 0;
	if (!why[0])
		snprintf(why, VHSM_CHECK_WHY_LEN, "%s, after %zu: %s", what,
			 out->count, strerror(-rc));
	vhsm_module_views_deinit(out);
	return rc;
}

void vhsm_module_views_deinit(struct vhsm_module_views *v)
{
	free(v->module);
	memset(v, 0, sizeof(*v));
}
