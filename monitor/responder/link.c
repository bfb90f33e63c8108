/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - what a monitor says.  It may be in an attacker's hands: every frame
 * goes through a decoder that refuses what no monitor sends, and whatever it
 * says, it says of its own guest.  The first frame that is wrong ends it.
 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define FRAMES_AT_ONCE	64u		/* then others have their turn */

/* What one monitor may say, in bytes, each frame with something on top; what is
 * more waits in its own ring.  A honest one says less in a sweep. */
#define CREDIT_MAX	INT64_C(4194304)
#define CREDIT_MS	2048		/* in a millisecond */
#define FRAME_COST	512
#define PAUSE_MS	50u

static void broke(struct vhsm_watched *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void broke(struct vhsm_watched *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->monitor.broke, sizeof(w->monitor.broke), format, args);
	va_end(args);
	vhsm_log(LOG_WARNING, "%s (ID %u): its monitor broke the protocol: %s",
		 w->domain.name, w->domain.domid, w->monitor.broke);
	vhsm_watched_step(w, VHSM_BROKEN, false);
}

static void on_hello(struct vhsm_watched *w, const char *bytes, size_t len)
{
	char why[VHSM_MESSAGE_WHY_LEN] = "";
	struct vhsm_hello hello;

	if (vhsm_hello_decode(&hello, bytes, len, why))
		broke(w, "hello: %s", why);
	else if (hello.version != VHSM_CHANNEL_VERSION)
		broke(w, "hello: version %u, not %u", hello.version,
		      VHSM_CHANNEL_VERSION);
	else
		vhsm_watched_step(w, VHSM_HELLO, false);
}

static void on_found(struct vhsm_watched *w, const char *bytes, size_t len)
{
	char why[VHSM_MESSAGE_WHY_LEN] = "";
	struct vhsm_monitor *monitor = &w->monitor;

	if (vhsm_found_decode(&monitor->kernel, bytes, len, why)) {
		broke(w, "found: %s", why);
		return;
	}
	if (monitor->told_kernel) {
		broke(w, "found: a second kernel in one sweep");
		return;
	}
	monitor->told_kernel = true;
	vhsm_log_limited(&monitor->log_limit, LOG_INFO,
			 "%s (ID %u): Linux %s, slide %#llx", w->domain.name,
			 w->domain.domid, monitor->kernel.release,
			 (unsigned long long)monitor->kernel.slide);
}

static bool is_sweeping(const struct vhsm_watched *w)
{
	return w->watch.state == VHSM_WATCH_SWEEPING ||
		w->watch.state == VHSM_WATCH_RESTING;
}

static void on_finding(struct vhsm_watched *w, const char *bytes, size_t len)
{
	char why[VHSM_MESSAGE_WHY_LEN] = "";
	const struct vhsm_check_info *info;
	struct vhsm_finding finding;

	if (vhsm_finding_decode(&finding, bytes, len, why)) {
		broke(w, "finding: %s", why);
		return;
	}
	info = vhsm_check_by_number(finding.check);
	if (!info || finding.check >= 64 ||
	    !(w->policy.checks >> finding.check & 1))
		broke(w, "finding of a check it was not asked to make");
	else if (!is_sweeping(w))
		broke(w, "finding without a sweep");
	else if (++w->monitor.findings > VHSM_FINDINGS_MAX)
		broke(w, "more than %u findings in a sweep",
		      VHSM_FINDINGS_MAX);
	else
		vhsm_findings_add(w, &finding);
}

/* What no honest monitor says, and the decoder cannot know: NULL if there is
 * nothing. */
static const char *verdict_contradiction(const struct vhsm_watched *w,
					 const struct vhsm_verdict *verdict)
{
	if (w->watch.state != VHSM_WATCH_SWEEPING)
		return "verdict without a sweep";
	if (verdict->number != w->watch.sweep)
		return "verdict on a sweep that was not asked for";
	if (verdict->clean && w->monitor.findings)
		return "clean verdict after findings";
	for (unsigned i = 0; i < verdict->run_count; i++) {
		unsigned check = verdict->run[i].check;

		if (check >= 64 || !(w->policy.checks >> check & 1))
			return "verdict on a check it was not asked to make";
	}
	return NULL;
}

/*
 * Tells whether the sweep renews the lease: every check ran, and the keys may be
 * used in spite of what they found.
 */
static bool renews(struct vhsm_watched *w, const struct vhsm_verdict *verdict)
{
	if (verdict->error[0] || !verdict->run_count) {
		vhsm_watched_problem(w, "its sweep is not whole: %s",
				     verdict->error[0] ? verdict->error :
				     "no check could run");
		return false;
	}
	for (unsigned i = 0; i < verdict->run_count; i++)
		if (!verdict->run[i].finished) {
			vhsm_watched_problem(w, "check %s failed: %s",
				vhsm_check_by_number(verdict->run[i].check)
				->name, verdict->run[i].error);
			return false;
		}
	if (verdict->clean)
		return true;
	return w->monitor.findings &&
		vhsm_ladder_tolerates(&w->policy, &w->incident,
				      w->monitor.found);
}

static void on_verdict(struct vhsm_watched *w, const char *bytes, size_t len)
{
	char why[VHSM_MESSAGE_WHY_LEN] = "";
	struct vhsm_verdict *verdict = &w->monitor.verdict;
	const char *contradiction;
	bool good;

	w->monitor.has_verdict = false;
	if (vhsm_verdict_decode(verdict, bytes, len, why)) {
		broke(w, "verdict: %s", why);
		return;
	}
	contradiction = verdict_contradiction(w, verdict);
	if (contradiction) {
		broke(w, "%s", contradiction);
		return;
	}
	good = renews(w, verdict);
	if (good) {
		w->clean_wall_ms = w->ordered_wall_ms;
		w->problem[0] = '\0';
	}
	w->monitor.has_verdict = true;
	vhsm_blinded_verdict(w, verdict, good);
	w->monitor.findings = 0;
	w->monitor.found = 0;
	w->monitor.told_kernel = false;
	vhsm_watched_step(w, verdict->run_count ? VHSM_VERDICT : VHSM_BLIND,
			  good);
}

static void on_log(struct vhsm_watched *w, const char *bytes, size_t len)
{
	char text[VHSM_LOG_TEXT_LEN], why[VHSM_MESSAGE_WHY_LEN] = "";

	if (vhsm_log_decode(text, bytes, len, why))
		broke(w, "%s", why);
	else
		vhsm_log_limited(&w->monitor.log_limit, LOG_INFO,
				 "monitor of %s: %s", w->domain.name, text);
}

static void frame(struct vhsm_watched *w, uint32_t type, const char *bytes,
		  size_t len)
{
	const char *wrong = NULL;

	if (type != VHSM_FRAME_HELLO && !is_sweeping(w)) {
		broke(w, "frame %u before hello", type);
		return;
	}
	switch (type) {
	case VHSM_FRAME_HELLO:
		on_hello(w, bytes, len);
		break;
	case VHSM_FRAME_FOUND:
		on_found(w, bytes, len);
		break;
	case VHSM_FRAME_FINDING:
		on_finding(w, bytes, len);
		break;
	case VHSM_FRAME_VERDICT:
		on_verdict(w, bytes, len);
		break;
	case VHSM_FRAME_LEARNED:
		wrong = vhsm_learn_take(w, bytes, len);
		break;
	case VHSM_FRAME_LEARN_DONE:
		wrong = vhsm_learn_done(w, len);
		break;
	case VHSM_FRAME_LEARN_FAILED:
		wrong = vhsm_learn_failed(w, bytes, len);
		break;
	case VHSM_FRAME_LOG:
		on_log(w, bytes, len);
		break;
	default:
		broke(w, "frame of type %u", type);
	}
	if (wrong)
		broke(w, "learning: %s", wrong);
}

static bool may_speak(struct vhsm_monitor *monitor)
{
	uint64_t now = vhsm_now_ms();

	if (now - monitor->credit_ms > CREDIT_MAX / CREDIT_MS)
		monitor->credit = CREDIT_MAX;
	else
		monitor->credit += (now - monitor->credit_ms) * CREDIT_MS;
	if (monitor->credit > CREDIT_MAX)
		monitor->credit = CREDIT_MAX;
	monitor->credit_ms = now;
	return monitor->credit > 0;
}

static void on_resume(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_monitor *monitor = arg;

	(void)none;
	(void)what;
	event_add(monitor->readable, NULL);
	event_active(monitor->readable, EV_READ, 0);
}

static void pause_reading(struct vhsm_monitor *monitor)
{
	const struct timeval wait = { .tv_usec = PAUSE_MS * 1000 };

	event_del(monitor->readable);
	event_add(monitor->resume, &wait);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_watched *w = arg;
	struct vhsm_channel *channel = w->monitor.channel;
	const void *bytes;
	uint32_t type;
	size_t len;
	int ret = 0;

	(void)fd;
	(void)what;
	/* A frame may end the channel. */
	for (unsigned i = 0; i < FRAMES_AT_ONCE; i++) {
		if (!may_speak(&w->monitor)) {
			pause_reading(&w->monitor);
			return;
		}
		ret = vhsm_channel_recv(channel, &type, &bytes, &len);
		if (ret <= 0)
			break;
		w->monitor.credit -= len + FRAME_COST;
		frame(w, type, bytes, len);
		if (w->monitor.channel != channel)
			return;
	}
	if (ret > 0)
		event_active(w->monitor.readable, EV_READ, 0);
	else if (ret == -EPIPE)
		vhsm_watched_step(w, VHSM_LOST, false);
	else if (ret < 0)
		broke(w, "framing: %s", strerror(-ret));
}

int vhsm_link_open(struct vhsm_watched *w)
{
	struct vhsm_monitor *monitor = &w->monitor;

	errno = 0;
	monitor->channel = w->responder->connect(monitor->domid);
	if (!monitor->channel)
		return -1;
	monitor->readable = event_new(w->responder->base,
				      vhsm_channel_fd(monitor->channel),
				      EV_READ | EV_PERSIST, on_readable, w);
	monitor->resume = evtimer_new(w->responder->base, on_resume, monitor);
	monitor->log_limit.burst = 20;
	monitor->log_limit.interval_s = 60;
	if (monitor->readable && monitor->resume &&
	    !event_add(monitor->readable, NULL)) {
		/* What came before we looked made no event. */
		event_active(monitor->readable, EV_READ, 0);
		return 0;
	}
	vhsm_link_close(w);
	errno = ENOMEM;
	return -1;
}

void vhsm_link_close(struct vhsm_watched *w)
{
	struct vhsm_monitor *monitor = &w->monitor;

	if (monitor->readable)
		event_free(monitor->readable);
	monitor->readable = NULL;
	if (monitor->resume)
		event_free(monitor->resume);
	monitor->resume = NULL;
	monitor->told_kernel = false;
	vhsm_channel_close(&monitor->channel);
	monitor->findings = 0;
	monitor->found = 0;
	monitor->has_verdict = false;
}
