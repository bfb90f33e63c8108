/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - the keys of one domain: one SQLite file, UUID.db.
 *
 * Everything but secrets is kept in memory too, so looking is cheap and only
 * changes touch the file.  Each change is one transaction (WAL, synchronous
 * FULL): after a crash it is there or not.
 *
 * What protects a unit against who can write the file:
 *   - the unit's wrapping key is random, sealed under a key derived from the
 *     root key and the UUID; without it, the unit is noise (crypto-erasure);
 *   - each version's material is sealed with its key's and its own attributes
 *     and a record number as associated data, so that nothing of it can be
 *     edited, renamed, or moved to another row or unit;
 *   - a manifest, sealed too, covers the list of all records and their
 *     numbers, so that no row can be removed or an older one put back.
 * Not detected: the whole file replaced by an older copy of itself.
 *
 * Pointers to keys live until the next change of the unit.
 */
#ifndef VHSM_UNIT_H
#define VHSM_UNIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "vault/vault-error.h"
#include "vhsmif.h"

#define VHSM_UNIT_KEYS_MAX	1024u
#define VHSM_UNIT_REASON_LEN	200u	/* with its NUL */

struct vhsm_unit;

struct vhsm_key_version {
	uint32_t version;		/* from 1 */
	uint16_t state;			/* enum vhsm_key_state */
	int64_t created;		/* s since the epoch */
	uint64_t record;		/* number of its last sealing */
	uint32_t nonce_fixed;		/* times sent to an engine */
	uint8_t *sealed;
	size_t sealed_len;
};

struct vhsm_key {
	uint64_t id;			/* unique in its unit, never reused */
	char name[VHSM_NAME_MAX + 1];
	uint16_t type;			/* enum vhsm_key_type */
	uint16_t state;			/* enum vhsm_key_state */
	uint32_t usages;		/* VHSM_USE_* */
	int64_t created;
	uint32_t primary;		/* version */
	struct vhsm_key_version *versions;
	unsigned version_count;
	/* Use, as engines report it; not sealed, for people only. */
	uint64_t operations;
	uint64_t failures;
	uint64_t bytes;
};

/*
 * An event that must reach the audit log if, and only if, a change is made:
 * kept in the same transaction, so that a crash in between loses neither.
 * What is found there when a unit is opened after a crash is logged then.
 */
struct vhsm_unit_note {
	const char *event;		/* its name, events.h */
	json_t *details;		/* borrowed */
};

typedef int vhsm_unit_note_handler(void *arg, const uint8_t *uuid,
				   const char *event, json_t *details);

/*
 * Opens the unit in path; with create, makes it if it is not there.  Every
 * record is authenticated.  0 with *unit (perhaps a destroyed one, which has
 * no keys and awaits vhsm_unit_erase), -errno, VHSM_E_NOT_FOUND, VHSM_E_BUSY,
 * VHSM_E_CORRUPT with why naming the record.
 */
int vhsm_unit_open(struct vhsm_unit **unit, const char *path,
		   const uuid_t uuid, const uint8_t *root_key,
		   bool create, char *why);
void vhsm_unit_close(struct vhsm_unit **unit);

const uint8_t *vhsm_unit_uuid(const struct vhsm_unit *);
/* A change failed half way: what is in memory may differ from the file, and
 * the unit must be opened anew. */
bool vhsm_unit_stale(const struct vhsm_unit *);

/* Keys in the order of their names; key i, NULL past the end. */
size_t vhsm_unit_key_count(const struct vhsm_unit *);
const struct vhsm_key *vhsm_unit_key_at(const struct vhsm_unit *, size_t i);
const struct vhsm_key *vhsm_unit_key_find(const struct vhsm_unit *,
					  const char *name);
const struct vhsm_key_version *vhsm_key_version_find(const struct vhsm_key *,
						     uint32_t version);

/*
 * Changes.  note may be NULL.  0, -errno, or enum vhsm_vault_e.
 * add:     material_len bytes become version 1 of a new, enabled key.
 *          EXISTS, FULL.
 * remove:  the key and all its versions; the file keeps no byte of them.
 * set_state: ENABLED, DISABLED or REVOKED, all its versions.
 * load:    counts each version of keys[] as sent to one more engine: its
 *          nonce_fixed grows by 1, for good, before this returns.
 */
int vhsm_unit_add(struct vhsm_unit *, const char *name, uint16_t type,
		  uint32_t usages, const uint8_t *material,
		  size_t material_len, const struct vhsm_unit_note *note);
int vhsm_unit_remove(struct vhsm_unit *, const char *name,
		     const struct vhsm_unit_note *note);
int vhsm_unit_set_state(struct vhsm_unit *, const char *name, uint16_t state,
			const struct vhsm_unit_note *note);
int vhsm_unit_load(struct vhsm_unit *, const char *const *names, size_t count);

/*
 * The guest's keys are withheld from it, all of them and those to come, until
 * they are released; nothing of the keys themselves changes.  Covered by the
 * manifest: nobody who can write the file can release them.  reason is text.
 */
int vhsm_unit_revoke(struct vhsm_unit *, const char *reason,
		     const struct vhsm_unit_note *note);
int vhsm_unit_release(struct vhsm_unit *, const struct vhsm_unit_note *note);
/* Why they are withheld; NULL: they are not. */
const char *vhsm_unit_revoked(const struct vhsm_unit *);
/* The key's state as its guest is to have it: REVOKED while withheld. */
uint16_t vhsm_unit_key_state(const struct vhsm_unit *, const struct vhsm_key *);

/* Adds to a key's use; in the file with the next flush, or at close. */
void vhsm_unit_count(struct vhsm_unit *, const char *name, uint64_t operations,
		     uint64_t failures, uint64_t bytes);
int vhsm_unit_flush(struct vhsm_unit *);

/* The material of a version to out (secure memory, VHSM_MATERIAL_MAX bytes).
 * 0, -errno, VHSM_E_CORRUPT. */
int vhsm_unit_unseal(struct vhsm_unit *, const struct vhsm_key *,
		     const struct vhsm_key_version *, uint8_t *out,
		     size_t *len);

/* Hands over the notes a crash left, oldest first.  0 once the handler took
 * all; else what it returned, and they stay. */
int vhsm_unit_notes(struct vhsm_unit *, vhsm_unit_note_handler *, void *arg);
/* The notes so far are in the log: the next change, or close, forgets them. */
void vhsm_unit_notes_done(struct vhsm_unit *);

/*
 * Crypto-erasure in two steps, so that its note can be logged in between:
 * destroy forgets the wrapping key and every record for good; erase closes the
 * unit and removes what is left of its file.
 */
int vhsm_unit_destroy(struct vhsm_unit *, const struct vhsm_unit_note *note);
bool vhsm_unit_destroyed(const struct vhsm_unit *);
int vhsm_unit_erase(struct vhsm_unit **unit);

/* 1..VHSM_NAME_MAX of [A-Za-z0-9._-], the first not '.' or '-'. */
bool vhsm_key_name_check(const char *name);

#endif /* VHSM_UNIT_H */
