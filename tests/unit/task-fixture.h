/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task-fixture.h - tasks made up in a real kernel that does not run: in its
 * lists and trees as the kernel would put them there, to be bent by a test.
 */
#ifndef TASK_FIXTURE_H
#define TASK_FIXTURE_H

#include "checks/run.h"
#include "unit/guest-fixture.h"

#define TASK_FIXTURE_MEMORY	(UINT64_C(128) << 20)
#define TASK_FIXTURE_KERNEL	(UINT64_C(16) << 20)	/* physical */
#define TASK_FIXTURE_SLIDE	(UINT64_C(64) << 20)
#define TASK_FIXTURE_HEAP	UINT64_C(0xffff888000000000)
#define TASK_FIXTURE_HEAP_AT	(UINT64_C(96) << 20)	/* physical */
#define TASK_FIXTURE_HEAP_LEN	(UINT64_C(8) << 20)
#define TASK_FIXTURE_PIDS	64u			/* pids are below */

struct task_fixture {
	struct guest_fixture guest;
	struct vhsm_kernel kernel;
	uint64_t heap;			/* next free address */
	uint64_t pids;			/* the IDR's only node */
	uint64_t init_task;
	uint64_t clock;			/* start of the next task */
};

/* Addresses of what belongs to a task. */
struct fixture_task {
	uint64_t va;
	uint64_t cred;
	uint64_t signal;
	uint64_t pid;			/* struct pid */
	unsigned number;
};

/* Once for a test program: the reference, NULL when there is no kernel. */
struct vhsm_reference *task_fixture_reference(void);

void task_fixture_init(struct task_fixture *, const struct vhsm_reference *);
void task_fixture_deinit(struct task_fixture *);

/* A process in every list, a child of parent (a task's address). */
struct fixture_task task_fixture_add(struct task_fixture *, unsigned pid,
				     const char *comm, uint32_t uid,
				     uint64_t parent);
/* Zeroed memory of the kernel. */
uint64_t task_fixture_alloc(struct task_fixture *, uint64_t len);

uint64_t task_fixture_symbol(const struct task_fixture *, const char *name);
uint64_t task_fixture_get(const struct task_fixture *, uint64_t va,
			  enum vhsm_layout);
void task_fixture_set(struct task_fixture *, uint64_t va, enum vhsm_layout,
		      uint64_t value);
/* Where a member stands. */
uint64_t task_fixture_at(const struct task_fixture *, uint64_t va,
			 enum vhsm_layout);

/* struct list_head: a node's address in and out of a list. */
void task_fixture_link(struct task_fixture *, uint64_t head, uint64_t node);
void task_fixture_unlink(struct task_fixture *, uint64_t node);
/* A process's entry in the IDR. */
void task_fixture_set_pid(struct task_fixture *, unsigned pid, uint64_t entry);

#endif /* TASK_FIXTURE_H */
