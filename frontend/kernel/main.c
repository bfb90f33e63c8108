// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - xen-vhsmfront: the guest's side of the vhsm device.
 *
 * The module, its parameters, and the coming and going of devices.  What
 * happens between is in connect.c (the connection), session.c (open files),
 * ring.c and pool.c (what is shared with the backend).
 */
#include <linux/module.h>
#include <linux/slab.h>

#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "vhsmfront.h"

unsigned int vhsm_param_queues;
module_param_named(queues, vhsm_param_queues, uint, 0444);
MODULE_PARM_DESC(queues, "queues (rings with a pool each) per device; 0, the default: one per CPU, as many as the backend offers");

unsigned int vhsm_param_ring_order = 3;
module_param_named(ring_order, vhsm_param_ring_order, uint, 0444);
MODULE_PARM_DESC(ring_order, "log2 of the pages of a ring, 0..4; 3, the default, holds 256 requests");

unsigned int vhsm_param_pool_pages = 1024;
module_param_named(pool_pages, vhsm_param_pool_pages, uint, 0444);
MODULE_PARM_DESC(pool_pages, "pages of 4 KiB in a queue's buffer pool, at most 8192; default 1024: 4 MiB, of which one file may have three quarters");

unsigned short vhsm_param_rng_quality = 100;
module_param_named(rng_quality, vhsm_param_rng_quality, ushort, 0444);
MODULE_PARM_DESC(rng_quality, "bits of entropy credited per 1024 bits of the backend's random bytes, 1..1024; default 100");

struct workqueue_struct *vhsm_workqueue;

static void device_free(struct kref *ref)
{
	struct vhsm_device *device =
		container_of(ref, struct vhsm_device, ref);

	while (device->queue_count)
		vhsm_queue_deinit(&device->queues[--device->queue_count]);
	kfree(device->queues);
	memzero_explicit(device->rng_bytes, sizeof(device->rng_bytes));
	kfree(device);
}

void vhsm_device_get(struct vhsm_device *device)
{
	kref_get(&device->ref);
}

void vhsm_device_put(struct vhsm_device *device)
{
	kref_put(&device->ref, device_free);
}

/* The N of "device/vhsm/N". */
static int device_number(const struct xenbus_device *xdev, unsigned int *id)
{
	const char *last = strrchr(xdev->nodename, '/');

	return last ? kstrtouint(last + 1, 10, id) : -EINVAL;
}

static int vhsm_probe(struct xenbus_device *xdev,
		      const struct xenbus_device_id *id)
{
	struct vhsm_device *device;
	int err;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	err = device_number(xdev, &device->id);
	if (err)
		goto err_free_device;
	kref_init(&device->ref);
	device->xdev = xdev;
	mutex_init(&device->lock);
	spin_lock_init(&device->list_lock);
	INIT_LIST_HEAD(&device->sessions);
	init_waitqueue_head(&device->call_free);
	vhsm_connect_init(device);
	vhsm_hwrng_init(device);
	dev_set_drvdata(&xdev->dev, device);
	err = vhsm_connect_watch(device);
	if (err)
		goto err_free_device;
	vhsm_debugfs_add(device);
	xenbus_switch_state(xdev, XenbusStateInitialising);
	return 0;

err_free_device:
	dev_set_drvdata(&xdev->dev, NULL);
	kfree(device);
	return err;
}

static VHSM_REMOVE_TYPE vhsm_remove(struct xenbus_device *xdev)
{
	struct vhsm_device *device = dev_get_drvdata(&xdev->dev);

	vhsm_connect_deinit(device);
	vhsm_debugfs_remove(device);
	vhsm_hwrng_unregister(device);
	if (device->registered)
		vhsm_chardev_unregister(device);
	device->xdev = NULL;
	dev_set_drvdata(&xdev->dev, NULL);
	vhsm_device_put(device);
	VHSM_REMOVE_RETURN;
}

static const struct xenbus_device_id vhsm_ids[] = {
	{ VHSM_DEVICE_CLASS },
	{ "" }
};

static struct xenbus_driver vhsm_driver = {
	.name = "vhsm",
	.ids = vhsm_ids,
	VHSM_NOT_ESSENTIAL
	.probe = vhsm_probe,
	.remove = vhsm_remove,
	.suspend = vhsm_connect_suspend,
	.resume = vhsm_connect_resume,
	.otherend_changed = vhsm_connect_changed,
};

static int __init vhsm_init(void)
{
	int err;

	if (!xen_domain() || !xen_has_pv_devices())
		return -ENODEV;
	err = vhsm_selftest();
	if (err)
		return err;
	vhsm_param_rng_quality = clamp_t(unsigned short,
					 vhsm_param_rng_quality, 1, 1024);
	vhsm_workqueue = alloc_workqueue("vhsm", WQ_UNBOUND, 0);
	if (!vhsm_workqueue)
		return -ENOMEM;
	vhsm_debugfs_init();
	err = xenbus_register_frontend(&vhsm_driver);
	if (err)
		goto err_destroy_workqueue;
	return 0;

err_destroy_workqueue:
	vhsm_debugfs_deinit();
	destroy_workqueue(vhsm_workqueue);
	return err;
}

/* Destroying the workqueue waits for sessions still giving up their slices. */
static void __exit vhsm_exit(void)
{
	xenbus_unregister_driver(&vhsm_driver);
	destroy_workqueue(vhsm_workqueue);
	vhsm_debugfs_deinit();
}

module_init(vhsm_init);
module_exit(vhsm_exit);

MODULE_DESCRIPTION("Virtual HSM for Xen guests: frontend");
MODULE_AUTHOR("The xen-vhsm authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen:vhsm");
