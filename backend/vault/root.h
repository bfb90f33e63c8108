/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.h - the root key, from a URI: every other key of the store is sealed
 * under keys derived from it.
 *
 *   file:/PATH          64 hexadecimal digits, or 32..4096 raw bytes
 *   passphrase:/PATH    the file's first line, through scrypt (RFC 7914)
 *
 * A source is one file and one row of the table in root.c.  It turns its URI
 * into secret bytes; what it needs to find again (a salt, parameters) it keeps
 * in DIR/root.json, which holds no secret.  There too stands a check value, so
 * that a wrong root key is told as such and not as a corrupt store.
 */
#ifndef VHSM_ROOT_H
#define VHSM_ROOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vault/seal.h"
#include "vault/vault-error.h"

#define VHSM_ROOT_KEY_LEN	VHSM_SEAL_KEY_LEN
#define VHSM_ROOT_SECRET_MAX	4096u

struct vhsm_root_source {
	const char *scheme;		/* "file" */
	/*
	 * Reads the secret at location into secret (secure memory, room for
	 * VHSM_ROOT_SECRET_MAX), *len bytes.  fresh: the store is new, and the
	 * source may make what it lacks and put its parameters into params;
	 * else it takes them from there.  0, -errno or enum vhsm_vault_e with
	 * why.
	 */
	int (*read)(const char *location, bool fresh, json_t *params,
		    uint8_t *secret, size_t *len, char *why);
};

extern const struct vhsm_root_source vhsm_root_file;
extern const struct vhsm_root_source vhsm_root_passphrase;

/*
 * The root key of the store in dir, VHSM_ROOT_KEY_LEN bytes to key (secure
 * memory).  fresh: the store holds nothing yet; dir/root.json is made.
 * 0, -errno or enum vhsm_vault_e (WRONG_ROOT, DENIED, CORRUPT, BAD_REQUEST)
 * with why.
 */
int vhsm_root_open(const char *uri, const char *dir, bool fresh, uint8_t *key,
		   char *why);

#endif /* VHSM_ROOT_H */
