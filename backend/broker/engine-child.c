/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-child.c - starts engines and hears how they fare.
 *
 *   new --CONNECTED--> serving --STOP or end of its own--> ended
 *    |                    |
 *    +--FAILED------------+--VIOLATION: it says why, then ends by itself
 *
 * An engine shares a process with a parser of guest bytes, so nothing it says
 * is believed beyond its own device: a message of a wrong size, type or order
 * ends it.
 */
#include <config.h>

#include "broker/engine-child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/guest.h"
#include "broker/vault-child.h"
#include "common/child.h"
#include "common/log.h"
#include "common/message.h"
#include "common/user.h"

#define STOP_S		3		/* to finish what has started */
#define CONNECT_S	60		/* to map and load, on a slow machine */

struct vhsm_engine {
	struct vhsm_broker *broker;
	struct vhsm_identity identity;
	struct vhsm_engine_events events;
	void *arg;
	struct vhsm_child *child;
	struct event *readable;
	struct event *overdue;
	int sock;
	struct vhsm_engine_stats *stats;
	bool connected;
	bool stopped;			/* we asked it to end */
	bool ended;
	char refusal[VHSM_TEXT_MAX];
};

static void engine_release(struct vhsm_engine *engine)
{
	if (engine->readable)
		event_free(engine->readable);
	if (engine->overdue)
		event_free(engine->overdue);
	if (engine->sock >= 0)
		close(engine->sock);
	if (engine->stats)
		munmap(engine->stats, sizeof(*engine->stats));
	free(engine);
}

static void report(struct vhsm_engine *engine, enum vhsm_device_event event,
		   const char *text)
{
	if (!engine->broker->stopping)
		vhsm_vault_device_event(engine->broker->vault,
					&engine->identity, event, text);
}

/* Whether a failure to connect is this machine's, and may pass, rather than of
 * what the frontend published. */
static bool is_ours(uint32_t code)
{
	return code == EAGAIN || code == ENOMEM || code == EMFILE ||
		code == ENFILE || code == EPIPE;
}

/* FAILED, VIOLATION: keeps the text, once; the end follows. */
static void text_take(struct vhsm_engine *engine,
		      const struct vhsm_msg_text *msg)
{
	size_t len = strnlen(msg->text, sizeof(msg->text));

	if (engine->refusal[0] ||
	    (msg->hdr.type == VHSM_MSG_FAILED && is_ours(msg->code)))
		return;
	vhsm_log_escape(engine->refusal, sizeof(engine->refusal), msg->text,
			len);
	vhsm_log(LOG_WARNING, "domain %s (%s): %s: %s (%u, queue %u)",
		 engine->identity.uuid_text, engine->identity.domain,
		 msg->hdr.type == VHSM_MSG_FAILED ? "cannot connect" :
		 "broke the ring protocol", engine->refusal, msg->code,
		 msg->queue);
}

/* Whether the message is one an engine may send now. */
static bool message_take(struct vhsm_engine *engine,
			 const struct vhsm_msg_header *hdr)
{
	switch (hdr->type) {
	case VHSM_MSG_CONNECTED:
		if (hdr->len != sizeof(struct vhsm_msg_simple) ||
		    engine->connected)
			return false;
		engine->connected = true;
		if (!engine->stopped && !engine->ended) {
			event_del(engine->overdue);
			report(engine, VHSM_EVENT_CONNECTED, "");
			engine->events.connected(engine->arg);
		}
		return true;
	case VHSM_MSG_FAILED:
	case VHSM_MSG_VIOLATION:
		if (hdr->len != sizeof(struct vhsm_msg_text) ||
		    (hdr->type == VHSM_MSG_FAILED) == engine->connected)
			return false;
		text_take(engine, (const struct vhsm_msg_text *)hdr);
		return true;
	default:
		return false;
	}
}

/* What it said before it ended may be read only after. */
static void last_words_take(struct vhsm_engine *engine)
{
	_Alignas(8) char buf[VHSM_MSG_MAX];

	while (vhsm_msg_recv(engine->sock, buf, NULL, NULL) == 1 &&
	       message_take(engine, (void *)buf))
		;
}

static void on_ended(void *arg, const char *how)
{
	struct vhsm_engine *engine = arg;
	struct vhsm_broker *broker = engine->broker;

	engine->child = NULL;
	engine->ended = true;
	last_words_take(engine);
	broker->engines--;
	if (engine->stopped) {
		report(engine, VHSM_EVENT_DISCONNECTED, "");
	} else if (engine->refusal[0]) {
		report(engine, engine->connected ? VHSM_EVENT_VIOLATION :
		       VHSM_EVENT_ATTACH_REFUSED, engine->refusal);
	} else {
		broker->engine_deaths++;
		vhsm_log(LOG_ERR, "domain %s (%s): its engine ended: %s",
			 engine->identity.uuid_text,
			 engine->identity.domain, how);
		report(engine, VHSM_EVENT_ENGINE_DIED, how);
	}
	engine->events.ended(engine->arg, how, engine->refusal);
	engine_release(engine);
	vhsm_broker_wake(broker);
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	_Alignas(8) char buf[VHSM_MSG_MAX];
	const struct vhsm_msg_header *hdr = (void *)buf;
	struct vhsm_engine *engine = arg;
	int ret = vhsm_msg_recv(sock, buf, NULL, NULL);

	(void)what;
	if (ret == -EAGAIN || (ret == 1 && message_take(engine, hdr)))
		return;
	if (ret == 1)
		vhsm_log(LOG_ERR, "domain %s: its engine sent message %u, "
			 "%u bytes, out of order",
			 engine->identity.uuid_text, hdr->type, hdr->len);
	/* Its end is answered in on_ended(); an end of file is that already,
	 * or a process that only closed its socket and is to go too. */
	event_del(engine->readable);
	if (ret)
		vhsm_child_kill(engine->child);
	else
		vhsm_engine_stop(engine);
}

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_engine *engine = arg;

	(void)none;
	(void)what;
	vhsm_log(LOG_WARNING, "domain %s: its engine took too long to %s",
		 engine->identity.uuid_text,
		 engine->stopped ? "stop" : "connect");
	vhsm_child_kill(engine->child);
}

void vhsm_engine_stop(struct vhsm_engine *engine)
{
	const struct vhsm_msg_simple stop = {
		.hdr = { VHSM_MSG_STOP, sizeof(stop) },
	};
	const struct timeval wait = { .tv_sec = STOP_S };
	/* One whose socket has ended is on its way already. */
	bool pending = event_pending(engine->readable, EV_READ, NULL);

	if (pending && !engine->stopped) {
		engine->stopped = true;
		if (vhsm_msg_send(engine->sock, &stop.hdr, NULL, 0))
			vhsm_child_kill(engine->child);
	}
	event_add(engine->overdue, &wait);
}

static int stats_make(struct vhsm_engine *engine)
{
	int fd = memfd_create("vhsm-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, sizeof(*engine->stats)) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		map = mmap(NULL, sizeof(*engine->stats), PROT_READ, MAP_SHARED,
			   fd, 0);
	if (map == MAP_FAILED) {
		close(fd);
		return -errno;
	}
	engine->stats = map;
	return fd;
}

/* fds: as the child gets them. */
static int engine_spawn(struct vhsm_engine *engine, const char *transport,
			const int fds[VHSM_CHILD_FDS])
{
	const struct vhsm_config *config = &engine->broker->config;
	char path[PATH_MAX], transport_arg[16], user[80];
	char *argv[7] = { path, "--transport", transport_arg };
	unsigned argc = 3;

	snprintf(transport_arg, sizeof(transport_arg), "%s", transport);
	snprintf(path, sizeof(path), "%s/vhsm-engine", config->libexec_dir);
	if (vhsm_user_is_changed(config->engine_user)) {
		argv[argc++] = "--user";
		vhsm_user_numbers(config->engine_user, user, sizeof(user));
		argv[argc++] = user;
	}
	if (engine->broker->verbose)
		argv[argc++] = "--verbose";
	engine->child = vhsm_child_spawn(engine->broker->base, path, argv, fds,
					 on_ended, engine);
	if (engine->child)
		return 0;
	vhsm_log(LOG_ERR, "cannot start %s: %s", path, strerror(errno));
	return -errno;
}

/* Makes the sockets, starts the process, introduces it to the vault. */
static int engine_start(struct vhsm_engine *engine, const char *transport)
{
	int broker_pair[2] = { -1, -1 }, vault_pair[2] = { -1, -1 };
	const struct vhsm_guest *guest;
	int stats_fd = -1, ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		       broker_pair) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		       vault_pair)) {
		ret = -errno;
		goto out;
	}
	ret = stats_fd = stats_make(engine);
	if (stats_fd < 0)
		goto out;
	guest = vhsm_guest_find(engine->broker->guests, engine->identity.uuid);
	if (!guest) {
		ret = -EINVAL;	/* its device should have joined it */
		goto out;
	}
	engine->sock = broker_pair[0];
	broker_pair[0] = -1;
	evutil_make_socket_nonblocking(engine->sock);
	ret = vhsm_vault_attach(engine->broker->vault, &engine->identity,
				vault_pair[0]);
	if (!ret)
		ret = engine_spawn(engine, transport, (const int[]){
			broker_pair[1], vault_pair[1], stats_fd,
			vhsm_guest_fd(guest) });
out:
	for (unsigned i = 0; i < 2; i++) {
		if (broker_pair[i] >= 0)
			close(broker_pair[i]);
		if (vault_pair[i] >= 0)
			close(vault_pair[i]);
	}
	if (stats_fd >= 0)
		close(stats_fd);
	return ret;
}

static int engine_listen(struct vhsm_engine *engine)
{
	const struct timeval wait = { .tv_sec = CONNECT_S };
	struct event_base *base = engine->broker->base;

	engine->readable = event_new(base, engine->sock, EV_READ | EV_PERSIST,
				     on_readable, engine);
	engine->overdue = evtimer_new(base, on_overdue, engine);
	if (!engine->readable || event_add(engine->readable, NULL) ||
	    !engine->overdue || event_add(engine->overdue, &wait))
		return -ENOMEM;
	return 0;
}

static void tuning_set(const struct vhsm_config *config,
		       struct vhsm_msg_header *connect)
{
	const struct vhsm_tuning tuning = { config->spin_us, config->workers };

	if (connect->type == VHSM_MSG_CONNECT_XEN)
		((struct vhsm_msg_connect_xen *)connect)->tuning = tuning;
	else
		((struct vhsm_msg_connect_local *)connect)->tuning = tuning;
}

struct vhsm_engine *vhsm_engine_new(struct vhsm_broker *broker,
				    const struct vhsm_identity *identity,
				    const char *transport,
				    struct vhsm_msg_header *connect,
				    const int *fds, unsigned fd_count,
				    const struct vhsm_engine_events *events,
				    void *arg)
{
	struct vhsm_engine *engine = calloc(1, sizeof(*engine));
	int ret;

	if (!engine)
		return NULL;
	engine->broker = broker;
	engine->identity = *identity;
	engine->events = *events;
	engine->arg = arg;
	engine->sock = -1;
	ret = engine_start(engine, transport);
	if (!ret)
		ret = engine_listen(engine);
	tuning_set(&broker->config, connect);
	if (!ret)
		ret = vhsm_msg_send(engine->sock, connect, fds, fd_count);
	if (ret) {
		vhsm_child_free(&engine->child);
		engine_release(engine);
		errno = -ret;
		return NULL;
	}
	broker->engines++;
	broker->engine_starts++;
	return engine;
}

void vhsm_engine_free(struct vhsm_engine **engine)
{
	struct vhsm_engine *e = *engine;

	*engine = NULL;
	if (!e)
		return;
	e->broker->engines--;
	vhsm_child_free(&e->child);
	engine_release(e);
}

pid_t vhsm_engine_pid(const struct vhsm_engine *engine)
{
	return vhsm_child_pid(engine->child);
}

const struct vhsm_engine_stats *
vhsm_engine_stats(const struct vhsm_engine *engine)
{
	return engine->stats;
}
