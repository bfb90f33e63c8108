/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/btf.h>
#include <check.h>
#include <elf.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "unit/kernel-fixture-symbols.h"
#include "unit/kernel-fixture.h"

#define FILE_LEN_MAX	(1u << 20)
#define TEXT_AT		0x1000u
#define TEXT_LEN	0x3000u
#define RODATA_AT	0x5000u
#define DATA_AT		0x16000u
#define PERCPU_AT	0x17000u
#define INIT_AT		0x18000u
#define INIT_LEN	0x2000u
#define HEADERS_AT	0x1a000u

struct out {
	uint8_t *bytes;
	size_t len;
};

static const struct {
	const char *type, *member;	/* member NULL: only the type */
} wanted[] = {
#define MEMBER(type, member) { #type, #member },
#define NESTED(type, name, path)
#define OPTIONAL(type, member)
#define SIZE(type) { #type, NULL },
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
};

#define WANTED	(sizeof(wanted) / sizeof(wanted[0]))

/* One structure from the entries [first, end): every member has 8 bytes, in
 * the order of layout.def, each other one in an unnamed union. */
static void add_type(struct btf *btf, int word, size_t first, size_t end)
{
	int inner[WANTED];
	unsigned offset = 0;
	size_t i;

	for (i = first; i < end; i++) {
		inner[i] = 0;
		if (!wanted[i].member || i % 2)
			continue;
		inner[i] = btf__add_union(btf, NULL, 8);
		ck_assert_int_eq(btf__add_field(btf, wanted[i].member, word, 0,
						0), 0);
	}
	ck_assert_int_gt(btf__add_struct(btf, wanted[first].type, 4096), 0);
	for (i = first; i < end; i++) {
		if (!wanted[i].member)
			continue;
		ck_assert_int_eq(inner[i] ?
			btf__add_field(btf, NULL, inner[i], offset, 0) :
			btf__add_field(btf, wanted[i].member, word, offset, 0),
			0);
		offset += 64;
	}
}

static void make_btf(const struct kernel_fixture *fixture, uint8_t *at)
{
	struct btf *btf = btf__new_empty();
	size_t first, end;
	const void *raw;
	uint32_t len;
	int word;

	ck_assert_ptr_nonnull(btf);
	word = btf__add_int(btf, "long", 8, 0);
	for (first = 0; first < WANTED; first = end) {
		for (end = first + 1; end < WANTED &&
		     !strcmp(wanted[end].type, wanted[first].type); end++)
			;
		if (!fixture->without_type ||
		    strcmp(fixture->without_type, wanted[first].type))
			add_type(btf, word, first, end);
	}
	raw = btf__raw_data(btf, &len);
	ck_assert_ptr_nonnull(raw);
	ck_assert_uint_le(len, FIXTURE_END_RODATA - FIXTURE_BTF);
	memcpy(at, raw, len);
	btf__free(btf);
}

static void put(struct out *out, const void *bytes, size_t len)
{
	ck_assert_uint_le(out->len + len, FILE_LEN_MAX);
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

static void section(Elf64_Shdr *s, const char *names, const char *name,
		    uint32_t type, uint64_t flags, uint64_t va, uint64_t at,
		    uint64_t len)
{
	const char *n;

	for (n = names + 1; strcmp(n, name); n += strlen(n) + 1)
		;
	*s = (Elf64_Shdr){
		.sh_name = (uint32_t)(n - names), .sh_type = type,
		.sh_flags = flags, .sh_addr = va, .sh_offset = at,
		.sh_size = len, .sh_addralign = 1,
	};
}

/* The table of sections, and .symtab before it, end the ELF file. */
static void put_headers(struct out *out, const struct kernel_fixture *fixture)
{
	static const char names[] = "\0.text\0.rodata\0.BTF\0.data\0"
		".data..percpu\0.init.text\0.bss\0.shstrtab\0.symtab\0.strtab\0";
	const uint64_t a = SHF_ALLOC, x = SHF_EXECINSTR, w = SHF_WRITE;
	uint64_t names_at, symtab_at, strtab_at;
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)out->bytes;
	Elf64_Shdr s[11] = { 0 };

	names_at = out->len = HEADERS_AT;
	put(out, names, sizeof(names));
	out->len = symtab_at = (out->len + 7) & ~7u;
	if (fixture->symbols == FIXTURE_SYMTAB)
		out->len += fixture_symtab(fixture, out->bytes + out->len,
					   &strtab_at);
	else
		strtab_at = 0;
	section(&s[1], names, ".text", SHT_PROGBITS, a | x, FIXTURE_TEXT,
		TEXT_AT, TEXT_LEN);
	section(&s[2], names, ".rodata", SHT_PROGBITS, a | w, FIXTURE_RODATA,
		RODATA_AT, FIXTURE_BTF - FIXTURE_RODATA);
	section(&s[3], names, ".BTF", SHT_PROGBITS, a, FIXTURE_BTF,
		RODATA_AT + (FIXTURE_BTF - FIXTURE_RODATA),
		FIXTURE_END_RODATA - FIXTURE_BTF);
	section(&s[4], names, ".data", SHT_PROGBITS, a | w, FIXTURE_DATA,
		DATA_AT, 0x1000);
	section(&s[5], names, ".data..percpu", SHT_PROGBITS, a | w, 0,
		PERCPU_AT, 0x1000);
	section(&s[6], names, ".init.text", SHT_PROGBITS, a | x, FIXTURE_INIT,
		INIT_AT, INIT_LEN);
	section(&s[7], names, ".bss", SHT_NOBITS, a | w, FIXTURE_INIT + 0x2000,
		0, 0x1000);
	section(&s[8], names, ".shstrtab", SHT_STRTAB, 0, 0, names_at,
		sizeof(names));
	ehdr->e_shnum = 9;
	if (strtab_at) {
		section(&s[9], names, ".symtab", SHT_SYMTAB, 0, 0, symtab_at,
			strtab_at);
		s[9].sh_link = 10;
		s[9].sh_entsize = sizeof(Elf64_Sym);
		s[9].sh_addralign = 8;
		strtab_at += symtab_at;
		section(&s[10], names, ".strtab", SHT_STRTAB, 0, 0, strtab_at,
			out->len - strtab_at);
		ehdr->e_shnum = 11;
	}
	ehdr->e_shoff = out->len = (out->len + 7) & ~7u;
	put(out, s, ehdr->e_shnum * sizeof(s[0]));
}

static void fill_headers(uint8_t *bytes)
{
	Elf64_Phdr *phdr = (Elf64_Phdr *)(bytes + sizeof(Elf64_Ehdr));
	static const struct { uint64_t va, at, len; } load[] = {
		{ FIXTURE_TEXT, TEXT_AT, TEXT_LEN },
		{ FIXTURE_RODATA, RODATA_AT,
		  FIXTURE_END_RODATA - FIXTURE_RODATA },
		{ FIXTURE_DATA, DATA_AT, 0x1000 },
		{ 0, PERCPU_AT, 0x1000 },
		{ FIXTURE_INIT, INIT_AT, INIT_LEN },
	};
	size_t i;

	*(Elf64_Ehdr *)bytes = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_ehsize = sizeof(Elf64_Ehdr),
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = sizeof(load) / sizeof(load[0]),
		.e_shentsize = sizeof(Elf64_Shdr), .e_shstrndx = 8,
	};
	for (i = 0; i < sizeof(load) / sizeof(load[0]); i++)
		phdr[i] = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_flags = PF_R,
			.p_offset = load[i].at, .p_vaddr = load[i].va,
			.p_filesz = load[i].len, .p_memsz = load[i].len,
			.p_align = 0x1000,
		};
}

static void put_relocations(struct out *out, bool overlapping)
{
	const int32_t list[] = {
		0,				/* of 64 bits */
		(int32_t)(FIXTURE_RODATA + 0x40),
		overlapping ? (int32_t)(FIXTURE_RODATA + 0x44) :
			      (int32_t)(FIXTURE_RODATA + 0x48),
		(int32_t)(FIXTURE_DATA + 0x10), (int32_t)(FIXTURE_IDTS + 0x8),
		0,				/* of 32 bits, inverse */
		(int32_t)(FIXTURE_TEXT + 0x80), (int32_t)(FIXTURE_INIT + 0x80),
		0,				/* of 32 bits */
		(int32_t)(FIXTURE_TEXT + 0x10),
		(int32_t)(FIXTURE_TEXT + 0xffe),
		(int32_t)(FIXTURE_INIT + 0x40),
	};

	put(out, list, sizeof(list));
}

uint8_t *kernel_fixture_vmlinux(const struct kernel_fixture *fixture,
				size_t *len)
{
	static const char banner[] =
		"Linux version " FIXTURE_RELEASE " (someone) #1 SMP";
	struct out out = { .bytes = calloc(1, FILE_LEN_MAX) };
	size_t i;

	ck_assert_ptr_nonnull(out.bytes);
	fill_headers(out.bytes);
	for (i = 0; i < TEXT_LEN; i++)
		out.bytes[TEXT_AT + i] = kernel_fixture_byte(FIXTURE_TEXT + i);
	for (i = 0; i < FIXTURE_BTF - FIXTURE_RODATA; i++)
		out.bytes[RODATA_AT + i] =
			kernel_fixture_byte(FIXTURE_RODATA + i);
	memcpy(out.bytes + RODATA_AT + 0x100, banner, sizeof(banner));
	fixture_kallsyms(fixture, out.bytes + RODATA_AT + 0x200,
			 FIXTURE_FILLED - FIXTURE_RODATA - 0x200);
	make_btf(fixture, out.bytes + RODATA_AT +
		 (FIXTURE_BTF - FIXTURE_RODATA));
	put_headers(&out, fixture);
	put_relocations(&out, fixture->overlapping_relocations);
	*len = out.len;
	return out.bytes;
}

static size_t compress_to(enum fixture_codec codec, const uint8_t *in,
			  size_t in_len, uint8_t *out, size_t room)
{
	size_t len = 0;
	z_stream z = { 0 };

	switch (codec) {
	case FIXTURE_XZ:
		ck_assert_int_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32,
				 NULL, in, in_len, out, &len, room), LZMA_OK);
		return len;
	case FIXTURE_ZSTD:
		len = ZSTD_compress(out, room, in, in_len, 3);
		ck_assert(!ZSTD_isError(len));
		return len;
	case FIXTURE_GZIP:
		ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS,
					      8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = (Bytef *)in;
		z.avail_in = (uInt)in_len;
		z.next_out = out;
		z.avail_out = (uInt)room;
		ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
		len = z.total_out;
		deflateEnd(&z);
		return len;
	}
	return 0;
}

uint8_t *kernel_fixture_bzimage(const uint8_t *vmlinux, size_t vmlinux_len,
				enum fixture_codec codec, size_t *len)
{
	const size_t start = 3 * 512 + 0x100;	/* two sectors of setup */
	size_t room = start + vmlinux_len + 65536;
	uint8_t *bytes = calloc(1, room);
	uint32_t payload_len, payload_offset = 0x100;

	ck_assert_ptr_nonnull(bytes);
	bytes[0x1f1] = 2;
	memcpy(bytes + 0x202, "HdrS\x0f\x02", 6);
	payload_len = (uint32_t)compress_to(codec, vmlinux, vmlinux_len,
					    bytes + start, room - start - 4);
	/* The size of what is in it, as the kernel's build appends. */
	memcpy(bytes + start + payload_len, &vmlinux_len, 4);
	payload_len += 4;
	memcpy(bytes + 0x248, &payload_offset, 4);
	memcpy(bytes + 0x24c, &payload_len, 4);
	*len = start + payload_len;
	return bytes;
}
