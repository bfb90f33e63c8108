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

#include "checks/run.h"

#define KNOWN_MAX	1024u		/* findings remembered as told */

/* Seen at a look, and not confirmed then: room for every look but the last. */
#define RUNNER_SEEN_MAX (VHSM_CHECK_RUNS_MAX * VHSM_RUNNER_REPORTS_MAX * \
			 (VHSM_RUNNER_LOOKS_MAX - 1))

#define RUNNER_TOO_MANY	"it finds more than it can tell"
#define RUNNER_UNSETTLED "what it finds is another thing at every look"

/* What one check reported in one run, each object once. */
struct reports {
	struct vhsm_finding *finding;	/* VHSM_RUNNER_REPORTS_MAX of them */
	unsigned count;
	bool overflow;			/* there were more */
	enum vhsm_check_number check;	/* whose run it is now */
};

struct seen {
	enum vhsm_check_number check;
	unsigned look;			/* that saw it */
	unsigned region;		/* 0: only the object counts */
	uint64_t page;			/* of its address */
	char object[96];
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
	unsigned loose;			/* reports of its last look that are
					 * not confirmed */
	unsigned told;			/* since the last verdict */
	struct vhsm_check_run last;
};

struct vhsm_runner {
	struct vhsm_runner_setup setup;
	struct vhsm_page_key page_key;
	struct slot slot[VHSM_CHECK_RUNS_MAX];
	unsigned slots;
	uint64_t number;		/* of the last sweep */
	struct reports reports;		/* of the run that was last */
	struct seen seen[RUNNER_SEEN_MAX];	/* in this sweep */
	unsigned seen_count;
	unsigned look;			/* the first is 1 */
	uint32_t confirmed;		/* in this sweep */
	struct known known[KNOWN_MAX];
	unsigned next_known;		/* to be overwritten when all are used */
	/* full scans */
	bool full_under_way;
	bool full_failed;		/* a check failed in this one */
	bool full_cut;			/* that at full_at found too much */
	unsigned full_at;		/* the slot it is at */
	uint64_t full_started_ns;	/* CLOCK_MONOTONIC; 0: never */
	uint64_t full_done;
	uint32_t full_found;		/* since the last verdict */
	struct vhsm_check_run full_run;	/* of the check at full_at, so far */
	/* what was written */
	bool tracking;			/* every write is told, or will be */
	bool told;			/* some were, since the last scan began */
	bool trusted;			/* ...and was when the last finished
					 * full scan began */
	bool full_tracked;		/* ...and when this one did */
	uint64_t frames;		/* bits in each of these */
	uint8_t *written;		/* since this or the last scan began */
	uint8_t *scanning;		/* what this one looks at */
	uint64_t scanning_frames;	/* bits set */
};

uint64_t runner_cpu_us(void);

/* An error of a check's, kept in its run. */
void runner_note(struct vhsm_check_run *, const char *why, int r);

/* run-report.c */
int reports_init(struct reports *);
void reports_free(struct reports *);
/* The report function of a sweep whose arg is a struct reports. */
void reports_take(struct vhsm_sweep *, const struct vhsm_finding *);
/* A run of the check begins. */
void reports_begin(struct reports *, const struct vhsm_check *);
/* Tells what a QUICK check just reported and an earlier look, or the sweep
 * before, had seen; the rest is seen from now on, and counted in loose. */
void runner_judge(struct vhsm_runner *, struct slot *);
/* Tells a finding, unless the check has told its share of what there may be
 * between two verdicts, and remembers it. */
void runner_tell(struct vhsm_runner *, struct slot *,
		 const struct vhsm_finding *);
/* The finding as it was told, in this or the last sweep; NULL: it was not. */
struct known *runner_known(struct vhsm_runner *, const struct vhsm_finding *);
/* Forgets what QUICK checks did not find again in the sweep. */
void runner_forget(struct vhsm_runner *, uint64_t sweep);

#endif /* VHSM_RUNNER_H */
