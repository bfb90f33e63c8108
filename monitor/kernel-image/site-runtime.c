/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site-runtime.c - the places that the kernel turns for as long as it runs:
 * jump labels, static calls and their trampolines, ftrace, and the page that
 * the hypervisor fills.
 *
 * Where a target is known to the running kernel only, the operand is left open
 * and the site's key says what decides; the check judges it.
 */
#include "kernel-image/site-op.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_ENTRY_LEN	16u		/* struct jump_entry: s32 code, target;
					 * s64 key */
#define CALL_SITE_LEN	8u		/* struct static_call_site: s32 addr,
					 * key */
#define CALL_SITE_FLAGS	3u		/* tail, init */
#define KEY_FLAGS	3u
#define HYPERCALL_LEN	32u
#define HYPERCALLS	128u
#define HYPERCALL_IRET	23u
#define VARIANTS	(VHSM_RETURN_THUNKS_MAX + 8u)

struct maker {
	struct vhsm_builder *builder;
	const struct vhsm_site_image *site;
	char *why;
};

/* The values of a site, as they are collected. */
struct values {
	struct vhsm_builder_variant variant[VARIANTS];
	uint8_t bytes[VARIANTS][HYPERCALL_LEN];
	unsigned count;
	bool open;
};

static uint8_t *value_new(struct values *v, uint8_t target_at)
{
	uint8_t *bytes = v->bytes[v->count];

	v->variant[v->count++] = (struct vhsm_builder_variant){
		.bytes = bytes, .slide_at = VHSM_NO_SLIDE,
		.target_at = target_at,
	};
	if (target_at)
		v->open = true;
	return bytes;
}

static int site_add(const struct maker *m, enum vhsm_site_kind kind,
		    uint64_t va, uint32_t len, uint64_t key,
		    const struct values *v)
{
	struct vhsm_site site = {
		.va = va, .len = len, .kind = (uint8_t)kind, .key = key,
		.flags = v->open ? VHSM_SITE_DYNAMIC : 0,
	};
	int error = vhsm_builder_add_site(m->builder, &site, v->variant,
					  v->count);

	if (error)
		snprintf(m->why, VHSM_BUILDER_WHY_LEN,
			 "patch site at %#llx, kind %u: %s",
			 (unsigned long long)va, kind, strerror(-error));
	return error;
}

static int unknown_form(const struct maker *m, const char *what, uint64_t va)
{
	snprintf(m->why, VHSM_BUILDER_WHY_LEN,
		 "%s at %#llx is not of a form that is known", what,
		 (unsigned long long)va);
	return -EINVAL;
}

static uint64_t relative(const uint8_t *at, uint64_t va)
{
	return va + (uint64_t)(int64_t)(int32_t)vhsm_site_get32(at);
}

/* What lies between two symbols, as entries; NULL with count 0: none. */
static const uint8_t *between(const struct maker *m, const char *start,
			      const char *stop, size_t entry, uint64_t *va,
			      size_t *count)
{
	uint64_t end;

	*count = 0;
	if (vhsm_image_symbol(m->site->image, start, va) ||
	    vhsm_image_symbol(m->site->image, stop, &end) || end <= *va)
		return NULL;
	const uint8_t *at = vhsm_image_at(m->site->image, *va, end - *va);

	if (at)
		*count = (end - *va) / entry;
	return at;
}

/* --- jump labels --- */

static int add_jump_label(const struct maker *m, const uint8_t *at,
			  uint64_t va)
{
	uint64_t code = relative(at, va);
	uint64_t target = relative(at + 4, va + 4);
	uint64_t key = va + 8 + vhsm_site_get64(at + 8);
	struct values v = { .count = 0 };

	if (!vhsm_site_in_text(m->site, code, VHSM_CALL_LEN))
		return 0;
	const uint8_t *own = vhsm_image_at(m->site->image, code, VHSM_CALL_LEN);
	bool small = own && (own[0] == 0xeb ||
			     (own[0] == 0x66 && own[1] == 0x90));
	bool large = own && (own[0] == 0xe9 ||
			     !memcmp(own, "\x0f\x1f\x44\x00\x00", 5));

	if (small) {
		uint8_t *jump = value_new(&v, 0);

		vhsm_site_nops(value_new(&v, 0), 2);
		jump[0] = 0xeb;
		jump[1] = (uint8_t)(target - code - 2);
	} else if (large) {
		vhsm_site_branch(value_new(&v, 0), 0xe9, code, target);
		vhsm_site_nops(value_new(&v, 0), VHSM_CALL_LEN);
	} else {
		return unknown_form(m, "the jump label", code);
	}
	return site_add(m, VHSM_SITE_JUMP_LABEL, code,
			small ? 2 : VHSM_CALL_LEN, key & ~(uint64_t)KEY_FLAGS,
			&v);
}

static int add_jump_labels(const struct maker *m)
{
	uint64_t va = 0;
	size_t count;
	const uint8_t *at = between(m, "__start___jump_table",
				    "__stop___jump_table", JUMP_ENTRY_LEN, &va,
				    &count);
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = add_jump_label(m, at + i * JUMP_ENTRY_LEN,
				       va + i * JUMP_ENTRY_LEN);
	return error;
}

/* --- static calls --- */

/* What a tail call, or a trampoline, becomes when there is nothing to call. */
static void add_returns(const struct maker *m, struct values *v, uint64_t va)
{
	for (unsigned i = 0; i <= m->site->return_thunks; i++)
		vhsm_site_return(m->site, value_new(v, 0), va, i);
}

/* The function that the key names in the image; 0: none. */
static uint64_t first_target(const struct maker *m, uint64_t key)
{
	const uint8_t *at = vhsm_image_at(m->site->image, key,
					  sizeof(uint64_t));

	return at ? vhsm_site_get64(at) : 0;
}

static void add_target(const struct maker *m, struct values *v, uint64_t va,
		       uint64_t key, uint8_t opcode)
{
	uint64_t first = first_target(m, key);

	if (first)
		vhsm_site_branch(value_new(v, 0), opcode, va, first);
	value_new(v, 1)[0] = opcode;
}

/* A conditional tail call (6 bytes): to a function, or to a return. */
static int add_conditional(const struct maker *m, uint64_t va, uint64_t key,
			   uint8_t condition)
{
	struct values v = { .count = 0 };
	uint64_t ret;

	for (unsigned i = 0; i < m->site->return_thunks; i++) {
		uint8_t *bytes = value_new(&v, 0);

		vhsm_site_branch(bytes + 1, condition, va + 1,
				 m->site->return_thunk[i]);
		bytes[0] = 0x0f;
	}
	if (!vhsm_image_symbol(m->site->image, "__static_call_return", &ret)) {
		uint8_t *bytes = value_new(&v, 0);

		vhsm_site_branch(bytes + 1, condition, va + 1, ret);
		bytes[0] = 0x0f;
	}
	uint8_t *bytes = value_new(&v, 2);

	bytes[0] = 0x0f;
	bytes[1] = condition;
	return site_add(m, VHSM_SITE_STATIC_CALL, va, 6, key, &v);
}

static int add_static_call(const struct maker *m, const uint8_t *at,
			   uint64_t va)
{
	/* The low bits of the place where key is say tail and init. */
	uint64_t code = relative(at, va);
	uint64_t key = relative(at + 4, va + 4) & ~(uint64_t)CALL_SITE_FLAGS;
	struct values v = { .count = 0 };

	if (!vhsm_site_in_text(m->site, code, 6))
		return 0;
	const uint8_t *own = vhsm_image_at(m->site->image, code, 6);

	if (own && own[0] == 0x0f && (own[1] & 0xf0) == 0x80)
		return add_conditional(m, code, key, own[1]);
	if (own && own[0] == 0xe8) {
		add_target(m, &v, code, key, 0xe8);
		vhsm_site_nops(value_new(&v, 0), VHSM_CALL_LEN);
		memcpy(value_new(&v, 0), "\x2e\x2e\x2e\x31\xc0", VHSM_CALL_LEN);
	} else if (own && own[0] == 0xe9) {
		add_target(m, &v, code, key, 0xe9);
		add_returns(m, &v, code);
	} else {
		return unknown_form(m, "the static call", code);
	}
	return site_add(m, VHSM_SITE_STATIC_CALL, code, VHSM_CALL_LEN, key, &v);
}

static int add_static_calls(const struct maker *m)
{
	uint64_t va = 0;
	size_t count;
	const uint8_t *at = between(m, "__start_static_call_sites",
				    "__stop_static_call_sites", CALL_SITE_LEN,
				    &va, &count);
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = add_static_call(m, at + i * CALL_SITE_LEN,
					va + i * CALL_SITE_LEN);
	return error;
}

#define TRAMPOLINE "__SCT__"
#define KEY "__SCK__"

static int add_trampoline(const struct maker *m,
			  const struct vhsm_image_symbol *symbol)
{
	struct values v = { .count = 0 };
	char name[256];
	uint64_t key;

	if ((size_t)snprintf(name, sizeof(name), KEY "%s",
			     symbol->name + strlen(TRAMPOLINE)) >=
		    sizeof(name) ||
	    vhsm_image_symbol(m->site->image, name, &key))
		key = 0;
	if (key)
		add_target(m, &v, symbol->va, key, 0xe9);
	add_returns(m, &v, symbol->va);
	return site_add(m, VHSM_SITE_STATIC_CALL, symbol->va, VHSM_CALL_LEN,
			key, &v);
}

static int add_trampolines(const struct maker *m, uint64_t **tramp,
			   size_t *count)
{
	size_t symbols;
	const struct vhsm_image_symbol *symbol =
		vhsm_image_symbols(m->site->image, &symbols);
	uint64_t *list = calloc(symbols + 1, sizeof(*list));
	size_t n = 0;
	int error = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < symbols && !error; i++) {
		if (strncmp(symbol[i].name, TRAMPOLINE, strlen(TRAMPOLINE)) ||
		    !vhsm_site_in_text(m->site, symbol[i].va, VHSM_CALL_LEN) ||
		    (n && list[n - 1] == symbol[i].va))
			continue;
		list[n++] = symbol[i].va;
		error = add_trampoline(m, &symbol[i]);
	}
	*tramp = list;
	*count = n;
	return error;
}

/* --- ftrace --- */

static int add_ftrace_location(const struct maker *m, uint64_t va)
{
	static const char *const callers[] = {
		"__fentry__", "ftrace_caller", "ftrace_regs_caller",
	};
	struct values v = { .count = 0 };
	uint64_t target;

	if (!vhsm_site_in_text(m->site, va, VHSM_CALL_LEN))
		return 0;
	const uint8_t *own = vhsm_image_at(m->site->image, va, VHSM_CALL_LEN);

	if (!own || (own[0] != 0xe8 &&
		     memcmp(own, "\x0f\x1f\x44\x00\x00", VHSM_CALL_LEN)))
		return unknown_form(m, "the ftrace location", va);
	vhsm_site_nops(value_new(&v, 0), VHSM_CALL_LEN);
	for (size_t i = 0; i < 3; i++)
		if (!vhsm_image_symbol(m->site->image, callers[i], &target))
			vhsm_site_branch(value_new(&v, 0), 0xe8, va, target);
	value_new(&v, 1)[0] = 0xe8;
	return site_add(m, VHSM_SITE_FTRACE, va, VHSM_CALL_LEN, 0, &v);
}

static int add_ftrace_locations(const struct maker *m)
{
	uint64_t va = 0;
	size_t count;
	const uint8_t *at = between(m, "__start_mcount_loc",
				    "__stop_mcount_loc", sizeof(uint64_t), &va,
				    &count);
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = add_ftrace_location(m, vhsm_site_get64(at + i * 8));
	return error;
}

/* Within ftrace's own entry: the call of what traces. */
static int add_ftrace_callers(const struct maker *m)
{
	static const char *const places[] = { "ftrace_call",
					      "ftrace_regs_call" };
	static const char *const known[] = {
		"ftrace_stub", "arch_ftrace_ops_list_func",
	};
	uint64_t va, key, target;
	int error = 0;

	if (vhsm_image_symbol(m->site->image, "ftrace_trace_function", &key))
		return 0;
	for (size_t i = 0; i < 2 && !error; i++) {
		struct values v = { .count = 0 };

		if (vhsm_image_symbol(m->site->image, places[i], &va) ||
		    !vhsm_site_in_text(m->site, va, VHSM_CALL_LEN))
			continue;
		for (size_t k = 0; k < 2; k++)
			if (!vhsm_image_symbol(m->site->image, known[k],
					       &target))
				vhsm_site_branch(value_new(&v, 0), 0xe8, va,
						 target);
		value_new(&v, 1)[0] = 0xe8;
		error = site_add(m, VHSM_SITE_FTRACE, va, VHSM_CALL_LEN, key,
				 &v);
	}
	return error;
}

/* --- what Xen fills: xen/arch/x86/hvm/{vmx/vmx,svm/svm}.c --- */

static int add_hypercalls(const struct maker *m)
{
	static const uint8_t instruction[] = { 0xc1, 0xd9 };	/* VMX, SVM */
	uint64_t page;
	int error = 0;

	if (vhsm_image_symbol(m->site->image, "hypercall_page", &page) ||
	    !vhsm_site_in_text(m->site, page, HYPERCALLS * HYPERCALL_LEN))
		return 0;
	for (uint32_t i = 0; i < HYPERCALLS && !error; i++) {
		uint64_t va = page + i * HYPERCALL_LEN;
		const uint8_t *own = vhsm_image_at(m->site->image, va,
						   HYPERCALL_LEN);
		struct values v = { .count = 0 };

		for (size_t k = 0; own && k < 2; k++) {
			uint8_t *bytes = value_new(&v, 0);

			memcpy(bytes, own, HYPERCALL_LEN);
			if (i == HYPERCALL_IRET) {
				memcpy(bytes, "\x0f\x0b", 2);
				continue;
			}
			bytes[0] = 0xb8;
			memcpy(bytes + 1, &i, sizeof(i));
			memcpy(bytes + 5, "\x0f\x01", 2);
			bytes[7] = instruction[k];
			bytes[8] = 0xc3;
		}
		error = site_add(m, VHSM_SITE_HYPERCALL, va, HYPERCALL_LEN, 0,
				 &v);
	}
	return error;
}

int vhsm_site_add_runtime(struct vhsm_builder *builder,
			  const struct vhsm_site_image *site,
			  uint64_t **tramp, size_t *count, char *why)
{
	const struct maker m = { builder, site, why };
	int error = add_trampolines(&m, tramp, count);

	if (!error)
		error = add_static_calls(&m);
	if (!error)
		error = add_jump_labels(&m);
	if (!error)
		error = add_ftrace_locations(&m);
	if (!error)
		error = add_ftrace_callers(&m);
	if (!error)
		error = add_hypercalls(&m);
	return error;
}
