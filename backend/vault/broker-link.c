/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker-link.c - messages of the broker, checked like a stranger's: one that
 * makes no sense is dropped and logged, since ending would take every guest
 * down.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/gate.h"
#include "common/log.h"
#include "vault/broker-link.h"
#include "vault/engine-channel.h"
#include "vault/events.h"
#include "vault/names.h"

static const char *const event_names[] = {
	[VHSM_EVENT_CONNECTED] = VHSM_EV_DEVICE_CONNECTED,
	[VHSM_EVENT_DISCONNECTED] = VHSM_EV_DEVICE_DISCONNECTED,
	[VHSM_EVENT_ENGINE_DIED] = VHSM_EV_DEVICE_DIED,
	[VHSM_EVENT_VIOLATION] = VHSM_EV_DEVICE_VIOLATION,
	[VHSM_EVENT_ATTACH_REFUSED] = VHSM_EV_DEVICE_REFUSED,
};

static bool terminated(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

static int take_attach(struct vhsm_vault *vault,
		       const struct vhsm_msg_attach *msg, int sock)
{
	if (sock < 0 || !terminated(msg->keys, sizeof(msg->keys)) ||
	    !terminated(msg->domain, sizeof(msg->domain)) ||
	    !vhsm_selection_check(msg->keys)) {
		if (sock >= 0)
			close(sock);
		return -EPROTO;
	}
	return vhsm_channel_open(vault, msg, sock);
}

static int take_event(struct vhsm_vault *vault,
		      const struct vhsm_msg_device_event *msg)
{
	char domain[4 * sizeof(msg->domain)], text[4 * VHSM_TEXT_MAX];

	if (msg->event >= sizeof(event_names) / sizeof(event_names[0]) ||
	    event_names[msg->event] == NULL ||
	    !terminated(msg->domain, sizeof(msg->domain)) ||
	    !terminated(msg->text, sizeof(msg->text)))
		return -EPROTO;
	vhsm_log_escape(domain, sizeof(domain), msg->domain,
			strlen(msg->domain));
	vhsm_log_escape(text, sizeof(text), msg->text, strlen(msg->text));
	return vhsm_vault_record(vault, event_names[msg->event], msg->uuid,
		json_pack("{s:I, s:I, s:s, s:s}", "domid",
			  (json_int_t)msg->domid, "device",
			  (json_int_t)msg->device, "name", domain, "text",
			  text));
}

static const char *level_name(uint32_t level)
{
	static const char *const names[] = {
		[VHSM_GATE_FULL] = "full",
		[VHSM_GATE_THROTTLED] = "throttled",
		[VHSM_GATE_VERIFY_ONLY] = "verify-only",
		[VHSM_GATE_REVOKED] = "revoked",
	};

	return level < sizeof(names) / sizeof(names[0]) ? names[level] : NULL;
}

static const char *lease_name(uint32_t lease)
{
	static const char *const names[] = {
		[VHSM_LEASE_STATE_NONE] = "none",
		[VHSM_LEASE_STATE_NEVER] = "never",
		[VHSM_LEASE_STATE_VALID] = "valid",
		[VHSM_LEASE_STATE_STALE] = "stale",
	};

	return lease < sizeof(names) / sizeof(names[0]) ? names[lease] : NULL;
}

static int take_guest_event(struct vhsm_vault *vault,
			    const struct vhsm_msg_guest_event *msg)
{
	bool level = msg->event == VHSM_GUEST_LEVEL;
	const char *from, *to;
	char reason[4 * VHSM_TEXT_MAX];
	json_t *details;

	from = level ? level_name(msg->from) : lease_name(msg->from);
	to = level ? level_name(msg->to) : lease_name(msg->to);
	if ((!level && msg->event != VHSM_GUEST_LEASE) || from == NULL ||
	    to == NULL || !terminated(msg->reason, sizeof(msg->reason)))
		return -EPROTO;
	vhsm_log_escape(reason, sizeof(reason), msg->reason,
			strlen(msg->reason));
	details = json_pack("{s:s, s:s, s:s}", "from", from, "to", to, "reason",
			    reason);
	if (details != NULL && msg->uid != VHSM_NO_UID)
		json_object_set_new(details, "uid", json_integer(msg->uid));
	return vhsm_vault_record(vault, level ? VHSM_EV_GUEST_LEVEL :
				 VHSM_EV_GUEST_LEASE, msg->uuid, details);
}

static int message_take(struct vhsm_vault *vault, const void *buf,
			const int *fds, unsigned fd_count)
{
	const struct vhsm_msg_header *hdr = buf;
	unsigned i;

	if (hdr->type == VHSM_MSG_ATTACH && fd_count == 1 &&
	    hdr->len == sizeof(struct vhsm_msg_attach))
		return take_attach(vault, buf, fds[0]);
	for (i = 0; i < fd_count; i++)
		close(fds[i]);
	if (hdr->type == VHSM_MSG_DEVICE_EVENT && fd_count == 0 &&
	    hdr->len == sizeof(struct vhsm_msg_device_event))
		return take_event(vault, buf);
	if (hdr->type == VHSM_MSG_GUEST_EVENT && fd_count == 0 &&
	    hdr->len == sizeof(struct vhsm_msg_guest_event))
		return take_guest_event(vault, buf);
	return -EPROTO;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_vault *vault = arg;
	uint64_t buf[VHSM_MSG_MAX / sizeof(uint64_t)];
	const struct vhsm_msg_header *hdr = (void *)buf;
	int fds[VHSM_MSG_FDS], r;
	unsigned fd_count = 0;

	(void)what;
	r = vhsm_msg_recv((int)fd, buf, fds, &fd_count);
	if (r == 0 || r == -ECONNRESET) {
		event_base_loopexit(vault->base, NULL);
		return;
	}
	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r > 0)
		r = message_take(vault, buf, fds, fd_count);
	if (r != 0)
		vhsm_log(LOG_ERR, "a message of the broker (type %u) was not "
			 "obeyed: %s", hdr->type, strerror(-r));
}

int vhsm_broker_open(struct vhsm_vault *vault, int sock)
{
	struct vhsm_msg_simple ready = { { VHSM_MSG_READY, sizeof(ready) } };

	vault->broker = event_new(vault->base, sock, EV_READ | EV_PERSIST,
				  on_readable, vault);
	if (vault->broker == NULL || event_add(vault->broker, NULL) != 0)
		return -ENOMEM;
	return vhsm_msg_send(sock, &ready.hdr, NULL, 0);
}

void vhsm_broker_close(struct vhsm_vault *vault)
{
	if (vault->broker != NULL)
		event_free(vault->broker);
	vault->broker = NULL;
}

void vhsm_broker_send_failed(int sock, int error, const char *text)
{
	struct vhsm_msg_text msg = {
		.hdr = { VHSM_MSG_FAILED, sizeof(msg) },
		.code = error < 0 ? (uint32_t)-error : EINVAL,
	};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	vhsm_msg_send(sock, &msg.hdr, NULL, 0);
}
