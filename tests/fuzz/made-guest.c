/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made-guest.c - a made-up guest's memory: page tables, the image, processes,
 * modules, tracers and probes, as a sound kernel has them.
 */
#include "fuzz/made-guest.h"

#include <stdio.h>
#include <string.h>

#include "checks/gates.h"
#include "checks/module-text.h"

#define P		UINT64_C(1)	/* present */
#define W		UINT64_C(2)	/* writable, for users */
#define U		UINT64_C(4)
#define LARGE		UINT64_C(0x80)
#define NX		(UINT64_C(1) << 63)
#define TASKS		5u
#define TASK_LEN	UINT64_C(0x300)
#define PER_CPU		UINT64_C(0x100)	/* of runqueues */
#define PROBED		(MADE_TEXT + 0x1208)

static struct made_guest *g;

/* --- bytes --- */

static uint64_t physical(uint64_t va)
{
	const uint64_t data = MADE_DATA + g->slide;
	const uint64_t text = MADE_TEXT + g->slide;

	if (va - text < MADE_TEXT_LEN)
		return FRAME(MADE_TEXT_FRAME) + (va - text);
	if (va - MADE_CODE < FRAME(8))
		return FRAME(MADE_CODE_FRAME) + (va - MADE_CODE);
	MUST(va >= data && va - data < MADE_LEN - 64);
	return va - data;
}

static void put(uint64_t va, uint64_t value, size_t size)
{
	memcpy(g->memory + physical(va), &value, size);
}

static uint64_t get(uint64_t va)
{
	uint64_t value;

	memcpy(&value, g->memory + physical(va), sizeof(value));
	return value;
}

static uint64_t at(uint64_t va, enum vhsm_layout l)
{
	return va + vhsm_reference_layout(made_reference(), l).offset;
}

static void set(uint64_t va, enum vhsm_layout l, uint64_t value)
{
	put(at(va, l), value, vhsm_reference_layout(made_reference(), l).size);
}

static uint64_t symbol(const char *name)
{
	uint64_t va;

	MUST(!vhsm_reference_symbol(made_reference(), name, &va));
	return va + g->slide;
}

static void add_spot(uint64_t where)
{
	MUST(g->spots < MADE_SPOTS);
	g->spot[g->spots++] = where;
}

static uint64_t alloc(size_t len)
{
	uint64_t where = FRAME(MADE_ALLOC) + g->used;

	g->used += (len + 63) & ~(size_t)63;
	MUST(where + len <= FRAME(MADE_ALLOC_END));
	add_spot(where);
	return MADE_DATA + g->slide + where;
}

static void make_head(uint64_t head)
{
	put(head, head, 8);
	put(head + 8, head, 8);
}

static void link_node(uint64_t head, uint64_t node)
{
	uint64_t last = get(head + 8);

	put(node, head, 8);
	put(node + 8, last, 8);
	put(last, node, 8);
	put(head + 8, node, 8);
}

/* --- tables --- */

static void entry(unsigned table, uint64_t index, uint64_t value)
{
	memcpy(g->memory + FRAME(table) + 8 * index, &value, 8);
}

/* Maps count pages from va, of one table, to frames from first. */
static void map(unsigned table, uint64_t va, unsigned first, unsigned count,
		uint64_t flags)
{
	for (unsigned i = 0; i < count; i++)
		entry(table, (va >> 12 & 511) + i, FRAME(first + i) | flags);
}

static void make_tables(void)
{
	const uint64_t t = P | W | U, s = g->slide;

	entry(MADE_ROOT, 511, FRAME(2) | t);
	entry(2, 510, FRAME(3) | t);
	entry(3, (MADE_TEXT + s) >> 21 & 511, FRAME(4) | t);
	entry(3, (MADE_RODATA + s) >> 21 & 511, FRAME(5) | t);
	entry(3, (MADE_DATA + s) >> 21 & 511, FRAME(6) | t);
	map(4, MADE_TEXT, MADE_TEXT_FRAME, 3, P);
	map(5, MADE_RODATA, MADE_RODATA_FRAME, 2, P | NX);
	map(6, MADE_DATA, 0, MADE_FRAMES, P | W | NX);
	entry(2, 511, FRAME(7) | t);
	entry(7, 0, FRAME(8) | t);
	map(8, MADE_CODE, MADE_CODE_FRAME, 6, P);
	map(8, MADE_CODE + FRAME(1), MADE_CODE_FRAME + 1, 1, P | W | NX);
	entry(7, 507, FRAME(11) | t);		/* vsyscall */
	map(11, 0, MADE_TEXT_FRAME + 2, 1, P | U);
	entry(MADE_ROOT, 273, FRAME(9) | t);	/* all memory */
	entry(9, 0, FRAME(10) | t);
	entry(10, 0, LARGE | P | W | NX);
	entry(MADE_PROCESS, MADE_USER >> 39 & 511, FRAME(13) | t);
	entry(MADE_PROCESS, 511, FRAME(2) | t);
	entry(13, MADE_USER >> 30 & 511, FRAME(14) | t);
	entry(14, MADE_USER >> 21 & 511, FRAME(15) | t);
	map(15, MADE_USER, MADE_USER_FRAME, 2, P | W | U);
	for (unsigned i = MADE_ROOT; i <= 15; i++)
		add_spot(FRAME(i));
	/* The entries that are used. */
	add_spot(FRAME(4) + 8 * (MADE_TEXT >> 12 & 511));
	add_spot(FRAME(MADE_ROOT) + 8 * 448);
	add_spot(FRAME(2) + 8 * 504);
	add_spot(FRAME(3));
	add_spot(FRAME(MADE_USER_FRAME));
}

static void make_image(void)
{
	const struct vhsm_reference *r = made_reference();
	uint8_t *text = g->memory + FRAME(MADE_TEXT_FRAME);
	uint8_t *rodata = g->memory + FRAME(MADE_RODATA_FRAME);
	unsigned i;

	MUST(!vhsm_reference_expected(r, MADE_TEXT, g->slide, text,
				      MADE_TEXT_LEN));
	MUST(!vhsm_reference_expected(r, MADE_RODATA, g->slide, rodata,
				      MADE_RODATA_LEN));
	for (i = 0; i < 3; i++)
		add_spot(FRAME(MADE_TEXT_FRAME + i));
	add_spot(FRAME(MADE_TEXT_FRAME + 1) + 0x400);
	add_spot(FRAME(MADE_TEXT_FRAME + 1) + 0xff8);
	add_spot(FRAME(MADE_RODATA_FRAME));
	add_spot(FRAME(MADE_RODATA_FRAME + 1));
	for (i = 0; i < 24; i++)
		add_spot(FRAME(MADE_GLOBALS) + 64 * i);
}

static void make_gates(void)
{
	char why[VHSM_KERNEL_WHY_LEN] = "";
	static struct vhsm_gates gates;
	uint64_t idt = symbol("idt_table"), handler;

	MUST(!vhsm_gates_derive(&gates, made_reference(), why));
	for (unsigned v = 0; v < VHSM_VECTORS; v++) {
		handler = gates.gate[v].handler + g->slide;
		put(idt + 16 * v, (handler & 0xffff) |
		    (uint64_t)gates.gate[v].segment << 16 |
		    (uint64_t)gates.gate[v].bits << 32 |
		    (handler >> 16 & 0xffff) << 48, 8);
		put(idt + 16 * v + 8, handler >> 32, 8);
	}
	add_spot(FRAME(MADE_IDT));
	for (unsigned i = 0; i < 2; i++)
		g->vcpu[i] = (struct vhsm_vcpu){
			.online = 1, .cr0 = 0x80050033, .cr4 = 0x20,
			.cr3 = FRAME(MADE_ROOT), .efer = 0xd01,
			.idt_base = idt, .idt_limit = 0xfff,
			.lstar = symbol("entry_SYSCALL_64"),
		};
}

/* --- processes --- */

static void give_creds(uint64_t task, uint64_t uid)
{
	uint64_t cred = alloc(256);

	set(cred, VHSM_L_cred__uid, uid);
	set(cred, VHSM_L_cred__euid, uid);
	set(cred, VHSM_L_cred__suid, uid);
	set(cred, VHSM_L_cred__fsuid, uid);
	set(cred, VHSM_L_cred__cap_permitted, uid ? 0 : 0x1ffffffffff);
	set(cred, VHSM_L_cred__user_ns, symbol("init_user_ns"));
	set(task, VHSM_L_task_struct__cred, cred);
	set(task, VHSM_L_task_struct__real_cred, cred);
}

static void give_memory(uint64_t task)
{
	uint64_t mm = alloc(64), exe = alloc(64), inode = alloc(64);

	set(task, VHSM_L_task_struct__mm, mm);
	set(mm, VHSM_L_mm_struct__pgd, MADE_DATA + g->slide +
	    FRAME(MADE_PROCESS));
	set(mm, VHSM_L_mm_struct__exe_file, exe);
	set(exe, VHSM_L_file__f_inode, inode);
	set(inode, VHSM_L_inode__i_mode, 0100755);
}

static void enlist(uint64_t task, uint64_t parent, uint64_t init)
{
	uint64_t signal = alloc(64), group = symbol("init_css_set");

	set(task, VHSM_L_task_struct__signal, signal);
	make_head(at(signal, VHSM_L_signal_struct__thread_head));
	link_node(at(signal, VHSM_L_signal_struct__thread_head),
		  at(task, VHSM_L_task_struct__thread_node));
	make_head(at(task, VHSM_L_task_struct__children));
	link_node(at(init, VHSM_L_task_struct__tasks),
		  at(task, VHSM_L_task_struct__tasks));
	link_node(at(parent, VHSM_L_task_struct__children),
		  at(task, VHSM_L_task_struct__sibling));
	set(task, VHSM_L_task_struct__cgroups, group);
	link_node(at(group, VHSM_L_css_set__tasks),
		  at(task, VHSM_L_task_struct__cg_list));
	set(task, VHSM_L_task_struct__real_parent, parent);
}

static uint64_t make_task(unsigned pid, uint64_t parent, uint64_t init,
			  uint64_t node)
{
	uint64_t task = alloc(TASK_LEN), number = alloc(64);

	set(task, VHSM_L_task_struct__pid, pid);
	set(task, VHSM_L_task_struct__tgid, pid);
	put(at(task, VHSM_L_task_struct__comm), 0x6b736174, 8);	/* "task" */
	set(task, VHSM_L_task_struct__start_time, 1000 * pid);
	put(at(number, VHSM_L_pid__tasks),
	    at(task, VHSM_L_task_struct__pid_links), 8);
	put(at(node, VHSM_L_xa_node__slots) + 8 * pid, number, 8);
	give_creds(task, pid < 3 ? 0 : 1000);
	give_memory(task);
	enlist(task, parent, init);
	return task;
}

static void make_queues(uint64_t init)
{
	uint64_t offsets = symbol("__per_cpu_offset"), rq;

	for (unsigned i = 0; i < 2; i++) {
		rq = alloc(64);
		put(offsets + 8 * i, rq - PER_CPU, 8);
		set(rq, VHSM_L_rq__curr, init);
		set(rq, VHSM_L_rq__idle, init);
		make_head(at(rq, VHSM_L_rq__cfs_tasks));
	}
}

static void make_processes(void)
{
	uint64_t init = symbol("init_task"), node = alloc(640);
	uint64_t group = symbol("init_css_set"), parent = init;

	add_spot(FRAME(MADE_TASK));
	make_head(at(init, VHSM_L_task_struct__tasks));
	make_head(at(init, VHSM_L_task_struct__children));
	make_head(at(group, VHSM_L_css_set__tasks));
	set(init, VHSM_L_task_struct__cgroups, group);
	give_creds(init, 0);
	set(at(symbol("init_pid_ns"), VHSM_L_pid_namespace__idr_rt),
	    VHSM_L_xarray__xa_head, node | 2);
	for (unsigned pid = 1; pid <= TASKS; pid++)
		parent = make_task(pid, parent, init, node);
	make_queues(init);
}

/* --- modules --- */

static void load_module(void)
{
	static const uint64_t base = MADE_CODE;
	static struct vhsm_modules *modules;
	struct vhsm_kernel kernel = { .slide = g->slide,
				      .reference = made_reference() };
	struct vhsm_owners none = { 0 };
	struct vhsm_module_where where = {
		.kernel = &kernel, .modules = modules, .base = &base,
		.owners = &none,
	};
	char why[VHSM_MODULES_WHY_LEN] = "", path[96];
	struct vhsm_module_text text;
	uint8_t *bytes;

	if (!modules) {
		snprintf(path, sizeof(path), "%s/modules", made_baseline());
		modules = vhsm_modules_open(path, why);
		MUST(modules);
	}
	where.modules = modules;
	MUST(!vhsm_modules_text(modules, 0, &text));
	bytes = vhsm_module_expected(&where, 0);
	MUST(bytes);
	memcpy(g->memory + FRAME(MADE_CODE_FRAME), bytes, text.len);
	free(bytes);
	add_spot(FRAME(MADE_CODE_FRAME) + 0x100);
	add_spot(FRAME(MADE_CODE_FRAME) + 0x400);
}

static void make_modules(void)
{
	uint64_t m = MADE_CODE + FRAME(1), node = alloc(64), kset = alloc(64);
	uint64_t object = alloc(128), list = symbol("modules");
	uint64_t root = at(symbol("mod_tree"), VHSM_L_mod_tree_root__tree);

	load_module();
	add_spot(FRAME(MADE_CODE_FRAME + 1));
	memcpy(g->memory + physical(at(m, VHSM_L_module__name)), "made_up", 8);
	set(m, VHSM_L_module__text_base, MADE_CODE);
	set(m, VHSM_L_module__text_size, FRAME(1));
	set(m, VHSM_L_module__total_size, FRAME(2));
	make_head(list);
	link_node(list, at(m, VHSM_L_module__list));
	set(node, VHSM_L_mod_tree_node__mod, m);
	set(root, VHSM_L_rb_root__rb_node,
	    at(at(node, VHSM_L_mod_tree_node__node),
	       VHSM_L_latch_tree_node__node));
	put(symbol("module_kset"), kset, 8);
	make_head(at(kset, VHSM_L_kset__list));
	link_node(at(kset, VHSM_L_kset__list),
		  at(at(object, VHSM_L_module_kobject__kobj),
		     VHSM_L_kobject__entry));
	set(object, VHSM_L_module_kobject__mod, m);
	set(m, VHSM_L_module__its_num_pages, 1);
	set(m, VHSM_L_module__its_page_array, symbol("page_array"));
	put(symbol("page_array"), MADE_CODE + FRAME(5), 8);
}

/* --- what traces, and makes code --- */

static void branch(uint64_t place, unsigned opcode, uint64_t to)
{
	uint8_t *byte = g->memory + physical(place);
	uint32_t distance = (uint32_t)(to - place - 5);

	*byte = (uint8_t)opcode;
	memcpy(byte + 1, &distance, 4);
}

static void make_tracer(void)
{
	uint64_t ops = alloc(256), hashes = alloc(64), hash = alloc(64);
	uint64_t buckets = alloc(64), f = alloc(64), end, head;
	uint64_t code = MADE_CODE + FRAME(2), from = symbol("ftrace_caller");
	uint32_t distance = (uint32_t)(ops + 128 - (code + 0x37));

	end = symbol("ftrace_list_end");
	head = symbol("ftrace_ops_trampoline_list");
	memcpy(g->memory + physical(code), g->memory +
	       FRAME(MADE_TEXT_FRAME) + (from - g->slide - MADE_TEXT), 0x80);
	add_spot(physical(code));
	branch(code + 0x20, 0xe8, symbol("function_trace_call"));
	memcpy(g->memory + physical(code + 0x33), &distance, 4);
	put(ops + 128, ops, 8);
	set(ops, VHSM_L_ftrace_ops__func, symbol("function_trace_call"));
	set(ops, VHSM_L_ftrace_ops__next, end);
	set(ops, VHSM_L_ftrace_ops__trampoline, code);
	set(ops, VHSM_L_ftrace_ops__trampoline_size, 0x80);
	set(ops, VHSM_L_ftrace_ops__func_hash, hashes);
	set(hashes, VHSM_L_ftrace_ops_hash__filter_hash, hash);
	set(hash, VHSM_L_ftrace_hash__buckets, buckets);
	set(hash, VHSM_L_ftrace_hash__size_bits, 1);
	set(hash, VHSM_L_ftrace_hash__count, 1);
	put(buckets, at(f, VHSM_L_ftrace_func_entry__hlist), 8);
	set(f, VHSM_L_ftrace_func_entry__ip, symbol("__x64_sys_read"));
	put(symbol("ftrace_ops_list"), ops, 8);
	put(symbol("direct_functions"), hash, 8);
	make_head(head);
	link_node(head, at(ops, VHSM_L_ftrace_ops__list));
	branch(symbol("__x64_sys_read"), 0xe8, code);
}

static void make_probes(void)
{
	uint64_t probe = alloc(256), page = alloc(64);
	uint64_t slots = symbol("kprobe_insn_slots");
	uint64_t more = symbol("kprobe_optinsn_slots");

	add_spot(FRAME(MADE_PROBES));
	set(probe, VHSM_L_kprobe__addr, PROBED + g->slide);
	set(probe, VHSM_L_kprobe__pre_handler, symbol("pre_handler_kretprobe"));
	make_head(at(probe, VHSM_L_kprobe__list));
	put(symbol("kprobe_table") + 8, at(probe, VHSM_L_kprobe__hlist), 8);
	put(PROBED + g->slide, 0xcc, 1);
	make_head(at(slots, VHSM_L_kprobe_insn_cache__pages));
	make_head(at(more, VHSM_L_kprobe_insn_cache__pages));
	link_node(at(slots, VHSM_L_kprobe_insn_cache__pages),
		  at(page, VHSM_L_kprobe_insn_page__list));
	set(page, VHSM_L_kprobe_insn_page__insns, MADE_CODE + FRAME(3));
	put(symbol("bp_desc"), 0, 8);
	set(symbol("bp_desc"), VHSM_L_bp_patching_desc__vec, alloc(256));
}

static void make_code(void)
{
	uint64_t pack = alloc(64), image = alloc(64);

	make_head(symbol("pack_list"));
	make_head(symbol("bpf_kallsyms"));
	link_node(symbol("pack_list"), at(pack, VHSM_L_bpf_prog_pack__list));
	set(pack, VHSM_L_bpf_prog_pack__ptr, MADE_CODE + FRAME(4));
	put(symbol("bpf_prog_pack_size"), FRAME(1), 8);
	put(symbol("nr_node_ids"), 1, 4);
	link_node(symbol("bpf_kallsyms"), at(image, VHSM_L_bpf_ksym__lnode));
	set(image, VHSM_L_bpf_ksym__start, MADE_CODE + FRAME(4) + 64);
	set(image, VHSM_L_bpf_ksym__end, MADE_CODE + FRAME(4) + 128);
	put(symbol("real_mode_header"), MADE_DATA + g->slide +
	    FRAME(MADE_GLOBALS) + 0xf00, 8);
	put(symbol("page_offset_base"), MADE_HEAP, 8);
	put(symbol("pv_slot"), symbol("other_function"), 8);
	set(symbol("static_key"), VHSM_L_static_call_key__func,
	    symbol("other_function"));
}

void made_guest(struct made_guest *guest, uint64_t slide)
{
	uint8_t *user;

	g = guest;
	memset(g, 0, sizeof(*g));
	g->slide = slide;
	make_tables();
	make_image();
	make_gates();
	make_processes();
	make_modules();
	make_tracer();
	make_probes();
	make_code();
	user = g->memory + FRAME(MADE_USER_FRAME);
	memcpy(user + 0x123, made_secret, sizeof(made_secret));
	memcpy(user + 0x400, MADE_MARKER, sizeof(MADE_MARKER));
}
