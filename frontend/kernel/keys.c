// SPDX-License-Identifier: GPL-2.0-only
/*
 * keys.c - a session's key handles.
 *
 * A program never sees a handle of the wire.  Its own are indices of a table
 * of the open file, with a count of how often the place was used, and each
 * remembers the key's name: the backend's handles die with the connection, so
 * the first use after a reconnection opens the key again.
 *
 * The table is changed under session->lock.  Only "connection" may also be
 * cleared from an interrupt, when the backend says it does not know a handle.
 */
#include <linux/capability.h>
#include <linux/string.h>

#include "vhsmfront.h"

#define VHSM_KEY_INDEX_BITS	8
#define VHSM_KEY_INDEX_MASK	((1u << VHSM_KEY_INDEX_BITS) - 1)

static struct vhsm_key *key_find(struct vhsm_session *session, u32 handle)
{
	u32 i = handle & VHSM_KEY_INDEX_MASK;
	struct vhsm_key *key;

	if (i >= VHSM_SESSION_KEYS)
		return NULL;
	key = &session->keys[i];
	return key->open && key->handle == handle ? key : NULL;
}

static struct vhsm_key *key_new(struct vhsm_session *session)
{
	struct vhsm_key *key;
	u32 i;

	for (i = 0; i < VHSM_SESSION_KEYS; i++) {
		key = &session->keys[i];
		if (key->open)
			continue;
		key->open = true;
		key->raw = false;
		key->uses = (key->uses + 1) & (U32_MAX >> VHSM_KEY_INDEX_BITS);
		if (!key->uses)
			key->uses = 1;	/* a handle is never 0 */
		key->handle = key->uses << VHSM_KEY_INDEX_BITS | i;
		memset(key->name, 0, sizeof(key->name));
		return key;
	}
	return NULL;
}

/* 1..VHSM_NAME_MAX bytes, then only NUL; the alphabet is the backend's. */
static bool name_check(const char *name)
{
	size_t len = strnlen(name, VHSM_NAME_MAX);

	return len && !memchr_inv(name + len, 0, VHSM_NAME_MAX - len);
}

/* Asks the backend for the name's handle; as vhsm_call_run. */
static int key_ask(struct vhsm_session *session, const char *name,
		   struct vhsm_key_info *info, u32 *wire, u32 *connection,
		   u32 *status)
{
	struct vhsm_device *device = session->device;
	struct vhsm_response response;
	int err;

	*connection = READ_ONCE(device->connections);
	err = vhsm_call_run(device, VHSM_OP_KEY_OPEN, name,
			    strnlen(name, VHSM_NAME_MAX), info, sizeof(*info),
			    &response);
	if (err)
		return err;
	*wire = response.key;
	*status = response.status;
	if (*status == VHSM_S_OK && !*wire)
		*status = VHSM_S_INTERNAL;
	return 0;
}

/*
 * Opens a key by name.  0 with a status and, if that is OK, handle and info;
 * -EMFILE when the file has VHSM_SESSION_KEYS open, -EINTR, -ETIMEDOUT.
 */
int vhsm_key_open(struct vhsm_session *session, struct vhsm_ioc_key_open *arg)
{
	u32 wire, connection;
	struct vhsm_key *key;
	int err;

	arg->handle = 0;
	memset(&arg->info, 0, sizeof(arg->info));
	if (!name_check(arg->name)) {
		arg->status = VHSM_S_BAD_NAME;
		return 0;
	}
	err = key_ask(session, arg->name, &arg->info, &wire, &connection,
		      &arg->status);
	if (err || arg->status != VHSM_S_OK)
		return err;
	memset(arg->info.reserved, 0, sizeof(arg->info.reserved));
	mutex_lock(&session->lock);
	key = key_new(session);
	if (key) {
		key->wire = wire;
		key->connection = connection;
		memcpy(key->name, arg->name, VHSM_NAME_MAX);
		arg->handle = key->handle;
	}
	mutex_unlock(&session->lock);
	return key ? 0 : -EMFILE;
}

int vhsm_key_raw(struct vhsm_session *session, struct vhsm_ioc_key_raw *arg)
{
	struct vhsm_key *key;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	mutex_lock(&session->lock);
	key = key_new(session);
	if (key) {
		key->raw = true;
		key->wire = arg->wire_handle;
		arg->handle = key->handle;
	}
	mutex_unlock(&session->lock);
	return key ? 0 : -EMFILE;
}

int vhsm_key_close(struct vhsm_session *session, u32 handle)
{
	struct vhsm_key *key;

	mutex_lock(&session->lock);
	key = key_find(session, handle);
	if (key)
		key->open = false;
	mutex_unlock(&session->lock);
	return key ? 0 : -EBADF;
}

static int key_reopen(struct vhsm_session *session, struct vhsm_key *key,
		      u32 *status)
{
	struct vhsm_key_info info;
	u32 wire, connection;
	int err;

	err = key_ask(session, key->name, &info, &wire, &connection, status);
	if (err || *status != VHSM_S_OK)
		return err;
	key->wire = wire;
	WRITE_ONCE(key->connection, connection);
	return 0;
}

/*
 * Puts the wire's handle for the session's into the item, opening the key
 * again if the connection it was opened on is over; sets item->status when
 * that does not work.  Under session->lock.  0 or -EINTR.
 */
int vhsm_key_resolve(struct vhsm_session *session, u32 handle,
		     struct vhsm_item *item)
{
	struct vhsm_key *key = key_find(session, handle);
	u32 status = VHSM_S_OK;
	int err = 0;

	if (!key) {
		item->status = VHSM_S_BAD_HANDLE;
		return 0;
	}
	item->user_key = handle;
	if (!key->raw && READ_ONCE(key->connection) !=
			 READ_ONCE(session->device->connections))
		err = key_reopen(session, key, &status);
	if (err == -EINTR)
		return err;
	item->status = err ? VHSM_S_GONE : status;
	item->wire.key = key->wire;
	item->connection = key->raw ? 0 : READ_ONCE(key->connection);
	return 0;
}

/*
 * The backend does not know the handle; from an interrupt.  Whether the key
 * can be opened again: not one named by number.
 */
bool vhsm_key_stale(struct vhsm_session *session, u32 handle)
{
	u32 i = handle & VHSM_KEY_INDEX_MASK;
	struct vhsm_key *key;

	if (!handle || i >= VHSM_SESSION_KEYS)
		return false;
	key = &session->keys[i];
	if (key->handle != handle || key->raw)
		return false;
	WRITE_ONCE(key->connection, 0);
	return true;
}
