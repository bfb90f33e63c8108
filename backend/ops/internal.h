/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - what the families share: algorithms fetched once, hashing,
 * PKCS#8.  Not for users of ops.h.
 */
#ifndef VHSM_OPS_INTERNAL_H
#define VHSM_OPS_INTERNAL_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "ops/ops.h"

#define VHSM_DIGEST_MAX 64u
#define VHSM_HASHES 3u		/* VHSM_HASH_SHA256.. */

/* Fetched by vhsm_ops_init, read-only after. */
struct vhsm_algorithms {
	EVP_CIPHER *aes_128_gcm;
	EVP_CIPHER *aes_256_gcm;
	EVP_CIPHER *chacha20_poly1305;
	EVP_MAC *hmac;
	EVP_MD *md[VHSM_HASHES];	/* by VHSM_HASH_* - 1 */
};
extern struct vhsm_algorithms vhsm_algorithms;

/* The families, a file each. */
extern const struct vhsm_family vhsm_family_aes_gcm;
extern const struct vhsm_family vhsm_family_chacha20_poly1305;
extern const struct vhsm_family vhsm_family_hmac;
extern const struct vhsm_family vhsm_family_ecdsa;
extern const struct vhsm_family vhsm_family_eddsa;
extern const struct vhsm_family vhsm_family_rsa;

/* ------------------------------------------------------------- hash.c */

/* Bytes of a VHSM_HASH_*, 0 if it is none. */
size_t vhsm_hash_len(unsigned hash);
const char *vhsm_hash_openssl_name(unsigned hash);

/*
 * Reduces an operation's input to its digest: hashes it, or with F_DIGEST
 * takes it as it is.  Reads the input once.  digest has VHSM_DIGEST_MAX bytes.
 */
enum vhsm_status vhsm_hash_input(EVP_MD_CTX *md, const struct vhsm_operation *,
				 uint8_t *digest, size_t *len);

/* ------------------------------------------------------------- pkey.c */

/* A PKCS#8 private key of exactly OpenSSL's type name; NULL otherwise.  The
 * caller's. */
EVP_PKEY *vhsm_pkey_decode(const struct vhsm_material *, const char *type);
/* PKCS#8 DER into secure memory of *len bytes.  0 or -errno. */
int vhsm_pkey_encode(EVP_PKEY *, uint8_t *out, size_t *len);
/* SubjectPublicKeyInfo; as vhsm_family.public_key.  Frees the key; -EINVAL
 * for NULL. */
int vhsm_pkey_public(EVP_PKEY *, uint8_t *out, size_t *len);
/* OpenSSL's own checks of a private key and that its halves match: 0, or
 * -EINVAL, also for NULL.  Frees the key. */
int vhsm_pkey_check(EVP_PKEY *);

/* Delivers a signature made in private memory.  OK or TOO_SMALL. */
enum vhsm_status vhsm_output_put(struct vhsm_operation *, const uint8_t *bytes,
				 size_t len);

/* ------------------------------------------------------------- aead.c */

struct vhsm_context *vhsm_aead_new(EVP_CIPHER *, const struct vhsm_material *,
				   struct vhsm_nonce_source *);
void vhsm_aead_free(struct vhsm_context **);
enum vhsm_status vhsm_aead_run(struct vhsm_context *, struct vhsm_operation *);

/* A known answer, encrypted and decrypted through the family.  Whether it
 * came out. */
struct vhsm_aead_vector {
	const char *name;
	uint16_t type;
	uint16_t mechanism;
	const char *key, *nonce, *aad, *plain, *cipher, *tag;	/* hex */
};
bool vhsm_aead_answers(const struct vhsm_family *,
		       const struct vhsm_aead_vector *);

/* -------------------------------------------------------- self-test.c */

/* Hex of a published vector to bytes (at most room); their count. */
size_t vhsm_hex(const char *hex, uint8_t *out, size_t room);

/* Whether a signature family, with the key, verifies the hex signature of the
 * message, refuses it for another message, and verifies its own. */
struct vhsm_signature_vector {
	const char *name;
	uint16_t type;
	uint16_t mechanism;
	bool deterministic;		/* signing gives these very bytes */
	const char *key;		/* PKCS#8, hex */
	const char *message;		/* hex */
	const char *signature;		/* hex */
};
bool vhsm_signature_answers(const struct vhsm_family *,
			    const struct vhsm_signature_vector *);

#endif /* VHSM_OPS_INTERNAL_H */
