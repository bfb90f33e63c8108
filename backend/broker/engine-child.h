/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-child.h - one engine as the broker sees it: a process made for one
 * connection of one device, that ends with it.
 */
#ifndef VHSM_ENGINE_CHILD_H
#define VHSM_ENGINE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "broker/broker.h"

/* What its owner hears.  ended is the last, always comes, and the engine has
 * been freed; refusal is "" or why the frontend, not we, is to blame. */
struct vhsm_engine_events {
	void (*connected)(void *arg);
	void (*ended)(void *arg, const char *how, const char *refusal);
};

/*
 * Starts an engine for identity over transport ("xen" or "local"), introduces
 * it to the vault and sends it connect (CONNECT_XEN or CONNECT_LOCAL, whose
 * tuning is filled in here) with fds, which stay the caller's.
 * NULL with errno set, EAGAIN while the vault is not ready.
 */
struct vhsm_engine *vhsm_engine_new(struct vhsm_broker *broker,
				    const struct vhsm_identity *identity,
				    const char *transport,
				    struct vhsm_msg_header *connect,
				    const int *fds, unsigned fd_count,
				    const struct vhsm_engine_events *events,
				    void *arg);
/* Asks it to finish and end; it is killed if it takes too long. */
void vhsm_engine_stop(struct vhsm_engine *engine);
/* Kills it; ended is not called. */
void vhsm_engine_free(struct vhsm_engine **engine);

pid_t vhsm_engine_pid(const struct vhsm_engine *engine);
/* Its counters, which it may be writing. */
const struct vhsm_engine_stats *
vhsm_engine_stats(const struct vhsm_engine *engine);

#endif /* VHSM_ENGINE_CHILD_H */
