/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace-hook.c - somebody's code, not the kernel's, is called when a sensitive
 * function is: by ftrace, by a direct call, by a kprobe or kretprobe.
 *
 * The kernel's own tracers (function tracer, kprobe events, perf, BPF) have
 * their handlers in the kernel's text and are no finding, so a healthy guest
 * may trace itself.  What a BPF program then does is not judged here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/module-list.h"
#include "checks/probe-list.h"
#include "checks/sensitive.h"

#define REPORTS_MAX	32u		/* of one sweep */
#define CHILDREN_MAX	256u		/* kprobes at one address */

struct trace_hook {
	struct vhsm_sensitive sensitive;
	struct vhsm_sweep *sweep;
	unsigned reports;
	unsigned steps;			/* left, for hashes */
	/* Of what is looked at. */
	const struct vhsm_tracer *tracer;
	const struct vhsm_probe *probe;
	bool excluded[VHSM_SENSITIVE_MAX];
};

/* --- reports --- */

static void report(struct trace_hook *t, const char *by, const char *function,
		   uint64_t handler)
{
	const struct vhsm_kernel *k = t->sweep->kernel;
	struct vhsm_finding f = {
		.check = VHSM_CHECK_TRACE_HOOK, .confidence = 95,
	};
	struct vhsm_mapping at;
	char to[96];
	uint64_t va;

	if (t->reports++ >= REPORTS_MAX) {
		t->sweep->cut = true;
		return;
	}
	vhsm_module_describe(k, handler, to, sizeof(to));
	snprintf(f.object, sizeof(f.object), "%s on %s", by, function);
	snprintf(f.symbol, sizeof(f.symbol), "%s", function);
	/* The code is the handler's: what now runs. */
	f.address = handler;
	if (!vhsm_kernel_read(k, handler, f.after, sizeof(f.after))) {
		f.after_len = sizeof(f.after);
		vhsm_finding_disassemble(&f);
	}
	if (!vhsm_address_space_translate(&k->space, handler, &at))
		f.physical = at.physical + (handler - at.start);
	if (vhsm_kernel_symbol(k, function, &va))
		va = 0;
	snprintf(f.detail, sizeof(f.detail),
		 "%s on %s (%#llx) calls %#llx (%s)", by, function,
		 (unsigned long long)va, (unsigned long long)handler,
		 to[0] ? to : "outside kernel and modules");
	t->sweep->report(t->sweep, &f);
}

static const char *sensitive(const struct trace_hook *t, uint64_t va)
{
	const struct vhsm_kernel *k = t->sweep->kernel;

	return vhsm_kernel_in_text(k, va) ?
	       vhsm_sensitive_find(&t->sensitive, k->reference,
				   va - k->slide) : NULL;
}

/* --- ftrace --- */

static int filter_visit(uint64_t ip, uint64_t direct, void *arg)
{
	struct trace_hook *t = arg;
	const char *name = sensitive(t, ip);

	(void)direct;
	if (name)
		report(t, "ftrace hook", name, t->tracer->func);
	return 0;
}

static int notrace_visit(uint64_t ip, uint64_t direct, void *arg)
{
	struct trace_hook *t = arg;
	const char *name = sensitive(t, ip);

	(void)direct;
	for (size_t i = 0; name && i < t->sensitive.count; i++)
		if (t->sensitive.function[i].name == name)
			t->excluded[i] = true;
	return 0;
}

static void check_direct(struct trace_hook *t, const struct vhsm_direct *d)
{
	const char *name = sensitive(t, d->ip);

	if (name && d->target &&
	    !vhsm_kernel_in_text(t->sweep->kernel, d->target))
		report(t, "direct call", name, d->target);
}

/* A tracer without a filter traces everything but what is in notrace. */
static int check_unfiltered(struct trace_hook *t)
{
	memset(t->excluded, 0, sizeof(t->excluded));
	int error = vhsm_ftrace_hash_walk(t->sweep->kernel, t->tracer->notrace,
					  &t->steps, notrace_visit, t);

	for (size_t i = 0; !error && i < t->sensitive.count; i++)
		if (!t->excluded[i])
			report(t, "ftrace hook", t->sensitive.function[i].name,
			       t->tracer->func);
	return error;
}

static int check_tracer(struct trace_hook *t)
{
	const struct vhsm_kernel *k = t->sweep->kernel;
	unsigned before = t->reports;
	int error;

	if (vhsm_kernel_in_text(k, t->tracer->func))
		return 0;
	if (vhsm_ftrace_hash_count(k, t->tracer->filter))
		error = vhsm_ftrace_hash_walk(k, t->tracer->filter, &t->steps,
					      filter_visit, t);
	else
		error = check_unfiltered(t);
	if (!error && t->reports == before &&
	    t->tracer->flags & VHSM_TRACER_IPMODIFY)
		report(t, "ftrace redirection", "kernel functions",
		       t->tracer->func);
	return error;
}

/* --- kprobes --- */

static void judge_handler(struct trace_hook *t, const char *by, uint64_t handler)
{
	const char *name = sensitive(t, t->probe->addr);

	if (handler && name && !vhsm_kernel_in_text(t->sweep->kernel, handler))
		report(t, by, name, handler);
}

static bool is_symbol(const struct vhsm_kernel *k, uint64_t va,
		      const char *name)
{
	uint64_t symbol;

	return !vhsm_kernel_symbol(k, name, &symbol) && symbol == va;
}

/* A kretprobe's kprobe has the kernel's own handler; its own are beside it. */
static int check_return(struct trace_hook *t, uint64_t kprobe)
{
	const struct vhsm_kernel *k = t->sweep->kernel;
	uint64_t va = kprobe - vhsm_reference_layout(k->reference,
					VHSM_L_kretprobe__kp).offset;
	uint64_t handler, entry;
	int error = vhsm_kernel_read_member(k, va, VHSM_L_kretprobe__handler,
					    &handler);

	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_kretprobe__entry_handler, &entry);
	if (error)
		return error;
	judge_handler(t, "kretprobe", handler);
	judge_handler(t, "kretprobe", entry);
	return 0;
}

static int check_handlers(struct trace_hook *t, uint64_t kprobe, uint64_t pre,
			  uint64_t post)
{
	judge_handler(t, "kprobe", pre);
	judge_handler(t, "kprobe", post);
	return is_symbol(t->sweep->kernel, pre, "pre_handler_kretprobe") ?
	       check_return(t, kprobe) : 0;
}

static int child_visit(uint64_t va, void *arg)
{
	struct trace_hook *t = arg;
	const struct vhsm_kernel *k = t->sweep->kernel;
	uint64_t pre, post;
	int error = vhsm_kernel_read_member(k, va, VHSM_L_kprobe__pre_handler,
					    &pre);

	if (!error)
		error = vhsm_kernel_read_member(
			k, va, VHSM_L_kprobe__post_handler, &post);
	return error ? error : check_handlers(t, va, pre, post);
}

static int check_probe(struct trace_hook *t)
{
	const struct vhsm_kernel *k = t->sweep->kernel;
	const struct vhsm_probe *p = t->probe;
	uint32_t list = vhsm_reference_layout(k->reference,
					      VHSM_L_kprobe__list).offset;

	/* Several at one address hang on one that stands for all. */
	if (is_symbol(k, p->pre, "aggr_pre_handler"))
		return vhsm_kernel_walk_list(k, p->va + list, list,
					     CHILDREN_MAX, child_visit, t);
	return check_handlers(t, p->va, p->pre, p->post);
}

/* --- the check --- */

static int check_all(struct trace_hook *t, const struct vhsm_probe_list *list)
{
	int error = 0;

	for (size_t i = 0; i < list->tracers && !error; i++) {
		t->tracer = &list->tracer[i];
		error = check_tracer(t);
	}
	for (size_t i = 0; i < list->probes && !error; i++) {
		t->probe = &list->probe[i];
		error = check_probe(t);
	}
	for (size_t i = 0; i < list->directs && !error; i++)
		check_direct(t, &list->direct[i]);
	return error;
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct trace_hook *t = state;
	struct vhsm_probe_list list;
	int error = vhsm_probe_list_read(sweep->kernel, &list, why);

	if (error)
		return error;
	t->sweep = sweep;
	t->reports = 0;
	t->steps = VHSM_HASH_STEPS_MAX;
	error = check_all(t, &list);
	if (error)
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "what is attached to functions cannot be read: %s",
			 strerror(-error));
	sweep->objects += list.tracers + list.probes;
	vhsm_probe_list_deinit(&list);
	return error;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	*state = NULL;
	if (!setup->reference) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference");
		return -ENOENT;
	}
	struct trace_hook *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	int error = vhsm_sensitive_init(&t->sensitive, setup->reference,
					setup->options, why);

	if (error)
		free(t);
	else
		*state = t;
	return error;
}

static void close_check(void *state)
{
	free(state);
}

const struct vhsm_check vhsm_check_trace_hook = {
	.number = VHSM_CHECK_TRACE_HOOK,
	.open = open_check, .run = run, .close = close_check,
};
