/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.h - what custody can do with a key: mechanisms and their families.
 *
 * A family is one file: it makes, imports and uses the keys of its types and
 * tests itself against published vectors.  To add one, write the file and add
 * its row to the table in mechanism.c; nothing else names it.
 *
 * The engine has already validated the request (guest-input.h), found the key,
 * and checked its state and usages; a family sees plain memory and private
 * copies of the small values that decide something.
 *
 * Contexts are made once per key and thread, on first use, and hold everything
 * an operation needs ready (fetched algorithms, key schedules), so run() makes
 * no allocation of our own and takes no lock.  A context belongs to the thread
 * that made it.
 */
#ifndef VHSM_OPS_H
#define VHSM_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhsmif.h"

/* Secret bytes of one key version, as protocol.h describes them: raw for
 * symmetric keys, PKCS#8 DER for the others.  In secure memory, always. */
struct vhsm_material {
	uint16_t type;			/* enum vhsm_key_type */
	uint32_t nonce_fixed;		/* see struct vhsm_msg_key */
	uint64_t nonce_start;
	const uint8_t *bytes;		/* the caller's */
	size_t len;
};

/* One operation, ready to run. */
struct vhsm_operation {
	uint16_t op;			/* enum vhsm_op */
	uint16_t mechanism;
	uint32_t flags;
	const uint8_t *aad;		/* in the pool, or NULL with length 0 */
	size_t aad_len;
	const uint8_t *input;		/* in the pool: may change underneath */
	size_t input_len;
	uint8_t *output;		/* in the pool; may equal input */
	size_t output_len;		/* room */
	uint8_t nonce[VHSM_NONCE_LEN];	/* private; [out] if made here */
	uint8_t tag[VHSM_SIG_MAX];	/* private; [out] of ENCRYPT */
	size_t tag_len;
	/* [out] */
	size_t out_len;			/* as struct vhsm_response.out_len */
};

struct vhsm_context;			/* each family defines its own */

/*
 * The encryption counter of a key version, shared by all threads that encrypt
 * with it (the one atomic of the data path).  Encryptions with a caller's own
 * nonce count too.  Refused requests do not.
 */
struct vhsm_nonce_source {
	uint32_t fixed;
	uint64_t start;
	_Atomic uint64_t used;		/* encryptions; past 2^32: S_QUOTA */
};

struct vhsm_family {
	const char *name;

	/*
	 * Makes a key of a type of this family.  Writes its material (at most
	 * *len bytes) to out, which is secure memory.  0 or -errno.
	 */
	int (*generate)(uint16_t type, uint8_t *out, size_t *len);

	/* Checks that material is a sound key of exactly its type. */
	int (*check)(const struct vhsm_material *material);

	/* DER SubjectPublicKeyInfo; NULL for symmetric families.  0, -errno,
	 * -ENOSPC with *len what it takes. */
	int (*public_key)(const struct vhsm_material *material,
			  uint8_t *out, size_t *len);

	/* A context for the calling thread; NULL when out of memory or the
	 * material is unsound.  nonces may be NULL for non-AEAD families and
	 * outlives the context. */
	struct vhsm_context *(*context_new)(const struct vhsm_material *,
					    struct vhsm_nonce_source *nonces);
	/* Wipes and frees; sets *context to NULL. */
	void (*context_free)(struct vhsm_context **context);

	/* Runs an operation whose mechanism row allowed it.  TOO_SMALL tells
	 * what room it takes in out_len (for ECDSA always the longest).  Reads
	 * the input once; what must read it twice copies it first. */
	enum vhsm_status (*run)(struct vhsm_context *, struct vhsm_operation *);

	/* Known answers from published standards.  0, or -1 with *what. */
	int (*self_test)(const char **what);
};

/* One row a mechanism: which ops, with which key types, by whom. */
struct vhsm_mechanism {
	uint16_t id;			/* VHSM_MECH_* | VHSM_HASH_* */
	const char *name;		/* "ecdsa-sha256" */
	uint32_t usages;		/* VHSM_USE_* of its ops */
	uint16_t types[6];		/* enum vhsm_key_type, 0 ends */
	const struct vhsm_family *family;
};

/* NULL when there is none.  Constant time in the table's size. */
const struct vhsm_mechanism *vhsm_mechanism_find(uint16_t id);
/* Row i of the table, NULL past its end. */
const struct vhsm_mechanism *vhsm_mechanism_at(size_t i);
bool vhsm_mechanism_takes(const struct vhsm_mechanism *, uint16_t key_type);
const struct vhsm_family *vhsm_family_of_type(uint16_t key_type);

/*
 * Whether op with a key of this type takes so long (over about 100 us) that it
 * would hold up others, and goes to a worker thread.
 */
bool vhsm_operation_is_slow(uint16_t op, uint16_t key_type);

/* The usage bit an op needs, 0 if it needs none; ENCRYPT with F_CALLER_NONCE
 * needs VHSM_USE_CALLER_NONCE too. */
uint32_t vhsm_usage_of(uint16_t op, uint32_t flags);
/* All usages that make sense for a type (without CALLER_NONCE). */
uint32_t vhsm_usages_of_type(uint16_t key_type);

/* "ec-p256" and back; 0 or NULL when unknown. */
uint16_t vhsm_key_type_from_name(const char *name);
const char *vhsm_key_type_name(uint16_t type);
const char *vhsm_status_name(uint16_t status);	/* "not-permitted" */

/*
 * Fetches every algorithm once.  To be called once, before any other function
 * here and before the process is sandboxed; then self-tests run: 0, or -1 with
 * *what naming the test that failed, and the process must not serve.
 */
int vhsm_ops_init(const char **what);
void vhsm_ops_deinit(void);

/* Fills out from custody's DRBG.  OK or INTERNAL. */
enum vhsm_status vhsm_ops_random(uint8_t *out, size_t len);

#endif /* VHSM_OPS_H */
