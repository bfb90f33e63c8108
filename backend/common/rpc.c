/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc.c - the admin protocol's server, for the broker and the vault.
 *
 * Every connection is a peer with a quota: so many requests outstanding, so
 * many answers unread; past it, its next request stays in the socket.  A peer
 * that asks nothing for a while is closed, so that idle ones cannot use up the
 * places.  Runs in the daemon's one event loop; never blocks.
 *
 * A call may outlive its peer, and the server: its answer is then dropped.
 * What the JSON says beyond its envelope is the handler's to check.
 */
#include <config.h>

#include "common/rpc.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS_MAX	32u
#define CALLS_MAX	4u		/* unanswered, or answers unread */
#define IDLE_S		120
#define METHOD_MAX	64u
#define PAGE_ROOM	(VHSM_RPC_MAX - 4096u)	/* the rest is what is around it */
#define FDS_ROOM	4u		/* to take, and close, unwanted ones */

struct answer {
	STAILQ_ENTRY(answer) link;
	size_t len;
	char text[];
};

struct peer {
	LIST_ENTRY(peer) link;
	struct vhsm_rpc_server *server;	/* NULL when the peer is gone */
	int sock;
	unsigned uid;
	unsigned calls;			/* each holds the peer */
	unsigned queued;
	struct event *readable;
	struct event *writable;
	STAILQ_HEAD(, answer) answers;
};

struct vhsm_rpc_call {
	struct peer *peer;		/* NULL: nobody waits (fuzzing) */
	json_t *request;
	json_t *no_params;		/* stands for absent params */
	json_int_t id;
	bool has_id;
};

struct vhsm_rpc_server {
	struct event_base *base;
	int listen_fd;
	struct event *acceptable;
	vhsm_rpc_handler *handler;
	void *arg;
	unsigned peer_count;
	LIST_HEAD(, peer) peers;
};

static void server_accept_resume(struct vhsm_rpc_server *server)
{
	if (server->acceptable && server->peer_count < PEERS_MAX)
		event_add(server->acceptable, NULL);
}

/* The last of peer's holders has let go. */
static void peer_free(struct peer *peer)
{
	struct answer *answer;

	while ((answer = STAILQ_FIRST(&peer->answers))) {
		STAILQ_REMOVE_HEAD(&peer->answers, link);
		free(answer);
	}
	free(peer);
}

/* Ends the connection; outstanding calls keep the record until answered. */
static void peer_close(struct peer *peer)
{
	struct vhsm_rpc_server *server = peer->server;

	if (peer->readable)
		event_free(peer->readable);
	if (peer->writable)
		event_free(peer->writable);
	peer->readable = peer->writable = NULL;
	close(peer->sock);
	peer->sock = -1;
	LIST_REMOVE(peer, link);
	peer->server = NULL;
	server->peer_count--;
	server_accept_resume(server);
	if (!peer->calls)
		peer_free(peer);
}

/* Listens for the next request only while the quota has room for it. */
static void peer_read_resume(struct peer *peer)
{
	struct timeval idle = { .tv_sec = IDLE_S };

	if (peer->calls + peer->queued < CALLS_MAX)
		event_add(peer->readable, peer->calls ? NULL : &idle);
	else
		event_del(peer->readable);
}

/* Sends what is queued; false when the peer is gone and has been closed. */
static bool peer_flush(struct peer *peer)
{
	struct answer *answer;
	ssize_t sent;

	while ((answer = STAILQ_FIRST(&peer->answers))) {
		sent = send(peer->sock, answer->text, answer->len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			event_add(peer->writable, NULL);
			return true;
		}
		if (sent < 0) {
			peer_close(peer);
			return false;
		}
		STAILQ_REMOVE_HEAD(&peer->answers, link);
		peer->queued--;
		free(answer);
	}
	peer_read_resume(peer);
	return true;
}

static void on_writable(evutil_socket_t sock, short what, void *arg)
{
	(void)sock;
	(void)what;
	peer_flush(arg);
}

/* Steals object; an answer that does not fit becomes an error that does. */
static struct answer *answer_new(json_t *object)
{
	struct answer *answer = NULL;
	char *text = json_dumps(object, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;

	json_decref(object);
	if (text && len <= VHSM_RPC_MAX)
		answer = malloc(sizeof(*answer) + len + 1);
	if (answer) {
		answer->len = len;
		memcpy(answer->text, text, len + 1);
	}
	free(text);
	return answer;
}

static json_t *error_object(const char *code, const char *message)
{
	return json_pack("{s:{s:s,s:s}}", "error", "code", code, "message",
			 message);
}

/* Steals body, {"result": ...} or {"error": ...}; frees the call. */
static void call_answer(struct vhsm_rpc_call *call, json_t *body)
{
	struct peer *peer = call->peer;
	json_t *id = call->has_id ? json_integer(call->id) : json_null();
	struct answer *answer;

	json_object_set(body, "id", id);
	answer = answer_new(body);
	if (!answer) {
		body = error_object("too-large",
				    "the answer does not fit a packet");
		json_object_set(body, "id", id);
		answer = answer_new(body);
	}
	json_decref(id);
	json_decref(call->request);
	json_decref(call->no_params);
	free(call);
	if (!peer) {
		free(answer);
		return;
	}
	peer->calls--;
	if (!peer->server) {
		free(answer);
		if (!peer->calls)
			peer_free(peer);
		return;
	}
	if (!answer) {			/* out of memory */
		peer_close(peer);
		return;
	}
	STAILQ_INSERT_TAIL(&peer->answers, answer, link);
	peer->queued++;
	peer_flush(peer);
}

void vhsm_rpc_result(struct vhsm_rpc_call *call, json_t *result)
{
	call_answer(call, json_pack("{s:o}", "result",
				    result ? result : json_null()));
}

void vhsm_rpc_error(struct vhsm_rpc_call *call, const char *code,
		    const char *format, ...)
{
	char message[1024];
	json_t *text;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* What a message quotes may not be UTF-8, and may be cut short. */
	text = json_string(message);
	if (!text) {
		for (char *c = message; *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
	}
	json_decref(text);
	call_answer(call, error_object(code, message));
}

bool vhsm_rpc_page_add(json_t *page, json_t *entry, size_t *bytes)
{
	size_t len = json_dumpb(entry, NULL, 0, JSON_COMPACT) + 1;

	if (json_array_size(page) && *bytes + len > PAGE_ROOM) {
		json_decref(entry);
		return false;
	}
	*bytes += len;
	json_array_append_new(page, entry);
	return true;
}

unsigned vhsm_rpc_caller_uid(const struct vhsm_rpc_call *call)
{
	return call->peer ? call->peer->uid : UINT_MAX;
}

/* The envelope: only these members, each of its type.  NULL, or what is
 * wrong. */
static const char *envelope_check(struct vhsm_rpc_call *call, json_t *request)
{
	const json_t *id = json_object_get(request, "id");
	const json_t *method = json_object_get(request, "method");
	const json_t *params = json_object_get(request, "params");
	size_t members = 2 + (params != NULL);

	if (!json_is_object(request))
		return "a request is a JSON object";
	if (!json_is_integer(id) || json_integer_value(id) < 0)
		return "id must be a number from 0";
	call->id = json_integer_value(id);
	call->has_id = true;
	if (!json_is_string(method) || !json_string_length(method) ||
	    json_string_length(method) > METHOD_MAX)
		return "method must be a name";
	if (params && !json_is_object(params))
		return "params must be an object";
	if (json_object_size(request) != members)
		return "a request has id, method and params, nothing else";
	return NULL;
}

/* Before the answer, which the peer may take to mean that it is done. */
static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vhsm_rpc_dispatch(struct vhsm_rpc_server *server,
		       struct vhsm_rpc_call *call,
		       const char *untrusted_bytes, size_t len, int fd)
{
	json_error_t where;
	json_t *params;
	const char *wrong;

	if (!call)
		call = calloc(1, sizeof(*call));
	if (!call) {
		fd_close(fd);
		return;
	}
	call->request = json_loadb(untrusted_bytes, len,
				   JSON_REJECT_DUPLICATES, &where);
	if (!call->request) {
		fd_close(fd);
		vhsm_rpc_error(call, "bad-request", "not JSON: %s",
			       where.text);
		return;
	}
	wrong = envelope_check(call, call->request);
	if (wrong) {
		fd_close(fd);
		vhsm_rpc_error(call, "bad-request", "%s", wrong);
		return;
	}
	params = json_object_get(call->request, "params");
	if (!params)
		params = call->no_params = json_object();
	server->handler(call, json_string_value(json_object_get(call->request,
								"method")),
			params, fd, server->arg);
}

/* Receives one packet.  *fd is at most one descriptor, the others are closed
 * and counted in *fd_count. */
static ssize_t packet_recv(int sock, char *buf, size_t room, int *fd,
			   unsigned *fd_count, int *flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = room };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t len;
	int got;

	*fd = -1;
	*fd_count = 0;
	do {
		len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	*flags = msg.msg_flags;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <=
				   c->cmsg_len; i++) {
			memcpy(&got, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(got));
			if ((*fd_count)++)
				close(got);
			else
				*fd = got;
		}
	}
	return len;
}

static struct vhsm_rpc_call *call_new(struct peer *peer)
{
	struct vhsm_rpc_call *call = calloc(1, sizeof(*call));

	if (call) {
		call->peer = peer;
		peer->calls++;
	}
	return call;
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	static char buf[VHSM_RPC_MAX];
	struct peer *peer = arg;
	struct vhsm_rpc_call *call;
	unsigned fd_count;
	int flags = 0, fd;
	ssize_t len;

	if (what & EV_TIMEOUT) {
		peer_close(peer);
		return;
	}
	len = packet_recv(sock, buf, sizeof(buf), &fd, &fd_count, &flags);
	if (len == -EAGAIN) {
		peer_read_resume(peer);
		return;
	}
	call = len > 0 ? call_new(peer) : NULL;
	if (!call) {
		if (fd >= 0)
			close(fd);
		peer_close(peer);
		return;
	}
	/* Before the handler, which may answer, and so close, at once. */
	peer_read_resume(peer);
	if ((flags & (MSG_TRUNC | MSG_CTRUNC)) || fd_count > 1) {
		if (fd >= 0)
			close(fd);
		vhsm_rpc_error(call, "bad-request", flags & MSG_TRUNC ?
			       "the request is longer than %u bytes" :
			       "at most one descriptor goes with a request "
			       "of %u bytes", VHSM_RPC_MAX);
		return;
	}
	vhsm_rpc_dispatch(peer->server, call, buf, len, fd);
}

static void peer_new(struct vhsm_rpc_server *server, int sock, unsigned uid)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int room = 2 * VHSM_RPC_MAX;

	if (!peer) {
		close(sock);
		return;
	}
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	peer->server = server;
	peer->sock = sock;
	peer->uid = uid;
	STAILQ_INIT(&peer->answers);
	LIST_INSERT_HEAD(&server->peers, peer, link);
	server->peer_count++;
	peer->readable = event_new(server->base, sock, EV_READ, on_readable,
				   peer);
	peer->writable = event_new(server->base, sock, EV_WRITE, on_writable,
				   peer);
	if (!peer->readable || !peer->writable) {
		peer_close(peer);
		return;
	}
	peer_read_resume(peer);
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
	static const char refusal[] =
		"{\"id\":null,\"error\":{\"code\":\"not-permitted\","
		"\"message\":\"only root may use this socket\"}}";
	struct vhsm_rpc_server *server = arg;
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	int sock;

	(void)what;
	sock = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock >= 0) {
		if (!getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
		    (who.uid == 0 || who.uid == geteuid())) {
			peer_new(server, sock, who.uid);
		} else {
			send(sock, refusal, strlen(refusal), MSG_NOSIGNAL);
			close(sock);
		}
	}
	if (server->peer_count >= PEERS_MAX)
		event_del(server->acceptable);
}

struct vhsm_rpc_server *vhsm_rpc_server_new(struct event_base *base,
					    int listen_fd,
					    vhsm_rpc_handler *handler,
					    void *arg)
{
	struct vhsm_rpc_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->base = base;
	server->listen_fd = listen_fd;
	server->handler = handler;
	server->arg = arg;
	LIST_INIT(&server->peers);
	if (listen_fd < 0)
		return server;
	evutil_make_socket_nonblocking(listen_fd);
	server->acceptable = event_new(base, listen_fd, EV_READ | EV_PERSIST,
				       on_acceptable, server);
	if (!server->acceptable || event_add(server->acceptable, NULL)) {
		vhsm_rpc_server_free(&server);
		errno = ENOMEM;
	}
	return server;
}

void vhsm_rpc_server_free(struct vhsm_rpc_server **server)
{
	struct vhsm_rpc_server *s = *server;
	struct peer *peer;

	*server = NULL;
	if (!s)
		return;
	if (s->acceptable)
		event_free(s->acceptable);
	s->acceptable = NULL;
	while ((peer = LIST_FIRST(&s->peers)))
		peer_close(peer);
	free(s);
}

/* Whether nobody listens at the address any more. */
static bool is_stale(const struct sockaddr_un *addr)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool stale = sock >= 0 &&
		connect(sock, (const struct sockaddr *)addr,
			sizeof(*addr)) < 0 &&
		errno == ECONNREFUSED;

	if (sock >= 0)
		close(sock);
	return stale;
}

int vhsm_rpc_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      0);
	if (sock < 0)
		return -errno;
	/* Before bind: the file never exists with a wider mode. */
	ret = fchmod(sock, S_IRUSR | S_IWUSR);
	if (!ret)
		ret = bind(sock, (struct sockaddr *)&addr, sizeof(addr));
	if (ret < 0 && errno == EADDRINUSE) {
		if (is_stale(&addr) && !unlink(path))
			ret = bind(sock, (struct sockaddr *)&addr,
				   sizeof(addr));
		else
			errno = EADDRINUSE;
	}
	if (!ret)
		ret = listen(sock, 16);
	if (ret < 0) {
		ret = -errno;
		close(sock);
		return ret;
	}
	return sock;
}
