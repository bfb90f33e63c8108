/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe-list.h - who the guest's kernel says is attached to its text: kprobes
 * (kprobe_table), ftrace's operations (ftrace_ops_list, removed_ops) and direct
 * calls (direct_functions), and what it is patching right now (bp_desc).
 * Copied once; the guest's word, judged by who asks.
 *
 * Facts: Linux 6.1 include/linux/kprobes.h, ftrace.h, kernel/kprobes.c,
 * kernel/trace/ftrace.c, arch/x86/kernel/alternative.c.
 */
#ifndef VHSM_PROBE_LIST_H
#define VHSM_PROBE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_PROBES_MAX		4096u
#define VHSM_TRACERS_MAX	1024u
#define VHSM_DIRECT_MAX		65536u
#define VHSM_HASH_STEPS_MAX	(1u << 20)	/* of a run, for all hashes */
#define VHSM_POKES_MAX		4096u
#define VHSM_POKE_LEN_MAX	5u

#define VHSM_PROBE_OPTIMIZED	4u	/* KPROBE_FLAG_OPTIMIZED */
#define VHSM_TRACER_IPMODIFY	0x1000u	/* FTRACE_OPS_FL_IPMODIFY */

struct vhsm_probe {
	uint64_t va;			/* of struct kprobe */
	uint64_t addr;			/* that it probes */
	uint64_t pre, post;		/* handlers; 0: none */
	uint64_t jump;			/* where an optimized one jumps; 0 */
	uint32_t flags;			/* KPROBE_FLAG_* */
};

struct vhsm_tracer {
	uint64_t va;			/* of struct ftrace_ops */
	uint64_t func;
	uint64_t flags;			/* FTRACE_OPS_FL_* */
	uint64_t trampoline;
	uint64_t trampoline_size;	/* bytes */
	uint64_t filter, notrace;	/* of struct ftrace_hash; 0 */
};

/* A function that calls another directly. */
struct vhsm_direct {
	uint64_t ip;
	uint64_t target;
};

/* Text that is being patched at this moment (text_poke_bp_batch): int3 stands
 * at va, and whoever runs into it is taken over what will stand there. */
struct vhsm_poke {
	uint64_t va;
	uint32_t len;			/* bytes of text; 5 at most */
	uint8_t text[VHSM_POKE_LEN_MAX];
	uint8_t opcode;			/* what is emulated meanwhile */
	int32_t disp;
};

struct vhsm_module_functions;

struct vhsm_probe_list {
	struct vhsm_probe *probe;
	size_t probes;
	struct vhsm_tracer *tracer;
	size_t tracers;
	struct vhsm_direct *direct;	/* ascending by ip */
	size_t directs;
	struct vhsm_poke *poke;
	size_t pokes;
	/* What text may call besides, set by who asks; NULL: nothing. */
	struct vhsm_module_functions *functions;
};

/* 0 with *list, to be freed; -ELOOP, -EFAULT, -E2BIG, -ENOMEM with why.  An
 * image without a table has an empty list. */
int vhsm_probe_list_read(const struct vhsm_kernel *,
			 struct vhsm_probe_list *list, char *why);
void vhsm_probe_list_deinit(struct vhsm_probe_list *);

/* Anything but 0 ends the walk, which returns it. */
typedef int vhsm_hash_visit(uint64_t ip, uint64_t direct, void *arg);
/* The entries of a struct ftrace_hash: 0; -ELOOP, -EFAULT; -E2BIG when *steps,
 * of which each bucket and each entry takes one, are used up; or what visit
 * returned. */
int vhsm_ftrace_hash_walk(const struct vhsm_kernel *, uint64_t hash,
			  unsigned *steps, vhsm_hash_visit *, void *arg);
/* Whether a function calls the target directly. */
bool vhsm_probe_list_is_direct(const struct vhsm_probe_list *, uint64_t ip,
			       uint64_t target);
/* Entries that the hash says it has; 0 for none, or one that cannot be read. */
uint64_t vhsm_ftrace_hash_count(const struct vhsm_kernel *, uint64_t hash);

#endif /* VHSM_PROBE_LIST_H */
