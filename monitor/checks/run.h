/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - runs the checks of a configuration and confirms what they say, for
 * vhsm-monitor and vhsm-inspect.
 *
 *   sweep   every QUICK check once.  What it reports of an object that was not
 *           found in the sweep before is looked at again, confirm_ms later, and
 *           counts when the same check reports the same object again; or, where
 *           nothing changes lawfully (check.h: region), anything of that page.
 *           A check that reports at every one of VHSM_RUNNER_LOOKS_MAX looks
 *           what no other look saw has failed: nobody who is honest does that.
 *   slice   a part of a full scan: the FULL checks, one after the other, each
 *           from where it stopped.  They read again what they found before
 *           they report it, so that it counts at once.
 *
 * A check that fails never stops the others, but no sweep is clean until it has
 * run.  Nor does one that finds much: each has room of its own, and one that
 * finds more has failed.  Of one thread.
 */
#ifndef VHSM_RUN_H
#define VHSM_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/messages.h"
#include "checks/check.h"

#define VHSM_RUNNER_REPORTS_MAX	64u	/* of one check at one look */
#define VHSM_RUNNER_LOOKS_MAX	4u	/* in one sweep */
#define VHSM_RUNNER_WHY_LEN		256u

struct vhsm_runner;

/* What is borrowed must outlive the runner. */
struct vhsm_runner_setup {
	const struct vhsm_reference *reference;
	const char *baseline_dir;
	const struct vhsm_check *const *table;	/* NULL: vhsm_checks */
	const json_t *checks;		/* object: name of each check to run,
					 * its options or null; NULL: all */
	const json_t *learned;		/* object: check's name, what it
					 * learned; or NULL */
	bool fingerprints_told;		/* by vhsm_runner_fingerprints, and not
					 * by the baseline's file */
	uint32_t confirm_ms;		/* before the second look */
	uint32_t full_ms;		/* least time between the starts of two
					 * full scans; 0: none is made */
	/* A confirmed finding.  again: it was there in the sweep before (or,
	 * of a full scan, was told already). */
	void (*found)(void *arg, const struct vhsm_finding *, bool again);
	void *arg;
};

/*
 * Opens the checks.  One that cannot be opened is told in every verdict; only a
 * configuration that names no such check, or no memory, is an error: NULL with
 * why.
 */
struct vhsm_runner *vhsm_runner_open(const struct vhsm_runner_setup *,
				     char *why);
void vhsm_runner_close(struct vhsm_runner **);

/* What the guest's keys look like from now on; all memory is searched for it.
 * The set is taken, also by an error: 0, or -errno with why
 * (VHSM_CHECK_WHY_LEN). */
int vhsm_runner_fingerprints(struct vhsm_runner *, struct vhsm_fingerprints *,
			     char *why);

/*
 * Sweeps, and fills all of the verdict but what is the process's own (cpu_us).
 * 0, or the first error of a check, which the verdict tells, too.
 */
int vhsm_runner_sweep(struct vhsm_runner *, const struct vhsm_kernel *,
		      uint64_t number, struct vhsm_verdict *);

/*
 * Works for about ms on a full scan, beginning one when it is due.
 * VHSM_CHECK_MORE while one is under way, 0 when none is.
 */
int vhsm_runner_slice(struct vhsm_runner *, const struct vhsm_kernel *,
		      uint32_t ms);

/*
 * Frames [first, first + count) of which bit i of bits (least significant bit
 * first) says that it was written since it was last told.  What is outside the
 * guest's frames is ignored.  The first call also says that from now on every
 * written frame is told, to be called before the frames are first trusted to be
 * unchanged.
 */
void vhsm_runner_dirty(struct vhsm_runner *, uint64_t frames, uint64_t first,
		       const uint8_t *bits, uint64_t count);

/* From now on writes are not known: full scans read everything again. */
void vhsm_runner_dirty_unknown(struct vhsm_runner *);

/* What the guest has now, as the manifest's "learned": 0 with *learned (the
 * caller's), or -errno with why (VHSM_RUNNER_WHY_LEN) naming the check. */
int vhsm_runner_learn(struct vhsm_runner *, const struct vhsm_kernel *,
		      json_t **learned, char *why);

/* Printable ASCII ('?' for the rest), ended within size bytes. */
void vhsm_finding_clean_text(char *text, size_t size);

#endif /* VHSM_RUN_H */
