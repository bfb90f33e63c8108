/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key-json.h - a key as JSON for the admin: everything but its secret.
 */
#ifndef VHSM_KEY_JSON_H
#define VHSM_KEY_JSON_H

#include "vault/vault.h"

/* One line of a list.  NULL without memory. */
json_t *vhsm_key_encode_short(const struct vhsm_unit *,
			      const struct vhsm_key *);
/* KEY of methods.c, with its public half if it has one.  NULL without
 * memory. */
json_t *vhsm_key_encode(struct vhsm_vault *, struct vhsm_unit *,
			const struct vhsm_key *);

#endif /* VHSM_KEY_JSON_H */
