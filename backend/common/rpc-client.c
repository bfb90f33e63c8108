/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc-client.c - one call of the admin protocol: connect, ask, wait.  For
 * programs that do nothing else meanwhile.  The daemon is trusted with the
 * answer's meaning, not with its form.
 */
#include <config.h>

#include "common/rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The slowest answer is a large RSA key made by a slow machine. */
#define ANSWER_S 600

/* What to do about a daemon, by its socket. */
static const char *hint(int err, const char *path)
{
	bool responder = strstr(path, "responder");

	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return responder ?
			"; is vhsm-responder running? (systemctl start "
			"vhsm-responder)" :
			"; is vhsmd running? (systemctl start vhsmd)";
	case ETIMEDOUT:
		return responder ?
			"; vhsm-responder runs but does not answer: see its "
			"log (journalctl -u vhsm-responder), and if it hangs "
			"systemctl restart vhsm-responder" :
			"; vhsmd runs but does not answer: see its log "
			"(journalctl -u vhsmd), and if it hangs systemctl "
			"restart vhsmd";
	case EACCES:
	case EPERM:
		return "; only root may use it";
	default:
		return "";
	}
}

static int explain(char **error, int err, const char *path, const char *what)
{
	if (asprintf(error, "%s: %s: %s%s", path, what, strerror(err),
		     hint(err, path)) < 0)
		*error = NULL;
	return -err;
}

/* Of a call on a socket with a time limit. */
static int failure(void)
{
	return errno == EAGAIN ? ETIMEDOUT : errno;
}

static int connect_to(const char *path, unsigned wait_s, char **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = wait_s };
	int room = 2 * VHSM_RPC_MAX;
	int sock, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return explain(error, ENAMETOOLONG, path, "connect");
	memcpy(addr.sun_path, path, strlen(path) + 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return explain(error, errno, path, "socket");
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		ret = explain(error, failure(), path, "connect");
		close(sock);
		return ret;
	}
	return sock;
}

static int request_send(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = {
		.iov_base = (char *)text,
		.iov_len = strlen(text),
	};
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
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -failure() : 0;
}

/* A bad answer is EPROTO; the end of the connection, EPIPE. */
static int answer_recv(int sock, json_t **answer)
{
	char *buf = malloc(VHSM_RPC_MAX);
	ssize_t len;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	do {
		len = recv(sock, buf, VHSM_RPC_MAX, MSG_TRUNC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		ret = -failure();
	else if (!len)
		ret = -EPIPE;
	else if (len <= VHSM_RPC_MAX)
		*answer = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	if (!ret && !json_is_object(*answer))
		ret = -EPROTO;
	free(buf);
	return ret;
}

/* Splits an answer into what the caller wants of it. */
static int answer_open(json_t *answer, json_t **result, char **code,
		       char **error)
{
	json_t *wrong = json_object_get(answer, "error");
	const char *c = json_string_value(json_object_get(wrong, "code"));
	const char *m = json_string_value(json_object_get(wrong, "message"));
	json_t *value = json_object_get(answer, "result");

	if (value && !wrong) {
		*result = json_incref(value);
		return 0;
	}
	if (!c || !m)
		return -EPROTO;
	*code = strdup(c);
	*error = strdup(m);
	return -EREMOTEIO;
}

static int call_within(unsigned wait_s, const char *path, const char *method,
		       json_t *params, int fd, json_t **result, char **code,
		       char **error)
{
	json_t *request, *answer = NULL;
	char *text = NULL;
	int sock = -1, ret = -ENOMEM;

	*result = NULL;
	*code = *error = NULL;
	request = json_pack("{s:i,s:s,s:o*}", "id", 1, "method", method,
			    "params", json_incref(params));
	if (request)
		text = json_dumps(request, JSON_COMPACT);
	if (!text) {
		explain(error, ENOMEM, path, method);
		goto out;
	}
	ret = sock = connect_to(path, wait_s, error);
	if (sock < 0)
		goto out;
	ret = request_send(sock, text, fd);
	if (!ret || ret == -EPIPE)	/* a refusal may have come before */
		ret = answer_recv(sock, &answer);
	if (!ret)
		ret = answer_open(answer, result, code, error);
	if (ret && !*error)
		explain(error, -ret, path, method);
out:
	if (sock >= 0)
		close(sock);
	json_decref(answer);
	json_decref(request);
	free(text);
	return ret;
}

int vhsm_rpc_call_sync(const char *path, const char *method, json_t *params,
		       int fd, json_t **result, char **code, char **error)
{
	return call_within(ANSWER_S, path, method, params, fd, result, code,
			   error);
}

int vhsm_rpc_query_sync(const char *path, const char *method, json_t *params,
			json_t **result, char **code, char **error)
{
	return call_within(VHSM_RPC_QUERY_S, path, method, params, -1, result,
			   code, error);
}
