/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-image/module-elf.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-image/image-internal.h"

static int fail(char *why, int error, const char *what)
{
	snprintf(why, VHSM_MODULE_WHY_LEN, "%s", what);
	return error;
}

static int read_file(struct module_elf *m, const char *path, char *why)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	int rc = 0;

	if (!f)
		return fail(why, -errno, strerror(errno));
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > (off_t)MODULE_FILE_MAX)
		rc = fail(why, -EINVAL, "no file, empty, or too large");
	if (rc == 0) {
		m->len = (size_t)st.st_size;
		m->bytes = malloc(m->len);
		if (!m->bytes)
			rc = fail(why, -ENOMEM, "no memory");
		else if (fread(m->bytes, 1, m->len, f) != m->len)
			rc = fail(why, -EIO, "cannot be read");
	}
	fclose(f);
	return rc;
}

static int unpack(struct module_elf *m, char *why)
{
	uint8_t *out = NULL;
	size_t len;
	int rc;

	if (m->len > SELFMAG && !memcmp(m->bytes, ELFMAG, SELFMAG))
		return 0;
	rc = image_decompress(m->bytes, m->len, &out, &len, why);
	if (rc) {
		free(out);
		return rc;
	}
	free(m->bytes);
	m->bytes = out;
	m->len = len;
	return 0;
}

/* Whether count records of the length lie in the file at an offset that suits
 * them. */
static bool in_file(const struct module_elf *m, uint64_t at, uint64_t count,
		    size_t record_len, size_t alignment)
{
	return at % alignment == 0 && at <= m->len &&
		count <= (m->len - at) / record_len;
}

static bool section_check(const struct module_elf *m, const Elf64_Shdr *s)
{
	if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL &&
	    !in_file(m, s->sh_offset, s->sh_size, 1, 1))
		return false;
	if (s->sh_addralign & (s->sh_addralign - 1) || s->sh_size > UINT32_MAX)
		return false;
	if (s->sh_type == SHT_RELA)
		return s->sh_entsize == sizeof(Elf64_Rela) &&
			s->sh_offset % 8 == 0 && s->sh_info < m->section_count;
	return true;
}

static int read_sections(struct module_elf *m, char *why)
{
	const Elf64_Ehdr *h = (const void *)m->bytes;
	const Elf64_Shdr *names;

	if (m->len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_type != ET_REL ||
	    h->e_machine != EM_X86_64)
		return fail(why, -ENOEXEC, "no module for x86-64");
	if (h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shnum ||
	    h->e_shstrndx >= h->e_shnum ||
	    !in_file(m, h->e_shoff, h->e_shnum, sizeof(Elf64_Shdr), 8))
		return fail(why, -EBADMSG, "its section table is damaged");
	m->section = (const void *)(m->bytes + h->e_shoff);
	m->section_count = h->e_shnum;
	for (size_t i = 0; i < m->section_count; i++)
		if (!section_check(m, &m->section[i]))
			return fail(why, -EBADMSG, "a section is damaged");
	names = &m->section[h->e_shstrndx];
	if (names->sh_type != SHT_STRTAB || !names->sh_size ||
	    m->bytes[names->sh_offset + names->sh_size - 1])
		return fail(why, -EBADMSG, "its section names are damaged");
	m->section_names = (const char *)m->bytes + names->sh_offset;
	m->section_names_len = names->sh_size;
	return 0;
}

static int read_symbols(struct module_elf *m, char *why)
{
	const Elf64_Shdr *s, *names;
	size_t i = 0;

	while (i < m->section_count && m->section[i].sh_type != SHT_SYMTAB)
		i++;
	if (i == m->section_count)
		return fail(why, -ENOEXEC, "it has no symbols");
	s = &m->section[i];
	names = s->sh_link < m->section_count ? &m->section[s->sh_link] : NULL;
	if (s->sh_offset % 8 || s->sh_entsize != sizeof(Elf64_Sym) || !names ||
	    names->sh_type != SHT_STRTAB || !names->sh_size ||
	    m->bytes[names->sh_offset + names->sh_size - 1])
		return fail(why, -EBADMSG, "its symbols are damaged");
	m->symbol = (const void *)(m->bytes + s->sh_offset);
	m->symbol_count = s->sh_size / sizeof(Elf64_Sym);
	m->strings = (const char *)m->bytes + names->sh_offset;
	m->strings_len = names->sh_size;
	return 0;
}

/* A value of .modinfo: NUL-terminated KEY=VALUE strings. */
static const char *modinfo(const struct module_elf *m, const char *key)
{
	size_t i = module_section_find(m, ".modinfo"), at = 0;
	const char *text = (const char *)module_section_bytes(m, i);
	size_t len = text ? m->section[i].sh_size : 0, key_len = strlen(key);

	while (at < len) {
		const char *end = memchr(text + at, 0, len - at);

		if (!end)
			return NULL;
		if ((size_t)(end - (text + at)) > key_len &&
		    !memcmp(text + at, key, key_len) &&
		    text[at + key_len] == '=')
			return text + at + key_len + 1;
		at = (size_t)(end - text) + 1;
	}
	return NULL;
}

static int read_names(struct module_elf *m, char *why)
{
	const char *name = modinfo(m, "name");

	m->release = modinfo(m, "vermagic");
	if (!name || !m->release || !name[0] ||
	    strlen(name) >= sizeof(m->name))
		return fail(why, -ENOEXEC, "its .modinfo has no name or vermagic");
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->release_len = strcspn(m->release, " ");
	return 0;
}

int module_elf_open(struct module_elf *m, const char *path, char *why)
{
	int rc;

	memset(m, 0, sizeof(*m));
	rc = read_file(m, path, why);
	if (rc == 0 && !EVP_Digest(m->bytes, m->len, m->sha256, NULL,
				   EVP_sha256(), NULL))
		rc = fail(why, -EIO, "cannot be hashed");
	if (rc == 0)
		rc = unpack(m, why);
	if (rc == 0)
		rc = read_sections(m, why);
	if (rc == 0)
		rc = read_symbols(m, why);
	if (rc == 0)
		rc = read_names(m, why);
	if (rc == 0 && module_layout(m))
		rc = fail(why, -ENOMEM, "cannot be laid out");
	if (rc)
		module_elf_close(m);
	return rc;
}

void module_elf_close(struct module_elf *m)
{
	free(m->bytes);
	free(m->core_at);
	memset(m, 0, sizeof(*m));
}

const char *module_section_name(const struct module_elf *m, size_t i)
{
	return m->section[i].sh_name < m->section_names_len ?
		m->section_names + m->section[i].sh_name : "";
}

const uint8_t *module_section_bytes(const struct module_elf *m, size_t i)
{
	if (!i || i >= m->section_count ||
	    m->section[i].sh_type == SHT_NOBITS)
		return NULL;
	return m->bytes + m->section[i].sh_offset;
}

size_t module_section_find(const struct module_elf *m, const char *name)
{
	for (size_t i = 1; i < m->section_count; i++)
		if (!strcmp(module_section_name(m, i), name))
			return i;
	return 0;
}

const char *module_symbol_name(const struct module_elf *m, const Elf64_Sym *s)
{
	return s->st_name < m->strings_len ? m->strings + s->st_name : "";
}

const Elf64_Rela *module_relocations(const struct module_elf *m, size_t i,
				     size_t *count)
{
	*count = 0;
	for (size_t r = 1; i && r < m->section_count; r++) {
		if (m->section[r].sh_type != SHT_RELA ||
		    m->section[r].sh_info != i)
			continue;
		*count = m->section[r].sh_size / sizeof(Elf64_Rela);
		return (const void *)(m->bytes + m->section[r].sh_offset);
	}
	return NULL;
}

const Elf64_Sym *module_relocation_symbol(const struct module_elf *m,
					  const Elf64_Rela *r)
{
	return ELF64_R_SYM(r->r_info) < m->symbol_count ?
		&m->symbol[ELF64_R_SYM(r->r_info)] : NULL;
}

int module_symbol_at(const struct module_elf *m, const Elf64_Sym *s,
		     uint64_t *at)
{
	if (s->st_shndx == SHN_UNDEF || s->st_shndx >= m->section_count ||
	    m->core_at[s->st_shndx] == MODULE_NOT_CORE)
		return -ENOENT;
	*at = m->core_at[s->st_shndx] + s->st_value;
	return 0;
}
