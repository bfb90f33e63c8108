/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-fixture-symbols.h - the symbols of kernel-fixture.h, as kallsyms and
 * as .symtab.
 */
#ifndef KERNEL_FIXTURE_SYMBOLS_H
#define KERNEL_FIXTURE_SYMBOLS_H

#include "unit/kernel-fixture.h"

/* Writes the tables to at, which is at a multiple of 8; nothing for images
 * without. */
void fixture_kallsyms(const struct kernel_fixture *, uint8_t *at, size_t room);

/* Writes .symtab, and .strtab at *strings from its start: bytes written. */
size_t fixture_symtab(const struct kernel_fixture *, uint8_t *at,
		      uint64_t *strings);

#endif /* KERNEL_FIXTURE_SYMBOLS_H */
