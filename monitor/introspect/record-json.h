/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record-json.h - the text of a recording's FILE.json; for record.c only.
 */
#ifndef VHSM_RECORD_JSON_H
#define VHSM_RECORD_JSON_H

#include "introspect/record.h"

/* The text, to be freed, or NULL without memory. */
char *record_encode(const struct vhsm_recording *);

#endif /* VHSM_RECORD_JSON_H */
