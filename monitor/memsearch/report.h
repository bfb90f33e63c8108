/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what a search found, for people and for programs.
 */
#ifndef MEMSEARCH_REPORT_H
#define MEMSEARCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "fingerprint/fingerprint.h"
#include "introspect/guest-memory.h"

struct report;

/* The set's first entries are the secrets, those behind them the controls.
 * Borrows the set. */
struct report *report_new(const struct vhsm_fingerprints *set, size_t secrets);
void report_free(struct report **);

/* A vhsm_search_found; arg is the report. */
int report_found(size_t entry, uint64_t address, void *arg);

/* To be filled by the walk. */
struct vhsm_memory_stats *report_stats(struct report *);

/* How many windows of secrets were found, and whether every control was. */
uint64_t report_hits(const struct report *);
bool report_sighted(const struct report *);

/* 0, or -EIO when out cannot be written, -ENOMEM. */
int report_print(const struct report *, FILE *out, bool as_json);

#endif /* MEMSEARCH_REPORT_H */
