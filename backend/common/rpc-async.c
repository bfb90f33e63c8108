/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/rpc-async.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/rpc.h"

#define RECONNECT_S 1

struct call {
	TAILQ_ENTRY(call) link;
	struct vhsm_rpc_async *client;
	json_int_t id;
	struct event *overdue;
	vhsm_rpc_answered *answered;
	void *arg;
	char error[160];		/* failed already; told from the loop */
};

struct vhsm_rpc_async {
	struct event_base *base;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	vhsm_rpc_connected *connected;
	void *arg;
	int sock;			/* -1: not connected */
	struct event *readable;
	struct event *reconnect;	/* with connected: it is kept up */
	json_int_t last_id;
	unsigned call_count;
	TAILQ_HEAD(, call) calls;
};

/* Frees the call, then tells. */
static void answer(struct call *call, json_t *result, const char *code,
		   const char *error)
{
	vhsm_rpc_answered *answered = call->answered;
	void *arg = call->arg;

	TAILQ_REMOVE(&call->client->calls, call, link);
	call->client->call_count--;
	event_free(call->overdue);
	free(call);
	if (answered)
		answered(arg, result, code, error);
}

static void hang_up(struct vhsm_rpc_async *client)
{
	if (client->readable)
		event_free(client->readable);
	client->readable = NULL;
	if (client->sock >= 0)
		close(client->sock);
	client->sock = -1;
}

/* Who wants to hear of a new connection is told without calling first. */
static void reconnect_later(struct vhsm_rpc_async *client)
{
	const struct timeval wait = { .tv_sec = RECONNECT_S };

	if (client->reconnect)
		event_add(client->reconnect, &wait);
}

/* All that were sent fail, from the loop: an answer may call, or free us. */
static void fail_later(struct vhsm_rpc_async *client, const char *why)
{
	struct call *call;

	hang_up(client);
	reconnect_later(client);
	TAILQ_FOREACH(call, &client->calls, link) {
		if (!call->error[0])
			snprintf(call->error, sizeof(call->error), "%.100s: %s",
				 client->path, why);
		event_active(call->overdue, EV_TIMEOUT, 0);
	}
}

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	char error[sizeof(((struct call *)0)->error)];
	struct call *call = arg;

	(void)none;
	(void)what;
	if (call->error[0])
		snprintf(error, sizeof(error), "%s", call->error);
	else
		snprintf(error, sizeof(error), "%.100s: no answer in time",
			 call->client->path);
	answer(call, NULL, NULL, error);
}

static void answer_open(struct vhsm_rpc_async *client, json_t *packet)
{
	const json_t *id = json_object_get(packet, "id");
	json_t *wrong = json_object_get(packet, "error");
	json_t *result = json_object_get(packet, "result");
	const char *code, *message;
	struct call *call;

	TAILQ_FOREACH(call, &client->calls, link)
		if (json_is_integer(id) && call->id == json_integer_value(id))
			break;
	if (!call)
		return;			/* answered too late */
	if (!wrong && result) {
		answer(call, result, NULL, NULL);
		return;
	}
	code = json_string_value(json_object_get(wrong, "code"));
	message = json_string_value(json_object_get(wrong, "message"));
	answer(call, NULL, code && message ? code : NULL,
	       code && message ? message : "an answer without a meaning");
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	static char buf[VHSM_RPC_MAX];
	struct vhsm_rpc_async *client = arg;
	json_t *packet = NULL;
	ssize_t len;

	(void)what;
	len = recv(sock, buf, sizeof(buf), MSG_TRUNC | MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		fail_later(client, "the connection ended");
		return;
	}
	if ((size_t)len <= sizeof(buf))
		packet = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(packet))
		answer_open(client, packet);
	else
		fail_later(client, "the answer is not of this protocol");
	json_decref(packet);
}

/* A UNIX socket connects at once or not at all. */
static int connect_to(struct vhsm_rpc_async *client)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int room = 2 * VHSM_RPC_MAX, err;

	memcpy(addr.sun_path, client->path, sizeof(addr.sun_path));
	client->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
			      SOCK_NONBLOCK, 0);
	if (client->sock < 0)
		return -errno;
	setsockopt(client->sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (!connect(client->sock, (struct sockaddr *)&addr, sizeof(addr))) {
		client->readable = event_new(client->base, client->sock,
					     EV_READ | EV_PERSIST, on_readable,
					     client);
		if (client->readable && !event_add(client->readable, NULL))
			return 0;
		errno = ENOMEM;
	}
	err = errno;
	hang_up(client);
	reconnect_later(client);
	return -err;
}

static void on_reconnect(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_rpc_async *client = arg;

	(void)none;
	(void)what;
	if (client->sock < 0 && !connect_to(client))
		client->connected(client->arg);
}

static int request_send(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ?
		-errno : 0;
}

static int call_send(struct vhsm_rpc_async *client, const struct call *call,
		     const char *method, json_t *params, int fd, bool *fresh)
{
	json_t *request = json_pack("{s:I,s:s,s:O*}", "id", call->id, "method",
				    method, "params", params);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int ret = text ? 0 : -ENOMEM;

	if (!ret && client->sock < 0) {
		ret = connect_to(client);
		*fresh = !ret;
	}
	if (!ret)
		ret = request_send(client->sock, text, fd);
	free(text);
	json_decref(request);
	return ret;
}

struct vhsm_rpc_async *vhsm_rpc_async_new(struct event_base *base,
					  const char *path,
					  vhsm_rpc_connected *connected,
					  void *arg)
{
	struct vhsm_rpc_async *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->base = base;
	client->connected = connected;
	client->arg = arg;
	client->sock = -1;
	TAILQ_INIT(&client->calls);
	if (snprintf(client->path, sizeof(client->path), "%s", path) >=
	    (int)sizeof(client->path)) {
		free(client);
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (!connected)
		return client;
	client->reconnect = evtimer_new(base, on_reconnect, client);
	if (!client->reconnect) {
		free(client);
		errno = ENOMEM;
		return NULL;
	}
	return client;
}

void vhsm_rpc_async_free(struct vhsm_rpc_async **client)
{
	struct vhsm_rpc_async *c = *client;
	struct call *call;

	*client = NULL;
	if (!c)
		return;
	hang_up(c);
	while ((call = TAILQ_FIRST(&c->calls)))
		answer(call, NULL, NULL, "ended");
	if (c->reconnect)
		event_free(c->reconnect);
	free(c);
}

void vhsm_rpc_async_call(struct vhsm_rpc_async *client, const char *method,
			 json_t *params, int fd, uint32_t timeout_ms,
			 vhsm_rpc_answered *answered, void *arg)
{
	const struct timeval wait = { timeout_ms / 1000,
				      timeout_ms % 1000 * 1000 };
	struct call *call = calloc(1, sizeof(*call));
	bool fresh = false;
	int ret;

	if (call)
		call->overdue = evtimer_new(client->base, on_overdue, call);
	if (!call || !call->overdue) {
		free(call);
		json_decref(params);
		if (answered)
			answered(arg, NULL, NULL, strerror(ENOMEM));
		return;
	}
	call->client = client;
	call->id = ++client->last_id;
	call->answered = answered;
	call->arg = arg;
	TAILQ_INSERT_TAIL(&client->calls, call, link);
	event_add(call->overdue, &wait);
	if (client->call_count++ < VHSM_RPC_ASYNC_CALLS) {
		ret = call_send(client, call, method, params, fd, &fresh);
		/* One that went away since is there again, perhaps. */
		if (ret == -EPIPE || ret == -ECONNRESET) {
			fail_later(client, strerror(-ret));
			call->error[0] = '\0';
			event_del(call->overdue);
			event_add(call->overdue, &wait);
			ret = call_send(client, call, method, params, fd,
					&fresh);
		}
	} else {
		ret = -EBUSY;
	}
	json_decref(params);
	if (ret) {
		snprintf(call->error, sizeof(call->error), "%.100s: %s",
			 client->path, strerror(-ret));
		event_active(call->overdue, EV_TIMEOUT, 0);
	}
	if (fresh && client->connected)
		client->connected(client->arg);
}
