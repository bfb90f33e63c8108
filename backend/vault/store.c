/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - which units there are, and which of them are open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/secret.h"
#include "vault/seal.h"
#include "vault/store.h"

#define UUID_TEXT_LEN (UUID_STR_LEN - 1)
#define UNIT_NAME_LEN (UUID_TEXT_LEN + 3)	/* UUID.db */

struct open_unit {
	struct vhsm_unit *unit;
	uint64_t used;			/* by the store's clock of uses */
};

struct vhsm_store {
	char *units;			/* DIR/units */
	struct vhsm_secret root_key;
	vhsm_unit_note_handler *handler;
	void *arg;
	uint64_t clock;
	unsigned open_max, open_count;
	struct open_unit *open;
};

static int unit_select(const struct dirent *entry)
{
	uuid_t uuid;
	char text[UUID_STR_LEN];

	if (strlen(entry->d_name) != UNIT_NAME_LEN ||
	    strcmp(entry->d_name + UUID_TEXT_LEN, ".db") != 0)
		return 0;
	memcpy(text, entry->d_name, UUID_TEXT_LEN);
	text[UUID_TEXT_LEN] = '\0';
	return uuid_parse(text, uuid) == 0;
}

static int units_list(const char *dir, struct dirent ***names, int *count)
{
	*count = scandir(dir, names, unit_select, alphasort);
	return *count < 0 ? -errno : 0;
}

static void names_free(struct dirent **names, int count)
{
	int i;

	for (i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int vhsm_store_is_new(const char *dir, bool *new, char *why)
{
	struct dirent **names = NULL;
	char path[4096];
	int count = 0, r;

	snprintf(path, sizeof(path), "%s/root.json", dir);
	*new = access(path, F_OK) != 0;
	snprintf(path, sizeof(path), "%s/units", dir);
	r = units_list(path, &names, &count);
	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return vhsm_vault_fail(why, r, "%s: %s", path, strerror(-r));
	names_free(names, count);
	if (*new && count > 0)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"%s holds keys, but %s/root.json is gone; restore it "
			"from a backup", path, dir);
	return 0;
}

static void entry_close(struct vhsm_store *store, unsigned i)
{
	vhsm_unit_close(&store->open[i].unit);
	store->open[i] = store->open[--store->open_count];
}

static int entry_find(struct vhsm_store *store, const uint8_t *uuid)
{
	unsigned i;

	for (i = 0; i < store->open_count; i++)
		if (uuid_compare(vhsm_unit_uuid(store->open[i].unit), uuid) == 0)
			return (int)i;
	return -1;
}

static void oldest_close(struct vhsm_store *store)
{
	unsigned i, oldest = 0;

	for (i = 1; i < store->open_count; i++)
		if (store->open[i].used < store->open[oldest].used)
			oldest = i;
	entry_close(store, oldest);
}

/* Hands over what a crash left, and finishes a destruction. */
static int unit_recover(struct vhsm_store *store, struct vhsm_unit **unit)
{
	int r;

	r = vhsm_unit_notes(*unit, store->handler, store->arg);
	if (r != 0)
		return r;
	vhsm_unit_notes_done(*unit);
	if (!vhsm_unit_destroyed(*unit))
		return 0;
	r = vhsm_unit_erase(unit);
	return r != 0 ? r : VHSM_E_NOT_FOUND;
}

static int unit_open(struct vhsm_store *store, const uint8_t *uuid, bool create,
		     struct vhsm_unit **unit, char *why)
{
	char path[4096], text[UUID_STR_LEN];
	int tries, r = 0;

	uuid_unparse_lower(uuid, text);
	snprintf(path, sizeof(path), "%s/%s.db", store->units, text);
	/* Twice: the first may only finish what a crash left destroyed. */
	for (tries = 0; tries < 2; tries++) {
		r = vhsm_unit_open(unit, path, uuid, store->root_key.bytes,
				   create, why);
		if (r == 0)
			r = unit_recover(store, unit);
		if (r != VHSM_E_NOT_FOUND || !create)
			break;
	}
	if (r != 0)
		vhsm_unit_close(unit);
	else if (create)
		r = vhsm_file_sync_dir(store->units);
	return r;
}

int vhsm_store_unit(struct vhsm_store *store, const uuid_t uuid,
		    bool create, struct vhsm_unit **unit, char *why)
{
	int i = entry_find(store, uuid), r;

	if (why != NULL)
		why[0] = '\0';
	if (i >= 0 && vhsm_unit_stale(store->open[i].unit)) {
		entry_close(store, (unsigned)i);
		i = -1;
	}
	if (i < 0) {
		if (store->open_count == store->open_max)
			oldest_close(store);
		r = unit_open(store, uuid, create, unit, why);
		if (r != 0)
			return r;
		i = (int)store->open_count++;
		store->open[i].unit = *unit;
	}
	store->open[i].used = ++store->clock;
	*unit = store->open[i].unit;
	return 0;
}

int vhsm_store_erase(struct vhsm_store *store,
		     const uuid_t uuid)
{
	int i = entry_find(store, uuid), r;
	struct vhsm_unit *unit;

	if (i < 0 || !vhsm_unit_destroyed(store->open[i].unit))
		return -EINVAL;
	unit = store->open[i].unit;
	store->open[i] = store->open[--store->open_count];
	r = vhsm_unit_erase(&unit);
	return r == 0 ? vhsm_file_sync_dir(store->units) : r;
}

void vhsm_store_flush(struct vhsm_store *store)
{
	unsigned i;

	for (i = 0; i < store->open_count; i++)
		if (vhsm_unit_flush(store->open[i].unit) != 0)
			vhsm_log(LOG_WARNING, "counters of use could not be "
				 "written; is the disk full?");
}

int vhsm_store_list(struct vhsm_store *store, json_t **uuids)
{
	struct dirent **names = NULL;
	int i, count = 0, r;

	*uuids = json_array();
	r = units_list(store->units, &names, &count);
	for (i = 0; i < count && r == 0; i++)
		r = json_array_append_new(*uuids,
			json_stringn(names[i]->d_name, UUID_TEXT_LEN)) ?
		    -ENOMEM : 0;
	names_free(names, count);
	if (r != 0) {
		json_decref(*uuids);
		*uuids = NULL;
	}
	return r;
}

/*
 * A unit that was closed has no write-ahead log; one that has was open when
 * the vault ended without warning, and may hold notes.
 */
static int crashed_recover(struct vhsm_store *store)
{
	struct dirent **names = NULL;
	char path[4096], why[VHSM_WHY_LEN] = "";
	uuid_t uuid;
	struct vhsm_unit *unit;
	int i, count = 0, r;

	r = units_list(store->units, &names, &count);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s-wal", store->units,
			 names[i]->d_name);
		names[i]->d_name[UUID_TEXT_LEN] = '\0';
		if (access(path, F_OK) != 0 ||
		    uuid_parse(names[i]->d_name, uuid) != 0)
			continue;
		r = vhsm_store_unit(store, uuid, false, &unit, why);
		if (r != 0 && r != VHSM_E_NOT_FOUND)
			vhsm_log(LOG_ERR, "unit %s stays closed: %s",
				 names[i]->d_name,
				 why[0] ? why : vhsm_vault_error_text(r));
		r = 0;
	}
	names_free(names, count);
	return r;
}

int vhsm_store_lock(const char *dir, char *why)
{
	char path[4096];
	int fd, r;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return vhsm_vault_fail(why, -errno, "%s: %s", path,
				       strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = -errno;
	close(fd);
	return vhsm_vault_fail(why, r, "%s: another vault has this store open",
			       dir);
}

int vhsm_store_open(struct vhsm_store **store, const char *dir,
		    const uint8_t *root_key, unsigned open_max,
		    vhsm_unit_note_handler *handler, void *arg, char *why)
{
	struct vhsm_store *s = calloc(1, sizeof(*s));
	char path[4096];
	int r = -ENOMEM;

	*store = NULL;
	if (s == NULL)
		return r;
	s->handler = handler;
	s->arg = arg;
	s->open_max = open_max;
	s->open = calloc(open_max, sizeof(*s->open));
	snprintf(path, sizeof(path), "%s/units", dir);
	s->units = strdup(path);
	if (s->open != NULL && s->units != NULL)
		r = vhsm_secret_copy(&s->root_key, root_key, VHSM_SEAL_KEY_LEN);
	if (r != 0)
		vhsm_vault_fail(why, r, "out of memory");
	if (r == 0) {
		r = vhsm_file_make_dir(path);
		if (r != 0)
			vhsm_vault_fail(why, r, "%s: %s", path, strerror(-r));
	}
	if (r == 0) {
		r = crashed_recover(s);
		if (r != 0)
			vhsm_vault_fail(why, r, "%s: %s", path, strerror(-r));
	}
	if (r != 0)
		vhsm_store_close(&s);
	*store = s;
	return r;
}

void vhsm_store_close(struct vhsm_store **store)
{
	struct vhsm_store *s = *store;

	if (s == NULL)
		return;
	while (s->open_count > 0)
		entry_close(s, s->open_count - 1);
	vhsm_secret_deinit(&s->root_key);
	free(s->open);
	free(s->units);
	free(s);
	*store = NULL;
}
