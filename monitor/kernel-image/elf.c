/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf.c - the sections and loaded pieces of the kernel's ELF file, by libelf;
 * every range is checked against the file before it is believed.
 */
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/image-internal.h"

#define SECTIONS_MAX	4096u
#define LOADS_MAX	64u

static int note_end(struct vhsm_image *image, uint64_t at, uint64_t len,
		    const char *what, char *why)
{
	if (at > image->len || len > image->len - at)
		return image_fail(why, -EBADMSG,
				  "the kernel is cut short: %.64s lies at %llu to %llu of %zu bytes",
				  what, (unsigned long long)at,
				  (unsigned long long)(at + len), image->len);
	if (at + len > image->elf_len)
		image->elf_len = at + len;
	return 0;
}

static int read_section(struct vhsm_image *image, Elf *elf, size_t names,
			const GElf_Shdr *shdr, char *why)
{
	const char *name = elf_strptr(elf, names, shdr->sh_name);
	struct vhsm_image_section *s;
	int r;

	if (!name)
		return image_fail(why, -EBADMSG,
				  "a section of the kernel has no name");
	if (shdr->sh_type != SHT_NOBITS) {
		r = note_end(image, shdr->sh_offset, shdr->sh_size, name, why);
		if (r)
			return r;
	}
	if (!(shdr->sh_flags & SHF_ALLOC) || shdr->sh_size == 0)
		return 0;
	if (shdr->sh_addr + shdr->sh_size < shdr->sh_addr)
		return image_fail(why, -EBADMSG,
				  "section %.64s goes beyond memory", name);
	s = &image->section[image->section_count++];
	s->name = strdup(name);
	s->va = shdr->sh_addr;
	s->len = shdr->sh_size;
	s->bytes = shdr->sh_type == SHT_NOBITS ?
		   NULL : image->bytes + shdr->sh_offset;
	s->exec = shdr->sh_flags & SHF_EXECINSTR;
	s->write = shdr->sh_flags & SHF_WRITE;
	return s->name ? 0 : image_fail(why, -ENOMEM, "no memory");
}

static int read_sections(struct vhsm_image *image, Elf *elf,
			 const GElf_Ehdr *ehdr, char *why)
{
	Elf_Scn *scn = NULL;
	size_t names, count;
	int r = 0;

	if (elf_getshdrnum(elf, &count) || elf_getshdrstrndx(elf, &names) ||
	    count < 2 || count > SECTIONS_MAX)
		return image_fail(why, -EBADMSG,
				  "the kernel's table of sections is damaged");
	r = note_end(image, ehdr->e_shoff, count * sizeof(Elf64_Shdr),
		     "the table of sections", why);
	image->section = calloc(count, sizeof(*image->section));
	if (!r && !image->section)
		r = image_fail(why, -ENOMEM, "no memory");
	while (!r && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr) || image->section_count == count)
			return image_fail(why, -EBADMSG,
					  "the kernel's table of sections is damaged");
		r = read_section(image, elf, names, &shdr, why);
	}
	return r;
}

static int read_loads(struct vhsm_image *image, Elf *elf, char *why)
{
	GElf_Phdr phdr;
	size_t i, count;
	int r;

	if (elf_getphdrnum(elf, &count) || count == 0 || count > LOADS_MAX)
		return image_fail(why, -EBADMSG,
				  "the kernel's program headers are damaged");
	image->load = calloc(count, sizeof(*image->load));
	if (!image->load)
		return image_fail(why, -ENOMEM, "no memory");
	for (i = 0; i < count; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr))
			return image_fail(why, -EBADMSG,
					  "the kernel's program headers are damaged");
		if (phdr.p_type != PT_LOAD)
			continue;
		r = note_end(image, phdr.p_offset, phdr.p_filesz,
			     "a loaded piece", why);
		if (r)
			return r;
		if (phdr.p_vaddr + phdr.p_filesz < phdr.p_vaddr)
			return image_fail(why, -EBADMSG,
					  "the kernel is loaded beyond memory");
		image->load[image->load_count++] = (struct image_load){
			phdr.p_vaddr, phdr.p_offset, phdr.p_filesz
		};
	}
	return 0;
}

/* libelf's copies, because a damaged header may lead to any address. */
int image_read_elf(struct vhsm_image *image, char *why)
{
	GElf_Ehdr ehdr;
	Elf *elf;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return image_fail(why, -EIO, "libelf is of another version");
	elf = elf_memory((char *)image->bytes, image->len);
	if (!elf || !gelf_getehdr(elf, &ehdr) ||
	    gelf_getclass(elf) != ELFCLASS64 || ehdr.e_machine != EM_X86_64 ||
	    ehdr.e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr.e_shentsize != sizeof(Elf64_Shdr) ||
	    ehdr.e_phentsize != sizeof(Elf64_Phdr))
		r = image_fail(why, -ENOEXEC,
			       "no ELF file of a 64-bit x86 kernel is in it");
	else
		r = read_sections(image, elf, &ehdr, why);
	if (!r)
		r = read_loads(image, elf, why);
	elf_end(elf);
	return r;
}
