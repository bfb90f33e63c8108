/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame-owner.h - which process has a frame of the guest's mapped; for checks
 * that look at physical memory and tell people about processes.
 *
 * The guest's page tables say so, and may lie: what depends on it is only a
 * finding's text, and what a policy asks to be left out.
 */
#ifndef VHSM_FRAME_OWNER_H
#define VHSM_FRAME_OWNER_H

#include <stdint.h>

#include "introspect/kernel.h"

struct vhsm_frame_owner {
	uint32_t pid;			/* 0: no process has it mapped */
	char comm[16];
	uint64_t va;			/* where, in the process */
};

/* Fills *owner of the first process found that maps it; a guest whose tasks or
 * tables cannot be read has none. */
void vhsm_frame_owner(const struct vhsm_kernel *, uint64_t gfn,
		      struct vhsm_frame_owner *owner);

/* Sets bit gfn of map, which has that many frames, for every frame that a
 * process maps.  0; -E2BIG when there was more than is looked at; -errno with
 * why (VHSM_TASKS_WHY_LEN). */
int vhsm_user_frames(const struct vhsm_kernel *, uint8_t *map, uint64_t frames,
		     char *why);

#endif /* VHSM_FRAME_OWNER_H */
