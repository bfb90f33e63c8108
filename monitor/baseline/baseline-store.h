/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline-store.h - what an administrator does to the store of baselines
 * (baseline.h).
 *
 * Everything that writes takes the store's lock and waits for it; what is read
 * is whole at any time, for files and folders are replaced by renaming.
 */
#ifndef VHSM_BASELINE_STORE_H
#define VHSM_BASELINE_STORE_H

#include "baseline/baseline.h"

/* Whether it can be a baseline's name: letters, digits, '.', '_' and '-', no
 * '.' first, and shorter than VHSM_BASELINE_NAME_MAX. */
bool vhsm_baseline_name_check(const char *name);

/* Makes the store (0700) if it is not there, and locks it: a descriptor to
 * close, or -errno with why. */
int vhsm_baseline_lock(const char *dir, char *why);

/* The names of all baselines, sorted, as a JSON array (the caller's): 0 or
 * -errno with why.  A store that is not there has none. */
int vhsm_baseline_list(const char *dir, json_t **names, char *why);

/* Removes a baseline, not its approvals: 0 or -errno with why. */
int vhsm_baseline_remove(const char *dir, const char *name, char *why);

/*
 * What differs: a JSON array (the caller's) of {"what": "boot.cmdline", "a":
 * ..., "b": ...}, where null stands for what one has not.  Names, times and
 * who learned are no differences.  0 or -ENOMEM.
 */
int vhsm_baseline_diff(const json_t *a, const json_t *b, json_t **differences);

/* --- approvals; uuid in the text form of RFC 9562, lower case --- */

/* Approves the baseline as it is now, having checked every file of it: 0;
 * -EALREADY when that was so; another -errno with why. */
int vhsm_baseline_approve(const char *dir, const char *uuid, const char *name,
			  char *why);

/* Takes back every approval of that name, or all with NULL: 0; -ENOENT when
 * there was none; another -errno with why. */
int vhsm_baseline_revoke(const char *dir, const char *uuid, const char *name,
			 char *why);

/*
 * What is approved for a domain, as a JSON array (the caller's) of {"name",
 * "manifest": SHA256, "time"}: 0, also for none; -EBADMSG when the signature
 * does not hold; another -errno with why.
 */
int vhsm_baseline_approvals(const char *dir, const char *uuid, json_t **list,
			    char *why);

/* The UUIDs of all domains that have approvals, sorted (the caller's). */
int vhsm_baseline_approved_domains(const char *dir, json_t **uuids, char *why);

/* SHA-256 of the store's public key (DER), as text of 65 bytes: 0; -ENOENT when
 * nothing was approved yet; another -errno with why. */
int vhsm_baseline_signer(const char *dir, char text[], char *why);

#endif /* VHSM_BASELINE_STORE_H */
