/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the tables of what boot patches; see site-op.h. */
#include "kernel-image/site-op.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE_NOT 0x8000u		/* ALTINSTR_FLAG_INV */
#define ENDBR_LEN 4u

/* struct alt_instr and struct paravirt_patch_site of Linux 6.1. */
#define ALTERNATIVE_LEN 12u
#define PARAVIRT_LEN 16u

static const char *const return_thunk_names[] = {
	"__x86_return_thunk", "retbleed_return_thunk",
	"srso_return_thunk", "srso_alias_return_thunk", "its_return_thunk",
};

static const char *const register_names[VHSM_REGISTERS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

int vhsm_site_image_init(struct vhsm_site_image *site,
			 const struct vhsm_image *image, char *why)
{
	const struct vhsm_image_section *text =
		vhsm_image_section(image, ".text");
	uint64_t va;

	*site = (struct vhsm_site_image){ .image = image };
	if (!text || !text->len || !text->bytes) {
		snprintf(why, VHSM_BUILDER_WHY_LEN, "the image has no .text");
		return -EINVAL;
	}
	site->text = text->va;
	site->text_last = text->va + text->len - 1;
	for (size_t i = 0; i < sizeof(return_thunk_names) /
			       sizeof(return_thunk_names[0]); i++)
		if (!vhsm_image_symbol(image, return_thunk_names[i], &va))
			site->return_thunk[site->return_thunks++] = va;
	for (unsigned i = 0; i < VHSM_REGISTERS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "__x86_indirect_thunk_%s",
			 register_names[i]);
		if (!vhsm_image_symbol(image, name, &va))
			site->thunk[i] = va;
		snprintf(name, sizeof(name), "__x86_indirect_its_thunk_%s",
			 register_names[i]);
		if (!vhsm_image_symbol(image, name, &va))
			site->its_thunk[i] = va;
	}
	if (!vhsm_image_symbol(image, "paravirt_BUG", &va))
		site->paravirt_bug = va;
	return 0;
}

bool vhsm_site_in_text(const struct vhsm_site_image *site, uint64_t va,
		       uint64_t len)
{
	return len && va >= site->text && va <= site->text_last &&
	       len - 1 <= site->text_last - va;
}

static int append(struct vhsm_site_ops *ops, const struct vhsm_site_op *op)
{
	if (ops->count == ops->room) {
		size_t room = ops->room ? ops->room * 2 : 4096;
		struct vhsm_site_op *more =
			reallocarray(ops->op, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		ops->op = more;
		ops->room = room;
	}
	ops->op[ops->count] = *op;
	ops->op[ops->count].order = (uint32_t)ops->count;
	ops->count++;
	return 0;
}

static int bad(char *why, const char *table, uint64_t va)
{
	snprintf(why, VHSM_BUILDER_WHY_LEN,
		 "%s: an entry for %#llx is not of a kind that is known",
		 table, (unsigned long long)va);
	return -EINVAL;
}

/* The section's bytes, which must be whole entries; none: count is 0. */
static const uint8_t *table(const struct vhsm_site_image *site,
			    const char *name, size_t entry, size_t *count,
			    uint64_t *va, char *why)
{
	const struct vhsm_image_section *section =
		vhsm_image_section(site->image, name);

	*count = 0;
	if (!section || !section->bytes)
		return NULL;
	if (section->len % entry) {
		snprintf(why, VHSM_BUILDER_WHY_LEN,
			 "%s: %llu bytes are not entries of %zu: this kernel's "
			 "tables are not those of Linux 6.1", name,
			 (unsigned long long)section->len, entry);
		return NULL;
	}
	*count = section->len / entry;
	*va = section->va;
	return section->bytes;
}

static uint64_t relative(const uint8_t *at, uint64_t va)
{
	return va + (uint64_t)(int64_t)(int32_t)vhsm_site_get32(at);
}

static int read_alternatives(struct vhsm_site_ops *ops,
			     const struct vhsm_site_image *site, char *why)
{
	size_t count;
	uint64_t va = 0;
	const uint8_t *at = table(site, ".altinstructions", ALTERNATIVE_LEN,
				  &count, &va, why);
	int error = 0;

	if (!at && *why)
		return -EINVAL;
	for (size_t i = 0; i < count && !error;
	     i++, at += ALTERNATIVE_LEN, va += ALTERNATIVE_LEN) {
		uint16_t feature = (uint16_t)(at[8] | at[9] << 8);
		struct vhsm_site_op op = {
			.va = relative(at, va), .len = at[10],
			.kind = VHSM_SITE_ALTERNATIVE,
			.feature = feature & (FEATURE_NOT - 1),
			.negated = feature & FEATURE_NOT,
			.from = relative(at + 4, va + 4), .from_len = at[11],
		};

		if (op.from_len > op.len || (op.from_len &&
		    !vhsm_image_at(site->image, op.from, op.from_len)))
			return bad(why, ".altinstructions", op.va);
		if (vhsm_site_in_text(site, op.va, op.len))
			error = append(ops, &op);
	}
	return error;
}

static int read_paravirt(struct vhsm_site_ops *ops,
			 const struct vhsm_site_image *site, char *why)
{
	size_t count;
	uint64_t va = 0, pv_ops = 0;
	const uint8_t *at = table(site, ".parainstructions", PARAVIRT_LEN,
				  &count, &va, why);
	int error = 0;

	if (!at && *why)
		return -EINVAL;
	if (count && vhsm_image_symbol(site->image, "pv_ops", &pv_ops))
		return bad(why, ".parainstructions without pv_ops", 0);
	for (size_t i = 0; i < count && !error; i++, at += PARAVIRT_LEN) {
		struct vhsm_site_op op = {
			.va = vhsm_site_get64(at), .len = at[9],
			.kind = VHSM_SITE_PARAVIRT,
			.key = pv_ops + at[8] * sizeof(uint64_t),
		};

		if (op.len < VHSM_CALL_LEN)
			return bad(why, ".parainstructions", op.va);
		if (vhsm_site_in_text(site, op.va, op.len))
			error = append(ops, &op);
	}
	return error;
}

/* Which register's thunk is called; VHSM_REGISTERS: none. */
static unsigned thunk_register(const struct vhsm_site_image *site,
			       uint64_t target)
{
	unsigned i = 0;

	while (i < VHSM_REGISTERS &&
	       (!site->thunk[i] || site->thunk[i] != target))
		i++;
	return i;
}

/* The forms of a retpoline, a return, a lock, an endbr: false for others. */
static bool recognise(const struct vhsm_site_image *site,
		      struct vhsm_site_op *op)
{
	const uint8_t *at = vhsm_image_at(site->image, op->va, 6);
	uint32_t prefix;

	if (!at)
		return false;
	switch (op->kind) {
	case VHSM_SITE_RETPOLINE:
		prefix = at[0] == 0x2e ? 1 : 0;
		op->len = prefix + VHSM_CALL_LEN;
		op->reg = (uint8_t)thunk_register(site,
			vhsm_site_target(at + prefix, op->va + prefix));
		op->key = op->reg;
		return op->reg < VHSM_REGISTERS &&
		       (at[prefix] == 0xe8 || at[prefix] == 0xe9);
	case VHSM_SITE_RETURN:
		op->len = VHSM_CALL_LEN;
		return at[0] == 0xe9 || at[0] == 0xc3;
	case VHSM_SITE_LOCK:
		op->len = 1;
		return at[0] == 0xf0 || at[0] == 0x3e;
	case VHSM_SITE_ENDBR:
		op->len = ENDBR_LEN;
		return !memcmp(at, "\xf3\x0f\x1e\xfa", ENDBR_LEN);
	default:
		return false;
	}
}

static int read_relative(struct vhsm_site_ops *ops,
			 const struct vhsm_site_image *site, const char *name,
			 enum vhsm_site_kind kind, char *why)
{
	size_t count;
	uint64_t va = 0;
	const uint8_t *at = table(site, name, 4, &count, &va, why);
	int error = 0;

	if (!at && *why)
		return -EINVAL;
	for (size_t i = 0; i < count && !error; i++, at += 4, va += 4) {
		struct vhsm_site_op op = {
			.va = relative(at, va), .kind = (uint8_t)kind,
		};

		/* An entry of zeros is padding; code that boot throws away
		 * is not looked at. */
		if (op.va == va || !vhsm_site_in_text(site, op.va, 1))
			continue;
		if (!recognise(site, &op) ||
		    !vhsm_site_in_text(site, op.va, op.len))
			return bad(why, name, op.va);
		error = append(ops, &op);
	}
	return error;
}

static int by_address(const void *a, const void *b)
{
	const struct vhsm_site_op *x = a, *y = b;

	if (x->va != y->va)
		return x->va < y->va ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int vhsm_site_ops_read(struct vhsm_site_ops *ops,
		       const struct vhsm_site_image *site, char *why)
{
	static const struct {
		const char *name;
		enum vhsm_site_kind kind;
	} relative_tables[] = {
		{ ".retpoline_sites", VHSM_SITE_RETPOLINE },
		{ ".return_sites", VHSM_SITE_RETURN },
		{ ".ibt_endbr_seal", VHSM_SITE_ENDBR },
		{ ".smp_locks", VHSM_SITE_LOCK },
	};

	*ops = (struct vhsm_site_ops){ 0 };
	*why = '\0';
	int error = read_alternatives(ops, site, why);

	if (!error)
		error = read_paravirt(ops, site, why);
	for (size_t i = 0; !error && i < 4; i++)
		error = read_relative(ops, site, relative_tables[i].name,
				      relative_tables[i].kind, why);
	if (error) {
		if (!*why)
			snprintf(why, VHSM_BUILDER_WHY_LEN,
				 "patch sites: %s", strerror(-error));
		vhsm_site_ops_free(ops);
		return error;
	}
	if (ops->count)
		qsort(ops->op, ops->count, sizeof(*ops->op), by_address);
	return 0;
}

void vhsm_site_ops_free(struct vhsm_site_ops *ops)
{
	free(ops->op);
	*ops = (struct vhsm_site_ops){ 0 };
}
