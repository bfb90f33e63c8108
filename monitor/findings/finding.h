/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding.h - one thing that is not as approved, with its evidence: what a
 * check reports, crosses the channel, and becomes an alert.
 */
#ifndef VHSM_FINDING_H
#define VHSM_FINDING_H

#include <stdint.h>

#include "policy/catalogue.h"

#define VHSM_EVIDENCE_MAX 32u		/* bytes before and after */

/* Texts are printable ASCII, NUL terminated, "" where there is nothing. */
struct vhsm_finding {
	enum vhsm_check_number check;
	char object[96];		/* what it is about; the same thing found
					 * again has the same object:
					 * "sys_call_table[62]", "module evil",
					 * "pid 4711" */
	uint64_t address;		/* the guest's, virtual; 0 none */
	uint64_t physical;		/* guest-physical; 0 unknown */
	char symbol[128];		/* "__x64_sys_kill+0x0" */
	uint32_t confidence;		/* 1..100 */
	uint32_t pid;			/* 0 none */
	char comm[16];
	uint32_t before_len;		/* what it should be */
	uint32_t after_len;		/* what it is */
	uint8_t before[VHSM_EVIDENCE_MAX];
	uint8_t after[VHSM_EVIDENCE_MAX];
	char before_code[320];		/* disassembly, lines ended by \n, when
					 * the bytes are code */
	char after_code[320];
	char detail[320];		/* a sentence for a person */
};

/* Fills before_code and after_code from the bytes, which stand at address
 * (disassemble.c, libcapstone). */
void vhsm_finding_disassemble(struct vhsm_finding *);

#endif /* VHSM_FINDING_H */
