/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-map.h - what the kernel half of a guest's page tables lets the kernel
 * execute.
 *
 * The walk is its own and not vhsm_address_space_walk(), for nearly all of the
 * kernel half (the map of all memory, vmalloc, vmemmap) is never executable: a
 * table none of whose entries can be is passed over at the speed it is read,
 * and once for all the places that share it.  So what guests share (the stacks
 * of espfix have one table 2,048 times) or loop on purpose costs nothing.
 */
#ifndef VHSM_KERNEL_MAP_H
#define VHSM_KERNEL_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_KERNEL_MAP_RUNS_MAX 16384u

/* Executable runs, ascending: neighbours with the same flags are one.
 * physical is that of the first page; the others may stand elsewhere. */
struct vhsm_kernel_map {
	struct vhsm_mapping *run;
	size_t count;
	uint64_t tables;		/* read */
};

/*
 * Reads the map.  0 with *map, to be freed; -E2BIG when the guest has more
 * tables than its memory calls for, or more than VHSM_KERNEL_MAP_RUNS_MAX runs;
 * -EFAULT when the top table is not there; -ENOMEM; with why.
 */
int vhsm_kernel_map_read(const struct vhsm_kernel *,
			 struct vhsm_kernel_map *map, char *why);
void vhsm_kernel_map_deinit(struct vhsm_kernel_map *);

#endif /* VHSM_KERNEL_MAP_H */
