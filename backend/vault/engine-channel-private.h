/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-channel-private.h - what the files of a channel share.
 *
 *   engine-channel.c       its life, and what the engine reports
 *   engine-channel-keys.c  which keys the engine has
 *   engine-channel-send.c  what is sent to the engine
 */
#ifndef VHSM_ENGINE_CHANNEL_PRIVATE_H
#define VHSM_ENGINE_CHANNEL_PRIVATE_H

#include "common/log.h"
#include "vault/engine-channel.h"

/* A key on this channel. */
struct channel_key {
	bool used;
	bool sent;			/* the engine has heard of it */
	uint64_t id;			/* of the key in its unit */
	char name[VHSM_NAME_MAX + 1];
	/* Use since the last record. */
	uint32_t version;
	uint64_t operations, failures, bytes;
};

enum item_kind { ITEM_KEY, ITEM_KEYS_DONE, ITEM_STATE };

/* A message to send; nothing secret. */
struct channel_item {
	STAILQ_ENTRY(channel_item) link;
	enum item_kind kind;
	uint32_t index;
	uint32_t state;			/* STATE; KEY: when it was queued */
	uint32_t version;		/* KEY */
	uint32_t nonce_fixed;
	uint64_t nonce_start;
};

/* An answer to come. */
struct channel_wait {
	STAILQ_ENTRY(channel_wait) link;
	uint32_t index;
	uint32_t state;
	struct vhsm_confirm *confirm;
};

struct vhsm_channel {
	LIST_ENTRY(vhsm_channel) link;
	struct vhsm_vault *vault;
	int sock;
	struct event *readable, *writable;
	uuid_t uuid;
	uint32_t domid, device;
	char domain[80];
	char selection[1024];
	struct channel_key keys[VHSM_MAX_KEYS];
	STAILQ_HEAD(, channel_item) items;
	unsigned item_count;
	STAILQ_HEAD(, channel_wait) waits;
	int64_t window_s;		/* a minute of refusals, */
	unsigned window_count;		/* how many */
	uint64_t refusal_seq;		/* the engine's last, recorded */
	uint64_t committed_seq;		/* of those, on disk */
	uint64_t acked_seq;		/* of those, acknowledged */
	bool broken;			/* to be closed from the loop */
	bool ended;			/* because its engine did */
	char reason[VHSM_TEXT_MAX];
};

/* Marks the channel to be closed soon; safe anywhere. */
void vhsm_channel_break(struct vhsm_channel *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- engine-channel-keys.c --- */

/* The first set of keys; counts them. */
int vhsm_channel_load(struct vhsm_channel *, unsigned *count);
/* The engine confirmed a state.  0 or -EPROTO: nobody asked. */
int vhsm_channel_confirmed(struct vhsm_channel *, uint32_t index,
			   uint32_t state);
void vhsm_channel_waits_end(struct vhsm_channel *);

/* --- engine-channel-send.c --- */

int vhsm_channel_queue(struct vhsm_channel *, const struct channel_item *);
/* Forgets what is queued about a key. */
void vhsm_channel_unqueue(struct vhsm_channel *, uint32_t index);
/* Sends what the socket takes. */
void vhsm_channel_flush(struct vhsm_channel *);

#endif /* VHSM_ENGINE_CHANNEL_PRIVATE_H */
