/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tasks.c - collects tasks, view by view.
 *
 * Bounds: a task needs at least its stack, so a guest has no more tasks than
 * a fourth of its frames; no list may be longer.  More than TASKS_MOST are not
 * dealt with, so that a hostile guest costs a second or two at most.  The tree
 * and the control groups are followed from tasks seen already, each once.
 */
#include "checks/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_PER_TASK	4u		/* a kernel stack, THREAD_SIZE */
#define TASKS_LEAST	1024u
#define TASKS_MOST	65536u
#define STRICT_TRIES	8u
#define GROUPS_MAX	256u		/* control groups followed */
#define STEPS_PER_TASK	16u		/* of all views together */

struct collecting {
	struct vhsm_tasks *set;
	const struct vhsm_kernel *kernel;
	unsigned view;
	unsigned steps;			/* so far */
	uint64_t init_task;
	char *why;
};

static uint32_t offset_of(const struct collecting *c, enum vhsm_layout l)
{
	return vhsm_reference_layout(c->kernel->reference, l).offset;
}

static int fail(const struct collecting *c, int r, const char *what)
{
	const char *how = "cannot be read";

	if (r == -ELOOP)
		how = "comes back to itself";
	else if (r == -E2BIG)
		how = "is longer than this guest can have tasks";
	if (r != -ENOMEM && !c->why[0])
		snprintf(c->why, VHSM_TASKS_WHY_LEN, "%s %s", what, how);
	return r;
}

/* --- the set --- */

void vhsm_tasks_clear(struct vhsm_tasks *set)
{
	set->count = 0;
	set->collection = 0;
	if (set->slot)
		memset(set->slot, 0, set->slots * sizeof(*set->slot));
}

void vhsm_tasks_free(struct vhsm_tasks *set)
{
	free(set->task);
	free(set->slot);
	memset(set, 0, sizeof(*set));
}

static unsigned slot_of(const struct vhsm_tasks *set, uint64_t va)
{
	return (unsigned)(va * UINT64_C(0x9e3779b97f4a7c15) >> 32) &
		(set->slots - 1);
}

static void place(struct vhsm_tasks *set, unsigned i)
{
	unsigned slot = slot_of(set, set->task[i].va);

	while (set->slot[slot])
		slot = (slot + 1) & (set->slots - 1);
	set->slot[slot] = i + 1;
}

/* Room for one more, with slots at most half full. */
static int grow(struct vhsm_tasks *set)
{
	unsigned room = set->room ? 2 * set->room : 512;
	struct vhsm_task *task;
	uint32_t *slot;
	unsigned i;

	if (set->count < set->room)
		return 0;
	task = realloc(set->task, room * sizeof(*task));
	if (!task)
		return -ENOMEM;
	set->task = task;
	slot = calloc((size_t)2 * room, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	free(set->slot);
	set->slot = slot;
	set->slots = 2 * room;
	set->room = room;
	for (i = 0; i < set->count; i++)
		place(set, i);
	return 0;
}

static struct vhsm_task *find(const struct vhsm_tasks *set,
			      const struct vhsm_task *t)
{
	struct vhsm_task *have;
	unsigned slot;

	if (!set->slots)
		return NULL;
	for (slot = slot_of(set, t->va); set->slot[slot];
	     slot = (slot + 1) & (set->slots - 1)) {
		have = &set->task[set->slot[slot] - 1];
		if (have->va == t->va && have->start == t->start &&
		    have->pid == t->pid)
			return have;
	}
	return NULL;
}

/* A task was seen at va in the view at work. */
static int saw(uint64_t va, void *arg)
{
	struct collecting *c = arg;
	struct vhsm_task t = { .va = va }, *have;
	uint64_t pid, tgid;

	/* Lists can share their tails, and so cost more than their lengths. */
	if (c->steps++ > STEPS_PER_TASK * c->set->limit)
		return -E2BIG;
	if (vhsm_kernel_read_member(c->kernel, va, VHSM_L_task_struct__pid,
				    &pid) ||
	    vhsm_kernel_read_member(c->kernel, va, VHSM_L_task_struct__tgid,
				    &tgid) ||
	    vhsm_kernel_read_member(c->kernel, va,
				    VHSM_L_task_struct__start_time, &t.start))
		return -EFAULT;
	t.pid = (uint32_t)pid;
	t.tgid = (uint32_t)tgid;
	have = find(c->set, &t);
	if (!have) {
		/* Of each collection, one that ends and one that takes its
		 * place. */
		if (c->set->count >= 8 * c->set->limit)
			return -E2BIG;
		if (grow(c->set))
			return -ENOMEM;
		c->set->task[c->set->count] = t;
		place(c->set, c->set->count);
		have = &c->set->task[c->set->count++];
	}
	have->views |= c->view;
	have->collection = c->set->collection;
	return 0;
}

/* --- lists --- */

/* As vhsm_kernel_walk_list, but -EAGAIN when a node's way back is not the way
 * we came: the list is changing. */
static int walk_strictly(const struct collecting *c, uint64_t head,
			 uint32_t offset, vhsm_node_visit *visit, void *arg)
{
	uint64_t node[2], at, before = head;
	unsigned steps = 0;
	int r;

	r = vhsm_kernel_read(c->kernel, head, node, sizeof(node));
	for (at = node[0]; !r && at != head; at = node[0]) {
		if (steps++ > c->set->limit)
			return -E2BIG;
		r = vhsm_kernel_read(c->kernel, at, node, sizeof(node));
		if (!r && node[1] != before)
			return -EAGAIN;
		before = at;
		if (!r)
			r = visit(at - offset, arg);
	}
	return r;
}

static int walk(const struct collecting *c, uint64_t head,
		enum vhsm_layout node, vhsm_node_visit *visit, void *arg)
{
	uint32_t offset = offset_of(c, node);
	unsigned tries;
	int r = -EAGAIN;

	for (tries = 0; r == -EAGAIN && tries < STRICT_TRIES; tries++)
		r = walk_strictly(c, head, offset, visit, arg);
	/* Some of its ways back are wrong for good; what can be reached. */
	if (r == -EAGAIN)
		r = vhsm_kernel_walk_list(c->kernel, head, offset,
					  c->set->limit, visit, arg);
	return r;
}

/* --- views --- */

static int threads_of(uint64_t leader, void *arg)
{
	struct collecting *c = arg;
	uint64_t signal;
	int r;

	r = saw(leader, c);
	if (!r)
		r = vhsm_kernel_read_member(c->kernel, leader,
					    VHSM_L_task_struct__signal,
					    &signal);
	if (r || !signal)
		return r;
	return walk(c, signal + offset_of(c, VHSM_L_signal_struct__thread_head),
		    VHSM_L_task_struct__thread_node, saw, c);
}

static int see_list(struct collecting *c)
{
	uint64_t head = c->init_task + offset_of(c, VHSM_L_task_struct__tasks);
	int r;

	c->view = VHSM_TASK_LIST;
	r = walk(c, head, VHSM_L_task_struct__tasks, threads_of, c);
	return r ? fail(c, r, "the task list") : 0;
}

/* An IDR entry: a struct pid, or one whose process is not there yet. */
static int see_pid(uint64_t index, uint64_t pid, void *arg)
{
	struct collecting *c = arg;
	uint64_t first;

	(void)index;
	if (!pid)
		return 0;
	if (vhsm_kernel_read_u64(c->kernel,
				 pid + offset_of(c, VHSM_L_pid__tasks), &first))
		return -EFAULT;
	if (!first)
		return 0;		/* of a group or session only */
	return saw(first - offset_of(c, VHSM_L_task_struct__pid_links), c);
}

static int see_pids(struct collecting *c)
{
	uint32_t idr = offset_of(c, VHSM_L_pid_namespace__idr_rt);
	uint64_t ns;
	unsigned tries = 0;
	int r;

	if (idr == VHSM_NO_MEMBER ||
	    vhsm_kernel_symbol(c->kernel, "init_pid_ns", &ns)) {
		snprintf(c->why, VHSM_TASKS_WHY_LEN,
			 "this kernel has no IDR of pids");
		return -ENOTSUP;
	}
	c->view = VHSM_TASK_PIDS;
	/* Nodes are freed while we walk. */
	do {
		r = vhsm_kernel_walk_xarray(c->kernel, ns + idr, c->set->limit,
					    see_pid, c);
	} while (r && r != -ENOMEM && ++tries < STRICT_TRIES);
	return r ? fail(c, r, "the tree of pids") : 0;
}

/* Grows while it is walked: children of children are there, too. */
static int see_tree(struct collecting *c)
{
	uint32_t children = offset_of(c, VHSM_L_task_struct__children);
	unsigned i;
	int r;

	c->view = VHSM_TASK_TREE;
	r = walk(c, c->init_task + children, VHSM_L_task_struct__sibling, saw,
		 c);
	for (i = 0; !r && i < c->set->count; i++) {
		if (c->set->task[i].collection != c->set->collection)
			continue;
		r = walk(c, c->set->task[i].va + children,
			 VHSM_L_task_struct__sibling, saw, c);
		if (r == -EFAULT || r == -EAGAIN || r == -ELOOP)
			r = 0;		/* of a task that just ended */
	}
	return r ? fail(c, r, "the tree of tasks") : 0;
}

/* One CPU's run queue, at rq. */
static int see_queue(struct collecting *c, uint64_t rq)
{
	uint64_t curr, idle;
	int r;

	if (vhsm_kernel_read_member(c->kernel, rq, VHSM_L_rq__idle, &idle) ||
	    vhsm_kernel_read_member(c->kernel, rq, VHSM_L_rq__curr, &curr))
		return -EFAULT;
	c->view = VHSM_TASK_IDLE;
	r = saw(idle, c);
	c->view = VHSM_TASK_RUN;
	if (!r)
		r = saw(curr, c);
	if (!r && offset_of(c, VHSM_L_rq__cfs_tasks) != VHSM_NO_MEMBER &&
	    offset_of(c, VHSM_L_task_struct__run_node) != VHSM_NO_MEMBER)
		r = walk(c, rq + offset_of(c, VHSM_L_rq__cfs_tasks),
			 VHSM_L_task_struct__run_node, saw, c);
	return r;
}

static int see_queues(struct collecting *c)
{
	const struct vhsm_kernel *k = c->kernel;
	uint64_t runqueues, offsets, offset;
	unsigned cpu;
	int r = 0;

	/* Of per-CPU data: not moved by the slide. */
	if (offset_of(c, VHSM_L_rq__curr) == VHSM_NO_MEMBER ||
	    offset_of(c, VHSM_L_rq__idle) == VHSM_NO_MEMBER ||
	    vhsm_reference_symbol(k->reference, "runqueues", &runqueues) ||
	    vhsm_kernel_symbol(k, "__per_cpu_offset", &offsets))
		return 0;		/* not every kernel has this view */
	for (cpu = 0; !r && cpu < k->vcpu_count; cpu++) {
		if (!k->vcpu[cpu].online)
			continue;
		r = vhsm_kernel_read_u64(k, offsets + 8 * (uint64_t)cpu,
					 &offset);
		if (!r)
			r = see_queue(c, offset + runqueues);
	}
	return r ? fail(c, r, "a run queue") : 0;
}

static int see_groups(struct collecting *c)
{
	uint32_t tasks = offset_of(c, VHSM_L_css_set__tasks);
	uint64_t *group, at;
	unsigned i, j, count = 0;
	int r = 0;

	if (tasks == VHSM_NO_MEMBER ||
	    offset_of(c, VHSM_L_task_struct__cgroups) == VHSM_NO_MEMBER ||
	    offset_of(c, VHSM_L_task_struct__cg_list) == VHSM_NO_MEMBER)
		return 0;
	group = calloc(GROUPS_MAX, sizeof(*group));
	if (!group)
		return -ENOMEM;
	c->view = VHSM_TASK_CGROUP;
	for (i = 0; !r && i < c->set->count && count < GROUPS_MAX; i++) {
		if (c->set->task[i].collection != c->set->collection ||
		    vhsm_kernel_read_member(c->kernel, c->set->task[i].va,
					    VHSM_L_task_struct__cgroups, &at))
			continue;
		for (j = 0; j < count && group[j] != at; j++)
			;
		if (j < count)
			continue;
		group[count++] = at;
		r = walk(c, at + tasks, VHSM_L_task_struct__cg_list, saw, c);
		if (r == -EFAULT || r == -EAGAIN || r == -ELOOP)
			r = 0;		/* of a task that just ended */
	}
	free(group);
	return r ? fail(c, r, "a control group's list") : 0;
}

int vhsm_tasks_collect(struct vhsm_tasks *set, const struct vhsm_kernel *kernel,
		       unsigned views, char *why)
{
	struct collecting c = { .set = set, .kernel = kernel, .why = why };
	uint64_t frames = vhsm_guest_memory_frames(kernel->memory);
	int r;

	why[0] = '\0';
	if (vhsm_kernel_symbol(kernel, "init_task", &c.init_task)) {
		snprintf(why, VHSM_TASKS_WHY_LEN, "no symbol init_task");
		return -ENOTSUP;
	}
	set->limit = TASKS_MOST;
	if (frames / FRAMES_PER_TASK + TASKS_LEAST < TASKS_MOST)
		set->limit = (unsigned)(frames / FRAMES_PER_TASK) + TASKS_LEAST;
	set->collection++;
	r = see_list(&c);
	if (!r && views & VHSM_TASK_PIDS)
		r = see_pids(&c);
	if (!r && views & VHSM_TASK_RUN)
		r = see_queues(&c);
	if (!r && views & VHSM_TASK_TREE)
		r = see_tree(&c);
	if (!r && views & VHSM_TASK_CGROUP)
		r = see_groups(&c);
	return r;
}
