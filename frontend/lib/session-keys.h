/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session-keys.h - a session's open keys: the number the program holds stays
 * the same while what the device calls the key changes with every connection.
 */
#ifndef VHSM_SESSION_KEYS_H
#define VHSM_SESSION_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "vhsm/vhsm.h"

struct vhsm_key_entry {
	bool used;
	uint32_t wire;			/* what the device calls it; 0: lost */
	struct vhsm_key_info info;	/* its name too */
};

struct vhsm_keys {
	struct vhsm_key_entry *entries;	/* key number - 1 */
	uint32_t count;
};

void vhsm_keys_deinit(struct vhsm_keys *k);

#endif /* VHSM_SESSION_KEYS_H */
