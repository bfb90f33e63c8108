/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tasks.h - the tasks of a running kernel, by every view of them that costs
 * little; for the checks of processes.
 *
 * The kernel changes its lists while they are read, without our taking part in
 * RCU: a task that ends under our feet may lead on into a list of later.  So a
 * list is walked with each node's way back compared, and walked again when that
 * fails; and a set may be collected several times, to have in it what was seen
 * in a view in any of them.
 */
#ifndef VHSM_TASKS_H
#define VHSM_TASKS_H

#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_TASKS_WHY_LEN	200u

enum vhsm_task_view {
	VHSM_TASK_LIST = 0x01,		/* init_task.tasks and thread lists */
	VHSM_TASK_PIDS = 0x02,		/* the first namespace's IDR of pids */
	VHSM_TASK_TREE = 0x04,		/* children of a task that was seen */
	VHSM_TASK_RUN = 0x08,		/* a run queue, or running */
	VHSM_TASK_CGROUP = 0x10,	/* the control group of one seen */
	VHSM_TASK_IDLE = 0x80		/* a CPU's idle task, in no view */
};

/* One task: same address, pid and time of start. */
struct vhsm_task {
	uint64_t va;
	uint64_t start;			/* ns since boot, guest's clock */
	uint32_t pid;
	uint32_t tgid;
	uint32_t views;			/* that have it, in any collection */
	uint32_t collection;		/* that saw it last, from 1 */
};

struct vhsm_tasks {
	struct vhsm_task *task;
	unsigned count;
	unsigned limit;			/* as many as the guest has room for */
	uint32_t collection;
	unsigned room;			/* allocated */
	uint32_t *slot;			/* by hash of va; 0 free, else index + 1
					 */
	unsigned slots;			/* a power of two */
};

/* Empties the set, keeping its memory; zeroed is empty. */
void vhsm_tasks_clear(struct vhsm_tasks *);
void vhsm_tasks_free(struct vhsm_tasks *);

/*
 * Adds what the views show now; LIST is always one of them.  0; -ENOMEM;
 * -ENOTSUP when the kernel has not what is needed; -EFAULT, -ELOOP, -E2BIG for
 * structures no working kernel has; with why.
 */
int vhsm_tasks_collect(struct vhsm_tasks *, const struct vhsm_kernel *,
		       unsigned views, char *why);

#endif /* VHSM_TASKS_H */
