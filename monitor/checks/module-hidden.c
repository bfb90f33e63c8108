/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-hidden.c - views of the modules a kernel has that must agree:
 *
 *   list    "modules": what lsmod and /proc/modules show
 *   tree    mod_tree: what the kernel itself looks addresses up in (stack
 *           traces, exceptions); who leaves it crashes at the first fault
 *   kset    the kobjects of /sys/module
 *   memory  a struct module in the memory of modules whose own idea of where
 *           it lies is right, in an area with executable pages
 *
 * A module in any of the others and not in the list is hidden.  Hiding from
 * all four leaves executable pages of nobody's: exec-unknown.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/grace.h"
#include "checks/module-list.h"
#include "checks/module-views.h"
#include "checks/pointer.h"

struct state {
	struct vhsm_grace grace;
};

static void report(struct state *s, struct vhsm_sweep *sweep,
		   const struct vhsm_seen_module *seen)
{
	const struct vhsm_kernel *k = sweep->kernel;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_MODULE_HIDDEN, .address = seen->va,
		.confidence = 95,
	};
	struct vhsm_module m;
	bool read = vhsm_module_read(k, seen->va, &m) == 0;

	/* rmmod takes it out of the list first and frees it last. */
	if (read && m.state >= VHSM_MODULE_GOING &&
	    !vhsm_grace_over(&s->grace, k, seen->va))
		return;
	if (read && m.name[0])
		snprintf(f.object, sizeof(f.object), "module %s", m.name);
	else
		snprintf(f.object, sizeof(f.object), "module at %#" PRIx64,
			 seen->va);
	f.physical = vhsm_finding_physical(k, seen->va);
	if (read && m.text_size &&
	    vhsm_kernel_read(k, m.base, f.after, sizeof(f.after)) == 0) {
		f.address = m.base;
		f.physical = vhsm_finding_physical(k, m.base);
		f.after_len = sizeof(f.after);
		vhsm_finding_disassemble(&f);
	}
	snprintf(f.detail, sizeof(f.detail),
		 "struct module at %#" PRIx64
		 " is not in the list of modules, but in:%s%s%s", seen->va,
		 seen->views & VHSM_VIEW_TREE ? " mod_tree" : "",
		 seen->views & VHSM_VIEW_KSET ? " /sys/module" : "",
		 seen->views & VHSM_VIEW_MEMORY ? " executable memory" : "");
	sweep->report(sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct state *s = state;
	struct vhsm_module_views views = { 0 };
	struct vhsm_module_list list = { 0 };
	/* The list last: what is loaded meanwhile is in it. */
	int rc = vhsm_module_views_read(sweep->kernel, &views, why);

	if (rc == 0)
		rc = vhsm_module_list_read(sweep->kernel, &list, why);
	for (size_t i = 0; rc == 0 && i < views.count; i++)
		if (!vhsm_module_list_find(&list, views.module[i].va))
			report(s, sweep, &views.module[i]);
	if (rc == 0) {
		vhsm_grace_end(&s->grace);
		sweep->objects += views.count;
	}
	vhsm_module_list_deinit(&list);
	vhsm_module_views_deinit(&views);
	return rc;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	if (!setup->reference) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference");
		return -ENOENT;
	}
	*state = calloc(1, sizeof(struct state));
	if (*state)
		return 0;
	snprintf(why, VHSM_CHECK_WHY_LEN, "no memory");
	return -ENOMEM;
}

static void close_check(void *state)
{
	free(state);
}

const struct vhsm_check vhsm_check_module_hidden = {
	.number = VHSM_CHECK_MODULE_HIDDEN,
	.open = open_check, .run = run, .close = close_check,
};
