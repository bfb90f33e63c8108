/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/module-list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"

#define DESCRIBE_MAX	512u		/* modules looked at to name one */

struct fill {
	const struct vhsm_kernel *kernel;
	struct vhsm_module_list *list;
	size_t room;
};

int vhsm_module_read(const struct vhsm_kernel *k, uint64_t va,
		     struct vhsm_module *m)
{
	struct vhsm_member name = vhsm_reference_layout(k->reference,
							VHSM_L_module__name);
	size_t len = name.size < sizeof(m->name) ? name.size : sizeof(m->name);
	uint64_t value;
	int rc;

	memset(m, 0, sizeof(*m));
	m->va = va;
	rc = vhsm_kernel_read_text(k, va + name.offset, m->name, len);
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va, VHSM_L_module__state,
					     &value);
	if (rc == 0)
		m->state = (uint32_t)value;
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va, VHSM_L_module__text_base,
					     &m->base);
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va, VHSM_L_module__total_size,
					     &value);
	if (rc == 0)
		m->size = (uint32_t)value;
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va, VHSM_L_module__text_size,
					     &value);
	if (rc == 0)
		m->text_size = (uint32_t)value;
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va, VHSM_L_module__init_base,
					     &m->init_base);
	if (rc == 0)
		rc = vhsm_kernel_read_member(k, va,
					     VHSM_L_module__init_text_size,
					     &value);
	if (rc == 0)
		m->init_text_size = (uint32_t)value;
	return rc;
}

static int visit(uint64_t va, void *arg)
{
	struct fill *f = arg;
	struct vhsm_module_list *list = f->list;

	if (list->count == f->room) {
		size_t room = f->room ? f->room * 2 : 64;
		void *more = reallocarray(list->module, room,
					  sizeof(*list->module));

		if (!more)
			return -ENOMEM;
		list->module = more;
		f->room = room;
	}
	return vhsm_module_read(f->kernel, va, &list->module[list->count++]);
}

int vhsm_module_list_read(const struct vhsm_kernel *k,
			  struct vhsm_module_list *list, char *why)
{
	struct fill f = { .kernel = k, .list = list };
	uint64_t head;
	int rc;

	memset(list, 0, sizeof(*list));
	rc = vhsm_kernel_symbol(k, "modules", &head);
	if (rc == 0)
		rc = vhsm_kernel_walk_list(k, head,
			vhsm_reference_layout(k->reference,
					      VHSM_L_module__list).offset,
			VHSM_MODULES_MAX, visit, &f);
	if (rc) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "list of modules, after %zu: %s", list->count,
			 strerror(-rc));
		vhsm_module_list_deinit(list);
	}
	return rc;
}

void vhsm_module_list_deinit(struct vhsm_module_list *list)
{
	free(list->module);
	memset(list, 0, sizeof(*list));
}

const struct vhsm_module *
vhsm_module_list_find(const struct vhsm_module_list *list, uint64_t va)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->module[i].va == va)
			return &list->module[i];
	return NULL;
}

const struct vhsm_module *
vhsm_module_list_owner(const struct vhsm_module_list *list, uint64_t va)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct vhsm_module *m = &list->module[i];

		if (va - m->base < m->text_size ||
		    (m->init_base && va - m->init_base < m->init_text_size))
			return m;
	}
	return NULL;
}

struct owner {
	const struct vhsm_kernel *kernel;
	uint64_t va;
	struct vhsm_module module;
};

static int visit_owner(uint64_t va, void *arg)
{
	struct owner *o = arg;
	struct vhsm_module_list one = { &o->module, 1 };

	if (vhsm_module_read(o->kernel, va, &o->module))
		return -EFAULT;
	return vhsm_module_list_owner(&one, o->va) != NULL;
}

void vhsm_module_describe(const struct vhsm_kernel *k, uint64_t va, char *text,
			  size_t size)
{
	struct owner o = { .kernel = k, .va = va };
	uint64_t head;
	int rc;

	vhsm_kernel_describe(k, va, text, size);
	if (text[0] || vhsm_kernel_symbol(k, "modules", &head))
		return;
	rc = vhsm_kernel_walk_list(k, head,
		vhsm_reference_layout(k->reference, VHSM_L_module__list).offset,
		DESCRIBE_MAX, visit_owner, &o);
	if (rc > 0)
		snprintf(text, size, "module %s+%#llx", o.module.name,
			 (unsigned long long)(va - o.module.base));
	else if (rc == -E2BIG)
		snprintf(text, size, "one of very many modules?");
}
