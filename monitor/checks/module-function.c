/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/module-function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/module-text.h"
#include "introspect/site.h"

#define PAGE		4096ull

struct vhsm_module_functions {
	struct vhsm_modules *modules;
	size_t count;			/* of them */
	uint64_t *base;			/* by number; 0: not loaded */
	uint64_t right;			/* whose text was found right; 0: none */
};

static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

struct vhsm_module_functions *vhsm_module_functions_open(const char *dir)
{
	char path[4096], why[VHSM_MODULES_WHY_LEN];
	struct vhsm_module_functions *f;

	if (!dir || (size_t)snprintf(path, sizeof(path), "%s/modules", dir) >=
		    sizeof(path))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->modules = vhsm_modules_open(path, why);
	if (f->modules)
		f->count = vhsm_modules_count(f->modules);
	f->base = calloc(f->count + 1, sizeof(*f->base));
	if (!f->modules || !f->base)
		vhsm_module_functions_close(&f);
	return f;
}

void vhsm_module_functions_close(struct vhsm_module_functions **functions)
{
	struct vhsm_module_functions *f = *functions;

	*functions = NULL;
	if (!f)
		return;
	vhsm_modules_close(&f->modules);
	free(f->base);
	free(f);
}

void vhsm_module_functions_forget(struct vhsm_module_functions *f)
{
	if (f)
		f->right = 0;
}

/* Whether ftrace's call, before which there may be an endbr, is at the offset. */
static bool begins(const struct vhsm_module_text *text, uint64_t offset)
{
	const struct vhsm_module_site *s = text->site;
	uint64_t call = offset;

	if (offset + sizeof(endbr) <= text->len &&
	    !memcmp(text->bytes + offset, endbr, sizeof(endbr)))
		call += sizeof(endbr);
	for (size_t i = 0; i < text->site_count; i++, s++)
		if (s->kind == VHSM_SITE_FTRACE && s->at == call)
			return true;
	return false;
}

static bool is_right(const struct vhsm_module_where *w, size_t number,
		     const struct vhsm_module *m,
		     const struct vhsm_module_text *text)
{
	uint64_t all = (text->len + PAGE - 1) & ~(PAGE - 1), explained = 0;
	uint8_t *expected = vhsm_module_expected(w, number);
	struct vhsm_module_difference d;
	uint8_t *is = malloc(all + 1);
	bool right = expected && is && m->text_size == all &&
		m->base % PAGE == 0 &&
		!vhsm_kernel_read(w->kernel, m->base, is, all) &&
		!vhsm_module_compare(w, number, expected, is, &explained, &d);

	free(is);
	free(expected);
	return right;
}

/* The module is in the list. */
static bool is_function(struct vhsm_module_functions *f,
			const struct vhsm_kernel *k,
			const struct vhsm_module_list *list,
			const struct vhsm_module *m, uint64_t va)
{
	struct vhsm_owners owners = { 0 };
	struct vhsm_module_where w = {
		.kernel = k, .modules = f->modules, .base = f->base,
		.owners = &owners,
	};
	int number = vhsm_modules_find(f->modules, m->name), n;
	char why[VHSM_CHECK_WHY_LEN];
	struct vhsm_module_text text;
	bool right;

	if (number < 0 ||
	    vhsm_modules_text(f->modules, (size_t)number, &text) ||
	    va - m->base >= text.len || !begins(&text, va - m->base))
		return false;
	if (f->right == m->base)
		return true;
	memset(f->base, 0, f->count * sizeof(*f->base));
	for (size_t i = 0; i < list->count; i++) {
		n = vhsm_modules_find(f->modules, list->module[i].name);
		if (n >= 0 && !f->base[n])
			f->base[n] = list->module[i].base;
	}
	right = f->base[number] == m->base &&
		!vhsm_owners_read(k, list, &owners, why) &&
		is_right(&w, (size_t)number, m, &text);
	vhsm_owners_deinit(&owners);
	if (right)
		f->right = m->base;
	return right;
}

bool vhsm_module_function_at(struct vhsm_module_functions *f,
			     const struct vhsm_kernel *k, uint64_t va)
{
	struct vhsm_module_list list;
	const struct vhsm_module *m;
	char why[VHSM_CHECK_WHY_LEN];
	bool found;

	if (!f || vhsm_module_list_read(k, &list, why))
		return false;
	m = vhsm_module_list_owner(&list, va);
	found = m && is_function(f, k, &list, m, va);
	vhsm_module_list_deinit(&list);
	return found;
}
