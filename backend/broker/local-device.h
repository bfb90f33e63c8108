/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-device.h - devices of frontends without Xen (local-wire.h): one per
 * connection of the local socket.  For root and our own user, who may name any
 * domain: it is for tests and measurements on one machine, and off unless
 * configured.
 */
#ifndef VHSM_LOCAL_DEVICE_H
#define VHSM_LOCAL_DEVICE_H

#include "broker/broker.h"

/* Listens, if configured.  0 or -errno, logged. */
int vhsm_local_new(struct vhsm_broker *broker);
/* No more connections, and an orderly end of those there are. */
void vhsm_local_stop(struct vhsm_local *local);
void vhsm_local_free(struct vhsm_local **local);

#endif /* VHSM_LOCAL_DEVICE_H */
