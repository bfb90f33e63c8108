/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task-fixture.c - tasks made up, by the layouts of the real kernel.
 */
#include "unit/task-fixture.h"

#include <check.h>
#include <string.h>

#define XA_NODE_LEN	1024u
#define FULL_CAPS	((UINT64_C(1) << 41) - 1)

static struct vhsm_member layout(const struct task_fixture *f,
				 enum vhsm_layout l)
{
	return vhsm_reference_layout(f->kernel.reference, l);
}

uint64_t task_fixture_symbol(const struct task_fixture *f, const char *name)
{
	uint64_t va = 0;

	ck_assert_msg(!vhsm_kernel_symbol(&f->kernel, name, &va), "%s", name);
	return va;
}

uint64_t task_fixture_at(const struct task_fixture *f, uint64_t va,
			 enum vhsm_layout l)
{
	ck_assert_uint_ne(layout(f, l).offset, VHSM_NO_MEMBER);
	return va + layout(f, l).offset;
}

uint64_t task_fixture_get(const struct task_fixture *f, uint64_t va,
			  enum vhsm_layout l)
{
	uint64_t value = 0;

	ck_assert_int_eq(vhsm_kernel_read_member(&f->kernel, va, l, &value), 0);
	return value;
}

void task_fixture_set(struct task_fixture *f, uint64_t va, enum vhsm_layout l,
		      uint64_t value)
{
	guest_fixture_poke(&f->guest, task_fixture_at(f, va, l), &value,
			   layout(f, l).size);
}

static void set_u64(struct task_fixture *f, uint64_t va, uint64_t value)
{
	guest_fixture_poke_u64(&f->guest, va, value);
}

static uint64_t get_u64(struct task_fixture *f, uint64_t va)
{
	uint64_t value = 0;

	ck_assert_int_eq(vhsm_kernel_read_u64(&f->kernel, va, &value), 0);
	return value;
}

uint64_t task_fixture_alloc(struct task_fixture *f, uint64_t len)
{
	uint64_t va = f->heap;

	f->heap += (len + 63) & ~UINT64_C(63);
	ck_assert_uint_le(f->heap, TASK_FIXTURE_HEAP + TASK_FIXTURE_HEAP_LEN);
	return va;
}

void task_fixture_link(struct task_fixture *f, uint64_t head, uint64_t node)
{
	uint64_t last = get_u64(f, head + 8);

	set_u64(f, node, head);
	set_u64(f, node + 8, last);
	set_u64(f, last, node);
	set_u64(f, head + 8, node);
}

void task_fixture_unlink(struct task_fixture *f, uint64_t node)
{
	uint64_t next = get_u64(f, node), before = get_u64(f, node + 8);

	set_u64(f, before, next);
	set_u64(f, next + 8, before);
	set_u64(f, node, node);
	set_u64(f, node + 8, node);
}

static void make_head(struct task_fixture *f, uint64_t head)
{
	set_u64(f, head, head);
	set_u64(f, head + 8, head);
}

void task_fixture_set_pid(struct task_fixture *f, unsigned pid, uint64_t entry)
{
	ck_assert_uint_lt(pid, TASK_FIXTURE_PIDS);
	set_u64(f, task_fixture_at(f, f->pids, VHSM_L_xa_node__slots) +
		8 * pid, entry);
}

/* The heap, in the tables that the kernel has, too. */
static void map_heap(struct task_fixture *f)
{
	uint64_t slot = 8 * (TASK_FIXTURE_HEAP >> 39 & 511);

	guest_fixture_map(&f->guest, TASK_FIXTURE_HEAP, TASK_FIXTURE_HEAP_AT,
			  TASK_FIXTURE_HEAP_LEN, VHSM_MAP_WRITE, GUEST_LARGE);
	guest_fixture_write_u64(&f->guest, f->kernel.space.root + slot,
				guest_fixture_read_u64(&f->guest,
						       f->guest.root + slot));
	f->heap = TASK_FIXTURE_HEAP + GUEST_PAGE;
}

/* One run queue, whose CPU idles. */
static void make_queue(struct task_fixture *f)
{
	uint64_t rq = task_fixture_alloc(f, 4096), link;

	ck_assert_int_eq(vhsm_reference_symbol(f->kernel.reference,
					       "runqueues", &link), 0);
	set_u64(f, task_fixture_symbol(f, "__per_cpu_offset"), rq - link);
	task_fixture_set(f, rq, VHSM_L_rq__idle, f->init_task);
	task_fixture_set(f, rq, VHSM_L_rq__curr, f->init_task);
	make_head(f, task_fixture_at(f, rq, VHSM_L_rq__cfs_tasks));
}

static void make_pids(struct task_fixture *f)
{
	uint64_t idr = task_fixture_at(f, task_fixture_symbol(f, "init_pid_ns"),
				       VHSM_L_pid_namespace__idr_rt);

	f->pids = task_fixture_alloc(f, XA_NODE_LEN);
	task_fixture_set(f, idr, VHSM_L_xarray__xa_head, f->pids | 2);
}

struct vhsm_reference *task_fixture_reference(void)
{
	return guest_fixture_kernel() ? guest_fixture_reference() : NULL;
}

void task_fixture_init(struct task_fixture *f,
		       const struct vhsm_reference *reference)
{
	char why[VHSM_KERNEL_WHY_LEN] = "";

	memset(f, 0, sizeof(*f));
	guest_fixture_init(&f->guest, TASK_FIXTURE_MEMORY, false);
	guest_fixture_load_kernel(&f->guest, reference, TASK_FIXTURE_SLIDE,
				  TASK_FIXTURE_KERNEL);
	ck_assert_msg(!vhsm_kernel_find(&f->kernel, f->guest.memory, reference,
					&f->guest.vcpu, 1, why), "%s", why);
	map_heap(f);
	f->clock = 1000;
	f->init_task = task_fixture_symbol(f, "init_task");
	task_fixture_set(f, f->init_task, VHSM_L_task_struct__cgroups,
			 task_fixture_symbol(f, "init_css_set"));
	make_queue(f);
	make_pids(f);
}

void task_fixture_deinit(struct task_fixture *f)
{
	guest_fixture_deinit(&f->guest);
}

static void give_creds(struct task_fixture *f, struct fixture_task *t,
		       uint32_t uid)
{
	t->cred = task_fixture_alloc(f, 512);
	task_fixture_set(f, t->cred, VHSM_L_cred__uid, uid);
	task_fixture_set(f, t->cred, VHSM_L_cred__euid, uid);
	task_fixture_set(f, t->cred, VHSM_L_cred__suid, uid);
	task_fixture_set(f, t->cred, VHSM_L_cred__fsuid, uid);
	task_fixture_set(f, t->cred, VHSM_L_cred__cap_permitted,
			 uid ? 0 : FULL_CAPS);
	task_fixture_set(f, t->cred, VHSM_L_cred__user_ns,
			 task_fixture_symbol(f, "init_user_ns"));
	task_fixture_set(f, t->va, VHSM_L_task_struct__cred, t->cred);
	task_fixture_set(f, t->va, VHSM_L_task_struct__real_cred, t->cred);
}

/* Into every view. */
static void enlist(struct task_fixture *f, struct fixture_task *t,
		   uint64_t parent)
{
	uint64_t threads = task_fixture_at(f, t->signal,
					   VHSM_L_signal_struct__thread_head);
	uint64_t links = task_fixture_at(f, t->va,
					 VHSM_L_task_struct__pid_links);
	uint64_t group = task_fixture_get(f, f->init_task,
					  VHSM_L_task_struct__cgroups);

	make_head(f, threads);
	make_head(f, task_fixture_at(f, t->va, VHSM_L_task_struct__children));
	task_fixture_link(f, threads, task_fixture_at(f, t->va,
				VHSM_L_task_struct__thread_node));
	task_fixture_link(f, task_fixture_at(f, f->init_task,
				VHSM_L_task_struct__tasks),
			  task_fixture_at(f, t->va, VHSM_L_task_struct__tasks));
	task_fixture_link(f, task_fixture_at(f, parent,
				VHSM_L_task_struct__children),
			  task_fixture_at(f, t->va,
				VHSM_L_task_struct__sibling));
	task_fixture_set(f, t->va, VHSM_L_task_struct__cgroups, group);
	task_fixture_link(f, task_fixture_at(f, group, VHSM_L_css_set__tasks),
			  task_fixture_at(f, t->va,
				VHSM_L_task_struct__cg_list));
	set_u64(f, task_fixture_at(f, t->pid, VHSM_L_pid__tasks), links);
	task_fixture_set_pid(f, t->number, t->pid);
}

struct fixture_task task_fixture_add(struct task_fixture *f, unsigned pid,
				     const char *comm, uint32_t uid,
				     uint64_t parent)
{
	struct fixture_task t = { .number = pid };
	uint64_t exec_id = task_fixture_get(f, parent,
					    VHSM_L_task_struct__self_exec_id);

	t.va = task_fixture_alloc(f, layout(f, VHSM_L_task_struct__SIZE).size);
	t.signal = task_fixture_alloc(f, 2048);
	t.pid = task_fixture_alloc(f, 256);
	task_fixture_set(f, t.va, VHSM_L_task_struct__pid, pid);
	task_fixture_set(f, t.va, VHSM_L_task_struct__tgid, pid);
	guest_fixture_poke(&f->guest, task_fixture_at(f, t.va,
			   VHSM_L_task_struct__comm), comm, strlen(comm) + 1);
	task_fixture_set(f, t.va, VHSM_L_task_struct__start_time, f->clock);
	f->clock += 1000;
	task_fixture_set(f, t.va, VHSM_L_task_struct__signal, t.signal);
	task_fixture_set(f, t.va, VHSM_L_task_struct__real_parent, parent);
	task_fixture_set(f, t.va, VHSM_L_task_struct__self_exec_id, exec_id);
	task_fixture_set(f, t.va, VHSM_L_task_struct__parent_exec_id, exec_id);
	give_creds(f, &t, uid);
	enlist(f, &t, parent);
	return t;
}
