/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-connect.c - the handshake of local-wire.h, as the frontend does it.
 *
 * The memory and the eventfds are made once and offered again at every
 * reconnection, so that buffers in the slice stay where they are.  A daemon
 * that broke off has ended its engine before it takes the next connection, so
 * nobody else writes there.
 */
#include "vhsmif.h"

#include "lib/local-transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DEFAULT_RING_ORDER	3	/* 256 slots */
#define DEFAULT_POOL_PAGES	1024	/* 4 MiB */
#define ANSWER_TIMEOUT_S	5
#define FD_COUNT		3	/* one queue: memory and two events */

static int parse_number(const char *text, uint32_t max, uint32_t *value)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	*value = (uint32_t)n;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9562 section 4; dashes may be left out. */
static int parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned count = 0;
	int digit;

	for (; *text; text++) {
		if (*text == '-')
			continue;
		digit = hex_digit(*text);
		if (digit < 0 || count == 32)
			return -EINVAL;
		uuid[count / 2] = (uint8_t)(uuid[count / 2] << 4 | digit);
		count++;
	}
	return count == 32 ? 0 : -EINVAL;
}

static int parse_option(struct vhsm_local_hello *hello, const char *name,
			const char *value)
{
	if (!strcmp(name, "uuid"))
		return parse_uuid(value, hello->uuid);
	if (!strcmp(name, "pool-pages"))
		return parse_number(value, VHSM_MAX_POOL_PAGES,
				    &hello->pool_pages);
	if (!strcmp(name, "ring-order"))
		return parse_number(value, VHSM_MAX_RING_ORDER,
				    &hello->ring_order);
	if (strcmp(name, "keys") || strlen(value) >= sizeof(hello->keys))
		return -EINVAL;
	memcpy(hello->keys, value, strlen(value) + 1);
	return 0;
}

static int parse_options(struct vhsm_local_hello *hello, char *options)
{
	char *save = NULL, *option, *value;

	for (option = strtok_r(options, "&", &save); option;
	     option = strtok_r(NULL, "&", &save)) {
		value = strchr(option, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		if (parse_option(hello, option, value) < 0)
			return -EINVAL;
	}
	return hello->pool_pages ? 0 : -EINVAL;
}

int vhsm_local_parse(struct vhsm_local *l, const char *device)
{
	const char *path = device + strlen(vhsm_transport_local.prefix);
	const char *question = strchrnul(path, '?');
	size_t path_len = (size_t)(question - path);
	char *options;
	int r;

	l->hello = (struct vhsm_local_hello) {
		.magic = VHSM_LOCAL_MAGIC,
		.version = VHSM_VERSION,
		.queues = 1,
		.ring_order = DEFAULT_RING_ORDER,
		.pool_pages = DEFAULT_POOL_PAGES,
	};
	if (!path_len || path_len >= sizeof(l->address.sun_path))
		return -EINVAL;
	l->address.sun_family = AF_UNIX;
	memcpy(l->address.sun_path, path, path_len);
	options = strdup(*question ? question + 1 : "");
	if (!options)
		return -ENOMEM;
	r = parse_options(&l->hello, options);
	free(options);
	return r;
}

int vhsm_local_map(struct vhsm_local *l)
{
	size_t ring_len = (size_t)VHSM_PAGE_SIZE << l->hello.ring_order;

	l->base.slice_len = (size_t)l->hello.pool_pages * VHSM_PAGE_SIZE;
	l->map_len = ring_len + l->base.slice_len;
	l->memfd = memfd_create("vhsm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->memfd < 0 || ftruncate(l->memfd, (off_t)l->map_len) < 0 ||
	    fcntl(l->memfd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	l->map = mmap(NULL, l->map_len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, l->memfd, 0);
	if (l->map == MAP_FAILED) {
		l->map = NULL;
		return -errno;
	}
	l->base.slice = l->map + ring_len;
	l->to_backend = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->from_backend = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->to_backend < 0 || l->from_backend < 0 || l->epoll < 0)
		return -errno;
	l->base.event_fd = l->epoll;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->from_backend,
		      &(struct epoll_event) { .events = EPOLLIN }) < 0)
		return -errno;
	return 0;
}

static int say_hello(struct vhsm_local *l, int sock)
{
	const int fds[FD_COUNT] = { l->memfd, l->to_backend, l->from_backend };
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { &l->hello, sizeof(l->hello) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int read_reply(int sock)
{
	struct vhsm_local_reply reply;
	ssize_t n;

	do
		n = recv(sock, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	if (n != sizeof(reply) || reply.magic != VHSM_LOCAL_MAGIC)
		return -EPROTO;
	if (reply.status)
		return reply.status < 1000 ? -(int)reply.status : -EPROTO;
	return 0;
}

int vhsm_local_connect(struct vhsm_local *l)
{
	struct vhsm_sring *sring = (struct vhsm_sring *)l->map;
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int sock, r;

	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(sock, (struct sockaddr *)&l->address,
		    sizeof(l->address)) < 0) {
		r = -errno;
		goto err_close;
	}
	XEN_FRONT_RING_INIT(&l->ring, sring,
			    (size_t)VHSM_PAGE_SIZE << l->hello.ring_order);
	r = say_hello(l, sock);
	if (r == 0)
		r = read_reply(sock);
	if (r == 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, sock,
				&(struct epoll_event) { .events = EPOLLIN }))
		r = -errno;
	if (r < 0)
		goto err_close;
	l->sock = sock;
	l->connections++;
	return 0;
err_close:
	close(sock);
	return r;
}

void vhsm_local_disconnect(struct vhsm_local *l)
{
	if (l->sock < 0)
		return;
	close(l->sock);		/* leaves the epoll set by that */
	l->sock = -1;
}
