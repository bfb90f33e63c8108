/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site-cluster.c - the legal values of a place that boot patches, by doing
 * what the kernel does (site-op.h) once for every choice a machine can make:
 * which return thunk, which form of retpoline, one processor or more, what the
 * paravirt slot holds, and each processor feature that an alternative asks
 * for.  A choice is made once for the whole place, as the kernel makes it once
 * for the whole machine, so no mixture that no machine has becomes legal.
 */
#include "kernel-image/site-op.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES_MAX 6u
#define VARIANTS_MAX 4096u

enum paravirt {
	PARAVIRT_KEPT,
	PARAVIRT_IMAGE,			/* what the slot holds in the image */
	PARAVIRT_BUG,			/* the slot is empty */
	PARAVIRT_OPEN,			/* what the slot will hold */
	PARAVIRTS
};

struct choice {
	unsigned ret;
	enum vhsm_retpoline retpoline;
	enum paravirt paravirt;
	unsigned features;		/* bit per feature of the cluster */
	bool one_processor;
};

struct value {
	uint8_t bytes[VHSM_SITE_LEN_MAX];
	uint8_t relocation[VHSM_SITE_LEN_MAX];	/* kind, where one begins */
	uint8_t target_at;
};

struct cluster {
	const struct vhsm_site_image *site;
	const struct vhsm_site_op *op;
	size_t count;
	uint64_t va;
	uint32_t len;
	uint16_t feature[FEATURES_MAX];
	unsigned feature_count;
	unsigned kinds;			/* bit per kind */
	uint64_t key;
	struct vhsm_builder_variant *variant;
	struct value *value;		/* what the variants' bytes are */
	size_t variants;
	size_t room;
};

static void copy_image(const struct cluster *c, struct value *v, uint32_t at,
		       uint64_t from, uint32_t len)
{
	const uint8_t *bytes = vhsm_image_at(c->site->image, from, len);

	for (uint32_t i = 0; bytes && i < len; i++) {
		v->bytes[at + i] = bytes[i];
		v->relocation[at + i] = (uint8_t)
			vhsm_image_relocation_at(c->site->image, from + i);
	}
}

static void forget(struct value *v, uint32_t at, uint32_t len)
{
	memset(v->relocation + at, 0, len);
	if (v->target_at >= at && v->target_at < at + len)
		v->target_at = 0;
}

/* What the slot of pv_ops holds in the image; 0: nothing that is known. */
static uint64_t slot_target(const struct cluster *c, uint64_t slot)
{
	const uint8_t *at = vhsm_image_at(c->site->image, slot,
					  sizeof(uint64_t));

	return at ? vhsm_site_get64(at) : 0;
}

static void do_paravirt(const struct cluster *c, const struct vhsm_site_op *op,
			enum paravirt choice, struct value *v)
{
	uint32_t at = (uint32_t)(op->va - c->va);
	uint64_t target = choice == PARAVIRT_IMAGE ? slot_target(c, op->key) :
			  choice == PARAVIRT_BUG ? c->site->paravirt_bug :
			  op->va + VHSM_CALL_LEN;
	uint64_t nothing;

	if (choice == PARAVIRT_KEPT || !target)
		return;
	forget(v, at, op->len);
	vhsm_site_nops(v->bytes + at, op->len);
	if (choice == PARAVIRT_IMAGE &&
	    !vhsm_image_symbol(c->site->image, "_paravirt_nop", &nothing) &&
	    target == nothing)
		return;
	vhsm_site_nops(v->bytes + at + VHSM_CALL_LEN, op->len - VHSM_CALL_LEN);
	vhsm_site_branch(v->bytes + at, 0xe8, op->va, target);
	if (choice == PARAVIRT_OPEN)
		v->target_at = (uint8_t)(at + 1);
}

/* A jump of a replacement is moved, and shortened where it can be. */
static void move_jump(const struct vhsm_site_op *op, uint8_t *bytes)
{
	uint64_t target = vhsm_site_target(bytes, op->from);
	int64_t near = (int64_t)(target - op->va) - 2;

	if (near >= 0 ? near <= 127 : (near & 0xff) == near) {
		bytes[0] = 0xeb;
		bytes[1] = (uint8_t)near;
		vhsm_site_nops(bytes + 2, VHSM_CALL_LEN - 2);
	} else {
		vhsm_site_branch(bytes, 0xe9, op->va, target);
	}
}

static void do_alternative(const struct cluster *c,
			   const struct vhsm_site_op *op, bool replace,
			   struct value *v)
{
	uint32_t at = (uint32_t)(op->va - c->va);
	uint8_t *bytes = v->bytes + at;

	if (replace) {
		forget(v, at, op->len);
		memset(bytes, 0x90, op->len);
		copy_image(c, v, at, op->from, op->from_len);
		if (op->from_len == VHSM_CALL_LEN && bytes[0] == 0xe8)
			vhsm_site_branch(bytes, 0xe8, op->va,
					 vhsm_site_target(bytes, op->from));
		else if (op->from_len == VHSM_CALL_LEN && bytes[0] == 0xe9)
			move_jump(op, bytes);
	}
	vhsm_site_optimize_nops(bytes, op->len);
}

static bool wanted(const struct cluster *c, const struct vhsm_site_op *op,
		   unsigned features)
{
	for (unsigned i = 0; i < c->feature_count; i++)
		if (c->feature[i] == op->feature)
			return (features >> i & 1) != op->negated;
	return false;
}

/* One step of alternative_instructions(); false: the choice has no such form. */
static bool do_step(const struct cluster *c, enum vhsm_site_kind kind,
		    const struct choice *choice, struct value *v)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct vhsm_site_op *op = &c->op[i];
		uint32_t at = (uint32_t)(op->va - c->va);

		if (op->kind != kind)
			continue;
		if (kind == VHSM_SITE_PARAVIRT) {
			do_paravirt(c, op, choice->paravirt, v);
		} else if (kind == VHSM_SITE_RETPOLINE) {
			uint8_t open = 0;

			if (choice->retpoline)
				forget(v, at, op->len);
			if (!vhsm_site_retpoline(c->site, v->bytes + at,
						 op->len, op->va, op->reg,
						 choice->retpoline, &open))
				return false;
			if (open)
				v->target_at = (uint8_t)(at + open);
		} else if (kind == VHSM_SITE_RETURN) {
			forget(v, at, op->len);
			vhsm_site_return(c->site, v->bytes + at, op->va,
					 choice->ret);
		} else if (kind == VHSM_SITE_ALTERNATIVE) {
			do_alternative(c, op, wanted(c, op, choice->features),
				       v);
		} else if (kind == VHSM_SITE_ENDBR) {
			memcpy(v->bytes + at, "\x66\x0f\x1f\x00", 4);
		} else if (kind == VHSM_SITE_LOCK && v->bytes[at] == 0xf0 &&
			   choice->one_processor) {
			v->bytes[at] = 0x3e;
		}
	}
	return true;
}

static bool simulate(const struct cluster *c, const struct choice *choice,
		     struct value *v)
{
	static const enum vhsm_site_kind order[] = {
		VHSM_SITE_PARAVIRT, VHSM_SITE_RETPOLINE, VHSM_SITE_RETURN,
		VHSM_SITE_ALTERNATIVE, VHSM_SITE_ENDBR, VHSM_SITE_LOCK,
	};

	*v = (struct value){ 0 };
	copy_image(c, v, 0, c->va, c->len);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (c->kinds & 1u << order[i] &&
		    !do_step(c, order[i], choice, v))
			return false;
	return true;
}

/* Where the one operand is that the slide changes: 0 or -EINVAL. */
static int find_slide(const struct cluster *c, const struct value *v,
		      uint8_t *slide_at)
{
	*slide_at = VHSM_NO_SLIDE;
	for (uint32_t i = 0; i < c->len; i++) {
		if (!v->relocation[i])
			continue;
		if (v->relocation[i] != VHSM_RELOCATION_32 ||
		    *slide_at != VHSM_NO_SLIDE)
			return -EINVAL;
		*slide_at = (uint8_t)i;
	}
	return 0;
}

static bool known(const struct cluster *c, const struct value *v)
{
	const uint8_t *own = vhsm_image_at(c->site->image, c->va, c->len);

	if (!v->target_at && own && !memcmp(own, v->bytes, c->len))
		return true;
	for (size_t i = 0; i < c->variants; i++)
		if (v->target_at == c->value[i].target_at &&
		    !memcmp(c->value[i].bytes, v->bytes, c->len))
			return true;
	return false;
}

static int keep(struct cluster *c, const struct value *v)
{
	if (known(c, v))
		return 0;
	if (c->variants == VARIANTS_MAX)
		return -E2BIG;
	if (c->variants == c->room) {
		size_t room = c->room ? c->room * 2 : 8;
		struct value *more =
			reallocarray(c->value, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->value = more;
		c->room = room;
	}
	c->value[c->variants++] = *v;
	return 0;
}

static int every_choice(struct cluster *c)
{
	unsigned rets = c->kinds & 1u << VHSM_SITE_RETURN ?
			c->site->return_thunks + 1 : 1;
	unsigned retpolines = c->kinds & 1u << VHSM_SITE_RETPOLINE ?
			      VHSM_RETPOLINES : 1;
	unsigned paravirts = c->kinds & 1u << VHSM_SITE_PARAVIRT ?
			     PARAVIRTS : 1;
	unsigned locks = c->kinds & 1u << VHSM_SITE_LOCK ? 2 : 1;
	unsigned total = rets * retpolines * paravirts * locks *
			 (1u << c->feature_count);
	int error = 0;

	for (unsigned i = 0; i < total && !error; i++) {
		unsigned rest = i;
		struct choice choice;
		struct value v;

		choice.ret = rest % rets;
		rest /= rets;
		choice.retpoline = (enum vhsm_retpoline)(rest % retpolines);
		rest /= retpolines;
		choice.paravirt = (enum paravirt)(rest % paravirts);
		rest /= paravirts;
		choice.one_processor = rest % locks;
		choice.features = rest / locks;
		if (simulate(c, &choice, &v))
			error = keep(c, &v);
	}
	return error;
}

static int measure(struct cluster *c)
{
	uint64_t last = 0;

	c->va = c->op[0].va;
	for (size_t i = 0; i < c->count; i++) {
		const struct vhsm_site_op *op = &c->op[i];
		unsigned f = 0;

		if (op->va + op->len - 1 > last)
			last = op->va + op->len - 1;
		c->kinds |= 1u << op->kind;
		if (op->key)
			c->key = op->key;
		if (op->kind != VHSM_SITE_ALTERNATIVE)
			continue;
		while (f < c->feature_count && c->feature[f] != op->feature)
			f++;
		if (f == FEATURES_MAX)
			return -E2BIG;
		c->feature[f] = op->feature;
		if (f == c->feature_count)
			c->feature_count++;
	}
	if (last - c->va >= VHSM_SITE_LEN_MAX)
		return -E2BIG;
	c->len = (uint32_t)(last - c->va + 1);
	return 0;
}

/* The kind that does the most: in the order of enum vhsm_site_kind. */
static uint8_t kind_of(const struct cluster *c)
{
	uint8_t kind = 1;

	while (kind < VHSM_SITE_KINDS && !(c->kinds & 1u << kind))
		kind++;
	return kind;
}

static int add(struct vhsm_builder *builder, struct cluster *c)
{
	struct vhsm_site site = {
		.va = c->va, .len = c->len, .kind = kind_of(c), .key = c->key,
	};
	int error = 0;

	c->variant = calloc(c->variants + 1, sizeof(*c->variant));
	if (!c->variant)
		return -ENOMEM;
	for (size_t i = 0; i < c->variants && !error; i++) {
		c->variant[i].bytes = c->value[i].bytes;
		c->variant[i].target_at = c->value[i].target_at;
		if (c->value[i].target_at)
			site.flags = VHSM_SITE_DYNAMIC;
		error = find_slide(c, &c->value[i], &c->variant[i].slide_at);
	}
	return error ? error : vhsm_builder_add_site(builder, &site,
						     c->variant, c->variants);
}

int vhsm_site_add_cluster(struct vhsm_builder *builder,
			  const struct vhsm_site_image *site,
			  const struct vhsm_site_op *ops, size_t count,
			  char *why)
{
	struct cluster c = { .site = site, .op = ops, .count = count };
	int error = measure(&c);

	if (!error)
		error = every_choice(&c);
	if (!error)
		error = add(builder, &c);
	if (error)
		snprintf(why, VHSM_BUILDER_WHY_LEN,
			 "patch site at %#llx (%zu operations): %s",
			 (unsigned long long)ops[0].va, count,
			 strerror(-error));
	free(c.variant);
	free(c.value);
	return error;
}
