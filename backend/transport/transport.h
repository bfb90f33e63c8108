/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h - how an engine reaches one guest's memory and is woken: over
 * Xen's grants and event channels (xen.c) or memfd and eventfd (local.c).
 * Everything above this header is the same code for both.
 *
 * Life: open, connect once, serve, close.  open may need privilege and takes
 * every descriptor that will ever be needed; connect maps everything; after it
 * the process can lose the right to map and to open anything.
 */
#ifndef VHSM_TRANSPORT_H
#define VHSM_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/protocol.h"

/* One queue as mapped: the guest can change every byte of it at any time. */
struct vhsm_queue_memory {
	void *ring;			/* 2^ring_order pages */
	unsigned ring_order;
	uint8_t *pool;
	size_t pool_len;		/* bytes, whole pages */
};

struct vhsm_transport;

struct vhsm_transport_ops {
	const char *name;

	/* Takes what it needs to connect later; NULL with errno set. */
	struct vhsm_transport *(*open)(void);

	/*
	 * Maps the guest's queues as msg says (CONNECT_XEN or CONNECT_LOCAL,
	 * already size-checked; its values are the guest's and are validated
	 * here).  fds are the message's, owned by the transport from here on,
	 * whatever the result.  0, or -errno with why (VHSM_TEXT_MAX) saying
	 * what failed on what.
	 */
	int (*connect)(struct vhsm_transport *, const struct vhsm_msg_header *msg,
		       const int *fds, unsigned fd_count, char *why);

	unsigned (*queue_count)(const struct vhsm_transport *);
	const struct vhsm_queue_memory *(*queue)(const struct vhsm_transport *,
						 unsigned q);
	/* Readable when the guest notified queue q. */
	int (*event_fd)(const struct vhsm_transport *, unsigned q);
	/* Takes a pending event, so the next one is seen.  Whether there was
	 * one; to be called before the ring is looked at. */
	bool (*event_take)(struct vhsm_transport *, unsigned q);
	/* Notifies the guest: one system call.  As event_take, it may be held
	 * up by a hostile client: the caller holds nothing meanwhile. */
	void (*notify)(struct vhsm_transport *, unsigned q);

	/* Pages mapped since open, for the statistics. */
	uint64_t (*grant_maps)(const struct vhsm_transport *);

	void (*close)(struct vhsm_transport **);
};

extern const struct vhsm_transport_ops vhsm_transport_xen;
extern const struct vhsm_transport_ops vhsm_transport_local;

#endif /* VHSM_TRANSPORT_H */
