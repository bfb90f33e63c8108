/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/gates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks/check.h"
#include "checks/covered.h"

#define EXCEPTIONS	32u
#define KERNEL_CS	0x10u
#define INTERRUPT_GATE	0x8e00u		/* present, ring 0, no stack switch */

/* Later ones replace what earlier ones set. */
static const char *const tables[] = {
	"early_idts", "def_idts", "early_pf_idts", "apic_idts"
};

static uint64_t field(const uint8_t *entry, const struct vhsm_reference *r,
		      enum vhsm_layout member)
{
	struct vhsm_member m = vhsm_reference_layout(r, member);
	uint64_t value = 0;

	memcpy(&value, entry + m.offset,
	       m.size < sizeof(value) ? m.size : sizeof(value));
	return value;
}

static void read_table(struct vhsm_gates *g, bool known[VHSM_VECTORS],
		       const struct vhsm_reference *r, const char *name)
{
	uint32_t size = vhsm_reference_layout(r, VHSM_L_idt_data__SIZE).size;
	uint8_t bytes[8192];
	uint64_t start, len;

	if (vhsm_symbol_extent(r, name, &start, &len) || len > sizeof(bytes) ||
	    vhsm_reference_expected(r, start, 0, bytes, len))
		return;
	for (uint64_t at = 0; size && at + size <= len; at += size) {
		uint64_t vector = field(bytes + at, r, VHSM_L_idt_data__vector);
		uint64_t handler = field(bytes + at, r, VHSM_L_idt_data__addr);

		if (vector >= VHSM_VECTORS || !handler)
			continue;
		known[vector] = true;
		g->gate[vector] = (struct vhsm_gate){
			.handler = handler,
			.segment = (uint16_t)field(bytes + at, r,
						   VHSM_L_idt_data__segment),
			.bits = (uint16_t)field(bytes + at, r,
						VHSM_L_idt_data__bits),
		};
	}
}

/*
 * The stubs of irq_entries_start go on from vector 32 to the first system
 * vector, where those of spurious_entries_start begin; a stub has 8 bytes, or
 * 16 where it begins with ENDBR.  The first system vector is the local timer's,
 * which a table has.
 */
static int find_stubs(const struct vhsm_reference *r,
		      const bool known[VHSM_VECTORS], uint64_t *irq,
		      uint64_t *spurious, unsigned *stub_len,
		      unsigned *first_system)
{
	if (vhsm_reference_symbol(r, "irq_entries_start", irq) ||
	    vhsm_reference_symbol(r, "spurious_entries_start", spurious) ||
	    *spurious <= *irq)
		return -ENOENT;
	for (*stub_len = 8; *stub_len <= 16; *stub_len += 8) {
		uint64_t n = (*spurious - *irq) / *stub_len;

		*first_system = EXCEPTIONS + (unsigned)n;
		if (n < VHSM_VECTORS - EXCEPTIONS && known[*first_system])
			return 0;
	}
	return -ENOENT;
}

int vhsm_gates_derive(struct vhsm_gates *g, const struct vhsm_reference *r,
		      char *why)
{
	uint64_t irq, spurious, early, early_len;
	unsigned stub_len, first_system;
	bool known[VHSM_VECTORS] = { false };

	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		read_table(g, known, r, tables[i]);
	if (vhsm_symbol_extent(r, "early_idt_handler_array", &early,
			       &early_len) ||
	    find_stubs(r, known, &irq, &spurious, &stub_len, &first_system)) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the reference has no tables of interrupt gates");
		return -EINVAL;
	}
	for (unsigned v = 0; v < VHSM_VECTORS; v++) {
		if (known[v])
			continue;
		g->gate[v].segment = KERNEL_CS;
		g->gate[v].bits = INTERRUPT_GATE;
		g->any_system[v] = v >= first_system;
		if (v < EXCEPTIONS)
			g->gate[v].handler = early + v *
				(early_len / EXCEPTIONS);
		else if (v < first_system)
			g->gate[v].handler = irq + (uint64_t)stub_len *
				(v - EXCEPTIONS);
		else
			g->gate[v].handler = spurious + (uint64_t)stub_len *
				(v - first_system);
	}
	return 0;
}

void vhsm_gate_decode(struct vhsm_gate *g, const uint8_t bytes[16],
		      uint64_t slide)
{
	uint16_t low, middle;
	uint32_t high;

	memcpy(&low, bytes, 2);
	memcpy(&g->segment, bytes + 2, 2);
	memcpy(&g->bits, bytes + 4, 2);
	memcpy(&middle, bytes + 6, 2);
	memcpy(&high, bytes + 8, 4);
	g->handler = (low | (uint64_t)middle << 16 | (uint64_t)high << 32) -
		slide;
}

bool vhsm_gate_check(const struct vhsm_gates *g, const struct vhsm_reference *r,
		     unsigned vector, const struct vhsm_gate *is)
{
	const struct vhsm_gate *should = &g->gate[vector];
	uint64_t distance;
	const char *name;

	if (is->segment != should->segment || is->bits != should->bits)
		return false;
	if (is->handler == should->handler)
		return true;
	if (!g->any_system[vector])
		return false;
	name = vhsm_reference_symbol_at(r, is->handler, &distance);
	return name && distance == 0 && !strncmp(name, "asm_sysvec_", 11);
}
