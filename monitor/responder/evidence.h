/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - what is kept of one incident, so that somebody else can check
 * that nothing of it was changed since.
 *
 * A bundle is a folder VHSM_EVIDENCE_DIR/UID, named after its alert:
 *
 *   alert.json       the alert (OCSF), as it was when the bundle was sealed
 *   audit.jsonl      the last audit records of the guest's key use
 *   memory.img       guest-physical memory, sparse, when the guest was frozen
 *   memory.img.json  its registers, and the digest of its pages (record.h)
 *   SHA256SUMS       digest and name of every other file but memory.img, most
 *                    of which may be holes: that memory.img.json vouches for
 *   SHA256SUMS.sig   its Ed25519 signature (RFC 8032), 64 bytes
 *   evidence.pub     the public key, for convenience: trust the one you took
 *                    from the host yourself
 *
 * Without our tools: sha256sum -c SHA256SUMS, and
 *   openssl pkeyutl -verify -pubin -inkey evidence.pub -rawin \
 *           -in SHA256SUMS -sigfile SHA256SUMS.sig
 * The image is checked by vhsmctl alerts verify.
 */
#ifndef VHSM_EVIDENCE_H
#define VHSM_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>

#define VHSM_EVIDENCE_DIR	LOCALSTATEDIR "/lib/vhsm/incidents"
#define VHSM_EVIDENCE_WHY_LEN	256u

/* Makes the bundle's folder (0700) below dir, which is made too; one that is
 * there is used again.  0 with path (PATH_MAX), or -errno with why. */
int vhsm_evidence_begin(const char *dir, const char *uid, char *path,
			char *why);

/* Adds a file: one JSON text, or an array as JSON lines. */
int vhsm_evidence_add(const char *bundle, const char *name, const json_t *json,
		      char *why);
int vhsm_evidence_add_lines(const char *bundle, const char *name,
			    const json_t *array, char *why);

/*
 * Writes digests and signature of all that is there (files of the bundle's own
 * folder; nothing else may be in it).  The key is key_dir/evidence.key, made
 * with its evidence.pub at first use.
 */
int vhsm_evidence_seal(const char *bundle, const char *key_dir, char *why);

/* Whether there is a seal; vhsm_evidence_verify tells whether it holds. */
bool vhsm_evidence_sealed(const char *bundle);

/*
 * 0 when the signature is good under the public key (a PEM file) and every
 * file is as it was signed, with *report (the caller's): {"files": [{"name",
 * "bytes", "sha256"}], "signer": SHA-256 of the public key}.  -EBADMSG when
 * something was changed, added or removed, with why naming it; another -errno.
 */
int vhsm_evidence_verify(const char *bundle, const char *public_pem,
			 json_t **report, char *why);

#endif /* VHSM_EVIDENCE_H */
