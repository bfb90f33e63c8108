/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - opens the checks of a configuration, and sweeps.
 */
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t runner_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t runner_cpu_us(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1000;
}

void runner_note(struct vhsm_check_run *run, const char *why, int r)
{
	run->finished = false;
	snprintf(run->error, sizeof(run->error), "%s", why[0] ? why :
		 strerror(-r));
	vhsm_finding_clean_text(run->error, sizeof(run->error));
}

/* --- opening --- */

/* Whether the configuration has the check, and its options. */
static bool wanted(const struct vhsm_runner_setup *setup, const char *name,
		   const json_t **options)
{
	*options = NULL;
	if (!setup->checks)
		return true;
	*options = json_object_get(setup->checks, name);
	if (!*options)
		return false;
	if (json_is_null(*options))
		*options = NULL;
	return true;
}

static void open_check(struct vhsm_runner *r, const struct vhsm_check *check)
{
	const struct vhsm_check_info *info =
		vhsm_check_by_number(check->number);
	struct vhsm_check_setup setup = {
		.reference = r->setup.reference,
		.baseline_dir = r->setup.baseline_dir,
		.page_key = &r->page_key,
	};
	struct slot *slot = &r->slot[r->slots];
	char why[VHSM_CHECK_WHY_LEN] = "";
	int result;

	if (!info || r->slots == VHSM_CHECK_RUNS_MAX ||
	    !wanted(&r->setup, info->name, &setup.options))
		return;
	if (r->setup.learned)
		setup.learned = json_object_get(r->setup.learned, info->name);
	result = check->open ? check->open(&setup, &slot->state, why) : 0;
	if (result == -ENOENT)
		return;
	slot->check = check;
	slot->info = info;
	slot->open = result == 0;
	slot->last = (struct vhsm_check_run){ .check = check->number };
	if (result)
		runner_note(&slot->last, why, result);
	r->slots++;
}

static int check_names(const struct vhsm_runner_setup *setup, char *why)
{
	const char *name;
	json_t *options;

	json_object_foreach((json_t *)setup->checks, name, options) {
		(void)options;
		if (vhsm_check_by_name(name))
			continue;
		snprintf(why, VHSM_RUNNER_WHY_LEN, "there is no check \"%.60s\""
			 " (vhsm-inspect checks lists them)", name);
		return -EINVAL;
	}
	return 0;
}

struct vhsm_runner *vhsm_runner_open(const struct vhsm_runner_setup *setup,
				     char *why)
{
	const struct vhsm_check *const *table = setup->table ? setup->table :
						vhsm_checks;
	struct vhsm_runner *r;

	if (check_names(setup, why))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r || reports_init(&r->first) || reports_init(&r->second)) {
		snprintf(why, VHSM_RUNNER_WHY_LEN, "not enough memory");
		vhsm_runner_close(&r);
		return NULL;
	}
	if (vhsm_page_key_init(&r->page_key)) {
		snprintf(why, VHSM_RUNNER_WHY_LEN,
			 "the system's random generator does not answer");
		vhsm_runner_close(&r);
		return NULL;
	}
	r->setup = *setup;
	for (; *table; table++)
		open_check(r, *table);
	return r;
}

void vhsm_runner_close(struct vhsm_runner **runner)
{
	struct vhsm_runner *r = *runner;
	unsigned i;

	if (!r)
		return;
	for (i = 0; i < r->slots; i++)
		if (r->slot[i].open && r->slot[i].check->close)
			r->slot[i].check->close(r->slot[i].state);
	reports_free(&r->first);
	reports_free(&r->second);
	free(r->written);
	free(r->scanning);
	explicit_bzero(&r->page_key, sizeof(r->page_key));
	free(r);
	*runner = NULL;
}

/* --- a sweep --- */

/* Runs one QUICK check; what it reports is added to reports. */
static int run_quick(struct vhsm_runner *r, struct slot *slot,
		     const struct vhsm_kernel *kernel, struct reports *reports)
{
	struct vhsm_sweep sweep = {
		.kernel = kernel,
		.number = r->number,
		.deadline_ns = UINT64_MAX,
		.report = reports_take,
		.arg = reports,
	};
	char why[VHSM_CHECK_WHY_LEN] = "";
	uint64_t began = runner_cpu_us();
	int result;

	reports->check = slot->check->number;
	result = slot->check->run(slot->state, &sweep, why);
	slot->last.us += runner_cpu_us() - began;
	slot->last.objects = sweep.objects;
	slot->last.explained = sweep.explained;
	if (result < 0) {
		runner_note(&slot->last, why, result);
		return result;
	}
	slot->last.finished = true;
	slot->last.error[0] = '\0';
	return 0;
}

static bool is_quick(const struct slot *slot)
{
	return slot->open && slot->info->cadence == VHSM_CADENCE_QUICK;
}

/* The number of reports of the check, and whether one of them is new. */
static unsigned count_reports(struct vhsm_runner *r, const struct slot *slot,
			      bool *new)
{
	unsigned i, count = 0;

	*new = false;
	for (i = 0; i < r->first.count; i++) {
		if (r->first.finding[i].check != slot->check->number)
			continue;
		count++;
		if (!runner_known(r, &r->first.finding[i]))
			*new = true;
	}
	return count;
}

/* Runs the checks with something new again, a little later. */
static int look_again(struct vhsm_runner *r, const struct vhsm_kernel *kernel)
{
	const struct timespec pause = {
		.tv_sec = r->setup.confirm_ms / 1000,
		.tv_nsec = (long)(r->setup.confirm_ms % 1000) * 1000000,
	};
	bool new, slept = false;
	int result, first_error = 0;
	unsigned i;

	for (i = 0; i < r->slots; i++) {
		if (!is_quick(&r->slot[i]) ||
		    !count_reports(r, &r->slot[i], &new) || !new)
			continue;
		if (!slept)
			nanosleep(&pause, NULL);
		slept = true;
		result = run_quick(r, &r->slot[i], kernel, &r->second);
		if (!first_error)
			first_error = result;
	}
	return first_error;
}

/* Tells what was known before, or was seen at both looks; the number. */
static unsigned tell_confirmed(struct vhsm_runner *r)
{
	const struct vhsm_finding *f, *later;
	unsigned i, told = 0;

	for (i = 0; i < r->first.count; i++) {
		f = &r->first.finding[i];
		later = reports_find(&r->second, f);
		if (!later && !runner_known(r, f))
			continue;
		runner_tell(r, later ? later : f);
		told++;
	}
	return told;
}

/* Every check ran, and those of the full scan have not failed. */
static bool all_ran(const struct vhsm_runner *r)
{
	const struct slot *slot;
	unsigned i;

	for (i = 0; i < r->slots; i++) {
		slot = &r->slot[i];
		if (!slot->open || (!slot->last.finished && slot->last.error[0]))
			return false;
	}
	return true;
}

static void fill_runs(const struct vhsm_runner *r, struct vhsm_verdict *v)
{
	unsigned i;

	for (i = 0; i < r->slots; i++)
		if (!r->slot[i].open || r->slot[i].ran ||
		    is_quick(&r->slot[i]) || r->slot[i].last.error[0])
			v->run[v->run_count++] = r->slot[i].last;
}

int vhsm_runner_sweep(struct vhsm_runner *r, const struct vhsm_kernel *kernel,
		      uint64_t number, struct vhsm_verdict *v)
{
	uint64_t began = runner_now_ns();
	int result, first_error = 0;
	unsigned i;

	memset(v, 0, sizeof(*v));
	r->number = number;
	r->first.count = r->second.count = 0;
	r->first.overflow = r->second.overflow = false;
	for (i = 0; i < r->slots; i++) {
		if (!is_quick(&r->slot[i]))
			continue;
		r->slot[i].last.us = 0;
		result = run_quick(r, &r->slot[i], kernel, &r->first);
		if (!first_error)
			first_error = result;
	}
	result = look_again(r, kernel);
	if (!first_error)
		first_error = result;
	v->number = number;
	v->findings = tell_confirmed(r);
	runner_forget(r, number);
	v->clean = all_ran(r) && !v->findings && !r->full_found &&
		!r->first.overflow;
	r->full_found = 0;
	v->full_done = r->full_done;
	fill_runs(r, v);
	v->us = (runner_now_ns() - began) / 1000;
	return first_error;
}

/* --- learning --- */

static int learn_one(struct vhsm_runner *r, struct slot *slot,
		     const struct vhsm_kernel *kernel, json_t *all, char *why)
{
	struct vhsm_sweep sweep = {
		.kernel = kernel,
		.number = r->number,
		.deadline_ns = UINT64_MAX,
		.report = reports_take,
		.arg = &r->second,
	};
	char reason[VHSM_CHECK_WHY_LEN] = "";
	json_t *learned = NULL;
	int result;

	r->second.count = 0;
	r->second.check = slot->check->number;
	result = slot->check->learn(slot->state, &sweep, &learned, reason);
	if (!result && json_object_set_new(all, slot->info->name, learned))
		result = -ENOMEM;
	if (result)
		snprintf(why, VHSM_RUNNER_WHY_LEN, "check %s cannot learn: %s",
			 slot->info->name,
			 reason[0] ? reason : strerror(-result));
	return result;
}

int vhsm_runner_learn(struct vhsm_runner *r, const struct vhsm_kernel *kernel,
		      json_t **learned, char *why)
{
	int result = 0;
	unsigned i;

	*learned = json_object();
	if (!*learned) {
		snprintf(why, VHSM_RUNNER_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	for (i = 0; !result && i < r->slots; i++)
		if (r->slot[i].open && r->slot[i].check->learn)
			result = learn_one(r, &r->slot[i], kernel, *learned,
					   why);
	if (result) {
		json_decref(*learned);
		*learned = NULL;
	}
	return result;
}
