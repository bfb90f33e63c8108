/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel-vchan.c - a channel between two domains, over libxenvchan: two rings
 * in memory that the monitor grants to dom0, and an event channel.
 *
 * The rings are shared, so the peer may write any index and change bytes that
 * were read.  libxenvchan masks the indices and gives no more than a ring's
 * size (one that is nonsense reads as an empty or full ring: a peer that keeps
 * silent); channel.c looks at its copy only.
 */
#include <libxenvchan.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/channel-transport.h"
#include "vhsm-paths.h"

#define RING_LEN	65536u		/* bytes, each way */
#define CONTROL_DOMID	0

struct vchan_transport {
	struct vhsm_transport base;
	struct libxenvchan *vchan;
};

/* libxenvchan reads 0 or less when it has nothing, and says why by is_open. */
static ssize_t vchan_read(struct vhsm_transport *t, void *buf, size_t len)
{
	struct vchan_transport *v = (struct vchan_transport *)t;
	int n = libxenvchan_read(v->vchan, buf, len);

	return n < 0 ? -EPIPE : n;
}

static ssize_t vchan_write(struct vhsm_transport *t, const void *buf,
			   size_t len)
{
	struct vchan_transport *v = (struct vchan_transport *)t;
	int n = libxenvchan_write(v->vchan, buf, len);

	return n < 0 ? -EPIPE : n;
}

/* Takes the event, if there is one: libxenvchan_wait would wait for it. */
static void vchan_wake(struct vhsm_transport *t)
{
	struct vchan_transport *v = (struct vchan_transport *)t;
	struct pollfd fd = { .fd = t->fd, .events = POLLIN };

	if (poll(&fd, 1, 0) == 1)
		libxenvchan_wait(v->vchan);
}

/* Whoever finds a ring full has asked to be told. */
static void vchan_want_room(struct vhsm_transport *t, bool want)
{
	(void)t;
	(void)want;
}

static void vchan_close(struct vhsm_transport *t)
{
	struct vchan_transport *v = (struct vchan_transport *)t;

	libxenvchan_close(v->vchan);
	free(v);
}

static struct vhsm_channel *channel_of(struct libxenvchan *vchan)
{
	struct vchan_transport *v;

	if (!vchan)
		return NULL;
	vchan->blocking = 0;
	v = calloc(1, sizeof(*v));
	if (!v) {
		libxenvchan_close(vchan);
		errno = ENOMEM;
		return NULL;
	}
	v->base = (struct vhsm_transport){
		.fd = libxenvchan_fd_for_select(vchan),
		.read = vchan_read, .write = vchan_write,
		.wake = vchan_wake, .want_room = vchan_want_room,
		.close = vchan_close,
	};
	v->vchan = vchan;
	return vhsm_channel_new(&v->base);
}

struct vhsm_channel *vhsm_channel_listen_vchan(void)
{
	/* Below data/ of this domain's own home, which a path without a
	 * leading slash is relative to. */
	return channel_of(libxenvchan_server_init(NULL, CONTROL_DOMID,
						  VHSM_CHANNEL_NODE, RING_LEN,
						  RING_LEN));
}

struct vhsm_channel *vhsm_channel_connect_vchan(uint32_t domid)
{
	struct libxenvchan *vchan;
	char path[64];

	snprintf(path, sizeof(path), VHSM_PATH_MONITOR, domid);
	errno = 0;
	vchan = libxenvchan_client_init(NULL, (int)domid, path);
	/* It does not always say why; the nodes are not there yet, then, or
	 * are those of a monitor that has gone. */
	if (!vchan && !errno)
		errno = ENOENT;
	return channel_of(vchan);
}
