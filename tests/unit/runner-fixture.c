/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/runner-fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ALL_FULL_MS	1u

struct runner_play play;
struct runner_told told;
struct vhsm_runner *runner;
struct vhsm_kernel kernel;
int guest = -1;
struct vhsm_verdict verdict;
char runner_why[VHSM_RUNNER_WHY_LEN];

static void tell(void *arg, const struct vhsm_finding *f, bool again)
{
	(void)arg;
	told.count++;
	told.steady += f->check == VHSM_CHECK_CREDENTIALS;
	told.again += again;
	told.last = *f;
}

static int quick_open(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	const char *text = json_string_value(setup->options);

	*state = NULL;
	snprintf(play.options, sizeof(play.options), "%s", text ? text : "");
	if (play.open)
		snprintf(why, VHSM_CHECK_WHY_LEN, "line 3 is wrong");
	return play.open;
}

static int quick_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .confidence = 90 };
	unsigned i;

	(void)state;
	play.runs++;
	sweep->objects = 5;
	if (play.runs > play.until)
		return play.fails;
	for (i = 0; i < play.reports; i++) {
		unsigned run = play.runs == play.back ? 1 : play.runs;

		snprintf(f.object, sizeof(f.object), "thing %u",
			 play.moves ? 1000 * run + i : i);
		f.address = 0x5000 + run * play.step;
		snprintf(f.detail, sizeof(f.detail), "run %u\x1b[2J", play.runs);
		sweep->report(sweep, &f);
		sweep->report(sweep, &f);	/* the same object, twice */
	}
	sweep->cut = play.cut;
	if (play.fails)
		snprintf(why, VHSM_CHECK_WHY_LEN, "the list loops");
	return play.fails;
}

static int quick_learn(void *state, struct vhsm_sweep *sweep, json_t **learned,
		       char *why)
{
	(void)state;
	(void)sweep;
	(void)why;
	*learned = json_integer(7);
	return 0;
}

static int full_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .object = "frame 3", .confidence = 90,
				  .physical = play.full_physical };

	(void)state;
	(void)why;
	play.full_runs++;
	play.dirty = sweep->dirty;
	if (sweep->dirty)
		play.dirty_byte = sweep->dirty[0];
	sweep->cut = play.full_cut;
	if (play.full_reports)
		sweep->report(sweep, &f);
	if (play.slices && play.full_runs % play.slices)
		return VHSM_CHECK_MORE;
	return play.full_fails;
}

static int steady_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	const struct vhsm_finding f = { .object = "pid 666", .confidence = 95 };

	(void)state;
	(void)why;
	sweep->objects = 1;
	if (play.steady_reports)
		sweep->report(sweep, &f);
	return 0;
}

static int twin_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct vhsm_finding f = { .object = "hook", .confidence = 95,
				  .address = 0x5ff8 };

	(void)state;
	(void)why;
	play.twin_runs++;
	if (play.twin_from && play.twin_runs >= play.twin_from)
		sweep->report(sweep, &f);
	return 0;
}

static const struct vhsm_check quick = {
	.number = VHSM_CHECK_MODULE_HIDDEN, .open = quick_open,
	.run = quick_run, .learn = quick_learn,
};
static const struct vhsm_check steady = {
	.number = VHSM_CHECK_CREDENTIALS, .run = steady_run,
};
static const struct vhsm_check full = {
	.number = VHSM_CHECK_YARA, .run = full_run,
};
static const struct vhsm_check *const table[] = {
	&quick, &steady, &full, NULL
};
/* Two that judge the same bytes. */
static const struct vhsm_check text = {
	.number = VHSM_CHECK_KERNEL_TEXT, .region = VHSM_REGION_TEXT,
	.open = quick_open, .run = quick_run,
};
static const struct vhsm_check twin = {
	.number = VHSM_CHECK_INLINE_HOOK, .region = VHSM_REGION_TEXT,
	.run = twin_run,
};
const struct vhsm_check *const text_table[] = { &text, &twin, NULL };

void open_runner_of(const struct vhsm_check *const *checks_there,
		    const json_t *checks)
{
	const struct vhsm_runner_setup setup = {
		.table = checks_there, .checks = checks, .confirm_ms = 1,
		.full_ms = ALL_FULL_MS, .found = tell,
	};

	runner = vhsm_runner_open(&setup, runner_why);
}

void open_runner(const json_t *checks)
{
	open_runner_of(table, checks);
}

void runner_begin(void)
{
	char path[32], memory_why[VHSM_MEMORY_WHY_LEN];

	guest = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(guest, VHSM_GUEST_PAGE_SIZE), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", guest);
	kernel.memory = vhsm_guest_memory_open_image(path, memory_why);
	ck_assert_ptr_nonnull(kernel.memory);
	memset(&play, 0, sizeof(play));
	memset(&told, 0, sizeof(told));
	play.until = UINT32_MAX;
	open_runner(NULL);
	ck_assert_ptr_nonnull(runner);
}

void runner_end(void)
{
	vhsm_runner_close(&runner);
	vhsm_guest_memory_close(&kernel.memory);
	close(guest);
}

int sweep(uint64_t number)
{
	memset(&told, 0, sizeof(told));
	return vhsm_runner_sweep(runner, &kernel, number, &verdict);
}

void scan(void)
{
	const struct timespec due = { .tv_nsec = 2 * ALL_FULL_MS * 1000000 };

	nanosleep(&due, NULL);
	while (vhsm_runner_slice(runner, &kernel, 0) == VHSM_CHECK_MORE)
		;
}
