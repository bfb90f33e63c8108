/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu-entry.c - where a processor enters the kernel: the gates of its interrupt
 * descriptor table, and the registers that SYSCALL and SYSENTER jump to; and
 * that it honours read-only memory (CR0.WP) and, where the kernel pinned them
 * at boot, SMEP, SMAP and UMIP (CR4).
 *
 * All is derived from the image (gates.h), nothing learned.  The table a
 * processor uses may be at any address, if it is the kernel's own frame there:
 * Linux uses a read-only alias of idt_table.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/gates.h"
#include "checks/pointer.h"

#define CR0_WP		(1ull << 16)
#define IDT_LEN		(16u * VHSM_VECTORS)
#define TABLES_MAX	4u		/* different IDTs looked at */
#define REPORTS_MAX	64u

struct state {
	struct vhsm_gates gates;
};

struct look {
	const struct state *state;
	struct vhsm_sweep *sweep;
	unsigned reports;
};

/* Each costs a walk of the modules, to name what is there instead. */
static bool is_enough(struct look *look)
{
	if (look->reports++ < REPORTS_MAX)
		return false;
	look->sweep->cut = true;
	return true;
}

struct entry_register {
	const char *name;
	uint64_t value;
	const char *symbol[2];		/* where it may lead */
	bool zero;			/* legal where the instruction is not
					 * to be had */
};

static void check_register(struct look *look, unsigned vcpu,
			   const struct entry_register *r)
{
	const struct vhsm_kernel *k = look->sweep->kernel;
	struct vhsm_finding f = { .check = VHSM_CHECK_CPU_ENTRY,
				  .confidence = 100 };
	uint64_t expected = 0, va;
	char what[48];

	look->sweep->objects++;
	for (unsigned i = 0; i < 2; i++) {
		if (!r->symbol[i] || vhsm_kernel_symbol(k, r->symbol[i], &va))
			continue;
		if (!expected)
			expected = va;
		if (va == r->value)
			return;
	}
	if (r->zero && !r->value)
		return;
	if (is_enough(look))
		return;
	snprintf(f.object, sizeof(f.object), "vcpu %u %s", vcpu, r->name);
	snprintf(what, sizeof(what), "%s of vCPU %u", r->name, vcpu);
	vhsm_pointer_finding(k, &f, what, expected, r->value);
	look->sweep->report(look->sweep, &f);
}

static void report_bits(struct look *look, unsigned vcpu,
			const char *name, uint64_t should, uint64_t is,
			const char *detail)
{
	struct vhsm_finding f = { .check = VHSM_CHECK_CPU_ENTRY,
				  .confidence = 90, .before_len = 8,
				  .after_len = 8 };

	if (is_enough(look))
		return;
	snprintf(f.object, sizeof(f.object), "vcpu %u %s", vcpu, name);
	memcpy(f.before, &should, sizeof(should));
	memcpy(f.after, &is, sizeof(is));
	snprintf(f.detail, sizeof(f.detail), "%s of vCPU %u is %#llx: %s", name,
		 vcpu, (unsigned long long)is, detail);
	look->sweep->report(look->sweep, &f);
}

static void check_registers(struct look *look, unsigned vcpu)
{
	const struct vhsm_kernel *k = look->sweep->kernel;
	const struct vhsm_vcpu *c = &k->vcpu[vcpu];
	const struct entry_register entry[] = {
		{ "LSTAR", c->lstar, { "entry_SYSCALL_64" }, false },
		{ "CSTAR", c->cstar,
		  { "entry_SYSCALL_compat", "ignore_sysret" }, true },
		{ "SYSENTER_EIP", c->sysenter_eip,
		  { "entry_SYSENTER_compat" }, true },
	};
	uint64_t pinned_at, pinned;

	for (size_t i = 0; i < sizeof(entry) / sizeof(*entry); i++)
		check_register(look, vcpu, &entry[i]);
	if (!(c->cr0 & CR0_WP))
		report_bits(look, vcpu, "CR0", c->cr0 | CR0_WP, c->cr0,
			    "the kernel may write read-only memory (WP is off)");
	/* Its own, so it can only be too weak, not raise a false alarm. */
	if (vhsm_kernel_symbol(k, "cr4_pinned_bits", &pinned_at) ||
	    vhsm_kernel_read_u64(k, pinned_at, &pinned))
		return;
	if ((c->cr4 & pinned) != pinned)
		report_bits(look, vcpu, "CR4", c->cr4 | pinned, c->cr4,
			    "protections that were pinned at boot are off");
}

static void report_gate(struct look *look, uint64_t base, unsigned vector,
			const struct vhsm_gate *should,
			const struct vhsm_gate *is)
{
	const struct vhsm_kernel *k = look->sweep->kernel;
	struct vhsm_finding f = { .check = VHSM_CHECK_CPU_ENTRY,
				  .confidence = 100,
				  .address = base + 16ull * vector };
	char what[48];

	if (is_enough(look))
		return;
	snprintf(f.object, sizeof(f.object), "idt[%u]", vector);
	snprintf(what, sizeof(what), "the gate of vector %u", vector);
	vhsm_pointer_finding(k, &f, what, should->handler + k->slide,
			     is->handler + k->slide);
	if (is->handler == should->handler)
		snprintf(f.detail, sizeof(f.detail),
			 "the gate of vector %u has segment %#x and type bits %#x, not %#x and %#x",
			 vector, is->segment, is->bits, should->segment,
			 should->bits);
	look->sweep->report(look->sweep, &f);
}

static int check_gates(struct look *look, uint64_t base, char *why)
{
	const struct vhsm_kernel *k = look->sweep->kernel;
	uint8_t table[IDT_LEN];

	if (vhsm_kernel_read(k, base, table, sizeof(table))) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the interrupt descriptor table at %#llx is not mapped",
			 (unsigned long long)base);
		return -EFAULT;
	}
	for (unsigned v = 0; v < VHSM_VECTORS; v++) {
		struct vhsm_gate is;

		vhsm_gate_decode(&is, table + 16 * v, k->slide);
		if (!vhsm_gate_check(&look->state->gates, k->reference, v, &is))
			report_gate(look, base, v, &look->state->gates.gate[v], &is);
	}
	look->sweep->objects += VHSM_VECTORS;
	return 0;
}

/* Where the table is: the kernel's frame, whatever the address. */
static void check_base(struct look *look, unsigned vcpu)
{
	const struct vhsm_kernel *k = look->sweep->kernel;
	const struct vhsm_vcpu *c = &k->vcpu[vcpu];
	struct vhsm_finding f = { .check = VHSM_CHECK_CPU_ENTRY,
				  .confidence = 100 };
	uint64_t own;
	char what[48];

	look->sweep->objects++;
	if (vhsm_kernel_symbol(k, "idt_table", &own))
		return;
	if (c->idt_limit == IDT_LEN - 1 &&
	    vhsm_finding_physical(k, own) &&
	    vhsm_finding_physical(k, own) ==
	    vhsm_finding_physical(k, c->idt_base))
		return;
	if (is_enough(look))
		return;
	snprintf(f.object, sizeof(f.object), "vcpu %u IDTR", vcpu);
	snprintf(what, sizeof(what), "IDTR of vCPU %u", vcpu);
	vhsm_pointer_finding(k, &f, what, own, c->idt_base);
	f.after_code[0] = 0;		/* a table, no code */
	look->sweep->report(look->sweep, &f);
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_kernel *k = sweep->kernel;
	struct look look = { .state = state, .sweep = sweep };
	uint64_t base[TABLES_MAX];
	unsigned tables = 0;
	int rc = 0;

	for (unsigned v = 0; v < k->vcpu_count && v < VHSM_VCPUS_MAX; v++) {
		unsigned i = 0;

		if (!k->vcpu[v].online)
			continue;
		check_registers(&look, v);
		check_base(&look, v);
		while (i < tables && base[i] != k->vcpu[v].idt_base)
			i++;
		if (i < tables || tables == TABLES_MAX)
			continue;
		base[tables++] = k->vcpu[v].idt_base;
		if (check_gates(&look, k->vcpu[v].idt_base, why))
			rc = -EFAULT;
	}
	return rc;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	struct state *s;
	int rc;

	if (!setup->reference) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference");
		return -ENOENT;
	}
	s = malloc(sizeof(*s));
	if (!s) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "no memory");
		return -ENOMEM;
	}
	rc = vhsm_gates_derive(&s->gates, setup->reference, why);
	if (rc) {
		free(s);
		return rc;
	}
	*state = s;
	return 0;
}

static void close_check(void *state)
{
	free(state);
}

const struct vhsm_check vhsm_check_cpu_entry = {
	.number = VHSM_CHECK_CPU_ENTRY, .region = VHSM_REGION_TABLES,
	.open = open_check, .run = run, .close = close_check,
};
