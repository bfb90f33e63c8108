/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the keys of one guest, as the vault sent them.
 *
 * Read by every queue and worker thread without locks; changed by the control
 * thread alone, which publishes a new object with one pointer store and frees
 * the old one after vhsm_epoch_synchronize().  A pointer got here is good
 * until its thread next quiesces.
 *
 * A guest's handle is index | generation << 16.  The generation starts at
 * random with the process and moves on when an index is used for another key,
 * so a handle of an earlier connection or a destroyed key names nothing; it is
 * never 0.  Secrets are in secure memory, wiped by the function that frees.
 */
#ifndef VHSM_KEYS_H
#define VHSM_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/protocol.h"
#include "common/secret.h"
#include "engine/epoch.h"
#include "ops/ops.h"

#define VHSM_KEY_VERSIONS 16u		/* versions of one key, at most */

/* What one thread has of a key version: its line, its context. */
struct vhsm_key_use {
	struct vhsm_context *context;	/* made on first use */
	_Atomic uint64_t operations;	/* written by the thread alone */
	_Atomic uint64_t failures;
	_Atomic uint64_t bytes;
} __attribute__((aligned(64)));

struct vhsm_key_version {
	uint32_t version;
	uint32_t usages;
	uint16_t type;
	_Atomic uint16_t state;		/* enum vhsm_key_state */
	uint32_t index;
	const struct vhsm_family *family;
	struct vhsm_material material;	/* bytes are secret's */
	struct vhsm_secret secret;
	struct vhsm_nonce_source nonces;
	uint8_t *public_key;		/* DER, NULL for symmetric keys */
	size_t public_len;
	uint64_t sent_operations;	/* counters the vault has */
	uint64_t sent_failures;
	uint64_t sent_bytes;
	struct vhsm_key_use use[VHSM_EPOCH_THREADS];
};

struct vhsm_key {
	_Atomic uint32_t handle;	/* 0: no key here */
	uint16_t generation;
	char name[VHSM_NAME_MAX];	/* NUL padded */
	_Atomic(struct vhsm_key_version *) primary;
	_Atomic(struct vhsm_key_version *) version[VHSM_KEY_VERSIONS];
};

/* Which keys there are, in order of name. */
struct vhsm_key_order {
	unsigned count;
	uint16_t index[VHSM_MAX_KEYS];
};

struct vhsm_keys {
	struct vhsm_epoch *epoch;
	uint16_t generation;
	_Atomic(struct vhsm_key_order *) order;	/* one of orders */
	struct vhsm_key_order orders[2];
	struct vhsm_key key[VHSM_MAX_KEYS];
};

/* 0 or -errno.  epoch outlives keys. */
int vhsm_keys_init(struct vhsm_keys *, struct vhsm_epoch *epoch);
/* Once no thread uses keys any more; wipes all. */
void vhsm_keys_deinit(struct vhsm_keys *);

/*
 * The control thread takes over a message of the vault (its size checked by
 * the caller).  0; -EPROTO when the vault may not send that; -ENOMEM.  With
 * *replaced not NULL, the version it replaced, which nobody uses any more: the
 * caller sends its last counters and frees it.
 */
int vhsm_keys_load(struct vhsm_keys *, const struct vhsm_msg_key *msg,
		   struct vhsm_key_version **replaced);
void vhsm_key_version_free(struct vhsm_key_version **);

/*
 * Obeys a KEY_STATE.  On return no operation under the old state can publish a
 * result, and material and contexts are wiped.  For DESTROYED call
 * vhsm_keys_forget after the last counters are sent.  0 or -EPROTO.
 */
int vhsm_keys_set_state(struct vhsm_keys *, uint32_t index, uint32_t state);
void vhsm_keys_forget(struct vhsm_keys *, uint32_t index);

/*
 * Any thread.  The key and the version (0: primary) that a guest's handle
 * names: OK, BAD_HANDLE or NO_VERSION.
 */
enum vhsm_status vhsm_keys_find(struct vhsm_keys *, uint32_t untrusted_handle,
				uint32_t untrusted_version,
				struct vhsm_key_version **version);

/* OK if the version may be used for usages (a set of VHSM_USE_*) now. */
static inline enum vhsm_status
vhsm_key_version_may(struct vhsm_key_version *version, uint32_t usages)
{
	switch (atomic_load_explicit(&version->state, memory_order_acquire)) {
	case VHSM_KEY_ENABLED:
		return (version->usages & usages) == usages ?
			VHSM_S_OK : VHSM_S_NOT_PERMITTED;
	case VHSM_KEY_DISABLED:
		return VHSM_S_DISABLED;
	default:
		return VHSM_S_REVOKED;
	}
}

/* The key of that name (NUL padded to VHSM_NAME_MAX), NULL if none. */
struct vhsm_key *vhsm_keys_open(struct vhsm_keys *, const char *name);

/* How many keys there are. */
static inline unsigned vhsm_keys_count(struct vhsm_keys *keys)
{
	return atomic_load(&keys->order)->count;
}

/* Up to count keys whose names follow after (NUL padded), in order. */
unsigned vhsm_keys_list(struct vhsm_keys *, const char *after,
			struct vhsm_key_info *info, unsigned count);
void vhsm_key_describe(struct vhsm_key *, struct vhsm_key_info *info);

/* Adds to a thread's own counters. */
static inline void vhsm_key_use_count(struct vhsm_key_use *use, bool failed,
				      uint64_t bytes)
{
	atomic_store_explicit(&use->operations, atomic_load_explicit(
		&use->operations, memory_order_relaxed) + 1,
		memory_order_relaxed);
	atomic_store_explicit(&use->failures, atomic_load_explicit(
		&use->failures, memory_order_relaxed) + failed,
		memory_order_relaxed);
	atomic_store_explicit(&use->bytes, atomic_load_explicit(
		&use->bytes, memory_order_relaxed) + bytes,
		memory_order_relaxed);
}

/* What was counted since the last call; false if nothing was. */
bool vhsm_key_version_counters(struct vhsm_key_version *,
			       struct vhsm_msg_counters *msg);

#endif /* VHSM_KEYS_H */
