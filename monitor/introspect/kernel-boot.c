/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-boot.c - whether a kernel has come as far as its first process.
 *
 * Before, it is not yet what it will be for the rest of its life: its text is
 * writable and its data executable until mark_readonly, and some of what is
 * pinned later can still change (Linux: init/main.c, kernel_init).
 */
#include "introspect/kernel.h"

bool vhsm_kernel_boots(const struct vhsm_kernel *k)
{
	uint32_t tasks = vhsm_reference_layout(k->reference,
				VHSM_L_task_struct__tasks).offset;
	uint32_t next = vhsm_reference_layout(k->reference,
				VHSM_L_list_head__next).offset;
	uint64_t idle, first, pid, mm;

	if (tasks == VHSM_NO_MEMBER || next == VHSM_NO_MEMBER ||
	    vhsm_kernel_symbol(k, "init_task", &idle) ||
	    vhsm_kernel_read_u64(k, idle + tasks + next, &first))
		return false;
	if (first == idle + tasks)
		return true;
	/* The first that the idle task makes; it has no memory of its own
	 * before it becomes a program. */
	first -= tasks;
	return !vhsm_kernel_read_member(k, first, VHSM_L_task_struct__pid,
					&pid) && pid == 1 &&
	       !vhsm_kernel_read_member(k, first, VHSM_L_task_struct__mm,
					&mm) && mm == 0;
}
