/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-events.h - what the broker has for the audit log while no vault can
 * take it: kept in order, and sent when one can.  A gate that changes while the
 * vault starts anew is in the log all the same, a little late, and says so.
 */
#ifndef VHSM_VAULT_EVENTS_H
#define VHSM_VAULT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/protocol.h"

#define VHSM_VAULT_EVENTS_MAX	512u	/* kept; what is more is lost */

struct vhsm_vault_events;

/* NULL without memory. */
struct vhsm_vault_events *vhsm_vault_events_new(void);
/* What is still kept is lost, and that is logged. */
void vhsm_vault_events_free(struct vhsm_vault_events **);

/*
 * Sends a message, or keeps it: sock is the vault's, or -1 while there is none.
 * text is the message's own member of VHSM_TEXT_MAX bytes, for saying how late
 * it is.  True; false when it is lost, for too many are kept.
 */
bool vhsm_vault_events_put(struct vhsm_vault_events *, int sock,
			   const struct vhsm_msg_header *, const char *text);
/* A vault is there: sends what is kept, as much as it takes. */
void vhsm_vault_events_flush(struct vhsm_vault_events *, int sock);

#endif /* VHSM_VAULT_EVENTS_H */
