/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit-private.h - what the files of a unit share: unit.c (open, look up),
 * unit-change.c (changes), unit-seal.c (what a record is sealed with),
 * unit-db.c (SQLite).
 */
#ifndef VHSM_UNIT_PRIVATE_H
#define VHSM_UNIT_PRIVATE_H

#include <sqlite3.h>

#include "vault/seal.h"
#include "vault/unit.h"

enum unit_statement {
	UNIT_BEGIN,
	UNIT_COMMIT,
	UNIT_ROLLBACK,
	UNIT_META_GET,
	UNIT_META_PUT,
	UNIT_META_DELETE,
	UNIT_KEYS,
	UNIT_KEY_PUT,
	UNIT_KEY_DELETE,
	UNIT_VERSIONS,
	UNIT_VERSION_PUT,
	UNIT_VERSION_DELETE,
	UNIT_USE_PUT,
	UNIT_USE_DELETE,
	UNIT_NOTES,
	UNIT_NOTE_PUT,
	UNIT_NOTES_DELETE,
	UNIT_STATEMENTS
};

struct vhsm_unit {
	uuid_t uuid;
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[UNIT_STATEMENTS];
	struct vhsm_sealer *sealer;	/* NULL once destroyed */
	struct vhsm_key **keys;		/* sorted by name */
	size_t key_count;
	uint64_t last_record;
	int64_t notes_logged;		/* notes up to this id are in the log */
	int64_t notes_last;
	bool use_changed;		/* counters not in the file yet */
	bool stale;
	bool destroyed;
	bool revoked;			/* its keys are withheld */
	char reason[VHSM_UNIT_REASON_LEN];	/* why */
};

/* --- unit-db.c --- */

/* Opens the file, checks it, prepares the statements.  *fresh: it has no
 * schema yet.  As vhsm_unit_open. */
int vhsm_unit_db_open(struct vhsm_unit *, bool create, bool *fresh, char *why);
void vhsm_unit_db_close(struct vhsm_unit *);
/* The schema, within a transaction. */
int vhsm_unit_db_make(struct vhsm_unit *);

/*
 * Runs a statement that returns no row.  format has a letter for each value:
 * i int64_t, b (const void *, size_t), t const char *.  0 or -errno.
 */
int vhsm_unit_run(struct vhsm_unit *, enum unit_statement, const char *format,
		  ...);
/* Truncates the write-ahead log, so that it keeps nothing deleted.  What it
 * follows is committed already, so failing is no error of that: closing the
 * unit does the same once more. */
void vhsm_unit_checkpoint(struct vhsm_unit *);
/* -errno of the last SQLite error. */
int vhsm_unit_db_error(struct vhsm_unit *);

/* --- unit-seal.c --- */

/* Makes, or opens, the wrapping key; sealed_len bytes. */
#define UNIT_WRAPPED_LEN (VHSM_SEAL_KEY_LEN + VHSM_SEAL_OVERHEAD)
int vhsm_unit_wrapping_make(struct vhsm_unit *, const uint8_t *root_key,
			    uint8_t sealed[UNIT_WRAPPED_LEN]);
int vhsm_unit_wrapping_open(struct vhsm_unit *, const uint8_t *root_key,
			    const uint8_t *sealed, size_t sealed_len);

/* Seals material as the version's record, under the next record number;
 * v->sealed is replaced. */
int vhsm_unit_seal(struct vhsm_unit *, const struct vhsm_key *,
		   struct vhsm_key_version *, const uint8_t *material,
		   size_t len);

/* The manifest of the keys in memory. */
#define UNIT_MANIFEST_LEN (8u + VHSM_SEAL_OVERHEAD)
int vhsm_unit_manifest_make(struct vhsm_unit *,
			    uint8_t sealed[UNIT_MANIFEST_LEN]);
/* Checks it, and takes last_record from it. */
int vhsm_unit_manifest_check(struct vhsm_unit *, const uint8_t *sealed,
			     size_t sealed_len);

/* --- unit.c --- */

void vhsm_key_free(struct vhsm_key **);
/* Puts the key (now the unit's) in its place.  0 or -ENOMEM. */
int vhsm_unit_insert(struct vhsm_unit *, struct vhsm_key *);
/* Where a key of that name is or would be. */
size_t vhsm_unit_place(const struct vhsm_unit *, const char *name);

#endif /* VHSM_UNIT_PRIVATE_H */
