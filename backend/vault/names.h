/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - key attributes as words in JSON, and which keys a device's line
 * "keys=web-tls+web-*" selects.
 */
#ifndef VHSM_VAULT_NAMES_H
#define VHSM_VAULT_NAMES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "enabled", "disabled", "revoked", "destroyed"; NULL, 0 when unknown. */
const char *vhsm_key_state_name(uint16_t state);
uint16_t vhsm_key_state_from_name(const char *name);

/* ["sign", "verify"]; NULL without memory. */
json_t *vhsm_usages_encode(uint32_t usages);
/* 0, or -EINVAL when it is not an array of known words. */
int vhsm_usages_decode(const json_t *json, uint32_t *usages);

/* "2026-01-31T12:00:00Z" */
json_t *vhsm_time_encode(int64_t seconds);

/* Whether a selection is well formed: names or globs (fnmatch) joined by '+',
 * each of a name's characters and *?[]!; "" selects all keys. */
bool vhsm_selection_check(const char *selection);
bool vhsm_selection_matches(const char *selection, const char *name);

/* Whether nonces of this type are made in custody. */
bool vhsm_key_type_has_nonce(uint16_t type);

#endif /* VHSM_VAULT_NAMES_H */
