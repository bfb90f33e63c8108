/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/code.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION_MAX	16384u		/* bytes decoded to find a boundary */
#define INSTRUCTION_MAX	15u
#define STEPS_MAX	6u		/* instructions before the branch */

/* --- boundaries --- */

static uint64_t walk_to(csh handle, cs_insn *insn,
			const struct vhsm_reference *reference, uint64_t start,
			uint64_t va)
{
	uint64_t at = start;

	while (at < va) {
		uint8_t bytes[INSTRUCTION_MAX];
		const uint8_t *code = bytes;
		size_t len = sizeof(bytes);
		uint64_t next = at;

		if (vhsm_reference_expected(reference, at, 0, bytes, len) ||
		    !cs_disasm_iter(handle, &code, &len, &next, insn))
			return va;
		if (next > va)
			return at;
		at = next;
	}
	return at;
}

uint64_t vhsm_code_boundary(const struct vhsm_kernel *k, uint64_t va)
{
	uint64_t distance, link = va - k->slide, found = link;
	csh handle;

	if (!vhsm_reference_symbol_at(k->reference, link, &distance) ||
	    distance > FUNCTION_MAX ||
	    cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return va;
	cs_insn *insn = cs_malloc(handle);

	if (insn) {
		found = walk_to(handle, insn, k->reference, link - distance,
				link);
		cs_free(insn, 1);
	}
	cs_close(&handle);
	return found + k->slide;
}

/* --- branches --- */

struct flow {
	const struct vhsm_kernel *kernel;
	csh handle;
	uint64_t value[X86_REG_ENDING];	/* of registers that were loaded */
	bool loaded[X86_REG_ENDING];
	uint64_t pushed;
	bool has_pushed;
};

/* The 64-bit register of which this is a part. */
static x86_reg whole(x86_reg reg)
{
	static const x86_reg parts[][2] = {
		{ X86_REG_EAX, X86_REG_RAX }, { X86_REG_ECX, X86_REG_RCX },
		{ X86_REG_EDX, X86_REG_RDX }, { X86_REG_EBX, X86_REG_RBX },
		{ X86_REG_ESI, X86_REG_RSI }, { X86_REG_EDI, X86_REG_RDI },
		{ X86_REG_EBP, X86_REG_RBP }, { X86_REG_R8D, X86_REG_R8 },
		{ X86_REG_R9D, X86_REG_R9 }, { X86_REG_R10D, X86_REG_R10 },
		{ X86_REG_R11D, X86_REG_R11 }, { X86_REG_R12D, X86_REG_R12 },
		{ X86_REG_R13D, X86_REG_R13 }, { X86_REG_R14D, X86_REG_R14 },
		{ X86_REG_R15D, X86_REG_R15 },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i][0] == reg)
			return parts[i][1];
	return reg;
}

/* The value of an operand; false: not known. */
static bool operand(const struct flow *flow, const cs_insn *insn,
		    const cs_x86_op *op, uint64_t *value)
{
	x86_reg reg;

	switch (op->type) {
	case X86_OP_IMM:
		*value = (uint64_t)op->imm;
		return true;
	case X86_OP_REG:
		reg = whole(op->reg);
		*value = flow->value[reg];
		return flow->loaded[reg];
	case X86_OP_MEM:
		if (op->mem.index != X86_REG_INVALID ||
		    (op->mem.base != X86_REG_RIP &&
		     op->mem.base != X86_REG_INVALID))
			return false;
		*value = (uint64_t)op->mem.disp;
		if (op->mem.base == X86_REG_RIP)
			*value += insn->address + insn->size;
		return !vhsm_kernel_read_u64(flow->kernel, *value, value);
	default:
		return false;
	}
}

static void follow(struct flow *flow, const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;
	uint64_t value = 0;

	if (insn->id == X86_INS_PUSH && x86->op_count == 1) {
		flow->has_pushed = operand(flow, insn, &x86->operands[0],
					   &flow->pushed);
	} else if (x86->op_count == 2 &&
		   x86->operands[0].type == X86_OP_REG) {
		x86_reg reg = whole(x86->operands[0].reg);

		flow->loaded[reg] = (insn->id == X86_INS_MOV ||
				     insn->id == X86_INS_MOVABS) &&
				    operand(flow, insn, &x86->operands[1],
					    &value);
		flow->value[reg] = value;
	}
}

/* Whether the instruction leads away, and where. */
static bool leads_away(const struct flow *flow, const cs_insn *insn,
		       struct vhsm_code_branch *branch)
{
	const cs_x86 *x86 = &insn->detail->x86;
	bool ret = cs_insn_group(flow->handle, insn, CS_GRP_RET);

	if (ret && !flow->has_pushed)
		return false;
	if (!ret && !cs_insn_group(flow->handle, insn, CS_GRP_JUMP) &&
	    !cs_insn_group(flow->handle, insn, CS_GRP_CALL))
		return false;
	branch->at = insn->address;
	branch->target = flow->pushed;
	if (!ret && (x86->op_count != 1 ||
		     !operand(flow, insn, &x86->operands[0], &branch->target)))
		branch->target = 0;
	snprintf(branch->how, sizeof(branch->how), "%.15s", insn->mnemonic);
	return true;
}

static bool find_branch(struct flow *flow, cs_insn *insn, const uint8_t *bytes,
			size_t len, uint64_t va,
			struct vhsm_code_branch *branch)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		if (!cs_disasm_iter(flow->handle, &bytes, &len, &va, insn))
			return false;
		if (leads_away(flow, insn, branch))
			return true;
		if (cs_insn_group(flow->handle, insn, CS_GRP_RET) ||
		    insn->id == X86_INS_INT3)
			return false;
		follow(flow, insn);
	}
	return false;
}

bool vhsm_code_find_branch(const struct vhsm_kernel *k, const uint8_t *bytes,
			   size_t len, uint64_t va,
			   struct vhsm_code_branch *branch)
{
	struct flow flow = { .kernel = k };
	bool found = false;

	*branch = (struct vhsm_code_branch){ 0 };
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &flow.handle) != CS_ERR_OK)
		return false;
	cs_option(flow.handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs_insn *insn = cs_malloc(flow.handle);

	if (insn) {
		found = find_branch(&flow, insn, bytes, len, va, branch);
		cs_free(insn, 1);
	}
	cs_close(&flow.handle);
	return found;
}
