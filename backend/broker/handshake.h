/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake.h - what a frontend published to connect, from text to numbers.
 *
 * Pure: the caller reads the nodes, from xenstore or from a test's table; no
 * call here knows Xen.  Nothing is read beyond what the numbers checked so far
 * call for, so a frontend decides at most how many of a fixed set of names are
 * looked up.
 */
#ifndef VHSM_HANDSHAKE_H
#define VHSM_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "common/protocol.h"

/*
 * Reads a node below the frontend's directory ("queue-0/ring-ref0") into value
 * (room bytes, not terminated).  The value's whole length, which may be more
 * than room; or -errno, ENOENT when there is no such node.
 */
typedef int vhsm_handshake_read(void *arg, const char *node, char *value,
				size_t room);

/* What the backend offered. */
struct vhsm_handshake_limits {
	uint32_t max_queues;		/* 1..VHSM_MAX_QUEUES */
	uint32_t max_ring_order;	/* 0..VHSM_MAX_RING_ORDER */
	uint32_t max_pool_pages;	/* 1..VHSM_MAX_POOL_PAGES */
};

/*
 * Fills version, queues, ring_order and queue[] of out, zeroing the rest.
 * 0, or -EINVAL with why (VHSM_TEXT_MAX) naming the node and what it should
 * hold; the frontend's bytes are in it escaped.
 */
int vhsm_handshake_parse(vhsm_handshake_read *read, void *arg,
			 const struct vhsm_handshake_limits *limits,
			 struct vhsm_msg_connect_xen *out, char *why);

/*
 * Refuses a feature taken up that was not offered: version 1 offers none, so
 * any node "feature-NAME" among the names in the frontend's directory.  0, or
 * -EINVAL with why (VHSM_TEXT_MAX).
 */
int vhsm_handshake_features(char *const *untrusted_names, unsigned count,
			    char *why);

#endif /* VHSM_HANDSHAKE_H */
