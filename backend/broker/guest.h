/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - a guest's gate (gate.h), as the broker keeps it: one page a UUID,
 * which every engine of the guest maps, whichever device it serves and however
 * often it is started anew.
 *
 *   made       with the guest's first device, or the first order for it
 *   shut       (lease 0, not given yet) when a device's monitor policy demands
 *              a lease, and again whenever such a guest is another domain than
 *              before: a rebooted one is approved anew
 *   ordered    by guest.gate, the responder's word; but while a device is
 *              there whose policy demands a lease, an order without one shuts
 *              it, unless it says that an admin ended the watch
 *   forgotten  with this process: guests whose policy demands a lease begin
 *              shut, and what the vault was told to revoke stays revoked
 *
 * A record without devices is kept for devices to come, the latest
 * VHSM_GUESTS_IDLE of them.
 */
#ifndef VHSM_GUEST_H
#define VHSM_GUEST_H

#include <jansson.h>

#include "broker/broker.h"
#include "common/gate.h"

#define VHSM_GUESTS_IDLE	1024u
#define VHSM_LEASE_MS_MAX	3600000u
#define VHSM_RATE_MAX		1000000u

struct vhsm_guest;
struct vhsm_guests;

/* What guest.gate asks for. */
struct vhsm_gate_order {
	enum vhsm_gate_level level;
	uint32_t rate;			/* 1.., under THROTTLED */
	bool has_domid;
	uint32_t domid;			/* the domain that it is about */
	bool leased;			/* false: no lease is demanded */
	bool unwatched;			/* an admin ended the watch */
	uint32_t valid_ms;		/* leased: from now on, but not past */
	uint64_t valid_until_ms;	/* this CLOCK_MONOTONIC; UINT64_MAX:
					 * not said */
	char reason[VHSM_TEXT_MAX];	/* printable */
	unsigned uid;			/* who asked */
};

/* 0 or -ENOMEM. */
int vhsm_guests_new(struct vhsm_broker *broker);
void vhsm_guests_free(struct vhsm_guests **guests);

/* NULL if there is no record of it. */
struct vhsm_guest *vhsm_guest_find(struct vhsm_guests *guests,
				   const uint8_t uuid[16]);

/*
 * A device of the guest is there; demand: its policy demands a lease.  The
 * record, made if need be, is kept until vhsm_guest_leave.  NULL with errno.
 */
struct vhsm_guest *vhsm_guest_join(struct vhsm_broker *broker,
				   const struct vhsm_identity *identity,
				   bool demand);
/* demand: as it joined. */
void vhsm_guest_leave(struct vhsm_guest **guest, bool demand);

/* The record of a guest that has no device yet.  NULL with errno. */
struct vhsm_guest *vhsm_guest_expect(struct vhsm_broker *broker,
				     const uint8_t uuid[16]);

/* Does as ordered, at once; changes are logged and audited, renewals are
 * not.  0, or -ESTALE: its devices are another domain's than the order is
 * about, and what it gives was not given. */
int vhsm_guest_order(struct vhsm_guest *guest,
		     const struct vhsm_gate_order *order);

/* The sealed memfd for an engine; the record's. */
int vhsm_guest_fd(const struct vhsm_guest *guest);
unsigned vhsm_guest_devices(const struct vhsm_guest *guest);
uint64_t vhsm_guest_epoch(const struct vhsm_guest *guest);
/* "none", "never", "valid" or "stale". */
const char *vhsm_guest_lease(const struct vhsm_guest *guest);

/* Adds level, rate (throttled), lease, lease_left_ms (valid), epoch and the
 * latest reason. */
void vhsm_guest_describe(const struct vhsm_guest *guest, json_t *json);

/* Of "full" ...: 0, or -EINVAL. */
int vhsm_gate_level_parse(const char *text, enum vhsm_gate_level *level);

/*
 * The method guest.gate {uuid, domid?, level, rate, valid_ms, valid_until_ms?,
 *                        unwatched?, reason}
 *   -> {uuid, devices: N, epoch: N, lease}
 * domid: the order is about this domain; "other-domain" if the guest's devices
 * are another's.  rate: a number under "throttled", else absent or anything it
 * could be there.  valid_ms: null where no lease is demanded, or a number,
 * taken as an hour if it is more.  valid_until_ms: the lease ends then at the
 * latest, by CLOCK_MONOTONIC, however long the order was under way: for callers
 * on the same kernel, as all are that reach this socket.  unwatched: true when
 * an admin ended the watch, so that no device's policy demands a lease.
 */
struct vhsm_rpc_call;
void vhsm_guest_gate_rpc(struct vhsm_broker *broker,
			 struct vhsm_rpc_call *call, json_t *params);

#endif /* VHSM_GUEST_H */
