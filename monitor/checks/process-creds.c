/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process-creds.c - reads what a task may do.
 *
 * begin_new_exec() (fs/exec.c) holds the process's cred_guard_mutex, raises
 * self_exec_id, and then commits credentials.  So credentials that were read
 * before the id are never newer than it; and they are not older either when
 * afterwards nobody has the mutex and the id is still the same.
 */
#include "checks/process-creds.h"

#include <errno.h>
#include <string.h>

#define S_ISUID_BIT	04000u

bool vhsm_creds_has_id(const struct vhsm_creds *c, uint32_t id)
{
	return c->uid == id || c->euid == id || c->suid == id;
}

bool vhsm_creds_privileged(const struct vhsm_creds *c)
{
	return vhsm_creds_has_id(c, 0) || c->fsuid == 0 ||
		(c->permitted && c->first_ns);
}

static int read_u32(const struct vhsm_kernel *k, uint64_t va,
		    enum vhsm_layout member, uint32_t *value)
{
	uint64_t wide;
	int r = vhsm_kernel_read_member(k, va, member, &wide);

	if (!r)
		*value = (uint32_t)wide;
	return r;
}

static int read_namespace(const struct vhsm_kernel *k, struct vhsm_creds *c)
{
	uint64_t first;

	if (vhsm_reference_layout(k->reference, VHSM_L_cred__user_ns).offset ==
	    VHSM_NO_MEMBER || vhsm_kernel_symbol(k, "init_user_ns", &first)) {
		c->first_ns = true;
		return 0;
	}
	if (vhsm_kernel_read_member(k, c->real_cred, VHSM_L_cred__user_ns,
				    &c->user_ns))
		return -EFAULT;
	c->first_ns = c->user_ns == first;
	return 0;
}

static int read_creds(const struct vhsm_kernel *k, uint64_t task,
		      struct vhsm_creds *c)
{
	uint64_t at;

	if (vhsm_kernel_read_member(k, task, VHSM_L_task_struct__cred,
				    &c->cred) ||
	    vhsm_kernel_read_member(k, task, VHSM_L_task_struct__real_cred,
				    &c->real_cred))
		return -EFAULT;
	at = c->real_cred;
	if (read_u32(k, at, VHSM_L_cred__uid, &c->uid) ||
	    read_u32(k, at, VHSM_L_cred__euid, &c->euid) ||
	    read_u32(k, at, VHSM_L_cred__suid, &c->suid) ||
	    read_u32(k, at, VHSM_L_cred__fsuid, &c->fsuid) ||
	    vhsm_kernel_read_member(k, at, VHSM_L_cred__cap_permitted,
				    &c->permitted))
		return -EFAULT;
	return read_namespace(k, c);
}

static bool exec_locked(const struct vhsm_kernel *k, uint64_t task)
{
	uint64_t signal, owner;

	if (vhsm_reference_layout(k->reference,
			VHSM_L_signal_struct__cred_guard_owner).offset ==
	    VHSM_NO_MEMBER)
		return false;
	if (vhsm_kernel_read_member(k, task, VHSM_L_task_struct__signal,
				    &signal))
		return true;
	if (!signal)
		return false;
	return vhsm_kernel_read_member(k, signal,
				       VHSM_L_signal_struct__cred_guard_owner,
				       &owner) || owner;
}

int vhsm_process_read(const struct vhsm_kernel *k, const struct vhsm_task *t,
		      struct vhsm_process *p)
{
	uint64_t again, start;

	memset(p, 0, sizeof(*p));
	p->va = t->va;
	p->start = t->start;
	p->pid = t->pid;
	p->tgid = t->tgid;
	if (read_creds(k, t->va, &p->creds) ||
	    vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__self_exec_id,
				    &p->exec_id) ||
	    vhsm_kernel_read_member(k, t->va,
				    VHSM_L_task_struct__parent_exec_id,
				    &p->parent_exec_id) ||
	    vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__real_parent,
				    &p->parent) ||
	    vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__mm, &p->mm))
		return -EFAULT;
	p->execing = exec_locked(k, t->va);
	if (vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__self_exec_id,
				    &again) ||
	    vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__start_time,
				    &start) || start != t->start)
		return -EFAULT;
	p->execing |= again != p->exec_id;
	p->harmless = !vhsm_creds_has_id(&p->creds, 0) && p->creds.fsuid &&
		!p->creds.permitted;
	return 0;
}

bool vhsm_process_plain_program(const struct vhsm_kernel *k,
				const struct vhsm_process *p)
{
	uint64_t file, inode, mode, owner;

	if (!p->mm ||
	    vhsm_kernel_read_member(k, p->mm, VHSM_L_mm_struct__exe_file,
				    &file) || !file ||
	    vhsm_kernel_read_member(k, file, VHSM_L_file__f_inode, &inode) ||
	    !inode ||
	    vhsm_kernel_read_member(k, inode, VHSM_L_inode__i_mode, &mode) ||
	    vhsm_kernel_read_member(k, inode, VHSM_L_inode__i_uid, &owner))
		return false;
	return !(mode & S_ISUID_BIT && owner == 0);
}
