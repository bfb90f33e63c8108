/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/module-text.h"

#include <stdlib.h>
#include <string.h>

#include "introspect/site.h"

#define CALL		0xe8u
#define JMP		0xe9u
#define JMP_SHORT	0xebu
#define INT3		0xccu
#define BRANCH_LEN	5u

/* --- fields --- */

/* The value of a target for a field at va; false when it may be anything (it
 * refers to a module that is not loaded, too: the loader had it then). */
static bool target_value(const struct vhsm_module_where *w,
			 const struct vhsm_module_target *t, uint64_t va,
			 uint64_t *value)
{
	*value = t->value;
	if (t->kind == VHSM_FIELD_ANY || t->kind == VHSM_FIELD_ANY32)
		return false;
	if (t->from == VHSM_FROM_KERNEL) {
		*value += w->kernel->slide;
	} else if (t->from != VHSM_FROM_ZERO) {
		if (!w->base[t->from])
			return false;
		*value += w->base[t->from];
	}
	if (t->kind == VHSM_FIELD_PC32 || t->kind == VHSM_FIELD_PC64)
		*value -= va;
	return true;
}

uint8_t *vhsm_module_expected(const struct vhsm_module_where *w, size_t i)
{
	struct vhsm_module_text text;
	uint8_t *bytes;
	uint64_t value;

	if (vhsm_modules_text(w->modules, i, &text))
		return NULL;
	bytes = malloc(text.len + 1);
	if (!bytes)
		return NULL;
	memcpy(bytes, text.bytes, text.len);
	for (size_t n = 0; n < text.field_count; n++) {
		const struct vhsm_module_target *t = &text.field[n];

		if (target_value(w, t, w->base[i] + t->at, &value))
			memcpy(bytes + t->at, &value, vhsm_field_len(t->kind));
	}
	return bytes;
}

/* --- sites --- */

/* The length of a no-operation of the kernel's (arch/x86/include/asm/nops.h):
 * 90, 66 90, 0f 1f with its operands, each with any number of 66 and 2e before
 * it; 0: it is none. */
static unsigned nop_len(const uint8_t *b, unsigned left)
{
	unsigned n = 0, operands;

	while (n < left && (b[n] == 0x66 || b[n] == 0x2e))
		n++;
	if (n < left && b[n] == 0x90)
		return n + 1;
	if (left - n < 3 || b[n] != 0x0f || b[n + 1] != 0x1f)
		return 0;
	switch (b[n + 2]) {
	case 0x00:
		operands = 0;
		break;
	case 0x40:
		operands = 1;
		break;
	case 0x44:
		operands = 2;
		break;
	case 0x80:
		operands = 4;
		break;
	case 0x84:
		operands = 5;
		break;
	default:
		return 0;
	}
	return n + 3 + operands <= left ? n + 3 + operands : 0;
}

/* Nothing happens here: no-operations, or, behind what does not go on, traps. */
static bool is_fill(const uint8_t *b, unsigned left, bool traps)
{
	unsigned n;

	for (; left; b += n, left -= n) {
		n = traps && *b == INT3 ? 1 : nop_len(b, left);
		if (!n)
			return false;
	}
	return true;
}

/* Where the call or jump at va goes. */
static uint64_t branch_target(const uint8_t *b, uint64_t va)
{
	int32_t distance;

	memcpy(&distance, b + 1, sizeof(distance));
	return va + BRANCH_LEN + (uint64_t)(int64_t)distance;
}

static bool variant_matches(const struct vhsm_module_where *w,
			    const struct vhsm_module_variant *v,
			    const uint8_t *bytes, const uint8_t *is,
			    unsigned len, uint64_t va, bool traps)
{
	uint8_t should[UINT8_MAX];
	uint64_t value;

	memcpy(should, bytes, v->len);
	if (v->has_target) {
		unsigned n = vhsm_field_len(v->target.kind);

		if (!target_value(w, &v->target, va + v->target.at, &value))
			value = 0, memcpy(&value, is + v->target.at, n);
		memcpy(should + v->target.at, &value, n);
	}
	if (!memcmp(should, is, v->len) &&
	    is_fill(is + v->len, len - v->len, traps))
		return true;
	/* A jump is made short where it can be (recompute_jump). */
	if (v->len == BRANCH_LEN && v->has_target && should[0] == JMP &&
	    is[0] == JMP_SHORT)
		return branch_target(should, va) ==
			va + 2 + (uint64_t)(int64_t)(int8_t)is[1] &&
			is_fill(is + 2, len - 2, true);
	return false;
}

/* The image's own bytes, whose no-operations were made fewer and longer. */
static bool same_but_fill(const uint8_t *expected, const uint8_t *is,
			  unsigned len)
{
	unsigned same = 0;

	while (same < len && expected[same] == is[same])
		same++;
	for (;;) {
		if (is_fill(expected + same, len - same, false) &&
		    is_fill(is + same, len - same, false))
			return true;
		if (!same--)
			return false;
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && !strcmp(text + len - n, end);
}

static const char *owner_of(const struct vhsm_owners *o, uint64_t va)
{
	for (size_t i = 0; i < o->count; i++)
		if (va >= o->owner[i].start && va < o->owner[i].end)
			return o->owner[i].what;
	return "";
}

/* Whether calls of the kind lead to the target. */
static bool target_judge(const struct vhsm_module_where *w, unsigned kind,
			 uint64_t target)
{
	const struct vhsm_kernel *k = w->kernel;
	uint64_t distance, link = target - k->slide;
	const char *name = vhsm_kernel_in_text(k, target) ?
		vhsm_reference_symbol_at(k->reference, link, &distance) : NULL;
	const char *owner = owner_of(w->owners, target);

	switch (kind) {
	case VHSM_SITE_FTRACE:
		return !strcmp(owner, "ftrace") ||
			(name && !distance &&
			 (!strcmp(name, "ftrace_caller") ||
			  !strcmp(name, "ftrace_regs_caller")));
	case VHSM_SITE_RETURN:
		return name && !distance && ends_with(name, "_return_thunk");
	case VHSM_SITE_RETPOLINE:
		return !strcmp(owner, "its") ||
			(name && !strncmp(name, "__x86_indirect_", 15));
	case VHSM_SITE_PARAVIRT:
	case VHSM_SITE_STATIC_CALL:
		return vhsm_reference_is_function(k->reference, link) ||
			!strcmp(owner, "module");
	default:
		return false;
	}
}

static bool site_explains(const struct vhsm_module_where *w,
			  const struct vhsm_module_site *s,
			  const uint8_t *expected, const uint8_t *is,
			  uint64_t va)
{
	bool traps = s->kind == VHSM_SITE_RETURN ||
		s->kind == VHSM_SITE_RETPOLINE ||
		s->kind == VHSM_SITE_STATIC_CALL;
	const uint8_t *bytes;

	if (s->kind == VHSM_SITE_ALTERNATIVE &&
	    same_but_fill(expected, is, s->len))
		return true;
	for (unsigned i = 0; i < s->variant_count; i++) {
		const struct vhsm_module_variant *v =
			vhsm_modules_variant(w->modules, s, i, &bytes);

		if (v->len <= s->len &&
		    variant_matches(w, v, bytes, is, s->len, va, traps))
			return true;
	}
	return s->len >= BRANCH_LEN && (is[0] == CALL || is[0] == JMP) &&
		is_fill(is + BRANCH_LEN, s->len - BRANCH_LEN, traps) &&
		target_judge(w, s->kind, branch_target(is, va));
}

/* A site that covers the offset and explains what is there: 0 with its end. */
static int explain(const struct vhsm_module_where *w, size_t number,
		   const struct vhsm_module_text *text, const uint8_t *expected,
		   const uint8_t *is, uint32_t at, uint32_t *end)
{
	size_t low = 0, high = text->site_count;

	/* The first site behind the offset; those before it may reach it. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (text->site[middle].at > at)
			high = middle;
		else
			low = middle + 1;
	}
	while (low-- && text->site[low].at + UINT8_MAX > at) {
		const struct vhsm_module_site *s = &text->site[low];

		if (s->at + s->len <= at ||
		    !site_explains(w, s, expected + s->at, is + s->at,
				   w->base[number] + s->at))
			continue;
		*end = s->at + s->len;
		return 0;
	}
	return -1;
}

/* Whether the offset is in a field that may be anything. */
static bool is_any(const struct vhsm_module_where *w,
		   const struct vhsm_module_text *text, uint32_t at,
		   uint32_t *end)
{
	size_t low = 0, high = text->field_count;
	const struct vhsm_module_target *t;
	uint64_t value;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (text->field[middle].at > at)
			high = middle;
		else
			low = middle + 1;
	}
	if (!low)
		return false;
	t = &text->field[low - 1];
	*end = t->at + vhsm_field_len(t->kind);
	return *end > at && !target_value(w, t, 0, &value);
}

int vhsm_module_compare(const struct vhsm_module_where *w, size_t i,
			const uint8_t *expected, const uint8_t *is,
			uint64_t *explained,
			struct vhsm_module_difference *difference)
{
	struct vhsm_module_text text;
	uint32_t at = 0, end;

	if (vhsm_modules_text(w->modules, i, &text))
		return 0;
	while (at < text.len) {
		if (expected[at] == is[at]) {
			at++;
			continue;
		}
		if (is_any(w, &text, at, &end)) {
			at = end;
			continue;
		}
		if (explain(w, i, &text, expected, is, at, &end) == 0) {
			(*explained)++;
			at = end;
			continue;
		}
		difference->at = at;
		while (at < text.len && expected[at] != is[at])
			at++;
		difference->len = at - difference->at;
		return 1;
	}
	return 0;
}
