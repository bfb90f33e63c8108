/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made-reference.c - the reference of a made-up kernel: every symbol a check
 * asks for, every kind of patch site and relocation, structures whose members
 * stand in the order of layout.def.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/made-guest.h"
#include "introspect/reference-file.h"

#define FILE_LEN	(64u << 10)
#define SYMBOLS_MAX	128u
#define SITES_MAX	64u
#define HASH_COUNT	64u
#define INIT_LEN	0x400u
#define TABLE_IDT	64u		/* struct idt_data, by add_layout */

static struct {
	struct { const char *name; uint64_t va; bool function; }
		symbol[SYMBOLS_MAX];
	unsigned symbols;
	struct vhsm_site site[SITES_MAX];
	unsigned sites;
	struct vhsm_site_variant variant[3 * SITES_MAX];
	unsigned variants;
	uint8_t pool[16 * 3 * SITES_MAX];
	uint32_t pool_len;
	uint8_t bytes[MADE_TEXT_LEN + MADE_RODATA_LEN + INIT_LEN];
	struct vhsm_relocation relocation[64];
	unsigned relocations;
	struct vhsm_member layout[VHSM_LAYOUT_COUNT];
} made;

#define TEXT_BYTES	made.bytes
#define RODATA_BYTES	(made.bytes + MADE_TEXT_LEN)
#define INIT_BYTES	(made.bytes + MADE_TEXT_LEN + MADE_RODATA_LEN)

/* --- symbols --- */

static void add_symbol(const char *name, uint64_t va, bool function)
{
	MUST(made.symbols < SYMBOLS_MAX);
	made.symbol[made.symbols].name = name;
	made.symbol[made.symbols].va = va;
	made.symbol[made.symbols++].function = function;
}

static const struct { const char *name; uint32_t at; } in_text[] = {
	{ "_text", 0 }, { "_stext", 0 }, { "entry_SYSCALL_64", 0x40 },
	{ "entry_SYSCALL_compat", 0x80 }, { "entry_SYSENTER_compat", 0xc0 },
	{ "early_idt_handler_array", 0x100 }, { "irq_entries_start", 0x300 },
	{ "spurious_entries_start", 0x380 },
	{ "asm_sysvec_apic_timer_interrupt", 0x400 },
	{ "asm_sysvec_reboot", 0x440 }, { "asm_exc_divide_error", 0x480 },
	{ "asm_exc_page_fault", 0x4c0 }, { "pre_handler_kretprobe", 0x500 },
	{ "aggr_pre_handler", 0x540 }, { "function_trace_call", 0x580 },
	{ "__static_call_return0", 0x5c0 }, { "ftrace_caller", 0x800 },
	{ "ftrace_call", 0x820 }, { "ftrace_caller_op_ptr", 0x830 },
	{ "ftrace_caller_end", 0x880 }, { "ftrace_regs_caller", 0x900 },
	{ "ftrace_regs_call", 0x940 }, { "ftrace_regs_caller_op_ptr", 0x950 },
	{ "ftrace_regs_caller_jmp", 0x960 }, { "ftrace_regs_caller_end", 0x9c0 },
	{ "srso_return_thunk", 0xa00 }, { "__x86_indirect_thunk_rax", 0xa40 },
	{ "__x64_sys_read", 0x1000 }, { "__x64_sys_getdents64", 0x1040 },
	{ "tcp4_seq_show", 0x1080 }, { "commit_creds", 0x10c0 },
	{ "__x64_sys_kill", 0x1100 }, { "vfs_read", 0x1140 },
	{ "load_module", 0x1180 }, { "do_syslog", 0x11c0 },
	{ "other_function", 0x1200 }, { "sites", 0x1400 },
	{ "__vsyscall_page", 0x2000 }, { "behind", 0x2100 },
};

/* In the page of globals, 64 bytes each. */
static const char *const in_data[] = {
	"modules", "mod_tree", "module_kset", "init_pid_ns", "init_user_ns",
	"init_css_set", "__per_cpu_offset", "ftrace_ops_list",
	"ftrace_list_end", "direct_functions", "bp_desc",
	"ftrace_ops_trampoline_list", "kprobe_insn_slots",
	"kprobe_optinsn_slots", "pack_list", "bpf_kallsyms",
	"bpf_prog_pack_size", "nr_node_ids", "real_mode_header",
	"page_offset_base", "cr4_pinned_bits", "pv_slot", "static_key",
	"page_array",
};

static int by_address(const void *a, const void *b)
{
	const uint64_t x = ((const __typeof__(made.symbol[0]) *)a)->va;
	const uint64_t y = ((const __typeof__(made.symbol[0]) *)b)->va;

	return x < y ? -1 : x > y;
}

static void add_symbols(void)
{
	const uint64_t d = MADE_DATA;
	size_t i;

	for (i = 0; i < sizeof(in_text) / sizeof(in_text[0]); i++)
		add_symbol(in_text[i].name, MADE_TEXT + in_text[i].at, true);
	for (i = 0; i < sizeof(in_data) / sizeof(in_data[0]); i++)
		add_symbol(in_data[i], d + FRAME(MADE_GLOBALS) + 64 * i, false);
	add_symbol("runqueues", 0x100, false);	/* of per-CPU data */
	add_symbol("_etext", MADE_TEXT + MADE_TEXT_LEN, false);
	add_symbol("sys_call_table", MADE_RODATA, false);
	add_symbol("ia32_sys_call_table", MADE_RODATA + 0x80, false);
	add_symbol("x32_sys_call_table", MADE_RODATA + 0xc0, false);
	add_symbol("other_rodata", MADE_RODATA + 0x100, false);
	add_symbol("def_idts", MADE_INIT, false);
	add_symbol("apic_idts", MADE_INIT + 0x100, false);
	add_symbol("other_init", MADE_INIT + 0x180, false);
	add_symbol("init_top_pgt", d + FRAME(MADE_ROOT), false);
	add_symbol("kprobe_table", d + FRAME(MADE_PROBES), false);
	add_symbol("idt_table", d + FRAME(MADE_IDT), false);
	add_symbol("init_task", d + FRAME(MADE_TASK), false);
	add_symbol("_end", MADE_END, false);
	qsort(made.symbol, made.symbols, sizeof(made.symbol[0]), by_address);
}

/* --- bytes, relocations --- */

static void relocate(uint64_t at, uint32_t kind)
{
	made.relocation[made.relocations].at = at;
	made.relocation[made.relocations++].kind = kind;
}

static void put_gate(unsigned n, uint64_t vector, uint64_t handler)
{
	uint8_t *entry = INIT_BYTES + (size_t)TABLE_IDT * n;
	const uint64_t field[4] = { handler, 0x8e00, 0x10, vector };

	/* addr, bits, segment, vector */
	for (unsigned i = 0; i < 4; i++)
		memcpy(entry + 16 * i, &field[i], 8);
}

static void add_bytes(void)
{
	size_t i;

	for (i = 0; i < MADE_TEXT_LEN + MADE_RODATA_LEN; i++)
		made.bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	relocate(MADE_TEXT + 0x2804, VHSM_RELOCATION_32);
	relocate(MADE_TEXT + 0x2810, VHSM_RELOCATION_32_NEG);
	relocate(MADE_TEXT + 0x2820, VHSM_RELOCATION_64);
	for (i = 0; i < 32; i++) {
		uint64_t to = MADE_TEXT + 0x1000 + 64 * (i % 9);

		memcpy(RODATA_BYTES + 8 * i, &to, 8);
		relocate(MADE_RODATA + 8 * i, VHSM_RELOCATION_64);
	}
	put_gate(0, 0, MADE_TEXT + 0x480);
	put_gate(1, 14, MADE_TEXT + 0x4c0);
	put_gate(2, 3, MADE_TEXT + 0x480);
	put_gate(3, 8, MADE_TEXT + 0x480);
	put_gate(4, 48, MADE_TEXT + 0x400);	/* the first system vector */
	put_gate(5, 49, MADE_TEXT + 0x440);
}

/* --- sites --- */

static void add_variant(struct vhsm_site *s, const uint8_t *bytes,
			uint8_t slide_at, uint8_t target_at)
{
	struct vhsm_site_variant *v = &made.variant[made.variants++];

	v->bytes_at = made.pool_len;
	v->len = (uint8_t)s->len;
	v->slide_at = slide_at;
	v->target_at = target_at;
	memcpy(made.pool + made.pool_len, bytes, s->len);
	made.pool_len += s->len;
	s->variant_count++;
	if (target_at)
		s->flags = VHSM_SITE_DYNAMIC;
}

static void add_site(unsigned kind, uint64_t va, uint32_t len, uint64_t key)
{
	static const uint8_t nop[16] = { 0x0f, 0x1f, 0x44, 0, 0, 0x66, 0x90 };
	static const uint8_t call[16] = { 0xe8, 0, 0, 0, 0, 0xcc, 0xcc };
	static const uint8_t load[16] = { 0xb8, 0, 0, 0, 0x81, 0x90, 0x90 };
	struct vhsm_site *s = &made.site[made.sites++];

	MUST(made.sites <= SITES_MAX);
	s->va = va;
	s->len = len;
	s->kind = (uint8_t)kind;
	s->key = key;
	s->first_variant = made.variants;
	add_variant(s, nop, VHSM_NO_SLIDE, 0);
	if (len < 5)
		return;
	add_variant(s, call, VHSM_NO_SLIDE, 1);
	add_variant(s, load, 1, 0);
}

static void add_sites(void)
{
	uint64_t at = MADE_TEXT + 0x1400, key;
	unsigned i, kind;

	for (i = 0; i < 8; i++)
		add_site(VHSM_SITE_FTRACE, MADE_TEXT + 0x1000 + 64 * i, 5, 0);
	for (kind = 1; kind < VHSM_SITE_DATA; kind++) {
		key = MADE_DATA + FRAME(MADE_GLOBALS) + 64 *
			(kind == VHSM_SITE_STATIC_CALL ? 22 : 21);
		if (kind == VHSM_SITE_RETPOLINE)
			key = 11;	/* a register */
		add_site(kind, at, 5, key);
		add_site(kind, at + 16, kind % 2 ? 2 : 7, key);
		at += 32;
	}
	add_site(VHSM_SITE_ALTERNATIVE, MADE_TEXT + 0x1ffd, 5, 0);
	add_site(VHSM_SITE_DATA, MADE_RODATA + 0x1000, 7, 0);
}

/* --- layout --- */

static const struct { const char *type, *member; } entries[] = {
#define MEMBER(type, member) { #type, #member },
#define NESTED(type, name, path) { #type, #name },
#define OPTIONAL(type, member) { #type, #member },
#define SIZE(type) { #type, NULL },
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
};

/* Those that are not of 8 bytes. */
static uint32_t member_size(const char *member)
{
	static const struct { const char *name; uint32_t size; } odd[] = {
		{ "comm", 16 }, { "name", 56 }, { "slots", 512 }, { "pid", 4 },
		{ "tgid", 4 }, { "uid", 4 }, { "euid", 4 }, { "suid", 4 },
		{ "fsuid", 4 }, { "state", 4 }, { "text_size", 4 },
		{ "total_size", 4 }, { "exit_state", 4 }, { "shift", 1 },
		{ "i_mode", 2 }, { "i_uid", 4 }, { "opcode", 1 }, { "len", 1 },
		{ "disp", 4 }, { "rel_addr", 4 }, { "nr_entries", 4 },
	};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (!strcmp(odd[i].name, member))
			return odd[i].size;
	return 8;
}

static void add_layout(void)
{
	uint32_t at = 0, step;
	size_t i;

	for (i = 0; i < VHSM_LAYOUT_COUNT; i++) {
		if (i && strcmp(entries[i].type, entries[i - 1].type))
			at = 0;
		if (!entries[i].member) {
			made.layout[i] = (struct vhsm_member){ 0, at };
			continue;
		}
		made.layout[i].offset = at;
		made.layout[i].size = member_size(entries[i].member);
		/* Room for two words: many a member is a node. */
		step = !strcmp(entries[i].type, "list_head") ||
			!strcmp(entries[i].type, "rb_node") ? 8 : 16;
		while (step < made.layout[i].size)
			step += 16;
		at += step;
	}
}

/* --- the file --- */

static _Alignas(8) uint8_t file[FILE_LEN];
static size_t file_len;

static void append(struct reference_table *t, const void *bytes, size_t record,
		   size_t count)
{
	MUST(file_len + record * count + 8 <= FILE_LEN);
	t->at = file_len;
	t->count = count;
	memcpy(file + file_len, bytes, record * count);
	file_len = (file_len + record * count + 7) & ~(size_t)7;
}

static void append_symbols(struct reference_header *h)
{
	struct reference_symbol symbol[SYMBOLS_MAX] = { 0 };
	uint32_t hash[HASH_COUNT], bucket;
	char strings[SYMBOLS_MAX * 40] = "";
	size_t len = 1, i;

	memset(hash, 0xff, sizeof(hash));
	for (i = made.symbols; i-- > 0;) {
		const char *name = made.symbol[i].name;

		MUST(len + strlen(name) < sizeof(strings));
		symbol[i].va = (uint32_t)made.symbol[i].va;
		symbol[i].name = (uint32_t)len & 0x7fffffff;
		symbol[i].function = made.symbol[i].function;
		bucket = reference_name_hash(name) & (HASH_COUNT - 1);
		symbol[i].next = hash[bucket];
		hash[bucket] = (uint32_t)i;
		memcpy(strings + len, name, strlen(name) + 1);
		len += strlen(name) + 1;
	}
	append(&h->symbols, symbol, sizeof(symbol[0]), made.symbols);
	append(&h->hash, hash, sizeof(hash[0]), HASH_COUNT);
	append(&h->strings, strings, 1, len);
}

static void write_file(void)
{
	static const struct reference_segment segment[] = {
		{ MADE_TEXT, MADE_TEXT_LEN, 0, VHSM_SEGMENT_TEXT },
		{ MADE_RODATA, MADE_RODATA_LEN, MADE_TEXT_LEN,
		  VHSM_SEGMENT_RODATA },
		{ MADE_INIT, INIT_LEN, MADE_TEXT_LEN + MADE_RODATA_LEN,
		  VHSM_SEGMENT_INIT },
	};
	struct reference_header *h = (struct reference_header *)file;

	file_len = sizeof(*h);
	append(&h->segments, segment, sizeof(segment[0]), 3);
	append(&h->bytes, made.bytes, 1, sizeof(made.bytes));
	append(&h->relocations, made.relocation, sizeof(made.relocation[0]),
	       made.relocations);
	append(&h->sites, made.site, sizeof(made.site[0]), made.sites);
	append(&h->variants, made.variant, sizeof(made.variant[0]),
	       made.variants);
	append(&h->variant_bytes, made.pool, 1, made.pool_len);
	append_symbols(h);
	append(&h->layout, made.layout, sizeof(made.layout[0]),
	       VHSM_LAYOUT_COUNT);
	memcpy(h->magic, REFERENCE_MAGIC, sizeof(h->magic));
	h->version = REFERENCE_VERSION;
	h->header_len = sizeof(*h);
	h->file_len = file_len;
	h->layout_id = reference_layout_id();
	h->image_start = MADE_TEXT;
	h->image_end = MADE_END;
	memcpy(h->release, "6.1.0-made-up", sizeof("6.1.0-made-up"));
}

const struct vhsm_reference *made_reference(void)
{
	static struct vhsm_reference *reference;
	char path[64], why[VHSM_REFERENCE_WHY_LEN] = "";
	int fd;

	if (reference)
		return reference;
	add_symbols();
	add_bytes();
	add_sites();
	add_layout();
	write_file();
	fd = memfd_create("reference", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, file, file_len) == (ssize_t)file_len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reference = vhsm_reference_open(path, why);
	if (!reference)
		fprintf(stderr, "%s\n", why);
	MUST(reference);
	close(fd);
	return reference;
}
