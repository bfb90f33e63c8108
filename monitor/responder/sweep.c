/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - what a monitor is told: what to look for, and with each order to
 * sweep what only dom0 can know: the vCPUs' registers and the pages written.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define CHUNK_FRAMES	32768u		/* of the dirty log, in a frame */

_Static_assert(CHUNK_FRAMES <= VHSM_DIRTY_FRAMES, "a chunk fits a frame");

static void json_send(struct vhsm_watched *w, uint32_t type, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int ret = text ? vhsm_channel_send(w->monitor.channel, type, text,
					   strlen(text)) : -ENOMEM;

	free(text);
	json_decref(json);
	/* One that does not take what it is sent does not answer in time. */
	if (ret)
		vhsm_watched_problem(w, "cannot speak to its monitor: %s",
				     strerror(-ret));
}

static json_t *checks_json(const struct vhsm_policy *policy)
{
	const struct vhsm_check_info *info;
	json_t *checks = json_object();

	for (unsigned i = 0; (info = vhsm_check_row(i)); i++) {
		const char *options = policy->check[info->number].options;

		if (policy->checks >> info->number & 1)
			json_object_set_new(checks, info->name, options[0] ?
				json_loads(options, JSON_REJECT_DUPLICATES,
					   NULL) : json_null());
	}
	return checks;
}

void vhsm_sweep_configure(struct vhsm_watched *w)
{
	struct vhsm_configure configure = {
		.domid = w->domain.domid,
		.full_ms = w->policy.full_ms,
		.slice_ms = w->policy.slice_ms,
	};
	int ret = vhsm_hypervisor_frames(w->responder->hypervisor,
					 w->domain.domid,
					 &w->monitor.frames);

	w->monitor.log_due_ms = 0;
	if (ret) {
		vhsm_watched_problem(w, "how much memory it has: %s",
				     strerror(-ret));
		w->monitor.frames = 0;
	}
	configure.frames = w->monitor.frames;
	configure.checks = checks_json(&w->policy);
	json_send(w, VHSM_FRAME_CONFIGURE, vhsm_configure_encode(&configure));
	json_decref(configure.checks);
	vhsm_fingerprints_tell(w);
}

static bool any(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return true;
	return false;
}

/* What was written, of w->monitor.frames; NULL: that is not known. */
static uint8_t *dirty_take(struct vhsm_watched *w)
{
	const uint64_t frames = w->monitor.frames;
	/* Words of 64, as the hypervisor's map is. */
	uint8_t *bitmap = calloc(frames / 64 + 1, 8);

	if (bitmap && vhsm_hypervisor_dirty(w->responder->hypervisor,
			&w->monitor.dirty, w->domain.domid, frames,
			bitmap) == 1)
		return bitmap;
	free(bitmap);
	return NULL;
}

static uint64_t chunk_count(uint64_t frames, uint64_t first)
{
	return frames - first < CHUNK_FRAMES ? frames - first : CHUNK_FRAMES;
}

/* Chunks in which nothing was written are left out, but for the first, which
 * says that the log is known. */
static bool is_told(const uint8_t *bitmap, uint64_t first, uint64_t count)
{
	return !first || any(bitmap + first / 8, (count + 7) / 8);
}

/* Bytes of all the frames. */
static size_t dirty_len(const uint8_t *bitmap, uint64_t frames)
{
	uint64_t first, count;
	size_t len = 0;

	for (first = 0; first < frames; first += count) {
		count = chunk_count(frames, first);
		if (is_told(bitmap, first, count))
			len += VHSM_CHANNEL_HEADER + vhsm_dirty_len(count);
	}
	return len;
}

static int dirty_send(struct vhsm_watched *w, const uint8_t *bitmap)
{
	static uint8_t frame[VHSM_FRAME_MAX];
	uint64_t frames = w->monitor.frames, first, count;
	int ret = 0;

	for (first = 0; !ret && first < frames; first += count) {
		count = chunk_count(frames, first);
		if (is_told(bitmap, first, count))
			ret = vhsm_channel_send(w->monitor.channel,
				VHSM_FRAME_DIRTY, frame,
				vhsm_dirty_encode(frame, first,
						  bitmap + first / 8, count));
	}
	return ret;
}

/*
 * What was written, told when a full scan may begin: *logged when the log is
 * whole.  A frame that is not in what is told counts as not written, so all of
 * it is told, with room for the order after it, or nothing.
 */
static int log_tell(struct vhsm_watched *w, bool *logged)
{
	const uint64_t now = vhsm_now_ms();
	uint8_t *bitmap;
	int ret = 0;

	*logged = w->monitor.dirty.on;
	if (now < w->monitor.log_due_ms)
		return 0;
	bitmap = dirty_take(w);
	*logged = false;
	if (!bitmap)
		return 0;
	if (vhsm_channel_reserve(w->monitor.channel,
			dirty_len(bitmap, w->monitor.frames) +
			VHSM_CHANNEL_HEADER + VHSM_FRAME_MAX)) {
		vhsm_log(LOG_NOTICE, "%s (ID %u): too much was written to tell "
			 "its monitor, which reads all again", w->domain.name,
			 w->domain.domid);
	} else {
		ret = dirty_send(w, bitmap);
		*logged = !ret;
		w->monitor.log_due_ms = now + w->policy.full_ms;
	}
	free(bitmap);
	return ret;
}

/* One that does not get the order after the log is left alone: it would believe
 * what it has. */
static void order_send(struct vhsm_watched *w, struct vhsm_sweep_order *order)
{
	char *text = NULL;
	json_t *json;
	int ret = 0;

	order->logged = false;
	if (w->policy.full_ms && w->responder->conf.dirty_log)
		ret = log_tell(w, &order->logged);
	json = vhsm_sweep_order_encode(order);
	if (json)
		text = json_dumps(json, JSON_COMPACT);
	if (!text)
		ret = -ENOMEM;
	if (!ret)
		ret = vhsm_channel_send(w->monitor.channel, VHSM_FRAME_SWEEP,
					text, strlen(text));
	free(text);
	json_decref(json);
	if (!ret)
		return;
	vhsm_watched_problem(w, "cannot speak to its monitor: %s",
			     strerror(-ret));
	vhsm_watched_step(w, VHSM_LOST, false);
}

void vhsm_sweep_order(struct vhsm_watched *w)
{
	static struct vhsm_sweep_order order;
	char why[VHSM_HYPERVISOR_WHY_LEN] = "";
	uint64_t last;

	if (!w->monitor.channel || !vhsm_approval_holds(w))
		return;
	order.number = w->watch.sweep;
	w->ordered_wall_ms = vhsm_wall_ms();
	if (vhsm_hypervisor_vcpus(w->responder->hypervisor, w->domain.domid,
				  order.vcpu, &order.vcpu_count, why)) {
		/* A guest that ends; if not, the time for a verdict does. */
		vhsm_watched_problem(w, "its registers: %s", why);
		return;
	}
	if (!vhsm_hypervisor_last(w->responder->hypervisor, w->domain.domid,
				  &last))
		vhsm_blinded_frames(w, last);
	order_send(w, &order);
	vhsm_fingerprints_look(w);
}

int vhsm_sweep_learn(struct vhsm_watched *w)
{
	return vhsm_channel_send(w->monitor.channel, VHSM_FRAME_LEARN, "{}", 2);
}
