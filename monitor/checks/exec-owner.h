/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec-owner.h - what of a Linux kernel may be executable, and what of its
 * structures says so (Linux 6.1):
 *
 *   text        the image's own
 *   module      text of a module in the list, core and, before it runs, init
 *   ftrace      trampolines: ftrace_ops_trampoline_list, each like the image's
 *               ftrace_caller or ftrace_regs_caller
 *   kprobe      slots for single-stepped and optimized instructions
 *   bpf         packs of JIT-compiled programs, and images in bpf_kallsyms
 *   real mode   the trampoline that starts processors, below 1 MiB
 *   its         thunks of modules, where a processor needs them
 *   vsyscall    the page at a fixed address, if it is the image's
 *
 * All but the first are the guest's word, so each is bounded to what the kernel
 * would do: a claim of more is no claim.  Whether a module is approved, or what
 * a probe does, is for other checks to say.
 */
#ifndef VHSM_EXEC_OWNER_H
#define VHSM_EXEC_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include "checks/module-list.h"
#include "introspect/kernel.h"

#define VHSM_OWNERS_MAX	16384u

struct vhsm_owner {
	uint64_t start, end;		/* whole pages; end is past it */
	const char *what;		/* "module", "ftrace", ... */
};

struct vhsm_owners {
	struct vhsm_owner *owner;	/* ascending by start */
	size_t count;
	size_t room;
};

/* 0 with *owners, to be freed; -E2BIG, -ELOOP, -EFAULT, -ENOMEM with why. */
int vhsm_owners_read(const struct vhsm_kernel *,
		     const struct vhsm_module_list *,
		     struct vhsm_owners *owners, char *why);
void vhsm_owners_deinit(struct vhsm_owners *);

/*
 * The first part of [start, end) that is nobody's: 0 with *from and *to, or
 * -ENOENT when all of it is somebody's.
 */
int vhsm_owners_gap(const struct vhsm_owners *, uint64_t start, uint64_t end,
		    uint64_t *from, uint64_t *to);

/* For the files that find owners; -E2BIG or -ENOMEM.  A range is widened to
 * whole pages; an empty one, or one that wraps, is left out. */
int vhsm_owners_add(struct vhsm_owners *, uint64_t start, uint64_t len,
		    const char *what);

/* exec-bpf.c: packs and images.  0 or as vhsm_kernel_walk_list. */
int vhsm_owners_add_bpf(struct vhsm_owners *, const struct vhsm_kernel *);
/* exec-trace.c: ftrace's trampolines and kprobes' slots. */
int vhsm_owners_add_trace(struct vhsm_owners *, const struct vhsm_kernel *);

#endif /* VHSM_EXEC_OWNER_H */
