/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-child.c - keeps the vault running.
 *
 *   started --READY--> ready --end--> wait (back-off) --> started ...
 *
 * Engines hold their own sockets to the vault and end by themselves when it
 * does; their devices start anew once the next vault is ready.  The admin
 * socket is ours and outlives it: a vhsmctl that asks meanwhile waits.
 */
#include <config.h>

#include "broker/vault-child.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/vault-events.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/message.h"
#include "common/rpc.h"
#include "common/user.h"

/* A vault of a broker that was killed may hold the socket a moment longer. */
#define LISTEN_TRIES	100u
#define LISTEN_WAIT_US	50000u

struct vhsm_vault {
	struct vhsm_broker *broker;
	struct vhsm_child *child;	/* NULL: waiting to start */
	struct event *readable;
	struct event *restart;
	struct vhsm_backoff backoff;
	struct vhsm_vault_events *events;	/* for the audit log */
	int sock;
	int admin_sock;
	bool ready;
	unsigned restarts;
};

static void vault_start(struct vhsm_vault *vault);

static void socket_close(struct vhsm_vault *vault)
{
	vault->ready = false;
	if (vault->readable)
		event_free(vault->readable);
	vault->readable = NULL;
	if (vault->sock >= 0)
		close(vault->sock);
	vault->sock = -1;
}

static void restart_later(struct vhsm_vault *vault)
{
	uint32_t ms = vhsm_backoff_next(&vault->backoff, vhsm_now_ms());
	struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	vault->restarts++;
	event_add(vault->restart, &wait);
}

static void on_ended(void *arg, const char *how)
{
	struct vhsm_vault *vault = arg;

	vault->child = NULL;
	socket_close(vault);
	if (vault->broker->stopping) {
		vhsm_broker_wake(vault->broker);
		return;
	}
	vhsm_log(LOG_ERR, "the vault ended: %s; starting it again", how);
	restart_later(vault);
}

static void on_restart(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	vault_start(arg);
}

/* Why it could not start; its end follows. */
static void failed_take(const struct vhsm_msg_text *msg)
{
	char text[VHSM_TEXT_MAX];

	vhsm_log_escape(text, sizeof(text), msg->text,
			strnlen(msg->text, sizeof(msg->text)));
	vhsm_log(LOG_ERR, "the vault cannot start: %s", text);
}

/* All the vault ever says to us: READY, or why not, once. */
static bool message_take(struct vhsm_vault *vault,
			 const struct vhsm_msg_header *hdr)
{
	if (vault->ready)
		return false;
	if (hdr->type == VHSM_MSG_FAILED &&
	    hdr->len == sizeof(struct vhsm_msg_text)) {
		failed_take((const struct vhsm_msg_text *)hdr);
		return true;
	}
	if (hdr->type != VHSM_MSG_READY ||
	    hdr->len != sizeof(struct vhsm_msg_simple))
		return false;
	vault->ready = true;
	vhsm_log(LOG_INFO, "the vault is ready");
	vhsm_vault_events_flush(vault->events, vault->sock);
	vhsm_broker_wake(vault->broker);
	return true;
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	_Alignas(8) char buf[VHSM_MSG_MAX];
	const struct vhsm_msg_header *hdr = (void *)buf;
	struct vhsm_vault *vault = arg;
	int ret = vhsm_msg_recv(sock, buf, NULL, NULL);

	(void)what;
	if (ret == -EAGAIN || (ret == 1 && message_take(vault, hdr)))
		return;
	if (ret == 1)
		vhsm_log(LOG_ERR, "the vault sent message %u out of order",
			 hdr->type);
	/* Its end is seen, and answered, in on_ended(); one that only closed
	 * its socket sees ours close, and ends. */
	socket_close(vault);
	if (ret)
		vhsm_child_kill(vault->child);
}

static int vault_spawn(struct vhsm_vault *vault, int theirs)
{
	const struct vhsm_config *config = &vault->broker->config;
	const int fds[VHSM_CHILD_FDS] = {
		theirs, vault->admin_sock, -1, -1
	};
	char path[PATH_MAX];
	char *argv[9] = { path, "--store", config->store_dir, "--root-key",
			  config->root_key };
	unsigned argc = 5;

	snprintf(path, sizeof(path), "%s/vhsm-vault", config->libexec_dir);
	if (vhsm_user_is_changed(config->vault_user)) {
		argv[argc++] = "--user";
		argv[argc++] = config->vault_user;
	}
	if (vault->broker->verbose)
		argv[argc++] = "--verbose";
	vault->child = vhsm_child_spawn(vault->broker->base, path, argv, fds,
					on_ended, vault);
	if (!vault->child) {
		vhsm_log(LOG_ERR, "cannot start %s: %s", path,
			 strerror(errno));
		return -errno;
	}
	return 0;
}

static void vault_start(struct vhsm_vault *vault)
{
	int pair[2];

	vhsm_backoff_started(&vault->backoff, vhsm_now_ms());
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		vhsm_log(LOG_ERR, "socketpair: %s", strerror(errno));
		restart_later(vault);
		return;
	}
	vault->sock = pair[0];
	evutil_make_socket_nonblocking(vault->sock);
	vault->readable = event_new(vault->broker->base, vault->sock,
				    EV_READ | EV_PERSIST, on_readable, vault);
	if (!vault->readable || event_add(vault->readable, NULL) ||
	    vault_spawn(vault, pair[1])) {
		socket_close(vault);
		restart_later(vault);
	}
	close(pair[1]);
}

static int store_dir_make(const struct vhsm_config *config)
{
	int ret;

	if (mkdir(config->store_dir, 0700) && errno != EEXIST)
		goto err_log;
	if (!vhsm_user_is_changed(config->vault_user))
		return 0;
	ret = vhsm_user_own(config->vault_user, config->store_dir);
	if (!ret)
		return 0;
	errno = -ret;
err_log:
	ret = -errno;
	vhsm_log(LOG_ERR, "store-dir %s: %s", config->store_dir,
		 strerror(-ret));
	return ret;
}

static int admin_listen(const char *run_dir)
{
	char path[PATH_MAX];
	int sock = -EADDRINUSE;

	snprintf(path, sizeof(path), "%s/vault.sock", run_dir);
	for (unsigned i = 0; i < LISTEN_TRIES && sock == -EADDRINUSE; i++) {
		if (i)
			usleep(LISTEN_WAIT_US);
		sock = vhsm_rpc_listen(path);
	}
	if (sock < 0)
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(-sock));
	return sock;
}

int vhsm_vault_new(struct vhsm_broker *broker)
{
	struct vhsm_vault *vault;
	int ret = store_dir_make(&broker->config);

	if (ret)
		return ret;
	vault = calloc(1, sizeof(*vault));
	if (!vault)
		return -ENOMEM;
	vault->broker = broker;
	vault->sock = -1;
	vault->admin_sock = ret = admin_listen(broker->config.run_dir);
	if (ret < 0)
		goto err_free;
	vault->restart = evtimer_new(broker->base, on_restart, vault);
	vault->events = vhsm_vault_events_new();
	if (!vault->restart || !vault->events) {
		ret = -ENOMEM;
		goto err_free;
	}
	broker->vault = vault;
	vault_start(vault);
	return 0;

err_free:
	vhsm_vault_free(&vault);
	return ret;
}

void vhsm_vault_stop(struct vhsm_vault *vault)
{
	event_del(vault->restart);
	socket_close(vault);
}

void vhsm_vault_free(struct vhsm_vault **vault)
{
	struct vhsm_vault *v = *vault;

	*vault = NULL;
	if (!v)
		return;
	socket_close(v);
	vhsm_child_free(&v->child);
	if (v->restart)
		event_free(v->restart);
	if (v->admin_sock >= 0)
		close(v->admin_sock);
	vhsm_vault_events_free(&v->events);
	free(v);
}

bool vhsm_vault_is_ready(const struct vhsm_vault *vault)
{
	return vault->ready;
}

pid_t vhsm_vault_pid(const struct vhsm_vault *vault)
{
	return vault->child ? vhsm_child_pid(vault->child) : 0;
}

unsigned vhsm_vault_restarts(const struct vhsm_vault *vault)
{
	return vault->restarts;
}

int vhsm_vault_attach(struct vhsm_vault *vault,
		      const struct vhsm_identity *identity, int engine_sock)
{
	struct vhsm_msg_attach msg = {
		.hdr = { VHSM_MSG_ATTACH, sizeof(msg) },
		.domid = identity->domid,
		.device = identity->device,
	};

	if (!vault->ready)
		return -EAGAIN;
	memcpy(msg.uuid, identity->uuid, sizeof(msg.uuid));
	snprintf(msg.domain, sizeof(msg.domain), "%s", identity->domain);
	snprintf(msg.keys, sizeof(msg.keys), "%s", identity->keys);
	return vhsm_msg_send(vault->sock, &msg.hdr, &engine_sock, 1);
}

static bool event_put(struct vhsm_vault *vault,
		      const struct vhsm_msg_header *msg, const char *text)
{
	return vhsm_vault_events_put(vault->events,
				     vault->ready ? vault->sock : -1, msg,
				     text);
}

void vhsm_vault_device_event(struct vhsm_vault *vault,
			     const struct vhsm_identity *identity,
			     enum vhsm_device_event event, const char *text)
{
	struct vhsm_msg_device_event msg = {
		.hdr = { VHSM_MSG_DEVICE_EVENT, sizeof(msg) },
		.event = event,
		.domid = identity->domid,
		.device = identity->device,
	};

	memcpy(msg.uuid, identity->uuid, sizeof(msg.uuid));
	snprintf(msg.domain, sizeof(msg.domain), "%s", identity->domain);
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	if (!event_put(vault, &msg.hdr, msg.text))
		vhsm_log(LOG_WARNING, "domain %s: event %u is not in the "
			 "audit log: too many wait for a vault",
			 identity->uuid_text, event);
}

void vhsm_vault_guest_event(struct vhsm_vault *vault, const uint8_t uuid[16],
			    enum vhsm_guest_event event, uint32_t from,
			    uint32_t to, uint32_t uid, const char *reason)
{
	struct vhsm_msg_guest_event msg = {
		.hdr = { VHSM_MSG_GUEST_EVENT, sizeof(msg) },
		.event = event,
		.from = from,
		.to = to,
		.uid = uid,
	};
	char text[UUID_STR_LEN];

	memcpy(msg.uuid, uuid, sizeof(msg.uuid));
	snprintf(msg.reason, sizeof(msg.reason), "%s", reason);
	if (event_put(vault, &msg.hdr, msg.reason))
		return;
	uuid_unparse_lower(uuid, text);
	vhsm_log(LOG_WARNING, "domain %s: a change of its gate is not in the "
		 "audit log: too many wait for a vault", text);
}
