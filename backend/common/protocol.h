/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h - what the backend's processes say to each other.
 *
 *   broker -- engine    life cycle: connect, connected, violation, stop
 *   broker -- vault     which engine serves which domain, and its socket
 *   vault  -- engine    keys and their states; refusals and counters to audit.
 *                       The broker makes this pair of sockets and keeps
 *                       neither end, so it never sees a key.
 *
 * Each child has its sockets as fixed descriptors (VHSM_FD_*); a child whose
 * broker socket ends, ends itself: nothing outlives the broker unsupervised.
 * The broker is the only one with Xen's stores and names; the engine has one
 * guest's memory and keys; the vault has every key and no guest's bytes but
 * names, which it takes as untrusted.
 */
#ifndef VHSM_PROTOCOL_H
#define VHSM_PROTOCOL_H

#include <stdint.h>

#include "common/key-list.h"
#include "common/message.h"
#include "vhsmif.h"

/*
 * Command lines the broker starts its children with; --user only when one is
 * configured and the broker is root (sandbox.h, vhsm_sandbox_drop):
 *
 *   vhsm-vault --store DIR --root-key URI [--user NAME] [--verbose]
 *   vhsm-engine --transport xen|local [--user NAME] [--verbose]
 *
 * DIR exists, mode 0700, and is NAME's.  An engine opens its transport, drops
 * to NAME, then waits for its CONNECT.  Standard error is the broker's; exit
 * status 0 after STOP or the broker's end of file, VHSM_EXIT_VIOLATION from an
 * engine whose guest broke the ring, else another.
 */
#define VHSM_EXIT_VIOLATION 3

/* Descriptors a child is started with. */
#define VHSM_FD_BROKER	3	/* engine, vault: socket to the broker */
#define VHSM_FD_VAULT	4	/* engine: socket to the vault */
#define VHSM_FD_STATS	5	/* engine: memfd of struct vhsm_engine_stats */
#define VHSM_FD_GATE	6	/* engine: memfd of struct vhsm_gate, gate.h */
#define VHSM_FD_ADMIN	4	/* vault: listening socket for vhsmctl */

#define VHSM_MATERIAL_MAX 4096u	/* bytes of key material */
#define VHSM_MAX_KEYS	256u	/* keys one device may use */
#define VHSM_TEXT_MAX	200u

enum vhsm_msg_type {
	/* broker to engine */
	VHSM_MSG_CONNECT_XEN = 1,
	VHSM_MSG_CONNECT_LOCAL,		/* + fds as local-wire.h orders them */
	VHSM_MSG_STOP,			/* finish what has started, then exit */
	/* engine to broker */
	VHSM_MSG_CONNECTED = 16,
	VHSM_MSG_FAILED,		/* could not connect; text */
	VHSM_MSG_VIOLATION,		/* the guest broke the protocol; text */
	/* broker to vault */
	VHSM_MSG_ATTACH = 32,		/* + fd: the vault's end to an engine */
	VHSM_MSG_DEVICE_EVENT,		/* for the audit log */
	VHSM_MSG_GUEST_EVENT,		/* the same, of all its devices */
	/* vault to broker */
	VHSM_MSG_READY = 48,		/* store open, listening */
	/* vault to engine */
	VHSM_MSG_KEY = 64,		/* one key version, with its material */
	VHSM_MSG_KEYS_DONE,		/* the first set is complete */
	VHSM_MSG_KEY_STATE,		/* a key's state changed: obey at once */
	VHSM_MSG_AUDIT_ACK,
	/* engine to vault */
	VHSM_MSG_KEY_STATE_ACK = 80,	/* no operation under the old state can
					 * publish a result any more */
	VHSM_MSG_REFUSAL,		/* commit to audit, then acknowledge */
	VHSM_MSG_COUNTERS,		/* use of one key since the last */
};

/* Engine tuning the broker passes from its configuration. */
struct vhsm_tuning {
	uint32_t spin_us;	/* longest adaptive poll, 0: never */
	uint32_t workers;	/* threads for slow operations, 1..16 */
};

struct vhsm_msg_queue_xen {
	uint32_t ring_ref[1u << VHSM_MAX_RING_ORDER];
	uint32_t event_channel;
	uint32_t pool_pages;
	uint32_t directory_ref[VHSM_MAX_DIRECTORY_PAGES];
};

struct vhsm_msg_connect_xen {
	struct vhsm_msg_header hdr;
	uint32_t domid;
	uint32_t queues;
	uint32_t ring_order;
	uint32_t version;
	struct vhsm_tuning tuning;
	struct vhsm_msg_queue_xen queue[VHSM_MAX_QUEUES];
};

struct vhsm_msg_connect_local {
	struct vhsm_msg_header hdr;
	uint32_t queues;
	uint32_t ring_order;
	uint32_t pool_pages;
	uint32_t version;
	struct vhsm_tuning tuning;
};

struct vhsm_msg_simple {		/* STOP, CONNECTED, READY, KEYS_DONE */
	struct vhsm_msg_header hdr;
};

struct vhsm_msg_text {			/* FAILED, VIOLATION */
	struct vhsm_msg_header hdr;
	uint32_t code;			/* errno for FAILED; else enum
					 * vhsm_violation, guest-input.h */
	uint32_t queue;
	char text[VHSM_TEXT_MAX];	/* NUL terminated */
};

struct vhsm_msg_attach {
	struct vhsm_msg_header hdr;
	uint8_t uuid[16];
	uint32_t domid;			/* for the audit record only */
	uint32_t device;
	char domain[80];		/* name, for the audit record only */
	char keys[VHSM_KEY_LIST_LEN];	/* names or globs joined by '+' */
};

enum vhsm_device_event {
	VHSM_EVENT_CONNECTED = 1,
	VHSM_EVENT_DISCONNECTED,
	VHSM_EVENT_ENGINE_DIED,
	VHSM_EVENT_VIOLATION,
	VHSM_EVENT_ATTACH_REFUSED,
};

struct vhsm_msg_device_event {
	struct vhsm_msg_header hdr;
	uint32_t event;			/* enum vhsm_device_event */
	uint32_t domid;
	uint32_t device;
	uint8_t uuid[16];
	char domain[80];
	char text[VHSM_TEXT_MAX];
};

/* What changed about a guest's gate (gate.h), and from what to what: */
enum vhsm_guest_event {
	VHSM_GUEST_LEVEL = 1,		/* enum vhsm_gate_level */
	VHSM_GUEST_LEASE,		/* enum vhsm_lease_state */
};

enum vhsm_lease_state {
	VHSM_LEASE_STATE_NONE = 0,	/* none is demanded */
	VHSM_LEASE_STATE_NEVER,		/* demanded, never granted yet */
	VHSM_LEASE_STATE_VALID,
	VHSM_LEASE_STATE_STALE,		/* granted once, run out since */
};

#define VHSM_NO_UID UINT32_MAX		/* nobody's order */

struct vhsm_msg_guest_event {
	struct vhsm_msg_header hdr;
	uint32_t event;			/* enum vhsm_guest_event */
	uint32_t from;
	uint32_t to;
	uint32_t uid;			/* of who ordered it; VHSM_NO_UID */
	uint8_t uuid[16];
	char reason[VHSM_TEXT_MAX];	/* NUL terminated */
};

/*
 * A key version for an engine.  The material is raw for symmetric keys,
 * PKCS#8 PrivateKeyInfo DER (RFC 5958) for the others.  Received into, and
 * wiped from, secure memory.
 *
 * Nonces made in custody (SP 800-38D 8.2.1, deterministic): 4 bytes big endian
 * nonce_fixed, then 8 bytes big endian nonce_start + n (mod 2^64) for the n-th
 * encryption.  nonce_fixed is a per-version load counter that the vault
 * commits to the store before it sends the key, so no two engines ever share
 * one; nonce_start is random, so that a store rolled back to an older copy
 * does not repeat nonces either.
 *
 * All versions of a key share its index.  A key that is not ENABLED comes
 * without material (material_len 0), so that its uses are refused for the
 * right reason; when it is enabled its versions are sent again, and replace
 * what was there.  KEY_STATE only ever takes away: DISABLED, REVOKED,
 * DESTROYED.  After the ACK of DESTROYED an index may name another key.
 */
struct vhsm_msg_key {
	struct vhsm_msg_header hdr;
	uint32_t index;			/* 0..VHSM_MAX_KEYS-1, the vault's name
					 * for it on this connection */
	char name[VHSM_NAME_MAX];	/* NUL padded */
	uint16_t type;			/* enum vhsm_key_type */
	uint16_t state;			/* enum vhsm_key_state */
	uint32_t usages;		/* VHSM_USE_* */
	uint32_t version;
	uint32_t nonce_fixed;
	uint64_t nonce_start;
	uint32_t material_len;
	uint32_t reserved;
	uint8_t material[VHSM_MATERIAL_MAX];
};

struct vhsm_msg_key_state {		/* and its ACK */
	struct vhsm_msg_header hdr;
	uint32_t index;
	uint32_t state;			/* REVOKED, DESTROYED: zeroise */
};

/*
 * A refusal to be audited before its response is published.  What the guest
 * wrote is untrusted bytes.  "repeats" counts refusals like this one that were
 * answered without a record of their own because they came too fast.
 */
struct vhsm_msg_refusal {
	struct vhsm_msg_header hdr;
	uint64_t seq;			/* the engine's, echoed by the ACK */
	uint64_t repeats;
	uint16_t op;
	uint16_t mechanism;
	uint16_t status;		/* enum vhsm_status */
	uint16_t name_len;
	uint32_t key;			/* handle as the guest gave it */
	uint32_t reserved;
	char untrusted_name[VHSM_NAME_MAX];
};

struct vhsm_msg_audit_ack {
	struct vhsm_msg_header hdr;
	uint64_t seq;			/* this and all before it are on disk */
};

struct vhsm_msg_counters {
	struct vhsm_msg_header hdr;
	uint32_t index;			/* of the key */
	uint32_t version;
	uint64_t operations;		/* since the last message */
	uint64_t failures;
	uint64_t bytes;
};

/*
 * What an engine counts, in a memfd the broker maps read-only.  Every field is
 * written by one thread (each queue has its own line) and only ever grows.
 */
struct vhsm_queue_stats {
	uint64_t requests;
	uint64_t refusals;		/* any status but OK */
	uint64_t malformed;		/* 1xx */
	uint64_t batches;
	uint64_t notifications;		/* sent to the guest */
	uint64_t events;		/* received from the guest */
	uint64_t polls_won;		/* an adaptive poll found work */
	uint64_t polls_lost;
	uint64_t bytes;
	uint64_t spurious_events;
	uint64_t reserved[6];
} __attribute__((aligned(128)));

struct vhsm_engine_stats {
	uint32_t pid;
	uint32_t queues;
	uint64_t grant_maps;		/* pages mapped, all at connect */
	uint64_t grant_maps_after_connect;	/* stays 0 */
	uint64_t keys;
	uint64_t worker_requests;
	uint64_t audit_waits;
	uint64_t reserved[10];
	struct vhsm_queue_stats queue[VHSM_MAX_QUEUES];
};

_Static_assert(sizeof(struct vhsm_msg_key) <= VHSM_MSG_MAX, "fits a message");
_Static_assert(sizeof(struct vhsm_msg_connect_xen) <= VHSM_MSG_MAX, "fits");
_Static_assert(sizeof(struct vhsm_msg_attach) <= VHSM_MSG_MAX, "fits");

#endif /* VHSM_PROTOCOL_H */
