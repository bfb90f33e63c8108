/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-channel-keys.c - which keys an engine has, and how that changes.
 *
 * Every sending of a key that encrypts takes a nonce prefix of its own from
 * the store first; so neither two engines nor one engine twice ever share one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "vault/confirm.h"
#include "vault/engine-channel-private.h"
#include "vault/names.h"

static struct channel_key *slot_find(struct vhsm_channel *channel,
				     const char *name)
{
	size_t i;

	for (i = 0; i < VHSM_MAX_KEYS; i++)
		if (channel->keys[i].used &&
		    strcmp(channel->keys[i].name, name) == 0)
			return &channel->keys[i];
	return NULL;
}

/* An index whose DESTROYED is not confirmed names the old key still. */
static bool index_awaited(const struct vhsm_channel *channel, uint32_t index)
{
	const struct channel_wait *wait;

	STAILQ_FOREACH(wait, &channel->waits, link)
		if (wait->index == index)
			return true;
	return false;
}

static struct channel_key *slot_new(struct vhsm_channel *channel,
				    const struct vhsm_key *key)
{
	struct channel_key *slot;
	uint32_t i;

	for (i = 0; i < VHSM_MAX_KEYS; i++) {
		slot = &channel->keys[i];
		if (slot->used || index_awaited(channel, i))
			continue;
		memset(slot, 0, sizeof(*slot));
		slot->used = true;
		slot->id = key->id;
		memcpy(slot->name, key->name, sizeof(slot->name));
		return slot;
	}
	return NULL;
}

/* Queues every version of a key whose nonces have been counted. */
static int key_queue(struct vhsm_channel *channel, const struct vhsm_unit *unit,
		     const struct vhsm_key *key)
{
	struct channel_key *slot = slot_find(channel, key->name);
	struct channel_item item = { .kind = ITEM_KEY };
	unsigned i;
	int r = 0;

	if (slot == NULL)
		slot = slot_new(channel, key);
	if (slot == NULL)
		return -ENOSPC;
	item.index = (uint32_t)(slot - channel->keys);
	item.state = vhsm_unit_key_state(unit, key);
	for (i = 0; i < key->version_count && r == 0; i++) {
		item.version = key->versions[i].version;
		item.nonce_fixed = key->versions[i].nonce_fixed;
		if (RAND_bytes((uint8_t *)&item.nonce_start,
			       sizeof(item.nonce_start)) != 1)
			r = -EIO;
		else
			r = vhsm_channel_queue(channel, &item);
	}
	return r;
}

static bool counts_nonces(const struct vhsm_unit *unit,
			  const struct vhsm_key *key)
{
	return vhsm_unit_key_state(unit, key) == VHSM_KEY_ENABLED &&
	       vhsm_key_type_has_nonce(key->type);
}

/* Names of the keys to send; of them encrypting ones to count. */
struct selected {
	char (*names)[VHSM_NAME_MAX + 1];
	const char **counted;
	size_t name_count, counted_count;
};

static int keys_select(struct vhsm_channel *channel, struct vhsm_unit *unit,
		       struct selected *s)
{
	const struct vhsm_key *key;
	size_t i;

	s->names = calloc(VHSM_MAX_KEYS, sizeof(*s->names));
	s->counted = calloc(VHSM_MAX_KEYS, sizeof(*s->counted));
	if (s->names == NULL || s->counted == NULL)
		return -ENOMEM;
	for (i = 0; (key = vhsm_unit_key_at(unit, i)) != NULL; i++) {
		if (!vhsm_selection_matches(channel->selection, key->name))
			continue;
		if (s->name_count == VHSM_MAX_KEYS) {
			vhsm_log(LOG_WARNING, "domain %u: its device may use "
				 "more than %u keys; those after %s are left "
				 "out: narrow keys= in its configuration",
				 channel->domid, VHSM_MAX_KEYS,
				 s->names[s->name_count - 1]);
			break;
		}
		memcpy(s->names[s->name_count], key->name, sizeof(key->name));
		if (counts_nonces(unit, key))
			s->counted[s->counted_count++] =
				s->names[s->name_count];
		s->name_count++;
	}
	return 0;
}

static int keys_queue(struct vhsm_channel *channel, struct vhsm_unit *unit,
		      struct selected *s)
{
	const struct vhsm_key *key;
	size_t i;
	int r;

	r = vhsm_unit_load(unit, s->counted, s->counted_count);
	for (i = 0; i < s->name_count && r == 0; i++) {
		key = vhsm_unit_key_find(unit, s->names[i]);
		if (key != NULL)
			r = key_queue(channel, unit, key);
	}
	return r;
}

/* All of the unit's that it may use; counts them. */
static int keys_offer(struct vhsm_channel *channel, struct vhsm_unit *unit,
		      unsigned *count)
{
	struct selected s = { 0 };
	int r;

	r = keys_select(channel, unit, &s);
	if (r == 0)
		r = keys_queue(channel, unit, &s);
	*count = (unsigned)s.name_count;
	free(s.names);
	free(s.counted);
	return r;
}

int vhsm_channel_load(struct vhsm_channel *channel, unsigned *count)
{
	const struct channel_item done = { .kind = ITEM_KEYS_DONE };
	char why[VHSM_WHY_LEN] = "";
	struct vhsm_unit *unit;
	int r;

	*count = 0;
	r = vhsm_store_unit(channel->vault->store, channel->uuid, false, &unit,
			    why);
	if (r == VHSM_E_NOT_FOUND)
		return vhsm_channel_queue(channel, &done);
	if (r == 0)
		r = keys_offer(channel, unit, count);
	if (r != 0) {
		vhsm_log(LOG_ERR, "domain %u: no keys for its device: %s",
			 channel->domid, why[0] ? why :
			 vhsm_vault_error_text(r));
		return r < 0 ? r : -EBADMSG;
	}
	return vhsm_channel_queue(channel, &done);
}

static int key_offer(struct vhsm_channel *channel, const char *name)
{
	const struct vhsm_key *key;
	struct vhsm_unit *unit;
	int r;

	r = vhsm_store_unit(channel->vault->store, channel->uuid, false, &unit,
			    NULL);
	key = r == 0 ? vhsm_unit_key_find(unit, name) : NULL;
	if (r == 0 && key == NULL)
		r = VHSM_E_NOT_FOUND;
	if (r == 0 && counts_nonces(unit, key))
		r = vhsm_unit_load(unit, &name, 1);
	key = r == 0 ? vhsm_unit_key_find(unit, name) : NULL;
	return key != NULL ? key_queue(channel, unit, key) : r;
}

void vhsm_channels_offer(struct vhsm_vault *vault, const uint8_t *uuid,
			 const char *name)
{
	struct vhsm_channel *channel;
	int r;

	LIST_FOREACH(channel, &vault->channels, link) {
		if (uuid_compare(channel->uuid, uuid) != 0 ||
		    channel->broken ||
		    !vhsm_selection_matches(channel->selection, name))
			continue;
		r = key_offer(channel, name);
		if (r != 0)
			vhsm_log(LOG_ERR, "domain %u: key %s is not served: %s",
				 channel->domid, name,
				 vhsm_vault_error_text(r));
		vhsm_channel_flush(channel);
	}
}

static void key_withdraw(struct vhsm_channel *channel, struct channel_key *slot,
			 uint16_t state, struct vhsm_confirm *confirm)
{
	struct channel_item item = { .kind = ITEM_STATE, .state = state };
	struct channel_wait *wait;

	item.index = (uint32_t)(slot - channel->keys);
	if (!slot->sent) {
		/* The engine never heard of it; a message still queued will
		 * say what is true when it is sent. */
		if (state == VHSM_KEY_DESTROYED) {
			vhsm_channel_unqueue(channel, item.index);
			slot->used = false;
		}
		return;
	}
	wait = malloc(sizeof(*wait));
	if (wait == NULL) {
		vhsm_channel_break(channel, "out of memory");
		return;
	}
	if (state == VHSM_KEY_DESTROYED)
		vhsm_channel_unqueue(channel, item.index);
	wait->index = item.index;
	wait->state = state;
	wait->confirm = confirm;
	vhsm_confirm_expect(confirm);
	STAILQ_INSERT_TAIL(&channel->waits, wait, link);
	if (!channel->broken && vhsm_channel_queue(channel, &item) == 0)
		vhsm_channel_flush(channel);
}

void vhsm_channels_withdraw(struct vhsm_vault *vault, const uint8_t *uuid,
			    const char *name, uint16_t state,
			    struct vhsm_confirm *confirm)
{
	struct vhsm_channel *channel;
	struct channel_key *slot;

	LIST_FOREACH(channel, &vault->channels, link) {
		if (uuid_compare(channel->uuid, uuid) != 0)
			continue;
		slot = slot_find(channel, name);
		if (slot != NULL)
			key_withdraw(channel, slot, state, confirm);
		/* Its name may be given to a new key at once. */
		if (slot != NULL && state == VHSM_KEY_DESTROYED)
			slot->used = false;
	}
}

void vhsm_channels_offer_all(struct vhsm_vault *vault, const uint8_t *uuid)
{
	struct vhsm_channel *channel;
	struct vhsm_unit *unit;
	unsigned count;
	int r;

	LIST_FOREACH(channel, &vault->channels, link) {
		if (uuid_compare(channel->uuid, uuid) != 0 ||
		    channel->broken)
			continue;
		r = vhsm_store_unit(vault->store, uuid, false, &unit, NULL);
		if (r == 0)
			r = keys_offer(channel, unit, &count);
		if (r != 0)
			vhsm_log(LOG_ERR, "domain %u: its keys are not served: "
				 "%s", channel->domid,
				 vhsm_vault_error_text(r));
		vhsm_channel_flush(channel);
	}
}

void vhsm_channels_withdraw_all(struct vhsm_vault *vault, const uint8_t *uuid,
				struct vhsm_confirm *confirm)
{
	struct vhsm_channel *channel;
	size_t i;

	LIST_FOREACH(channel, &vault->channels, link) {
		if (uuid_compare(channel->uuid, uuid) != 0)
			continue;
		for (i = 0; i < VHSM_MAX_KEYS; i++)
			if (channel->keys[i].used)
				key_withdraw(channel, &channel->keys[i],
					     VHSM_KEY_REVOKED, confirm);
	}
}

int vhsm_channel_confirmed(struct vhsm_channel *channel, uint32_t index,
			   uint32_t state)
{
	struct channel_wait *wait;

	STAILQ_FOREACH(wait, &channel->waits, link)
		if (wait->index == index && wait->state == state)
			break;
	if (wait == NULL)
		return -EPROTO;
	STAILQ_REMOVE(&channel->waits, wait, channel_wait, link);
	vhsm_confirm_settle(wait->confirm);
	free(wait);
	return 0;
}

void vhsm_channel_waits_end(struct vhsm_channel *channel)
{
	struct channel_wait *wait;

	while ((wait = STAILQ_FIRST(&channel->waits)) != NULL) {
		STAILQ_REMOVE_HEAD(&channel->waits, link);
		if (channel->ended)
			vhsm_confirm_settle(wait->confirm);
		else
			vhsm_confirm_lose(wait->confirm);
		free(wait);
	}
}

unsigned vhsm_channels_count(struct vhsm_vault *vault, const uint8_t *uuid,
			     const char *name)
{
	struct vhsm_channel *channel;
	unsigned count = 0;

	LIST_FOREACH(channel, &vault->channels, link)
		if (uuid_compare(channel->uuid, uuid) == 0 &&
		    !channel->broken &&
		    (name == NULL || slot_find(channel, name) != NULL))
			count++;
	return count;
}
