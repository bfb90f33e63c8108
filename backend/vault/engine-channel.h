/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-channel.h - a socket to one engine, which serves one device of one
 * domain and gets the keys that device's selection names, and no others.
 *
 * Nothing secret waits in a queue: material is unsealed for each message and
 * wiped after it.  An engine is a stranger: a message that makes no sense ends
 * its channel, and so does one that does not read.
 */
#ifndef VHSM_ENGINE_CHANNEL_H
#define VHSM_ENGINE_CHANNEL_H

#include "vault/vault.h"

struct vhsm_confirm;

/* Starts a channel on sock, which it takes over, and sends the first set of
 * keys.  0 or -errno. */
int vhsm_channel_open(struct vhsm_vault *, const struct vhsm_msg_attach *,
		      int sock);
/* Ends it; what waits for its confirmation is told.  Records why. */
void vhsm_channel_close(struct vhsm_channel **, const char *reason);

/* A key is new, or enabled again: sends it to every engine that may use it. */
void vhsm_channels_offer(struct vhsm_vault *, const uint8_t *uuid,
			 const char *name);
/* A key is now DISABLED, REVOKED or DESTROYED: tells every engine that has it;
 * confirm counts their answers. */
void vhsm_channels_withdraw(struct vhsm_vault *, const uint8_t *uuid,
			    const char *name, uint16_t state,
			    struct vhsm_confirm *confirm);

/* The same for all keys of a guest: REVOKED, or as they are again. */
void vhsm_channels_withdraw_all(struct vhsm_vault *, const uint8_t *uuid,
				struct vhsm_confirm *confirm);
void vhsm_channels_offer_all(struct vhsm_vault *, const uint8_t *uuid);

/* Acknowledges every refusal whose record is committed. */
void vhsm_channels_acknowledge(struct vhsm_vault *);
/* Records the use of keys since the last time. */
void vhsm_channels_record_use(struct vhsm_vault *);

/* Engines of a domain that have the key; every engine, as JSON. */
unsigned vhsm_channels_count(struct vhsm_vault *, const uint8_t *uuid,
			     const char *name);
json_t *vhsm_channels_encode(struct vhsm_vault *);

#endif /* VHSM_ENGINE_CHANNEL_H */
