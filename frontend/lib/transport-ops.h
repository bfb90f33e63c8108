/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport-ops.h - how a session reaches its device: the kernel driver
 * (kernel-transport.c) or, without Xen, a daemon's socket (local-transport.c).
 * Everything above this header is the same code for both.
 *
 * A transport moves requests and responses and knows nothing of who waits for
 * them.  Ids are the session's (table.h); "key" is what the other end gave.
 * Errors are -errno or -VHSM_E_*; -VHSM_E_GONE says that the connection ended
 * and that every outstanding request is lost.
 */
#ifndef VHSM_TRANSPORT_OPS_H
#define VHSM_TRANSPORT_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhsm/vhsm.h"

struct vhsm_transport_ops;

/* The part of every transport that the session reads; constant after open. */
struct vhsm_transport {
	const struct vhsm_transport_ops *ops;
	uint8_t *slice;
	size_t slice_len;
	unsigned slots;		/* requests that can be outstanding at most */
	int event_fd;		/* for poll(2); see enter's arm */
};

/* One exchange: submit, then wait, then reap. */
struct vhsm_exchange {
	const struct vhsm_request *requests;
	unsigned submit;		/* [in] how many, [out] how many were */
	struct vhsm_response *responses;
	unsigned reap;			/* [in] room for, [out] how many came */
	unsigned wait;			/* for at least so many responses */
	int timeout_ms;			/* of the wait; negative: for ever */
	bool arm;			/* fewer than room: event_fd will tell */
};

struct vhsm_transport_ops {
	/* What device strings begin with. */
	const char *prefix;

	/* Opens what device names and connects; the transport is the caller's
	 * to close. */
	int (*open)(const char *device, struct vhsm_transport **);

	/*
	 * One exchange, at once by at most one thread that reaps and by any
	 * number that only submit.  Nothing submitted and nothing reaped is no
	 * error.  -EINTR: a signal ended the wait; what was submitted stays.
	 */
	int (*enter)(struct vhsm_transport *, struct vhsm_exchange *);

	/*
	 * Connects again after -VHSM_E_GONE, by one thread while nobody else
	 * uses the transport.  0, or -VHSM_E_GONE to try again later.  NULL
	 * where the other end reconnects by itself and keeps its keys.
	 */
	int (*reconnect)(struct vhsm_transport *);

	/* Waits up to timeout_ms until a request could be submitted. */
	void (*wait_room)(struct vhsm_transport *, int timeout_ms);

	/*
	 * Keys by other means than the ring: NULL where KEY_OPEN is a request
	 * like any other.
	 */
	int (*key_open)(struct vhsm_transport *, const char *name,
			uint32_t *key, struct vhsm_key_info *info);
	int (*key_close)(struct vhsm_transport *, uint32_t key);
	int (*key_raw)(struct vhsm_transport *, uint32_t wire, uint32_t *key);

	/* Fills what the transport knows of info. */
	int (*info)(struct vhsm_transport *, struct vhsm_info *info);

	/* Also in a forked child: gives up only what this process holds. */
	void (*close)(struct vhsm_transport **);
};

extern const struct vhsm_transport_ops vhsm_transport_kernel;
extern const struct vhsm_transport_ops vhsm_transport_local;

#endif /* VHSM_TRANSPORT_OPS_H */
