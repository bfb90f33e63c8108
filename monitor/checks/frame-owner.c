/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame-owner.c - walks the user half of every process's page tables.
 */
#include "checks/frame-owner.h"

#include <errno.h>
#include <string.h>

#include "checks/tasks.h"

#define TABLES_MAX	262144u		/* read for one answer, in all */
#define TABLES_EACH	8192u		/* of one process */
#define USER_LAST	UINT64_C(0x00007fffffffffff)
#define FOUND		1

struct looking {
	uint64_t gfn;
	uint64_t va;			/* where it was found */
	uint8_t *map;
	uint64_t frames;
	unsigned tables;		/* that may yet be read */
};

static int compare(const struct vhsm_mapping *m, void *arg)
{
	struct looking *l = arg;
	uint64_t first = m->physical / VHSM_GUEST_PAGE_SIZE;
	uint64_t count = m->len / VHSM_GUEST_PAGE_SIZE;

	if (l->gfn < first || l->gfn - first >= count)
		return 0;
	l->va = m->start + (l->gfn - first) * VHSM_GUEST_PAGE_SIZE;
	return FOUND;
}

static int mark(const struct vhsm_mapping *m, void *arg)
{
	struct looking *l = arg;
	uint64_t first = m->physical / VHSM_GUEST_PAGE_SIZE;
	uint64_t i, count = m->len / VHSM_GUEST_PAGE_SIZE;

	if (!(m->flags & VHSM_MAP_USER) || first >= l->frames)
		return 0;
	if (count > l->frames - first)
		count = l->frames - first;
	for (i = first; i < first + count; i++)
		l->map[i / 8] |= (uint8_t)(1u << (i % 8));
	return 0;
}

/* Walks what a task maps; 0 for kernel threads and what cannot be read. */
static int walk(const struct vhsm_kernel *k, const struct vhsm_task *t,
		vhsm_mapping_visit *visit, struct looking *l)
{
	struct vhsm_address_space space = k->space;
	struct vhsm_mapping table;
	unsigned each = l->tables < TABLES_EACH ? l->tables : TABLES_EACH;
	unsigned left = each;
	uint64_t mm, pgd;
	int r;

	if (vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__mm, &mm) ||
	    !mm ||
	    vhsm_kernel_read_member(k, mm, VHSM_L_mm_struct__pgd, &pgd) ||
	    vhsm_address_space_translate(&k->space, pgd, &table))
		return 0;
	space.root = (table.physical + (pgd - table.start)) &
		~(uint64_t)(VHSM_GUEST_PAGE_SIZE - 1);
	r = vhsm_address_space_walk_part(&space, 0, USER_LAST, &left, visit, l);
	l->tables -= each - left;
	return r;
}

/* Walks every process's until visit has enough. */
static int walk_all(const struct vhsm_kernel *k, vhsm_mapping_visit *visit,
		    struct looking *l, struct vhsm_task *found, char *why)
{
	struct vhsm_tasks tasks = { 0 };
	unsigned i;
	int r;

	l->tables = TABLES_MAX;
	r = vhsm_tasks_collect(&tasks, k, VHSM_TASK_PIDS, why);
	for (i = 0; !r && i < tasks.count; i++) {
		if (tasks.task[i].pid != tasks.task[i].tgid)
			continue;
		if (!l->tables) {
			r = -E2BIG;
			break;
		}
		r = walk(k, &tasks.task[i], visit, l);
		if (r == FOUND)
			*found = tasks.task[i];
		else if (r == -E2BIG)
			r = 0;
	}
	vhsm_tasks_free(&tasks);
	return r;
}

void vhsm_frame_owner(const struct vhsm_kernel *k, uint64_t gfn,
		      struct vhsm_frame_owner *owner)
{
	struct looking l = { .gfn = gfn };
	struct vhsm_task task;
	char why[VHSM_TASKS_WHY_LEN];

	memset(owner, 0, sizeof(*owner));
	if (walk_all(k, compare, &l, &task, why) != FOUND)
		return;
	owner->pid = task.pid;
	owner->va = l.va;
	if (vhsm_kernel_read_text(k, task.va +
				  vhsm_reference_layout(k->reference,
					VHSM_L_task_struct__comm).offset,
				  owner->comm, sizeof(owner->comm)))
		owner->comm[0] = '\0';
}

int vhsm_user_frames(const struct vhsm_kernel *k, uint8_t *map, uint64_t frames,
		     char *why)
{
	struct looking l = { .map = map, .frames = frames };

	return walk_all(k, mark, &l, NULL, why);
}
