/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit-change.c - changes of a unit.
 *
 *   change_begin: BEGIN, forget notes already logged
 *   ... the change, in memory and in rows ...
 *   change_end: manifest, note, COMMIT; or ROLLBACK, and the unit is stale
 *
 * A failed change leaves memory and file apart; rather than undo it in memory,
 * the unit is marked stale and its owner opens it anew from the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/protocol.h"
#include "common/secret.h"
#include "vault/unit-private.h"

static int use_write(struct vhsm_unit *unit)
{
	const struct vhsm_key *key;
	size_t i;
	int r = 0;

	for (i = 0; i < unit->key_count && r == 0; i++) {
		key = unit->keys[i];
		if ((key->operations | key->failures) == 0)
			continue;
		r = vhsm_unit_run(unit, UNIT_USE_PUT, "iiii", (int64_t)key->id,
				  (int64_t)key->operations,
				  (int64_t)key->failures, (int64_t)key->bytes);
	}
	return r;
}

static int change_begin(struct vhsm_unit *unit)
{
	int r;

	if (unit->stale || unit->destroyed)
		return -ESTALE;
	r = vhsm_unit_run(unit, UNIT_BEGIN, "");
	if (r == 0 && unit->notes_logged > 0)
		r = vhsm_unit_run(unit, UNIT_NOTES_DELETE, "i",
				  unit->notes_logged);
	return r;
}

static int note_write(struct vhsm_unit *unit, const struct vhsm_unit_note *note)
{
	char *details;
	int r;

	if (note == NULL)
		return 0;
	details = json_dumps(note->details, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (details == NULL)
		return -ENOMEM;
	r = vhsm_unit_run(unit, UNIT_NOTE_PUT, "tt", note->event, details);
	if (r == 0)
		unit->notes_last = sqlite3_last_insert_rowid(unit->db);
	free(details);
	return r;
}

static int change_end(struct vhsm_unit *unit, int r,
		      const struct vhsm_unit_note *note)
{
	uint8_t manifest[UNIT_MANIFEST_LEN];

	if (r == 0 && unit->sealer != NULL) {
		r = vhsm_unit_manifest_make(unit, manifest);
		if (r == 0)
			r = vhsm_unit_run(unit, UNIT_META_PUT, "tb", "manifest",
					  manifest, sizeof(manifest));
	}
	if (r == 0)
		r = note_write(unit, note);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_COMMIT, "");
	if (r == 0) {
		unit->notes_logged = 0;
		return 0;
	}
	unit->stale = true;
	if (!sqlite3_get_autocommit(unit->db))
		vhsm_unit_run(unit, UNIT_ROLLBACK, "");
	return r;
}

static int rows_write(struct vhsm_unit *unit, const struct vhsm_key *key)
{
	const struct vhsm_key_version *v;
	unsigned i;
	int r;

	r = vhsm_unit_run(unit, UNIT_KEY_PUT, "itiiiii", (int64_t)key->id,
			  key->name, (int64_t)key->type, (int64_t)key->usages,
			  (int64_t)key->state, key->created,
			  (int64_t)key->primary);
	for (i = 0; i < key->version_count && r == 0; i++) {
		v = &key->versions[i];
		r = vhsm_unit_run(unit, UNIT_VERSION_PUT, "iiiiiib",
				  (int64_t)key->id, (int64_t)v->version,
				  (int64_t)v->record, (int64_t)v->state,
				  v->created, (int64_t)v->nonce_fixed,
				  v->sealed, v->sealed_len);
	}
	return r;
}

/* A key whose first version is sealed, but which is in no unit yet. */
static struct vhsm_key *key_new(struct vhsm_unit *unit, const char *name,
				uint16_t type, uint32_t usages,
				const uint8_t *material, size_t material_len)
{
	struct vhsm_key *key = calloc(1, sizeof(*key));
	struct vhsm_key_version *v = calloc(1, sizeof(*v));

	if (key == NULL || v == NULL) {
		free(key);
		free(v);
		return NULL;
	}
	key->id = ++unit->last_record;
	memcpy(key->name, name, strlen(name) + 1);	/* checked */
	key->type = type;
	key->usages = usages;
	key->state = VHSM_KEY_ENABLED;
	key->created = time(NULL);
	key->primary = 1;
	key->versions = v;
	key->version_count = 1;
	v->version = 1;
	v->state = VHSM_KEY_ENABLED;
	v->created = key->created;
	if (vhsm_unit_seal(unit, key, v, material, material_len) != 0)
		vhsm_key_free(&key);
	return key;
}

int vhsm_unit_add(struct vhsm_unit *unit, const char *name, uint16_t type,
		  uint32_t usages, const uint8_t *material,
		  size_t material_len, const struct vhsm_unit_note *note)
{
	struct vhsm_key *key;
	int r;

	if (!vhsm_key_name_check(name))
		return VHSM_E_BAD_REQUEST;
	if (vhsm_unit_key_find(unit, name) != NULL)
		return VHSM_E_EXISTS;
	if (unit->key_count >= VHSM_UNIT_KEYS_MAX)
		return VHSM_E_FULL;
	r = change_begin(unit);
	if (r != 0)
		return change_end(unit, r, NULL);
	key = key_new(unit, name, type, usages, material, material_len);
	r = key == NULL ? -ENOMEM : rows_write(unit, key);
	if (r == 0) {
		r = vhsm_unit_insert(unit, key);
		if (r == 0)
			key = NULL;	/* the unit's now */
	}
	vhsm_key_free(&key);
	return change_end(unit, r, note);
}

/* Seals every version anew, with the key's attributes as they are now. */
static int key_reseal(struct vhsm_unit *unit, struct vhsm_key *key,
		      struct vhsm_key *before, struct vhsm_secret *scratch)
{
	struct vhsm_key_version *v, was;
	unsigned i;
	size_t len;
	int r = 0;

	for (i = 0; i < key->version_count && r == 0; i++) {
		v = &key->versions[i];
		was = before->versions[i];
		was.sealed = v->sealed;
		was.sealed_len = v->sealed_len;
		r = vhsm_unit_unseal(unit, before, &was, scratch->bytes, &len);
		if (r == 0)
			r = vhsm_unit_seal(unit, key, v, scratch->bytes, len);
	}
	return r == 0 ? rows_write(unit, key) : r;
}

typedef int key_edit(struct vhsm_key *key, int value);

/* Edits one key and seals it anew, within a change. */
static int key_change(struct vhsm_unit *unit, const char *name, key_edit *edit,
		      int value)
{
	size_t place = vhsm_unit_place(unit, name), size;
	struct vhsm_key *key = unit->keys[place], before = *key;
	struct vhsm_secret scratch;
	int r;

	size = key->version_count * sizeof(*key->versions);
	before.versions = malloc(size);
	if (before.versions == NULL)
		return -ENOMEM;
	memcpy(before.versions, key->versions, size);
	r = vhsm_secret_init(&scratch, VHSM_MATERIAL_MAX);
	if (r == 0)
		r = edit(key, value);
	if (r == 0)
		r = key_reseal(unit, key, &before, &scratch);
	vhsm_secret_deinit(&scratch);
	free(before.versions);
	return r;
}

static int edit_state(struct vhsm_key *key, int state)
{
	key->state = (uint16_t)state;
	return 0;
}

static int edit_nonces(struct vhsm_key *key, int unused)
{
	unsigned i;

	(void)unused;
	for (i = 0; i < key->version_count; i++) {
		if (key->versions[i].nonce_fixed == UINT32_MAX)
			return VHSM_E_FULL;	/* never repeat one */
		key->versions[i].nonce_fixed++;
	}
	return 0;
}

int vhsm_unit_set_state(struct vhsm_unit *unit, const char *name,
			uint16_t state, const struct vhsm_unit_note *note)
{
	int r;

	if (vhsm_unit_key_find(unit, name) == NULL)
		return VHSM_E_NOT_FOUND;
	if (state != VHSM_KEY_ENABLED && state != VHSM_KEY_DISABLED &&
	    state != VHSM_KEY_REVOKED)
		return VHSM_E_BAD_REQUEST;
	r = change_begin(unit);
	if (r == 0)
		r = key_change(unit, name, edit_state, state);
	return change_end(unit, r, note);
}

int vhsm_unit_revoke(struct vhsm_unit *unit, const char *reason,
		     const struct vhsm_unit_note *note)
{
	size_t len = strlen(reason);
	int r;

	if (len == 0 || len >= sizeof(unit->reason))
		return VHSM_E_BAD_REQUEST;
	r = change_begin(unit);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_META_PUT, "tb", "revoked", reason,
				  len);
	if (r == 0) {
		unit->revoked = true;
		memcpy(unit->reason, reason, len + 1);
		unit->last_record++;
	}
	return change_end(unit, r, note);
}

int vhsm_unit_release(struct vhsm_unit *unit, const struct vhsm_unit_note *note)
{
	int r = change_begin(unit);

	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_META_DELETE, "t", "revoked");
	if (r == 0) {
		unit->revoked = false;
		unit->last_record++;
	}
	return change_end(unit, r, note);
}

int vhsm_unit_load(struct vhsm_unit *unit, const char *const *names,
		   size_t count)
{
	size_t i;
	int r;

	if (count == 0)
		return 0;
	for (i = 0; i < count; i++)
		if (vhsm_unit_key_find(unit, names[i]) == NULL)
			return VHSM_E_NOT_FOUND;
	r = change_begin(unit);
	for (i = 0; i < count && r == 0; i++)
		r = key_change(unit, names[i], edit_nonces, 0);
	return change_end(unit, r, NULL);
}

int vhsm_unit_remove(struct vhsm_unit *unit, const char *name,
		     const struct vhsm_unit_note *note)
{
	size_t place = vhsm_unit_place(unit, name);
	struct vhsm_key *key;
	int64_t id;
	int r;

	if (vhsm_unit_key_find(unit, name) == NULL)
		return VHSM_E_NOT_FOUND;
	key = unit->keys[place];
	id = (int64_t)key->id;
	r = change_begin(unit);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_KEY_DELETE, "i", id);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_VERSION_DELETE, "i", id);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_USE_DELETE, "i", id);
	if (r == 0) {
		unit->key_count--;
		memmove(&unit->keys[place], &unit->keys[place + 1],
			(unit->key_count - place) * sizeof(*unit->keys));
		vhsm_key_free(&key);
		/* So that the deletion itself has a number of its own. */
		unit->last_record++;
	}
	r = change_end(unit, r, note);
	if (r == 0)
		vhsm_unit_checkpoint(unit);
	return r;
}

void vhsm_unit_count(struct vhsm_unit *unit, const char *name,
		     uint64_t operations, uint64_t failures, uint64_t bytes)
{
	size_t place = vhsm_unit_place(unit, name);

	if (vhsm_unit_key_find(unit, name) == NULL)
		return;
	unit->keys[place]->operations += operations;
	unit->keys[place]->failures += failures;
	unit->keys[place]->bytes += bytes;
	unit->use_changed = true;
}

int vhsm_unit_flush(struct vhsm_unit *unit)
{
	int r;

	if (!unit->use_changed && unit->notes_logged == 0)
		return 0;
	r = change_begin(unit);
	if (r == 0)
		r = use_write(unit);
	r = change_end(unit, r, NULL);
	if (r == 0)
		unit->use_changed = false;
	return r;
}

/* --- notes --- */

static int note_read(struct vhsm_unit *unit, sqlite3_stmt *row,
		     vhsm_unit_note_handler *handler, void *arg)
{
	const char *event = (const char *)sqlite3_column_text(row, 1);
	const char *details = (const char *)sqlite3_column_text(row, 2);
	json_t *json;
	int r;

	if (event == NULL || details == NULL)
		return VHSM_E_CORRUPT;
	json = json_loads(details, JSON_REJECT_DUPLICATES, NULL);
	if (json == NULL)
		return VHSM_E_CORRUPT;
	r = handler(arg, unit->uuid, event, json);
	json_decref(json);
	if (r == 0)
		unit->notes_last = sqlite3_column_int64(row, 0);
	return r;
}

int vhsm_unit_notes(struct vhsm_unit *unit, vhsm_unit_note_handler *handler,
		    void *arg)
{
	sqlite3_stmt *rows = unit->statements[UNIT_NOTES];
	int step = SQLITE_ROW, r = 0;

	while (r == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW)
		r = note_read(unit, rows, handler, arg);
	if (r == 0 && step != SQLITE_DONE)
		r = vhsm_unit_db_error(unit);
	sqlite3_reset(rows);
	return r;
}

void vhsm_unit_notes_done(struct vhsm_unit *unit)
{
	unit->notes_logged = unit->notes_last;
}

/* --- the end of a unit --- */

int vhsm_unit_destroy(struct vhsm_unit *unit, const struct vhsm_unit_note *note)
{
	int r;

	r = change_begin(unit);
	vhsm_sealer_free(&unit->sealer);
	if (r == 0 &&
	    sqlite3_exec(unit->db, "DELETE FROM meta; DELETE FROM versions;"
			 "DELETE FROM keys; DELETE FROM use;", NULL, NULL,
			 NULL) != SQLITE_OK)
		r = vhsm_unit_db_error(unit);
	r = change_end(unit, r, note);
	if (r == 0) {
		unit->destroyed = true;
		while (unit->key_count > 0)
			vhsm_key_free(&unit->keys[--unit->key_count]);
		vhsm_unit_checkpoint(unit);
	}
	return r;
}

int vhsm_unit_erase(struct vhsm_unit **unit)
{
	static const char *const suffixes[] = { "-wal", "-journal", "" };
	char path[4096];
	size_t i;
	int r = 0;

	if (!(*unit)->destroyed)
		return -EINVAL;
	vhsm_unit_db_close(*unit);
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (snprintf(path, sizeof(path), "%s%s", (*unit)->path,
			     suffixes[i]) >= (int)sizeof(path))
			r = -ENAMETOOLONG;
		else if (unlink(path) != 0 && errno != ENOENT)
			r = -errno;
	}
	vhsm_unit_close(unit);
	return r;
}
