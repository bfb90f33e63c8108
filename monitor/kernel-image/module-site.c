/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-site.c - where the kernel patches a module's text, from the tables in
 * the module's file (arch/x86/kernel/module.c: module_finalize, and the
 * notifiers of jump labels, static calls and ftrace), and with what.
 *
 * A table's entries begin with a reference to the place: that is a relocation
 * of the table's section.  What can only be known in the guest (a call's target
 * that is chosen at run time) the check judges by the kind of site.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/site.h"
#include "kernel-image/module-internal.h"

#define CALL		0xe8u
#define JMP		0xe9u
#define JMP_SHORT	0xebu
#define INT3		0xccu
#define RET		0xc3u
#define CS_PREFIX	0x2eu
#define CALL_LEN	5u

struct table {
	struct work *w;
	const Elf64_Rela *relocation;	/* sorted by offset */
	Elf64_Rela *sorted;		/* the same, to be freed */
	size_t count;
	const uint8_t *bytes;
	uint64_t len;
};

static int by_offset(const void *a, const void *b)
{
	const Elf64_Rela *x = a, *y = b;

	return x->r_offset < y->r_offset ? -1 : x->r_offset > y->r_offset;
}

/* The table of that name: -ENOENT when the module has none. */
static int table_open(struct work *w, const char *name, struct table *t)
{
	size_t i = module_section_find(&w->elf, name), count;
	const Elf64_Rela *r = module_relocations(&w->elf, i, &count);

	memset(t, 0, sizeof(*t));
	t->w = w;
	t->bytes = module_section_bytes(&w->elf, i);
	if (!t->bytes || !r || !count)
		return -ENOENT;
	t->len = w->elf.section[i].sh_size;
	t->sorted = malloc(count * sizeof(*t->sorted));
	if (!t->sorted)
		return -ENOMEM;
	memcpy(t->sorted, r, count * sizeof(*r));
	qsort(t->sorted, count, sizeof(*t->sorted), by_offset);
	t->relocation = t->sorted;
	t->count = count;
	return 0;
}

static const Elf64_Rela *relocation_at(const struct table *t, uint64_t offset)
{
	Elf64_Rela key = { .r_offset = offset };

	return bsearch(&key, t->relocation, t->count, sizeof(key), by_offset);
}

/* What the entry's field at offset refers to: 0 with the section and the place
 * in it, or -ENOENT. */
static int refers_to(const struct table *t, uint64_t offset, size_t *section,
		     uint64_t *place)
{
	const Elf64_Rela *r = relocation_at(t, offset);
	const Elf64_Sym *s = r ? module_relocation_symbol(&t->w->elf, r) : NULL;

	if (!s || s->st_shndx == SHN_UNDEF ||
	    s->st_shndx >= t->w->elf.section_count)
		return -ENOENT;
	*section = s->st_shndx;
	*place = s->st_value + (uint64_t)r->r_addend;
	return *place < t->w->elf.section[*section].sh_size ? 0 : -ENOENT;
}

/* The same, of text that stays: 0 with its offset in the module and the bytes
 * there, of which left are left in the section. */
static int text_at(const struct table *t, uint64_t offset, uint32_t *at,
		   const uint8_t **bytes, uint64_t *left)
{
	const struct module_elf *m = &t->w->elf;
	size_t section;
	uint64_t place;

	if (refers_to(t, offset, &section, &place) ||
	    m->core_at[section] >= m->text_len ||
	    !module_section_bytes(m, section))
		return -ENOENT;
	*at = (uint32_t)(m->core_at[section] + place);
	*bytes = module_section_bytes(m, section) + place;
	*left = m->section[section].sh_size - place;
	return 0;
}

static int add_variant(struct work *w, const uint8_t *bytes, unsigned len,
		       const struct vhsm_module_target *target)
{
	struct vhsm_module_variant v = {
		.bytes_at = (uint32_t)w->b->bytes.count, .len = (uint8_t)len,
		.has_target = target != NULL,
	};

	if (target)
		v.target = *target;
	return pool_add(&w->b->bytes, bytes, len) ? -ENOMEM :
		pool_add(&w->b->variant, &v, 1);
}

/* Adds a site whose variants are those added since the first. */
static int add_site(struct work *w, uint32_t at, unsigned len, unsigned kind,
		    size_t first_variant)
{
	struct vhsm_module_site s = {
		.at = at, .len = (uint8_t)len, .kind = (uint8_t)kind,
		.first_variant = (uint32_t)first_variant,
		.variant_count = (uint16_t)(w->b->variant.count -
					    first_variant),
	};

	return len && at + len <= w->elf.text_len ?
		pool_add(&w->b->site, &s, 1) : 0;
}

/* The one relocation within a replacement; more than one: -E2BIG. */
static int replacement_target(struct work *w, size_t section, uint64_t place,
			      unsigned len, struct vhsm_module_target *target)
{
	size_t count, found = 0;
	const Elf64_Rela *r = module_relocations(&w->elf, section, &count);

	for (size_t i = 0; i < count; i++) {
		if (r[i].r_offset < place || r[i].r_offset >= place + len)
			continue;
		if (found++ || module_target(w, &r[i], target))
			return -E2BIG;
		target->at = (uint32_t)(r[i].r_offset - place);
	}
	return found ? 1 : 0;
}

static int add_alternative(struct table *t, uint64_t entry)
{
	const struct vhsm_reference *r = t->w->b->reference;
	uint32_t instr = vhsm_reference_layout(r,
				VHSM_L_alt_instr__instr_offset).offset;
	uint32_t repl = vhsm_reference_layout(r,
				VHSM_L_alt_instr__repl_offset).offset;
	uint8_t len = t->bytes[entry + vhsm_reference_layout(r,
				VHSM_L_alt_instr__instrlen).offset];
	uint8_t repl_len = t->bytes[entry + vhsm_reference_layout(r,
				VHSM_L_alt_instr__replacementlen).offset];
	struct vhsm_module_target target = { 0 };
	size_t first = t->w->b->variant.count, section;
	const uint8_t *bytes, *replacement = (const uint8_t *)"";
	uint64_t left, place;
	uint32_t at;
	int has = 0, rc = 0;

	if (text_at(t, entry + instr, &at, &bytes, &left) || len > left ||
	    repl_len > len)
		return 0;
	if (repl_len) {
		if (refers_to(t, entry + repl, &section, &place) ||
		    !module_section_bytes(&t->w->elf, section) ||
		    repl_len > t->w->elf.section[section].sh_size - place)
			return -EBADMSG;
		replacement = module_section_bytes(&t->w->elf, section) + place;
		has = replacement_target(t->w, section, place, repl_len,
					 &target);
	}
	if (has >= 0)
		rc = add_variant(t->w, replacement, repl_len,
				 has ? &target : NULL);
	return rc ? rc : add_site(t->w, at, len, VHSM_SITE_ALTERNATIVE, first);
}

static int add_alternatives(struct work *w)
{
	uint32_t size = vhsm_reference_layout(w->b->reference,
					      VHSM_L_alt_instr__SIZE).size;
	struct table t;
	int rc = table_open(w, ".altinstructions", &t);

	if (rc == -ENOENT)
		return 0;
	for (uint64_t e = 0; rc == 0 && size && e + size <= t.len; e += size)
		rc = add_alternative(&t, e);
	free(t.sorted);
	return rc;
}

/* One site for every place a table refers to, with the kind's own variants. */
typedef int make_site(struct table *, uint64_t offset, uint32_t at,
		      const uint8_t *bytes, uint64_t left);

static int add_each(struct work *w, const char *name, unsigned entry_len,
		    make_site *make)
{
	struct table t;
	const uint8_t *bytes;
	uint64_t left;
	uint32_t at;
	int rc = table_open(w, name, &t);

	if (rc == -ENOENT)
		return 0;
	for (uint64_t e = 0; rc == 0 && e + entry_len <= t.len; e += entry_len)
		if (text_at(&t, e, &at, &bytes, &left) == 0)
			rc = make(&t, e, at, bytes, left);
	free(t.sorted);
	return rc;
}

/* LOCK becomes DS on one processor. */
static int make_lock(struct table *t, uint64_t offset, uint32_t at,
		     const uint8_t *bytes, uint64_t left)
{
	static const uint8_t ds = 0x3e;
	size_t first = t->w->b->variant.count;
	int rc = add_variant(t->w, &ds, 1, NULL);

	(void)offset;
	(void)bytes;
	(void)left;
	return rc ? rc : add_site(t->w, at, 1, VHSM_SITE_LOCK, first);
}

static int make_return(struct table *t, uint64_t offset, uint32_t at,
		       const uint8_t *bytes, uint64_t left)
{
	static const uint8_t ret = RET;
	size_t first = t->w->b->variant.count;
	int rc = add_variant(t->w, &ret, 1, NULL);

	(void)offset;
	if (rc || bytes[0] != JMP || left < CALL_LEN)
		return rc;
	return add_site(t->w, at, CALL_LEN, VHSM_SITE_RETURN, first);
}

static int make_ftrace(struct table *t, uint64_t offset, uint32_t at,
		       const uint8_t *bytes, uint64_t left)
{
	size_t first = t->w->b->variant.count;
	int rc = add_variant(t->w, bytes, 0, NULL);

	(void)offset;
	if (rc || left < CALL_LEN)
		return rc;
	return add_site(t->w, at, CALL_LEN, VHSM_SITE_FTRACE, first);
}

/* The number of the register that a thunk is for, or -1. */
static int thunk_register(const char *symbol)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
	};
	static const char prefix[] = "__x86_indirect_thunk_";

	if (strncmp(symbol, prefix, sizeof(prefix) - 1))
		return -1;
	for (int i = 0; i < 16; i++)
		if (!strcmp(symbol + sizeof(prefix) - 1, names[i]))
			return i;
	return -1;
}

/* The instruction at a retpoline site: its thunk's register, or -1. */
static int retpoline_register(struct table *t, uint64_t offset, unsigned operand)
{
	size_t section, count;
	uint64_t place;
	const Elf64_Rela *r;

	if (refers_to(t, offset, &section, &place))
		return -1;
	r = module_relocations(&t->w->elf, section, &count);
	for (size_t i = 0; i < count; i++) {
		const Elf64_Sym *s;

		if (r[i].r_offset != place + operand)
			continue;
		s = module_relocation_symbol(&t->w->elf, &r[i]);
		return s ? thunk_register(module_symbol_name(&t->w->elf, s)) :
			-1;
	}
	return -1;
}

/* (J)cc over, LFENCE, CALL or JMP *reg (alternative.c: patch_retpoline). */
static int add_indirect(struct work *w, unsigned opcode, unsigned condition,
			unsigned reg, bool lfence)
{
	uint8_t b[10];
	unsigned n = 0;

	if (condition) {
		b[n++] = (uint8_t)(0x70 | ((condition & 0xf) ^ 1));
		b[n++] = 4;		/* past an instruction of 6 */
	}
	if (lfence) {
		b[n++] = 0x0f;
		b[n++] = 0xae;
		b[n++] = 0xe8;
	}
	if (reg >= 8)
		b[n++] = 0x41;
	b[n++] = 0xff;
	b[n++] = (uint8_t)((opcode == CALL ? 0xd0 : 0xe0) | (reg & 7));
	return add_variant(w, b, n, NULL);
}

static int make_retpoline(struct table *t, uint64_t offset, uint32_t at,
			  const uint8_t *bytes, uint64_t left)
{
	size_t first = t->w->b->variant.count;
	unsigned prefix = left && bytes[0] == CS_PREFIX;
	unsigned opcode, condition = 0, len;
	int reg, rc;

	if (left < prefix + CALL_LEN + 1)
		return 0;
	opcode = bytes[prefix];
	len = prefix + CALL_LEN;
	if (opcode == 0x0f) {
		condition = bytes[prefix + 1];
		len++;
	} else if (opcode != CALL && opcode != JMP) {
		return 0;
	}
	reg = retpoline_register(t, offset, len - 4);
	if (reg < 0)
		return 0;
	rc = add_indirect(t->w, opcode, condition, (unsigned)reg, false);
	if (rc == 0 && 3 + 3 <= len && !condition)
		rc = add_indirect(t->w, opcode, 0, (unsigned)reg, true);
	return rc ? rc : add_site(t->w, at, len, VHSM_SITE_RETPOLINE, first);
}

/* A jump label's entry: code, target, key (include/linux/jump_label.h). */
static int make_jump_label(struct table *t, uint64_t offset, uint32_t at,
			   const uint8_t *bytes, uint64_t left)
{
	size_t first = t->w->b->variant.count;
	const uint8_t *there;
	uint8_t jump[CALL_LEN];
	uint64_t there_left;
	unsigned len;
	uint32_t to;
	int32_t distance;
	int rc;

	if (text_at(t, offset + 4, &to, &there, &there_left))
		return 0;
	/* Two-byte forms are a short jump, and 66 90. */
	len = left && (bytes[0] == JMP_SHORT || bytes[0] == 0x66) ? 2 : 5;
	distance = (int32_t)(to - (at + len));
	jump[0] = len == 2 ? JMP_SHORT : JMP;
	memcpy(jump + 1, &distance, len - 1);
	if (left < len || (len == 2 && (int8_t)distance != distance))
		return 0;
	rc = add_variant(t->w, jump, len, NULL);
	if (rc == 0)
		rc = add_variant(t->w, jump, 0, NULL);
	return rc ? rc : add_site(t->w, at, len, VHSM_SITE_JUMP_LABEL, first);
}

/* To a function of the check's judging; or nothing, or "return", or "return 0"
 * (arch/x86/kernel/static_call.c). */
static int add_static_call(struct work *w, uint32_t at)
{
	static const uint8_t ret = RET;
	static const uint8_t zero[] = { 0x66, 0x66, 0x48, 0x31, 0xc0 };
	size_t first = w->b->variant.count;
	int rc = add_variant(w, &ret, 0, NULL);

	if (rc == 0)
		rc = add_variant(w, &ret, 1, NULL);
	if (rc == 0)
		rc = add_variant(w, zero, sizeof(zero), NULL);
	return rc ? rc : add_site(w, at, CALL_LEN, VHSM_SITE_STATIC_CALL,
				  first);
}

static int make_static_call(struct table *t, uint64_t offset, uint32_t at,
			    const uint8_t *bytes, uint64_t left)
{
	(void)offset;
	(void)bytes;
	return left < CALL_LEN ? 0 : add_static_call(t->w, at);
}

/* A module's own trampolines. */
static int add_trampolines(struct work *w)
{
	uint64_t at;
	int rc = 0;

	for (size_t i = 0; i < w->elf.symbol_count && rc == 0; i++) {
		const Elf64_Sym *s = &w->elf.symbol[i];

		if (!strncmp(module_symbol_name(&w->elf, s), "__SCT__", 7) &&
		    module_symbol_at(&w->elf, s, &at) == 0 &&
		    at < w->elf.text_len)
			rc = add_static_call(w, (uint32_t)at);
	}
	return rc;
}

/* struct paravirt_patch_site: where, kind, length. */
static int make_paravirt(struct table *t, uint64_t offset, uint32_t at,
			 const uint8_t *bytes, uint64_t left)
{
	struct vhsm_member len = vhsm_reference_layout(t->w->b->reference,
					VHSM_L_paravirt_patch_site__len);
	size_t first = t->w->b->variant.count;
	int rc = add_variant(t->w, bytes, 0, NULL);

	if (rc || len.offset == VHSM_NO_MEMBER || offset + len.offset >= t->len)
		return rc;
	len.size = t->bytes[offset + len.offset];
	return len.size > left ? 0 :
		add_site(t->w, at, len.size, VHSM_SITE_PARAVIRT, first);
}

static int by_place(const void *a, const void *b)
{
	const struct vhsm_module_site *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

int module_add_sites(struct work *w)
{
	struct pool *p = &w->b->site;
	size_t first = p->count;
	int rc = add_alternatives(w);

	if (rc == 0)
		rc = add_each(w, ".parainstructions", 16, make_paravirt);
	if (rc == 0)
		rc = add_each(w, ".retpoline_sites", 4, make_retpoline);
	if (rc == 0)
		rc = add_each(w, ".return_sites", 4, make_return);
	if (rc == 0)
		rc = add_each(w, ".smp_locks", 4, make_lock);
	if (rc == 0)
		rc = add_each(w, "__jump_table", 16, make_jump_label);
	if (rc == 0)
		rc = add_each(w, ".static_call_sites", 8, make_static_call);
	if (rc == 0)
		rc = add_each(w, "__mcount_loc", 8, make_ftrace);
	if (rc == 0)
		rc = add_trampolines(w);
	if (p->count > first)
		qsort(p->bytes + first * p->record_len, p->count - first,
		      p->record_len, by_place);
	return rc;
}
