/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-chain.h - what links records: hashes, signatures, and the key that
 * makes them.
 */
#ifndef VHSM_AUDIT_CHAIN_H
#define VHSM_AUDIT_CHAIN_H

#include "vault/audit.h"

#define VHSM_AUDIT_SIG_LEN	64u

/* The place after a record: what the next must continue. */
struct vhsm_audit_head {
	uint64_t seq;
	uint8_t hash[VHSM_AUDIT_HASH_LEN];	/* zeros before the first */
};

/* SHA-256 of a line.  0 or -errno. */
int vhsm_audit_hash(const char *line, size_t len,
		    uint8_t hash[VHSM_AUDIT_HASH_LEN]);

/* The sequence number and object of a line, or NULL if it is no record. */
json_t *vhsm_audit_parse(const char *line, size_t len, uint64_t *seq);

/* The signature of a checkpoint numbered seq after a record with this hash. */
int vhsm_audit_sign(EVP_PKEY *key, uint64_t seq, const uint8_t *hash,
		    uint8_t sig[VHSM_AUDIT_SIG_LEN]);
bool vhsm_audit_signature_check(EVP_PKEY *key, uint64_t seq,
				const uint8_t *hash,
				const uint8_t sig[VHSM_AUDIT_SIG_LEN]);

/* The signing key in dir/signing-key, sealed; made, with public.pem, if new.
 * As vhsm_audit_open. */
int vhsm_audit_key_open(EVP_PKEY **key, const char *dir,
			const uint8_t *root_key, bool new, char *why);

/* dir/head, sealed: the last checkpoint.  read: 0 also when there is none
 * (seq 0), VHSM_E_CORRUPT when it does not open. */
int vhsm_audit_head_read(const char *dir, const uint8_t *seal_key,
			 struct vhsm_audit_head *head);
int vhsm_audit_head_write(const char *dir, const uint8_t *seal_key,
			  const struct vhsm_audit_head *head);

#endif /* VHSM_AUDIT_CHAIN_H */
