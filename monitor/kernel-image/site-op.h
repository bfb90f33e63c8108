/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site-op.h - what the tables of an image say of one place: what the kernel
 * does to it when it boots.  For the files that make patch sites (site-*.c).
 *
 * Facts: Linux 6.1 arch/x86/kernel/alternative.c, paravirt.c, static_call.c,
 * jump_label.c, ftrace.c; include/linux/static_call_types.h, jump_label.h.
 *
 * alternative_instructions() does, once and in this order: paravirt calls,
 * retpolines, returns, alternatives, endbr, locks.  Where these overlap they
 * are done on top of each other, so a place is a cluster of operations, and
 * its legal values are what the order gives for every choice that a machine
 * can make (site-cluster.c).  Jump labels, static calls and ftrace are turned
 * for as long as the kernel runs; they overlap nothing (site-runtime.c).
 */
#ifndef VHSM_SITE_OP_H
#define VHSM_SITE_OP_H

#include "introspect/site.h"
#include "kernel-image/builder.h"
#include "kernel-image/image.h"

#define VHSM_SITE_LEN_MAX 254u		/* bytes, of a cluster */
#define VHSM_RETURN_THUNKS_MAX 8u
#define VHSM_REGISTERS 16u
#define VHSM_CALL_LEN 5u		/* opcode and rel32 */

struct vhsm_site_op {
	uint64_t va;
	uint32_t len;			/* bytes it may change */
	uint32_t order;			/* in its table: later ones win */
	uint8_t kind;			/* enum vhsm_site_kind */
	uint8_t reg;			/* RETPOLINE: register, 0..15 */
	uint16_t feature;		/* ALTERNATIVE */
	bool negated;			/* ALTERNATIVE: without the feature */
	uint8_t from_len;		/* ALTERNATIVE: replacement */
	uint64_t from;
	uint64_t key;			/* PARAVIRT: slot of pv_ops */
};

struct vhsm_site_ops {
	struct vhsm_site_op *op;
	size_t count, room;
};

/* What all sites of an image share. */
struct vhsm_site_image {
	const struct vhsm_image *image;
	uint64_t text, text_last;	/* of .text */
	uint64_t return_thunk[VHSM_RETURN_THUNKS_MAX];
	unsigned return_thunks;
	uint64_t thunk[VHSM_REGISTERS];	/* __x86_indirect_thunk_REG */
	uint64_t its_thunk[VHSM_REGISTERS];	/* 0: none */
	uint64_t paravirt_bug;		/* 0: none */
};

/* Finds what the image has; -EINVAL with why without .text. */
int vhsm_site_image_init(struct vhsm_site_image *, const struct vhsm_image *,
			 char *why);
/* Whether [va, va + len) is in .text. */
bool vhsm_site_in_text(const struct vhsm_site_image *, uint64_t va,
		       uint64_t len);

/* Reads the boot-time tables, sorted by va and then by the order in which they
 * are applied: 0, -ENOMEM, or -EINVAL with why. */
int vhsm_site_ops_read(struct vhsm_site_ops *, const struct vhsm_site_image *,
		       char *why);
void vhsm_site_ops_free(struct vhsm_site_ops *);

/* Adds the site that ops[0..count) make together, which overlap. */
int vhsm_site_add_cluster(struct vhsm_builder *, const struct vhsm_site_image *,
			  const struct vhsm_site_op *ops, size_t count,
			  char *why);

/* Adds jump labels, static calls, ftrace, hypercall page.  Addresses of
 * trampolines of static calls go to *tramp, ascending, which are also in the
 * table of returns; free() it. */
int vhsm_site_add_runtime(struct vhsm_builder *, const struct vhsm_site_image *,
			  uint64_t **tramp, size_t *count, char *why);

/* --- encodings (site-encode.c) --- */

/* A no-op of len bytes as the kernel pads with: of 8 at most in one. */
void vhsm_site_nops(uint8_t *bytes, size_t len);
/* Joins runs of one-byte no-ops between instructions, as the kernel does. */
void vhsm_site_optimize_nops(uint8_t *bytes, size_t len);
/* opcode and rel32 at va to target; 5 bytes. */
void vhsm_site_branch(uint8_t *bytes, uint8_t opcode, uint64_t va,
		      uint64_t target);
/* Where a call or jump of 5 bytes at va leads. */
uint64_t vhsm_site_target(const uint8_t *bytes, uint64_t va);
uint32_t vhsm_site_get32(const uint8_t *bytes);
uint64_t vhsm_site_get64(const uint8_t *bytes);

/* How returns are patched: choice 0 is "ret", i > 0 a jump to thunk i - 1. */
void vhsm_site_return(const struct vhsm_site_image *, uint8_t *bytes,
		      uint64_t va, unsigned choice);

enum vhsm_retpoline {
	VHSM_RETPOLINE_KEPT,
	VHSM_RETPOLINE_INDIRECT,	/* call *%reg */
	VHSM_RETPOLINE_LFENCE,		/* lfence; call *%reg */
	VHSM_RETPOLINE_ITS,		/* a thunk of the image's */
	VHSM_RETPOLINE_ITS_DYNAMIC,	/* a thunk made at boot */
	VHSM_RETPOLINES
};

/* Patches the retpoline of len bytes at va, which has been copied to bytes.
 * target_at: set where the target is open.  False: there is no such form. */
bool vhsm_site_retpoline(const struct vhsm_site_image *, uint8_t *bytes,
			 uint32_t len, uint64_t va, unsigned reg,
			 enum vhsm_retpoline, uint8_t *target_at);

#endif /* VHSM_SITE_OP_H */
