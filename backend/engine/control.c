// SPDX-License-Identifier: Apache-2.0
/*
 * control.c - messages of the siblings, in this order: the vault's keys until
 * KEYS_DONE; then the broker's CONNECT; then both, and the timer that reports
 * counters.  Every message is judged by its size and type first; one that does
 * not fit ends the engine, which the broker starts anew.
 */
#include <config.h>

#include "engine/control.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"

#define COUNTERS_MS 2000		/* between reports of use */
#define PATIENCE_MS 2000		/* for what has started to finish */
#define RUN (-1)			/* no exit status yet */

struct control {
	struct vhsm_engine *engine;
	bool keys_done;
	bool connected;
	uint8_t *buffer;		/* a message; secure, it may be a key */
};

static int send_simple(int sock, uint32_t type)
{
	struct vhsm_msg_simple msg = { .hdr = { type, sizeof(msg) } };

	return vhsm_msg_send(sock, &msg.hdr, NULL, 0);
}

/* The vault's socket does not block, for the queues' sake; this thread can
 * wait a while. */
static int send_vault(struct vhsm_engine *engine,
		      const struct vhsm_msg_header *hdr)
{
	struct pollfd fd = { .fd = engine->vault, .events = POLLOUT };
	int r = vhsm_msg_send(engine->vault, hdr, NULL, 0);

	if (r == -EAGAIN && poll(&fd, 1, PATIENCE_MS) > 0)
		r = vhsm_msg_send(engine->vault, hdr, NULL, 0);
	if (r)
		vhsm_log(LOG_ERR, "cannot tell the vault (message %u): %s",
			 hdr->type, strerror(-r));
	return r;
}

static void send_text(struct vhsm_engine *engine, uint32_t type, uint32_t code,
		      uint32_t queue, const char *text)
{
	struct vhsm_msg_text msg = {
		.hdr = { type, sizeof(msg) }, .code = code, .queue = queue,
	};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	vhsm_msg_send(engine->broker, &msg.hdr, NULL, 0);
}

/* ------------------------------------------------------------ counters */

static void send_counters(struct vhsm_engine *engine,
			  struct vhsm_key_version *version)
{
	struct vhsm_msg_counters msg;

	if (version && vhsm_key_version_counters(version, &msg))
		send_vault(engine, &msg.hdr);
}

static void send_all_counters(struct vhsm_engine *engine)
{
	for (unsigned k = 0; k < VHSM_MAX_KEYS; k++) {
		struct vhsm_key *key = &engine->keys.key[k];

		for (unsigned v = 0; v < VHSM_KEY_VERSIONS; v++)
			send_counters(engine, atomic_load(&key->version[v]));
	}
}

static void report(struct vhsm_engine *engine)
{
	send_all_counters(engine);
	vhsm_engine_count_maps(engine);
	vhsm_refusals_flush(&engine->refusals);
}

/* ---------------------------------------------------------- the vault */

static int take_key(struct control *c)
{
	const struct vhsm_msg_key *msg = (const void *)c->buffer;
	struct vhsm_key_version *replaced = NULL;
	int r;

	r = vhsm_keys_load(&c->engine->keys, msg, &replaced);
	send_counters(c->engine, replaced);
	vhsm_key_version_free(&replaced);
	if (r) {
		vhsm_log(LOG_ERR, "cannot take key %u of the vault: %s",
			 msg->index, strerror(-r));
		return EXIT_FAILURE;
	}
	c->engine->stats->keys = vhsm_keys_count(&c->engine->keys);
	return RUN;
}

/* The acknowledgement is the promise that nothing old is published any more. */
static int take_key_state(struct control *c)
{
	struct vhsm_msg_key_state msg;
	struct vhsm_keys *keys = &c->engine->keys;

	memcpy(&msg, c->buffer, sizeof(msg));
	if (vhsm_keys_set_state(keys, msg.index, msg.state)) {
		vhsm_log(LOG_ERR, "the vault sent state %u for key %u, which there is not",
			 msg.state, msg.index);
		return EXIT_FAILURE;
	}
	if (msg.state == VHSM_KEY_DESTROYED) {
		send_all_counters(c->engine);
		vhsm_keys_forget(keys, msg.index);
		c->engine->stats->keys = vhsm_keys_count(keys);
	}
	msg.hdr.type = VHSM_MSG_KEY_STATE_ACK;
	return send_vault(c->engine, &msg.hdr) ? EXIT_FAILURE : RUN;
}

static int take_audit_ack(struct control *c)
{
	const struct vhsm_msg_audit_ack *msg = (const void *)c->buffer;

	vhsm_refusals_ack(&c->engine->refusals, msg->seq);
	for (unsigned q = 0; q < c->engine->queues; q++)
		vhsm_queue_wake(c->engine->queue[q]);
	return RUN;
}

static int take_keys_done(struct control *c)
{
	c->keys_done = true;
	return RUN;
}

static const struct {
	uint32_t type;
	uint32_t len;
	int (*take)(struct control *);
} vault_messages[] = {
	{ VHSM_MSG_KEY, sizeof(struct vhsm_msg_key), take_key },
	{ VHSM_MSG_KEYS_DONE, sizeof(struct vhsm_msg_simple), take_keys_done },
	{ VHSM_MSG_KEY_STATE, sizeof(struct vhsm_msg_key_state),
	  take_key_state },
	{ VHSM_MSG_AUDIT_ACK, sizeof(struct vhsm_msg_audit_ack),
	  take_audit_ack },
};

static int take_vault_message(struct control *c)
{
	const struct vhsm_msg_header *hdr = (const void *)c->buffer;

	for (size_t i = 0;
	     i < sizeof(vault_messages) / sizeof(vault_messages[0]); i++)
		if (vault_messages[i].type == hdr->type &&
		    vault_messages[i].len == hdr->len)
			return vault_messages[i].take(c);
	vhsm_log(LOG_ERR, "the vault sent message %u of %u bytes, which is none for an engine",
		 hdr->type, hdr->len);
	return EXIT_FAILURE;
}

/* Keys must not be used without their audit log: no vault, no engine. */
static int read_vault(struct control *c)
{
	int r = vhsm_msg_recv(c->engine->vault, c->buffer, NULL, NULL);
	int status;

	if (r == -EAGAIN)
		return RUN;
	if (r <= 0) {
		vhsm_log(LOG_ERR, "the vault is gone: %s",
			 r ? strerror(-r) : "end of file");
		return EXIT_FAILURE;
	}
	status = take_vault_message(c);
	OPENSSL_cleanse(c->buffer, VHSM_MSG_MAX);
	return status;
}

/* --------------------------------------------------------- the broker */

static int fail(struct control *c, int error, const char *why)
{
	vhsm_log(LOG_ERR, "%s", why);
	send_text(c->engine, VHSM_MSG_FAILED, -error, 0, why);
	return EXIT_FAILURE;
}

/* Threads before the lock, which forbids making more. */
static int serve(struct control *c, const struct vhsm_tuning *tuning)
{
	char why[VHSM_TEXT_MAX] = "";
	int r;

	r = vhsm_engine_start(c->engine, tuning);
	if (r) {
		snprintf(why, sizeof(why), "cannot start threads: %s",
			 strerror(-r));
		return fail(c, r, why);
	}
	r = vhsm_sandbox_lock_engine(why);
	if (r)
		return fail(c, r, why);
	c->connected = true;
	r = send_simple(c->engine->broker, VHSM_MSG_CONNECTED);
	return r ? EXIT_FAILURE : RUN;
}

static int take_connect(struct control *c, const int *fds, unsigned count)
{
	const struct vhsm_msg_header *hdr = (const void *)c->buffer;
	struct vhsm_engine *engine = c->engine;
	char why[VHSM_TEXT_MAX] = "";
	struct vhsm_tuning tuning;
	int r;

	if (hdr->type == VHSM_MSG_CONNECT_XEN)
		tuning = ((const struct vhsm_msg_connect_xen *)hdr)->tuning;
	else
		tuning = ((const struct vhsm_msg_connect_local *)hdr)->tuning;
	r = engine->ops->connect(engine->transport, hdr, fds, count, why);
	if (r)
		return fail(c, r, why);
	return serve(c, &tuning);
}

static int take_broker_message(struct control *c, const int *fds,
			       unsigned count)
{
	const struct vhsm_msg_header *hdr = (const void *)c->buffer;
	bool xen = hdr->type == VHSM_MSG_CONNECT_XEN &&
		hdr->len == sizeof(struct vhsm_msg_connect_xen);
	bool local = hdr->type == VHSM_MSG_CONNECT_LOCAL &&
		hdr->len == sizeof(struct vhsm_msg_connect_local);

	if ((xen || local) && !c->connected)
		return take_connect(c, fds, count);
	while (count)
		close(fds[--count]);
	if (hdr->type == VHSM_MSG_STOP &&
	    hdr->len == sizeof(struct vhsm_msg_simple))
		return EXIT_SUCCESS;
	vhsm_log(LOG_ERR, "the broker sent message %u of %u bytes, which is not for now",
		 hdr->type, hdr->len);
	return EXIT_FAILURE;
}

static int read_broker(struct control *c)
{
	int fds[VHSM_MSG_FDS];
	unsigned count = 0;
	int r = vhsm_msg_recv(c->engine->broker, c->buffer, fds, &count);

	if (r == 0)
		return EXIT_SUCCESS;	/* nothing outlives the broker */
	if (r < 0) {
		vhsm_log(LOG_ERR, "the broker cannot be heard: %s",
			 strerror(-r));
		return EXIT_FAILURE;
	}
	return take_broker_message(c, fds, count);
}

/* ------------------------------------------------------------ the loop */

static int take_violation(struct control *c)
{
	uint32_t what = atomic_load(&c->engine->violation);
	unsigned queue = what >> 16, violation = what & 0xffff;
	const char *text = vhsm_violation_text(violation);
	uint64_t count;
	ssize_t n = read(c->engine->control_fd, &count, sizeof(count));

	(void)n;
	if (!violation)
		return RUN;
	vhsm_log(LOG_WARNING, "queue %u: %s; the guest is disconnected", queue,
		 text);
	send_text(c->engine, VHSM_MSG_VIOLATION, violation, queue, text);
	return VHSM_EXIT_VIOLATION;
}

static int run_once(struct control *c, int64_t *next_report)
{
	struct vhsm_engine *engine = c->engine;
	struct pollfd fds[] = {
		{ .fd = engine->vault, .events = POLLIN },
		/* Until the keys are here, only the broker's end is heard. */
		{ .fd = engine->broker, .events = c->keys_done ? POLLIN : 0 },
		{ .fd = engine->control_fd, .events = POLLIN },
	};
	int64_t now = vhsm_now_ms();
	int status = RUN;

	if (now >= *next_report) {
		report(engine);
		*next_report = now + COUNTERS_MS;
	}
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), *next_report - now) < 0)
		return errno == EINTR ? RUN : EXIT_FAILURE;
	if (fds[2].revents)
		status = take_violation(c);
	if (status == RUN && fds[0].revents)
		status = read_vault(c);
	if (status == RUN && fds[1].revents)
		status = read_broker(c);
	return status;
}

/*
 * Answers held back wait for the vault, so it is heard until the queues have
 * ended or patience has.
 */
static bool finish(struct control *c)
{
	struct vhsm_engine *engine = c->engine;
	struct pollfd vault = { .fd = engine->vault, .events = POLLIN };
	int64_t end = vhsm_now_ms() + PATIENCE_MS;

	vhsm_engine_begin_stop(engine);
	while (!vhsm_engine_has_stopped(engine) && vhsm_now_ms() < end)
		if (poll(&vault, 1, 1) > 0 && read_vault(c) != RUN)
			break;
	return vhsm_engine_stop(engine);
}

int vhsm_control_run(struct vhsm_engine *engine, bool *threads_left)
{
	struct control c = { .engine = engine };
	int64_t next_report = vhsm_now_ms() + COUNTERS_MS;
	int status = EXIT_FAILURE;

	c.buffer = OPENSSL_secure_malloc(VHSM_MSG_MAX);
	if (!c.buffer) {
		vhsm_log(LOG_ERR, "out of secure memory");
		return status;
	}
	do
		status = run_once(&c, &next_report);
	while (status == RUN);
	*threads_left = !finish(&c);
	report(engine);
	OPENSSL_secure_clear_free(c.buffer, VHSM_MSG_MAX);
	return status;
}
