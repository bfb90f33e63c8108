/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made-guest.h - a small sound guest with all that the checks read in it, and
 * the baseline it agrees with: for fuzzers, so made in a moment, of no kernel's
 * file.
 *
 * Link addresses of text, read-only data, what boot fills gates from, and data;
 * data is all of the guest's memory.  Behind the image's end are the pages that
 * a module, ftrace, kprobes and BPF have.
 */
#ifndef MADE_GUEST_H
#define MADE_GUEST_H

#include <stdint.h>
#include <stdlib.h>

#include "introspect/kernel.h"
#include "introspect/site.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

#define MADE_FRAMES	256u
#define MADE_LEN	(MADE_FRAMES * VHSM_GUEST_PAGE_SIZE)
#define MADE_TEXT	UINT64_C(0xffffffff81000000)
#define MADE_TEXT_LEN	0x3000u
#define MADE_RODATA	UINT64_C(0xffffffff81200000)
#define MADE_RODATA_LEN	0x2000u
#define MADE_INIT	UINT64_C(0xffffffff81400000)
#define MADE_DATA	UINT64_C(0xffffffff81600000)
#define MADE_END	UINT64_C(0xffffffff81800000)
#define MADE_CODE	UINT64_C(0xffffffffc0000000)	/* not slid */
#define MADE_HEAP	UINT64_C(0xffff888000000000)	/* not slid */
#define MADE_USER	UINT64_C(0x0000555500000000)
#define MADE_SLIDE	UINT64_C(0x4000000)
#define MADE_SPOTS	256u

#define FRAME(n)	((uint64_t)(n) * VHSM_GUEST_PAGE_SIZE)

/* Frames with a fixed use. */
enum made_frame {
	MADE_ROOT = 1,			/* of the tables; to 15 all tables */
	MADE_PROCESS = 12,		/* tables of a process */
	MADE_TEXT_FRAME = 32,
	MADE_RODATA_FRAME = 40,
	MADE_CODE_FRAME = 48,		/* module, its data, ftrace, kprobe,
					 * bpf, pack */
	MADE_USER_FRAME = 60,
	MADE_PROBES = 63,		/* kprobe_table */
	MADE_GLOBALS = 64,		/* 64 bytes for each symbol of data */
	MADE_IDT = 65,
	MADE_TASK = 66,			/* init_task */
	MADE_ALLOC = 80, MADE_ALLOC_END = 200,
};

struct made_guest {
	uint8_t memory[MADE_LEN];
	uint64_t slide;
	struct vhsm_vcpu vcpu[2];
	uint64_t spot[MADE_SPOTS];	/* guest-physical: where structures
					 * and tables begin */
	unsigned spots;
	uint64_t used;			/* of ALLOC */
};

extern const uint8_t made_secret[32];	/* in the process's memory */
#define MADE_MARKER	"made-up marker"	/* likewise; the rule's */

/* Of the guest; made once. */
const struct vhsm_reference *made_reference(void);
/* A directory with modules, rules.yar and fingerprints.json; made once, removed
 * at exit. */
const char *made_baseline(void);

void made_guest(struct made_guest *, uint64_t slide);

#endif /* MADE_GUEST_H */
