/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-full.c - full scans, by slices, and which frames they may leave out.
 *
 * A frame may be left out when it was read by the last finished scan and every
 * write since that scan began was told, or will be: what is written while a
 * scan is under way, or was not told yet when it began, is looked at by the
 * next one.  One in which a check failed, or before which writes got lost,
 * leaves nothing out.  A scan waits until it is told, so as not to leave that
 * to the next.
 */
#include "checks/runner.h"
#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUEST_PAGE	4096u

/* --- what was written --- */

void vhsm_runner_dirty_unknown(struct vhsm_runner *r)
{
	r->tracking = false;
	r->trusted = false;
	r->full_tracked = false;
}

/* Both maps for that many frames; false without memory. */
static bool make_maps(struct vhsm_runner *r, uint64_t frames)
{
	if (r->written && r->frames == frames)
		return true;
	free(r->written);
	free(r->scanning);
	r->frames = frames;
	r->written = calloc(1, frames / 8 + 1);
	r->scanning = calloc(1, frames / 8 + 1);
	r->trusted = false;
	r->full_tracked = false;
	return r->written && r->scanning;
}

void vhsm_runner_dirty(struct vhsm_runner *r, uint64_t frames, uint64_t first,
		       const uint8_t *bits, uint64_t count)
{
	uint64_t i;

	if (!make_maps(r, frames)) {
		vhsm_runner_dirty_unknown(r);
		return;
	}
	r->tracking = true;
	r->told = true;
	if (first >= frames)
		return;
	if (count > frames - first)
		count = frames - first;
	for (i = 0; i < count; i++)
		if (bits[i / 8] >> (i % 8) & 1)
			r->written[(first + i) / 8] |=
				(uint8_t)(1u << ((first + i) % 8));
}

/* The scan that begins looks at what was written until now. */
static void take_written(struct vhsm_runner *r)
{
	uint8_t *scanning = r->written;
	uint64_t i;

	r->full_tracked = r->tracking;
	r->told = false;
	if (!r->written)
		return;
	r->written = r->scanning;
	r->scanning = scanning;
	memset(r->written, 0, r->frames / 8 + 1);
	r->scanning_frames = 0;
	for (i = 0; i < r->frames / 8 + 1; i++)
		r->scanning_frames +=
			(uint64_t)__builtin_popcount(r->scanning[i]);
}

/* --- scans --- */

static bool is_full(const struct slot *slot)
{
	return slot->open && slot->info->cadence == VHSM_CADENCE_FULL;
}

static void next_slot(struct vhsm_runner *r, unsigned at)
{
	while (at < r->slots && !is_full(&r->slot[at]))
		at++;
	r->full_at = at;
	r->full_cut = false;
	if (at < r->slots)
		r->full_run = (struct vhsm_check_run){
			.check = r->slot[at].check->number };
}

static bool begin(struct vhsm_runner *r)
{
	uint64_t now = vhsm_now_ns();

	if (!r->setup.full_ms)
		return false;
	if (r->full_started_ns && now - r->full_started_ns <
	    (uint64_t)r->setup.full_ms * 1000000)
		return false;
	if (r->tracking && !r->told)
		return false;
	next_slot(r, 0);
	if (r->full_at == r->slots)
		return false;
	r->full_started_ns = now;
	r->full_under_way = true;
	r->full_failed = false;
	take_written(r);
	return true;
}

static void end(struct vhsm_runner *r)
{
	r->full_under_way = false;
	r->trusted = r->full_tracked && r->tracking && !r->full_failed;
	if (!r->full_failed)
		r->full_done++;
}

/* What was found counts for as long as it is there: its frame is looked at by
 * the next scan, too, written or not; all of them, if it is not known. */
static void look_there_again(struct vhsm_runner *r,
			     const struct vhsm_finding *f)
{
	const uint64_t gfn = f->physical / GUEST_PAGE;

	if (!f->physical)
		r->full_tracked = false;
	else if (r->written && gfn < r->frames)
		r->written[gfn / 8] |= (uint8_t)(1u << (gfn % 8));
}

static void tell_all(struct vhsm_runner *r, struct slot *slot)
{
	unsigned i;

	for (i = 0; i < r->reports.count; i++) {
		r->full_found++;
		look_there_again(r, &r->reports.finding[i]);
		runner_tell(r, slot, &r->reports.finding[i]);
	}
}

/* Runs the check the scan is at: VHSM_CHECK_MORE, 0, or its error. */
static int run_full(struct vhsm_runner *r, const struct vhsm_kernel *kernel,
		    uint64_t deadline_ns)
{
	struct slot *slot = &r->slot[r->full_at];
	struct vhsm_sweep sweep = {
		.kernel = kernel,
		.number = r->number,
		.deadline_ns = deadline_ns,
		.report = reports_take,
		.arg = &r->reports,
	};
	char why[VHSM_CHECK_WHY_LEN] = "";
	uint64_t began = runner_cpu_us();
	int result;

	if (r->trusted && r->full_tracked && r->scanning) {
		sweep.dirty = r->scanning;
		sweep.dirty_frames = r->scanning_frames;
	}
	reports_begin(&r->reports, slot->check);
	result = slot->check->run(slot->state, &sweep, why);
	r->full_run.us += runner_cpu_us() - began;
	r->full_run.objects += sweep.objects;
	r->full_run.explained += sweep.explained;
	tell_all(r, slot);
	r->full_cut |= sweep.cut || r->reports.overflow;
	if (result == VHSM_CHECK_MORE)
		return result;
	r->full_run.finished = !result;
	if (result)
		runner_note(&r->full_run, why, result);
	else if (r->full_cut)
		runner_note(&r->full_run, RUNNER_TOO_MANY, 0);
	slot->last = r->full_run;
	slot->ran = true;
	return result;
}

int vhsm_runner_slice(struct vhsm_runner *r, const struct vhsm_kernel *kernel,
		      uint32_t ms)
{
	uint64_t deadline = vhsm_now_ns() + (uint64_t)ms * 1000000;
	int result;

	if (!r->full_under_way && !begin(r))
		return 0;
	do {
		result = run_full(r, kernel, deadline);
		if (result == VHSM_CHECK_MORE)
			continue;
		if (result || r->full_cut)
			r->full_failed = true;
		next_slot(r, r->full_at + 1);
		if (r->full_at == r->slots) {
			end(r);
			return 0;
		}
	} while (vhsm_now_ns() < deadline);
	return VHSM_CHECK_MORE;
}
