/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner-fixture.h - a runner with made-up checks, and a made-up guest: a page.
 */
#ifndef RUNNER_FIXTURE_H
#define RUNNER_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/run.h"
#include "introspect/guest-memory.h"

/* What the made-up checks do, set by each test.  All is 0 before it, but until
 * has no bound. */
struct runner_play {
	unsigned runs;			/* of the quick check */
	unsigned until;			/* reports only in runs below this */
	unsigned reports;		/* of different objects, a run */
	int fails;			/* what it returns */
	bool moves;			/* other objects in each run */
	unsigned back;			/* ...but in this run the first again */
	uint64_t step;			/* and so much behind the last */
	bool cut;			/* there is more */
	unsigned twin_runs;		/* the other check of its region */
	unsigned twin_from;		/* reports in runs from this on; 0: no */
	bool steady_reports;
	int open;			/* what its open returns */
	unsigned slices;		/* a full run needs */
	unsigned full_runs;
	int full_fails;
	bool full_reports;
	uint64_t full_physical;
	bool full_cut;
	const uint8_t *dirty;		/* as the full check got it */
	uint8_t dirty_byte;
	char options[32];
};
extern struct runner_play play;

/* What the runner told of in the last sweep, and since. */
struct runner_told {
	unsigned count, again;
	unsigned steady;		/* of the check that finds "pid 666" */
	struct vhsm_finding last;
};
extern struct runner_told told;

extern struct vhsm_runner *runner;
extern struct vhsm_kernel kernel;
extern int guest;			/* the file its memory is */
extern struct vhsm_verdict verdict;	/* of the last sweep */
extern char runner_why[VHSM_RUNNER_WHY_LEN];

/* Two checks that judge the same bytes. */
extern const struct vhsm_check *const text_table[];

/* Before and after each test: the guest, and the runner of all checks but
 * those. */
void runner_begin(void);
void runner_end(void);

/* Opens a runner of the usual checks, or of a table's: NULL, with runner_why,
 * if it cannot be.  The one before must be closed. */
void open_runner(const json_t *checks);
void open_runner_of(const struct vhsm_check *const *checks_there,
		    const json_t *checks);

/* A sweep of that number, with nothing told before. */
int sweep(uint64_t number);
/* A full scan, waiting until it is due. */
void scan(void);

#endif /* RUNNER_FIXTURE_H */
