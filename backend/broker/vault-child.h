/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-child.h - the vault as the broker sees it: a process that is always
 * to run, and a socket to tell it which engine serves whom.
 */
#ifndef VHSM_VAULT_CHILD_H
#define VHSM_VAULT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "broker/broker.h"

/* Makes the store's directory and the admin socket, starts the vault and
 * keeps it running.  0 or -errno, logged. */
int vhsm_vault_new(struct vhsm_broker *broker);
/* Lets it end by itself; the broker is woken when it has. */
void vhsm_vault_stop(struct vhsm_vault *vault);
void vhsm_vault_free(struct vhsm_vault **vault);

/* Whether its store is open, so that engines can be attached. */
bool vhsm_vault_is_ready(const struct vhsm_vault *vault);
pid_t vhsm_vault_pid(const struct vhsm_vault *vault);	/* 0: none runs */
unsigned vhsm_vault_restarts(const struct vhsm_vault *vault);

/* Hands over the vault's end of the socket to an engine, which stays the
 * caller's too.  0 or -errno. */
int vhsm_vault_attach(struct vhsm_vault *vault,
		      const struct vhsm_identity *identity, int engine_sock);

/* For the audit log; kept while no vault runs (vault-events.h).  What is too
 * much for that is lost, with a line in ours. */
void vhsm_vault_device_event(struct vhsm_vault *vault,
			     const struct vhsm_identity *identity,
			     enum vhsm_device_event event, const char *text);
void vhsm_vault_guest_event(struct vhsm_vault *vault, const uint8_t uuid[16],
			    enum vhsm_guest_event event, uint32_t from,
			    uint32_t to, uint32_t uid, const char *reason);

#endif /* VHSM_VAULT_CHILD_H */
