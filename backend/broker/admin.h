/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - the broker's half of the admin protocol (rpc.h), on
 * RUN-DIR/vhsmd.sock:
 *
 *   status         {} -> {version, uptime_s, vault: {...}, xen, local,
 *                  devices, engines, engine_starts, engine_deaths}
 *   device.list    {} -> {devices: [{uuid, domid, domain, device, transport,
 *                  state, keys, monitor?, level, rate?, lease,
 *                  lease_left_ms?, epoch, reason?, engine_pid?, error?}]}
 *                  lease: "none", "never", "valid" or "stale"
 *   device.attach  {domain, keys?, monitor?} -> {domid, device}
 *   device.detach  {domain, device} -> {}
 *   domain.resolve {domain: name, ID or UUID} -> {uuid, name?, domid?,
 *                  config?}
 *   guest.gate     {uuid, domid?, level, rate, valid_ms, valid_until_ms?,
 *                  unwatched?, reason} -> {uuid, devices, epoch, lease};
 *                  guest.h
 *   top            {} -> {devices: [{uuid, ..., queues: [{...}]}]}
 */
#ifndef VHSM_ADMIN_H
#define VHSM_ADMIN_H

#include "broker/broker.h"

/* 0 or -errno, logged. */
int vhsm_admin_new(struct vhsm_broker *broker);

#endif /* VHSM_ADMIN_H */
