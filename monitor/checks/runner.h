/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - what a runner is made of; for the run*.c files only.
 *
 * run.c         opens checks, sweeps, learns
 * run-full.c    full scans by slices, and what was written since
 * run-report.c  what checks report: taken over, compared, remembered
 */
#ifndef VHSM_RUNNER_H
#define VHSM_RUNNER_H

#include "run.h"

#define KNOWN_MAX	1024u		/* findings remembered as told */

/* What checks reported in one run of them, each object once. */
struct reports {
	struct vhsm_finding *finding;	/* VHSM_RUNNER_FINDINGS_MAX of them */
	unsigned count;
	bool overflow;			/* there were more */
	enum vhsm_check_number check;	/* whose run it is now */
};

/* A finding that was told. */
struct known {
	enum vhsm_check_number check;	/* 0: free */
	uint64_t sweep;			/* that told it last */
	char object[96];
};

struct slot {
	const struct vhsm_check *check;
	const struct vhsm_check_info *info;
	void *state;
	bool open;			/* false: last says why not */
	bool ran;			/* last is about a finished run */
	struct vhsm_check_run last;
};

struct vhsm_runner {
	struct vhsm_runner_setup setup;
	struct vhsm_page_key page_key;
	struct slot slot[VHSM_CHECK_RUNS_MAX];
	unsigned slots;
	uint64_t number;		/* of the last sweep */
	struct reports first;		/* this sweep's */
	struct reports second;		/* at the second look */
	struct known known[KNOWN_MAX];
	unsigned next_known;		/* to be overwritten when all are used */
	/* full scans */
	bool full_under_way;
	bool full_failed;		/* a check failed in this one */
	unsigned full_at;		/* the slot it is at */
	uint64_t full_started_ns;	/* CLOCK_MONOTONIC; 0: never */
	uint64_t full_done;
	uint32_t full_found;		/* since the last verdict */
	struct vhsm_check_run full_run;	/* of the check at full_at, so far */
	/* what was written */
	bool tracking;			/* every write is told */
	bool trusted;			/* ...and was when the last finished
					 * full scan began */
	bool full_tracked;		/* ...and when this one did */
	uint64_t frames;		/* bits in each of these */
	uint8_t *written;		/* since this or the last scan began */
	uint8_t *scanning;		/* what this one looks at */
	uint64_t scanning_frames;	/* bits set */
};

uint64_t runner_now_ns(void);
uint64_t runner_cpu_us(void);

/* An error of a check's, kept in its run. */
void runner_note(struct vhsm_check_run *, const char *why, int r);

/* run-report.c */
int reports_init(struct reports *);
void reports_free(struct reports *);
/* The report function of a sweep whose arg is a struct reports. */
void reports_take(struct vhsm_sweep *, const struct vhsm_finding *);
const struct vhsm_finding *reports_find(const struct reports *,
					const struct vhsm_finding *);
/* Tells a finding, and remembers that. */
void runner_tell(struct vhsm_runner *, const struct vhsm_finding *);
/* The finding as it was told, in this or the last sweep; NULL: it was not. */
struct known *runner_known(struct vhsm_runner *, const struct vhsm_finding *);
/* Forgets what QUICK checks did not find again in the sweep. */
void runner_forget(struct vhsm_runner *, uint64_t sweep);

#endif /* VHSM_RUNNER_H */
