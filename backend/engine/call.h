/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one use of a key, from a checked request to its result.
 *
 * Three steps, so that a slow one can run on a worker: prepare (the queue's
 * thread copies what decides something out of the pool), run (any thread),
 * publish (the queue's thread checks the key once more and copies results into
 * the pool).
 *
 * What a family makes is made in private memory, but for an AEAD's bulk.  That
 * matters: Ed25519 reads its own half-written signature again; a guest that
 * could change it in between would get two signatures under one nonce, and from
 * them the key.  (The message it reads twice, and copies for that.)
 */
#ifndef VHSM_CALL_H
#define VHSM_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/guard.h"
#include "engine/keys.h"
#include "ops/ops.h"
#include "vhsmif.h"

#define VHSM_DIGEST_MAX 64u

/* One thread that uses keys: its number in the epoch and in each version. */
struct vhsm_thread {
	unsigned index;
	_Atomic bool running;		/* the C library has set it up */
};

struct vhsm_call {
	struct vhsm_request request;	/* a private copy, checked */
	uint32_t version;		/* that did the work */
	uint64_t epoch;			/* of the gate, when it entered */
	struct vhsm_operation op;
	uint8_t digest[VHSM_DIGEST_MAX];
	uint8_t output[VHSM_SIG_MAX];	/* signatures and MACs, until publish */
};

/*
 * The thread itself, first of all; and who made it, to wait for that: setting
 * a thread up takes system calls the sandbox forbids later.
 */
static inline void vhsm_thread_begin(struct vhsm_thread *thread)
{
	atomic_store(&thread->running, true);
}
void vhsm_thread_await(struct vhsm_thread *);

/* The version the request may use now, or why not: BAD_MECHANISM, BAD_HANDLE,
 * NO_VERSION, DISABLED, REVOKED, NOT_PERMITTED, WRONG_TYPE. */
enum vhsm_status vhsm_call_find(struct vhsm_call *, struct vhsm_keys *,
				struct vhsm_key_version **);

/* Copies small values out of the pool and points at the rest. */
void vhsm_call_prepare(struct vhsm_call *, uint8_t *untrusted_pool);

/* Runs it with the calling thread's context. */
enum vhsm_status vhsm_call_run(struct vhsm_call *, struct vhsm_key_version *,
			       struct vhsm_thread *);

/*
 * The last step.  status is run's; looks at the gate and at the key's state
 * again: where either has been taken away meanwhile, results are wiped and the
 * new refusal is returned.  Else copies results into the pool and returns
 * status.  now_ns is as vhsm_guard_leave has it.
 */
enum vhsm_status vhsm_call_publish(struct vhsm_call *, struct vhsm_guard *,
				   uint64_t *now_ns,
				   struct vhsm_key_version *,
				   uint8_t *untrusted_pool,
				   enum vhsm_status status);

/* Takes back what was made: the guest's bytes it is in are zeroed.  Nonce and
 * tag are written by vhsm_call_publish alone, once nothing refuses. */
void vhsm_call_wipe(struct vhsm_call *);

#endif /* VHSM_CALL_H */
