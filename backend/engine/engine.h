/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - one guest's engine: what its threads share.
 *
 *   control (the main thread)  sockets, keys, timers; starts and stops all
 *   one thread a queue         queue.h
 *   workers                    workers.h
 */
#ifndef VHSM_ENGINE_H
#define VHSM_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/protocol.h"
#include "engine/epoch.h"
#include "engine/guard.h"
#include "engine/keys.h"
#include "engine/queue.h"
#include "engine/refusals.h"
#include "engine/workers.h"
#include "transport/transport.h"

struct vhsm_engine {
	const struct vhsm_transport_ops *ops;
	struct vhsm_transport *transport;
	int broker;			/* VHSM_FD_BROKER */
	int vault;			/* VHSM_FD_VAULT, non-blocking */
	int control_fd;			/* eventfd: a queue wants the control
					 * thread */
	struct vhsm_engine_stats *stats;
	struct vhsm_epoch epoch;
	struct vhsm_keys keys;
	struct vhsm_guard guard;
	struct vhsm_refusals refusals;
	struct vhsm_workers workers;
	struct vhsm_queue *queue[VHSM_MAX_QUEUES];
	unsigned queues;		/* started */
	/* The first violation: queue << 16 | enum vhsm_violation. */
	_Atomic uint32_t violation;
};

/* Brings the statistics' count of pages mapped since it connected up to date. */
void vhsm_engine_count_maps(struct vhsm_engine *);

/* Starts workers and queues on the connected transport.  0 or -errno. */
int vhsm_engine_start(struct vhsm_engine *, const struct vhsm_tuning *);
/* Tells the queues to end once what has started is answered. */
void vhsm_engine_begin_stop(struct vhsm_engine *);
bool vhsm_engine_has_stopped(struct vhsm_engine *);
/* Frees what has stopped.  False if not all has: then the process must end
 * without touching what its threads use. */
bool vhsm_engine_stop(struct vhsm_engine *);

/* A queue's thread reports that its guest broke the ring. */
void vhsm_engine_violate(struct vhsm_engine *, unsigned queue,
			 enum vhsm_violation);

#endif /* VHSM_ENGINE_H */
