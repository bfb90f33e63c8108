/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/text-explain.h"

#include <errno.h>
#include <string.h>

#include "checks/exec-owner.h"
#include "checks/module-function.h"

#define MUTEX_FLAGS	7u		/* in its owner: include/linux/mutex.h */
#define INT3		0xccu
#define JUMP_LEN	5u
#define SITE_MAX	256u
#define TRAMPOLINE_MAX	1024u
#define DISPATCHER_HALF	2048u		/* bytes of code; the other half is
					 * made anew meanwhile */

static uint64_t target_of(const uint8_t *operand, uint64_t va)
{
	int32_t relative;

	memcpy(&relative, operand, sizeof(relative));
	return va + sizeof(relative) + (uint64_t)(int64_t)relative;
}

static bool is_function(const struct vhsm_kernel *k, uint64_t va)
{
	return vhsm_kernel_in_text(k, va) &&
	       vhsm_reference_is_function(k->reference, va - k->slide);
}

/* Whether somebody holds the mutex of that name. */
static bool is_held(const struct vhsm_kernel *k, const char *name)
{
	uint64_t va, owner;

	return !vhsm_kernel_symbol(k, name, &va) &&
	       !vhsm_kernel_read_member(k, va, VHSM_L_mutex__owner, &owner) &&
	       owner & ~(uint64_t)MUTEX_FLAGS;
}

/* Whether the target is a function of the image, and the guest's word at va: or
 * under the lock, which is held while it and what calls it change, one after
 * the other, each for long. */
static enum vhsm_explained named_by(const struct vhsm_kernel *k, uint64_t va,
				    uint64_t target, const char *lock)
{
	uint64_t named;

	if (vhsm_kernel_read_u64(k, va, &named) || !is_function(k, target))
		return VHSM_UNEXPLAINED;
	if (named == target)
		return VHSM_EXPLAINED;
	return lock && is_held(k, lock) ? VHSM_EXPLAINED_NOW :
	       VHSM_UNEXPLAINED;
}

/* Whether it is where the code of a BPF dispatcher begins, for whose calls the
 * key is: a half of its page, in memory that BPF's compiler was given. */
static bool dispatcher(const struct vhsm_kernel *k, uint64_t key,
		       uint64_t target)
{
	static const char *const names[] = { "bpf_dispatcher_xdp" };
	uint64_t va, sc_key, image, from, to;
	struct vhsm_owners owners = { 0 };
	bool known = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (vhsm_kernel_symbol(k, names[i], &va) ||
		    vhsm_kernel_read_member(
			    k, va, VHSM_L_bpf_dispatcher__sc_key, &sc_key) ||
		    vhsm_kernel_read_member(
			    k, va, VHSM_L_bpf_dispatcher__image, &image) ||
		    sc_key != key || !image ||
		    (target != image && target != image + DISPATCHER_HALF))
			continue;
		known = !vhsm_owners_add_bpf(&owners, k) &&
			vhsm_owners_gap(&owners, target,
					target + DISPATCHER_HALF, &from, &to) ==
			-ENOENT;
		vhsm_owners_deinit(&owners);
	}
	return known;
}

static enum vhsm_explained static_call(const struct vhsm_kernel *k,
				       const struct vhsm_probe_list *probes,
				       const struct vhsm_site *site,
				       uint64_t target)
{
	uint64_t func;
	bool changes;

	if (!site->key ||
	    vhsm_kernel_read_member(k, site->key + k->slide,
				    VHSM_L_static_call_key__func, &func))
		return VHSM_UNEXPLAINED;
	/* The key is written first, then the calls, each by breakpoints. */
	changes = func != target;
	if (changes && !is_held(k, "static_call_mutex"))
		return VHSM_UNEXPLAINED;
	if (is_function(k, target))
		return changes ? VHSM_EXPLAINED_NOW : VHSM_EXPLAINED;
	return !vhsm_kernel_in_text(k, target) &&
	       (dispatcher(k, site->key + k->slide, target) ||
		vhsm_module_function_at(probes->functions, k, target)) ?
	       VHSM_EXPLAINED_NOW : VHSM_UNEXPLAINED;
}

/* jmp *%reg; int3, as its_init_thunk() makes it. */
static bool thunk(const struct vhsm_kernel *k, const struct vhsm_site *site,
		  uint64_t target)
{
	uint8_t expected[4] = { 0 }, found[4];
	size_t len = 0;

	if (vhsm_kernel_in_text(k, target))
		return false;
	if (site->key >= 8)
		expected[len++] = 0x41;
	expected[len++] = 0xff;
	expected[len++] = (uint8_t)(0xe0 | (site->key & 7));
	expected[len++] = INT3;
	return !vhsm_kernel_read(k, target, found, len) &&
	       !memcmp(expected, found, len);
}

/* --- ftrace's trampolines --- */

struct template {
	uint64_t start;			/* link address */
	size_t len;			/* up to the return */
	size_t call, op;		/* operands that differ, 4 bytes each */
	size_t jump;			/* 2 bytes that may be a no-op; 0: none */
};

static bool template_find(const struct vhsm_kernel *k, bool regs,
			  struct template *t)
{
	const struct vhsm_reference *r = k->reference;
	uint64_t end, call, op, jump;

	if (vhsm_reference_symbol(r, regs ? "ftrace_regs_caller" :
				     "ftrace_caller", &t->start) ||
	    vhsm_reference_symbol(r, regs ? "ftrace_regs_caller_end" :
				     "ftrace_caller_end", &end) ||
	    vhsm_reference_symbol(r, regs ? "ftrace_regs_call" : "ftrace_call",
				  &call) ||
	    vhsm_reference_symbol(r, regs ? "ftrace_regs_caller_op_ptr" :
				     "ftrace_caller_op_ptr", &op))
		return false;
	t->len = end - t->start;
	t->call = call + 1 - t->start;
	t->op = op + 3 - t->start;
	t->jump = regs && !vhsm_reference_symbol(r, "ftrace_regs_caller_jmp",
						 &jump) ?
		  jump - t->start : 0;
	return t->len <= TRAMPOLINE_MAX && t->call + 4 <= t->len &&
	       t->op + 4 <= t->len && t->jump + 2 <= t->len;
}

/* Where it loads its ftrace_ops from, and whom it calls. */
static bool trampoline_parts(const struct vhsm_kernel *k,
			     const struct vhsm_tracer *tracer,
			     const struct template *t, const uint8_t *bytes)
{
	uint64_t at = tracer->trampoline, ops, callee;

	callee = target_of(bytes + t->call, at + t->call);
	return !vhsm_kernel_read_u64(k, target_of(bytes + t->op, at + t->op),
				     &ops) &&
	       ops == tracer->va &&
	       (callee == tracer->func || is_function(k, callee));
}

static bool trampoline_like(const struct vhsm_kernel *k,
			    const struct vhsm_tracer *tracer, bool regs)
{
	uint8_t expected[TRAMPOLINE_MAX], found[TRAMPOLINE_MAX];
	struct template t;

	/* The return behind the copied part is patched at boot, so the model
	 * is the guest's own entry, which is compared with the image; only
	 * its call is the tracer's. */
	if (!template_find(k, regs, &t) ||
	    vhsm_kernel_read(k, t.start + k->slide, expected, t.len) ||
	    vhsm_kernel_read(k, tracer->trampoline, found, t.len) ||
	    !trampoline_parts(k, tracer, &t, found))
		return false;
	memcpy(expected + t.call, found + t.call, 4);
	memcpy(expected + t.op, found + t.op, 4);
	if (t.jump && !memcmp(found + t.jump, "\x66\x90", 2))
		memcpy(expected + t.jump, found + t.jump, 2);
	return !memcmp(expected, found, t.len);
}

static bool trampoline(const struct vhsm_kernel *k,
		       const struct vhsm_probe_list *probes, uint64_t target)
{
	for (size_t i = 0; i < probes->tracers; i++)
		if (probes->tracer[i].trampoline == target)
			return trampoline_like(k, &probes->tracer[i], false) ||
			       trampoline_like(k, &probes->tracer[i], true);
	return false;
}

/* --- sites --- */

static enum vhsm_explained judge(const struct vhsm_kernel *k,
				 const struct vhsm_probe_list *probes,
				 const struct vhsm_site *site, uint64_t target)
{
	switch (site->kind) {
	case VHSM_SITE_ALTERNATIVE:
	case VHSM_SITE_PARAVIRT:
		return site->key ? named_by(k, site->key + k->slide, target,
					    NULL) : VHSM_UNEXPLAINED;
	case VHSM_SITE_STATIC_CALL:
		return static_call(k, probes, site, target);
	case VHSM_SITE_RETPOLINE:
		return thunk(k, site, target) ? VHSM_EXPLAINED_NOW :
		       VHSM_UNEXPLAINED;
	case VHSM_SITE_FTRACE:
		if (site->key)
			return named_by(k, site->key + k->slide, target,
					"ftrace_lock");
		return trampoline(k, probes, target) ||
		       vhsm_probe_list_is_direct(probes, site->va + k->slide,
						 target) ?
		       VHSM_EXPLAINED_NOW : VHSM_UNEXPLAINED;
	default:
		return VHSM_UNEXPLAINED;
	}
}

static enum vhsm_explained
explain_variant(const struct vhsm_kernel *k,
		const struct vhsm_probe_list *probes,
		const struct vhsm_site *site, unsigned i, const uint8_t *found)
{
	const struct vhsm_site_variant *variant =
		vhsm_reference_site_variant(k->reference, site, i);
	uint8_t bytes[SITE_MAX];
	unsigned at = variant->target_at;

	vhsm_reference_variant(k->reference, site, i, k->slide, bytes);
	if (!at)
		return memcmp(bytes, found, site->len) ? VHSM_UNEXPLAINED :
		       VHSM_EXPLAINED;
	if (memcmp(bytes, found, at) ||
	    memcmp(bytes + at + 4, found + at + 4, site->len - at - 4))
		return VHSM_UNEXPLAINED;
	return judge(k, probes, site,
		     target_of(found + at, site->va + k->slide + at));
}

/* A breakpoint of a kprobe in a site hides a byte of it: whatever the site may
 * have there is taken for it. */
static enum vhsm_explained
explain_probed(const struct vhsm_kernel *k,
	       const struct vhsm_probe_list *probes,
	       const struct vhsm_site *site, const uint8_t *found)
{
	for (unsigned at = 0; at < site->len; at++) {
		uint64_t va = site->va + k->slide + at;
		uint8_t bytes[SITE_MAX];

		if (found[at] != INT3 ||
		    vhsm_text_explain_probe(k, probes, va) != 1)
			continue;
		for (unsigned i = 0; i <= site->variant_count; i++) {
			if (i < site->variant_count)
				vhsm_reference_variant(k->reference, site, i,
						       k->slide, bytes);
			else if (vhsm_reference_expected(k->reference,
							 site->va, k->slide,
							 bytes, site->len))
				break;
			bytes[at] = INT3;
			if (!memcmp(bytes, found, site->len))
				return VHSM_EXPLAINED_NOW;
		}
	}
	return VHSM_UNEXPLAINED;
}

static enum vhsm_explained explain_value(const struct vhsm_kernel *k,
					 const struct vhsm_probe_list *probes,
					 const struct vhsm_site *site,
					 const uint8_t *value)
{
	enum vhsm_explained how = VHSM_UNEXPLAINED;

	for (unsigned i = 0; i < site->variant_count && !how; i++)
		how = explain_variant(k, probes, site, i, value);
	return how;
}

/* Whether the site may have this value, be it the image's own. */
static bool legal(const struct vhsm_kernel *k,
		  const struct vhsm_probe_list *probes,
		  const struct vhsm_site *site, const uint8_t *value)
{
	uint8_t own[SITE_MAX];

	return (!vhsm_reference_expected(k->reference, site->va, k->slide, own,
					 site->len) &&
		!memcmp(own, value, site->len)) ||
	       explain_value(k, probes, site, value) != VHSM_UNEXPLAINED;
}

/* Whether what is emulated does what the text, which is legal, would do, or is
 * a legal value itself. */
static bool emulation_legal(const struct vhsm_kernel *k,
			    const struct vhsm_probe_list *probes,
			    const struct vhsm_site *site,
			    const struct vhsm_poke *poke)
{
	uint8_t value[VHSM_POKE_LEN_MAX];
	uint64_t zero;

	if (poke->opcode == poke->text[0] &&
	    (poke->opcode == 0xc3 || poke->opcode == INT3))
		return true;
	/* A no-op is emulated as a jump to what follows. */
	if ((poke->opcode == 0xe9 || poke->opcode == 0xeb) && !poke->disp)
		return poke->text[0] == 0x0f || poke->text[0] == 0x66;
	value[0] = poke->opcode;
	if (poke->opcode == 0xeb && poke->len == 2) {
		value[1] = (uint8_t)poke->disp;
		return legal(k, probes, site, value);
	}
	if ((poke->opcode != 0xe9 && poke->opcode != 0xe8) ||
	    poke->len != JUMP_LEN)
		return false;
	memcpy(value + 1, &poke->disp, sizeof(poke->disp));
	/* What clears a register is emulated as the call that does. */
	return legal(k, probes, site, value) ||
	       (!vhsm_kernel_symbol(k, "__static_call_return0", &zero) &&
		target_of(value + 1, poke->va + 1) == zero);
}

static enum vhsm_explained
explain_poked(const struct vhsm_kernel *k,
	      const struct vhsm_probe_list *probes,
	      const struct vhsm_site *site, const uint8_t *found)
{
	if (found[0] != INT3)
		return VHSM_UNEXPLAINED;
	for (size_t i = 0; i < probes->pokes; i++) {
		const struct vhsm_poke *poke = &probes->poke[i];

		if (poke->va == site->va + k->slide &&
		    poke->len == site->len &&
		    legal(k, probes, site, poke->text) &&
		    emulation_legal(k, probes, site, poke))
			return VHSM_EXPLAINED_NOW;
	}
	return VHSM_UNEXPLAINED;
}

enum vhsm_explained vhsm_text_explain_site(const struct vhsm_kernel *k,
					   const struct vhsm_probe_list *probes,
					   const struct vhsm_site *site,
					   const uint8_t *found)
{
	enum vhsm_explained how;

	if (site->len >= SITE_MAX)
		return VHSM_UNEXPLAINED;
	how = explain_value(k, probes, site, found);
	if (how == VHSM_UNEXPLAINED)
		how = explain_poked(k, probes, site, found);
	return how != VHSM_UNEXPLAINED ? how :
	       explain_probed(k, probes, site, found);
}

unsigned vhsm_text_explain_probe(const struct vhsm_kernel *k,
				 const struct vhsm_probe_list *probes,
				 uint64_t va)
{
	uint8_t found[JUMP_LEN];

	for (size_t i = 0; i < probes->probes; i++) {
		const struct vhsm_probe *probe = &probes->probe[i];

		if (probe->addr != va || vhsm_kernel_read(k, va, found, 1))
			continue;
		if (found[0] == INT3)
			return 1;
		if (found[0] == 0xe9 && probe->jump &&
		    !vhsm_kernel_read(k, va, found, JUMP_LEN) &&
		    target_of(found + 1, va + 1) == probe->jump &&
		    !vhsm_kernel_in_text(k, probe->jump))
			return JUMP_LEN;
	}
	return 0;
}
