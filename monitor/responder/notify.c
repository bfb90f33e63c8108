/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - a policy's sinks, told of new alerts: once it is known what was
 * done about them, and a few at a time, since each may be a process that lives
 * as long as VHSM_ALERT_COMMAND_S, and a monitor in an attacker's hands can
 * find as much as it likes.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define AT_ONCE		4u		/* then one in every... */
#define EVERY_MS	1000u

void vhsm_notify_later(struct vhsm_watched *w, const char *uid)
{
	static struct vhsm_log_limit limit = { .burst = 5, .interval_s = 60 };

	if (w->unnotified_count == VHSM_NOTIFY_MAX) {
		vhsm_log_limited(&limit, LOG_WARNING, "%s (ID %u): too many "
				 "alerts: syslog and command are not told of "
				 "%s", w->domain.name, w->domain.domid, uid);
		return;
	}
	snprintf(w->unnotified[w->unnotified_count++], VHSM_ALERT_UID_LEN,
		 "%s", uid);
}

static void on_turn(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_responder *r = arg;
	struct vhsm_watched *w;

	(void)none;
	(void)what;
	r->notify_waits = false;
	LIST_FOREACH(w, &r->guests, link)
		if (w->unnotified_count)
			vhsm_reactions_pump(w);
}

/* Whether one more may be told of now. */
static bool allowed(struct vhsm_responder *r)
{
	uint64_t now = vhsm_now_ms();

	/* As if one had been told of at every turn until then. */
	if (r->notify_ms + AT_ONCE * EVERY_MS < now)
		r->notify_ms = now - AT_ONCE * EVERY_MS;
	if (r->notify_ms + EVERY_MS > now)
		return false;
	r->notify_ms += EVERY_MS;
	return true;
}

void vhsm_notify(struct vhsm_watched *w)
{
	static const struct timeval turn = { .tv_sec = EVERY_MS / 1000 };
	struct vhsm_responder *r = w->responder;
	unsigned told = 0;

	while (told < w->unnotified_count && allowed(r))
		vhsm_alerts_notify(r->alerts, &w->policy,
				   w->unnotified[told++]);
	w->unnotified_count -= told;
	memmove(w->unnotified, w->unnotified + told,
		w->unnotified_count * sizeof(w->unnotified[0]));
	if (w->unnotified_count && !r->notify_waits)
		r->notify_waits = !event_base_once(r->base, -1, EV_TIMEOUT,
						   on_turn, r, &turn);
}
