/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-channel-send.c - from queued items to messages.  A key's material and
 * state are looked up when its message is sent, so what was changed in between
 * is never sent as it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "vault/engine-channel-private.h"

#define ITEMS_MAX 2048u			/* an engine that reads so little is ill */

int vhsm_channel_queue(struct vhsm_channel *channel,
		       const struct channel_item *item)
{
	struct channel_item *copy;

	if (channel->item_count >= ITEMS_MAX) {
		vhsm_channel_break(channel, "it does not read its messages");
		return -ENOBUFS;
	}
	copy = malloc(sizeof(*copy));
	if (copy == NULL) {
		vhsm_channel_break(channel, "out of memory");
		return -ENOMEM;
	}
	*copy = *item;
	STAILQ_INSERT_TAIL(&channel->items, copy, link);
	channel->item_count++;
	return 0;
}

void vhsm_channel_unqueue(struct vhsm_channel *channel, uint32_t index)
{
	struct channel_item *item = STAILQ_FIRST(&channel->items), *next;

	for (; item != NULL; item = next) {
		next = STAILQ_NEXT(item, link);
		if (item->kind == ITEM_KEYS_DONE || item->index != index)
			continue;
		STAILQ_REMOVE(&channel->items, item, channel_item, link);
		channel->item_count--;
		free(item);
	}
}

static int send_simple(struct vhsm_channel *channel, uint32_t type)
{
	struct vhsm_msg_simple msg = { { type, sizeof(msg) } };

	return vhsm_msg_send(channel->sock, &msg.hdr, NULL, 0);
}

static int send_state(struct vhsm_channel *channel,
		      const struct channel_item *item)
{
	struct vhsm_msg_key_state msg = {
		.hdr = { VHSM_MSG_KEY_STATE, sizeof(msg) },
		.index = item->index,
		.state = item->state,
	};

	return vhsm_msg_send(channel->sock, &msg.hdr, NULL, 0);
}

static int message_fill(struct vhsm_unit *unit, const struct vhsm_key *key,
			const struct channel_item *item,
			struct vhsm_msg_key *msg)
{
	const struct vhsm_key_version *v;
	size_t len = 0;
	int r = 0;

	v = vhsm_key_version_find(key, item->version);
	if (v == NULL)
		return VHSM_E_NOT_FOUND;
	memset(msg, 0, sizeof(*msg));
	msg->hdr.type = VHSM_MSG_KEY;
	msg->hdr.len = sizeof(*msg);
	msg->index = item->index;
	memcpy(msg->name, key->name, strlen(key->name));
	msg->type = key->type;
	msg->state = vhsm_unit_key_state(unit, key);
	msg->usages = key->usages;
	msg->version = v->version;
	msg->nonce_fixed = item->nonce_fixed;
	msg->nonce_start = item->nonce_start;
	if (msg->state == VHSM_KEY_ENABLED)
		r = vhsm_unit_unseal(unit, key, v, msg->material, &len);
	msg->material_len = (uint32_t)len;
	return r;
}

/* A key that is gone, or does not open any more, is skipped; the second is an
 * error worth a line in the log. */
static int send_key(struct vhsm_channel *channel,
		    const struct channel_item *item)
{
	struct channel_key *slot = &channel->keys[item->index];
	struct vhsm_msg_key *msg = (void *)channel->vault->scratch.bytes;
	const struct vhsm_key *key = NULL;
	struct vhsm_unit *unit;
	int r;

	r = vhsm_store_unit(channel->vault->store, channel->uuid, false, &unit,
			    NULL);
	if (r == 0)
		key = vhsm_unit_key_find(unit, slot->name);
	if (key == NULL || key->id != slot->id)
		return 0;
	/* Enabled since: it is queued again, with a nonce prefix counted for
	 * that; this one's may be another engine's. */
	if (vhsm_unit_key_state(unit, key) == VHSM_KEY_ENABLED &&
	    item->state != VHSM_KEY_ENABLED)
		return 0;
	r = message_fill(unit, key, item, msg);
	if (r != 0) {
		vhsm_log(LOG_ERR, "domain %u: key %s is not served: %s",
			 channel->domid, slot->name, vhsm_vault_error_text(r));
		r = 0;
	} else {
		r = vhsm_msg_send(channel->sock, &msg->hdr, NULL, 0);
		if (r == 0)
			slot->sent = true;
	}
	OPENSSL_cleanse(msg, sizeof(*msg));
	return r;
}

static int send_item(struct vhsm_channel *channel,
		     const struct channel_item *item)
{
	switch (item->kind) {
	case ITEM_KEY:
		return send_key(channel, item);
	case ITEM_STATE:
		return send_state(channel, item);
	default:
		return send_simple(channel, VHSM_MSG_KEYS_DONE);
	}
}

/* Never of what is only recorded: others than the commit flush channels. */
static int send_ack(struct vhsm_channel *channel)
{
	struct vhsm_msg_audit_ack msg = {
		.hdr = { VHSM_MSG_AUDIT_ACK, sizeof(msg) },
		.seq = channel->committed_seq,
	};

	return vhsm_msg_send(channel->sock, &msg.hdr, NULL, 0);
}

void vhsm_channel_flush(struct vhsm_channel *channel)
{
	struct channel_item *item;
	int r = 0;

	while (r == 0 && !channel->broken &&
	       (item = STAILQ_FIRST(&channel->items)) != NULL) {
		r = send_item(channel, item);
		if (r == 0) {
			STAILQ_REMOVE_HEAD(&channel->items, link);
			channel->item_count--;
			free(item);
		}
	}
	if (r == 0 && channel->committed_seq != channel->acked_seq &&
	    !channel->broken) {
		r = send_ack(channel);
		if (r == 0)
			channel->acked_seq = channel->committed_seq;
	}
	if (r == -EAGAIN) {
		event_add(channel->writable, NULL);
	} else if (r != 0) {
		channel->ended |= r == -EPIPE || r == -ECONNRESET;
		vhsm_channel_break(channel, "%s", strerror(-r));
	}
}
