/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-channel.c - a channel's life, and what its engine says.
 *
 * vhsm_channel_break only marks; the loop closes, so that no caller is left
 * with a freed channel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/ops.h"
#include "vault/engine-channel-private.h"
#include "vault/events.h"

#define BATCH 64			/* messages of one engine at a time */
/* Refusals of one engine a minute: twice what an engine that keeps its own
 * limits (engine/refusals.h) can come to. */
#define REFUSALS_MAX 1024u
#define WINDOW_S 60

void vhsm_channel_break(struct vhsm_channel *channel, const char *format, ...)
{
	va_list args;

	if (channel->broken)
		return;
	channel->broken = true;
	va_start(args, format);
	vsnprintf(channel->reason, sizeof(channel->reason), format, args);
	va_end(args);
	event_active(channel->readable, EV_READ, 0);
}

static json_t *device_encode(const struct vhsm_channel *channel)
{
	return json_pack("{s:I, s:I, s:s}", "domid",
			 (json_int_t)channel->domid, "device",
			 (json_int_t)channel->device, "name", channel->domain);
}

static json_t *text_encode(const struct vhsm_channel *channel, const char *name,
			   const char *text)
{
	json_t *details = device_encode(channel);

	json_object_set_new(details, name, json_string(text));
	return details;
}

static void use_record(struct vhsm_channel *channel, struct channel_key *key)
{
	json_t *details = device_encode(channel);

	if ((key->operations | key->failures) == 0) {
		json_decref(details);
		return;
	}
	json_object_set_new(details, "key", json_string(key->name));
	json_object_set_new(details, "version", json_integer(key->version));
	json_object_set_new(details, "operations",
			    json_integer((json_int_t)key->operations));
	json_object_set_new(details, "failures",
			    json_integer((json_int_t)key->failures));
	json_object_set_new(details, "bytes",
			    json_integer((json_int_t)key->bytes));
	if (vhsm_vault_record(channel->vault, VHSM_EV_KEY_USED, channel->uuid,
			      details) == 0)
		key->operations = key->failures = key->bytes = 0;
}

static void channel_use_record(struct vhsm_channel *channel)
{
	size_t i;

	for (i = 0; i < VHSM_MAX_KEYS; i++)
		if (channel->keys[i].used)
			use_record(channel, &channel->keys[i]);
}

void vhsm_channels_record_use(struct vhsm_vault *vault)
{
	struct vhsm_channel *channel;

	LIST_FOREACH(channel, &vault->channels, link)
		channel_use_record(channel);
}

void vhsm_channels_acknowledge(struct vhsm_vault *vault)
{
	struct vhsm_channel *channel;

	LIST_FOREACH(channel, &vault->channels, link) {
		channel->committed_seq = channel->refusal_seq;
		if (channel->committed_seq != channel->acked_seq)
			vhsm_channel_flush(channel);
	}
}

/* --- what the engine says --- */

/* An engine that its guest has taken over must not fill the log. */
static bool is_flood(struct vhsm_channel *channel)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (channel->window_count == 0 ||
	    now.tv_sec - channel->window_s >= WINDOW_S) {
		channel->window_s = now.tv_sec;
		channel->window_count = 0;
	}
	return ++channel->window_count > REFUSALS_MAX;
}

static int take_refusal(struct vhsm_channel *channel,
			const struct vhsm_msg_refusal *msg)
{
	char name[4 * VHSM_NAME_MAX + 1];
	json_t *details;
	int r;

	if (msg->name_len > VHSM_NAME_MAX || msg->seq <= channel->refusal_seq)
		return -EPROTO;
	if (is_flood(channel)) {
		vhsm_channel_break(channel, "it floods the audit log");
		return 0;
	}
	vhsm_log_escape(name, sizeof(name), msg->untrusted_name, msg->name_len);
	details = device_encode(channel);
	json_object_set_new(details, "op", json_integer(msg->op));
	json_object_set_new(details, "mechanism", json_integer(msg->mechanism));
	json_object_set_new(details, "status", json_integer(msg->status));
	json_object_set_new(details, "status_name",
			    json_string(vhsm_status_name(msg->status)));
	json_object_set_new(details, "handle", json_integer(msg->key));
	if (msg->name_len > 0)
		json_object_set_new(details, "key", json_string(name));
	if (msg->repeats > 0)
		json_object_set_new(details, "repeats",
				    json_integer((json_int_t)msg->repeats));
	r = vhsm_vault_record(channel->vault, VHSM_EV_REQUEST_REFUSED,
			      channel->uuid, details);
	if (r != 0)
		return r;
	channel->refusal_seq = msg->seq;
	return 0;
}

/* Of a key it has, and a version that this has: each change of version is a
 * record. */
static int take_counters(struct vhsm_channel *channel,
			 const struct vhsm_msg_counters *msg)
{
	const struct vhsm_key *known = NULL;
	struct channel_key *key;
	struct vhsm_unit *unit;

	if (msg->index >= VHSM_MAX_KEYS)
		return -EPROTO;
	key = &channel->keys[msg->index];
	if (!key->used)
		return 0;		/* destroyed meanwhile */
	if (vhsm_store_unit(channel->vault->store, channel->uuid, false, &unit,
			    NULL) == 0)
		known = vhsm_unit_key_find(unit, key->name);
	if (known != NULL && vhsm_key_version_find(known, msg->version) == NULL)
		return -EPROTO;
	if (key->version != msg->version)
		use_record(channel, key);
	key->version = msg->version;
	key->operations += msg->operations;
	key->failures += msg->failures;
	key->bytes += msg->bytes;
	if (known != NULL)
		vhsm_unit_count(unit, key->name, msg->operations,
				msg->failures, msg->bytes);
	return 0;
}

static int take_confirmation(struct vhsm_channel *channel,
			     const struct vhsm_msg_key_state *msg)
{
	return vhsm_channel_confirmed(channel, msg->index, msg->state);
}

static int message_take(struct vhsm_channel *channel, const void *buf)
{
	const struct vhsm_msg_header *hdr = buf;

	if (hdr->type == VHSM_MSG_REFUSAL &&
	    hdr->len == sizeof(struct vhsm_msg_refusal))
		return take_refusal(channel, buf);
	if (hdr->type == VHSM_MSG_COUNTERS &&
	    hdr->len == sizeof(struct vhsm_msg_counters))
		return take_counters(channel, buf);
	if (hdr->type == VHSM_MSG_KEY_STATE_ACK &&
	    hdr->len == sizeof(struct vhsm_msg_key_state))
		return take_confirmation(channel, buf);
	return -EPROTO;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_channel *channel = arg;
	uint64_t buf[VHSM_MSG_MAX / sizeof(uint64_t)];
	int i, r = 1;

	(void)what;
	for (i = 0; i < BATCH && r > 0 && !channel->broken; i++) {
		r = vhsm_msg_recv((int)fd, buf, NULL, NULL);
		channel->ended |= r == 0 || r == -ECONNRESET;
		if (r == 0)
			vhsm_channel_break(channel, "the engine ended");
		if (r > 0 && (r = message_take(channel, buf)) == 0)
			r = 1;
		if (r < 0 && r != -EAGAIN)
			vhsm_channel_break(channel, "message not valid: %s",
					   strerror(-r));
	}
	if (channel->broken)
		vhsm_channel_close(&channel, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vhsm_channel_flush(arg);
}

/* --- its life --- */

static void channel_free(struct vhsm_channel *channel)
{
	struct channel_item *item;

	while ((item = STAILQ_FIRST(&channel->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&channel->items, link);
		free(item);
	}
	vhsm_channel_waits_end(channel);
	if (channel->readable != NULL)
		event_free(channel->readable);
	if (channel->writable != NULL)
		event_free(channel->writable);
	close(channel->sock);
	free(channel);
}

void vhsm_channel_close(struct vhsm_channel **channel, const char *reason)
{
	struct vhsm_channel *c = *channel;

	if (reason == NULL)
		reason = c->reason;
	channel_use_record(c);
	vhsm_vault_record(c->vault, VHSM_EV_DEVICE_DETACHED, c->uuid,
			  text_encode(c, "reason", reason));
	LIST_REMOVE(c, link);
	channel_free(c);
	*channel = NULL;
}

/* Takes sock over, whatever happens. */
static struct vhsm_channel *channel_new(struct vhsm_vault *vault,
					const struct vhsm_msg_attach *attach,
					int sock)
{
	struct vhsm_channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL) {
		close(sock);
		return NULL;
	}
	channel->vault = vault;
	channel->sock = sock;
	STAILQ_INIT(&channel->items);
	STAILQ_INIT(&channel->waits);
	memcpy(channel->uuid, attach->uuid, sizeof(channel->uuid));
	channel->domid = attach->domid;
	channel->device = attach->device;
	vhsm_log_escape(channel->domain, sizeof(channel->domain),
			attach->domain, strlen(attach->domain));
	memcpy(channel->selection, attach->keys, sizeof(channel->selection));
	channel->readable = event_new(vault->base, sock, EV_READ | EV_PERSIST,
				      on_readable, channel);
	channel->writable = event_new(vault->base, sock, EV_WRITE, on_writable,
				      channel);
	if (channel->readable == NULL || channel->writable == NULL ||
	    event_add(channel->readable, NULL) != 0) {
		channel_free(channel);
		return NULL;
	}
	return channel;
}

int vhsm_channel_open(struct vhsm_vault *vault,
		      const struct vhsm_msg_attach *attach, int sock)
{
	struct vhsm_channel *channel;
	unsigned count;
	json_t *details;
	int r;

	channel = channel_new(vault, attach, sock);
	if (channel == NULL)
		return -ENOMEM;
	fcntl(sock, F_SETFL, O_NONBLOCK);
	LIST_INSERT_HEAD(&vault->channels, channel, link);
	r = vhsm_channel_load(channel, &count);
	details = text_encode(channel, "keys", channel->selection);
	json_object_set_new(details, "loaded", json_integer(count));
	if (vhsm_vault_record(vault, VHSM_EV_DEVICE_ATTACHED, channel->uuid,
			      details) != 0)
		r = -EIO;
	if (r == 0)
		vhsm_channel_flush(channel);
	else
		vhsm_channel_close(&channel, "its keys could not be loaded");
	return r;
}

static void revoked_encode(struct vhsm_vault *vault,
			   const struct vhsm_channel *channel, json_t *engine)
{
	const char *reason = NULL;
	struct vhsm_unit *unit;

	if (vhsm_store_unit(vault->store, channel->uuid, false, &unit,
			    NULL) == 0)
		reason = vhsm_unit_revoked(unit);
	if (reason != NULL)
		json_object_set_new(engine, "revoked", json_string(reason));
}

json_t *vhsm_channels_encode(struct vhsm_vault *vault)
{
	char uuid[UUID_STR_LEN];
	struct vhsm_channel *channel;
	json_t *array = json_array(), *engine;
	json_int_t keys;
	size_t i;

	LIST_FOREACH(channel, &vault->channels, link) {
		for (keys = 0, i = 0; i < VHSM_MAX_KEYS; i++)
			keys += channel->keys[i].used;
		uuid_unparse_lower(channel->uuid, uuid);
		engine = device_encode(channel);
		json_object_set_new(engine, "uuid", json_string(uuid));
		json_object_set_new(engine, "keys", json_integer(keys));
		revoked_encode(vault, channel, engine);
		json_array_append_new(array, engine);
	}
	return array;
}
