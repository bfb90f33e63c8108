/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/vault-events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/message.h"

struct kept {
	STAILQ_ENTRY(kept) link;
	int64_t since_ms;
	size_t text;			/* where it stands in the message */
	_Alignas(8) char msg[];
};

struct vhsm_vault_events {
	STAILQ_HEAD(, kept) queue;
	unsigned count;
};

struct vhsm_vault_events *vhsm_vault_events_new(void)
{
	struct vhsm_vault_events *events = calloc(1, sizeof(*events));

	if (events)
		STAILQ_INIT(&events->queue);
	return events;
}

static void drop_first(struct vhsm_vault_events *events)
{
	struct kept *kept = STAILQ_FIRST(&events->queue);

	STAILQ_REMOVE_HEAD(&events->queue, link);
	events->count--;
	free(kept);
}

void vhsm_vault_events_free(struct vhsm_vault_events **events)
{
	struct vhsm_vault_events *e = *events;

	*events = NULL;
	if (!e)
		return;
	if (e->count)
		vhsm_log(LOG_WARNING, "%u events are not in the audit log: no "
			 "vault ran", e->count);
	while (e->count)
		drop_first(e);
	free(e);
}

static bool keep(struct vhsm_vault_events *events,
		 const struct vhsm_msg_header *msg, const char *text)
{
	struct kept *kept = NULL;

	if (events->count < VHSM_VAULT_EVENTS_MAX)
		kept = calloc(1, sizeof(*kept) + msg->len);
	if (!kept)
		return false;
	kept->since_ms = vhsm_now_ms();
	kept->text = text - (const char *)msg;
	memcpy(kept->msg, msg, msg->len);
	STAILQ_INSERT_TAIL(&events->queue, kept, link);
	events->count++;
	return true;
}

/* The record has the time at which it is written. */
static void late_say(struct kept *kept)
{
	char *text = kept->msg + kept->text, was[VHSM_TEXT_MAX];
	int64_t ms = vhsm_now_ms() - kept->since_ms;

	memcpy(was, text, sizeof(was));
	was[sizeof(was) - 1] = '\0';
	snprintf(text, VHSM_TEXT_MAX, "%.150s%s(%lld.%03lld s ago)", was,
		 was[0] ? " " : "", (long long)ms / 1000,
		 (long long)ms % 1000);
}

void vhsm_vault_events_flush(struct vhsm_vault_events *events, int sock)
{
	char was[VHSM_TEXT_MAX];
	struct kept *kept;

	while ((kept = STAILQ_FIRST(&events->queue))) {
		memcpy(was, kept->msg + kept->text, sizeof(was));
		late_say(kept);
		if (vhsm_msg_send(sock, (const void *)kept->msg, NULL, 0)) {
			memcpy(kept->msg + kept->text, was, sizeof(was));
			return;
		}
		drop_first(events);
	}
}

bool vhsm_vault_events_put(struct vhsm_vault_events *events, int sock,
			   const struct vhsm_msg_header *msg, const char *text)
{
	if (sock >= 0)
		vhsm_vault_events_flush(events, sock);
	if (sock >= 0 && !events->count && !vhsm_msg_send(sock, msg, NULL, 0))
		return true;
	return keep(events, msg, text);
}
