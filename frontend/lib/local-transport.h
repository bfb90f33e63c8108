/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-transport.h - the local transport's parts: local-connect.c makes and
 * remakes the connection of local-wire.h, local-transport.c moves requests over
 * it.
 */
#ifndef VHSM_LOCAL_TRANSPORT_H
#define VHSM_LOCAL_TRANSPORT_H

#include <pthread.h>
#include <sys/un.h>

#include "vhsmif.h"		/* first: vhsm.h leaves the ring out */

#include "lib/spin-wait.h"
#include "lib/transport-ops.h"
#include "local-wire.h"

struct vhsm_local {
	struct vhsm_transport base;
	struct sockaddr_un address;
	struct vhsm_local_hello hello;

	uint8_t *map;			/* ring pages, then the slice */
	size_t map_len;
	int memfd;
	int to_backend;			/* eventfds */
	int from_backend;
	int sock;			/* -1 while not connected */
	int epoll;			/* from_backend and sock, for poll(2) */

	pthread_mutex_t submit_lock;	/* guards ring.req_prod_pvt's writers */
	struct vhsm_front_ring ring;	/* rsp_cons is the reaper's */
	struct vhsm_spin spin;
	unsigned idle_looks;		/* reaps without wait that found none */

	uint32_t connections;
	uint64_t requests;
	uint64_t notifications_sent;
	uint64_t interrupts;
};

/* Fills address and hello from "local:PATH?...".  0 or -EINVAL. */
int vhsm_local_parse(struct vhsm_local *l, const char *device);

/* Makes the shared memory and the eventfds.  0 or -errno. */
int vhsm_local_map(struct vhsm_local *l);

/* Connects, says hello, reads the answer.  0 or -errno. */
int vhsm_local_connect(struct vhsm_local *l);

void vhsm_local_disconnect(struct vhsm_local *l);

#endif /* VHSM_LOCAL_TRANSPORT_H */
