/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel writes when it patches itself: bytes only. */
#include "kernel-image/site-op.h"

#include <capstone/capstone.h>
#include <string.h>

#define NOP_MAX 8u

/* Linux 6.1 arch/x86/include/asm/nops.h: the forms that Intel and AMD
 * recommend (Intel SDM volume 2, NOP). */
static const uint8_t nop[NOP_MAX + 1][NOP_MAX] = {
	[1] = { 0x90 },
	[2] = { 0x66, 0x90 },
	[3] = { 0x0f, 0x1f, 0x00 },
	[4] = { 0x0f, 0x1f, 0x40, 0x00 },
	[5] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	[6] = { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	[7] = { 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
	[8] = { 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
};

void vhsm_site_nops(uint8_t *bytes, size_t len)
{
	while (len) {
		size_t n = len < NOP_MAX ? len : NOP_MAX;

		memcpy(bytes, nop[n], n);
		bytes += n;
		len -= n;
	}
}

/* Length of the instruction; 0: none that is known. */
static size_t instruction_len(csh handle, cs_insn *insn, const uint8_t *bytes,
			      size_t len)
{
	uint64_t address = 0;

	return cs_disasm_iter(handle, &bytes, &len, &address, insn) ?
	       insn->size : 0;
}

static void optimize(csh handle, cs_insn *insn, uint8_t *bytes, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t run = i;

		while (run < len && bytes[run] == 0x90)
			run++;
		if (run > i) {
			if (run - i > 1)
				vhsm_site_nops(bytes + i, run - i);
			i = run;
			continue;
		}
		size_t step = instruction_len(handle, insn, bytes + i, len - i);

		if (!step)
			return;
		i += step;
	}
}

void vhsm_site_optimize_nops(uint8_t *bytes, size_t len)
{
	csh handle;

	if (!memchr(bytes, 0x90, len) ||
	    cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	cs_insn *insn = cs_malloc(handle);

	if (insn) {
		optimize(handle, insn, bytes, len);
		cs_free(insn, 1);
	}
	cs_close(&handle);
}

uint32_t vhsm_site_get32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

uint64_t vhsm_site_get64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

void vhsm_site_branch(uint8_t *bytes, uint8_t opcode, uint64_t va,
		      uint64_t target)
{
	uint32_t operand = (uint32_t)(target - va - VHSM_CALL_LEN);

	bytes[0] = opcode;
	memcpy(bytes + 1, &operand, sizeof(operand));
}

uint64_t vhsm_site_target(const uint8_t *bytes, uint64_t va)
{
	return va + VHSM_CALL_LEN +
	       (uint64_t)(int64_t)(int32_t)vhsm_site_get32(bytes + 1);
}

void vhsm_site_return(const struct vhsm_site_image *image, uint8_t *bytes,
		      uint64_t va, unsigned choice)
{
	if (choice) {
		vhsm_site_branch(bytes, 0xe9, va,
				 image->return_thunk[choice - 1]);
	} else {
		bytes[0] = 0xc3;
		memset(bytes + 1, 0xcc, VHSM_CALL_LEN - 1);
	}
}

/* A jump or call through the register itself. */
static bool indirect(uint8_t *bytes, uint32_t len, unsigned reg, bool jump,
		     bool fence)
{
	uint32_t i = 0;

	if ((fence ? 3u : 0) + (reg >= 8 ? 3u : 2u) > len)
		return false;
	if (fence) {
		memcpy(bytes, "\x0f\xae\xe8", 3);
		i = 3;
	}
	if (reg >= 8)
		bytes[i++] = 0x41;
	bytes[i++] = 0xff;
	bytes[i++] = (uint8_t)((jump ? 0xe0 : 0xd0) | (reg & 7));
	/* Straight-line speculation stops here. */
	if (jump && i < len)
		bytes[i++] = 0xcc;
	if (i < len)
		vhsm_site_nops(bytes + i, len - i);
	return true;
}

bool vhsm_site_retpoline(const struct vhsm_site_image *image, uint8_t *bytes,
			 uint32_t len, uint64_t va, unsigned reg,
			 enum vhsm_retpoline form, uint8_t *target_at)
{
	uint32_t prefix = len - VHSM_CALL_LEN;
	bool jump = bytes[prefix] == 0xe9;

	switch (form) {
	case VHSM_RETPOLINE_KEPT:
		return true;
	case VHSM_RETPOLINE_INDIRECT:
		return indirect(bytes, len, reg, jump, false);
	case VHSM_RETPOLINE_LFENCE:
		return indirect(bytes, len, reg, jump, true);
	case VHSM_RETPOLINE_ITS:
		if (!image->its_thunk[reg])
			return false;
		vhsm_site_branch(bytes + prefix, bytes[prefix], va + prefix,
				 image->its_thunk[reg]);
		return true;
	case VHSM_RETPOLINE_ITS_DYNAMIC:
		if (!image->its_thunk[reg])
			return false;
		memset(bytes + prefix + 1, 0, sizeof(uint32_t));
		*target_at = (uint8_t)(prefix + 1);
		return true;
	default:
		return false;
	}
}
