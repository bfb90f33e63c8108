/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker-link.h - the socket to the broker: it says which engine serves which
 * domain, and what happens to devices; when it ends, so do we.
 */
#ifndef VHSM_BROKER_LINK_H
#define VHSM_BROKER_LINK_H

#include "vault/vault.h"

/* Listens to the broker and tells it that we are ready.  0 or -errno. */
int vhsm_broker_open(struct vhsm_vault *, int sock);
void vhsm_broker_close(struct vhsm_vault *);

/* Tells the broker why we cannot start; it logs the text. */
void vhsm_broker_send_failed(int sock, int error, const char *text);

#endif /* VHSM_BROKER_LINK_H */
