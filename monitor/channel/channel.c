/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - frames over a transport that never blocks: what is half come, and
 * what could not leave yet.
 *
 * A transport's bytes are copied here before anything is looked at, for with
 * vchan they stand in memory that the peer can change.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/channel-transport.h"
#include "channel/messages.h"

struct header {
	uint32_t type;			/* both little endian */
	uint32_t len;
};

struct vhsm_channel {
	struct vhsm_transport *transport;
	int broken;			/* 0, -EPIPE or -EPROTO: for good */
	/* The frame that comes in: its header, then its payload. */
	struct header header;
	uint32_t have;			/* bytes of both */
	uint8_t payload[VHSM_FRAME_MAX + 1];
	/* What goes out when there is room: backlog[start..start + len - 1]. */
	uint8_t *backlog;
	size_t backlog_size, backlog_start, backlog_len;
	size_t backlog_max;
};

_Static_assert(sizeof(struct header) == VHSM_CHANNEL_HEADER, "as documented");

struct vhsm_channel *vhsm_channel_new(struct vhsm_transport *transport)
{
	struct vhsm_channel *c = calloc(1, sizeof(*c));

	if (!c) {
		transport->close(transport);
		errno = ENOMEM;
		return NULL;
	}
	c->transport = transport;
	c->backlog_max = VHSM_CHANNEL_BACKLOG;
	return c;
}

void vhsm_channel_close(struct vhsm_channel **c)
{
	if (!*c)
		return;
	(*c)->transport->close((*c)->transport);
	free((*c)->backlog);
	free(*c);
	*c = NULL;
}

int vhsm_channel_fd(const struct vhsm_channel *c)
{
	return c->transport->fd;
}

/* Writes what there is room for: bytes, or the error that broke the channel. */
static ssize_t push(struct vhsm_channel *c, const uint8_t *bytes, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = c->transport->write(c->transport, bytes + done, len - done);
		if (n < 0)
			return c->broken = (int)n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int push_backlog(struct vhsm_channel *c)
{
	ssize_t n;

	if (!c->backlog_len)
		return 0;
	n = push(c, c->backlog + c->backlog_start, c->backlog_len);
	if (n < 0)
		return (int)n;
	c->backlog_start += (size_t)n;
	c->backlog_len -= (size_t)n;
	if (c->backlog_len)
		return 0;
	c->backlog_start = 0;
	c->transport->want_room(c->transport, false);
	if (c->backlog_size > VHSM_CHANNEL_BACKLOG) {
		free(c->backlog);
		c->backlog = NULL;
		c->backlog_size = 0;
	}
	return 0;
}

/* Room for len more bytes after the backlog: 0 or -ENOBUFS. */
static int reserve(struct vhsm_channel *c, size_t len)
{
	size_t need = c->backlog_len + len, size = c->backlog_size;
	uint8_t *grown;

	if (need > c->backlog_max)
		return -ENOBUFS;
	if (c->backlog_start + need <= size)
		return 0;
	if (c->backlog_len)
		memmove(c->backlog, c->backlog + c->backlog_start,
			c->backlog_len);
	c->backlog_start = 0;
	if (need <= size)
		return 0;
	while (size < need)
		size = size ? 2 * size : 65536;
	grown = realloc(c->backlog, size);
	if (!grown)
		return -ENOBUFS;
	c->backlog = grown;
	c->backlog_size = size;
	return 0;
}

int vhsm_channel_reserve(struct vhsm_channel *c, size_t len)
{
	int r = c->broken ? c->broken : push_backlog(c);

	if (r)
		return r;
	if (len > VHSM_CHANNEL_RESERVE - c->backlog_len)
		return -ENOBUFS;
	if (c->backlog_len + len > c->backlog_max)
		c->backlog_max = c->backlog_len + len;
	return reserve(c, len);
}

static void keep(struct vhsm_channel *c, const void *bytes, size_t len)
{
	if (len)
		memcpy(c->backlog + c->backlog_start + c->backlog_len, bytes,
		       len);
	c->backlog_len += len;
}

int vhsm_channel_send(struct vhsm_channel *c, uint32_t type,
		      const void *payload, size_t len)
{
	const struct header header = { htole32(type), htole32((uint32_t)len) };
	int r;

	if (c->broken)
		return c->broken;
	if (len > VHSM_FRAME_MAX)
		return -EMSGSIZE;
	r = push_backlog(c);
	if (r)
		return r;
	/* A whole frame, or nothing of it. */
	r = reserve(c, sizeof(header) + len);
	if (r)
		return r;
	keep(c, &header, sizeof(header));
	keep(c, payload, len);
	r = push_backlog(c);
	if (!r && c->backlog_len)
		c->transport->want_room(c->transport, true);
	return r;
}

static bool type_is_known(uint32_t type)
{
	return (type >= VHSM_FRAME_HELLO && type <= VHSM_FRAME_LEARN_FAILED) ||
	       (type >= VHSM_FRAME_CONFIGURE && type <= VHSM_FRAME_FINGERPRINTS);
}

/* Reads until have reaches want: 1 then, 0 not yet, or the error. */
static int fill(struct vhsm_channel *c, uint8_t *buf, uint32_t at,
		uint32_t want)
{
	ssize_t n;

	while (c->have < want) {
		n = c->transport->read(c->transport, buf + (c->have - at),
				       want - c->have);
		if (n < 0)
			return c->broken = (int)n;
		if (n == 0)
			return 0;
		c->have += (uint32_t)n;
	}
	return 1;
}

int vhsm_channel_recv(struct vhsm_channel *c, uint32_t *type,
		      const void **payload, size_t *len)
{
	uint32_t want;
	int r;

	if (c->broken)
		return c->broken;
	c->transport->wake(c->transport);
	r = push_backlog(c);
	/* One that has gone may have left frames, which are worth reading. */
	if (r && r != -EPIPE)
		return r;
	c->broken = 0;
	r = fill(c, (uint8_t *)&c->header, 0, sizeof(c->header));
	if (r != 1)
		return r;
	*type = le32toh(c->header.type);
	want = le32toh(c->header.len);
	if (want > VHSM_FRAME_MAX || !type_is_known(*type))
		return c->broken = -EPROTO;
	r = fill(c, c->payload, sizeof(c->header),
		 (uint32_t)sizeof(c->header) + want);
	if (r != 1)
		return r;
	c->have = 0;
	c->payload[want] = 0;
	*payload = c->payload;
	*len = want;
	return 1;
}
