/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-reference.c - opens module references: maps the file and checks every
 * offset in it before anybody may look.
 */
#include "introspect/module-reference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/module-reference-file.h"

struct vhsm_modules {
	const struct modules_header *header;	/* of the mapped file */
	const struct modules_record *module;
	const struct vhsm_module_target *field;
	const struct vhsm_module_site *site;
	const struct vhsm_module_variant *variant;
	const uint8_t *bytes;
};

static const void *table(const struct modules_header *h,
			 const struct modules_table *t, size_t record_len)
{
	if (t->at % 8 || t->at > h->file_len ||
	    t->count > (h->file_len - t->at) / record_len)
		return NULL;
	return (const uint8_t *)h + t->at;
}

static bool target_check(const struct vhsm_modules *m,
			 const struct vhsm_module_target *f, uint64_t len)
{
	return f->kind >= VHSM_FIELD_ANY && f->kind < VHSM_FIELD_KINDS &&
		f->at <= len && vhsm_field_len(f->kind) <= len - f->at &&
		(f->from < m->header->modules.count ||
		 f->from == VHSM_FROM_KERNEL || f->from == VHSM_FROM_ZERO);
}

static bool variants_check(const struct vhsm_modules *m)
{
	for (uint64_t i = 0; i < m->header->variants.count; i++) {
		const struct vhsm_module_variant *v = &m->variant[i];

		if (v->bytes_at > m->header->bytes.count ||
		    v->len > m->header->bytes.count - v->bytes_at ||
		    (v->has_target && !target_check(m, &v->target, v->len)))
			return false;
	}
	return true;
}

static bool sites_check(const struct vhsm_modules *m,
			const struct modules_record *r)
{
	const struct modules_header *h = m->header;
	const struct vhsm_module_site *s = m->site + r->first_site;

	if (r->first_site > h->sites.count ||
	    r->site_count > h->sites.count - r->first_site)
		return false;
	for (uint32_t i = 0; i < r->site_count; i++, s++) {
		if (!s->len || s->at > r->len || s->len > r->len - s->at ||
		    (i && s->at < s[-1].at) ||
		    s->first_variant > h->variants.count ||
		    s->variant_count > h->variants.count - s->first_variant)
			return false;
		for (unsigned v = 0; v < s->variant_count; v++)
			if (m->variant[s->first_variant + v].len > s->len)
				return false;
	}
	return true;
}

static bool record_check(const struct vhsm_modules *m,
			 const struct modules_record *r)
{
	const struct modules_header *h = m->header;
	const struct vhsm_module_target *f = m->field + r->first_field;

	if (!r->name[0] || !memchr(r->name, 0, sizeof(r->name)) ||
	    r->bytes_at > h->bytes.count ||
	    r->len > h->bytes.count - r->bytes_at || r->size < r->len ||
	    r->first_field > h->fields.count ||
	    r->field_count > h->fields.count - r->first_field)
		return false;
	for (uint32_t i = 0; i < r->field_count; i++)
		if (!target_check(m, &f[i], r->len) ||
		    (i && f[i].at < f[i - 1].at +
			  vhsm_field_len(f[i - 1].kind)))
			return false;
	return sites_check(m, r);
}

static const char *check(struct vhsm_modules *m)
{
	const struct modules_header *h = m->header;

	m->module = table(h, &h->modules, sizeof(*m->module));
	m->field = table(h, &h->fields, sizeof(*m->field));
	m->site = table(h, &h->sites, sizeof(*m->site));
	m->variant = table(h, &h->variants, sizeof(*m->variant));
	m->bytes = table(h, &h->bytes, 1);
	if (!m->module || !m->field || !m->site || !m->variant || !m->bytes ||
	    h->modules.count > MODULES_MAX)
		return "is damaged: a table lies outside the file";
	if (!memchr(h->release, 0, sizeof(h->release)))
		return "is damaged: the release has no end";
	if (!variants_check(m))
		return "is damaged: a variant makes no sense";
	for (uint64_t i = 0; i < h->modules.count; i++)
		if (!record_check(m, &m->module[i]) ||
		    (i && strcmp(m->module[i - 1].name,
				 m->module[i].name) >= 0))
			return "is damaged: a module makes no sense";
	return NULL;
}

static const char *map(struct vhsm_modules *m, int fd)
{
	const struct modules_header *h;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return "is no file";
	if (st.st_size < (off_t)sizeof(*h) || st.st_size > (off_t)MODULES_MAX_LEN)
		return "is no reference of modules";
	h = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (h == MAP_FAILED)
		return "cannot be mapped";
	if (h->file_len == (uint64_t)st.st_size &&
	    !memcmp(h->magic, MODULES_MAGIC, sizeof(h->magic))) {
		m->header = h;
		if (h->version == MODULES_VERSION)
			return check(m);
		return "has a version this program does not know: make the baseline again";
	}
	munmap((void *)h, (size_t)st.st_size);
	return "is no reference of modules, or is cut off";
}

struct vhsm_modules *vhsm_modules_open(const char *path, char *why)
{
	struct vhsm_modules *m = calloc(1, sizeof(*m));
	const char *wrong;
	int fd;

	if (!m) {
		snprintf(why, VHSM_MODULES_WHY_LEN, "no memory");
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		wrong = strerror(errno);
	else
		wrong = map(m, fd);
	if (fd >= 0)
		close(fd);
	if (!wrong)
		return m;
	snprintf(why, VHSM_MODULES_WHY_LEN, "%.120s: %s", path, wrong);
	vhsm_modules_close(&m);
	return NULL;
}

void vhsm_modules_close(struct vhsm_modules **m)
{
	if (*m && (*m)->header)
		munmap((void *)(*m)->header, (*m)->header->file_len);
	free(*m);
	*m = NULL;
}

size_t vhsm_modules_count(const struct vhsm_modules *m)
{
	return m->header->modules.count;
}

const char *vhsm_modules_release(const struct vhsm_modules *m)
{
	return m->header->release;
}

int vhsm_modules_text(const struct vhsm_modules *m, size_t i,
		      struct vhsm_module_text *text)
{
	const struct modules_record *r = &m->module[i];

	if (i >= m->header->modules.count)
		return -ENOENT;
	*text = (struct vhsm_module_text){
		.name = r->name, .bytes = m->bytes + r->bytes_at,
		.len = r->len, .size = r->size,
		.field = m->field + r->first_field,
		.field_count = r->field_count,
		.site = m->site + r->first_site, .site_count = r->site_count,
		.sha256 = r->sha256,
	};
	return 0;
}

int vhsm_modules_find(const struct vhsm_modules *m, const char *name)
{
	size_t low = 0, high = m->header->modules.count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, m->module[middle].name);

		if (order == 0)
			return (int)middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -ENOENT;
}

const struct vhsm_module_variant *
vhsm_modules_variant(const struct vhsm_modules *m,
		     const struct vhsm_module_site *site, unsigned i,
		     const uint8_t **bytes)
{
	const struct vhsm_module_variant *v = &m->variant[site->first_variant +
							  i];

	*bytes = m->bytes + v->bytes_at;
	return v;
}
