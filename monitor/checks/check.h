/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what a check is: one file, one row in checks.c.
 *
 * A check looks at the guest as it runs, so what it sees may be half done: a
 * module being loaded, a process being made.  It reports what it sees; the
 * runner (run.h) runs it again and lets through only what is reported again,
 * of the same object.  So a check keeps no suspicion between runs, but may keep
 * what makes the next run fast.  A FULL check is too slow for that: it reads
 * again what it found before it reports it.
 *
 * All of the guest is untrusted: work is bounded, and what cannot be read or
 * makes no sense is an error of the run (-EFAULT, -ELOOP, -E2BIG with why)
 * unless it is itself what the check looks for.  An error is no approval: the
 * lease is not renewed by a sweep in which a check failed.
 */
#ifndef VHSM_CHECK_H
#define VHSM_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "findings/finding.h"
#include "introspect/kernel.h"
#include "introspect/page-hash.h"

#define VHSM_CHECK_WHY_LEN 200u

struct vhsm_fingerprints;

/* What a guest is measured by: the files of an approved baseline, in one
 * directory.  Each may be NULL where a baseline has none. */
struct vhsm_check_setup {
	const struct vhsm_reference *reference;
	const char *baseline_dir;	/* reference, modules, rules.yar,
					 * fingerprints.json, manifest.json */
	const json_t *learned;		/* this check's part of the manifest, or
					 * NULL: nothing learned */
	const json_t *options;		/* this check's part of the policy, or
					 * NULL */
	const struct vhsm_page_key *page_key;
	bool fingerprints_told;		/* not by fingerprints.json, but by
					 * vhsm_check.fingerprints */
};

struct vhsm_sweep {
	const struct vhsm_kernel *kernel;
	uint64_t number;
	uint64_t deadline_ns;		/* CLOCK_MONOTONIC; a FULL check returns
					 * VHSM_CHECK_MORE soon after it */
	const uint8_t *dirty;		/* bit per frame: written since the last
					 * finished run of FULL checks; NULL:
					 * unknown, take all as written */
	uint64_t dirty_frames;
	/* Reports; the finding is copied. */
	void (*report)(struct vhsm_sweep *, const struct vhsm_finding *);
	void *arg;			/* report's */
	/* What the run looked at, and how many differences from the image it
	 * found and explained; set by the check. */
	uint64_t objects;
	uint64_t explained;
	bool cut;			/* there is more than was reported; set
					 * by the check, which has then failed */
};

/*
 * What no kernel changes as it runs, but in the ways that a check explains.
 * There, what is wrong at two looks counts, though it is wrong in another way:
 * by the page of a finding's address, for all checks of the region.
 */
enum vhsm_region {
	VHSM_REGION_NONE,		/* only the same object counts */
	VHSM_REGION_TEXT,
	VHSM_REGION_RODATA,
	VHSM_REGION_TABLES,
};

#define VHSM_CHECK_MORE 1		/* run again, there is more to do */

struct vhsm_check {
	enum vhsm_check_number number;
	enum vhsm_region region;
	/* 0 with *state, which may stay NULL; -ENOENT when the baseline has
	 * nothing for it (it is then left out); another -errno with why. */
	int (*open)(const struct vhsm_check_setup *, void **state, char *why);
	/* 0, VHSM_CHECK_MORE, or -errno with why. */
	int (*run)(void *state, struct vhsm_sweep *, char *why);
	/* What the guest has now, to be learned: 0 with *learned (the
	 * caller's), or -errno with why.  NULL: it learns nothing. */
	int (*learn)(void *state, struct vhsm_sweep *, json_t **learned,
		     char *why);
	/* What the guest's keys look like from now on: 0, or -errno with why.
	 * The set is taken, also by an error.  NULL: it has no use for it. */
	int (*fingerprints)(void *state, struct vhsm_fingerprints *, char *why);
	void (*close)(void *state);
};

/* Every check there is, ended by NULL (checks.c). */
extern const struct vhsm_check *const vhsm_checks[];

#endif /* VHSM_CHECK_H */
