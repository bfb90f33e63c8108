/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc.h - the admin protocol: vhsmctl to the broker (run/vhsmd.sock: devices,
 * status) and straight to the vault (run/vault.sock: keys, audit; so the
 * broker never sees a key on its way in).
 *
 * AF_UNIX SOCK_SEQPACKET, one JSON object a packet, at most VHSM_RPC_MAX
 * bytes:
 *   request   {"id": N, "method": "key.generate", "params": {...}}
 *   answer    {"id": N, "result": ...}
 *          or {"id": N, "error": {"code": "not-found", "message": "..."}}
 * Secret bytes never stand in JSON: a request that carries some (key.import)
 * attaches one memfd.  Long lists come in pages: params.after, result.next.
 * The peer must be root or the daemon's own uid (SO_PEERCRED).
 */
#ifndef VHSM_RPC_H
#define VHSM_RPC_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define VHSM_RPC_MAX 131072u

struct vhsm_rpc_server;
struct vhsm_rpc_call;			/* a request that waits for its answer */

/*
 * Handles one request: answers with vhsm_rpc_result or vhsm_rpc_error, now or
 * later, exactly once.  params is an object (perhaps empty), borrowed until
 * the answer.  fd is the attached descriptor or -1, owned by the handler.
 */
typedef void vhsm_rpc_handler(struct vhsm_rpc_call *, const char *method,
			      json_t *params, int fd, void *arg);

/* Serves connections of the listening socket, which stays the caller's; none
 * with -1.  NULL with errno set. */
struct vhsm_rpc_server *vhsm_rpc_server_new(struct event_base *, int listen_fd,
					    vhsm_rpc_handler *, void *arg);
void vhsm_rpc_server_free(struct vhsm_rpc_server **);

/* Answer and free the call.  result is stolen, NULL for null; one too long for
 * a packet is answered with "too-large". */
void vhsm_rpc_result(struct vhsm_rpc_call *, json_t *result);
void vhsm_rpc_error(struct vhsm_rpc_call *, const char *code,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * One more entry (stolen) of a list that comes in pages, where entries may be
 * long.  false, and it is not taken, when the page would not fit an answer any
 * more; the first always is.  *bytes: of the page so far, 0 at first.
 */
bool vhsm_rpc_page_add(json_t *page, json_t *entry, size_t *bytes);
/* The uid of the caller; UINT_MAX if there is none. */
unsigned vhsm_rpc_caller_uid(const struct vhsm_rpc_call *);

/* One packet's bytes to one answer; the parser alone, for fuzzing too: with a
 * NULL call the answer goes nowhere.  Malformed input is answered with
 * "bad-request".  Takes fd over. */
void vhsm_rpc_dispatch(struct vhsm_rpc_server *, struct vhsm_rpc_call *,
		       const char *untrusted_bytes, size_t len, int fd);

/* Makes, or takes over a stale, listening socket: mode 0600.  fd or -errno;
 * EADDRINUSE when another process listens there. */
int vhsm_rpc_listen(const char *path);

/*
 * The client: connects, calls, waits.  params (may be NULL) and fd (may be -1)
 * stay the caller's.  0 with *result (the caller's), or -errno with *error (a
 * new string saying what failed and what to do) and *code (a new string, NULL
 * if the daemon was not reached; EREMOTEIO when it answered with an error).
 */
int vhsm_rpc_call_sync(const char *path, const char *method, json_t *params,
		       int fd, json_t **result, char **code, char **error);

/* The same of what is answered at once, such as a status: a daemon that has
 * not within VHSM_RPC_QUERY_S seconds is given up, -ETIMEDOUT. */
#define VHSM_RPC_QUERY_S	5u
int vhsm_rpc_query_sync(const char *path, const char *method, json_t *params,
			json_t **result, char **code, char **error);

#endif /* VHSM_RPC_H */
