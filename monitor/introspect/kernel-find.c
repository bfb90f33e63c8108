/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-find.c - where the kernel is.
 *
 * The image's text is looked for at every slide there can be (multiples of
 * 2 MiB up to 1 GiB: CONFIG_PHYSICAL_ALIGN and KERNEL_IMAGE_SIZE of x86-64
 * Linux), by the tables of a vCPU.  Samples from all over the text are compared
 * byte by byte, relocated by the slide; since the kernel patches itself and the
 * guest may have been tampered with, three quarters of the bytes have to agree.
 *
 * A guest could map a second, clean copy of the text.  So the slide by which a
 * vCPU's system call entry (LSTAR, as the hypervisor says) is the image's own
 * is tried first; only when that is no kernel, as in a guest whose LSTAR was
 * changed, all others are, upwards.
 *
 * From then on everything is read by the kernel's own top table.
 */
#include "introspect/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SLIDE_STEP	(UINT64_C(2) << 20)
#define SLIDE_END	(UINT64_C(1) << 30)
#define SAMPLES		96u		/* places */
#define SAMPLE_LEN	64u		/* bytes each */
#define EARLY		8u		/* places that must not all differ */

#define CR0_PG		(UINT64_C(1) << 31)
#define CR4_PAE		(UINT64_C(1) << 5)
#define CR4_LA57	(UINT64_C(1) << 12)
#define EFER_LMA	(UINT64_C(1) << 10)
#define CR3_ADDRESS	UINT64_C(0x000ffffffffff000)
/* With page table isolation a process has two top tables side by side; the odd
 * page is the one without the kernel (PTI_PGTABLE_SWITCH_BIT of Linux). */
#define CR3_USER_HALF	UINT64_C(0x1000)

static bool is_long_mode(const struct vhsm_vcpu *v)
{
	return v->online && v->cr0 & CR0_PG && v->cr4 & CR4_PAE &&
	       v->efer & EFER_LMA;
}

/* The link address of sample i, spread evenly over the text's segments. */
static bool sample_at(const struct vhsm_reference *ref, unsigned i,
		      uint64_t *va)
{
	const struct vhsm_reference_segment *s;
	uint64_t total = 0, at;
	size_t count, j;

	s = vhsm_reference_segments(ref, &count);
	for (j = 0; j < count; j++)
		if (s[j].kind == VHSM_SEGMENT_TEXT)
			total += s[j].len / SAMPLE_LEN;
	at = total / SAMPLES * i;
	for (j = 0; j < count; j++) {
		if (s[j].kind != VHSM_SEGMENT_TEXT)
			continue;
		if (at < s[j].len / SAMPLE_LEN) {
			*va = s[j].start + at * SAMPLE_LEN;
			return true;
		}
		at -= s[j].len / SAMPLE_LEN;
	}
	return false;
}

/* How many of a sample's bytes are as they should be, in an executable page. */
static unsigned compare_sample(const struct vhsm_address_space *space,
			  const struct vhsm_reference *ref, uint64_t va,
			  uint64_t slide)
{
	uint8_t expected[SAMPLE_LEN], found[SAMPLE_LEN];
	struct vhsm_mapping m;
	unsigned i, same = 0;

	if (vhsm_address_space_translate(space, va + slide, &m) ||
	    !(m.flags & VHSM_MAP_EXEC) ||
	    vhsm_address_space_read(space, va + slide, found, SAMPLE_LEN) ||
	    vhsm_reference_expected(ref, va, slide, expected, SAMPLE_LEN))
		return 0;
	for (i = 0; i < SAMPLE_LEN; i++)
		same += found[i] == expected[i];
	return same;
}

static bool is_kernel_at(const struct vhsm_address_space *space,
			 const struct vhsm_reference *ref, uint64_t slide)
{
	unsigned i, same = 0;
	uint64_t va;

	for (i = 0; i < SAMPLES; i++) {
		if (!sample_at(ref, i, &va))
			return false;
		same += compare_sample(space, ref, va, slide);
		if (i + 1 == EARLY && same < EARLY * SAMPLE_LEN / 4)
			return false;
	}
	return same >= SAMPLES * SAMPLE_LEN / 4 * 3;
}

/* By one top table: whether the kernel is there, and at what slide. */
static bool find_slide(const struct vhsm_address_space *space,
		       const struct vhsm_reference *ref,
		       const struct vhsm_vcpu *vcpu, uint64_t *slide)
{
	uint64_t entry, s;

	if (!vhsm_reference_symbol(ref, "entry_SYSCALL_64", &entry)) {
		*slide = s = vcpu->lstar - entry;
		if (s < SLIDE_END && s % SLIDE_STEP == 0 &&
		    is_kernel_at(space, ref, s))
			return true;
	}
	for (s = 0; s < SLIDE_END; s += SLIDE_STEP) {
		*slide = s;
		if (is_kernel_at(space, ref, s))
			return true;
	}
	return false;
}

/* The bounds that describe and in_text go by, and the kernel's own table. */
static int settle(struct vhsm_kernel *k, char *why)
{
	static const char *const needed[] = {
		"_text", "_etext", "_end", "init_top_pgt",
	};
	uint64_t va[4];
	struct vhsm_mapping m;
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (!vhsm_kernel_symbol(k, needed[i], &va[i]))
			continue;
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "the reference has no symbol %s", needed[i]);
		return -EINVAL;
	}
	k->image_start = va[0];
	k->text_end = va[1];
	k->image_end = va[2];
	if (vhsm_address_space_translate(&k->space, va[0], &m)) {
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "the start of the kernel's text is not mapped");
		return -ENOENT;
	}
	k->phys_base = m.physical + (va[0] - m.start) - (va[0] - k->slide);
	if (vhsm_address_space_translate(&k->space, va[3], &m)) {
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "the kernel's top table is not mapped");
		return -ENOENT;
	}
	k->space.root = m.physical + (va[3] - m.start);
	if (is_kernel_at(&k->space, k->reference, k->slide))
		return 0;
	snprintf(why, VHSM_KERNEL_WHY_LEN, "the kernel's own top table "
		 "(init_top_pgt) does not map its text");
	return -ENOENT;
}

/* Looks by the tables of one vCPU, of either half. */
static bool find_by(struct vhsm_kernel *k, const struct vhsm_vcpu *v)
{
	k->space.five_levels = v->cr4 & CR4_LA57;
	k->space.root = v->cr3 & CR3_ADDRESS & ~CR3_USER_HALF;
	if (find_slide(&k->space, k->reference, v, &k->slide))
		return true;
	k->space.root = v->cr3 & CR3_ADDRESS;
	return v->cr3 & CR3_USER_HALF &&
	       find_slide(&k->space, k->reference, v, &k->slide);
}

int vhsm_kernel_find(struct vhsm_kernel *k, struct vhsm_guest_memory *memory,
		     const struct vhsm_reference *reference,
		     const struct vhsm_vcpu *vcpu, unsigned vcpu_count,
		     char *why)
{
	unsigned i, tried = 0;

	memset(k, 0, sizeof(*k));
	k->memory = memory;
	k->reference = reference;
	k->space.memory = memory;
	if (vhsm_kernel_set_vcpus(k, vcpu, vcpu_count)) {
		snprintf(why, VHSM_KERNEL_WHY_LEN, "%u vCPUs; there are 1..%u",
			 vcpu_count, VHSM_VCPUS_MAX);
		return -EINVAL;
	}
	for (i = 0; i < vcpu_count; i++) {
		if (!is_long_mode(&vcpu[i]))
			continue;
		tried++;
		if (find_by(k, &vcpu[i]))
			return settle(k, why);
	}
	snprintf(why, VHSM_KERNEL_WHY_LEN, tried ?
		 "no text like that of %.80s is mapped in the guest" :
		 "no vCPU is in long mode with paging (to look for %.80s)",
		 vhsm_reference_release(reference));
	return -ENOENT;
}
