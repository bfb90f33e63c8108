/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc-alerts.h - the methods alerts.* of the responder's admin socket:
 *
 *   alerts.list {after: SEQUENCE, open: BOOL, domain: NAME or UUID}
 *               -> {alerts: [OCSF...], next: SEQUENCE or null}
 *   alerts.show {uid} -> {alert: OCSF, bundle: PATH or null, sealed: BOOL,
 *               keys: PATH}; bundle is the folder of its evidence (evidence.h),
 *               sealed says whether that is whole, keys is the folder of the
 *               key that signs it
 *   alerts.ack  {uid, note} -> {uid}
 *
 * Every member of a list's params may be missing.
 */
#ifndef VHSM_RPC_ALERTS_H
#define VHSM_RPC_ALERTS_H

#include <stdbool.h>

#include "common/rpc.h"
#include "responder/alert.h"

/* What they answer from, all of it the caller's. */
struct vhsm_rpc_alerts {
	struct vhsm_alerts *alerts;
	const char *alert_dir;		/* with the key that signs evidence */
	const char *incident_dir;
};

/* Answers a call of one of these; false, having done nothing, of another. */
bool vhsm_rpc_alerts(const struct vhsm_rpc_alerts *, struct vhsm_rpc_call *,
		     const char *method, const json_t *params);

#endif /* VHSM_RPC_ALERTS_H */
