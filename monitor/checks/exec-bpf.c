/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec-bpf.c - where the JIT compiler of BPF puts its code: packs, that many
 * small programs share (struct bpf_prog_pack, huge pages), and images of their
 * own, each of which is in the list bpf_kallsyms.
 */
#include <errno.h>

#include "checks/exec-owner.h"

#define LIST_MAX	65536u		/* entries */
#define IMAGE_MAX	(1ull << 20)	/* bytes of one program */
#define NODES_MAX	64u
#define HUGE_PAGE	(2ull << 20)
#define PAGE		4096ull

struct bpf {
	struct vhsm_owners *owners;
	const struct vhsm_kernel *kernel;
};

/*
 * A pack is as long as a huge page for each node of memory there may be
 * (core.c: BPF_PROG_PACK_SIZE), wherever it begins: module_alloc promises a
 * small page's alignment only.  Kernels that ask for huge pages, and take one
 * small page where these cannot be had (5.18), keep the length in
 * bpf_prog_pack_size.
 */
static uint64_t pack_len(const struct vhsm_kernel *k)
{
	uint64_t at, len;
	uint32_t nodes = 1;

	if (!vhsm_kernel_symbol(k, "bpf_prog_pack_size", &at) &&
	    !vhsm_kernel_read_u64(k, at, &len) && len <= NODES_MAX * HUGE_PAGE)
		return len;
	if (vhsm_kernel_symbol(k, "nr_node_ids", &at) ||
	    vhsm_kernel_read_u32(k, at, &nodes) || !nodes || nodes > NODES_MAX)
		nodes = 1;
	return nodes * HUGE_PAGE;
}

static int visit_pack(uint64_t va, void *arg)
{
	struct bpf *b = arg;
	uint64_t start;

	if (vhsm_kernel_read_member(b->kernel, va, VHSM_L_bpf_prog_pack__ptr,
				    &start))
		return -EFAULT;
	start &= ~(PAGE - 1);
	return vhsm_owners_add(b->owners, start, pack_len(b->kernel), "bpf");
}

static int visit_image(uint64_t va, void *arg)
{
	struct bpf *b = arg;
	uint64_t start, end;

	if (vhsm_kernel_read_member(b->kernel, va, VHSM_L_bpf_ksym__start,
				    &start) ||
	    vhsm_kernel_read_member(b->kernel, va, VHSM_L_bpf_ksym__end, &end))
		return -EFAULT;
	if (end <= start || end - start > IMAGE_MAX)
		return 0;
	return vhsm_owners_add(b->owners, start, end - start, "bpf");
}

static int walk(struct bpf *b, const char *list, enum vhsm_layout node,
		vhsm_node_visit *visit)
{
	struct vhsm_member member = vhsm_reference_layout(b->kernel->reference,
							  node);
	uint64_t head;

	if (member.offset == VHSM_NO_MEMBER ||
	    vhsm_kernel_symbol(b->kernel, list, &head))
		return 0;		/* this kernel has none */
	return vhsm_kernel_walk_list(b->kernel, head, member.offset, LIST_MAX,
				     visit, b);
}

int vhsm_owners_add_bpf(struct vhsm_owners *owners, const struct vhsm_kernel *k)
{
	struct bpf b = { .owners = owners, .kernel = k };
	int rc = walk(&b, "pack_list", VHSM_L_bpf_prog_pack__list, visit_pack);

	if (rc == 0)
		rc = walk(&b, "bpf_kallsyms", VHSM_L_bpf_ksym__lnode,
			  visit_image);
	return rc;
}
