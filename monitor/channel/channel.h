/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - frames between a monitor and the responder, over libxenvchan
 * (the monitor is the server, under data/ of its own xenstore home, which an
 * unprivileged domain may do) or, for tests, a socket.
 *
 * A frame is an 8-byte header (type, length of the payload; little endian) and
 * its payload.  Either end takes the other's frames as untrusted: a frame that
 * is too long or of no known type ends the channel.  A slow or silent peer
 * never blocks: what does not fit is kept, up to VHSM_CHANNEL_BACKLOG bytes (or
 * what was reserved), then sending fails.
 */
#ifndef VHSM_CHANNEL_H
#define VHSM_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_FRAME_MAX		131072u	/* bytes of a payload */
#define VHSM_CHANNEL_HEADER	8u
#define VHSM_CHANNEL_BACKLOG	1048576u
#define VHSM_CHANNEL_RESERVE	(UINT32_C(16) << 20)
#define VHSM_CHANNEL_NODE	"data/vhsm"	/* below the monitor's home */

struct vhsm_channel;

/* The monitor's end, which waits for nobody; NULL with errno. */
struct vhsm_channel *vhsm_channel_listen_vchan(void);
/* The responder's end, of monitor domain domid; NULL with errno (ENOENT: the
 * monitor is not there yet). */
struct vhsm_channel *vhsm_channel_connect_vchan(uint32_t domid);
/* A connected AF_UNIX stream socket, taken over. */
struct vhsm_channel *vhsm_channel_from_socket(int fd);
void vhsm_channel_close(struct vhsm_channel **);

/* Becomes readable when there may be something to do: then call
 * vhsm_channel_recv until it says there is nothing.  So, too, once when the
 * channel is new: what was there before makes nothing readable. */
int vhsm_channel_fd(const struct vhsm_channel *);

/* 0; -ENOBUFS over the backlog; -EPIPE when the peer is gone; -EMSGSIZE. */
int vhsm_channel_send(struct vhsm_channel *, uint32_t type, const void *payload,
		      size_t len);
/*
 * Makes room in the backlog for frames of len bytes in all, each with its
 * VHSM_CHANNEL_HEADER, so that what only makes sense as a whole is not sent in
 * part.  The backlog may grow beyond its usual size by that, for good: 0;
 * -ENOBUFS over VHSM_CHANNEL_RESERVE, or without memory; -EPIPE.
 */
int vhsm_channel_reserve(struct vhsm_channel *, size_t len);
/*
 * The next frame: 1 with *type, *payload (the channel's, until the next call,
 * followed by a NUL) and *len; 0 when there is none yet; -EPIPE when the peer
 * is gone; -EPROTO when it broke the protocol.
 */
int vhsm_channel_recv(struct vhsm_channel *, uint32_t *type,
		      const void **payload, size_t *len);

#endif /* VHSM_CHANNEL_H */
