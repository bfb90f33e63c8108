/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel-transport.h - what carries a channel's bytes; for the files that
 * implement channel.h only.
 */
#ifndef VHSM_CHANNEL_TRANSPORT_H
#define VHSM_CHANNEL_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "channel/channel.h"

/* Embedded first in the kind's own structure. */
struct vhsm_transport {
	int fd;
	/* Bytes copied to or from, 0 when there is nothing or no room now;
	 * -EPIPE when the peer is gone (what it sent before is read first). */
	ssize_t (*read)(struct vhsm_transport *, void *buf, size_t len);
	ssize_t (*write)(struct vhsm_transport *, const void *buf, size_t len);
	/* Takes note of what made the descriptor readable. */
	void (*wake)(struct vhsm_transport *);
	/* Whether room for more is waited for, too. */
	void (*want_room)(struct vhsm_transport *, bool want);
	void (*close)(struct vhsm_transport *);		/* frees it, too */
};

/* Takes the transport over; NULL with errno (it is then closed). */
struct vhsm_channel *vhsm_channel_new(struct vhsm_transport *);

#endif /* VHSM_CHANNEL_TRANSPORT_H */
