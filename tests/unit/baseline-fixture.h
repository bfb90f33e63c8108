/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline-fixture.h - a store of baselines in a directory of its own, with
 * "web" in it, and a boot that is web's.
 */
#ifndef BASELINE_FIXTURE_H
#define BASELINE_FIXTURE_H

#include <check.h>
#include <limits.h>

#include "baseline/baseline-internal.h"

#define UUID	"4f2e9a60-6a35-4d0e-9c0d-0123456789ab"
#define OTHER	"4f2e9a60-6a35-4d0e-9c0d-0123456789ac"

extern char dir[];			/* the store */
extern char why[VHSM_BASELINE_WHY_LEN];
extern struct vhsm_boot boot;		/* what was measured last */
/* Of what it matched. */
extern json_t *manifest;
extern char matched_name[VHSM_BASELINE_NAME_MAX];
extern char matched_digest[VHSM_BASELINE_DIGEST_LEN];

void baseline_setup(void);
void baseline_teardown(void);

/* A file of the store, b in a if there is a b. */
void path_of(char path[], const char *a, const char *b);
void put(const char *a, const char *b, const char *text);
/* Sets one member of a JSON file, or of an object in it. */
void set(const char *file_a, const char *file_b, const char *object,
	 const char *member, json_t *value);

/* A boot of files with these contents; without a ramdisk, for NULL. */
void measure(const char *kernel, const char *ramdisk, const char *cmdline);
/* A baseline of what was measured last. */
void make(const char *as);
/* For UUID. */
void approve(const char *as);
/* What was measured last; 0 or an errno, why. */
int match(const char *uuid);

#endif /* BASELINE_FIXTURE_H */
