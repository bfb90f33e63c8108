/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/kernel-fixture-symbols.h"

#define NAME_MAX_LEN	256u
#define COUNT_MAX	(FIXTURE_FILLERS + 64u)

struct symbol {
	uint64_t va;
	char type;
	char name[NAME_MAX_LEN];
};

struct list {
	struct symbol at[COUNT_MAX];
	uint32_t count;
};

static const struct {
	uint64_t va;
	char type;
	const char *name;
} fixed[] = {
	{ 0x10, 'A', "per_cpu_thing" },
	{ FIXTURE_TEXT, 'T', "_text" },
	{ FIXTURE_TEXT, 'T', "_stext" },
	{ FIXTURE_TEXT + 0x100, 't', "twice" },
	{ FIXTURE_TEXT + 0x200, 't', "twice" },
	/* fillers are here */
	{ FIXTURE_ETEXT, 'T', "_etext" },
	{ FIXTURE_RODATA, 'D', "__start_rodata" },
	{ FIXTURE_RODATA + 0x100, 'D', "linux_banner" },
	{ FIXTURE_FILLED, 'D', "__start_ro_after_init" },
	{ FIXTURE_FILLED_END, 'D', "__end_ro_after_init" },
	{ FIXTURE_END_RODATA, 'D', "__end_rodata" },
	{ FIXTURE_DATA, 'D', "init_task" },
	{ FIXTURE_INIT, 'T', "__init_begin" },
	{ FIXTURE_IDTS, 'd', "early_idts" },
	{ FIXTURE_IDTS + 0x20, 'd', "def_idts" },
	{ FIXTURE_IDTS + 0x40, 'd', "__setup_str_nothing" },
	{ FIXTURE_INIT + 0x2000, 'D', "__init_end" },
	{ FIXTURE_INIT + 0x3000, 'B', "_end" },
};

static void add(struct list *list, uint64_t va, char type, const char *name)
{
	struct symbol *s = &list->at[list->count++];

	ck_assert_uint_le(list->count, COUNT_MAX);
	s->va = va;
	s->type = type;
	snprintf(s->name, sizeof(s->name), "%s", name);
}

static struct list *make_list(const struct kernel_fixture *fixture)
{
	struct list *list = calloc(1, sizeof(*list));
	char name[NAME_MAX_LEN];
	unsigned i, n;

	ck_assert_ptr_nonnull(list);
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (fixed[i].va == FIXTURE_ETEXT) {
			for (n = 0; n < FIXTURE_FILLERS; n++) {
				snprintf(name, sizeof(name), "filler_%u", n);
				add(list, FIXTURE_TEXT + 0x400 + 8 * n, 't',
				    name);
			}
			memset(name, 'l', FIXTURE_LONG_NAME_LEN);
			name[FIXTURE_LONG_NAME_LEN] = 0;
			add(list, FIXTURE_TEXT + 0x2300, 't', name);
		}
		if (fixture->symbols == FIXTURE_6_4 && fixed[i].type == 'A')
			continue;
		if (!fixture->without_symbol ||
		    strcmp(fixture->without_symbol, fixed[i].name))
			add(list, fixed[i].va, fixed[i].type, fixed[i].name);
	}
	return list;
}

struct area {
	uint8_t *start, *at, *end;
};

static void put(struct area *area, const void *bytes, size_t len)
{
	ck_assert_uint_le(len, area->end - area->at);
	memcpy(area->at, bytes, len);
	area->at += len;
}

/* Zeros to a multiple of 8. */
static void align(struct area *area)
{
	while ((area->at - area->start) % 8)
		*area->at++ = 0;
}

/* "filler_" is one token, every printable character is one; the rest are
 * pairs that nothing uses. */
static void token(unsigned byte, char text[16])
{
	if (byte == 1)
		snprintf(text, 16, "filler_");
	else if (byte > ' ' && byte < 0x7f)
		snprintf(text, 16, "%c", (char)byte);
	else
		snprintf(text, 16, "%02x", byte);
}

static void put_tokens(struct area *area)
{
	uint16_t index[256];
	unsigned i, at = 0;
	char text[16];

	for (i = 0; i < 256; i++) {
		token(i, text);
		put(area, text, strlen(text) + 1);
		index[i] = (uint16_t)at;
		at += (unsigned)strlen(text) + 1;
	}
	align(area);
	put(area, index, sizeof(index));
}

static void put_name(struct area *area, const struct symbol *s)
{
	uint8_t coded[NAME_MAX_LEN + 2], head[2];
	size_t len = 0;
	const char *p = s->name;

	coded[len++] = (uint8_t)s->type;
	if (!strncmp(p, "filler_", 7)) {
		coded[len++] = 1;
		p += 7;
	}
	for (; *p; p++)
		coded[len++] = (uint8_t)*p;
	head[0] = len < 0x80 ? (uint8_t)len : (uint8_t)(0x80 | len);
	head[1] = (uint8_t)(len >> 7);
	put(area, head, len < 0x80 ? 1 : 2);
	put(area, coded, len);
}

static void put_names(struct area *area, const struct list *list)
{
	uint32_t markers[COUNT_MAX / 256 + 1], i;
	uint64_t count = list->count;
	uint8_t *names;

	put(area, &count, sizeof(count));
	names = area->at;
	for (i = 0; i < list->count; i++) {
		if (i % 256 == 0)
			markers[i / 256] = (uint32_t)(area->at - names);
		put_name(area, &list->at[i]);
	}
	align(area);
	put(area, markers, 4 * ((list->count + 255) / 256));
	align(area);
}

static void put_offsets(struct area *area, const struct list *list,
			bool absolute)
{
	const uint64_t base = FIXTURE_TEXT;
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		uint64_t va = list->at[i].va;
		int32_t offset;

		if (!absolute)
			offset = (int32_t)(va - base);
		else if (va < base)
			offset = (int32_t)va;
		else
			offset = (int32_t)(base - 1 - va);
		put(area, &offset, sizeof(offset));
	}
	align(area);
	put(area, &base, sizeof(base));
}

void fixture_kallsyms(const struct kernel_fixture *fixture, uint8_t *at,
		      size_t room)
{
	struct area area = { at, at, at + room };
	struct list *list;
	uint32_t i;

	if (fixture->symbols > FIXTURE_6_4)
		return;
	list = make_list(fixture);
	if (fixture->symbols != FIXTURE_6_4)
		put_offsets(&area, list, true);
	put_names(&area, list);
	if (fixture->symbols == FIXTURE_6_1_SEQS) {
		for (i = 0; i < list->count; i++)
			put(&area, "\x01\x52\xf8", 3);
		align(&area);
	}
	put_tokens(&area);
	if (fixture->symbols == FIXTURE_6_4)
		put_offsets(&area, list, false);
	free(list);
}

size_t fixture_symtab(const struct kernel_fixture *fixture, uint8_t *at,
		      uint64_t *strings)
{
	struct list *list = make_list(fixture);
	size_t len = 1, count = list->count + 1u;
	Elf64_Sym *sym = (Elf64_Sym *)at;
	char *string = (char *)(sym + count);
	uint32_t i;

	for (i = list->count; i-- > 0;) {	/* in no order */
		const struct symbol *s = &list->at[i];
		bool global = s->type >= 'A' && s->type <= 'Z';

		*++sym = (Elf64_Sym){
			.st_name = (uint32_t)len, .st_value = s->va,
			.st_info = ELF64_ST_INFO(global ? STB_GLOBAL : STB_LOCAL,
						 STT_NOTYPE),
			.st_shndx = 1,
		};
		memcpy(string + len, s->name, strlen(s->name) + 1);
		len += strlen(s->name) + 1;
	}
	free(list);
	*strings = count * sizeof(*sym);
	return *strings + len;
}
