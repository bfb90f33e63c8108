/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-fixture.h - makes a small file that is a Linux kernel image in all
 * that a reference is made from: sections, relocations behind the ELF file,
 * kallsyms of several ages or a .symtab, BTF with what layout.def wants.
 *
 * Text at link address A has the bytes kernel_fixture_byte(A), and so has
 * read-only data where nothing else is.
 */
#ifndef KERNEL_FIXTURE_H
#define KERNEL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIXTURE_TEXT		0xffffffff81000000u
#define FIXTURE_ETEXT		(FIXTURE_TEXT + 0x2345)
#define FIXTURE_RODATA		0xffffffff82000000u
#define FIXTURE_FILLED		(FIXTURE_RODATA + 0x8100)	/* by boot */
#define FIXTURE_FILLED_END	(FIXTURE_RODATA + 0x8900)
#define FIXTURE_BTF		(FIXTURE_RODATA + 0xa000)
#define FIXTURE_END_RODATA	(FIXTURE_RODATA + 0x10000)
#define FIXTURE_DATA		0xffffffff83000000u
#define FIXTURE_INIT		0xffffffff84000000u
#define FIXTURE_IDTS		(FIXTURE_INIT + 0x1100)
#define FIXTURE_RELEASE		"6.1.0-test"
#define FIXTURE_LONG_NAME_LEN	200u
#define FIXTURE_FILLERS		700u		/* filler_0, filler_1, ... */

enum fixture_symbols {
	FIXTURE_6_1,			/* offsets before the names */
	FIXTURE_6_1_SEQS,		/* and seqs_of_names */
	FIXTURE_6_4,			/* offsets behind, none absolute */
	FIXTURE_SYMTAB,
	FIXTURE_NO_SYMBOLS,
};

struct kernel_fixture {
	enum fixture_symbols symbols;
	const char *without_type;	/* left out of the BTF; NULL: none */
	const char *without_symbol;	/* NULL: none */
	bool overlapping_relocations;
};

/* The vmlinux, malloc'ed. */
uint8_t *kernel_fixture_vmlinux(const struct kernel_fixture *, size_t *len);

enum fixture_codec { FIXTURE_XZ, FIXTURE_GZIP, FIXTURE_ZSTD };

/* A bzImage around it, malloc'ed. */
uint8_t *kernel_fixture_bzimage(const uint8_t *vmlinux, size_t vmlinux_len,
				enum fixture_codec, size_t *len);

static inline uint8_t kernel_fixture_byte(uint64_t va)
{
	return (uint8_t)(va * 0x9e3779b97f4a7c15u >> 56);
}

#endif /* KERNEL_FIXTURE_H */
