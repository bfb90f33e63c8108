/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-sweep.c - opens what a guest is compared with, finds its kernel,
 * sweeps.
 */
#include "scanner/guest-sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks/check.h"
#include "checks/run.h"
#include "common/clock.h"
#include "introspect/guest-memory.h"

/* Mappings that no sweep uses are given up by and by, so that frames which the
 * guest gave back do not stay with it for ever: none is older than 64 sweeps.
 * Those in use are made anew, all of them if this long suffices. */
#define RENEW_US	5000u
#define FORGET_EVERY	4u
#define FORGET_SHARE	8u

struct guest {
	struct guest_setup setup;
	struct vhsm_guest_memory *memory;
	struct vhsm_reference *reference;
	json_t *manifest;		/* NULL: the baseline has none */
	json_t *checks;
	struct vhsm_runner *runner;
	struct vhsm_kernel kernel;
	bool kernel_known;
	uint64_t boots_ms;		/* since when it boots; 0: was not seen */
	uint64_t frames;
	uint32_t slice_ms;
};

static void on_found(void *arg, const struct vhsm_finding *f, bool again)
{
	struct guest *g = arg;

	(void)again;
	g->setup.found(g->setup.arg, f);
}

/* The baseline's file of that name. */
static void baseline_path(const struct guest *g, const char *name, char *path,
			  size_t size)
{
	snprintf(path, size, "%s/%s", g->setup.baseline_dir, name);
}

static bool open_baseline(struct guest *g, char *why)
{
	char path[512], reason[VHSM_REFERENCE_WHY_LEN] = "";
	json_error_t error;

	baseline_path(g, "reference", path, sizeof(path));
	g->reference = vhsm_reference_open(path, reason);
	if (!g->reference) {
		snprintf(why, GUEST_WHY_LEN, "the baseline's reference: %s",
			 reason);
		return false;
	}
	baseline_path(g, "manifest.json", path, sizeof(path));
	g->manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	/* Without one nothing was learned; one that is damaged is an error. */
	if (g->manifest || json_error_code(&error) ==
			   json_error_cannot_open_file)
		return true;
	snprintf(why, GUEST_WHY_LEN, "the baseline's manifest.json is damaged"
		 " (line %d)", error.line);
	return false;
}

static bool open_memory(struct guest *g, const struct vhsm_configure *c,
			char *why)
{
	char reason[VHSM_MEMORY_WHY_LEN] = "";

	g->memory = g->setup.image ?
		vhsm_guest_memory_open_image(g->setup.image, reason) :
		vhsm_guest_memory_open_target(c->domid, c->frames, reason);
	if (!g->memory)
		snprintf(why, GUEST_WHY_LEN, "the guest's memory: %s", reason);
	return g->memory;
}

static bool open_runner(struct guest *g, const struct vhsm_configure *c,
			char *why)
{
	const struct vhsm_runner_setup setup = {
		.reference = g->reference,
		.baseline_dir = g->setup.baseline_dir,
		.checks = g->checks,
		.learned = json_object_get(g->manifest, "learned"),
		.fingerprints_told = true,
		.confirm_ms = g->setup.confirm_ms,
		.full_ms = c->full_ms,
		.found = on_found,
		.arg = g,
	};

	g->runner = vhsm_runner_open(&setup, why);
	return g->runner;
}

struct guest *guest_open(const struct guest_setup *setup,
			 const struct vhsm_configure *c, char *why)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		snprintf(why, GUEST_WHY_LEN, "not enough memory");
		return NULL;
	}
	g->setup = *setup;
	g->frames = c->frames;
	g->slice_ms = c->slice_ms;
	g->checks = json_incref(c->checks);
	if (!open_baseline(g, why) || !open_memory(g, c, why) ||
	    !open_runner(g, c, why))
		guest_close(&g);
	return g;
}

void guest_close(struct guest **guest)
{
	struct guest *g = *guest;

	if (!g)
		return;
	vhsm_runner_close(&g->runner);
	vhsm_reference_close(&g->reference);
	if (g->memory)
		vhsm_guest_memory_close(&g->memory);
	json_decref(g->manifest);
	json_decref(g->checks);
	free(g);
	*guest = NULL;
}

/* Not for longer than a boot takes: a guest could look like this for ever. */
static bool may_boot(struct guest *g)
{
	uint64_t now = (uint64_t)vhsm_now_ms();

	if (!vhsm_kernel_boots(&g->kernel))
		return false;
	if (!g->boots_ms)
		g->boots_ms = now;
	return now - g->boots_ms < g->setup.boot_ms;
}

/* The kernel with fresh registers: 0, or -errno with why. */
static int look_at_kernel(struct guest *g, const struct vhsm_sweep_order *o,
			  char *why)
{
	int r;

	if (g->kernel_known) {
		r = vhsm_kernel_set_vcpus(&g->kernel, o->vcpu, o->vcpu_count);
		if (r)
			snprintf(why, VHSM_KERNEL_WHY_LEN,
				 "the vCPUs' registers make no sense");
		return r;
	}
	r = vhsm_kernel_find(&g->kernel, g->memory, g->reference, o->vcpu,
			     o->vcpu_count, why);
	if (!r && may_boot(g)) {
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "its kernel has not started a process yet");
		r = -EAGAIN;
	}
	g->kernel_known = r == 0;
	return r;
}

void guest_sweep(struct guest *g, const struct vhsm_sweep_order *o,
		 struct vhsm_verdict *v, bool *found)
{
	char why[VHSM_KERNEL_WHY_LEN] = "";
	bool known = g->kernel_known;
	int r;

	memset(v, 0, sizeof(*v));
	v->number = o->number;
	*found = false;
	vhsm_guest_memory_look_begin(g->memory, RENEW_US);
	r = look_at_kernel(g, o, why);
	if (r) {
		/* The verdict has room for less than what can be said. */
		snprintf(v->error, sizeof(v->error), "%.*s",
			 (int)sizeof(v->error) - 1, why[0] ? why : strerror(-r));
		vhsm_finding_clean_text(v->error, sizeof(v->error));
	} else {
		*found = !known;
		/* A check that could not read: the kernel may be another one
		 * by now, and is looked for again. */
		if (vhsm_runner_sweep(g->runner, &g->kernel, o->number, v) ==
		    -EFAULT)
			g->kernel_known = false;
	}
	vhsm_guest_memory_look_end(g->memory);
	if (o->number % FORGET_EVERY == 0)
		vhsm_guest_memory_forget_oldest(g->memory, FORGET_SHARE);
	v->cpu_us = vhsm_clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000;
}

void guest_describe(const struct guest *g, struct vhsm_found *found)
{
	memset(found, 0, sizeof(*found));
	found->slide = g->kernel.slide;
	snprintf(found->release, sizeof(found->release), "%s",
		 vhsm_reference_release(g->reference));
	vhsm_finding_clean_text(found->release, sizeof(found->release));
}

void guest_written(struct guest *g, uint64_t first, const uint8_t *bits,
		   size_t bytes)
{
	vhsm_runner_dirty(g->runner, g->frames, first, bits,
			  8 * (uint64_t)bytes);
}

void guest_written_unknown(struct guest *g)
{
	vhsm_runner_dirty_unknown(g->runner);
}

int guest_fingerprints(struct guest *g, struct vhsm_fingerprints *set,
		       char *why)
{
	return vhsm_runner_fingerprints(g->runner, set, why);
}

void guest_slice(struct guest *g)
{
	if (g->kernel_known)
		vhsm_runner_slice(g->runner, &g->kernel, g->slice_ms);
}

int guest_learn(struct guest *g, json_t **learned, char *why)
{
	if (g->kernel_known)
		return vhsm_runner_learn(g->runner, &g->kernel, learned, why);
	snprintf(why, GUEST_WHY_LEN, "there is no kernel to learn from yet");
	return -ENOENT;
}
