/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-image/module.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-image/module-internal.h"

#define FOLDERS_OPEN 16			/* at once, while one is walked */

int pool_add(struct pool *p, const void *record, size_t count)
{
	if (count > UINT32_MAX - p->count)
		return -E2BIG;
	if (p->count + count > p->room) {
		size_t room = (p->count + count) * 2;
		void *more = reallocarray(p->bytes, room, p->record_len);

		if (!more)
			return -ENOMEM;
		p->bytes = more;
		p->room = room;
	}
	memcpy(p->bytes + p->count * p->record_len, record,
	       count * p->record_len);
	p->count += count;
	return 0;
}

struct vhsm_modules_builder *
vhsm_modules_builder_new(const struct vhsm_reference *reference)
{
	struct vhsm_modules_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->reference = reference;
	b->record.record_len = sizeof(struct modules_record);
	b->field.record_len = sizeof(struct vhsm_module_target);
	b->site.record_len = sizeof(struct vhsm_module_site);
	b->variant.record_len = sizeof(struct vhsm_module_variant);
	b->bytes.record_len = 1;
	return b;
}

void vhsm_modules_builder_free(struct vhsm_modules_builder **b)
{
	if (!*b)
		return;
	for (size_t i = 0; i < (*b)->files; i++)
		free((*b)->file[i].path);
	for (size_t i = 0; i < (*b)->exports; i++)
		free((*b)->export[i].name);
	free((*b)->kernel);
	free((*b)->file);
	free((*b)->export);
	free((*b)->record.bytes);
	free((*b)->field.bytes);
	free((*b)->site.bytes);
	free((*b)->variant.bytes);
	free((*b)->bytes.bytes);
	free(*b);
	*b = NULL;
}

static int fail(char *why, int error, const char *path, const char *what)
{
	char copy[VHSM_MODULE_WHY_LEN];

	snprintf(copy, sizeof(copy), "%.150s: %.90s", path, what);
	memcpy(why, copy, sizeof(copy));
	return error;
}

/* 0 to take it, 1 when it is here already. */
static int check_new(const struct vhsm_modules_builder *b,
		     const struct module_elf *m, const char *path, char *why)
{
	const char *release = vhsm_reference_release(b->reference);

	if (strlen(release) != m->release_len ||
	    memcmp(release, m->release, m->release_len))
		return fail(why, -EINVAL, path,
			    "is a module of another kernel");
	for (size_t i = 0; i < b->files; i++) {
		if (strcmp(b->file[i].name, m->name))
			continue;
		if (!memcmp(b->file[i].sha256, m->sha256, sizeof(m->sha256)))
			return 1;
		return fail(why, -EEXIST, path,
			    "another module of its name was given");
	}
	return b->files < MODULES_MAX ? 0 :
		fail(why, -E2BIG, path, "too many modules");
}

static int add_file(struct vhsm_modules_builder *b, const char *path, char *why)
{
	struct module_elf m;
	struct file *f;
	int rc = module_elf_open(&m, path, why);

	if (rc)
		return fail(why, rc, path, why);
	rc = check_new(b, &m, path, why);
	if (rc == 0 && b->files == b->file_room) {
		size_t room = b->file_room ? b->file_room * 2 : 64;
		void *more = reallocarray(b->file, room, sizeof(*b->file));

		if (more) {
			b->file = more;
			b->file_room = room;
		} else {
			rc = -ENOMEM;
		}
	}
	if (rc == 0) {
		f = &b->file[b->files];
		memset(f, 0, sizeof(*f));
		f->path = strdup(path);
		snprintf(f->name, sizeof(f->name), "%s", m.name);
		memcpy(f->sha256, m.sha256, sizeof(f->sha256));
		if (f->path)
			b->files++;
		else
			rc = -ENOMEM;
	}
	module_elf_close(&m);
	return rc == -ENOMEM ? fail(why, rc, path, "no memory") :
		rc < 0 ? rc : 0;
}

static bool is_module(const char *path)
{
	static const char *const ends[] = { ".ko", ".ko.xz", ".ko.gz",
					    ".ko.zst" };
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t end = strlen(ends[i]);

		if (len > end && !strcmp(path + len - end, ends[i]))
			return true;
	}
	return false;
}

/* nftw() has no argument for its callback. */
static _Thread_local struct {
	struct vhsm_modules_builder *b;
	char *why;
	int rc;
} walk;

static int visit(const char *path, const struct stat *st, int type,
		 struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DNR || type == FTW_NS)
		walk.rc = fail(walk.why, -EACCES, path, "cannot be read");
	else if (type == FTW_F && is_module(path))
		walk.rc = add_file(walk.b, path, walk.why);
	return walk.rc;
}

int vhsm_modules_builder_add(struct vhsm_modules_builder *b, const char *path,
			     char *why)
{
	struct stat st;

	if (stat(path, &st))
		return fail(why, -errno, path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add_file(b, path, why);
	walk.b = b;
	walk.why = why;
	walk.rc = 0;
	if (nftw(path, visit, FOLDERS_OPEN, FTW_PHYS) < 0 && walk.rc == 0)
		return fail(why, -errno, path, strerror(errno));
	return walk.rc;
}

const char *vhsm_modules_builder_module(const struct vhsm_modules_builder *b,
					size_t i, const uint8_t **sha256)
{
	if (i >= b->files)
		return NULL;
	*sha256 = b->file[i].sha256;
	return b->file[i].name;
}

static int file_order(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name,
		      ((const struct file *)b)->name);
}

static int export_order(const void *a, const void *b)
{
	return strcmp(((const struct export *)a)->name,
		      ((const struct export *)b)->name);
}

static int add_export(struct vhsm_modules_builder *b, const char *name,
		      size_t module, uint64_t at)
{
	if (b->exports == b->export_room) {
		size_t room = b->export_room ? b->export_room * 2 : 1024;
		void *more = reallocarray(b->export, room, sizeof(*b->export));

		if (!more)
			return -ENOMEM;
		b->export = more;
		b->export_room = room;
	}
	b->export[b->exports] = (struct export){
		.name = strdup(name), .module = (uint32_t)module,
		.at = (uint32_t)at,
	};
	return b->export[b->exports].name ? (b->exports++, 0) : -ENOMEM;
}

/* A module exports what has a __ksymtab_ symbol; the module whose file changed
 * since it was added is not the one that was added. */
static int read_exports(struct vhsm_modules_builder *b, size_t module,
			char *why)
{
	static const char prefix[] = "__ksymtab_";
	const struct file *f = &b->file[module];
	struct module_elf m;
	uint64_t at;
	int rc = module_elf_open(&m, f->path, why);

	if (rc)
		return fail(why, rc, f->path, why);
	if (memcmp(m.sha256, f->sha256, sizeof(m.sha256)))
		rc = fail(why, -EBUSY, f->path, "has changed meanwhile");
	for (size_t i = 0; i < m.symbol_count && rc == 0; i++) {
		const Elf64_Sym *s = &m.symbol[i];
		const char *name = module_symbol_name(&m, s);

		/* Every global name: which of them have a __ksymtab_ is told
		 * by the symbols themselves, and nobody can be linked with
		 * the others. */
		if (ELF64_ST_BIND(s->st_info) == STB_GLOBAL && name[0] &&
		    strncmp(name, prefix, sizeof(prefix) - 1) &&
		    module_symbol_at(&m, s, &at) == 0 &&
		    add_export(b, name, module, at))
			rc = fail(why, -ENOMEM, f->path, "no memory");
	}
	module_elf_close(&m);
	return rc;
}

static int add_record(struct work *w, size_t first_field, size_t first_site)
{
	struct vhsm_modules_builder *b = w->b;
	struct modules_record r = {
		.bytes_at = b->bytes.count, .len = w->elf.text_len,
		.size = w->elf.size,
		.first_field = (uint32_t)first_field,
		.field_count = (uint32_t)(b->field.count - first_field),
		.first_site = (uint32_t)first_site,
		.site_count = (uint32_t)(b->site.count - first_site),
	};
	uint8_t *text = calloc(1, r.len + 1);
	int rc;

	if (!text)
		return -ENOMEM;
	for (size_t i = 1; i < w->elf.section_count; i++) {
		const uint8_t *from = module_section_bytes(&w->elf, i);

		if (from && w->elf.core_at[i] < r.len)
			memcpy(text + w->elf.core_at[i], from,
			       w->elf.section[i].sh_size);
	}
	snprintf(r.name, sizeof(r.name), "%s", w->elf.name);
	memcpy(r.sha256, w->elf.sha256, sizeof(r.sha256));
	rc = pool_add(&b->bytes, text, r.len);
	free(text);
	return rc ? rc : pool_add(&b->record, &r, 1);
}

static int build(struct vhsm_modules_builder *b, size_t i, char *why)
{
	struct work w = { .b = b, .number = (uint16_t)i };
	size_t field = b->field.count, site = b->site.count;
	int rc = module_elf_open(&w.elf, b->file[i].path, why);

	if (rc)
		return fail(why, rc, b->file[i].path, why);
	rc = module_add_fields(&w);
	if (rc == 0)
		rc = module_add_sites(&w);
	if (rc == 0)
		rc = add_record(&w, field, site);
	module_elf_close(&w.elf);
	return rc ? fail(why, rc, b->file[i].path,
			 rc == -EBADMSG ? "its relocations make no sense" :
			 strerror(-rc)) : 0;
}

int vhsm_modules_builder_write(struct vhsm_modules_builder *b, const char *path,
			       struct vhsm_modules_counts *counts, char *why)
{
	int rc = module_read_kernel(b);

	if (rc)
		return fail(why, rc, path, "no memory");
	if (b->files)
		qsort(b->file, b->files, sizeof(*b->file), file_order);
	for (size_t i = 0; i < b->files && rc == 0; i++)
		rc = read_exports(b, i, why);
	if (b->exports)
		qsort(b->export, b->exports, sizeof(*b->export), export_order);
	for (size_t i = 0; i < b->files && rc == 0; i++)
		rc = build(b, i, why);
	return rc ? rc : module_write(b, path, counts, why);
}
