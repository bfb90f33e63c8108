/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/module-fixture.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/module-text.h"
#include "kernel-image/module.h"

const char *module_fixture_file(void)
{
	static char path[4096];
	char pattern[4096];
	const char *kernel = guest_fixture_kernel();
	glob_t found;

	if (!kernel)
		return NULL;
	/* Beside the kernel, as tests/lab/fetch leaves them. */
	snprintf(pattern, sizeof(pattern),
		 "%.*s/root/lib/modules/*/kernel/drivers/net/xen-netfront.ko*",
		 (int)(strrchr(kernel, '/') - kernel), kernel);
	if (glob(pattern, 0, NULL, &found))
		return NULL;
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return path;
}

static void make_modules(struct module_fixture *f)
{
	struct vhsm_modules_builder *b =
		vhsm_modules_builder_new(f->t.reference);
	char why[VHSM_MODULE_WHY_LEN] = "", path[96];

	ck_assert_ptr_nonnull(b);
	snprintf(path, sizeof(path), "%s/modules", f->t.dir);
	ck_assert_msg(!vhsm_modules_builder_add(b, module_fixture_file(), why),
		      "%s", why);
	ck_assert_msg(!vhsm_modules_builder_write(b, path, NULL, why), "%s",
		      why);
	vhsm_modules_builder_free(&b);
	f->modules = vhsm_modules_open(path, why);
	ck_assert_msg(f->modules, "%s", why);
	ck_assert_int_eq(vhsm_modules_find(f->modules, MODULE_NAME), 0);
	ck_assert_int_eq(vhsm_modules_text(f->modules, 0, &f->text), 0);
}

void module_fixture_set(struct module_fixture *f, uint64_t va,
			enum vhsm_layout member, uint64_t value)
{
	struct vhsm_member m = vhsm_reference_layout(f->t.reference, member);

	ck_assert_uint_ne(m.offset, VHSM_NO_MEMBER);
	guest_fixture_poke(&f->t.guest, va + m.offset, &value,
			   m.size == 4 ? 4 : 8);
}

void module_fixture_describe(struct module_fixture *f, uint64_t va,
			     const char *name)
{
	uint32_t offset = vhsm_reference_layout(f->t.reference,
						VHSM_L_module__name).offset;
	uint64_t all = (f->text.len + GUEST_PAGE - 1) & ~(GUEST_PAGE - 1);

	guest_fixture_poke(&f->t.guest, va + offset, name, strlen(name) + 1);
	module_fixture_set(f, va, VHSM_L_module__text_base, MODULE_BASE);
	module_fixture_set(f, va, VHSM_L_module__text_size, all);
	module_fixture_set(f, va, VHSM_L_module__total_size, f->text.size);
}

void module_fixture_list(struct module_fixture *f, const uint64_t *va,
			 unsigned count)
{
	uint32_t node = vhsm_reference_layout(f->t.reference,
					      VHSM_L_module__list).offset;
	uint64_t head = table_fixture_symbol(&f->t, "modules"), at = head;

	for (unsigned i = 0; i < count; i++) {
		guest_fixture_poke_u64(&f->t.guest, at, va[i] + node);
		guest_fixture_poke_u64(&f->t.guest, va[i] + node + 8, at);
		at = va[i] + node;
	}
	guest_fixture_poke_u64(&f->t.guest, at, head);
	guest_fixture_poke_u64(&f->t.guest, head + 8, at);
}

static void load(struct module_fixture *f)
{
	const uint64_t base = MODULE_BASE;
	struct vhsm_owners none = { 0 };
	struct vhsm_module_where where = {
		.kernel = &f->t.kernel, .modules = f->modules, .base = &base,
		.owners = &none,
	};
	uint8_t *text = vhsm_module_expected(&where, 0);

	ck_assert_ptr_nonnull(text);
	for (uint64_t at = 0; at < f->text.size; at += GUEST_PAGE)
		table_fixture_page(&f->t, MODULE_BASE + at,
				   at < f->text.len ? VHSM_MAP_EXEC :
				   VHSM_MAP_WRITE);
	guest_fixture_poke(&f->t.guest, MODULE_BASE, text, f->text.len);
	free(text);
	f->va = MODULE_BASE + ((f->text.len + GUEST_PAGE - 1) &
			       ~(GUEST_PAGE - 1));
	module_fixture_describe(f, f->va, MODULE_NAME);
	module_fixture_list(f, &f->va, 1);
}

void module_fixture_init(struct module_fixture *f,
			 struct vhsm_reference *reference, uint64_t slide)
{
	memset(f, 0, sizeof(*f));
	table_fixture_init(&f->t, reference, slide);
	make_modules(f);
	load(f);
}

void module_fixture_deinit(struct module_fixture *f)
{
	vhsm_modules_close(&f->modules);
	table_fixture_deinit(&f->t);
}

const struct vhsm_module_site *module_fixture_site(struct module_fixture *f,
						   unsigned kind)
{
	for (size_t i = 0; i < f->text.site_count; i++)
		if (f->text.site[i].kind == kind)
			return &f->text.site[i];
	ck_abort_msg("the module has no site of kind %u", kind);
	return NULL;
}
