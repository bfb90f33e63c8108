/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.c - opening a unit: every row is read, checked for sense and
 * authenticated before any is believed; then looking keys up.
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

bool vhsm_key_name_check(const char *name)
{
	size_t i;
	char c;

	if (name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; name[i] != '\0'; i++) {
		c = name[i];
		if (i >= VHSM_NAME_MAX ||
		    !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-'))
			return false;
	}
	return i > 0;
}

void vhsm_key_free(struct vhsm_key **key)
{
	unsigned i;

	if (*key == NULL)
		return;
	for (i = 0; i < (*key)->version_count; i++)
		free((*key)->versions[i].sealed);
	free((*key)->versions);
	free(*key);
	*key = NULL;
}

size_t vhsm_unit_place(const struct vhsm_unit *unit, const char *name)
{
	size_t low = 0, high = unit->key_count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (strcmp(unit->keys[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int vhsm_unit_insert(struct vhsm_unit *unit, struct vhsm_key *key)
{
	size_t place = vhsm_unit_place(unit, key->name);
	struct vhsm_key **keys;

	keys = realloc(unit->keys, (unit->key_count + 1) * sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	unit->keys = keys;
	memmove(&keys[place + 1], &keys[place],
		(unit->key_count - place) * sizeof(*keys));
	keys[place] = key;
	unit->key_count++;
	return 0;
}

/* --- reading rows --- */

static bool column_fits(sqlite3_stmt *row, int column, int64_t max)
{
	return sqlite3_column_type(row, column) == SQLITE_INTEGER &&
	       sqlite3_column_int64(row, column) >= 0 &&
	       sqlite3_column_int64(row, column) <= max;
}

static struct vhsm_key *key_read(sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	struct vhsm_key *key;

	if (name == NULL || !vhsm_key_name_check(name) ||
	    !column_fits(row, 0, INT64_MAX) ||
	    !column_fits(row, 2, UINT16_MAX) ||
	    !column_fits(row, 3, UINT32_MAX) ||
	    !column_fits(row, 4, UINT16_MAX) ||
	    !column_fits(row, 5, INT64_MAX) || !column_fits(row, 6, UINT32_MAX))
		return NULL;
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return NULL;
	key->id = (uint64_t)sqlite3_column_int64(row, 0);
	memcpy(key->name, name, strlen(name) + 1);	/* checked */
	key->type = (uint16_t)sqlite3_column_int(row, 2);
	key->usages = (uint32_t)sqlite3_column_int64(row, 3);
	key->state = (uint16_t)sqlite3_column_int(row, 4);
	key->created = sqlite3_column_int64(row, 5);
	key->primary = (uint32_t)sqlite3_column_int64(row, 6);
	key->operations = (uint64_t)sqlite3_column_int64(row, 7);
	key->failures = (uint64_t)sqlite3_column_int64(row, 8);
	key->bytes = (uint64_t)sqlite3_column_int64(row, 9);
	return key;
}

static int version_read(struct vhsm_key *key, sqlite3_stmt *row)
{
	struct vhsm_key_version *versions, *v;
	int len = sqlite3_column_bytes(row, 5);

	if (!column_fits(row, 0, UINT32_MAX) ||
	    !column_fits(row, 1, INT64_MAX) ||
	    !column_fits(row, 2, UINT16_MAX) ||
	    !column_fits(row, 3, INT64_MAX) ||
	    !column_fits(row, 4, UINT32_MAX) ||
	    len <= (int)VHSM_SEAL_OVERHEAD ||
	    len > (int)(VHSM_MATERIAL_MAX + VHSM_SEAL_OVERHEAD))
		return VHSM_E_CORRUPT;
	versions = realloc(key->versions,
			   (key->version_count + 1) * sizeof(*versions));
	if (versions == NULL)
		return -ENOMEM;
	key->versions = versions;
	v = &versions[key->version_count];
	memset(v, 0, sizeof(*v));
	v->version = (uint32_t)sqlite3_column_int64(row, 0);
	v->record = (uint64_t)sqlite3_column_int64(row, 1);
	v->state = (uint16_t)sqlite3_column_int(row, 2);
	v->created = sqlite3_column_int64(row, 3);
	v->nonce_fixed = (uint32_t)sqlite3_column_int64(row, 4);
	v->sealed = malloc((size_t)len);
	if (v->sealed == NULL)
		return -ENOMEM;
	memcpy(v->sealed, sqlite3_column_blob(row, 5), (size_t)len);
	v->sealed_len = (size_t)len;
	key->version_count++;
	return 0;
}

static int versions_read(struct vhsm_unit *unit, struct vhsm_key *key)
{
	sqlite3_stmt *rows = unit->statements[UNIT_VERSIONS];
	int step = SQLITE_ROW, r = 0;

	sqlite3_bind_int64(rows, 1, (int64_t)key->id);
	while (r == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW)
		r = version_read(key, rows);
	if (r == 0 && step != SQLITE_DONE)
		r = vhsm_unit_db_error(unit);
	sqlite3_reset(rows);
	if (r == 0 && vhsm_key_version_find(key, key->primary) == NULL)
		r = VHSM_E_CORRUPT;
	return r;
}

static int keys_read(struct vhsm_unit *unit, char *why)
{
	sqlite3_stmt *rows = unit->statements[UNIT_KEYS];
	struct vhsm_key *key;
	int step = SQLITE_ROW, r = 0;

	while (r == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW) {
		key = key_read(rows);
		if (key == NULL || unit->key_count >= VHSM_UNIT_KEYS_MAX) {
			vhsm_key_free(&key);
			r = vhsm_vault_fail(why, VHSM_E_CORRUPT,
				"%s: a row of keys makes no sense", unit->path);
			break;
		}
		r = versions_read(unit, key);
		if (r != 0)
			vhsm_vault_fail(why, r, "%s: key %s: its versions make "
					"no sense", unit->path, key->name);
		if (r == 0)
			r = vhsm_unit_insert(unit, key);
		if (r != 0)
			vhsm_key_free(&key);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = vhsm_unit_db_error(unit);
	sqlite3_reset(rows);
	return r;
}

/* --- authenticating them --- */

static int key_check(struct vhsm_unit *unit, const struct vhsm_key *key,
		     uint8_t *scratch, char *why)
{
	const struct vhsm_key_version *v;
	unsigned i;
	size_t len;
	int r;

	for (i = 0; i < key->version_count; i++) {
		v = &key->versions[i];
		r = vhsm_unit_unseal(unit, key, v, scratch, &len);
		if (r != 0)
			return vhsm_vault_fail(why, r, "%s: key %s version %u: "
				"its record does not authenticate: it was "
				"edited, renamed, or moved from elsewhere",
				unit->path, key->name, v->version);
	}
	return 0;
}

static int keys_check(struct vhsm_unit *unit, char *why)
{
	struct vhsm_secret scratch;
	size_t i;
	int r;

	r = vhsm_secret_init(&scratch, VHSM_MATERIAL_MAX);
	for (i = 0; i < unit->key_count && r == 0; i++)
		r = key_check(unit, unit->keys[i], scratch.bytes, why);
	vhsm_secret_deinit(&scratch);
	return r;
}

/* A value of the meta table; *len 0 if there is none. */
static int meta_get(struct vhsm_unit *unit, const char *name, uint8_t *out,
		    size_t room, size_t *len)
{
	sqlite3_stmt *row = unit->statements[UNIT_META_GET];
	int step, r = 0;

	*len = 0;
	sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(row);
	if (step == SQLITE_ROW) {
		*len = (size_t)sqlite3_column_bytes(row, 0);
		if (*len == 0 || *len > room)
			r = VHSM_E_CORRUPT;
		else
			memcpy(out, sqlite3_column_blob(row, 0), *len);
	} else if (step != SQLITE_DONE) {
		r = vhsm_unit_db_error(unit);
	}
	sqlite3_reset(row);
	return r;
}

static int unit_load(struct vhsm_unit *unit, const uint8_t *root_key, char *why)
{
	uint8_t wrapped[UNIT_WRAPPED_LEN], manifest[UNIT_MANIFEST_LEN];
	size_t len;
	int r;

	r = meta_get(unit, "wrapping_key", wrapped, sizeof(wrapped), &len);
	if (r == 0 && len == 0) {
		unit->destroyed = true;
		return 0;
	}
	if (r == 0)
		r = vhsm_unit_wrapping_open(unit, root_key, wrapped, len);
	if (r != 0)
		return vhsm_vault_fail(why, r, "%s: its wrapping key does not "
			"open: the file was edited, renamed, or belongs to "
			"another store", unit->path);
	r = keys_read(unit, why);
	if (r == 0)
		r = keys_check(unit, why);
	if (r != 0)
		return r;
	r = meta_get(unit, "revoked", (uint8_t *)unit->reason,
		     sizeof(unit->reason) - 1, &len);
	unit->revoked = len > 0;
	if (r == 0)
		r = meta_get(unit, "manifest", manifest, sizeof(manifest),
			     &len);
	if (r == 0)
		r = vhsm_unit_manifest_check(unit, manifest, len);
	if (r != 0)
		return vhsm_vault_fail(why, r, "%s: its manifest does not "
			"match: a record was removed, or an older one put back",
			unit->path);
	return 0;
}

static int unit_make(struct vhsm_unit *unit, const uint8_t *root_key, char *why)
{
	uint8_t wrapped[UNIT_WRAPPED_LEN], manifest[UNIT_MANIFEST_LEN];
	int r;

	r = vhsm_unit_run(unit, UNIT_BEGIN, "");
	if (r == 0)
		r = vhsm_unit_db_make(unit);
	if (r == 0)
		r = vhsm_unit_wrapping_make(unit, root_key, wrapped);
	if (r == 0)
		r = vhsm_unit_manifest_make(unit, manifest);
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_META_PUT, "tb", "wrapping_key",
				  wrapped, sizeof(wrapped));
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_META_PUT, "tb", "manifest",
				  manifest, sizeof(manifest));
	if (r == 0)
		r = vhsm_unit_run(unit, UNIT_COMMIT, "");
	if (r != 0)
		return vhsm_vault_fail(why, r, "%s: %s", unit->path,
				       sqlite3_errmsg(unit->db));
	return 0;
}

int vhsm_unit_open(struct vhsm_unit **unit, const char *path,
		   const uuid_t uuid, const uint8_t *root_key,
		   bool create, char *why)
{
	struct vhsm_unit *u = calloc(1, sizeof(*u));
	bool fresh = false;
	int r = -ENOMEM;

	*unit = NULL;
	if (u != NULL)
		u->path = strdup(path);
	if (u == NULL || u->path == NULL)
		goto out;
	memcpy(u->uuid, uuid, sizeof(u->uuid));
	r = vhsm_unit_db_open(u, create, &fresh, why);
	if (r == 0)
		r = fresh ? unit_make(u, root_key, why) :
		    unit_load(u, root_key, why);
	if (r == 0) {
		*unit = u;
		u = NULL;
	}
out:
	if (u != NULL)
		u->stale = true;	/* nothing to flush */
	vhsm_unit_close(&u);
	return r;
}

void vhsm_unit_close(struct vhsm_unit **unit)
{
	struct vhsm_unit *u = *unit;
	size_t i;

	if (u == NULL)
		return;
	if (u->db != NULL) {
		if (!u->stale && !u->destroyed)
			vhsm_unit_flush(u);
		vhsm_unit_db_close(u);
	}
	for (i = 0; i < u->key_count; i++)
		vhsm_key_free(&u->keys[i]);
	free(u->keys);
	vhsm_sealer_free(&u->sealer);
	free(u->path);
	free(u);
	*unit = NULL;
}

/* --- looking --- */

const uint8_t *vhsm_unit_uuid(const struct vhsm_unit *unit)
{
	return unit->uuid;
}

bool vhsm_unit_stale(const struct vhsm_unit *unit)
{
	return unit->stale;
}

bool vhsm_unit_destroyed(const struct vhsm_unit *unit)
{
	return unit->destroyed;
}

const char *vhsm_unit_revoked(const struct vhsm_unit *unit)
{
	return unit->revoked ? unit->reason : NULL;
}

uint16_t vhsm_unit_key_state(const struct vhsm_unit *unit,
			     const struct vhsm_key *key)
{
	return unit->revoked ? VHSM_KEY_REVOKED : key->state;
}

size_t vhsm_unit_key_count(const struct vhsm_unit *unit)
{
	return unit->key_count;
}

const struct vhsm_key *vhsm_unit_key_at(const struct vhsm_unit *unit, size_t i)
{
	return i < unit->key_count ? unit->keys[i] : NULL;
}

const struct vhsm_key *vhsm_unit_key_find(const struct vhsm_unit *unit,
					  const char *name)
{
	size_t place = vhsm_unit_place(unit, name);

	if (place < unit->key_count &&
	    strcmp(unit->keys[place]->name, name) == 0)
		return unit->keys[place];
	return NULL;
}

const struct vhsm_key_version *vhsm_key_version_find(const struct vhsm_key *key,
						     uint32_t version)
{
	unsigned i;

	for (i = 0; i < key->version_count; i++)
		if (key->versions[i].version == version)
			return &key->versions[i];
	return NULL;
}
