/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-elf.h - a kernel module's file, unpacked, and where its sections will
 * be in memory.
 *
 * The file is the administrator's, but may be damaged: every offset in it is
 * checked when it is opened.
 */
#ifndef VHSM_MODULE_ELF_H
#define VHSM_MODULE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_MODULE_WHY_LEN	256u
#define MODULE_FILE_MAX		(256u << 20)	/* bytes, packed or not */
#define MODULE_NOT_CORE		UINT32_MAX	/* freed after init, per-CPU, or
						 * never loaded */

struct module_elf {
	uint8_t *bytes;
	size_t len;
	uint8_t sha256[32];		/* of the file as it stands on disk */
	char name[64];			/* of .gnu.linkonce.this_module */
	const char *release;		/* first word of vermagic */
	size_t release_len;
	const Elf64_Shdr *section;
	size_t section_count;
	const char *section_names;
	size_t section_names_len;
	const Elf64_Sym *symbol;
	size_t symbol_count;
	const char *strings;		/* of the symbols */
	size_t strings_len;
	/* as the kernel will lay it out (kernel/module/main.c, Linux 6.1:
	 * layout_sections) */
	uint32_t *core_at;		/* of each section: its offset in the
					 * module's memory, or MODULE_NOT_CORE */
	uint32_t text_len;		/* bytes, to the end of the last section */
	uint32_t size;			/* bytes of all, whole pages; without
					 * the symbols that the kernel keeps */
};

/* 0 with *elf, to be freed; -errno with why (VHSM_MODULE_WHY_LEN), which does
 * not name the file. */
int module_elf_open(struct module_elf *elf, const char *path, char *why);
void module_elf_close(struct module_elf *);

/* "" for one that has none. */
const char *module_section_name(const struct module_elf *, size_t i);
/* Its bytes, or NULL (no such section, or one without bytes). */
const uint8_t *module_section_bytes(const struct module_elf *, size_t i);
/* By name: its number, or 0. */
size_t module_section_find(const struct module_elf *, const char *name);
/* "" for one that has none. */
const char *module_symbol_name(const struct module_elf *, const Elf64_Sym *);
/* The relocations of section i; *count of them, sorted or not. */
const Elf64_Rela *module_relocations(const struct module_elf *, size_t i,
				     size_t *count);
/* The symbol of a relocation, or NULL when it is not there. */
const Elf64_Sym *module_relocation_symbol(const struct module_elf *,
					  const Elf64_Rela *);
/* Where in the module's memory a symbol of the module itself is: 0 with *at,
 * or -ENOENT for undefined ones and what is not core. */
int module_symbol_at(const struct module_elf *, const Elf64_Sym *,
		     uint64_t *at);

/* module-layout.c: fills core_at, text_len and size.  0 or -ENOMEM, -EFBIG. */
int module_layout(struct module_elf *);

#endif /* VHSM_MODULE_ELF_H */
