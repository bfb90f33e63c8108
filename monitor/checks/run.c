/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - opens the checks of a configuration, and sweeps.
 */
#include "checks/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks/checks.h"
#include "common/clock.h"
#include "fingerprint/fingerprint.h"

uint64_t runner_cpu_us(void)
{
	return vhsm_clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1000;
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
		.fingerprints_told = r->setup.fingerprints_told,
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
	if (!r || reports_init(&r->reports)) {
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
	reports_free(&r->reports);
	free(r->written);
	free(r->scanning);
	explicit_bzero(&r->page_key, sizeof(r->page_key));
	free(r);
	*runner = NULL;
}

/* One check at most searches for keys. */
int vhsm_runner_fingerprints(struct vhsm_runner *r,
			     struct vhsm_fingerprints *set, char *why)
{
	unsigned i;

	for (i = 0; i < r->slots; i++)
		if (r->slot[i].open && r->slot[i].check->fingerprints)
			return r->slot[i].check->fingerprints(r->slot[i].state,
							      set, why);
	vhsm_fingerprints_free(&set);
	return 0;
}

/* --- a sweep --- */

/* Runs one QUICK check; what it reports is in r->reports.  An error stays its
 * run's until the next sweep, whatever the looks after it. */
static int run_quick(struct vhsm_runner *r, struct slot *slot,
		     const struct vhsm_kernel *kernel)
{
	struct vhsm_sweep sweep = {
		.kernel = kernel,
		.number = r->number,
		.deadline_ns = UINT64_MAX,
		.report = reports_take,
		.arg = &r->reports,
	};
	char why[VHSM_CHECK_WHY_LEN] = "";
	uint64_t began = runner_cpu_us();
	int result;

	reports_begin(&r->reports, slot->check);
	result = slot->check->run(slot->state, &sweep, why);
	slot->last.us += runner_cpu_us() - began;
	slot->last.objects = sweep.objects;
	slot->last.explained = sweep.explained;
	if (result < 0)
		runner_note(&slot->last, why, result);
	else if (sweep.cut || r->reports.overflow)
		runner_note(&slot->last, RUNNER_TOO_MANY, 0);
	return result < 0 ? result : 0;
}

static bool is_quick(const struct slot *slot)
{
	return slot->open && slot->info->cadence == VHSM_CADENCE_QUICK;
}

/* Runs it, and tells what is confirmed; what is not is looked for again. */
static int look_at(struct vhsm_runner *r, struct slot *slot,
		   const struct vhsm_kernel *kernel)
{
	int result = run_quick(r, slot, kernel);

	runner_judge(r, slot);
	return result;
}

/* Whether the check, or one that judges the same bytes, has to look again. */
static bool is_unsettled(const struct vhsm_runner *r, const struct slot *slot)
{
	unsigned i;

	if (slot->loose)
		return true;
	for (i = 0; slot->check->region && i < r->slots; i++)
		if (r->slot[i].check->region == slot->check->region &&
		    r->slot[i].loose)
			return true;
	return false;
}

/* Runs the checks that are not settled again, a little later: how many. */
static unsigned look_again(struct vhsm_runner *r,
			   const struct vhsm_kernel *kernel, int *error)
{
	const struct timespec pause = {
		.tv_sec = r->setup.confirm_ms / 1000,
		.tv_nsec = (long)(r->setup.confirm_ms % 1000) * 1000000,
	};
	bool again[VHSM_CHECK_RUNS_MAX];
	unsigned i, count = 0;
	int result;

	for (i = 0; i < r->slots; i++) {
		again[i] = is_quick(&r->slot[i]) &&
			is_unsettled(r, &r->slot[i]);
		count += again[i];
	}
	if (!count)
		return 0;
	nanosleep(&pause, NULL);
	vhsm_guest_memory_look_again(kernel->memory);
	r->look++;
	for (i = 0; i < r->slots; i++) {
		if (!again[i])
			continue;
		result = look_at(r, &r->slot[i], kernel);
		if (!*error)
			*error = result;
	}
	return count;
}

/* All the looks of a sweep: the first error of a check. */
static int look(struct vhsm_runner *r, const struct vhsm_kernel *kernel)
{
	int result, error = 0;
	unsigned i;

	r->look = 1;
	for (i = 0; i < r->slots; i++) {
		if (!is_quick(&r->slot[i]))
			continue;
		r->slot[i].last.us = 0;
		r->slot[i].last.finished = true;
		r->slot[i].last.error[0] = '\0';
		result = look_at(r, &r->slot[i], kernel);
		if (!error)
			error = result;
	}
	while (r->look < VHSM_RUNNER_LOOKS_MAX && look_again(r, kernel, &error))
		;
	for (i = 0; i < r->slots; i++)
		if (r->slot[i].loose && r->slot[i].last.finished)
			runner_note(&r->slot[i].last, RUNNER_UNSETTLED, 0);
	return error;
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
	uint64_t began = vhsm_now_ns();
	unsigned i;
	int error;

	memset(v, 0, sizeof(*v));
	/* What was found needs no second look to be found again, but has to be
	 * there still, and not only in an old mapping. */
	if (r->confirmed)
		vhsm_guest_memory_look_again(kernel->memory);
	r->number = number;
	r->seen_count = 0;
	r->confirmed = 0;
	for (i = 0; i < r->slots; i++)
		r->slot[i].loose = 0;
	error = look(r, kernel);
	v->number = number;
	v->findings = r->confirmed;
	runner_forget(r, number);
	v->clean = all_ran(r) && !v->findings && !r->full_found;
	/* What is told from now on counts in the next verdict. */
	r->full_found = 0;
	for (i = 0; i < r->slots; i++)
		r->slot[i].told = 0;
	v->full_done = r->full_done;
	fill_runs(r, v);
	v->us = (vhsm_now_ns() - began) / 1000;
	return error;
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
		.arg = &r->reports,
	};
	char reason[VHSM_CHECK_WHY_LEN] = "";
	json_t *learned = NULL;
	int result;

	reports_begin(&r->reports, slot->check);
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
