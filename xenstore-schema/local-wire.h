/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-wire.h - how a frontend without Xen reaches an engine: the handshake
 * of the local transport, which stands in for xenstore, grants and event
 * channels in tests, fuzzers and native benchmarks.
 *
 * The client connects to the broker's local socket (AF_UNIX SOCK_SEQPACKET)
 * and sends one struct vhsm_local_hello with these descriptors:
 *
 *   [0]        memfd, sealed F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_SEAL, of exactly
 *              queues * (2^ring_order + pool_pages) pages: queue after queue,
 *              each its ring pages followed by its pool pages
 *   [1 + 2q]   eventfd the frontend writes to notify the backend, queue q
 *   [2 + 2q]   eventfd the backend writes to notify the frontend, queue q
 *
 * Answer: one struct vhsm_local_reply.  Status 0: connected; everything after
 * is the rings.  The socket then carries nothing; its end is the disconnect,
 * from either side.
 */
#ifndef VHSM_LOCAL_WIRE_H
#define VHSM_LOCAL_WIRE_H

#include <stdint.h>

#define VHSM_LOCAL_MAGIC 0x6c6d7376u	/* "vsml" */

struct vhsm_local_hello {
	uint32_t magic;
	uint32_t version;		/* VHSM_VERSION */
	uint8_t uuid[16];		/* whose keys: the domain's UUID */
	uint32_t queues;		/* 1..VHSM_MAX_QUEUES */
	uint32_t ring_order;		/* 0..VHSM_MAX_RING_ORDER */
	uint32_t pool_pages;		/* 1..VHSM_MAX_POOL_PAGES, per queue */
	uint32_t reserved;		/* 0 */
	char keys[256];			/* "a+b" as in xl.cfg; "" for all */
};

struct vhsm_local_reply {
	uint32_t magic;
	uint32_t status;		/* 0, or an errno value */
	char error[120];		/* what to do about it, NUL terminated */
};

#endif /* VHSM_LOCAL_WIRE_H */
