/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.c - a count of answers still to come, and a timer.  Answers that
 * come after the timer still settle, so the object lives until the last.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "vault/confirm.h"

struct vhsm_confirm {
	struct event *timer;
	vhsm_confirm_done *done;	/* NULL once called */
	void *arg;
	unsigned sent, waiting, lost;
	bool started;
};

/* Tells, when there is something to tell; frees, when nobody holds it. */
static void confirm_update(struct vhsm_confirm *confirm, bool time_up)
{
	vhsm_confirm_done *done = confirm->done;

	if (!confirm->started)
		return;
	if (done != NULL && (confirm->waiting == 0 || time_up)) {
		confirm->done = NULL;
		event_del(confirm->timer);
		done(confirm->arg, confirm->sent,
		     confirm->waiting + confirm->lost);
	}
	if (confirm->waiting == 0) {
		event_free(confirm->timer);
		free(confirm);
	}
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	confirm_update(arg, true);
}

struct vhsm_confirm *vhsm_confirm_new(struct event_base *base,
				      vhsm_confirm_done *done, void *arg)
{
	struct vhsm_confirm *confirm = calloc(1, sizeof(*confirm));

	if (confirm == NULL)
		return NULL;
	confirm->timer = evtimer_new(base, on_time, confirm);
	confirm->done = done;
	confirm->arg = arg;
	if (confirm->timer == NULL) {
		free(confirm);
		return NULL;
	}
	return confirm;
}

void vhsm_confirm_expect(struct vhsm_confirm *confirm)
{
	confirm->sent++;
	confirm->waiting++;
}

void vhsm_confirm_settle(struct vhsm_confirm *confirm)
{
	confirm->waiting--;
	confirm_update(confirm, false);
}

void vhsm_confirm_lose(struct vhsm_confirm *confirm)
{
	confirm->lost++;
	vhsm_confirm_settle(confirm);
}

void vhsm_confirm_start(struct vhsm_confirm *confirm)
{
	const struct timeval limit = {
		VHSM_CONFIRM_MS / 1000, VHSM_CONFIRM_MS % 1000 * 1000
	};

	confirm->started = true;
	event_add(confirm->timer, &limit);
	confirm_update(confirm, false);
}

void vhsm_confirm_cancel(struct vhsm_confirm **confirm)
{
	if (*confirm == NULL)
		return;
	event_free((*confirm)->timer);
	free(*confirm);
	*confirm = NULL;
}
