/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the audit log: DIR/log.jsonl, one JSON object a line, each with
 * the SHA-256 of the line before it, so that no record can be changed, removed
 * or slipped in unseen; and checkpoints signed with Ed25519 (RFC 8032), whose
 * public key is DIR/public.pem, so that the chain cannot be made anew either.
 *
 *   {"seq":7,"time":"2026-01-31T12:00:00.123Z","event":"key.generated",
 *    "domain":"<uuid>","details":{...},"prev":"<hex>"}
 *
 *   prev       of the line before, without its newline; zeros for the first
 *   checkpoint details.signature = sign(label || seq || prev), which covers
 *              every record before it
 *
 * A full file becomes log-SEQ.jsonl (SEQ of its first record) and the chain
 * goes on in the next.  DIR/head, sealed, remembers the last checkpoint, so a
 * log that was cut short is noticed when it is opened.
 *
 * Records are appended in memory and committed in groups with one fdatasync;
 * what a record covers is published after its commit, never before.
 */
#ifndef VHSM_AUDIT_H
#define VHSM_AUDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include <openssl/evp.h>

#include "vault/vault-error.h"

#define VHSM_AUDIT_FILE_MAX	(64u << 20)	/* default, bytes */
#define VHSM_AUDIT_HASH_LEN	32u
#define VHSM_AUDIT_LINE_MAX	16384u

struct vhsm_audit;

/*
 * Opens the log in dir, making it if it is not there; a last line that a crash
 * left unfinished is cut off, and a record says so.  0, -errno or enum
 * vhsm_vault_e with why.
 */
int vhsm_audit_open(struct vhsm_audit **audit, const char *dir,
		    const uint8_t *root_key, size_t file_max, char *why);
/* Commits, with a checkpoint. */
void vhsm_audit_close(struct vhsm_audit **audit);

/* Appends a record.  uuid may be NULL; details is stolen, NULL (out of memory
 * of the caller) is an error.  0 or -errno: the record is not there. */
int vhsm_audit_append(struct vhsm_audit *, const char *event,
		      const uint8_t *uuid, json_t *details);

/* All records appended so far are on disk.  -errno: they are not, stay in
 * memory and will be tried again with the next commit. */
int vhsm_audit_commit(struct vhsm_audit *);

/* Signs the chain so far, if records came since the last time; commits. */
int vhsm_audit_checkpoint(struct vhsm_audit *);

/* Number of the last record appended. */
uint64_t vhsm_audit_seq(const struct vhsm_audit *);

/* --- reading; may run in another thread than the log's owner --- */

/* The log's files as they are now, oldest first. */
struct vhsm_audit_files;
int vhsm_audit_files_open(struct vhsm_audit_files **files, const char *dir);
void vhsm_audit_files_close(struct vhsm_audit_files **files);

/*
 * Calls handler with each line (without newline; whole: it had one) until it
 * returns other than 0, which is returned.  0 at the end, or -errno.
 */
typedef int vhsm_audit_line_handler(void *arg, const char *line, size_t len,
				    bool whole);
int vhsm_audit_scan(struct vhsm_audit_files *, vhsm_audit_line_handler *,
		    void *arg);

struct vhsm_audit_report {
	uint64_t records;		/* checked and good */
	uint64_t checkpoints;
	uint64_t last_seq;
	uint64_t signed_seq;		/* the last a checkpoint covers */
	bool broken;
	uint64_t broken_seq;		/* where the chain breaks, and why */
	char problem[VHSM_WHY_LEN];
};

/* Proves chain and checkpoints.  0 (see report->broken) or -errno. */
int vhsm_audit_verify(struct vhsm_audit_files *, EVP_PKEY *public_key,
		      struct vhsm_audit_report *report);
/* The log's own public key, for verify; a reference the caller frees. */
EVP_PKEY *vhsm_audit_public_key(struct vhsm_audit *);

struct vhsm_audit_query {
	char since[32];			/* "" or a time, compared as text */
	char domain[UUID_STR_LEN];	/* "" any */
	char event[64];			/* "" any; "key." all that start so */
	uint64_t after;			/* records with a greater seq */
	uint32_t limit;
	bool last;			/* the last limit, not the first */
};

/* The records asked for, in order, as an array; *more when limit or the size
 * of an answer ended it.  0 or -errno. */
int vhsm_audit_show(struct vhsm_audit_files *, const struct vhsm_audit_query *,
		    json_t **records, bool *more);

#endif /* VHSM_AUDIT_H */
