/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - the places where a Linux kernel patches its own text, with every
 * value it may legally have there, as the approved image's tables say.  Part
 * of a reference.
 *
 * A site's legal values are the image's own bytes, or one of its variants.  A
 * variant's bytes are what stands in the guest: jumps and calls within the
 * image are relative, so they do not depend on the slide; the few absolute
 * operands are relocated with it (slide_at).
 *
 * Sites may overlap (a return site in an alternative): an overlap is resolved
 * when the reference is made, into variants of the outermost site.
 */
#ifndef VHSM_SITE_H
#define VHSM_SITE_H

#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"

enum vhsm_site_kind {
	VHSM_SITE_ALTERNATIVE = 1,	/* .altinstructions */
	VHSM_SITE_PARAVIRT = 2,		/* .parainstructions */
	VHSM_SITE_RETPOLINE = 3,	/* .retpoline_sites */
	VHSM_SITE_RETURN = 4,		/* .return_sites */
	VHSM_SITE_LOCK = 5,		/* .smp_locks */
	VHSM_SITE_JUMP_LABEL = 6,	/* __jump_table */
	VHSM_SITE_STATIC_CALL = 7,	/* .static_call_sites, trampolines */
	VHSM_SITE_FTRACE = 8,		/* __mcount_loc */
	VHSM_SITE_ENDBR = 9,		/* .ibt_endbr_seal */
	VHSM_SITE_HYPERCALL = 10,	/* hypercall page, filled by Xen */
	VHSM_SITE_DATA = 11,		/* read-only data that boot fills */
	VHSM_SITE_KINDS
};

/* A call or jump whose target only the running kernel knows; the check judges
 * the target. */
#define VHSM_SITE_DYNAMIC	0x01u

#define VHSM_NO_SLIDE		0xffu	/* no operand to add the slide to */

struct vhsm_site {
	uint64_t va;			/* link address */
	uint32_t len;			/* bytes */
	uint8_t kind;			/* enum vhsm_site_kind */
	uint8_t flags;			/* VHSM_SITE_* */
	uint16_t variant_count;
	uint32_t first_variant;
	uint32_t reserved;
	uint64_t key;			/* link address of what decides: static
					 * key, static call key, pv_ops slot; 0 */
};

struct vhsm_site_variant {
	uint32_t bytes_at;		/* in the reference's pool of bytes */
	uint8_t len;			/* that of its site */
	uint8_t slide_at;		/* 32-bit operand to add the slide to;
					 * 0xff: none */
	uint8_t target_at;		/* 32-bit operand whose target the check
					 * judges (the site is DYNAMIC): what
					 * stands there is not compared; 0: none */
	uint8_t reserved;
};

/* The site that covers va, or NULL.  *near, which is 0 at first, remembers
 * where it was: who asks in ascending order is answered at once. */
const struct vhsm_site *vhsm_reference_site_at(const struct vhsm_reference *,
					       uint64_t va, size_t *near);
/* Variant i of a site; the reference's. */
const struct vhsm_site_variant *
vhsm_reference_site_variant(const struct vhsm_reference *,
			    const struct vhsm_site *, unsigned i);
/* Variant i of a site: its site's len bytes, slid, into bytes. */
void vhsm_reference_variant(const struct vhsm_reference *,
			    const struct vhsm_site *, unsigned i,
			    uint64_t slide, uint8_t *bytes);

#endif /* VHSM_SITE_H */
