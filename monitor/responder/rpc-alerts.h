/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc-alerts.h - the methods alerts.* of the responder's admin socket:
 *
 *   alerts.list {after: SEQUENCE, open: BOOL, domain: NAME or UUID}
 *               -> {alerts: [OCSF...], next: SEQUENCE or null}
 *   alerts.show {uid} -> the alert's OCSF object
 *   alerts.ack  {uid, note} -> {uid}
 *
 * Every member of a list's params may be missing.
 */
#ifndef VHSM_RPC_ALERTS_H
#define VHSM_RPC_ALERTS_H

#include <stdbool.h>

#include "alert.h"
#include "rpc.h"

/* Answers a call of one of these; false, having done nothing, of another. */
bool vhsm_rpc_alerts(struct vhsm_alerts *, struct vhsm_rpc_call *,
		     const char *method, const json_t *params);

#endif /* VHSM_RPC_ALERTS_H */
