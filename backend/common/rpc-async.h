/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc-async.h - calls of the admin protocol (rpc.h) from within an event loop:
 * nothing waits, every call is answered in the end, by the daemon or by us.
 *
 * One connection for all calls, made when the first needs it and again after
 * it was lost: by the next call, or, for who wants to hear of it (connected),
 * by itself within a second or so.  The daemon is trusted with an answer's meaning, not with its
 * form or its coming.
 */
#ifndef VHSM_RPC_ASYNC_H
#define VHSM_RPC_ASYNC_H

#include <event2/event.h>
#include <jansson.h>
#include <stdint.h>

#define VHSM_RPC_ASYNC_CALLS 256u	/* that wait for their answer */

struct vhsm_rpc_async;

/*
 * Exactly once for every call, from the event loop: result (borrowed) and NULL
 * as error; or NULL with error for people, and code, which is NULL when the
 * daemon was not reached, did not answer in time or made no sense.
 */
typedef void vhsm_rpc_answered(void *arg, json_t *result, const char *code,
			       const char *error);
/* The connection was made, again or for the first time. */
typedef void vhsm_rpc_connected(void *arg);

/* connected may be NULL.  NULL without memory. */
struct vhsm_rpc_async *vhsm_rpc_async_new(struct event_base *,
					  const char *path,
					  vhsm_rpc_connected *connected,
					  void *arg);
/* Calls that wait are answered, "ended", first. */
void vhsm_rpc_async_free(struct vhsm_rpc_async **);

/* params is stolen (NULL: none); fd, or -1, stays the caller's.  answered may
 * be NULL.  Nothing is answered from within, but for want of memory. */
void vhsm_rpc_async_call(struct vhsm_rpc_async *, const char *method,
			 json_t *params, int fd, uint32_t timeout_ms,
			 vhsm_rpc_answered *answered, void *arg);

#endif /* VHSM_RPC_ASYNC_H */
