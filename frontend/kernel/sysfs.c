// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs.c - the device's figures: one value a file under
 * /sys/class/misc/vhsmN/, and VHSM_IOC_INFO, which has the same.
 */
#include <linux/device.h>

#include "vhsmfront.h"

void vhsm_device_info(struct vhsm_device *device, struct vhsm_ioc_info *info)
{
	struct vhsm_queue *queue;
	unsigned long flags;
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->uapi_version = VHSM_UAPI_VERSION;
	info->abi_version = READ_ONCE(device->abi_version);
	info->connected = READ_ONCE(device->connected);
	info->connections = READ_ONCE(device->connections);
	info->queues = device->queue_count;
	info->ring_slots = device->queues[0].slot_count;
	info->slice_max = (u64)(device->queues[0].pool.page_count / 4 * 3) *
			  PAGE_SIZE;
	for (i = 0; i < device->queue_count; i++) {
		queue = &device->queues[i];
		spin_lock_irqsave(&queue->lock, flags);
		info->requests += queue->requests;
		info->notifications_sent += queue->notifications;
		info->interrupts += queue->interrupts;
		spin_unlock_irqrestore(&queue->lock, flags);
	}
}

/* misc_register makes the miscdevice the class device's data. */
static struct vhsm_device *device_of(struct device *dev)
{
	return container_of((struct miscdevice *)dev_get_drvdata(dev),
			    struct vhsm_device, misc);
}

#define VHSM_ATTRIBUTE(_name)						\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct vhsm_ioc_info info;					\
									\
	vhsm_device_info(device_of(dev), &info);			\
	return scnprintf(buf, PAGE_SIZE, "%llu\n", (u64)info._name);	\
}									\
static DEVICE_ATTR_RO(_name)

VHSM_ATTRIBUTE(abi_version);
VHSM_ATTRIBUTE(connected);
VHSM_ATTRIBUTE(connections);
VHSM_ATTRIBUTE(queues);
VHSM_ATTRIBUTE(ring_slots);
VHSM_ATTRIBUTE(slice_max);
VHSM_ATTRIBUTE(requests);
VHSM_ATTRIBUTE(notifications_sent);
VHSM_ATTRIBUTE(interrupts);

static struct attribute *vhsm_attributes[] = {
	&dev_attr_abi_version.attr,
	&dev_attr_connected.attr,
	&dev_attr_connections.attr,
	&dev_attr_queues.attr,
	&dev_attr_ring_slots.attr,
	&dev_attr_slice_max.attr,
	&dev_attr_requests.attr,
	&dev_attr_notifications_sent.attr,
	&dev_attr_interrupts.attr,
	NULL
};

static const struct attribute_group vhsm_attribute_group = {
	.attrs = vhsm_attributes,
};

const struct attribute_group *vhsm_sysfs_groups[] = {
	&vhsm_attribute_group,
	NULL
};
