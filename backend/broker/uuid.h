/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uuid.h - the text form of a UUID (RFC 9562, 8-4-4-4-12 hex digits).
 */
#ifndef VHSM_UUID_H
#define VHSM_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define VHSM_UUID_TEXT 37u		/* with its NUL */

/* Either case.  0 or -EINVAL. */
int vhsm_uuid_parse(const char *text, uint8_t uuid[16]);
/* Lower case. */
void vhsm_uuid_format(const uint8_t uuid[16], char text[VHSM_UUID_TEXT]);

#endif /* VHSM_UUID_H */
