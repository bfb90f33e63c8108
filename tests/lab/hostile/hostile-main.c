// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-main.c - the module: runs attacks by name and keeps the results.
 *
 *   echo NAME > /sys/kernel/debug/vhsm-hostile/attack    or "all"
 *   cat /sys/kernel/debug/vhsm-hostile/attack            the names
 *   cat /sys/kernel/debug/vhsm-hostile/result            since loaded
 *
 * or attack=NAME when loading it, which runs once the device is there.  A
 * result is a line, here and in the kernel's log:
 *
 *   ATTACK name: backend said ...: held          it did as vhsmif.h wants and
 *                                                serves a proper connection
 *   ATTACK name: backend said ...: BROKEN        it did not
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/xen.h>

#include "hostile.h"

char *hostile_key = "web-data";
module_param_named(key, hostile_key, charp, 0444);
MODULE_PARM_DESC(key, "an AES key of this guest, for flip-input");

char *hostile_victim = "web-tls";
module_param_named(victim, hostile_victim, charp, 0444);
MODULE_PARM_DESC(victim, "a key of another guest, for name-of-another");

static char *attack;
module_param(attack, charp, 0444);
MODULE_PARM_DESC(attack, "attack to run at once: a name, or all");

#define RESULT_LEN 16384

static const struct hostile_attack *const tables[] = {
	hostile_request_attacks, hostile_ring_attacks, hostile_node_attacks,
	hostile_pool_attacks,
};

static struct hostile *hostile;		/* the device; one is enough */
static DEFINE_MUTEX(hostile_lock);	/* hostile; held while attacking */
static DEFINE_MUTEX(result_lock);	/* result */
static char result[RESULT_LEN];
static struct dentry *root;

static void report(const char *name, const char *said, bool held)
{
	size_t len;

	pr_info("ATTACK %s: backend said %s: %s\n", name, said,
		held ? "held" : "BROKEN");
	mutex_lock(&result_lock);
	len = strlen(result);
	scnprintf(result + len, RESULT_LEN - len,
		  "ATTACK %s: backend said %s: %s\n", name, said,
		  held ? "held" : "BROKEN");
	mutex_unlock(&result_lock);
}

static void run(struct hostile *h, const struct hostile_attack *one)
{
	char said[HOSTILE_SAID_LEN] = "nothing";
	bool held;
	int err;

	err = one->connected ? hostile_connect(h) : hostile_reset(h);
	if (err) {
		snprintf(said, sizeof(said), "nothing before it (error %d)",
			 err);
		report(one->name, said, false);
		return;
	}
	held = one->run(h, said);
	if (held)	/* and it serves who behaves */
		held = !hostile_connect(h) && hostile_alive(h);
	report(one->name, said, held);
}

static int run_named(const char *name)
{
	bool all = !strcmp(name, "all");
	const struct hostile_attack *one;
	unsigned int i, count = 0;

	if (!hostile)
		return -ENODEV;
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (one = tables[i]; one->name; one++) {
			if (!all && strcmp(name, one->name))
				continue;
			run(hostile, one);
			count++;
		}
	}
	return count ? 0 : -EINVAL;
}

/* --------------------------------------------------------------- debugfs */

static int attack_show(struct seq_file *seq, void *unused)
{
	const struct hostile_attack *one;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (one = tables[i]; one->name; one++)
			seq_printf(seq, "%s\n", one->name);
	return 0;
}

static int attack_open(struct inode *inode, struct file *file)
{
	return single_open(file, attack_show, NULL);
}

static ssize_t attack_write(struct file *file, const char __user *from,
			    size_t len, loff_t *offset)
{
	char name[40];
	int err;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, len))
		return -EFAULT;
	name[len] = '\0';
	mutex_lock(&hostile_lock);
	err = run_named(strim(name));
	mutex_unlock(&hostile_lock);
	return err ? err : len;
}

static const struct file_operations attack_fops = {
	.owner = THIS_MODULE,
	.open = attack_open,
	.read = seq_read,
	.write = attack_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int result_show(struct seq_file *seq, void *unused)
{
	mutex_lock(&result_lock);
	seq_puts(seq, result);
	mutex_unlock(&result_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* ---------------------------------------------------------------- device */

static int hostile_probe(struct xenbus_device *xdev,
			 const struct xenbus_device_id *id)
{
	struct hostile *h = kzalloc(sizeof(*h), GFP_KERNEL);
	int err;

	if (!h)
		return -ENOMEM;
	h->xdev = xdev;
	init_waitqueue_head(&h->wait);
	err = hostile_allocate(h);
	if (err)
		goto err_release;
	dev_set_drvdata(&xdev->dev, h);
	mutex_lock(&hostile_lock);
	hostile = h;
	mutex_unlock(&hostile_lock);
	/* Not on its way to being connected: loading does not wait for it. */
	xenbus_switch_state(xdev, XenbusStateClosed);
	return 0;

err_release:
	hostile_release(h);
	kfree(h);
	return err;
}

static VHSM_REMOVE_TYPE hostile_remove(struct xenbus_device *xdev)
{
	struct hostile *h = dev_get_drvdata(&xdev->dev);

	mutex_lock(&hostile_lock);
	hostile = NULL;
	mutex_unlock(&hostile_lock);
	hostile_disconnect(h);
	hostile_release(h);
	kfree(h);
	VHSM_REMOVE_RETURN;
}

static const struct xenbus_device_id ids[] = {
	{ VHSM_DEVICE_CLASS },
	{ "" }
};

static struct xenbus_driver driver = {
	.name = "vhsm-hostile",
	.ids = ids,
	VHSM_NOT_ESSENTIAL
	.probe = hostile_probe,
	.remove = hostile_remove,
	.otherend_changed = hostile_changed,
};

static int __init hostile_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	err = xenbus_register_frontend(&driver);
	if (err)
		return err;
	root = debugfs_create_dir("vhsm-hostile", NULL);
	debugfs_create_file("attack", 0600, root, NULL, &attack_fops);
	debugfs_create_file("result", 0400, root, NULL, &result_fops);
	if (attack) {
		mutex_lock(&hostile_lock);
		run_named(attack);
		mutex_unlock(&hostile_lock);
	}
	return 0;
}

static void __exit hostile_exit(void)
{
	debugfs_remove_recursive(root);
	xenbus_unregister_driver(&driver);
}

module_init(hostile_init);
module_exit(hostile_exit);

MODULE_DESCRIPTION("A hostile vhsm frontend, for tests of the backend");
MODULE_AUTHOR("The xen-vhsm authors");
MODULE_LICENSE("GPL");
