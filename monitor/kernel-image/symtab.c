/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symtab.c - the symbols of an image that still has its .symtab, by libelf.
 */
#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/image-internal.h"

#define SYMBOLS_MAX	(4u << 20)

static int compare(const void *a, const void *b)
{
	const struct vhsm_image_symbol *x = a, *y = b;

	if (x->va != y->va)
		return x->va < y->va ? -1 : 1;
	/* Global names first, then by name, so that the order is one. */
	if (!isupper((unsigned char)x->type) !=
	    !isupper((unsigned char)y->type))
		return isupper((unsigned char)x->type) ? -1 : 1;
	return strcmp(x->name, y->name);
}

static char type_of(const struct vhsm_image *image, const GElf_Sym *sym)
{
	bool local = ELF64_ST_BIND(sym->st_info) == STB_LOCAL;
	size_t i;
	char type = 'a';

	for (i = 0; i < image->section_count; i++) {
		const struct vhsm_image_section *s = &image->section[i];

		if (sym->st_value < s->va || sym->st_value - s->va >= s->len)
			continue;
		type = s->exec ? 't' : !s->bytes ? 'b' : s->write ? 'd' : 'r';
		break;
	}
	return local ? type : (char)toupper((unsigned char)type);
}

static void add(struct vhsm_image *image, Elf *elf, size_t strings,
		const GElf_Sym *sym)
{
	unsigned char type = ELF64_ST_TYPE(sym->st_info);
	const char *name;

	if (sym->st_shndx == SHN_UNDEF || type == STT_FILE ||
	    type == STT_SECTION)
		return;
	name = elf_strptr(elf, strings, sym->st_name);
	if (!name || !*name || !strncmp(name, ".L", 2))
		return;
	image->symbol[image->symbol_count++] = (struct vhsm_image_symbol){
		.name = name, .va = sym->st_value,
		.type = type_of(image, sym),
	};
}

/* The names were libelf's, which goes. */
static int keep_names(struct vhsm_image *image)
{
	size_t i, len = 1;
	char *at;

	for (i = 0; i < image->symbol_count; i++)
		len += strlen(image->symbol[i].name) + 1;
	at = image->names = malloc(len);
	if (!at)
		return -ENOMEM;
	for (i = 0; i < image->symbol_count; i++) {
		size_t n = strlen(image->symbol[i].name) + 1;

		memcpy(at, image->symbol[i].name, n);
		image->symbol[i].name = at;
		at += n;
	}
	return 0;
}

static int read_table(struct vhsm_image *image, Elf *elf, Elf_Scn *scn,
		      const GElf_Shdr *shdr, char *why)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t i, count;
	GElf_Sym sym;

	count = data && data->d_buf ? data->d_size / sizeof(Elf64_Sym) : 0;
	if (count == 0 || count > SYMBOLS_MAX)
		return image_fail(why, -EBADMSG, "its .symtab is damaged");
	image->symbol = calloc(count, sizeof(*image->symbol));
	if (!image->symbol)
		return image_fail(why, -ENOMEM, "no memory for the symbols");
	for (i = 0; i < count; i++)
		if (gelf_getsym(data, (int)i, &sym))
			add(image, elf, shdr->sh_link, &sym);
	qsort(image->symbol, image->symbol_count, sizeof(*image->symbol),
	      compare);
	if (keep_names(image))
		return image_fail(why, -ENOMEM, "no memory for the symbols");
	return 0;
}

int image_read_symtab(struct vhsm_image *image, char *why)
{
	Elf *elf = elf_memory((char *)image->bytes, image->len);
	Elf_Scn *scn = NULL;
	int r = -ENOENT;

	while (elf && r == -ENOENT && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;

		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_SYMTAB)
			r = read_table(image, elf, scn, &shdr, why);
	}
	elf_end(elf);
	return r;
}
