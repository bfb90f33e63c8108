/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/watch.h"

#include <stddef.h>

const char *vhsm_watch_state_name(enum vhsm_watch_state state)
{
	static const char *const names[] = {
		"absent", "measuring", "matching", "unapproved", "starting",
		"connecting", "sweeping", "resting", "stopping", "backoff",
	};

	return (unsigned)state < sizeof(names) / sizeof(names[0]) ?
		names[state] : "unknown";
}

static uint32_t enter(struct vhsm_watch *w, enum vhsm_watch_state state,
		      uint64_t deadline_ms, uint32_t todo)
{
	w->state = state;
	w->deadline_ms = deadline_ms;
	return todo;
}

static uint32_t measure(struct vhsm_watch *w)
{
	w->again = false;
	w->rematch = false;
	w->told_unapproved = false;
	w->told_lost = false;
	w->clean_ms = 0;
	w->backoff_ms = 0;
	return enter(w, VHSM_WATCH_MEASURING, 0,
		     VHSM_DO_GATE | VHSM_DO_MEASURE);
}

static uint32_t monitor_start(struct vhsm_watch *w)
{
	w->swept = false;
	return enter(w, VHSM_WATCH_STARTING, 0, VHSM_DO_START);
}

static uint32_t monitor_stop(struct vhsm_watch *w)
{
	return enter(w, VHSM_WATCH_STOPPING, 0,
		     VHSM_DO_HANG_UP | VHSM_DO_STOP | VHSM_DO_GATE);
}

/* There is no monitor any more, or never was. */
static uint32_t settle(struct vhsm_watch *w, uint64_t now_ms)
{
	if (!w->present)
		return enter(w, VHSM_WATCH_ABSENT, 0, 0);
	if (w->again)
		return measure(w);
	if (w->rematch) {
		w->rematch = false;
		return enter(w, VHSM_WATCH_MATCHING, 0, VHSM_DO_MATCH);
	}
	if (!w->backoff_ms || now_ms - w->started_ms >= VHSM_WATCH_GOOD_MS)
		w->backoff_ms = VHSM_WATCH_BACKOFF_MIN;
	else if (w->backoff_ms < VHSM_WATCH_BACKOFF_MAX / 2)
		w->backoff_ms *= 2;
	else
		w->backoff_ms = VHSM_WATCH_BACKOFF_MAX;
	w->restarts++;
	return enter(w, VHSM_WATCH_BACKOFF, now_ms + w->backoff_ms, 0);
}

/* Whether there is a monitor domain that we know of. */
static bool has_monitor(const struct vhsm_watch *w)
{
	return w->state == VHSM_WATCH_CONNECTING ||
		w->state == VHSM_WATCH_SWEEPING ||
		w->state == VHSM_WATCH_RESTING;
}

static uint32_t on_came(struct vhsm_watch *w)
{
	w->present = true;
	w->again = true;
	w->clean_ms = 0;
	if (has_monitor(w))
		return monitor_stop(w);
	/* What is being made or removed is waited for. */
	if (w->state == VHSM_WATCH_STARTING || w->state == VHSM_WATCH_STOPPING)
		return VHSM_DO_GATE;
	return measure(w);
}

static uint32_t on_gone(struct vhsm_watch *w)
{
	w->present = false;
	w->again = false;
	w->clean_ms = 0;
	if (has_monitor(w))
		return monitor_stop(w);
	if (w->state == VHSM_WATCH_STARTING || w->state == VHSM_WATCH_STOPPING)
		return 0;
	return enter(w, VHSM_WATCH_ABSENT, 0, 0);
}

static uint32_t on_measured(struct vhsm_watch *w, bool ok, uint64_t now_ms)
{
	if (w->state != VHSM_WATCH_MEASURING || w->deadline_ms)
		return 0;
	if (!ok)
		return enter(w, VHSM_WATCH_MEASURING,
			     now_ms + VHSM_WATCH_RETRY_MS, 0);
	return enter(w, VHSM_WATCH_MATCHING, 0, VHSM_DO_MATCH);
}

static uint32_t on_matched(struct vhsm_watch *w, bool ok, uint64_t now_ms)
{
	uint32_t todo = 0;

	if (w->state != VHSM_WATCH_MATCHING)
		return 0;
	if (ok) {
		w->told_unapproved = false;
		return monitor_start(w);
	}
	w->clean_ms = 0;
	if (!w->told_unapproved)
		todo = VHSM_DO_GATE | VHSM_ALERT_UNAPPROVED;
	w->told_unapproved = true;
	return enter(w, VHSM_WATCH_UNAPPROVED, now_ms + VHSM_WATCH_RECHECK_MS,
		     todo);
}

/* Once for each time the monitor is lost, not for each try to get it back. */
static uint32_t lost(struct vhsm_watch *w)
{
	uint32_t todo = w->told_lost ? 0 : VHSM_ALERT_LOST;

	w->told_lost = true;
	return todo;
}

static uint32_t on_started(struct vhsm_watch *w, const
			   struct vhsm_watch_times *times, bool ok,
			   uint64_t now_ms)
{
	if (w->state != VHSM_WATCH_STARTING)
		return 0;
	w->started_ms = now_ms;
	if (!ok && w->present && !w->again)
		return lost(w) | settle(w, now_ms);
	if (!ok)
		return settle(w, now_ms);
	if (!w->present || w->again)
		return monitor_stop(w);
	w->give_up_ms = now_ms + times->start_ms;
	return enter(w, VHSM_WATCH_CONNECTING, now_ms, 0);
}

static uint32_t sweep(struct vhsm_watch *w,
		      const struct vhsm_watch_times *times, uint64_t now_ms)
{
	w->sweep++;
	w->ordered_ms = now_ms;
	return enter(w, VHSM_WATCH_SWEEPING, now_ms +
		     (w->swept ? times->hang_ms : times->start_ms),
		     VHSM_DO_SWEEP);
}

static uint32_t on_hello(struct vhsm_watch *w,
			 const struct vhsm_watch_times *times, uint64_t now_ms)
{
	if (w->state == VHSM_WATCH_CONNECTING)
		return VHSM_DO_CONFIGURE | sweep(w, times, now_ms);
	/* It says it once. */
	return has_monitor(w) ? monitor_stop(w) | VHSM_ALERT_BROKEN : 0;
}

static uint32_t on_verdict(struct vhsm_watch *w,
			   const struct vhsm_watch_times *times, bool blind,
			   bool ok, uint64_t now_ms)
{
	uint64_t next = w->ordered_ms + times->sweep_ms;

	if (w->state != VHSM_WATCH_SWEEPING)
		return has_monitor(w) ? monitor_stop(w) | VHSM_ALERT_BROKEN : 0;
	/* The first sweep of a kernel is the long one. */
	w->swept |= !blind;
	w->told_lost = false;
	if (ok)
		w->clean_ms = w->ordered_ms;
	return enter(w, VHSM_WATCH_RESTING, next > now_ms ? next : now_ms,
		     VHSM_DO_GATE);
}

static uint32_t on_lost(struct vhsm_watch *w)
{
	return has_monitor(w) ? lost(w) | monitor_stop(w) : 0;
}

/* The keys first: one that is approved no longer has no lease from now on. */
static uint32_t on_changed(struct vhsm_watch *w, bool ok)
{
	uint32_t todo = 0;

	if (!has_monitor(w))
		return 0;
	w->rematch = true;
	if (!ok) {
		w->clean_ms = 0;
		w->told_unapproved = true;
		todo = VHSM_ALERT_UNAPPROVED;
	}
	return todo | monitor_stop(w);
}

static uint32_t on_due(struct vhsm_watch *w,
		       const struct vhsm_watch_times *times, uint64_t now_ms)
{
	switch (w->state) {
	case VHSM_WATCH_MEASURING:
		return enter(w, VHSM_WATCH_MEASURING, 0, VHSM_DO_MEASURE);
	case VHSM_WATCH_UNAPPROVED:
		return enter(w, VHSM_WATCH_MATCHING, 0, VHSM_DO_MATCH);
	case VHSM_WATCH_CONNECTING:
		if (now_ms >= w->give_up_ms)
			return on_lost(w);
		w->deadline_ms = now_ms + VHSM_WATCH_CONNECT_MS;
		return VHSM_DO_CONNECT;
	case VHSM_WATCH_SWEEPING:
		return on_lost(w);
	case VHSM_WATCH_RESTING:
		return sweep(w, times, now_ms);
	case VHSM_WATCH_BACKOFF:
		/* What is approved may have changed meanwhile. */
		return enter(w, VHSM_WATCH_MATCHING, 0, VHSM_DO_MATCH);
	case VHSM_WATCH_ABSENT:
	case VHSM_WATCH_MATCHING:
	case VHSM_WATCH_STARTING:
	case VHSM_WATCH_STOPPING:
		break;
	}
	return 0;
}

uint32_t vhsm_watch_step(struct vhsm_watch *w,
			 const struct vhsm_watch_times *times,
			 enum vhsm_watch_happened happened, bool ok,
			 uint64_t now_ms)
{
	switch (happened) {
	case VHSM_CAME:
		return on_came(w);
	case VHSM_GONE:
		return on_gone(w);
	case VHSM_MEASURED:
		return on_measured(w, ok, now_ms);
	case VHSM_MATCHED:
		return on_matched(w, ok, now_ms);
	case VHSM_STARTED:
		return on_started(w, times, ok, now_ms);
	case VHSM_HELLO:
		return on_hello(w, times, now_ms);
	case VHSM_VERDICT:
	case VHSM_BLIND:
		return on_verdict(w, times, happened == VHSM_BLIND, ok,
				  now_ms);
	case VHSM_BROKEN:
		return has_monitor(w) ? monitor_stop(w) | VHSM_ALERT_BROKEN : 0;
	case VHSM_LOST:
		return on_lost(w);
	case VHSM_STOPPED:
		return w->state == VHSM_WATCH_STOPPING ? settle(w, now_ms) : 0;
	case VHSM_CHANGED:
		return on_changed(w, ok);
	case VHSM_TICK:
		return w->deadline_ms && now_ms >= w->deadline_ms ?
			on_due(w, times, now_ms) : 0;
	}
	return 0;
}
