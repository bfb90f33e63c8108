/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-layout.c - where a module's sections will be in memory, as Linux 6.1
 * puts them (kernel/module/main.c: layout_sections): first what is executable,
 * then what is read-only, read-only after init, writable; each group in the
 * file's order, and beginning on a page.  Sections of the init are apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/module-elf.h"

#define PAGE		4096ull
#define SIZE_MAX_CORE	(256ull << 20)	/* bytes */

enum group { TEXT, RODATA, RO_AFTER_INIT, DATA, GROUPS, NOWHERE };

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* The loader reads these from the file and leaves them there. */
static bool is_left_out(const char *name)
{
	return !strcmp(name, ".modinfo") || !strcmp(name, "__versions") ||
		!strcmp(name, ".data..percpu");
}

static enum group group_of(const struct module_elf *m, size_t i)
{
	const Elf64_Shdr *s = &m->section[i];
	const char *name = module_section_name(m, i);

	if (!(s->sh_flags & SHF_ALLOC) || is_left_out(name) ||
	    starts(name, ".init"))
		return NOWHERE;
	if (s->sh_flags & SHF_EXECINSTR)
		return TEXT;
	if (!(s->sh_flags & SHF_WRITE))
		return RODATA;
	if (!strcmp(name, ".data..ro_after_init") ||
	    !strcmp(name, "__jump_table"))
		return RO_AFTER_INIT;
	return DATA;
}

int module_layout(struct module_elf *m)
{
	uint64_t at = 0;

	m->core_at = malloc(m->section_count * sizeof(*m->core_at));
	if (!m->core_at)
		return -ENOMEM;
	for (size_t i = 0; i < m->section_count; i++)
		m->core_at[i] = MODULE_NOT_CORE;
	for (unsigned group = TEXT; group < GROUPS; group++) {
		for (size_t i = 1; i < m->section_count; i++) {
			uint64_t align = m->section[i].sh_addralign;

			if (group_of(m, i) != group)
				continue;
			if (align > 1)
				at = (at + align - 1) & ~(align - 1);
			m->core_at[i] = (uint32_t)at;
			at += m->section[i].sh_size;
			if (at > SIZE_MAX_CORE)
				return -EFBIG;
			if (group == TEXT)
				m->text_len = (uint32_t)at;
		}
		at = (at + PAGE - 1) & ~(PAGE - 1);
	}
	m->size = (uint32_t)at;
	return 0;
}
