/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a finding as a person reads them; libcapstone. */
#include <capstone/capstone.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "findings/finding.h"

/* Adds a line whole, or nothing: false when it has no room. */
static bool add_line(char *text, size_t size, const char *line)
{
	size_t have = strlen(text), more = strlen(line);

	if (have + more + 1 > size)
		return false;
	memcpy(text + have, line, more + 1);
	return true;
}

static void disassemble(csh handle, cs_insn *insn, const uint8_t *bytes,
			size_t len, uint64_t address, char *text, size_t size)
{
	char line[256];

	/* Ends where the evidence cuts an instruction off, or is no code. */
	while (len && cs_disasm_iter(handle, &bytes, &len, &address, insn)) {
		snprintf(line, sizeof(line), "%llx  %s%s%s\n",
			 (unsigned long long)insn->address, insn->mnemonic,
			 insn->op_str[0] ? " " : "", insn->op_str);
		if (!add_line(text, size, line))
			return;
	}
}

static uint32_t evidence_len(uint32_t len)
{
	return len < VHSM_EVIDENCE_MAX ? len : VHSM_EVIDENCE_MAX;
}

void vhsm_finding_disassemble(struct vhsm_finding *f)
{
	csh handle;

	f->before_code[0] = f->after_code[0] = '\0';
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	cs_insn *insn = cs_malloc(handle);

	if (insn) {
		disassemble(handle, insn, f->before,
			    evidence_len(f->before_len), f->address,
			    f->before_code, sizeof(f->before_code));
		disassemble(handle, insn, f->after, evidence_len(f->after_len),
			    f->address, f->after_code, sizeof(f->after_code));
		cs_free(insn, 1);
	}
	cs_close(&handle);
}
