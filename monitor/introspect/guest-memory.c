/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory.c - hands on to the kind of memory that was opened.
 */
#include "guest-memory-backend.h"

int vhsm_guest_memory_walk(struct vhsm_guest_memory *memory,
			   vhsm_memory_visit *visit, void *arg,
			   struct vhsm_memory_stats *stats, char *why)
{
	*stats = (struct vhsm_memory_stats){ 0 };
	return memory->walk(memory, visit, arg, stats, why);
}

void vhsm_guest_memory_close(struct vhsm_guest_memory **memory)
{
	if (!*memory)
		return;
	(*memory)->close(*memory);
	*memory = NULL;
}
