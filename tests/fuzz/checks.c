/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checks.c - fuzzes the checks: what they read of a guest's kernel besides what
 * introspect/ reads for them.
 *
 * A made-up guest (made-guest.h) in which they all find what they look for is
 * changed by the input, partly before, partly while it is swept, and swept
 * again.  Whatever it is like: no sweep looks at more than PAGES_MAX pages, and
 * what it says can be sent to dom0 and is understood there.
 *
 * Four bytes say how (struct head); then come changes, of six bytes or more:
 *
 *   kind, spot, offset from it (in words), argument (16 bits), count
 *
 * A spot is where a structure or table begins; some kinds take more bytes.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "channel/messages.h"
#include "checks/run.h"
#include "fuzz/made-guest.h"
#include "introspect/guest-memory-backend.h"
#include "introspect/reference-file.h"

#define PAGES_MAX	8000000u	/* looked at in one sweep */
#define SWEEPS_MAX	4u

/* The linker puts these before the library's own (--wrap). */
const uint8_t *__wrap_vhsm_guest_memory_page(struct vhsm_guest_memory *,
					     uint64_t gfn);
int __wrap_vhsm_guest_memory_read(struct vhsm_guest_memory *, uint64_t address,
				  void *buf, size_t len);
const uint8_t *__real_vhsm_guest_memory_page(struct vhsm_guest_memory *,
					     uint64_t gfn);
int __real_vhsm_guest_memory_read(struct vhsm_guest_memory *, uint64_t address,
				  void *buf, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct head {
	uint8_t flags;			/* HEAD_*; the rest: sweeps - 1 */
	uint8_t before;			/* changes before each sweep */
	uint8_t every;			/* pages between changes in a sweep; 0:
					 * none are made in one */
	uint8_t without;		/* a check that is not run; 0: all are */
};

#define HEAD_SLID	0x04u
#define HEAD_FULL	0x18u		/* both: the slow checks, too */

static struct made_guest guest;
static const uint8_t *input;
static size_t input_len;
static uint64_t looked;			/* pages, in this sweep */
static unsigned every;
static bool quiet;			/* findings are an error */

/* --- the guest's memory --- */

static int load(struct vhsm_guest_memory *m, uint64_t first, unsigned count,
		uint8_t **bytes, uint64_t *present)
{
	(void)m;
	*bytes = guest.memory + first * VHSM_GUEST_PAGE_SIZE;
	for (unsigned i = 0; i < count; i++)
		if ((first + i) % 61 != 60 || first + i == MADE_USER_FRAME)
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

/* --- the input --- */

static bool take(void *bytes, size_t len)
{
	if (input_len < len)
		return false;
	memcpy(bytes, input, len);
	input += len;
	input_len -= len;
	return true;
}

/* The guest's address of what is at a place in its memory. */
static uint64_t address(uint64_t place)
{
	return MADE_DATA + guest.slide + place % MADE_LEN;
}

/* A list of count nodes, stride bytes apart, that leads back to its head. */
static void put_list(uint64_t place, unsigned stride, unsigned count)
{
	uint64_t at = place, next, before = address(place);

	for (unsigned i = 0; i <= count && at + 16 <= MADE_LEN; i++) {
		next = i == count || at + stride + 16 > MADE_LEN ?
			address(place) : address(at + stride);
		memcpy(guest.memory + at, &next, 8);
		memcpy(guest.memory + at + 8, &before, 8);
		before = address(at);
		at += stride;
	}
}

/* One of a site's values, with a call to anywhere. */
static void put_variant(unsigned argument, uint64_t to)
{
	const struct vhsm_reference *reference = made_reference();
	const struct vhsm_site *site = reference->site +
		(argument & 0xff) % reference->header->sites.count;
	uint8_t bytes[16];
	uint64_t where;
	uint32_t distance;

	vhsm_reference_variant(reference, site,
			       (argument >> 8) % site->variant_count,
			       guest.slide, bytes);
	where = site->va - MADE_TEXT + FRAME(MADE_TEXT_FRAME);
	if (site->va >= MADE_RODATA)
		where = site->va - MADE_RODATA + FRAME(MADE_RODATA_FRAME);
	if (bytes[0] == 0xe8) {
		distance = (uint32_t)(to - (site->va + guest.slide + 5));
		memcpy(bytes + 1, &distance, 4);
	}
	memcpy(guest.memory + where, bytes, site->len);
}

/* Changes one of the registers that a guest sets. */
static void put_register(struct vhsm_vcpu *v, unsigned which, uint64_t value)
{
	uint64_t *const reg[] = {
		&v->cr0, &v->cr4, &v->idt_base, &v->lstar, &v->cstar,
		&v->sysenter_eip,
	};

	if (which % 8 == 6)
		v->idt_limit = (uint32_t)value;
	else if (which % 8 == 7)
		v->online ^= 1;
	else
		*reg[which % 8] = value;
}

struct change {
	uint8_t kind, spot, offset, low, high, count;
};

static uint64_t place_of(unsigned spot, unsigned words)
{
	return (guest.spot[spot % guest.spots] + 8 * words) % (MADE_LEN - 16);
}

static unsigned argument_of(const struct change *c)
{
	return c->low | (unsigned)c->high << 8;
}

static uint64_t code_of(const struct change *c)
{
	return MADE_CODE + (uint64_t)argument_of(c) * 64 % FRAME(8);
}

/* What a guest would write to lead astray; false for kinds that write other
 * things. */
static bool value_of(const struct change *c, uint64_t *value)
{
	unsigned argument = argument_of(c);

	switch (c->kind % 16) {
	case 0:
		*value = argument;
		take(value, sizeof(*value));
		return true;
	case 1:
		*value = FRAME(argument % MADE_FRAMES) | 7;
		return true;
	case 2:
		*value = FRAME(argument % MADE_FRAMES) | 0x87;
		return true;
	case 3:
		*value = (uint64_t)argument << 40 | 7;
		return true;
	case 4:
		*value = address(place_of(c->low, c->high));
		return true;
	case 5:
		*value = address(place_of(c->low, c->high)) | 2;
		return true;
	case 6:
		*value = argument;
		return true;
	case 7:
		*value = 0 - (uint64_t)argument;
		return true;
	case 8:
		*value = MADE_TEXT + guest.slide + argument % 0x4000;
		return true;
	case 9:
		*value = code_of(c);
		return true;
	default:
		return false;
	}
}

static void change_more(const struct change *c, uint64_t place)
{
	uint64_t other = place_of(c->low, c->high), last;

	switch (c->kind % 16) {
	case 10:			/* something twice */
		last = place > other ? place : other;
		memmove(guest.memory + place, guest.memory + other,
			MADE_LEN - last < 1024 ? 16 : 4 * c->count);
		break;
	case 11:
		put_list(place, 8 + argument_of(c) % 512, 1u << c->count % 16);
		break;
	case 12:
		put_variant(argument_of(c), c->count & 1 ? code_of(c) :
			    address(place));
		break;
	case 13:
		put_register(&guest.vcpu[c->spot & 1], c->offset,
			     c->count & 1 ? address(other) : code_of(c));
		break;
	case 14:			/* many bytes */
		memset(guest.memory + place % (MADE_LEN - FRAME(2)), c->low,
		       32 * c->count);
		break;
	default:
		guest.memory[place + (c->count & 7)] = c->low;
		break;
	}
}

/* Makes the next change; false when there is none. */
static bool change(void)
{
	struct change c;
	uint64_t place, value;

	if (!take(&c, sizeof(c)))
		return false;
	place = place_of(c.spot, c.offset);
	if (value_of(&c, &value))
		memcpy(guest.memory + place, &value, sizeof(value));
	else
		change_more(&c, place);
	return true;
}

/* --- what is looked at --- */

static void look(uint64_t pages)
{
	looked += pages;
	MUST(looked <= PAGES_MAX);
	if (every && looked % every == 0)
		change();
}

const uint8_t *__wrap_vhsm_guest_memory_page(struct vhsm_guest_memory *m,
					     uint64_t gfn)
{
	look(1);
	return __real_vhsm_guest_memory_page(m, gfn);
}

int __wrap_vhsm_guest_memory_read(struct vhsm_guest_memory *m,
				  uint64_t address_, void *buf, size_t len)
{
	look(1 + len / VHSM_GUEST_PAGE_SIZE);
	return __real_vhsm_guest_memory_read(m, address_, buf, len);
}

/* --- what is said --- */

/* As the channel has it; the caller's to free. */
static char *sent(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	MUST(text);
	return text;
}

static void found(void *arg, const struct vhsm_finding *f, bool again)
{
	char *text = sent(vhsm_finding_encode(f)), why[VHSM_MESSAGE_WHY_LEN];
	struct vhsm_finding got;

	(void)arg;
	(void)again;
	if (quiet && f->check < VHSM_CHECK_YARA)
		fprintf(stderr, "%s\n", text);
	MUST(!quiet || f->check >= VHSM_CHECK_YARA);
	MUST(!vhsm_finding_decode(&got, text, strlen(text), why));
	free(text);
}

/* Every check has done its work, and found nothing. */
static void judge_sound(const struct vhsm_verdict *v, const char *text)
{
	bool good = !v->findings && v->run_count >= 12;

	for (unsigned i = 0; i < v->run_count; i++)
		good = good && v->run[i].finished && v->run[i].objects;
	if (!good)
		fprintf(stderr, "%s\n", text);
	MUST(good);
}

static void judge(const struct vhsm_verdict *v)
{
	char *text = sent(vhsm_verdict_encode(v)), why[VHSM_MESSAGE_WHY_LEN];
	struct vhsm_verdict got;

	if (quiet)
		judge_sound(v, text);
	MUST(!vhsm_verdict_decode(&got, text, strlen(text), why));
	free(text);
}

/* --- a run --- */

static bool is_full(const struct head *head)
{
	return (head->flags & HEAD_FULL) == HEAD_FULL;
}

/* The checks of the configuration, with options; the caller's. */
static json_t *wanted(const struct head *head)
{
	json_t *checks = json_object();
	const struct vhsm_check_info *info;

	for (unsigned i = 0; (info = vhsm_check_row(i)); i++)
		if (info->number != head->without &&
		    (info->cadence == VHSM_CADENCE_QUICK ||
		     (is_full(head) && info->cadence == VHSM_CADENCE_FULL)))
			json_object_set_new(checks, info->name, json_null());
	if (is_full(head) && head->without & 1)
		json_object_set_new(checks, "yara", json_pack("{s:s}", "scope",
			head->without & 2 ? "processes" : "kernel"));
	return checks;
}

static void sweep(struct vhsm_runner *runner, struct vhsm_kernel *kernel,
		  const struct head *head, unsigned number)
{
	static struct vhsm_verdict verdict;
	unsigned i;

	for (i = 0; i < head->before && change(); i++)
		;
	MUST(!vhsm_kernel_set_vcpus(kernel, guest.vcpu, 2));
	looked = 0;
	every = head->every;
	vhsm_runner_sweep(runner, kernel, number, &verdict);
	judge(&verdict);
	looked = 0;
	if (is_full(head))
		vhsm_runner_slice(runner, kernel, 1000);
	every = 0;
}

/* A guest as it is made, and the kernel in it; fuzz-kernel looks for kernels in
 * guests that were changed. */
static struct made {
	struct made_guest guest;
	struct vhsm_kernel kernel;
} made[2];

static void run(const struct head *head, const struct made *from)
{
	struct vhsm_guest_memory base = {
		.load = load, .unload = unload, .close = close_memory,
		.frames = MADE_FRAMES, .chunk_pages = 64, .chunk_max = 4,
	}, *memory = &base;
	static struct vhsm_kernel kernel;
	json_t *checks = wanted(head);
	struct vhsm_runner_setup setup = {
		.reference = made_reference(),
		.baseline_dir = made_baseline(), .checks = checks,
		.full_ms = 1, .found = found,
	};
	char why[VHSM_RUNNER_WHY_LEN] = "";
	struct vhsm_runner *runner = vhsm_runner_open(&setup, why);

	MUST(runner && !guest_memory_init(memory));
	guest = from->guest;
	kernel = from->kernel;
	kernel.memory = kernel.space.memory = memory;
	for (unsigned i = 0; i <= head->flags % SWEEPS_MAX; i++)
		sweep(runner, &kernel, head, i + 1);
	vhsm_runner_close(&runner);
	vhsm_guest_memory_close(&memory);
	json_decref(checks);
}

static void make(struct made *m, uint64_t slide)
{
	struct vhsm_guest_memory base = {
		.load = load, .unload = unload, .close = close_memory,
		.frames = MADE_FRAMES, .chunk_pages = 64, .chunk_max = 4,
	}, *memory = &base;
	char why[VHSM_KERNEL_WHY_LEN] = "";

	made_guest(&m->guest, slide);
	guest = m->guest;
	MUST(!guest_memory_init(memory));
	MUST(!vhsm_kernel_find(&m->kernel, memory, made_reference(),
			       guest.vcpu, 2, why));
	vhsm_guest_memory_close(&memory);
}

/* The guest as it is made is sound, and every check says so. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct head head = { .flags = HEAD_FULL | 1 };

	(void)argc;
	(void)argv;
	quiet = true;
	for (unsigned i = 0; i < 2; i++) {
		make(&made[i], i ? MADE_SLIDE : 0);
		run(&head, &made[i]);
	}
	quiet = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct head head;

	input = data;
	input_len = len;
	if (take(&head, sizeof(head)))
		run(&head, &made[!!(head.flags & HEAD_SLID)]);
	return 0;
}
