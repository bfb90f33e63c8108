/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-walk.c - the kernel's lists and trees, which the guest may have bent:
 * every walk has a bound that holds whatever stands in memory.
 */
#include "introspect/kernel.h"

#include <errno.h>
#include <string.h>

/* Remembers one of the nodes seen, at ever longer distances (Brent's way to
 * find a cycle): one that comes again is told within three times the way. */
struct marker {
	uint64_t node;
	unsigned steps, power;
};

static bool is_loop(struct marker *m, uint64_t node)
{
	if (m->power && node == m->node)
		return true;
	if (m->steps == m->power) {
		m->node = node;
		m->power = m->power ? 2 * m->power : 1;
		m->steps = 0;
	}
	m->steps++;
	return false;
}

static int walk_chain(const struct vhsm_kernel *k, uint64_t node, uint64_t end,
		      enum vhsm_layout link, uint32_t offset, unsigned limit,
		      vhsm_node_visit *visit, void *arg)
{
	struct marker marker = { 0 };
	uint64_t next;
	unsigned n;
	int r = 0;

	for (n = 0; !r && node != end; n++) {
		if (n == limit)
			return -E2BIG;
		if (is_loop(&marker, node))
			return -ELOOP;
		r = vhsm_kernel_read_member(k, node, link, &next);
		if (r)
			return r;
		r = visit(node - offset, arg);
		node = next;
	}
	return r;
}

int vhsm_kernel_walk_list(const struct vhsm_kernel *k, uint64_t head,
			  uint32_t offset, unsigned limit,
			  vhsm_node_visit *visit, void *arg)
{
	uint64_t first;
	int r;

	r = vhsm_kernel_read_member(k, head, VHSM_L_list_head__next, &first);
	return r ? r : walk_chain(k, first, head, VHSM_L_list_head__next,
				  offset, limit, visit, arg);
}

int vhsm_kernel_walk_hlist(const struct vhsm_kernel *k, uint64_t head,
			   uint32_t offset, unsigned limit,
			   vhsm_node_visit *visit, void *arg)
{
	uint64_t first;
	int r;

	r = vhsm_kernel_read_member(k, head, VHSM_L_hlist_head__first, &first);
	return r ? r : walk_chain(k, first, 0, VHSM_L_hlist_node__next, offset,
				  limit, visit, arg);
}

/* A red-black tree of n nodes is at most 2 * log2(n + 1) deep. */
#define RB_DEPTH_MAX 64u

int vhsm_kernel_walk_rbtree(const struct vhsm_kernel *k, uint64_t root,
			    uint32_t offset, unsigned limit,
			    vhsm_node_visit *visit, void *arg)
{
	/* nodes yet to be visited: at most one sibling a level, and a node */
	struct { uint64_t node; unsigned depth; } todo[RB_DEPTH_MAX + 2];
	unsigned count = 0, depth, n = 0;
	uint64_t node, left, right;
	int r;

	r = vhsm_kernel_read_member(k, root, VHSM_L_rb_root__rb_node, &node);
	if (r || !node)
		return r;
	todo[count].node = node;
	todo[count++].depth = 1;
	while (count) {
		node = todo[--count].node;
		depth = todo[count].depth;
		if (n++ == limit)
			return -E2BIG;
		if (depth > RB_DEPTH_MAX)
			return -ELOOP;
		r = vhsm_kernel_read_member(k, node, VHSM_L_rb_node__rb_left,
					    &left);
		if (!r)
			r = vhsm_kernel_read_member(k, node,
						    VHSM_L_rb_node__rb_right,
						    &right);
		if (!r)
			r = visit(node - offset, arg);
		if (r)
			return r;
		if (right) {
			todo[count].node = right;
			todo[count++].depth = depth + 1;
		}
		if (left) {
			todo[count].node = left;
			todo[count++].depth = depth + 1;
		}
	}
	return 0;
}

/*
 * XArrays (include/linux/xarray.h of Linux): an entry whose low bits are 10 is
 * internal, a node when it is above 4096; smaller ones are siblings, retries
 * and zeros, which stand for nothing of their own.
 */
#define XA_INTERNAL_MASK	UINT64_C(3)
#define XA_INTERNAL		UINT64_C(2)
#define XA_NODE_LEAST		UINT64_C(4097)
#define XA_SLOTS_MAX		64u
#define XA_SHIFT_MAX		60u

struct xarray_walk {
	const struct vhsm_kernel *kernel;
	uint32_t slots_at;
	unsigned slots;			/* of a node, a power of two */
	unsigned slot_bits;
	unsigned limit;			/* entries yet to be given */
	uint64_t nodes;			/* that may yet be read */
	vhsm_xarray_visit *visit;
	void *arg;
};

static bool is_internal(uint64_t entry)
{
	return (entry & XA_INTERNAL_MASK) == XA_INTERNAL;
}

static bool is_node(uint64_t entry)
{
	return is_internal(entry) && entry >= XA_NODE_LEAST;
}

static int visit_entry(struct xarray_walk *w, uint64_t index, uint64_t entry)
{
	if (!w->limit)
		return -E2BIG;
	w->limit--;
	return w->visit(index, entry, w->arg);
}

/* Recurses as deep as there are levels, for the shift falls at each. */
static int walk_node(struct xarray_walk *w, uint64_t node, uint64_t index,
		     unsigned shift)
{
	uint64_t slot[XA_SLOTS_MAX], at, own;
	unsigned i;
	int r;

	if (!w->nodes)
		return -E2BIG;
	w->nodes--;
	r = vhsm_kernel_read_member(w->kernel, node, VHSM_L_xa_node__shift,
				    &own);
	if (!r && own != shift)
		return -ELOOP;
	if (!r)
		r = vhsm_kernel_read(w->kernel, node + w->slots_at, slot,
				     w->slots * sizeof(*slot));
	for (i = 0; !r && i < w->slots; i++) {
		at = index + ((uint64_t)i << shift);
		if (is_node(slot[i])) {
			if (shift < w->slot_bits)
				return -ELOOP;
			r = walk_node(w, slot[i] - XA_INTERNAL, at,
				      shift - w->slot_bits);
		} else if (slot[i] && !is_internal(slot[i])) {
			r = visit_entry(w, at, slot[i]);
		}
	}
	return r;
}

static int xarray_init(struct xarray_walk *w, const struct vhsm_kernel *k)
{
	struct vhsm_member slots = vhsm_reference_layout(k->reference,
							 VHSM_L_xa_node__slots);

	w->kernel = k;
	w->slots_at = slots.offset;
	w->slots = slots.size / 8;
	if (!w->slots || w->slots > XA_SLOTS_MAX ||
	    w->slots & (w->slots - 1))
		return -EINVAL;
	w->slot_bits = (unsigned)__builtin_ctz(w->slots);
	return 0;
}

int vhsm_kernel_walk_xarray(const struct vhsm_kernel *k, uint64_t xarray,
			    unsigned limit, vhsm_xarray_visit *visit, void *arg)
{
	struct xarray_walk w = {
		.limit = limit, .visit = visit, .arg = arg,
	};
	uint64_t head, shift;
	int r;

	r = xarray_init(&w, k);
	if (!r)
		r = vhsm_kernel_read_member(k, xarray, VHSM_L_xarray__xa_head,
					    &head);
	if (r || !head || (is_internal(head) && !is_node(head)))
		return r;
	if (!is_node(head))
		return visit_entry(&w, 0, head);
	head -= XA_INTERNAL;
	r = vhsm_kernel_read_member(k, head, VHSM_L_xa_node__shift, &shift);
	if (r)
		return r;
	if (shift > XA_SHIFT_MAX || shift % w.slot_bits)
		return -ELOOP;
	/* A node that is there has an entry below it. */
	w.nodes = (uint64_t)limit * (shift / w.slot_bits + 1) + 1;
	return walk_node(&w, head, 0, (unsigned)shift);
}
