/* SPDX-License-Identifier: MIT */
/*
 * vhsmif.h - the vhsm paravirtual device: the whole contract between a guest
 * (the frontend) and the domain that keeps its keys (the backend).
 *
 * Written in the manner of Xen's public/io headers and compiled unchanged by
 * the kernel module and by user space.  Nothing else defines a byte that
 * crosses between the two domains.  All integers are little endian, natural
 * alignment, no implicit padding; abi-check.c asserts every size and offset.
 *
 * Both sides are hostile to each other: whatever the peer wrote is copied once
 * to private memory, checked, and only then used.
 *
 *
 * Xenstore nodes
 * ==============
 * vhsm.paths lists every one with its type; this is what they mean.
 *
 * Backend, /local/domain/BACK/backend/vhsm/FRONT/DEV/ (written by the backend):
 *
 *   frontend, frontend-id, online, state, domain, handle
 *        As for every xenbus device.  "domain" is the guest's name, for people.
 *   keys                     "NAME[+NAME...]", globs too; "" for all
 *        What the device may use: for a backend that is started again.
 *   monitor                  the name of a policy; "" for none
 *        Whether its keys wait for an integrity lease: likewise.
 *   versions                 "1[,N...]"
 *        Versions of this ABI the backend speaks, comma separated, ascending.
 *   multi-queue-max-queues   1..VHSM_MAX_QUEUES
 *   max-ring-page-order      0..VHSM_MAX_RING_ORDER
 *   max-pool-pages           1..VHSM_MAX_POOL_PAGES, per queue
 *   feature-NAME             "1" when offered.  None are defined in version 1.
 *        A frontend that wants one writes the same node; a frontend that does
 *        not know one ignores it.  An op, mechanism or flag that belongs to a
 *        feature not taken up is refused, never ignored.
 *   error                    why the device is closed, when it is: "CODE text"
 *
 * Frontend, /local/domain/FRONT/device/vhsm/DEV/ (written by the frontend):
 *
 *   backend, backend-id, handle, state     as for every xenbus device
 *   version                  the one version chosen from "versions"
 *   multi-queue-num-queues   1..multi-queue-max-queues
 *   ring-page-order          0..max-ring-page-order, the same for every queue
 *   queue-Q/ring-refR        grant of ring page R, R = 0 .. 2^order - 1
 *   queue-Q/event-channel    unbound port the backend binds
 *   queue-Q/pool-pages       pages in this queue's buffer pool
 *   queue-Q/pool-directory-refD
 *        grant (read-only suffices) of directory page D,
 *        D = 0 .. ceil(pool-pages / VHSM_DIRECTORY_ENTRIES) - 1
 *
 * Every number is decimal ASCII without sign, blank or leading zero.
 *
 *
 * States (XenbusState)
 * ====================
 *   backend                              frontend
 *   1 Initialising                       1 Initialising
 *   2 InitWait    (versions, limits out)
 *                                        3 Initialised (all its nodes out)
 *   4 Connected   (everything mapped)
 *                                        4 Connected
 *
 *   Orderly end, begun by either side: 5 Closing, answered by 6 Closed once
 *   the frontend uses nothing of the ring and the backend has unmapped all.
 *
 *   Reconnection: the backend's engine, or the backend, may go away and come
 *   back.  The backend goes 5 Closing; the frontend completes what is
 *   outstanding with VHSM_S_GONE (retryable) and goes 6 Closed; the backend,
 *   having unmapped, goes 6 Closed and, while "online" is 1, 2 InitWait; the
 *   frontend publishes anew (the same grants may serve again) and goes
 *   3 Initialised.  Key handles do not survive; names do.
 *
 *   A frontend that breaks the ring protocol, or publishes nodes that do not
 *   validate, is closed with "error" set: the backend stays 6 Closed until
 *   the frontend has gone through 1 Initialising.
 *
 *
 * The ring
 * ========
 * One ring per queue: Xen's standard ring.h with notification suppression,
 * 2^ring-page-order contiguous pages, slots of 64 bytes.  Requests may be
 * answered in any order; "id" is the frontend's own and is returned untouched.
 *
 *
 * The pool
 * ========
 * One buffer pool per queue, granted once at connect and mapped by the backend
 * until disconnect, so that no request costs a grant operation.  The directory
 * pages list the grants of the pool's pages in order; the backend reads them
 * once, at connect, and maps the pool as one contiguous range.  Requests name
 * bytes as (offset, length) segments of their own queue's pool.
 *
 * A segment that an operation does not use must be {0, 0}.  Segments of one
 * request must not overlap, with one exception: INPUT and OUTPUT of an
 * in-place cipher may start at the same offset.  Small values that decide
 * something (names, nonces, tags, signatures) are copied before use; bulk
 * INPUT and AAD are read in place: a guest that changes them meanwhile gets
 * an answer about some mixture, and hurts only itself.
 *
 *
 * Versioning
 * ==========
 * A version is never changed once released.  New optional behaviour is a
 * feature-NAME; anything that changes the meaning of existing bytes is a new
 * version.  Reserved fields are sent as 0 and refused otherwise.
 */
#ifndef VHSMIF_H
#define VHSMIF_H

/*
 * Define VHSMIF_NO_RING to have constants and structures without ring.h, for
 * programs above the device that never see a ring.
 */
#ifdef __KERNEL__
#include <linux/types.h>
#ifndef VHSMIF_NO_RING
#include <xen/interface/io/ring.h>
#endif
typedef u8 vhsm_u8;
typedef u16 vhsm_u16;
typedef u32 vhsm_u32;
typedef u64 vhsm_u64;
#else
#include <stdint.h>
#ifndef VHSMIF_NO_RING
#include <string.h>		/* ring.h uses memset */
#ifndef xen_mb			/* ring.h leaves the barriers to its user */
#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#include <xen/xen.h>
#include <xen/io/ring.h>
#endif
typedef uint8_t vhsm_u8;
typedef uint16_t vhsm_u16;
typedef uint32_t vhsm_u32;
typedef uint64_t vhsm_u64;
#endif

#define VHSM_VERSION		1
#define VHSM_DEVICE_CLASS	"vhsm"

/* ------------------------------------------------------------- limits */

#define VHSM_PAGE_SIZE		4096u
#define VHSM_MAX_QUEUES		8u
#define VHSM_MAX_RING_ORDER	4u	/* 16 pages, 512 slots */
#define VHSM_DIRECTORY_ENTRIES	(VHSM_PAGE_SIZE / 4u)
#define VHSM_MAX_DIRECTORY_PAGES 8u
#define VHSM_MAX_POOL_PAGES	(VHSM_MAX_DIRECTORY_PAGES * VHSM_DIRECTORY_ENTRIES)

#define VHSM_NAME_MAX		64u	/* bytes of a key's name, no NUL */
#define VHSM_NONCE_LEN		12u	/* AES-GCM (SP 800-38D), RFC 8439 */
#define VHSM_TAG_LEN		16u
#define VHSM_SIG_MAX		512u	/* RSA-4096 */
#define VHSM_RANDOM_MAX		65536u	/* bytes per RANDOM request */
#define VHSM_AAD_MAX		65536u
#define VHSM_INPUT_MAX		(16u << 20)

/*
 * A key's name: 1..VHSM_NAME_MAX of [A-Za-z0-9._-], the first not '.' or '-'.
 */

/* ------------------------------------------------- requests, responses */

struct vhsm_segment {
	vhsm_u32 offset;	/* bytes from the start of the queue's pool */
	vhsm_u32 len;		/* bytes */
};

/* What each of a request's five segments is for. */
enum vhsm_segment_use {
	VHSM_SEG_PARAM = 0,	/* name, nonce */
	VHSM_SEG_AAD = 1,
	VHSM_SEG_INPUT = 2,
	VHSM_SEG_OUTPUT = 3,
	VHSM_SEG_TAG = 4,	/* AEAD tag, or the signature or MAC to check */
	VHSM_SEGMENTS = 5
};

struct vhsm_request {
	vhsm_u64 id;		/* the frontend's, returned untouched */
	vhsm_u16 op;		/* enum vhsm_op */
	vhsm_u16 mechanism;	/* VHSM_MECH_*, 0 where the op takes none */
	vhsm_u32 flags;		/* VHSM_F_* */
	vhsm_u32 key;		/* handle from KEY_OPEN, 0 where none */
	vhsm_u32 key_version;	/* 0: the primary version; else that one */
	union {
		struct vhsm_segment seg[VHSM_SEGMENTS];
		struct {
			vhsm_u64 id;		/* of the request to cancel */
			vhsm_u64 reserved[4];	/* 0 */
		} cancel;
	} u;
};

struct vhsm_response {
	vhsm_u64 id;
	vhsm_u16 op;		/* of the request, so an answer explains itself */
	vhsm_u16 status;	/* enum vhsm_status */
	vhsm_u32 out_len;	/* bytes written to OUTPUT; see each op */
	vhsm_u32 key;		/* KEY_OPEN: the handle; else 0 */
	vhsm_u32 key_version;	/* version that did the work; 0 if no key did */
	vhsm_u64 reserved[5];	/* 0 */
};

/*
 * Operations.  [in] and [out] name the segments; every other is {0, 0}.
 * "key" is the handle of the key used; an op without one has key and
 * key_version 0.
 */
enum vhsm_op {
	/*
	 * NOP: nothing, answered VHSM_S_OK.  Measures the ring.
	 * No key, mechanism, flag or segment.
	 */
	VHSM_OP_NOP = 0,

	/*
	 * KEY_OPEN: from a name to a handle.
	 * [in]  PARAM   the name, 1..VHSM_NAME_MAX bytes
	 * [out] OUTPUT  struct vhsm_key_info, exactly its size
	 *       response.key = handle, valid until the device disconnects.
	 * NO_KEY if the domain has no such key, whatever other domains have.
	 * As KEY_LIST, KEY_PUBLIC, RANDOM, NOP and CANCEL, not subject to
	 * UNAPPROVED, LEASE_STALE, VERIFY_ONLY and THROTTLED: those are about
	 * the use of keys, SIGN to MAC_VERIFY.
	 */
	VHSM_OP_KEY_OPEN = 1,

	/*
	 * KEY_LIST: the keys this device may use.
	 * [in]  PARAM   the name to list after; {0, 0} from the first
	 * [out] OUTPUT  as many struct vhsm_key_info as fit, in order of name;
	 *       out_len = bytes written, 0 at the end.
	 */
	VHSM_OP_KEY_LIST = 2,

	/*
	 * KEY_PUBLIC: the public half, DER SubjectPublicKeyInfo (RFC 5280,
	 * RFC 8410, RFC 5480, RFC 8017).
	 * [in]  key
	 * [out] OUTPUT  out_len bytes; TOO_SMALL tells the size in out_len.
	 */
	VHSM_OP_KEY_PUBLIC = 3,

	/*
	 * SIGN: a message, hashed in custody, or with F_DIGEST its digest.
	 * [in]  key, mechanism, INPUT
	 * [out] OUTPUT  out_len bytes; an ECDSA signature is DER (RFC 3279),
	 *       Ed25519 64 bytes (RFC 8032), RSA the modulus' length.
	 */
	VHSM_OP_SIGN = 16,

	/*
	 * VERIFY: VHSM_S_OK or VHSM_S_BAD_SIGNATURE.
	 * [in]  key, mechanism, INPUT as for SIGN, TAG = the signature
	 */
	VHSM_OP_VERIFY = 17,

	/*
	 * ENCRYPT: AEAD.
	 * [in]  key, mechanism, AAD (may be {0,0}), INPUT (may be {0,0})
	 * [out] PARAM   VHSM_NONCE_LEN bytes: the nonce custody made; with
	 *               F_CALLER_NONCE it is [in]
	 * [out] OUTPUT  as long as INPUT or longer; out_len = INPUT's length
	 * [out] TAG     VHSM_TAG_LEN bytes
	 */
	VHSM_OP_ENCRYPT = 18,

	/*
	 * DECRYPT: the reverse; PARAM and TAG are [in].  On BAD_TAG the
	 * OUTPUT's bytes are zeroed.
	 */
	VHSM_OP_DECRYPT = 19,

	/*
	 * MAC: [in] key, mechanism, INPUT  [out] OUTPUT, the MAC's length.
	 */
	VHSM_OP_MAC = 20,

	/*
	 * MAC_VERIFY: [in] key, mechanism, INPUT, TAG = the whole MAC.
	 * VHSM_S_OK or VHSM_S_BAD_SIGNATURE, compared in constant time.
	 */
	VHSM_OP_MAC_VERIFY = 21,

	/*
	 * RANDOM: [out] OUTPUT, 1..VHSM_RANDOM_MAX bytes from custody's DRBG.
	 */
	VHSM_OP_RANDOM = 22,

	/*
	 * CANCEL: u.cancel.id names a request of this queue.  Answered OK and
	 * that request CANCELLED if it had not started; else NOT_FOUND, and
	 * that request is, or was, answered in its own right.
	 */
	VHSM_OP_CANCEL = 32
};

/*
 * Mechanisms: family in the high byte, hash in the low byte.
 */
#define VHSM_HASH_NONE		0x00
#define VHSM_HASH_SHA256	0x01	/* FIPS 180-4 */
#define VHSM_HASH_SHA384	0x02
#define VHSM_HASH_SHA512	0x03

#define VHSM_MECH_AES_GCM		0x0100	/* SP 800-38D, 96-bit nonce */
#define VHSM_MECH_CHACHA20_POLY1305	0x0200	/* RFC 8439 */
#define VHSM_MECH_HMAC			0x0300	/* FIPS 198-1, | hash */
#define VHSM_MECH_ECDSA			0x0400	/* FIPS 186-5, | hash */
#define VHSM_MECH_EDDSA			0x0500	/* RFC 8032, Ed25519 pure */
#define VHSM_MECH_RSA_PKCS1		0x0600	/* RFC 8017 8.2, | hash */
#define VHSM_MECH_RSA_PSS		0x0700	/* RFC 8017 8.1, | hash; MGF1
						 * and salt length of that hash */
#define VHSM_MECH_FAMILY(m)		((m) & 0xff00)
#define VHSM_MECH_HASH(m)		((m) & 0x00ff)

/* Request flags.  A flag an op does not take is refused with BAD_FLAGS. */
#define VHSM_F_DIGEST		0x00000001u	/* SIGN, VERIFY: INPUT is the
						 * digest (not with EDDSA) */
#define VHSM_F_CALLER_NONCE	0x00000002u	/* ENCRYPT: PARAM is [in]; the
						 * key's policy must allow it */

/*
 * Statuses: a closed list.  The first digit says whose fault it is.
 */
enum vhsm_status {
	VHSM_S_OK = 0,

	/* 1xx: the request is malformed; the same request never succeeds. */
	VHSM_S_BAD_OP = 100,		/* no such op in this version */
	VHSM_S_BAD_MECHANISM = 101,	/* no such mechanism, or not for op */
	VHSM_S_BAD_FLAGS = 102,		/* unknown, or not for this op */
	VHSM_S_BAD_RESERVED = 103,	/* a reserved field is not 0 */
	VHSM_S_BAD_SEGMENT = 104,	/* outside the pool, or not for op */
	VHSM_S_OVERLAP = 105,		/* segments overlap */
	VHSM_S_BAD_LENGTH = 106,	/* a length the op does not take */
	VHSM_S_TOO_LARGE = 107,		/* over a limit of this header */
	VHSM_S_TOO_SMALL = 108,		/* OUTPUT: out_len says what it takes */
	VHSM_S_BAD_NAME = 109,		/* not a key's name */

	/* 2xx: well formed, but the caller may not, or the answer is no. */
	VHSM_S_NO_KEY = 200,		/* this domain has no key so named */
	VHSM_S_BAD_HANDLE = 201,	/* not a handle of this connection */
	VHSM_S_NOT_PERMITTED = 202,	/* usage or policy forbids it */
	VHSM_S_WRONG_TYPE = 203,	/* key's type and mechanism differ */
	VHSM_S_DISABLED = 204,		/* the key is disabled or retired */
	VHSM_S_REVOKED = 205,		/* the key, or the guest, is revoked */
	VHSM_S_BAD_SIGNATURE = 206,	/* signature or MAC does not match */
	VHSM_S_BAD_TAG = 207,		/* AEAD authentication failed */
	VHSM_S_QUOTA = 208,		/* a limit of use is reached */
	VHSM_S_NOT_FOUND = 209,		/* CANCEL: nothing to cancel */
	VHSM_S_NO_VERSION = 210,	/* the key has no such version */
	VHSM_S_UNAPPROVED = 211,	/* all keys are revoked: the guest is no
					 * longer as approved */
	VHSM_S_LEASE_STALE = 212,	/* the guest's monitor has not confirmed
					 * it yet, or not recently enough */
	VHSM_S_VERIFY_ONLY = 213,	/* the guest is restricted to VERIFY,
					 * MAC_VERIFY and DECRYPT */

	/* 3xx: not now; the same request may succeed later. */
	VHSM_S_BUSY = 300,		/* no room for more outstanding work */
	VHSM_S_THROTTLED = 303,		/* the guest's rate is limited for now */
	VHSM_S_CANCELLED = 301,		/* by CANCEL; or the guest lost and
					 * regained approval under way */
	VHSM_S_GONE = 302,		/* the connection ended first; made by
					 * the frontend, never on the wire */

	/* 4xx: the backend's own fault, logged there. */
	VHSM_S_INTERNAL = 400
};

/* ------------------------------------------------------- descriptions */

enum vhsm_key_type {
	VHSM_KEY_AES_128 = 1,
	VHSM_KEY_AES_256 = 2,
	VHSM_KEY_CHACHA20 = 3,
	VHSM_KEY_HMAC = 4,		/* 16..128 bytes */
	VHSM_KEY_EC_P256 = 16,
	VHSM_KEY_EC_P384 = 17,
	VHSM_KEY_ED25519 = 18,
	VHSM_KEY_RSA_2048 = 32,
	VHSM_KEY_RSA_3072 = 33,
	VHSM_KEY_RSA_4096 = 34
};

/* What a key may be used for (a set). */
#define VHSM_USE_SIGN		0x0001u
#define VHSM_USE_VERIFY		0x0002u
#define VHSM_USE_ENCRYPT	0x0004u
#define VHSM_USE_DECRYPT	0x0008u
#define VHSM_USE_MAC		0x0010u
#define VHSM_USE_MAC_VERIFY	0x0020u
#define VHSM_USE_CALLER_NONCE	0x0100u	/* policy: F_CALLER_NONCE allowed */
#define VHSM_USE_ALL		0x013fu

enum vhsm_key_state {
	VHSM_KEY_ENABLED = 1,
	VHSM_KEY_DISABLED = 2,
	VHSM_KEY_REVOKED = 3,
	VHSM_KEY_DESTROYED = 4
};

struct vhsm_key_info {
	char name[VHSM_NAME_MAX];	/* NUL padded; not NUL terminated at
					 * VHSM_NAME_MAX bytes */
	vhsm_u32 version;		/* the primary version, from 1 */
	vhsm_u16 type;			/* enum vhsm_key_type */
	vhsm_u16 state;			/* enum vhsm_key_state */
	vhsm_u32 usages;		/* VHSM_USE_* */
	vhsm_u32 reserved[5];		/* 0 */
};

#ifndef VHSMIF_NO_RING
DEFINE_RING_TYPES(vhsm, struct vhsm_request, struct vhsm_response);
#endif

#endif /* VHSMIF_H */
