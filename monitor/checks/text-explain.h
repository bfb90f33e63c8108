/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text-explain.h - whether the kernel itself may have made a difference
 * between the guest's text and the image's.
 *
 * By the image alone: a patch site (site.h) that has one of its variants.
 * By the guest's word as well, where the image cannot know:
 *
 *   paravirt call     the slot of pv_ops holds the target, and a function of
 *                     the image's text begins there
 *   static call       the same of the key's function; or it is one of an
 *                     approved module (module-function.h), or the code of the
 *                     BPF dispatcher whose key it is
 *                     (while static_call_mutex is held, the key may name the
 *                     next target already)
 *   ftrace's callers  the same of ftrace_trace_function, or while ftrace_lock is
 *                     held any function of the image
 *   ftrace location   an ftrace_ops on the list has this trampoline, which is
 *                     a copy of the image's; or direct_functions has this
 *                     function with this target
 *   retpoline         the target is a thunk made at boot: jmp *%reg; int3
 *   kprobe            int3, or a jump to the probe's own copy, where the table
 *                     of kprobes has a probe
 *
 *   being patched     int3, bp_desc lists the place, and both what will stand
 *                     there and what is emulated meanwhile are legal values
 *
 * An attacker who writes both sides of one of these, or a lock, can make a call
 * go to another whole function of the approved kernel (code reuse, not code), or
 * through an ftrace_ops, direct call or kprobe that is on the kernel's own
 * lists, where trace-hook judges whom it calls.  For the first three, a function
 * outside the text of the image and of the approved modules is never accepted,
 * except one that BPF compiled, and only where a dispatcher may call it.
 */
#ifndef VHSM_TEXT_EXPLAIN_H
#define VHSM_TEXT_EXPLAIN_H

#include "checks/probe-list.h"
#include "introspect/kernel.h"
#include "introspect/site.h"

enum vhsm_explained {
	VHSM_UNEXPLAINED,
	VHSM_EXPLAINED,			/* true for as long as the bytes stay */
	VHSM_EXPLAINED_NOW,		/* by something that may change */
};

/* found: the site's bytes, copied from the guest; they differ from the image's
 * own.  probes: what the guest has now. */
enum vhsm_explained vhsm_text_explain_site(const struct vhsm_kernel *,
					   const struct vhsm_probe_list *probes,
					   const struct vhsm_site *,
					   const uint8_t *found);

/* The bytes from va on that a kprobe explains: 1, 5, or 0. */
unsigned vhsm_text_explain_probe(const struct vhsm_kernel *,
				 const struct vhsm_probe_list *probes,
				 uint64_t va);

#endif /* VHSM_TEXT_EXPLAIN_H */
