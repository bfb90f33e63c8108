// SPDX-License-Identifier: GPL-2.0-only
/*
 * chardev.c - /dev/vhsmN, as vhsm-uapi.h describes it: the thin layer between
 * file operations and sessions.
 *
 * The slice is mapped without struct pages behind it (VM_PFNMAP): nothing in
 * the kernel can then take a lasting reference to one of its pages (direct
 * I/O, vmsplice), which could outlive the file and look into the next owner's
 * slice.  The mapping itself holds the file, and so the slice.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "vhsmfront.h"

static int chardev_open(struct inode *inode, struct file *file)
{
	/* misc_open keeps the device from being unregistered meanwhile. */
	struct vhsm_device *device = container_of(file->private_data,
						  struct vhsm_device, misc);
	struct vhsm_session *session;

	if (READ_ONCE(device->gone))
		return -ENODEV;
	session = vhsm_session_new(device);
	if (!session)
		return -ENOMEM;
	file->private_data = session;
	return nonseekable_open(inode, file);
}

static int chardev_release(struct inode *inode, struct file *file)
{
	vhsm_session_close(file->private_data);
	return 0;
}

static __poll_t chardev_poll(struct file *file, poll_table *wait)
{
	struct vhsm_session *session = file->private_data;
	struct vhsm_queue *queue = session->queue;
	__poll_t events = 0;
	unsigned long flags;

	poll_wait(file, &session->wait, wait);
	poll_wait(file, &queue->room, wait);
	spin_lock_irqsave(&queue->lock, flags);
	if (session->done_count)
		events |= EPOLLIN | EPOLLRDNORM;
	if (!queue->live)
		events |= EPOLLERR;
	if (vhsm_session_full(session))
		;	/* reaping makes room */
	else if (queue->live && queue->free_count <= VHSM_CALLS)
		queue->starved = true;
	else
		events |= EPOLLOUT | EPOLLWRNORM;
	spin_unlock_irqrestore(&queue->lock, flags);
	if (READ_ONCE(session->device->gone))
		events |= EPOLLHUP;
	return events;
}

static int chardev_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vhsm_session *session = file->private_data;
	struct page **pages = session->queue->pool.pages;
	unsigned long count = smp_load_acquire(&session->slice_pages);
	unsigned long i;
	int err = 0;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff >= count ||
	    vma_pages(vma) > count - vma->vm_pgoff)
		return -EINVAL;
	pages += session->slice_first + vma->vm_pgoff;
	for (i = 0; !err && i < vma_pages(vma); i++)
		err = remap_pfn_range(vma, vma->vm_start + i * PAGE_SIZE,
				      page_to_pfn(pages[i]), PAGE_SIZE,
				      vma->vm_page_prot);
	return err;
}

/* ----------------------------------------------------------------- ioctls */

static long ioctl_info(struct vhsm_session *session, void __user *to)
{
	struct vhsm_ioc_info info;

	vhsm_device_info(session->device, &info);
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioctl_slice(struct vhsm_session *session, void __user *user)
{
	struct vhsm_ioc_slice arg;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = vhsm_session_slice(session, &arg.len);
	if (err)
		return err;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_key_open(struct vhsm_session *session, void __user *user)
{
	struct vhsm_ioc_key_open arg;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (READ_ONCE(session->device->gone))
		return -ENODEV;
	err = vhsm_key_open(session, &arg);
	if (err)
		return err;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_key_close(struct vhsm_session *session, u32 __user *user)
{
	u32 handle;

	if (get_user(handle, user))
		return -EFAULT;
	return vhsm_key_close(session, handle);
}

static long ioctl_key_raw(struct vhsm_session *session, void __user *user)
{
	struct vhsm_ioc_key_raw arg;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = vhsm_key_raw(session, &arg);
	if (err)
		return err;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_enter(struct vhsm_session *session, void __user *user)
{
	struct vhsm_ioc_enter arg;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = vhsm_session_enter(session, &arg);
	if (err)
		return err;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long chardev_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	struct vhsm_session *session = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VHSM_IOC_INFO:
		return ioctl_info(session, user);
	case VHSM_IOC_SLICE:
		return ioctl_slice(session, user);
	case VHSM_IOC_KEY_OPEN:
		return ioctl_key_open(session, user);
	case VHSM_IOC_KEY_CLOSE:
		return ioctl_key_close(session, user);
	case VHSM_IOC_ENTER:
		return ioctl_enter(session, user);
	case VHSM_IOC_KEY_RAW:
		return ioctl_key_raw(session, user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations chardev_operations = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.release = chardev_release,
	.poll = chardev_poll,
	.mmap = chardev_mmap,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

int vhsm_chardev_register(struct vhsm_device *device)
{
	struct miscdevice *misc = &device->misc;
	int err;

	snprintf(device->misc_name, sizeof(device->misc_name), "vhsm%u",
		 device->id);
	misc->minor = MISC_DYNAMIC_MINOR;
	misc->name = device->misc_name;
	misc->fops = &chardev_operations;
	misc->parent = &device->xdev->dev;
	misc->groups = vhsm_sysfs_groups;
	err = misc_register(misc);
	if (err)
		dev_err(&device->xdev->dev, "no /dev/%s: error %d\n",
			device->misc_name, err);
	return err;
}

void vhsm_chardev_unregister(struct vhsm_device *device)
{
	misc_deregister(&device->misc);
}
