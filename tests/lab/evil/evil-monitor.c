// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-monitor - the kernel of a monitor domain that was taken over.
 * xen-privcmd lets programs map the domain's target only and make no hypercall;
 * /dev/evil-monitor lets them try everything, so that what is refused, Xen
 * itself refuses.
 *
 * ioctl EVIL_HYPERCALL makes a hypercall; mmap of one page at offset
 * (domid << 32 | frame) << 12 maps that frame of that domain.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include <xen/xen-ops.h>
#include <asm/xen/hypercall.h>

#include "evil-monitor.h"

static long evil_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct evil_hypercall call;

	if (cmd != EVIL_HYPERCALL)
		return -ENOTTY;
	if (copy_from_user(&call, (void __user *)arg, sizeof(call)))
		return -EFAULT;
	return privcmd_call(call.op, call.arg[0], call.arg[1], call.arg[2],
			    call.arg[3], call.arg[4]);
}

static int evil_mmap(struct file *file, struct vm_area_struct *vma)
{
	xen_pfn_t frame = vma->vm_pgoff & 0xffffffff;
	unsigned int domid = vma->vm_pgoff >> 32;
	int error = 0, n;

	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND;
	n = xen_remap_pfn(vma, vma->vm_start, &frame, 1, &error,
			  vma->vm_page_prot, domid, false);
	if (error)
		return error;
	return n < 0 ? n : 0;
}

static const struct file_operations evil_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = evil_ioctl,
	.mmap = evil_mmap,
};

static struct miscdevice evil_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "evil-monitor",
	.fops = &evil_operations,
};

module_misc_device(evil_device);
MODULE_DESCRIPTION("lab: a monitor domain's kernel, taken over");
MODULE_LICENSE("GPL");
