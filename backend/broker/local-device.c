/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-device.c - a connection's life:
 *
 *   accepted --hello--> starting --engine connected--> connected
 *       |                  |                               |
 *       +---- refused: one reply with an error, closed     |
 *                          |                               |
 *   client's end of file: engine told to STOP; engine's end: socket closed
 *
 * The descriptors go on to the engine, which validates them; here only their
 * number and the hello's own fields are looked at.
 */
#include <config.h>

#include "broker/local-device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/engine-child.h"
#include "broker/guest.h"
#include "broker/vault-child.h"
#include "common/log.h"
#include "common/rpc.h"
#include "local-wire.h"

#define PEERS_MAX	64u
#define HELLO_S		10		/* to say hello */

_Static_assert(1 + 2 * VHSM_MAX_QUEUES <= VHSM_MSG_FDS, "a hello's fit");

struct peer {
	struct vhsm_device device;	/* listed once the hello is in */
	struct vhsm_local *local;
	LIST_ENTRY(peer) link;
	int sock;			/* -1: closed */
	struct event *readable;
	bool said_hello;
	bool connected;
};

struct vhsm_local {
	struct vhsm_broker *broker;
	int sock;
	struct event *acceptable;
	unsigned peer_count;
	LIST_HEAD(, peer) peers;
};

static const char *state_name(const struct vhsm_device *device)
{
	const struct peer *peer = (const struct peer *)device;

	if (peer->sock < 0)
		return "closing";
	return peer->connected ? "connected" : "connecting";
}

static void peer_sock_close(struct peer *peer)
{
	if (peer->readable)
		event_free(peer->readable);
	peer->readable = NULL;
	if (peer->sock >= 0)
		close(peer->sock);
	peer->sock = -1;
}

static void peer_free(struct peer *peer)
{
	struct vhsm_local *local = peer->local;

	peer_sock_close(peer);
	vhsm_engine_free(&peer->device.engine);
	if (peer->said_hello)
		LIST_REMOVE(&peer->device, link);
	vhsm_guest_leave(&peer->device.guest, peer->device.demand);
	LIST_REMOVE(peer, link);
	local->peer_count--;
	if (local->acceptable)
		event_add(local->acceptable, NULL);
	free(peer);
}

static void reply_send(const struct peer *peer, int status, const char *error)
{
	struct vhsm_local_reply reply = {
		.magic = VHSM_LOCAL_MAGIC,
		.status = status,
	};

	snprintf(reply.error, sizeof(reply.error), "%.*s",
		 (int)sizeof(reply.error) - 1, error);
	/* It fits an empty socket; a peer that is gone is noticed anyway. */
	send(peer->sock, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The peer's end: nothing may come after a hello. */
static void peer_end(struct peer *peer)
{
	peer_sock_close(peer);
	if (peer->device.engine)
		vhsm_engine_stop(peer->device.engine);
	else
		peer_free(peer);
}

static void peer_refuse(struct peer *peer, int status, const char *error)
{
	reply_send(peer, status, error);
	peer_end(peer);
}

static void on_connected(void *arg)
{
	struct peer *peer = arg;

	peer->connected = true;
	if (peer->sock >= 0)
		reply_send(peer, 0, "");
}

static void on_ended(void *arg, const char *how, const char *refusal)
{
	struct peer *peer = arg;

	peer->device.engine = NULL;
	if (peer->sock >= 0 && !peer->connected)
		reply_send(peer, refusal[0] ? EINVAL : EAGAIN,
			   refusal[0] ? refusal : how);
	peer_free(peer);
}

static const char *hello_check(const struct vhsm_local_hello *hello,
			       const struct vhsm_config *config,
			       unsigned fd_count)
{
	if (hello->magic != VHSM_LOCAL_MAGIC)
		return "not a hello";
	if (hello->version != VHSM_VERSION)
		return "no such version of the ABI";
	if (hello->reserved)
		return "reserved is not 0";
	if (hello->queues < 1 || hello->queues > config->max_queues)
		return "queues is over max-queues";
	if (hello->ring_order > config->max_ring_order)
		return "ring_order is over max-ring-page-order";
	if (hello->pool_pages < 1 ||
	    hello->pool_pages > config->max_pool_pages)
		return "pool_pages is over max-pool-pages";
	if (!memchr(hello->keys, 0, sizeof(hello->keys)) ||
	    !vhsm_key_list_check(hello->keys))
		return "keys are names joined by '+'";
	if (fd_count != 1 + 2 * hello->queues)
		return "a hello has a memfd and two eventfds per queue";
	return NULL;
}

static void identity_set(struct vhsm_identity *identity,
			 const struct vhsm_local_hello *hello,
			 uint32_t number)
{
	memcpy(identity->uuid, hello->uuid, sizeof(identity->uuid));
	uuid_unparse_lower(identity->uuid, identity->uuid_text);
	identity->device = number;
	snprintf(identity->keys, sizeof(identity->keys), "%s", hello->keys);
}

/* A number no other local device of this domain has. */
static uint32_t number_choose(const struct vhsm_local *local,
			      const uint8_t uuid[16])
{
	const struct peer *peer;
	uint32_t number = 0;

again:
	LIST_FOREACH(peer, &local->peers, link) {
		if (peer->said_hello && peer->device.identity.device == number &&
		    !memcmp(peer->device.identity.uuid, uuid, 16)) {
			number++;
			goto again;
		}
	}
	return number;
}

/* NULL, or what keeps it from being the guest's. */
static const char *guest_join(struct peer *peer, char *why)
{
	struct vhsm_identity *identity = &peer->device.identity;
	struct vhsm_broker *broker = peer->local->broker;
	const struct vhsm_config *config = &broker->config;
	bool demand;

	snprintf(identity->monitor, sizeof(identity->monitor), "%s",
		 config->local_monitor);
	if (vhsm_monitor_read(config->policy_dir, config->local_monitor,
			      &demand, why))
		return why;
	peer->device.demand = demand;
	peer->device.guest = vhsm_guest_join(broker, identity, demand);
	return peer->device.guest ? NULL : strerror(errno);
}

static void hello_take(struct peer *peer, const struct vhsm_local_hello *hello,
		       const int *fds, unsigned fd_count)
{
	static const struct vhsm_engine_events events = {
		on_connected, on_ended
	};
	struct vhsm_broker *broker = peer->local->broker;
	const char *wrong = hello_check(hello, &broker->config, fd_count);
	char why[VHSM_TEXT_MAX];
	struct vhsm_msg_connect_local connect = {
		.hdr = { VHSM_MSG_CONNECT_LOCAL, sizeof(connect) },
		.queues = hello->queues,
		.ring_order = hello->ring_order,
		.pool_pages = hello->pool_pages,
		.version = hello->version,
	};

	if (wrong) {
		peer_refuse(peer, EINVAL, wrong);
		return;
	}
	identity_set(&peer->device.identity, hello,
		     number_choose(peer->local, hello->uuid));
	wrong = guest_join(peer, why);
	if (wrong) {
		vhsm_log(LOG_ERR, "domain %s: local device refused: %s",
			 peer->device.identity.uuid_text, wrong);
		peer_refuse(peer, EINVAL, wrong);
		return;
	}
	peer->said_hello = true;
	LIST_INSERT_HEAD(&broker->devices, &peer->device, link);
	peer->device.engine = vhsm_engine_new(broker, &peer->device.identity,
					      "local", &connect.hdr, fds,
					      fd_count, &events, peer);
	if (!peer->device.engine)
		peer_refuse(peer, errno, errno == EAGAIN ?
			    "the vault is starting; try again" :
			    "no engine could be started; see vhsmd's log");
	else
		event_add(peer->readable, NULL);
}

/* One packet: its length, or -errno; the descriptors are the caller's. */
static ssize_t packet_recv(int sock, void *buf, size_t room, int *fds,
			   unsigned *fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VHSM_MSG_FDS * sizeof(int))];
	} control;
	struct iovec iov = { buf, room };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = len < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	if (len < 0)
		return -errno;
	for (; c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *fd_count * sizeof(int));
	}
	return msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : len;
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	struct vhsm_local_hello hello;
	struct peer *peer = arg;
	int fds[VHSM_MSG_FDS];
	unsigned fd_count = 0;
	ssize_t len = -ETIMEDOUT;

	if (!(what & EV_TIMEOUT))
		len = packet_recv(sock, &hello, sizeof(hello), fds, &fd_count);
	if (len == sizeof(hello) && !peer->said_hello)
		hello_take(peer, &hello, fds, fd_count);
	else
		peer_end(peer);
	while (fd_count)
		close(fds[--fd_count]);
}

static void peer_new(struct vhsm_local *local, int sock)
{
	const struct timeval wait = { .tv_sec = HELLO_S };
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(sock);
		return;
	}
	peer->local = local;
	peer->sock = sock;
	peer->device.transport = "local";
	peer->device.state_name = state_name;
	LIST_INSERT_HEAD(&local->peers, peer, link);
	local->peer_count++;
	peer->readable = event_new(local->broker->base, sock, EV_READ,
				   on_readable, peer);
	if (!peer->readable || event_add(peer->readable, &wait))
		peer_free(peer);
}

static void on_acceptable(evutil_socket_t listen_sock, short what, void *arg)
{
	struct vhsm_local *local = arg;
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	int sock;

	(void)what;
	sock = accept4(listen_sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
	    (who.uid != 0 && who.uid != geteuid())) {
		close(sock);
		return;
	}
	peer_new(local, sock);
	if (local->peer_count >= PEERS_MAX)
		event_del(local->acceptable);
}

int vhsm_local_new(struct vhsm_broker *broker)
{
	struct vhsm_local *local;
	int ret;

	if (!broker->config.local_socket[0])
		return 0;
	local = calloc(1, sizeof(*local));
	if (!local)
		return -ENOMEM;
	local->broker = broker;
	LIST_INIT(&local->peers);
	local->sock = ret = vhsm_rpc_listen(broker->config.local_socket);
	if (ret < 0) {
		vhsm_log(LOG_ERR, "local-socket %s: %s",
			 broker->config.local_socket, strerror(-ret));
		goto err_free;
	}
	local->acceptable = event_new(broker->base, local->sock,
				      EV_READ | EV_PERSIST, on_acceptable,
				      local);
	if (!local->acceptable || event_add(local->acceptable, NULL)) {
		ret = -ENOMEM;
		goto err_free;
	}
	broker->local = local;
	return 0;

err_free:
	vhsm_local_free(&local);
	return ret;
}

void vhsm_local_stop(struct vhsm_local *local)
{
	struct peer *peer, *next;

	if (local->acceptable)
		event_free(local->acceptable);
	local->acceptable = NULL;
	for (peer = LIST_FIRST(&local->peers); peer; peer = next) {
		next = LIST_NEXT(peer, link);
		peer_end(peer);
	}
}

void vhsm_local_free(struct vhsm_local **local)
{
	struct vhsm_local *l = *local;
	struct peer *peer;

	*local = NULL;
	if (!l)
		return;
	if (l->acceptable)
		event_free(l->acceptable);
	l->acceptable = NULL;
	while ((peer = LIST_FIRST(&l->peers)))
		peer_free(peer);
	if (l->sock >= 0)
		close(l->sock);
	free(l);
}
