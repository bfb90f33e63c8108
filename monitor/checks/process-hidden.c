/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process-hidden.c - a task that some views of the kernel have and the list of
 * tasks, or the tree of pids, has not (ATT&CK T1564).
 *
 * ps and /proc go by the tree of pids, the kernel's own walks by the list; the
 * scheduler, parents and control groups need neither.  A rootkit unlinks its
 * process from what is looked at and leaves it what it runs by.
 *
 * A task is put into list and tree, and taken out of them, under one lock, so
 * outside of that moment a task has both or none.  What has none yet runs
 * nowhere; what has none any more is ending, and soon gone.  Ending tasks count
 * only when a later sweep still finds them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/tasks.h"

#define COLLECTIONS	3u		/* when something seems to be missing */
#define REPORTS_MAX	64u
#define ENDING_MAX	64u
#define PF_EXITING	0x4u		/* include/linux/sched.h, since 2.6 */

/* An ending task that is in some views only. */
struct ending {
	uint64_t va, start;
	uint64_t first;			/* sweep that saw it; 0: free */
	uint64_t last;
};

struct process_hidden {
	struct vhsm_tasks tasks;
	struct ending ending[ENDING_MAX];
};

static int process_hidden_open(const struct vhsm_check_setup *setup,
			       void **state, char *why)
{
	(void)setup;
	*state = calloc(1, sizeof(struct process_hidden));
	if (!*state)
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
	return *state ? 0 : -ENOMEM;
}

static void process_hidden_close(void *state)
{
	struct process_hidden *s = state;

	vhsm_tasks_free(&s->tasks);
	free(s);
}

/* The views of list and tree that a task is not in. */
static unsigned missing(const struct vhsm_task *t)
{
	if (t->views & VHSM_TASK_IDLE)
		return 0;
	return ~t->views & (VHSM_TASK_LIST | VHSM_TASK_PIDS);
}

static unsigned count_missing(const struct vhsm_tasks *set)
{
	unsigned i, count = 0;

	for (i = 0; i < set->count; i++)
		count += set->task[i].collection == set->collection &&
			missing(&set->task[i]);
	return count;
}

static bool is_ending(const struct vhsm_kernel *kernel, uint64_t va)
{
	uint64_t flags = 0, exit_state = 0;

	if (vhsm_kernel_read_member(kernel, va, VHSM_L_task_struct__flags,
				    &flags) ||
	    vhsm_kernel_read_member(kernel, va, VHSM_L_task_struct__exit_state,
				    &exit_state))
		return true;		/* it is gone */
	return flags & PF_EXITING || exit_state;
}

/* Whether an ending task was there in an earlier sweep. */
static bool ends_for_long(struct process_hidden *s, const struct vhsm_task *t,
			  uint64_t sweep)
{
	struct ending *e, *free_one = NULL;
	unsigned i;

	for (i = 0; i < ENDING_MAX; i++) {
		e = &s->ending[i];
		if (e->first && e->va == t->va && e->start == t->start) {
			e->last = sweep;
			return sweep > e->first;
		}
		if (!e->first || e->last + 1 < sweep)
			free_one = e;
	}
	if (free_one)
		*free_one = (struct ending){ t->va, t->start, sweep, sweep };
	return false;
}

/* "the tree of pids and a run queue" */
static void name_views(unsigned views, char *text, size_t size)
{
	static const struct {
		unsigned view;
		const char *name;
	} names[] = {
		{ VHSM_TASK_LIST, "the task list" },
		{ VHSM_TASK_PIDS, "the tree of pids" },
		{ VHSM_TASK_TREE, "its parent's children" },
		{ VHSM_TASK_RUN, "a run queue" },
		{ VHSM_TASK_CGROUP, "its control group" },
	};
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(views & names[i].view) || used >= size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 used ? " and " : "", names[i].name);
	}
}

static void report(struct vhsm_sweep *sweep, const struct vhsm_task *t,
		   bool ending)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_PROCESS_HIDDEN,
		.address = t->va,
		.confidence = ending ? 70 : 95,
		.pid = t->pid,
	};
	char seen[128], lacking[64];

	if (vhsm_kernel_read_text(sweep->kernel, t->va +
				  vhsm_reference_layout(
					sweep->kernel->reference,
					VHSM_L_task_struct__comm).offset,
				  f.comm, sizeof(f.comm)))
		f.comm[0] = '\0';
	name_views(t->views, seen, sizeof(seen));
	name_views(missing(t), lacking, sizeof(lacking));
	snprintf(f.object, sizeof(f.object), "pid %u", t->pid);
	if (t->pid == t->tgid)
		snprintf(f.detail, sizeof(f.detail), "Process %u (%s) is in %s,"
			 " but not in %s.", t->pid, f.comm, seen, lacking);
	else
		snprintf(f.detail, sizeof(f.detail), "Thread %u (%s) of process"
			 " %u is in %s, but not in %s.", t->pid, f.comm,
			 t->tgid, seen, lacking);
	sweep->report(sweep, &f);
}

static int process_hidden_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct process_hidden *s = state;
	struct vhsm_tasks *set = &s->tasks;
	unsigned i, reports = 0, collections = 0;
	bool ending;
	int r;

	vhsm_tasks_clear(set);
	do {
		r = vhsm_tasks_collect(set, sweep->kernel,
				       VHSM_TASK_PIDS | VHSM_TASK_TREE |
				       VHSM_TASK_RUN | VHSM_TASK_CGROUP, why);
		if (r)
			return r;
	} while (count_missing(set) && ++collections < COLLECTIONS);
	sweep->objects = set->count;
	for (i = 0; i < set->count && reports < REPORTS_MAX; i++) {
		if (set->task[i].collection != set->collection ||
		    !missing(&set->task[i]))
			continue;
		ending = is_ending(sweep->kernel, set->task[i].va);
		if (ending && !ends_for_long(s, &set->task[i], sweep->number))
			continue;
		report(sweep, &set->task[i], ending);
		reports++;
	}
	sweep->cut = reports == REPORTS_MAX;
	return 0;
}

const struct vhsm_check vhsm_check_process_hidden = {
	.number = VHSM_CHECK_PROCESS_HIDDEN,
	.open = process_hidden_open,
	.run = process_hidden_run,
	.close = process_hidden_close,
};
