/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/exec-owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"

#define PAGE			4096ull
#define REAL_MODE_MAX		(64ull << 10)	/* bytes */
#define REAL_MODE_END		(1ull << 20)
#define MODULE_TEXT_MAX		(64ull << 20)
#define ITS_PAGES_MAX		64u
/* Documentation/arch/x86/x86_64/mm.rst; an ABI to user programs. */
#define VSYSCALL_PAGE		0xffffffffff600000ull

int vhsm_owners_add(struct vhsm_owners *o, uint64_t start, uint64_t len,
		    const char *what)
{
	uint64_t end = (start + len + PAGE - 1) & ~(PAGE - 1);

	if (!start || !len || start + len < start || end < start)
		return 0;
	if (o->count == VHSM_OWNERS_MAX)
		return -E2BIG;
	if (o->count == o->room) {
		size_t room = o->room ? o->room * 2 : 64;
		void *more = reallocarray(o->owner, room, sizeof(*o->owner));

		if (!more)
			return -ENOMEM;
		o->owner = more;
		o->room = room;
	}
	o->owner[o->count++] = (struct vhsm_owner){
		.start = start & ~(PAGE - 1), .end = end, .what = what,
	};
	return 0;
}

static int add_text(struct vhsm_owners *o, const struct vhsm_kernel *k)
{
	uint64_t start, end;

	if (vhsm_kernel_symbol(k, "_text", &start) ||
	    vhsm_kernel_symbol(k, "_etext", &end) || end <= start)
		return -EINVAL;
	return vhsm_owners_add(o, start, end - start, "text");
}

/* Pages of thunks of a module: its_page_array[its_num_pages]. */
static int add_its(struct vhsm_owners *o, const struct vhsm_kernel *k,
		   const struct vhsm_module *m)
{
	struct vhsm_member count = vhsm_reference_layout(k->reference,
		VHSM_L_module__its_num_pages);
	uint64_t pages, array, page;
	int rc = 0;

	if (count.offset == VHSM_NO_MEMBER)
		return 0;
	if (vhsm_kernel_read_member(k, m->va, VHSM_L_module__its_num_pages,
				    &pages) ||
	    vhsm_kernel_read_member(k, m->va, VHSM_L_module__its_page_array,
				    &array))
		return -EFAULT;
	if (pages > ITS_PAGES_MAX)
		return 0;
	for (unsigned i = 0; i < pages && rc == 0; i++) {
		if (vhsm_kernel_read_u64(k, array + 8ull * i, &page))
			return -EFAULT;
		rc = vhsm_owners_add(o, page, PAGE, "its");
	}
	return rc;
}

static int add_modules(struct vhsm_owners *o, const struct vhsm_kernel *k,
		       const struct vhsm_module_list *list)
{
	int rc = 0;

	for (size_t i = 0; i < list->count && rc == 0; i++) {
		const struct vhsm_module *m = &list->module[i];

		if (m->text_size <= MODULE_TEXT_MAX)
			rc = vhsm_owners_add(o, m->base, m->text_size,
					     "module");
		if (rc == 0 && m->init_text_size <= MODULE_TEXT_MAX)
			rc = vhsm_owners_add(o, m->init_base,
					     m->init_text_size, "module");
		if (rc == 0)
			rc = add_its(o, k, m);
	}
	return rc;
}

/* real_mode_header points into the map of all memory; what it says of itself is
 * physical (arch/x86/realmode/init.c: set_real_mode_permissions). */
static int add_real_mode(struct vhsm_owners *o, const struct vhsm_kernel *k)
{
	struct vhsm_member text = vhsm_reference_layout(k->reference,
		VHSM_L_real_mode_header__text_start);
	uint64_t at, header, offset, start, end;

	if (text.offset == VHSM_NO_MEMBER ||
	    vhsm_kernel_symbol(k, "real_mode_header", &at) ||
	    vhsm_kernel_symbol(k, "page_offset_base", &offset))
		return 0;
	if (vhsm_kernel_read_u64(k, at, &header) ||
	    vhsm_kernel_read_u64(k, offset, &offset))
		return -EFAULT;
	if (!header)
		return 0;		/* too early in the boot */
	if (vhsm_kernel_read_member(k, header,
				    VHSM_L_real_mode_header__text_start,
				    &start) ||
	    vhsm_kernel_read_member(k, header, VHSM_L_real_mode_header__ro_end,
				    &end))
		return -EFAULT;
	if (end <= start || end > REAL_MODE_END || end - start > REAL_MODE_MAX)
		return 0;
	return vhsm_owners_add(o, offset + start, end - start, "real mode");
}

static int add_vsyscall(struct vhsm_owners *o, const struct vhsm_kernel *k)
{
	struct vhsm_mapping at, own;
	uint64_t page;

	if (vhsm_kernel_symbol(k, "__vsyscall_page", &page) ||
	    vhsm_address_space_translate(&k->space, VSYSCALL_PAGE, &at) ||
	    vhsm_address_space_translate(&k->space, page, &own) ||
	    at.physical != own.physical + (page - own.start))
		return 0;
	return vhsm_owners_add(o, VSYSCALL_PAGE, PAGE, "vsyscall");
}

static int by_start(const void *a, const void *b)
{
	const struct vhsm_owner *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int vhsm_owners_read(const struct vhsm_kernel *k,
		     const struct vhsm_module_list *list,
		     struct vhsm_owners *o, char *why)
{
	const char *what = "text";
	int rc;

	memset(o, 0, sizeof(*o));
	rc = add_text(o, k);
	if (rc == 0 && (what = "modules"))
		rc = add_modules(o, k, list);
	if (rc == 0 && (what = "ftrace and kprobes"))
		rc = vhsm_owners_add_trace(o, k);
	if (rc == 0 && (what = "BPF"))
		rc = vhsm_owners_add_bpf(o, k);
	if (rc == 0 && (what = "real mode"))
		rc = add_real_mode(o, k);
	if (rc == 0)
		rc = add_vsyscall(o, k);
	if (rc) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "executable memory of %s: %s",
			 what, strerror(-rc));
		vhsm_owners_deinit(o);
		return rc;
	}
	qsort(o->owner, o->count, sizeof(*o->owner), by_start);
	return 0;
}

void vhsm_owners_deinit(struct vhsm_owners *o)
{
	free(o->owner);
	memset(o, 0, sizeof(*o));
}

int vhsm_owners_gap(const struct vhsm_owners *o, uint64_t start, uint64_t end,
		    uint64_t *from, uint64_t *to)
{
	for (size_t i = 0; i < o->count && start < end; i++) {
		const struct vhsm_owner *w = &o->owner[i];

		if (w->end <= start)
			continue;
		if (w->start > start) {
			*from = start;
			*to = w->start < end ? w->start : end;
			return 0;
		}
		start = w->end;
	}
	if (start >= end)
		return -ENOENT;
	*from = start;
	*to = end;
	return 0;
}
