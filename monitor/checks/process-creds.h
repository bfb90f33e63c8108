/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process-creds.h - what a task may do, and what of that was made by exec; for
 * credentials.c.
 */
#ifndef VHSM_PROCESS_CREDS_H
#define VHSM_PROCESS_CREDS_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/tasks.h"

#define VHSM_CAP_SETUID	(UINT64_C(1) << 7)	/* linux/capability.h */

/* Ids are the kernel's (of the first user namespace). */
struct vhsm_creds {
	uint64_t cred, real_cred;	/* addresses; the rest is real_cred's */
	uint32_t uid, euid, suid, fsuid;
	uint64_t permitted;		/* capabilities */
	uint64_t user_ns;		/* address; 0 when the kernel has none */
	bool first_ns;			/* of the first user namespace */
};

struct vhsm_process {
	uint64_t va, start;
	uint32_t pid, tgid;
	uint64_t parent;		/* task's address */
	uint64_t mm;
	uint64_t exec_id, parent_exec_id;
	bool execing;			/* an exec is, or may be, under way */
	bool harmless;			/* no id is 0, no capability */
	uint64_t clock;			/* kept by the check: the guest's time
					 * by which it was harmless */
	struct vhsm_creds creds;
};

/* One of its real, effective and saved ids. */
bool vhsm_creds_has_id(const struct vhsm_creds *, uint32_t id);
/* Root's ids, or capabilities that count outside a namespace. */
bool vhsm_creds_privileged(const struct vhsm_creds *);

/* Reads a task, so that credentials seen with an exec id belong to it unless
 * execing: 0 or -EFAULT. */
int vhsm_process_read(const struct vhsm_kernel *, const struct vhsm_task *,
		      struct vhsm_process *);

/* Whether its program is known and is not one that is set-user-ID of root. */
bool vhsm_process_plain_program(const struct vhsm_kernel *,
				const struct vhsm_process *);

#endif /* VHSM_PROCESS_CREDS_H */
