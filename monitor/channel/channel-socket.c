/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel-socket.c - a channel over a stream socket: what tests use instead of
 * Xen.
 *
 * The channel's descriptor is an epoll set with the socket in it, so that it
 * becomes readable, too, when there is room for the backlog.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel/channel-transport.h"

struct socket_transport {
	struct vhsm_transport base;
	int socket;
	bool room_wanted;
};

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return -EPIPE;
}

static ssize_t socket_read(struct vhsm_transport *t, void *buf, size_t len)
{
	struct socket_transport *s = (struct socket_transport *)t;
	ssize_t n = recv(s->socket, buf, len, MSG_DONTWAIT);

	return n == 0 ? -EPIPE : result(n);
}

static ssize_t socket_write(struct vhsm_transport *t, const void *buf,
			    size_t len)
{
	struct socket_transport *s = (struct socket_transport *)t;

	return result(send(s->socket, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void socket_wake(struct vhsm_transport *t)
{
	(void)t;
}

static void socket_want_room(struct vhsm_transport *t, bool want)
{
	struct socket_transport *s = (struct socket_transport *)t;
	struct epoll_event event = {
		.events = EPOLLIN | (want ? (uint32_t)EPOLLOUT : 0),
	};

	if (want == s->room_wanted)
		return;
	if (!epoll_ctl(s->base.fd, EPOLL_CTL_MOD, s->socket, &event))
		s->room_wanted = want;
}

static void socket_close(struct vhsm_transport *t)
{
	struct socket_transport *s = (struct socket_transport *)t;

	if (s->base.fd >= 0)
		close(s->base.fd);
	close(s->socket);
	free(s);
}

struct vhsm_channel *vhsm_channel_from_socket(int fd)
{
	struct socket_transport *s = calloc(1, sizeof(*s));
	struct epoll_event event = { .events = EPOLLIN };
	int saved;

	if (!s) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->base = (struct vhsm_transport){
		.fd = epoll_create1(EPOLL_CLOEXEC),
		.read = socket_read, .write = socket_write,
		.wake = socket_wake, .want_room = socket_want_room,
		.close = socket_close,
	};
	s->socket = fd;
	if (s->base.fd >= 0 &&
	    !epoll_ctl(s->base.fd, EPOLL_CTL_ADD, fd, &event))
		return vhsm_channel_new(&s->base);
	saved = errno;
	socket_close(&s->base);
	errno = saved;
	return NULL;
}
