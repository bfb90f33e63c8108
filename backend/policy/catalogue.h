/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue.h - the kinds of findings, one row of checks.def each: the checks
 * of the monitor, and the responder's own findings.
 */
#ifndef VHSM_CATALOGUE_H
#define VHSM_CATALOGUE_H

enum vhsm_check_number {
#define CHECK(number, symbol, name, cadence, severity, technique, tname, title) \
	VHSM_CHECK_##symbol = number,
#include "policy/checks.def"
#undef CHECK
};

enum vhsm_cadence { VHSM_CADENCE_NONE, VHSM_CADENCE_QUICK, VHSM_CADENCE_FULL };

/* A row of the catalogue. */
struct vhsm_check_info {
	enum vhsm_check_number number;
	const char *name;
	enum vhsm_cadence cadence;
	unsigned severity;		/* OCSF severity_id */
	const char *technique;		/* "T1014" */
	const char *technique_name;
	const char *title;
};

/* Return a row, or NULL if there is no such check. */
const struct vhsm_check_info *vhsm_check_by_number(unsigned number);
const struct vhsm_check_info *vhsm_check_by_name(const char *name);
/* Returns row i of the catalogue, or NULL past its end. */
const struct vhsm_check_info *vhsm_check_row(unsigned i);

#endif /* VHSM_CATALOGUE_H */
