/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-field.c - what the loader writes into a module's text: relocations
 * (arch/x86/kernel/module.c: apply_relocate_add), whose symbols are resolved
 * here, once, as far as that does not depend on where things lie in the guest.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/module-internal.h"

#define KERNEL_HALF (1ull << 63)

static const struct export *find_export(const struct vhsm_modules_builder *b,
					const char *name)
{
	size_t low = 0, high = b->exports;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, b->export[middle].name);

		if (order == 0)
			return &b->export[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Fills value and from; 0, or -ENOENT when nobody has it. */
static int resolve(struct work *w, const Elf64_Sym *s,
		   struct vhsm_module_target *t)
{
	const char *name = module_symbol_name(&w->elf, s);
	const struct export *e;
	uint64_t at;

	t->from = VHSM_FROM_ZERO;
	t->value = s->st_value;
	if (s->st_shndx == SHN_ABS)
		return 0;
	if (s->st_shndx != SHN_UNDEF) {
		if (module_symbol_at(&w->elf, s, &t->value))
			return -ENOENT;
		t->from = w->number;
		return 0;
	}
	if (module_find_kernel(w->b, name, &at) == 0) {
		t->value = at;
		/* Per-CPU symbols are offsets, which do not slide. */
		if (at & KERNEL_HALF)
			t->from = VHSM_FROM_KERNEL;
		return 0;
	}
	e = find_export(w->b, name);
	if (e) {
		t->value = e->at;
		t->from = (uint16_t)e->module;
		return 0;
	}
	if (ELF64_ST_BIND(s->st_info) == STB_WEAK)
		return 0;
	w->b->unresolved++;
	return -ENOENT;
}

int module_target(struct work *w, const Elf64_Rela *r,
		  struct vhsm_module_target *t)
{
	const Elf64_Sym *s = module_relocation_symbol(&w->elf, r);

	memset(t, 0, sizeof(*t));
	t->at = (uint32_t)r->r_offset;
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_NONE:
		return 1;
	case R_X86_64_64:
		t->kind = VHSM_FIELD_ABS64;
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		t->kind = VHSM_FIELD_ABS32;
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		t->kind = VHSM_FIELD_PC32;
		break;
	case R_X86_64_PC64:
		t->kind = VHSM_FIELD_PC64;
		break;
	default:
		return -EBADMSG;
	}
	if (!s)
		return -EBADMSG;
	if (resolve(w, s, t)) {
		t->kind = t->kind == VHSM_FIELD_ABS64 ||
			t->kind == VHSM_FIELD_PC64 ? VHSM_FIELD_ANY :
			VHSM_FIELD_ANY32;
		t->from = VHSM_FROM_ZERO;
		t->value = 0;
	} else {
		t->value += (uint64_t)r->r_addend;
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct vhsm_module_target *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int add_section(struct work *w, size_t i)
{
	size_t count;
	const Elf64_Rela *r = module_relocations(&w->elf, i, &count);
	struct vhsm_module_target t;
	int rc = 0;

	for (size_t n = 0; n < count && rc >= 0; n++) {
		if (r[n].r_offset >= w->elf.section[i].sh_size)
			return -EBADMSG;
		rc = module_target(w, &r[n], &t);
		t.at += w->elf.core_at[i];
		if (rc == 0)
			rc = pool_add(&w->b->field, &t, 1);
	}
	return rc < 0 ? rc : 0;
}

/* No two on the same bytes, and all in the text. */
static bool fields_check(const struct vhsm_module_target *t, size_t count,
			 uint32_t text_len)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t end = (uint64_t)t[i].at + vhsm_field_len(t[i].kind);

		if (end > (i + 1 < count ? t[i + 1].at : text_len))
			return false;
	}
	return true;
}

int module_add_fields(struct work *w)
{
	struct pool *p = &w->b->field;
	size_t first = p->count;
	int rc = 0;

	for (size_t i = 1; i < w->elf.section_count && rc == 0; i++)
		if (w->elf.core_at[i] < w->elf.text_len &&
		    w->elf.section[i].sh_size)
			rc = add_section(w, i);
	if (p->count > first)
		qsort(p->bytes + first * p->record_len, p->count - first,
		      p->record_len, by_place);
	if (rc == 0 && p->count > first &&
	    !fields_check((const void *)(p->bytes + first * p->record_len),
			  p->count - first, w->elf.text_len))
		rc = -EBADMSG;
	return rc;
}
