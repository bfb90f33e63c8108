/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - a running Linux kernel seen from outside: one guest's memory, read
 * by the approved image's symbols and layouts.
 *
 * The slide is found by looking for the image's text in the upper half of the
 * page tables, never by asking the guest; kernel addresses are translated by
 * the image's own top table (init_top_pgt), found by its symbol, so that no
 * process's tables, and no CR3 that a vCPU happens to have, matter; that these
 * map the same kernel is for a check to say (checks/kernel-shadow.c).
 *
 * Everything read is untrusted: lists and trees are walked for a bounded number
 * of steps, and a walk that meets an address twice, or leaves the mapped
 * kernel, ends with an error that says so.
 */
#ifndef VHSM_KERNEL_H
#define VHSM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/address-space.h"
#include "introspect/reference.h"

#define VHSM_VCPUS_MAX 128u
#define VHSM_KERNEL_WHY_LEN 200u

/* A vCPU's registers, from the hypervisor by way of the responder. */
struct vhsm_vcpu {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t idt_base;
	uint32_t idt_limit;
	uint32_t online;		/* 0: nothing else is meaningful */
	uint64_t lstar, cstar, star, sfmask;
	uint64_t sysenter_eip;
	uint64_t gs_base, kernel_gs_base;
	uint64_t rip, rsp;
};

struct vhsm_kernel {
	struct vhsm_guest_memory *memory;	/* borrowed */
	const struct vhsm_reference *reference;	/* borrowed */
	struct vhsm_address_space space;	/* of the kernel */
	uint64_t slide;			/* add it to link addresses */
	uint64_t phys_base;		/* physical of link address 0, wrapping */
	uint64_t image_start;		/* _text, slid */
	uint64_t text_end;		/* _etext, slid */
	uint64_t image_end;		/* _end, slid */
	unsigned vcpu_count;
	struct vhsm_vcpu vcpu[VHSM_VCPUS_MAX];
};

/*
 * Finds the kernel by the vCPUs' CR3, in their order (any mode, either half of
 * a split table).
 * 0; -ENOENT when no text like the image's is there (the guest boots, or is
 * another kernel); -EINVAL for impossible registers; with why.
 */
int vhsm_kernel_find(struct vhsm_kernel *, struct vhsm_guest_memory *,
		     const struct vhsm_reference *,
		     const struct vhsm_vcpu *vcpu, unsigned vcpu_count,
		     char *why);

/*
 * Whether a kernel that was found has not started its first process yet, and
 * may still look like one that was tampered with.  A guest that wants to be
 * taken for one that boots can be: give it only as long as a boot may take.
 */
bool vhsm_kernel_boots(const struct vhsm_kernel *);

/* Fresh registers for a kernel that was found: 0, or -EINVAL for none or too
 * many. */
int vhsm_kernel_set_vcpus(struct vhsm_kernel *, const struct vhsm_vcpu *vcpu,
			  unsigned vcpu_count);

/* The guest's address of a symbol of the image: 0 or -ENOENT. */
int vhsm_kernel_symbol(const struct vhsm_kernel *, const char *name,
		       uint64_t *va);
/* Like vhsm_reference_symbol_at, for a guest's address: "name+0x12" into text,
 * or "" outside the image. */
void vhsm_kernel_describe(const struct vhsm_kernel *, uint64_t va, char *text,
			  size_t size);
/* Whether va is in the image's text (_text.._etext, slid). */
bool vhsm_kernel_in_text(const struct vhsm_kernel *, uint64_t va);

/* 0 or -EFAULT. */
int vhsm_kernel_read(const struct vhsm_kernel *, uint64_t va, void *buf,
		     size_t len);
int vhsm_kernel_read_u64(const struct vhsm_kernel *, uint64_t va, uint64_t *);
int vhsm_kernel_read_u32(const struct vhsm_kernel *, uint64_t va, uint32_t *);
/* A member of the structure at va, of its own size (1, 2, 4 or 8 bytes). */
int vhsm_kernel_read_member(const struct vhsm_kernel *, uint64_t va,
			    enum vhsm_layout, uint64_t *value);
/* A string of at most size - 1 bytes, made printable ASCII ('?' for the rest);
 * always terminated: 0 or -EFAULT. */
int vhsm_kernel_read_text(const struct vhsm_kernel *, uint64_t va, char *text,
			  size_t size);

/* Anything but 0 ends the walk, which returns it.  va: of the structure that
 * holds the node. */
typedef int vhsm_node_visit(uint64_t va, void *arg);

/*
 * Walks a circular list (struct list_head) from its head, giving each entry's
 * address less offset, the node's place in it.  At most limit entries.  0;
 * -ELOOP when it comes back to an entry that is not the head; -EFAULT when it
 * leaves what is mapped; -E2BIG at the limit; or what visit returned.
 */
int vhsm_kernel_walk_list(const struct vhsm_kernel *, uint64_t head,
			  uint32_t offset, unsigned limit, vhsm_node_visit *,
			  void *arg);
/* The same for an RCU hash list (struct hlist_head). */
int vhsm_kernel_walk_hlist(const struct vhsm_kernel *, uint64_t head,
			   uint32_t offset, unsigned limit, vhsm_node_visit *,
			   void *arg);
/* All nodes of a red-black tree (struct rb_root), in no promised order; -ELOOP
 * when it is deeper than a balanced tree could be. */
int vhsm_kernel_walk_rbtree(const struct vhsm_kernel *, uint64_t root,
			    uint32_t offset, unsigned limit, vhsm_node_visit *,
			    void *arg);
/* All non-NULL entries of an XArray or IDR (struct xarray), with their index;
 * -ELOOP when a node's level is not below its parent's, -E2BIG also for more
 * nodes than that many entries can have. */
typedef int vhsm_xarray_visit(uint64_t index, uint64_t entry, void *arg);
int vhsm_kernel_walk_xarray(const struct vhsm_kernel *, uint64_t xarray,
			    unsigned limit, vhsm_xarray_visit *, void *arg);

#endif /* VHSM_KERNEL_H */
