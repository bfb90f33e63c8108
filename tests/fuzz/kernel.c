/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - fuzzes what reads a guest's kernel: page tables, the search for
 * the kernel, lists and trees.
 *
 * A small sound guest is made; the input changes it, partly before, partly
 * while it is read (at each visit).  A change is six bytes or more:
 *
 *   kind, place (24 bits), argument (16 bits), for kind 0 also a value
 *
 * with kinds of values that a guest would use to lead astray: entries of page
 * tables, pointers to other structures, nodes of XArrays.  The reference is
 * this file's own, for it is not the guest's to change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/guest-memory-backend.h"
#include "introspect/kernel.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

#define FRAMES		128u
#define SIZE		(FRAMES * VHSM_GUEST_PAGE_SIZE)
#define TEXT		UINT64_C(0xffffffff81000000)
#define TEXT_LEN	0x2000u
#define DATA		UINT64_C(0xffffffff81010000)	/* all frames */
#define ROOT		1u			/* frames of the tables */
#define LIMIT		64u

static uint8_t memory[SIZE];

/* --- the guest's memory --- */

static int load(struct vhsm_guest_memory *m, uint64_t first, unsigned count,
		uint8_t **bytes, uint64_t *present)
{
	unsigned i;

	(void)m;
	*bytes = memory + first * VHSM_GUEST_PAGE_SIZE;
	for (i = 0; i < count; i++)
		if ((first + i) % 61 != 60)	/* some are not there */
			present[i / 64] |= UINT64_C(1) << (i % 64);
	return 0;
}

static void unload(struct vhsm_guest_memory *m, uint8_t *bytes, unsigned count)
{
	(void)m;
	(void)bytes;
	(void)count;
}

static void close_memory(struct vhsm_guest_memory *m)
{
	(void)m;
}

static void put(uint64_t physical, uint64_t value)
{
	memcpy(memory + physical, &value, sizeof(value));
}

/* --- the reference, of a kernel of two pages --- */

const struct vhsm_reference_segment *
vhsm_reference_segments(const struct vhsm_reference *r, size_t *count)
{
	static uint8_t text[TEXT_LEN];
	static const struct vhsm_reference_segment segment = {
		TEXT, TEXT_LEN, text, VHSM_SEGMENT_TEXT,
	};
	size_t i;

	(void)r;
	for (i = TEXT_LEN; !text[1] && i-- > 0;)
		text[i] = (uint8_t)(i * 7 + (i >> 8));
	*count = 1;
	return &segment;
}

int vhsm_reference_expected(const struct vhsm_reference *r, uint64_t va,
			    uint64_t slide, uint8_t *bytes, size_t len)
{
	size_t count;

	(void)slide;
	if (va < TEXT || va + len > TEXT + TEXT_LEN)
		return -EFAULT;
	memcpy(bytes, vhsm_reference_segments(r, &count)->bytes + (va - TEXT),
	       len);
	return 0;
}

static const struct {
	const char *name;
	uint64_t va;
} symbols[] = {
	{ "_text", TEXT }, { "_etext", TEXT + TEXT_LEN },
	{ "_end", DATA + SIZE }, { "entry_SYSCALL_64", TEXT + 64 },
	{ "init_top_pgt", DATA + ROOT * VHSM_GUEST_PAGE_SIZE },
};

int vhsm_reference_symbol(const struct vhsm_reference *r, const char *name,
			  uint64_t *va)
{
	size_t i;

	(void)r;
	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		*va = symbols[i].va;
		if (!strcmp(symbols[i].name, name))
			return 0;
	}
	return -ENOENT;
}

const char *vhsm_reference_symbol_at(const struct vhsm_reference *r,
				     uint64_t va, uint64_t *distance)
{
	(void)r;
	MUST(va >= TEXT && va < DATA + SIZE);
	*distance = va - TEXT;
	return "_text";
}

const char *vhsm_reference_release(const struct vhsm_reference *r)
{
	(void)r;
	return "6.1.0-fuzz";
}

struct vhsm_member vhsm_reference_layout(const struct vhsm_reference *r,
					 enum vhsm_layout member)
{
	(void)r;
	switch (member) {
	case VHSM_L_rb_node__rb_right: return (struct vhsm_member){ 8, 8 };
	case VHSM_L_rb_node__rb_left: return (struct vhsm_member){ 16, 8 };
	case VHSM_L_xarray__xa_head: return (struct vhsm_member){ 8, 8 };
	case VHSM_L_xa_node__shift: return (struct vhsm_member){ 0, 1 };
	case VHSM_L_xa_node__slots: return (struct vhsm_member){ 40, 512 };
	default: return (struct vhsm_member){ 0, 8 };
	}
}

/* --- the sound guest --- */

#define FRAME(n)	((uint64_t)(n) * VHSM_GUEST_PAGE_SIZE)
#define LIST		16u		/* frames of the structures */
#define HLIST		17u
#define TREE		18u
#define XARRAY		19u
#define TEXT_FRAME	32u

static void make_tables(void)
{
	unsigned i;

	put(FRAME(ROOT) + 8 * 511, FRAME(2) | 7);
	put(FRAME(2) + 8 * 510, FRAME(3) | 7);
	put(FRAME(3) + 8 * 8, FRAME(4) | 7);
	for (i = 0; i < 2; i++)
		put(FRAME(4) + 8 * i, FRAME(TEXT_FRAME + i) | 1);
	for (i = 0; i < FRAMES; i++)
		put(FRAME(4) + 8 * (16 + i), FRAME(i) | 3 |
		    UINT64_C(1) << 63);
}

static void make_structures(void)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		put(FRAME(LIST) + 64 * i, DATA + FRAME(LIST) +
		    64 * ((i + 1) % 8));
		put(FRAME(HLIST) + 64 * i, i == 7 ? 0 : DATA + FRAME(HLIST) +
		    64 * (i + 1));
		put(FRAME(TREE) + 64 + 64 * i + 8, i < 3 ? DATA + FRAME(TREE) +
		    64 * (2 * i + 2) : 0);
		put(FRAME(TREE) + 64 + 64 * i + 16, i < 3 ? DATA + FRAME(TREE) +
		    64 * (2 * i + 3) : 0);
	}
	put(FRAME(TREE), DATA + FRAME(TREE) + 64);
	put(FRAME(XARRAY) + 8, (DATA + FRAME(XARRAY + 1)) | 2);
	put(FRAME(XARRAY + 1), 6);
	for (i = 0; i < 3; i++)
		put(FRAME(XARRAY + 1) + 40 + 8 * i,
		    (DATA + FRAME(XARRAY + 2 + i)) | 2);
	for (i = 0; i < 8; i++)
		put(FRAME(XARRAY + 2) + 40 + 64 * i, DATA + 64 * i);
}

static void make_guest(void)
{
	size_t count;

	memset(memory, 0, sizeof(memory));
	memcpy(memory + FRAME(TEXT_FRAME),
	       vhsm_reference_segments(NULL, &count)->bytes, TEXT_LEN);
	make_tables();
	make_structures();
}

/* --- the input --- */

static const uint8_t *input;
static size_t input_len;

static bool take(void *bytes, size_t len)
{
	if (input_len < len)
		return false;
	memcpy(bytes, input, len);
	input += len;
	input_len -= len;
	return true;
}

/* Makes the next change; false when there is none. */
static bool change(void)
{
	uint8_t c[6];
	uint64_t place, value, argument;

	if (!take(c, sizeof(c)))
		return false;
	place = (uint64_t)(c[1] | c[2] << 8 | c[3] << 16) * 8 % SIZE;
	argument = (uint64_t)(c[4] | c[5] << 8);
	switch (c[0] % 8) {
	case 0:
		if (!take(&value, sizeof(value)))
			return false;
		break;
	case 1:
		value = FRAME(argument % FRAMES) | 7;
		break;
	case 2:
		value = FRAME(argument % FRAMES) | 0x87;
		break;
	case 3:
		value = argument << 40 | 7;
		break;
	case 4:
		value = DATA + argument * 8 % SIZE;
		break;
	case 5:
		value = (DATA + argument * 8 % SIZE) | 2;
		break;
	case 6:
		value = argument;
		break;
	default:
		value = 0 - argument;
		break;
	}
	put(place, value);
	return true;
}

/* --- what reads it --- */

struct seen {
	uint64_t count, next;
};

static int see_node(uint64_t va, void *arg)
{
	struct seen *seen = arg;

	(void)va;
	MUST(++seen->count <= LIMIT);
	change();
	return 0;
}

static int see_entry(uint64_t index, uint64_t entry, void *arg)
{
	(void)index;
	MUST(entry);
	return see_node(entry, arg);
}

/* Runs ascend and do not overlap. */
static int see_mapping(const struct vhsm_mapping *m, void *arg)
{
	struct seen *seen = arg;

	MUST(m->len && m->start >= seen->next);
	seen->next = m->start + (m->len - 1);
	seen->count++;
	change();
	return 0;
}

static void read_tables(const struct vhsm_address_space *space, uint64_t va)
{
	struct seen seen = { 0 };
	struct vhsm_mapping m;
	uint8_t bytes[600];
	int r;

	if (!vhsm_address_space_translate(space, va, &m))
		MUST(m.start <= va && va - m.start < m.len);
	r = vhsm_address_space_read(space, va, bytes, sizeof(bytes));
	MUST(r == 0 || r == -EFAULT);
	r = vhsm_address_space_walk(space, 0, UINT64_MAX, 200, see_mapping,
				    &seen);
	MUST(r == 0 || r == -E2BIG);
	MUST(seen.count <= 200 * 512);
	seen = (struct seen){ 0 };
	vhsm_address_space_walk(space, va, va + 0x12345678, 50, see_mapping,
				&seen);
}

static void expect_known(int r)
{
	MUST(r == 0 || r == -EFAULT || r == -ELOOP || r == -E2BIG);
}

static void read_kernel(const struct vhsm_kernel *k)
{
	struct seen seen[4] = { { 0 } };
	uint64_t data = DATA + k->slide;
	char text[64];
	int r;

	expect_known(vhsm_kernel_walk_list(k, data + FRAME(LIST), 8, LIMIT,
					   see_node, &seen[0]));
	expect_known(vhsm_kernel_walk_hlist(k, data + FRAME(HLIST), 8, LIMIT,
					    see_node, &seen[1]));
	expect_known(vhsm_kernel_walk_rbtree(k, data + FRAME(TREE), 8, LIMIT,
					     see_node, &seen[2]));
	expect_known(vhsm_kernel_walk_xarray(k, data + FRAME(XARRAY), LIMIT,
					     see_entry, &seen[3]));
	r = vhsm_kernel_read_text(k, data + FRAME(LIST) - 7, text,
				  sizeof(text));
	MUST((r == 0 || r == -EFAULT) &&
	     strnlen(text, sizeof(text)) < sizeof(text));
	vhsm_kernel_describe(k, k->vcpu[0].lstar, text, sizeof(text));
	MUST(strnlen(text, sizeof(text)) < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vhsm_guest_memory guest = {
		.load = load, .unload = unload, .close = close_memory,
		.frames = FRAMES, .chunk_pages = 16, .chunk_max = 4,
	}, *m = &guest;
	struct vhsm_vcpu vcpu = {
		.online = 1, .cr0 = UINT64_C(1) << 31, .cr4 = 0x20,
		.efer = 0x400, .cr3 = FRAME(ROOT), .lstar = TEXT + 64,
	};
	static struct vhsm_kernel kernel;
	char why[VHSM_KERNEL_WHY_LEN] = "";
	uint8_t head[3];
	int r;

	input = data;
	input_len = len;
	if (!take(head, sizeof(head)))
		return 0;
	make_guest();
	MUST(guest_memory_init(m) == 0);
	if (head[0] & 1)
		vcpu.cr4 |= UINT64_C(1) << 12;
	if (head[0] & 2)
		vcpu.lstar = (uint64_t)head[1] << 56 | (uint64_t)head[2] << 20;
	if (head[0] & 4)
		vcpu.cr3 = FRAME(head[1]);
	for (r = head[0] >> 3; r && change(); r--)
		continue;
	r = vhsm_kernel_find(&kernel, m, NULL, &vcpu, 1, why);
	MUST(r == 0 || r == -ENOENT);
	MUST(r == 0 || (*why && strnlen(why, sizeof(why)) < sizeof(why)));
	kernel.space.five_levels = head[0] & 1;
	read_tables(&kernel.space, (uint64_t)head[1] << 56 |
		    (uint64_t)head[2] << 40 | TEXT);
	if (!r)
		read_kernel(&kernel);
	vhsm_guest_memory_close(&m);
	return 0;
}
