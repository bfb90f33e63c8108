/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-shadow.c - the kernel that processes and processors have mapped is the
 * one that all other checks read: that of init_top_pgt (ATT&CK T1014).
 *
 * Who gives a process, or all of them, a top table whose upper half leads to
 * tables of its own can run other text at the kernel's addresses there, and
 * leaves the original to be looked at.  So the top table of every task, of
 * init_mm and of every vCPU's CR3 is compared (top-table.h), and what the
 * second table of init_top_pgt's own pair, by which a processor enters the
 * kernel where page tables are isolated, has executable must be the kernel's
 * page at that address.
 *
 * A task is read again before it counts, for its table is freed when it ends.
 * Registers are older than the memory they are compared with: a table that no
 * task has may have been freed since, and be anything by now.  So it counts
 * when processors had it in SWEEPS sweeps, one after the other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/kernel-map.h"
#include "checks/pointer.h"
#include "checks/tasks.h"
#include "checks/top-table.h"

#define PAGE		VHSM_GUEST_PAGE_SIZE
#define REPORTS_MAX	64u
#define SUSPECTS_MAX	(2 * VHSM_VCPUS_MAX)	/* of two sweeps */
#define SWEEPS		3u		/* that a processor has one in */
#define PAGES_MAX	65536u		/* of the second table, looked at */

/* A top table that a processor had, and that is not right. */
struct suspect {
	uint64_t root;
	uint64_t first;			/* sweep that saw it; 0: free */
	uint64_t last;
};

struct kernel_shadow {
	struct vhsm_tasks tasks;
	struct suspect suspect[SUSPECTS_MAX];
};

struct looking {
	struct kernel_shadow *state;
	struct vhsm_sweep *sweep;
	struct vhsm_top_table own;
	uint64_t reported[REPORTS_MAX];	/* roots */
	unsigned reports;
};

/* --- what is reported --- */

/* The first page of the image's text that is another by the table at root, and
 * the first byte that differs in it: false when there is none. */
static bool find_text(const struct vhsm_kernel *k, uint64_t root, uint64_t *va)
{
	struct vhsm_address_space space = k->space;
	struct vhsm_mapping is, own;
	uint8_t a[PAGE], b[PAGE];
	unsigned i;

	space.root = root;
	for (*va = k->image_start & ~(uint64_t)(PAGE - 1); *va < k->text_end;
	     *va += PAGE) {
		if (vhsm_address_space_translate(&space, *va, &is) ||
		    vhsm_address_space_translate(&k->space, *va, &own) ||
		    is.physical - is.start == own.physical - own.start ||
		    vhsm_address_space_read(&space, *va, a, PAGE) ||
		    vhsm_kernel_read(k, *va, b, PAGE))
			continue;
		for (i = 0; i < PAGE && a[i] == b[i]; i++)
			;
		if (i == PAGE)
			continue;
		*va += i;
		return true;
	}
	return false;
}

/* The entry's bytes, or the code that differs by it. */
static void add_evidence(const struct vhsm_kernel *k, uint64_t root,
			 const struct vhsm_top_difference *d,
			 struct vhsm_finding *f)
{
	struct vhsm_address_space space = k->space;
	struct vhsm_mapping m;
	uint64_t va;

	space.root = root;
	f->before_len = f->after_len = sizeof(d->found);
	memcpy(f->before, &d->expected, sizeof(d->expected));
	memcpy(f->after, &d->found, sizeof(d->found));
	f->physical = root + 8 * d->index + (d->second ? PAGE : 0);
	if (d->second || !find_text(k, root, &va) ||
	    vhsm_address_space_translate(&space, va, &m))
		return;
	f->address = va;
	f->physical = m.physical + (va - m.start);
	vhsm_kernel_describe(k, va, f->symbol, sizeof(f->symbol));
	f->before_len = f->after_len = sizeof(f->after);
	if (vhsm_kernel_read(k, va, f->before, f->before_len) ||
	    vhsm_address_space_read(&space, va, f->after, f->after_len))
		f->before_len = f->after_len = 0;
	vhsm_finding_disassemble(f);
}

static bool was_reported(const struct looking *l, uint64_t root)
{
	unsigned i;

	for (i = 0; i < l->reports; i++)
		if (l->reported[i] == root)
			return true;
	return false;
}

/* object and pid are set; who: "process 4711 (sh)". */
static void report(struct looking *l, struct vhsm_finding *f, const char *who,
		   uint64_t root, const struct vhsm_top_difference *d)
{
	if (l->reports == REPORTS_MAX) {
		l->sweep->cut = true;
		return;
	}
	l->reported[l->reports++] = root;
	f->check = VHSM_CHECK_KERNEL_SHADOW;
	f->confidence = 95;
	add_evidence(l->sweep->kernel, root, d, f);
	snprintf(f->detail, sizeof(f->detail),
		 "%s has page tables of its own for the kernel: entry %u of "
		 "the top table at %#" PRIx64 "%s is %#" PRIx64
		 ", the kernel's is %#" PRIx64 "%s%.60s", who, d->index, root,
		 d->second ? " (the second)" : "", d->found, d->expected,
		 f->symbol[0] ? "; other code at " : "", f->symbol);
	l->sweep->report(l->sweep, f);
}

/* --- processes --- */

/* The mm whose tables a task runs on: its own, or one that a kernel thread
 * borrowed; 0: none. */
static int mm_of(const struct vhsm_kernel *k, uint64_t task, uint64_t *mm)
{
	int r = vhsm_kernel_read_member(k, task, VHSM_L_task_struct__mm, mm);

	if (!r && !*mm) {
		r = vhsm_kernel_read_member(k, task,
					    VHSM_L_task_struct__active_mm, mm);
		if (r == -ENOENT)
			r = 0;		/* this kernel has none */
	}
	return r;
}

/* Compares the table of a task's mm: as vhsm_top_table_compare. */
static int compare_mm(struct looking *l, uint64_t mm, uint64_t *root,
		      struct vhsm_top_difference *d)
{
	int r = vhsm_top_table_of_mm(l->sweep->kernel, mm, root);

	if (r || !*root)
		return r;
	l->sweep->objects++;
	return vhsm_top_table_compare(&l->own, *root, d);
}

/* Looks again, if the task still has that mm. */
static int compare_again(struct looking *l, const struct vhsm_task *t,
			 uint64_t mm, uint64_t *root,
			 struct vhsm_top_difference *d)
{
	const struct vhsm_kernel *k = l->sweep->kernel;
	uint64_t start, now;

	if (vhsm_kernel_read_member(k, t->va, VHSM_L_task_struct__start_time,
				    &start) ||
	    start != t->start || mm_of(k, t->va, &now) || now != mm)
		return 0;
	return compare_mm(l, mm, root, d);
}

static int check_task(struct looking *l, const struct vhsm_task *t,
		      uint64_t *last)
{
	const struct vhsm_kernel *k = l->sweep->kernel;
	struct vhsm_finding f = { .pid = t->pid };
	struct vhsm_top_difference d;
	uint64_t mm, root;
	char who[64];
	int r;

	if (mm_of(k, t->va, &mm) || !mm || mm == *last)
		return 0;		/* the last: its threads follow it */
	*last = mm;
	r = compare_mm(l, mm, &root, &d);
	if (r)
		r = compare_again(l, t, mm, &root, &d);
	if (r != 1 || was_reported(l, root))
		return r == 1 ? 0 : r;
	if (vhsm_kernel_read_text(k, t->va +
				  vhsm_reference_layout(k->reference,
					VHSM_L_task_struct__comm).offset,
				  f.comm, sizeof(f.comm)))
		f.comm[0] = '\0';
	snprintf(f.object, sizeof(f.object), "page tables of pid %u", t->pid);
	snprintf(who, sizeof(who), "process %u (%s)", t->pid, f.comm);
	report(l, &f, who, root, &d);
	return 0;
}

static int check_tasks(struct looking *l, char *why)
{
	struct vhsm_tasks *tasks = &l->state->tasks;
	uint64_t last = 0;
	unsigned i;
	int r;

	vhsm_tasks_clear(tasks);
	r = vhsm_tasks_collect(tasks, l->sweep->kernel, VHSM_TASK_LIST |
			       VHSM_TASK_PIDS | VHSM_TASK_RUN, why);
	for (i = 0; !r && i < tasks->count; i++) {
		r = check_task(l, &tasks->task[i], &last);
		if (r)
			snprintf(why, VHSM_CHECK_WHY_LEN,
				 "the top page table of process %u cannot be "
				 "read", tasks->task[i].pid);
	}
	return r;
}

/* --- the kernel's own mm, and its second table --- */

static void check_init_mm(struct looking *l)
{
	const struct vhsm_kernel *k = l->sweep->kernel;
	struct vhsm_finding f = { .object = "page tables of init_mm" };
	struct vhsm_top_difference d = { .index = VHSM_TOP_UPPER };
	uint64_t mm, root;

	if (vhsm_kernel_symbol(k, "init_mm", &mm) ||
	    vhsm_top_table_of_mm(k, mm, &root) || root == k->space.root)
		return;
	l->sweep->objects++;
	if (vhsm_top_table_compare(&l->own, root, &d) == 1)
		report(l, &f, "the kernel itself", root, &d);
}

/* Whether a run of executable pages is the kernel's, each at its address. */
static bool is_own_run(const struct vhsm_kernel *k,
		       const struct vhsm_address_space *second,
		       const struct vhsm_mapping *run, uint64_t *va)
{
	struct vhsm_mapping is, own;
	unsigned pages = 0;

	for (*va = run->start; *va - run->start < run->len; *va += PAGE)
		if (pages++ == PAGES_MAX ||
		    vhsm_address_space_translate(second, *va, &is) ||
		    vhsm_address_space_translate(&k->space, *va, &own) ||
		    is.physical - is.start != own.physical - own.start)
			return false;
	return true;
}

static int check_second(struct looking *l, char *why)
{
	const struct vhsm_kernel *k = l->sweep->kernel;
	struct vhsm_kernel second = *k;
	struct vhsm_kernel_map map;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_KERNEL_SHADOW, .confidence = 95,
		.object = "page tables of programs",
	};
	uint64_t va = 0;
	bool good = true;
	int r;

	if (!l->own.pair)
		return 0;
	second.space.root += PAGE;
	r = vhsm_kernel_map_read(&second, &map, why);
	if (r)
		return r;
	for (size_t i = 0; good && i < map.count; i++)
		good = is_own_run(k, &second.space, &map.run[i], &va);
	l->sweep->objects += map.count;
	vhsm_kernel_map_deinit(&map);
	if (good)
		return 0;
	f.address = va;
	f.physical = vhsm_finding_physical(&second, va);
	vhsm_kernel_describe(k, va, f.symbol, sizeof(f.symbol));
	f.after_len = sizeof(f.after);
	if (vhsm_kernel_read(&second, va, f.after, f.after_len))
		f.after_len = 0;
	vhsm_finding_disassemble(&f);
	snprintf(f.detail, sizeof(f.detail),
		 "while a program runs, the executable page at %#" PRIx64
		 " (%.60s) is not the kernel's page at that address", va,
		 f.symbol);
	l->sweep->report(l->sweep, &f);
	return 0;
}

/* --- processors --- */

/* Whether processors had the table in the sweeps before, too. */
static bool seen_before(struct kernel_shadow *s, uint64_t root, uint64_t sweep)
{
	struct suspect *e, *place = NULL;
	unsigned i;

	for (i = 0; i < SUSPECTS_MAX; i++) {
		e = &s->suspect[i];
		if (e->first && e->root == root && e->last + 1 >= sweep) {
			e->last = sweep;
			return sweep - e->first >= SWEEPS - 1;
		}
		if (!e->first || e->last + 1 < sweep)
			place = e;
	}
	if (place)
		*place = (struct suspect){ root, sweep, sweep };
	return false;
}

static int check_vcpus(struct looking *l, char *why)
{
	const struct vhsm_kernel *k = l->sweep->kernel;
	struct vhsm_top_difference d;
	struct vhsm_finding f;
	uint64_t root;
	char who[64];
	unsigned v;
	int r;

	for (v = 0; v < k->vcpu_count; v++) {
		root = vhsm_top_table_of_cr3(&l->own, k->vcpu[v].cr3);
		if (!k->vcpu[v].online || root == k->space.root ||
		    was_reported(l, root))
			continue;
		l->sweep->objects++;
		r = vhsm_top_table_compare(&l->own, root, &d);
		if (r < 0)
			snprintf(why, VHSM_CHECK_WHY_LEN, "the top page table "
				 "of vCPU %u cannot be read", v);
		if (r < 0)
			return r;
		if (!r || !seen_before(l->state, root, l->sweep->number))
			continue;
		memset(&f, 0, sizeof(f));
		snprintf(f.object, sizeof(f.object), "page tables of vcpu %u",
			 v);
		snprintf(who, sizeof(who), "vCPU %u", v);
		report(l, &f, who, root, &d);
	}
	return 0;
}

/* --- the check --- */

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct looking l = { .state = state, .sweep = sweep };
	int r = vhsm_top_table_read(&l.own, sweep->kernel);

	if (r) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the kernel's top page table cannot be read");
		return r;
	}
	check_init_mm(&l);
	r = check_second(&l, why);
	if (!r)
		r = check_tasks(&l, why);
	if (!r)
		r = check_vcpus(&l, why);
	return r;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	if (!setup->reference) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference");
		return -ENOENT;
	}
	*state = calloc(1, sizeof(struct kernel_shadow));
	if (*state)
		return 0;
	snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
	return -ENOMEM;
}

static void close_check(void *state)
{
	struct kernel_shadow *s = state;

	vhsm_tasks_free(&s->tasks);
	free(s);
}

const struct vhsm_check vhsm_check_kernel_shadow = {
	.number = VHSM_CHECK_KERNEL_SHADOW,
	.open = open_check, .run = run, .close = close_check,
};
