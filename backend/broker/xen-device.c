/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen-device.c - does what lifecycle.c decides.
 *
 * What a guest can cause by writing its nodes is bounded: its watch events
 * are counted, and past EVENTS_MAX a second its watch is taken off for the
 * rest of it; engines start, and refusals are forgiven, no sooner than the
 * back-off says.
 */
#include <config.h>

#include "broker/xen-device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/engine-child.h"
#include "broker/guest.h"
#include "broker/handshake.h"
#include "broker/plug.h"
#include "broker/vault-child.h"
#include "common/clock.h"

#define EVENTS_MAX	64u
#define STEPS_MAX	16u		/* of one walk; see tests */
#define UNPLUG_MS	10000
#define PAUSE_MAX_MS	1000u		/* between two orderly connections */

static const char *state_name(const struct vhsm_device *base)
{
	static const char *const names[] = {
		"unknown", "initialising", "waiting", "initialised",
		"connected", "closing", "closed",
	};
	const struct vhsm_xen_device *device =
		(const struct vhsm_xen_device *)base;

	if (device->life.refused)
		return "refused";
	if (device->life.engine == VHSM_ENGINE_STARTING)
		return "connecting";
	return names[device->life.back];
}

static void watch_path(const struct vhsm_xen_device *device, char *path,
		       char *token)
{
	const struct vhsm_identity *id = &device->device.identity;

	vhsm_store_path(path, VHSM_PATH_FRONTEND_STATE, id->domid, id->device);
	vhsm_store_path(token, "device/%u/%u", id->domid, id->device);
}

static void watch_set(struct vhsm_xen_device *device, bool on)
{
	char path[VHSM_STORE_PATH], token[VHSM_STORE_PATH];

	if (device->watched == on)
		return;
	device->watched = on;
	watch_path(device, path, token);
	if (on)
		xs_watch(device->store->xs, path, token);
	else
		xs_unwatch(device->store->xs, path, token);
}

static void timer_set(struct vhsm_xen_device *device, int64_t at_ms)
{
	int64_t ms = at_ms - vhsm_now_ms();
	struct timeval wait;

	if (ms < 1)
		ms = 1;
	wait.tv_sec = ms / 1000;
	wait.tv_usec = ms % 1000 * 1000;
	event_add(device->timer, &wait);
}

static void state_write(struct vhsm_xen_device *device,
			enum vhsm_xenbus_state state)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];
	int ret;

	device->life.back = state;
	vhsm_store_path(path, VHSM_PATH_BACKEND_STATE, device->store->self,
			id->domid, id->device);
	ret = vhsm_store_write_u32(device->store, XBT_NULL, path, state);
	if (ret)
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(-ret));
}

static void offer(struct vhsm_xen_device *device)
{
	int ret = vhsm_plug_offer(device->store, &device->device.identity,
				  &device->broker->config);

	device->life.back = VHSM_XENBUS_INIT_WAIT;
	if (ret)
		vhsm_log(LOG_ERR, "domain %s: cannot offer the device: %s",
			 device->device.identity.uuid_text, strerror(-ret));
}

/* The frontend is to blame, and is told why. */
static void refuse(struct vhsm_xen_device *device, const char *why)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH], text[VHSM_TEXT_MAX + 16];
	int64_t now = vhsm_now_ms();

	device->life.refused = true;
	device->start_at_ms = now + vhsm_backoff_next(&device->backoff, now);
	snprintf(device->device.error, sizeof(device->device.error), "%s",
		 why);
	vhsm_log_limited(&device->log_limit, LOG_WARNING,
			 "domain %s (%s), device %u: refused: %s",
			 id->uuid_text, id->domain, id->device, why);
	if (device->life.gone)		/* its nodes are removed already */
		return;
	vhsm_store_path(path, VHSM_PATH_BACKEND_ERROR, device->store->self,
			id->domid, id->device);
	snprintf(text, sizeof(text), "%d %s", EINVAL, why);
	vhsm_store_write(device->store, XBT_NULL, path, text);
}

static void forgive(struct vhsm_xen_device *device)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];

	device->life.refused = false;
	device->device.error[0] = '\0';
	vhsm_backoff_started(&device->backoff, vhsm_now_ms());
	vhsm_store_path(path, VHSM_PATH_BACKEND_ERROR, device->store->self,
			id->domid, id->device);
	xs_rm(device->store->xs, XBT_NULL, path);
}

/* vhsm_handshake_read() from xenstore. */
static int node_read(void *arg, const char *node, char *value, size_t room)
{
	const struct vhsm_xen_device *device = arg;
	const struct vhsm_identity *id = &device->device.identity;
	char dir[VHSM_STORE_PATH], path[VHSM_STORE_PATH + 64];

	vhsm_store_path(dir, VHSM_PATH_FRONTEND, id->domid, id->device);
	snprintf(path, sizeof(path), "%s/%s", dir, node);
	return vhsm_store_read(device->store, path, value, room);
}

/* The frontend's nodes in numbers; -EINVAL with why. */
static int handshake(struct vhsm_xen_device *device,
		     struct vhsm_msg_connect_xen *connect, char *why)
{
	const struct vhsm_config *config = &device->broker->config;
	const struct vhsm_handshake_limits limits = {
		config->max_queues, config->max_ring_order,
		config->max_pool_pages,
	};
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];
	unsigned count = 0;
	char **names;
	int r;

	vhsm_store_path(path, VHSM_PATH_FRONTEND, id->domid, id->device);
	names = xs_directory(device->store->xs, XBT_NULL, path, &count);
	r = vhsm_handshake_features(names, names ? count : 0, why);
	free(names);
	return r ? r : vhsm_handshake_parse(node_read, device, &limits, connect,
					    why);
}

static void on_connected(void *arg)
{
	struct vhsm_xen_device *device = arg;

	device->life.engine = VHSM_ENGINE_UP;
	vhsm_xen_device_walk(device);
}

/* A guest may connect anew whenever it likes; but each time costs a process
 * and records of the log, so one that does nothing else is slowed down. */
static uint32_t pause_next(struct vhsm_xen_device *device, int64_t now_ms)
{
	uint32_t ms = vhsm_backoff_next(&device->pause, now_ms);

	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void on_ended(void *arg, const char *how, const char *refusal)
{
	struct vhsm_xen_device *device = arg;
	int64_t now = vhsm_now_ms();
	bool asked = device->life.engine == VHSM_ENGINE_STOPPING;

	(void)how;
	device->device.engine = NULL;
	device->life.engine = VHSM_ENGINE_NONE;
	if (refusal[0] && !asked)
		refuse(device, refusal);
	else
		device->start_at_ms = now +
			(asked ? pause_next(device, now) :
			 vhsm_backoff_next(&device->backoff, now));
	vhsm_xen_device_walk(device);
}

static void start(struct vhsm_xen_device *device)
{
	static const struct vhsm_engine_events events = {
		on_connected, on_ended
	};
	const struct vhsm_identity *id = &device->device.identity;
	struct vhsm_msg_connect_xen connect;
	char why[VHSM_TEXT_MAX];
	int64_t now = vhsm_now_ms();

	if (handshake(device, &connect, why)) {
		refuse(device, why);
		vhsm_vault_device_event(device->broker->vault, id,
					VHSM_EVENT_ATTACH_REFUSED, why);
		return;
	}
	connect.domid = id->domid;
	vhsm_backoff_started(&device->backoff, now);
	vhsm_backoff_started(&device->pause, now);
	device->device.engine = vhsm_engine_new(device->broker, id, "xen",
						&connect.hdr, NULL, 0, &events,
						device);
	if (device->device.engine) {
		device->life.engine = VHSM_ENGINE_STARTING;
		return;
	}
	vhsm_log_limited(&device->log_limit, LOG_ERR,
			 "domain %s: no engine could be started: %s",
			 id->uuid_text, strerror(errno));
	device->start_at_ms = now + vhsm_backoff_next(&device->backoff, now);
}

static void refuse_state(struct vhsm_xen_device *device)
{
	char why[VHSM_TEXT_MAX];

	snprintf(why, sizeof(why), "state: %d is out of order",
		 device->life.front);
	refuse(device, why);
	vhsm_vault_device_event(device->broker->vault,
				&device->device.identity,
				VHSM_EVENT_ATTACH_REFUSED, why);
}

static void act(struct vhsm_xen_device *device,
		enum vhsm_lifecycle_action action)
{
	switch (action) {
	case VHSM_DO_OFFER:
		offer(device);
		break;
	case VHSM_DO_START:
		start(device);
		break;
	case VHSM_DO_SAY_CONNECTED:
		state_write(device, VHSM_XENBUS_CONNECTED);
		break;
	case VHSM_DO_STOP:
		device->life.engine = VHSM_ENGINE_STOPPING;
		vhsm_engine_stop(device->device.engine);
		break;
	case VHSM_DO_SAY_CLOSING:
		state_write(device, VHSM_XENBUS_CLOSING);
		break;
	case VHSM_DO_SAY_CLOSED:
		state_write(device, VHSM_XENBUS_CLOSED);
		break;
	case VHSM_DO_REFUSE_STATE:
		refuse_state(device);
		break;
	case VHSM_DO_FORGIVE:
		forgive(device);
		break;
	case VHSM_DO_REMOVE:
	case VHSM_DO_NOTHING:
		break;
	}
}

/* What the life cycle goes by, but for what we know ourselves. */
static void levels_read(struct vhsm_xen_device *device)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];
	int64_t now = vhsm_now_ms();

	if (device->remove_at_ms && now >= device->remove_at_ms) {
		/* Its frontend had its time: as if the domain were gone. */
		device->life.gone = true;
	}
	device->life.can_start = vhsm_vault_is_ready(device->broker->vault) &&
		now >= device->start_at_ms;
	vhsm_store_path(path, VHSM_PATH_FRONTEND_STATE, id->domid, id->device);
	device->life.front = vhsm_store_read_state(device->store, path);
}

static void timers_set(struct vhsm_xen_device *device)
{
	int64_t at = 0;

	if (!device->watched)
		at = device->window_ms + 1000;
	if (device->start_at_ms > vhsm_now_ms() &&
	    (!at || device->start_at_ms < at))
		at = device->start_at_ms;
	if (device->remove_at_ms && !device->life.gone &&
	    (!at || device->remove_at_ms < at))
		at = device->remove_at_ms;
	if (at)
		timer_set(device, at);
}

void vhsm_xen_device_walk(struct vhsm_xen_device *device)
{
	enum vhsm_lifecycle_action action;

	if (device->broker->stopping)
		return;
	levels_read(device);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		action = vhsm_lifecycle_decide(&device->life);
		if (action == VHSM_DO_NOTHING)
			break;
		if (action == VHSM_DO_REMOVE) {
			/* Only a device unplugged by hand has a frontend's
			 * half left to remove. */
			vhsm_plug_remove(device->store,
					 &device->device.identity,
					 !device->remove_at_ms);
			vhsm_xen_device_free(&device);
			return;
		}
		act(device, action);
		device->life.can_start = device->life.can_start &&
			vhsm_now_ms() >= device->start_at_ms;
	}
	timers_set(device);
}

static void on_timer(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_xen_device *device = arg;

	(void)none;
	(void)what;
	if (!device->watched && vhsm_now_ms() >= device->window_ms + 1000) {
		device->window_events = 0;
		watch_set(device, true);
	}
	vhsm_xen_device_walk(device);
}

void vhsm_xen_device_event(struct vhsm_xen_device *device)
{
	int64_t now = vhsm_now_ms();

	if (now - device->window_ms >= 1000) {
		device->window_ms = now;
		device->window_events = 0;
	}
	if (++device->window_events > EVENTS_MAX && device->watched) {
		vhsm_log_limited(&device->log_limit, LOG_WARNING,
				 "domain %s (%s): its state changes too often; "
				 "looking at it once a second",
				 device->device.identity.uuid_text,
				 device->device.identity.domain);
		watch_set(device, false);
		timers_set(device);
	}
	if (device->watched)
		vhsm_xen_device_walk(device);
}

/* Nodes of a broker before us: what it refused stays refused, and what it had
 * connected, or perhaps begun to, is closed for the frontend to come back. */
static void adopt(struct vhsm_xen_device *device)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];
	enum vhsm_xenbus_state back;
	uint32_t online = 1;

	vhsm_store_path(path, VHSM_PATH_BACKEND_STATE, device->store->self,
			id->domid, id->device);
	back = vhsm_store_read_state(device->store, path);
	if (back == VHSM_XENBUS_INIT_WAIT || back == VHSM_XENBUS_INITIALISED)
		back = VHSM_XENBUS_CONNECTED;
	device->life.back = back;
	vhsm_store_path(path, VHSM_PATH_BACKEND_ERROR, device->store->self,
			id->domid, id->device);
	device->life.refused = !vhsm_store_read_text(device->store, path,
						     device->device.error,
						sizeof(device->device.error));
	vhsm_store_path(path, VHSM_PATH_BACKEND_ONLINE, device->store->self,
			id->domid, id->device);
	vhsm_store_read_u32(device->store, path, &online);
	if (!online)
		vhsm_xen_device_unplug(device);
}

struct vhsm_xen_device *
vhsm_xen_device_new(struct vhsm_broker *broker, struct vhsm_store *store,
		    const struct vhsm_identity *identity, bool demand,
		    bool found, struct vhsm_xen_device_list *list)
{
	struct vhsm_xen_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->device.guest = vhsm_guest_join(broker, identity, demand);
	if (!device->device.guest) {
		free(device);
		return NULL;
	}
	device->device.demand = demand;
	device->device.identity = *identity;
	device->device.transport = "xen";
	device->device.state_name = state_name;
	device->broker = broker;
	device->store = store;
	device->life.online = true;
	device->life.back = VHSM_XENBUS_INITIALISING;
	device->log_limit.burst = 10;
	device->log_limit.interval_s = 60;
	LIST_INSERT_HEAD(&broker->devices, &device->device, link);
	LIST_INSERT_HEAD(list, device, link);
	device->timer = evtimer_new(broker->base, on_timer, device);
	if (!device->timer) {
		vhsm_xen_device_free(&device);
		errno = ENOMEM;
		return NULL;
	}
	if (found)
		adopt(device);
	/* Its first event comes at once, and begins the walk. */
	watch_set(device, true);
	return device;
}

void vhsm_xen_device_free(struct vhsm_xen_device **device)
{
	struct vhsm_xen_device *d = *device;

	*device = NULL;
	if (!d)
		return;
	watch_set(d, false);
	vhsm_engine_free(&d->device.engine);
	if (d->timer)
		event_free(d->timer);
	vhsm_guest_leave(&d->device.guest, d->device.demand);
	LIST_REMOVE(&d->device, link);
	LIST_REMOVE(d, link);
	free(d);
}

void vhsm_xen_device_domain_gone(struct vhsm_xen_device *device)
{
	device->life.gone = true;
	vhsm_xen_device_walk(device);
}

void vhsm_xen_device_unplug(struct vhsm_xen_device *device)
{
	const struct vhsm_identity *id = &device->device.identity;
	char path[VHSM_STORE_PATH];

	device->life.online = false;
	device->remove_at_ms = vhsm_now_ms() + UNPLUG_MS;
	vhsm_store_path(path, VHSM_PATH_BACKEND_ONLINE, device->store->self,
			id->domid, id->device);
	vhsm_store_write_u32(device->store, XBT_NULL, path, 0);
	/* From the loop: the caller may still use the record. */
	timer_set(device, 0);
}

void vhsm_xen_device_suspend(struct vhsm_xen_device *device)
{
	if (device->life.back == VHSM_XENBUS_CONNECTED ||
	    device->life.back == VHSM_XENBUS_INIT_WAIT)
		state_write(device, VHSM_XENBUS_CLOSING);
	if (device->device.engine)
		vhsm_engine_stop(device->device.engine);
}
