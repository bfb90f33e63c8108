/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec-unknown.c - every page the kernel may execute belongs to something the
 * kernel has on its books (exec-owner.h).  What belongs to nothing is reported
 * a run of pages at a time.
 *
 * Memory that a module has just left is on no book until it is freed: see
 * grace.h.  That is only so where modules are; a page elsewhere counts at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/exec-owner.h"
#include "checks/grace.h"
#include "checks/kernel-map.h"
#include "checks/pointer.h"

#define REPORTS_MAX	64u		/* of one run; a sweep has no more use
					 * for them */
#define MODULES_END	0xffffffffff000000ull	/* mm.rst, MODULES_END */

struct state {
	struct vhsm_grace grace;
};

struct run {
	struct state *state;
	struct vhsm_sweep *sweep;
	unsigned reports;
};

/* Where Linux puts modules: behind the image's gigabyte (or two). */
static bool in_module_area(const struct vhsm_kernel *k, uint64_t va)
{
	uint64_t end;

	return vhsm_kernel_symbol(k, "_end", &end) == 0 && va >= end &&
		va < MODULES_END;
}

static void report(struct run *r, const struct vhsm_mapping *m, uint64_t from,
		   uint64_t to)
{
	const struct vhsm_kernel *k = r->sweep->kernel;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_EXEC_UNKNOWN, .address = from,
		.confidence = 95, .after_len = sizeof(f.after),
	};

	if (in_module_area(k, from) &&
	    !vhsm_grace_over(&r->state->grace, k, from))
		return;
	if (r->reports++ >= REPORTS_MAX) {
		r->sweep->cut = true;
		return;
	}
	snprintf(f.object, sizeof(f.object), "page %#" PRIx64, from);
	f.physical = vhsm_finding_physical(k, from);
	if (vhsm_kernel_read(k, from, f.after, f.after_len))
		f.after_len = 0;
	else
		vhsm_finding_disassemble(&f);
	snprintf(f.detail, sizeof(f.detail),
		 "%" PRIu64 " executable%s%s bytes at %#" PRIx64
		 " are no part of the kernel, a module in the list, or code the kernel is known to make",
		 to - from, m->flags & VHSM_MAP_WRITE ? ", writable" : "",
		 m->flags & VHSM_MAP_USER ? ", user-accessible" : "", from);
	r->sweep->report(r->sweep, &f);
}

static void check_map(struct run *r, const struct vhsm_kernel_map *map,
		      const struct vhsm_owners *owners)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct vhsm_mapping *m = &map->run[i];
		uint64_t at = m->start, end = m->start + m->len, from;

		while (at < end &&
		       vhsm_owners_gap(owners, at, end, &from, &at) == 0)
			report(r, m, from, at);
		r->sweep->objects += m->len / VHSM_GUEST_PAGE_SIZE;
	}
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct run r = { .state = state, .sweep = sweep };
	struct vhsm_kernel_map map = { 0 };
	struct vhsm_module_list list = { 0 };
	struct vhsm_owners owners = { 0 };
	/* The map first: what is made meanwhile is then on the books. */
	int rc = vhsm_kernel_map_read(sweep->kernel, &map, why);

	if (rc == 0)
		rc = vhsm_module_list_read(sweep->kernel, &list, why);
	if (rc == 0)
		rc = vhsm_owners_read(sweep->kernel, &list, &owners, why);
	if (rc == 0) {
		check_map(&r, &map, &owners);
		vhsm_grace_end(&r.state->grace);
	}
	vhsm_owners_deinit(&owners);
	vhsm_module_list_deinit(&list);
	vhsm_kernel_map_deinit(&map);
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

const struct vhsm_check vhsm_check_exec_unknown = {
	.number = VHSM_CHECK_EXEC_UNKNOWN,
	.open = open_check, .run = run, .close = close_check,
};
