/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec-trace.c - the pages of code that tracing makes at run time.
 *
 * A trampoline of ftrace is a copy of ftrace_caller or ftrace_regs_caller, up
 * to its end, in which a call, a jump, a return and the address of its
 * ftrace_ops are set (arch/x86/kernel/ftrace.c: create_trampoline).  One that
 * is unlike both is nobody's.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "checks/exec-owner.h"

#define LIST_MAX	65536u		/* entries */
#define TRAMPOLINE_MAX	2048u		/* bytes */
#define PATCHED_MAX	48u		/* bytes of one that may be its own */
#define PAGE		4096ull

struct trace {
	struct vhsm_owners *owners;
	const struct vhsm_kernel *kernel;
};

static bool like(const struct vhsm_kernel *k, const uint8_t *code, size_t len,
		 const char *start, const char *end)
{
	uint8_t own[TRAMPOLINE_MAX];
	uint64_t from, to;
	unsigned differ = 0;

	if (vhsm_kernel_symbol(k, start, &from) ||
	    vhsm_kernel_symbol(k, end, &to) || to <= from ||
	    to - from > len || vhsm_kernel_read(k, from, own, to - from))
		return false;
	for (size_t i = 0; i < to - from; i++)
		differ += own[i] != code[i];
	return differ <= PATCHED_MAX;
}

static int visit_trampoline(uint64_t va, void *arg)
{
	const struct trace *t = arg;
	uint8_t code[TRAMPOLINE_MAX];
	uint64_t at, len;

	if (vhsm_kernel_read_member(t->kernel, va,
				    VHSM_L_ftrace_ops__trampoline, &at) ||
	    vhsm_kernel_read_member(t->kernel, va,
				    VHSM_L_ftrace_ops__trampoline_size, &len))
		return -EFAULT;
	if (!at || at & (PAGE - 1) || len > sizeof(code) ||
	    vhsm_kernel_read(t->kernel, at, code, len) ||
	    (!like(t->kernel, code, len, "ftrace_caller",
		   "ftrace_caller_end") &&
	     !like(t->kernel, code, len, "ftrace_regs_caller",
		   "ftrace_regs_caller_end")))
		return 0;
	return vhsm_owners_add(t->owners, at, len, "ftrace");
}

static int visit_slots(uint64_t va, void *arg)
{
	const struct trace *t = arg;
	uint64_t at;

	if (vhsm_kernel_read_member(t->kernel, va,
				    VHSM_L_kprobe_insn_page__insns, &at))
		return -EFAULT;
	return vhsm_owners_add(t->owners, at & ~(PAGE - 1), PAGE, "kprobe");
}

static int walk(struct trace *t, const char *symbol, uint32_t head,
		enum vhsm_layout node, vhsm_node_visit *visit)
{
	struct vhsm_member member = vhsm_reference_layout(t->kernel->reference,
							  node);
	uint64_t at;

	if (member.offset == VHSM_NO_MEMBER ||
	    vhsm_kernel_symbol(t->kernel, symbol, &at))
		return 0;		/* this kernel has none */
	return vhsm_kernel_walk_list(t->kernel, at + head, member.offset,
				     LIST_MAX, visit, t);
}

int vhsm_owners_add_trace(struct vhsm_owners *owners,
			  const struct vhsm_kernel *k)
{
	struct trace t = { .owners = owners, .kernel = k };
	uint32_t pages = vhsm_reference_layout(k->reference,
		VHSM_L_kprobe_insn_cache__pages).offset;
	int rc = walk(&t, "ftrace_ops_trampoline_list", 0,
		      VHSM_L_ftrace_ops__list, visit_trampoline);

	if (rc == 0)
		rc = walk(&t, "kprobe_insn_slots", pages,
			  VHSM_L_kprobe_insn_page__list, visit_slots);
	if (rc == 0)
		rc = walk(&t, "kprobe_optinsn_slots", pages,
			  VHSM_L_kprobe_insn_page__list, visit_slots);
	return rc;
}
