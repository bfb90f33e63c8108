// SPDX-License-Identifier: Apache-2.0
/*
 * keys.c - look-ups by threads, changes by the control thread; see keys.h.
 * Changes follow one pattern: build aside, store one pointer, synchronise,
 * then wipe and free what was there.
 */
#include <config.h>

#include "engine/keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "transport/guest-input.h"

#define INDEX_MASK 0xffffu

static uint32_t make_handle(uint32_t index, uint16_t generation)
{
	return index | (uint32_t)generation << 16;
}

static uint16_t next_generation(uint16_t generation)
{
	return generation == UINT16_MAX ? 1 : generation + 1;
}

int vhsm_keys_init(struct vhsm_keys *keys, struct vhsm_epoch *epoch)
{
	uint16_t random;

	memset(keys, 0, sizeof(*keys));
	if (vhsm_ops_random((uint8_t *)&random, sizeof(random)) != VHSM_S_OK)
		return -EIO;
	keys->epoch = epoch;
	keys->generation = random ? random : 1;
	for (uint32_t i = 0; i < VHSM_MAX_KEYS; i++)
		keys->key[i].generation = keys->generation;
	atomic_store(&keys->order, &keys->orders[0]);
	return 0;
}

/* Contexts of all threads and the secret, once nobody is in them. */
static void wipe(struct vhsm_key_version *v)
{
	for (unsigned t = 0; t < VHSM_EPOCH_THREADS; t++)
		if (v->use[t].context)
			v->family->context_free(&v->use[t].context);
	vhsm_secret_deinit(&v->secret);
	v->material.bytes = NULL;
	v->material.len = 0;
}

void vhsm_key_version_free(struct vhsm_key_version **version)
{
	struct vhsm_key_version *v = *version;

	*version = NULL;
	if (!v)
		return;
	wipe(v);
	free(v->public_key);
	free(v);
}

void vhsm_keys_deinit(struct vhsm_keys *keys)
{
	for (unsigned i = 0; i < VHSM_MAX_KEYS; i++)
		vhsm_keys_forget(keys, i);
}

/* ------------------------------------------------------------- loading */

static bool message_is_sound(const struct vhsm_msg_key *msg)
{
	return msg->index < VHSM_MAX_KEYS && msg->version &&
	       msg->material_len <= VHSM_MATERIAL_MAX && !msg->reserved &&
	       vhsm_name_check(msg->name, strnlen(msg->name, VHSM_NAME_MAX)) &&
	       vhsm_family_of_type(msg->type) &&
	       msg->state >= VHSM_KEY_ENABLED &&
	       msg->state < VHSM_KEY_DESTROYED &&
	       (msg->state != VHSM_KEY_ENABLED || msg->material_len) &&
	       !(msg->usages & ~VHSM_USE_ALL);
}

/* The public half is kept ready: it is asked for often and never secret. */
static int cache_public_key(struct vhsm_key_version *v)
{
	size_t len = 0;
	int r;

	if (!v->family->public_key || !v->material.len)
		return 0;
	r = v->family->public_key(&v->material, NULL, &len);
	if (r != -ENOSPC && r)
		return r;
	v->public_key = malloc(len);
	if (!v->public_key)
		return -ENOMEM;
	v->public_len = len;
	return v->family->public_key(&v->material, v->public_key,
				     &v->public_len);
}

static int take_material(struct vhsm_key_version *v,
			 const struct vhsm_msg_key *msg)
{
	int r;

	if (!msg->material_len)
		return 0;
	r = vhsm_secret_copy(&v->secret, msg->material, msg->material_len);
	if (r)
		return r;
	v->material.type = msg->type;
	v->material.nonce_fixed = msg->nonce_fixed;
	v->material.nonce_start = msg->nonce_start;
	v->material.bytes = v->secret.bytes;
	v->material.len = v->secret.len;
	v->nonces.fixed = msg->nonce_fixed;
	v->nonces.start = msg->nonce_start;
	r = v->family->check(&v->material);
	return r ? r : cache_public_key(v);
}

static int version_new(const struct vhsm_msg_key *msg,
		       struct vhsm_key_version **version)
{
	struct vhsm_key_version *v = aligned_alloc(64, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	memset(v, 0, sizeof(*v));
	v->index = msg->index;
	v->version = msg->version;
	v->usages = msg->usages;
	v->type = msg->type;
	v->family = vhsm_family_of_type(msg->type);
	atomic_store(&v->state, msg->state);
	r = take_material(v, msg);
	if (r == -ENOMEM) {
		vhsm_key_version_free(&v);
		return r;
	}
	if (r) {
		/* The others are still good: this one alone is refused. */
		vhsm_log(LOG_ERR, "key %.64s version %u is not sound; it stays disabled",
			 msg->name, msg->version);
		wipe(v);
		atomic_store(&v->state, VHSM_KEY_DISABLED);
	}
	*version = v;
	return 0;
}

/* The place of a version, or a free one; -1 when the key has too many. */
static int find_place(struct vhsm_key *key, uint32_t version)
{
	int empty = -1;

	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++) {
		struct vhsm_key_version *v = atomic_load(&key->version[i]);

		if (v && v->version == version)
			return i;
		if (!v && empty < 0)
			empty = i;
	}
	return empty;
}

/* The primary version is the newest. */
static void choose_primary(struct vhsm_key *key)
{
	struct vhsm_key_version *primary = NULL;

	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++) {
		struct vhsm_key_version *v = atomic_load(&key->version[i]);

		if (v && (!primary || v->version > primary->version))
			primary = v;
	}
	atomic_store(&key->primary, primary);
}

/* The first in order whose name is not before name. */
static unsigned lower_bound(struct vhsm_keys *keys,
			    const struct vhsm_key_order *order,
			    const char *name)
{
	unsigned low = 0, high = order->count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (memcmp(keys->key[order->index[mid]].name, name,
			   VHSM_NAME_MAX) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * A new order with the key at index put in (add) or left out.  On return the
 * old one is read by nobody, so that it can be the next.
 */
static void reorder(struct vhsm_keys *keys, uint32_t index, bool add)
{
	struct vhsm_key_order *old = atomic_load(&keys->order);
	struct vhsm_key_order *order = &keys->orders[old == &keys->orders[0]];
	unsigned at;

	order->count = 0;
	for (unsigned i = 0; i < old->count; i++)
		if (old->index[i] != index)
			order->index[order->count++] = old->index[i];
	if (add) {
		at = lower_bound(keys, order, keys->key[index].name);
		memmove(&order->index[at + 1], &order->index[at],
			(order->count - at) * sizeof(order->index[0]));
		order->index[at] = index;
		order->count++;
	}
	atomic_store(&keys->order, order);
	vhsm_epoch_synchronize(keys->epoch);
}

/* The first version of a key makes it known under its name. */
static void introduce(struct vhsm_keys *keys, const struct vhsm_msg_key *msg)
{
	struct vhsm_key *key = &keys->key[msg->index];

	memcpy(key->name, msg->name, sizeof(key->name));
	reorder(keys, msg->index, true);
	atomic_store(&key->handle, make_handle(msg->index, key->generation));
}

int vhsm_keys_load(struct vhsm_keys *keys, const struct vhsm_msg_key *msg,
		   struct vhsm_key_version **replaced)
{
	struct vhsm_key_version *v = NULL;
	struct vhsm_key *key;
	bool known;
	int place, r;

	*replaced = NULL;
	if (!message_is_sound(msg))
		return -EPROTO;
	key = &keys->key[msg->index];
	known = atomic_load(&key->handle) != 0;
	if (known && memcmp(key->name, msg->name, sizeof(key->name)))
		return -EPROTO;
	place = find_place(key, msg->version);
	if (place < 0)
		return -EPROTO;
	r = version_new(msg, &v);
	if (r)
		return r;
	*replaced = atomic_exchange(&key->version[place], v);
	choose_primary(key);
	if (*replaced)
		vhsm_epoch_synchronize(keys->epoch);
	if (!known)
		introduce(keys, msg);
	return 0;
}

/* -------------------------------------------------------------- states */

int vhsm_keys_set_state(struct vhsm_keys *keys, uint32_t index, uint32_t state)
{
	struct vhsm_key *key;

	if (index >= VHSM_MAX_KEYS || state < VHSM_KEY_DISABLED ||
	    state > VHSM_KEY_DESTROYED)
		return -EPROTO;
	key = &keys->key[index];
	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++) {
		struct vhsm_key_version *v = atomic_load(&key->version[i]);

		if (v)
			atomic_store(&v->state, state);
	}
	vhsm_epoch_synchronize(keys->epoch);
	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++) {
		struct vhsm_key_version *v = atomic_load(&key->version[i]);

		if (v)
			wipe(v);
	}
	return 0;
}

void vhsm_keys_forget(struct vhsm_keys *keys, uint32_t index)
{
	struct vhsm_key *key = &keys->key[index];
	struct vhsm_key_version *old[VHSM_KEY_VERSIONS];

	if (!atomic_exchange(&key->handle, 0))
		return;
	atomic_store(&key->primary, NULL);
	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++)
		old[i] = atomic_exchange(&key->version[i], NULL);
	reorder(keys, index, false);
	for (unsigned i = 0; i < VHSM_KEY_VERSIONS; i++)
		vhsm_key_version_free(&old[i]);
	key->generation = next_generation(key->generation);
}

/* ------------------------------------------------------------ look-ups */

enum vhsm_status vhsm_keys_find(struct vhsm_keys *keys,
				uint32_t untrusted_handle,
				uint32_t untrusted_version,
				struct vhsm_key_version **version)
{
	uint32_t index = untrusted_handle & INDEX_MASK;
	struct vhsm_key_version *v;
	struct vhsm_key *key;

	if (index >= VHSM_MAX_KEYS)
		return VHSM_S_BAD_HANDLE;
	key = &keys->key[index];
	if (!untrusted_handle ||
	    atomic_load_explicit(&key->handle, memory_order_acquire) !=
	    untrusted_handle)
		return VHSM_S_BAD_HANDLE;
	v = atomic_load_explicit(&key->primary, memory_order_acquire);
	for (unsigned i = 0; v && untrusted_version &&
	     v->version != untrusted_version; i++) {
		if (i == VHSM_KEY_VERSIONS)
			return VHSM_S_NO_VERSION;
		v = atomic_load_explicit(&key->version[i],
					 memory_order_acquire);
		if (!v)
			return VHSM_S_NO_VERSION;
	}
	if (!v)
		return VHSM_S_BAD_HANDLE;
	*version = v;
	return VHSM_S_OK;
}

struct vhsm_key *vhsm_keys_open(struct vhsm_keys *keys, const char *name)
{
	const struct vhsm_key_order *order = atomic_load(&keys->order);
	unsigned at = lower_bound(keys, order, name);
	struct vhsm_key *key;

	if (at == order->count)
		return NULL;
	key = &keys->key[order->index[at]];
	if (memcmp(key->name, name, VHSM_NAME_MAX) ||
	    !atomic_load(&key->handle))
		return NULL;
	return key;
}

void vhsm_key_describe(struct vhsm_key *key, struct vhsm_key_info *info)
{
	struct vhsm_key_version *v = atomic_load(&key->primary);

	memset(info, 0, sizeof(*info));
	memcpy(info->name, key->name, sizeof(info->name));
	if (!v)
		return;
	info->version = v->version;
	info->type = v->type;
	info->state = atomic_load(&v->state);
	info->usages = v->usages;
}

unsigned vhsm_keys_list(struct vhsm_keys *keys, const char *after,
			struct vhsm_key_info *info, unsigned count)
{
	const struct vhsm_key_order *order = atomic_load(&keys->order);
	unsigned at = lower_bound(keys, order, after);
	unsigned written = 0;

	for (; at < order->count && written < count; at++) {
		struct vhsm_key *key = &keys->key[order->index[at]];

		if (!memcmp(key->name, after, VHSM_NAME_MAX) ||
		    !atomic_load(&key->handle))
			continue;
		vhsm_key_describe(key, &info[written++]);
	}
	return written;
}

bool vhsm_key_version_counters(struct vhsm_key_version *v,
			       struct vhsm_msg_counters *msg)
{
	uint64_t operations = 0, failures = 0, bytes = 0;

	for (unsigned t = 0; t < VHSM_EPOCH_THREADS; t++) {
		operations += atomic_load(&v->use[t].operations);
		failures += atomic_load(&v->use[t].failures);
		bytes += atomic_load(&v->use[t].bytes);
	}
	if (operations == v->sent_operations)
		return false;
	memset(msg, 0, sizeof(*msg));
	msg->hdr.type = VHSM_MSG_COUNTERS;
	msg->hdr.len = sizeof(*msg);
	msg->index = v->index;
	msg->version = v->version;
	msg->operations = operations - v->sent_operations;
	msg->failures = failures - v->sent_failures;
	msg->bytes = bytes - v->sent_bytes;
	v->sent_operations = operations;
	v->sent_failures = failures;
	v->sent_bytes = bytes;
	return true;
}
