/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - the catalogue of audit events: every "event" a record can have,
 * and what its details say.  "domain" (the UUID) stands beside the details
 * where an event is about one domain.  Names never change once released.
 */
#ifndef VHSM_EVENTS_H
#define VHSM_EVENTS_H

/* Of the vault itself. */
#define VHSM_EV_VAULT_STARTED	"vault.started"	/* version, root, new */
#define VHSM_EV_VAULT_STOPPED	"vault.stopped"	/* reason */

/* Of the log itself. */
#define VHSM_EV_AUDIT_CHECKPOINT "audit.checkpoint"	/* signature */
#define VHSM_EV_AUDIT_REPAIRED	"audit.repaired"	/* bytes_cut: a crash
						 * left an unfinished line */
#define VHSM_EV_AUDIT_CUT	"audit.cut"	/* found, expected: the log
						 * ends before its last
						 * checkpoint */

/* Management.  All: name; uid of the admin; "recovered": true where a crash
 * came between the change and its record. */
#define VHSM_EV_KEY_GENERATED	"key.generated"	/* type, usages */
#define VHSM_EV_KEY_IMPORTED	"key.imported"	/* type, usages */
#define VHSM_EV_KEY_DELETED	"key.deleted"
#define VHSM_EV_KEY_STATE	"key.state"	/* from, to */
#define VHSM_EV_KEY_FINGERPRINTS "key.fingerprints"	/* keys, entries */
#define VHSM_EV_UNIT_DESTROYED	"unit.destroyed"	/* keys */
#define VHSM_EV_UNCONFIRMED	"key.unconfirmed"	/* name, engines: not
						 * every engine confirmed a
						 * change in time */

/* A request of the admin that was refused or failed: method, code, message. */
#define VHSM_EV_ADMIN_REFUSED	"admin.refused"

/* Devices, as the broker tells: domid, device, name, text. */
#define VHSM_EV_DEVICE_ATTACHED	"device.attached"	/* keys, loaded */
#define VHSM_EV_DEVICE_DETACHED	"device.detached"	/* reason */
#define VHSM_EV_DEVICE_CONNECTED "device.connected"
#define VHSM_EV_DEVICE_DISCONNECTED "device.disconnected"
#define VHSM_EV_DEVICE_DIED	"device.engine-died"
#define VHSM_EV_DEVICE_VIOLATION "device.violation"
#define VHSM_EV_DEVICE_REFUSED	"device.attach-refused"

/* A guest as a whole.  uid of who ordered it; reason. */
#define VHSM_EV_GUEST_REVOKED	"guest.revoked"	/* keys: all are withheld */
#define VHSM_EV_GUEST_RELEASED	"guest.released"	/* keys */
#define VHSM_EV_GUEST_LEVEL	"guest.level"	/* from, to: full, throttled,
						 * verify-only, revoked */
#define VHSM_EV_GUEST_LEASE	"guest.lease"	/* from, to: none, never, valid,
						 * stale; renewals are not
						 * recorded.  No uid where
						 * nobody did it */

/* Use. */
#define VHSM_EV_KEY_USED	"key.used"	/* name, version, operations,
						 * failures, bytes, since the
						 * last such record */
#define VHSM_EV_REQUEST_REFUSED	"request.refused"	/* domid, device, op,
						 * mechanism, status, key,
						 * name (escaped), repeats */
#define VHSM_EV_ENGINE_ERROR	"engine.error"	/* domid, device, text: its
						 * channel was closed */

#endif /* VHSM_EVENTS_H */
