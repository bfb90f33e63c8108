/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/probe-list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KPROBE_BUCKETS	64u		/* KPROBE_TABLE_SIZE */
#define HASH_BITS_MAX	14u		/* FTRACE_HASH_MAX_BITS is 12 */
#define POINTER_LEN	8u

struct reader {
	const struct vhsm_kernel *kernel;
	struct vhsm_probe_list *list;
	size_t probe_room, direct_room;
};

static uint32_t offset(const struct vhsm_kernel *k, enum vhsm_layout member)
{
	return vhsm_reference_layout(k->reference, member).offset;
}

/* --- hashes of functions --- */

struct hash_walk {
	const struct vhsm_kernel *kernel;
	vhsm_hash_visit *visit;
	void *arg;
	unsigned *steps;
};

static int entry_visit(uint64_t va, void *arg)
{
	struct hash_walk *w = arg;
	uint64_t ip, direct;

	if (!*w->steps)
		return -E2BIG;
	--*w->steps;
	int error = vhsm_kernel_read_member(
		w->kernel, va, VHSM_L_ftrace_func_entry__ip, &ip);

	if (!error)
		error = vhsm_kernel_read_member(
			w->kernel, va, VHSM_L_ftrace_func_entry__direct,
			&direct);
	return error ? error : w->visit(ip, direct, w->arg);
}

uint64_t vhsm_ftrace_hash_count(const struct vhsm_kernel *k, uint64_t hash)
{
	uint64_t count;

	if (!hash ||
	    vhsm_kernel_read_member(k, hash, VHSM_L_ftrace_hash__count, &count))
		return 0;
	return count;
}

int vhsm_ftrace_hash_walk(const struct vhsm_kernel *k, uint64_t hash,
			  unsigned *steps, vhsm_hash_visit *visit, void *arg)
{
	struct hash_walk walk = { k, visit, arg, steps };
	uint64_t buckets, bits;
	int error;

	if (!hash || !vhsm_ftrace_hash_count(k, hash))
		return 0;
	error = vhsm_kernel_read_member(k, hash, VHSM_L_ftrace_hash__buckets,
					&buckets);
	if (!error)
		error = vhsm_kernel_read_member(
			k, hash, VHSM_L_ftrace_hash__size_bits, &bits);
	if (!error && bits > HASH_BITS_MAX)
		error = -E2BIG;
	for (uint64_t i = 0; !error && i < 1ull << bits; i++) {
		if (!*steps)
			return -E2BIG;
		--*steps;
		error = vhsm_kernel_walk_hlist(
			k, buckets + i * POINTER_LEN,
			offset(k, VHSM_L_ftrace_func_entry__hlist), *steps,
			entry_visit, &walk);
	}
	return error;
}

/* --- kprobes --- */

static int probe_read(const struct vhsm_kernel *k, uint64_t va,
		      struct vhsm_probe *probe)
{
	uint64_t flags = 0;
	int error = vhsm_kernel_read_member(k, va, VHSM_L_kprobe__addr,
					    &probe->addr);

	probe->va = va;
	if (!error)
		error = vhsm_kernel_read_member(k, va, VHSM_L_kprobe__flags,
						&flags);
	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_kprobe__pre_handler, &probe->pre);
	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_kprobe__post_handler, &probe->post);
	probe->flags = (uint32_t)flags;
	if (!error && probe->flags & VHSM_PROBE_OPTIMIZED)
		error = vhsm_kernel_read_member(
			k, va - offset(k, VHSM_L_optimized_kprobe__kp),
			VHSM_L_optimized_kprobe__insn, &probe->jump);
	return error;
}

static int probe_visit(uint64_t va, void *arg)
{
	struct reader *r = arg;

	if (r->list->probes == VHSM_PROBES_MAX)
		return -E2BIG;
	if (r->list->probes == r->probe_room) {
		size_t room = r->probe_room ? r->probe_room * 2 : 16;
		struct vhsm_probe *more =
			reallocarray(r->list->probe, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->list->probe = more;
		r->probe_room = room;
	}
	struct vhsm_probe *probe = &r->list->probe[r->list->probes];

	*probe = (struct vhsm_probe){ 0 };
	int error = probe_read(r->kernel, va, probe);

	if (!error)
		r->list->probes++;
	return error;
}

static int read_probes(struct reader *r, char *why)
{
	uint64_t table;
	int error = 0;

	if (vhsm_kernel_symbol(r->kernel, "kprobe_table", &table))
		return 0;
	for (unsigned i = 0; i < KPROBE_BUCKETS && !error; i++)
		error = vhsm_kernel_walk_hlist(
			r->kernel, table + i * POINTER_LEN,
			offset(r->kernel, VHSM_L_kprobe__hlist),
			VHSM_PROBES_MAX, probe_visit, r);
	if (error)
		snprintf(why, VHSM_KERNEL_WHY_LEN, "the list of kprobes: %s",
			 strerror(-error));
	return error;
}

/* --- ftrace --- */

static int tracer_read(const struct vhsm_kernel *k, uint64_t va,
		       struct vhsm_tracer *t, uint64_t *next)
{
	static const enum vhsm_layout member[] = {
		VHSM_L_ftrace_ops__func, VHSM_L_ftrace_ops__flags,
		VHSM_L_ftrace_ops__trampoline,
		VHSM_L_ftrace_ops__trampoline_size, VHSM_L_ftrace_ops__next,
	};
	uint64_t value[5], hashes;
	int error = 0;

	for (unsigned i = 0; i < 5 && !error; i++)
		error = vhsm_kernel_read_member(k, va, member[i], &value[i]);
	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_ftrace_ops__func_hash, &hashes);
	if (error)
		return error;
	*t = (struct vhsm_tracer){
		.va = va, .func = value[0], .flags = value[1],
		.trampoline = value[2], .trampoline_size = value[3],
	};
	*next = value[4];
	if (!hashes)
		return 0;
	error = vhsm_kernel_read_member(
		k, hashes, VHSM_L_ftrace_ops_hash__filter_hash, &t->filter);
	return error ? error : vhsm_kernel_read_member(
		k, hashes, VHSM_L_ftrace_ops_hash__notrace_hash, &t->notrace);
}

static int walk_tracers(struct reader *r, uint64_t va, uint64_t end)
{
	struct vhsm_probe_list *list = r->list;
	int error = 0;

	list->tracer = calloc(VHSM_TRACERS_MAX, sizeof(*list->tracer));
	if (!list->tracer)
		return -ENOMEM;
	while (va && va != end && !error) {
		if (list->tracers == VHSM_TRACERS_MAX)
			return -ELOOP;
		error = tracer_read(r->kernel, va,
				    &list->tracer[list->tracers], &va);
		if (!error)
			list->tracers++;
	}
	return error;
}

/* One that is off the list, and that some places still call: they are patched
 * one after the other. */
static int read_removed(struct reader *r)
{
	struct vhsm_probe_list *list = r->list;
	uint64_t at, va, next;
	int error;

	if (vhsm_kernel_symbol(r->kernel, "removed_ops", &at))
		return 0;
	error = vhsm_kernel_read_u64(r->kernel, at, &va);
	if (error || !va)
		return error;
	if (list->tracers == VHSM_TRACERS_MAX)
		return -ELOOP;
	error = tracer_read(r->kernel, va, &list->tracer[list->tracers], &next);
	if (!error)
		list->tracers++;
	return error;
}

static int direct_visit(uint64_t ip, uint64_t direct, void *arg)
{
	struct reader *r = arg;
	struct vhsm_probe_list *list = r->list;

	if (list->directs == VHSM_DIRECT_MAX)
		return -E2BIG;
	if (list->directs == r->direct_room) {
		size_t room = r->direct_room ? r->direct_room * 2 : 16;
		struct vhsm_direct *more =
			reallocarray(list->direct, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->direct = more;
		r->direct_room = room;
	}
	list->direct[list->directs++] = (struct vhsm_direct){ ip, direct };
	return 0;
}

static int by_ip(const void *a, const void *b)
{
	const struct vhsm_direct *x = a, *y = b;

	return x->ip < y->ip ? -1 : x->ip > y->ip;
}

static int read_direct(struct reader *r)
{
	unsigned steps = VHSM_HASH_STEPS_MAX;
	uint64_t at, hash;
	int error;

	if (vhsm_kernel_symbol(r->kernel, "direct_functions", &at))
		return 0;
	error = vhsm_kernel_read_u64(r->kernel, at, &hash);
	if (!error)
		error = vhsm_ftrace_hash_walk(r->kernel, hash, &steps,
					      direct_visit, r);
	if (!error && r->list->directs)
		qsort(r->list->direct, r->list->directs,
		      sizeof(*r->list->direct), by_ip);
	return error;
}

bool vhsm_probe_list_is_direct(const struct vhsm_probe_list *list, uint64_t ip,
			       uint64_t target)
{
	size_t low = 0, high = list->directs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->direct[middle].ip < ip)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < list->directs && list->direct[low].ip == ip; low++)
		if (list->direct[low].target == target)
			return true;
	return false;
}

static int read_tracers(struct reader *r, char *why)
{
	uint64_t list, end, first;
	int error = 0;

	if (vhsm_kernel_symbol(r->kernel, "ftrace_ops_list", &list) ||
	    vhsm_kernel_symbol(r->kernel, "ftrace_list_end", &end))
		return 0;
	error = vhsm_kernel_read_u64(r->kernel, list, &first);
	if (!error)
		error = walk_tracers(r, first, end);
	if (!error)
		error = read_removed(r);
	if (!error)
		error = read_direct(r);
	if (error)
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "the list of ftrace's operations: %s",
			 strerror(-error));
	return error;
}

/* --- what is being patched --- */

static int poke_read(const struct vhsm_kernel *k, uint64_t va, uint64_t stext,
		     struct vhsm_poke *poke)
{
	uint64_t relative, disp, len, opcode;
	int error = vhsm_kernel_read_member(
		k, va, VHSM_L_text_poke_loc__rel_addr, &relative);

	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_text_poke_loc__disp, &disp);
	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_text_poke_loc__len, &len);
	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_text_poke_loc__opcode, &opcode);
	if (!error)
		error = vhsm_kernel_read(
			k, va + offset(k, VHSM_L_text_poke_loc__text),
			poke->text, sizeof(poke->text));
	if (error)
		return error;
	poke->va = stext + (uint64_t)(int64_t)(int32_t)relative;
	poke->len = len <= VHSM_POKE_LEN_MAX ? (uint32_t)len : 0;
	poke->opcode = (uint8_t)opcode;
	poke->disp = (int32_t)disp;
	return 0;
}

static bool pokes_known(const struct vhsm_kernel *k, uint64_t *desc,
			uint64_t *stext)
{
	static const enum vhsm_layout member[] = {
		VHSM_L_bp_patching_desc__nr_entries,
		VHSM_L_bp_patching_desc__vec, VHSM_L_text_poke_loc__disp,
		VHSM_L_text_poke_loc__len, VHSM_L_text_poke_loc__old,
		VHSM_L_text_poke_loc__opcode, VHSM_L_text_poke_loc__rel_addr,
		VHSM_L_text_poke_loc__text,
	};

	for (size_t i = 0; i < sizeof(member) / sizeof(member[0]); i++)
		if (offset(k, member[i]) == VHSM_NO_MEMBER)
			return false;
	return !vhsm_kernel_symbol(k, "bp_desc", desc) &&
	       !vhsm_kernel_symbol(k, "_stext", stext);
}

/* Errors are no errors here: a guest that has just finished explains less. */
static int read_pokes(struct reader *r)
{
	const struct vhsm_kernel *k = r->kernel;
	struct vhsm_probe_list *list = r->list;
	uint64_t desc, stext, vec, count;

	if (!pokes_known(k, &desc, &stext) ||
	    vhsm_kernel_read_member(k, desc, VHSM_L_bp_patching_desc__vec,
				    &vec) ||
	    vhsm_kernel_read_member(
		    k, desc, VHSM_L_bp_patching_desc__nr_entries, &count) ||
	    !vec || !count || count > VHSM_POKES_MAX)
		return 0;
	list->poke = calloc(count, sizeof(*list->poke));
	if (!list->poke)
		return -ENOMEM;
	/* The last member is a byte, the first a word. */
	uint64_t stride = (offset(k, VHSM_L_text_poke_loc__old) + 4) & ~3ull;

	while (list->pokes < count &&
	       !poke_read(k, vec + list->pokes * stride, stext,
			  &list->poke[list->pokes]))
		list->pokes++;
	return 0;
}

int vhsm_probe_list_read(const struct vhsm_kernel *k,
			 struct vhsm_probe_list *list, char *why)
{
	struct reader reader = { .kernel = k, .list = list };

	*list = (struct vhsm_probe_list){ 0 };
	int error = read_probes(&reader, why);

	if (!error)
		error = read_tracers(&reader, why);
	if (!error)
		error = read_pokes(&reader);
	if (error)
		vhsm_probe_list_deinit(list);
	return error;
}

void vhsm_probe_list_deinit(struct vhsm_probe_list *list)
{
	free(list->probe);
	free(list->tracer);
	free(list->direct);
	free(list->poke);
	*list = (struct vhsm_probe_list){ 0 };
}
