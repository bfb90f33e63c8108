/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug.h - a device's nodes: made all at once, with the permissions libxl
 * gives (the frontend's half is the guest's, the backend's half ours, each
 * readable by the other), and taken away.
 */
#ifndef VHSM_PLUG_H
#define VHSM_PLUG_H

#include "broker/broker.h"
#include "common/xenstore.h"

/* Makes both halves, Initialising.  0 or -errno; EEXIST when there is one of
 * that number. */
int vhsm_plug_make(struct vhsm_store *store,
		   const struct vhsm_identity *identity);
/* Writes what the backend offers, and InitWait, in one transaction. */
int vhsm_plug_offer(struct vhsm_store *store,
		    const struct vhsm_identity *identity,
		    const struct vhsm_config *config);
/* Removes the backend's half, and the frontend's where its domain lives. */
void vhsm_plug_remove(struct vhsm_store *store,
		      const struct vhsm_identity *identity, bool domain_gone);

#endif /* VHSM_PLUG_H */
