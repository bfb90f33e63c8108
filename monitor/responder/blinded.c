/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blinded.c - a guest that its monitor cannot see, though the monitor does what
 * it can: its kernel is not found, a list loops, what is wrong changes all the
 * time, or its pages are where nobody looks.  Any of that is the guest's doing
 * and may be another's who has taken it.  It has no clean sweep and so no
 * lease; but not every policy demands one, and people should know.
 *
 * A sweep that showed it approved takes back one that did not, so a guest that
 * shows itself now and then is told of, too.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "responder/responder.h"

#define SCORE_MAX	10u		/* sweeps */
#define BOOT_SCORE_MAX	300u		/* the same until it has a kernel: a
					 * boot loader may wait for somebody */

static struct vhsm_blinded *blinded_of(struct vhsm_watched *w)
{
	if (w->blinded.boot != w->boot)
		w->blinded = (struct vhsm_blinded){ .boot = w->boot };
	return &w->blinded;
}

static void tell(struct vhsm_watched *w, const struct vhsm_verdict *v)
{
	const char *object = "kernel", *error = v->error;
	char detail[VHSM_WHY_LEN];

	/* What is said is of the last. */
	for (unsigned i = 0; i < v->run_count; i++)
		if (!v->run[i].finished) {
			object = vhsm_check_by_number(v->run[i].check)->name;
			error = v->run[i].error;
			break;
		}
	snprintf(detail, sizeof(detail), "for %u sweeps the guest could not "
		 "be seen as approved, nor as tampered with: %s",
		 w->blinded.score, error);
	vhsm_findings_own(w, VHSM_CHECK_BLINDED, object, detail);
}

void vhsm_blinded_verdict(struct vhsm_watched *w, const struct vhsm_verdict *v,
			  bool good)
{
	struct vhsm_blinded *b = blinded_of(w);
	/* One that is told of anyway. */
	bool found = w->monitor.findings &&
		!vhsm_ladder_tolerates(&w->policy, &w->incident,
				       w->monitor.found);
	unsigned max;

	max = b->kernel ? SCORE_MAX : BOOT_SCORE_MAX;
	if (found || (!b->kernel && v->run_count))
		b->score = 0;
	else if (!good && b->score < max)
		b->score++;
	else if (good && b->score)
		b->score--;
	b->kernel |= v->run_count != 0;
	if (!b->score)
		b->told = false;
	if (b->told || b->score < max)
		return;
	b->told = true;
	tell(w, v);
}

void vhsm_blinded_frames(struct vhsm_watched *w, uint64_t last)
{
	struct vhsm_blinded *b = blinded_of(w);
	char detail[VHSM_WHY_LEN];

	if (b->told_beyond || !w->monitor.frames || last < w->monitor.frames)
		return;
	b->told_beyond = true;
	snprintf(detail, sizeof(detail), "the guest has pages up to frame %#llx"
		 ", beyond %#llx, which its memory as configured does not "
		 "need: what is there is not looked at, nor kept when it is "
		 "frozen", (unsigned long long)last,
		 (unsigned long long)w->monitor.frames);
	vhsm_findings_own(w, VHSM_CHECK_BLINDED, "memory", detail);
}
