/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen-device.h - one device of one domain: its record, and the walk through
 * the states that lifecycle.h decides.
 */
#ifndef VHSM_XEN_DEVICE_H
#define VHSM_XEN_DEVICE_H

#include "broker/broker.h"
#include "broker/lifecycle.h"
#include "common/child.h"
#include "common/log.h"
#include "common/xenstore.h"

struct vhsm_xen_device {
	struct vhsm_device device;
	LIST_ENTRY(vhsm_xen_device) link;
	struct vhsm_broker *broker;
	struct vhsm_store *store;
	struct vhsm_lifecycle life;
	struct vhsm_backoff backoff;
	struct vhsm_backoff pause;	/* after an orderly end */
	int64_t start_at_ms;		/* no new engine before */
	int64_t remove_at_ms;		/* 0, or when to stop being patient */
	struct event *timer;		/* the next of both, or rewatch */
	bool watched;
	int64_t window_ms;		/* watch events in this second */
	unsigned window_events;
	struct vhsm_log_limit log_limit;
};

LIST_HEAD(vhsm_xen_device_list, vhsm_xen_device);

/*
 * A record of a device whose nodes are there, in list and in the broker's.
 * found: they were there before us, in any state, and are brought to a known
 * one.  demand: its keys depend on a lease (guest.h).  NULL with errno set.
 */
struct vhsm_xen_device *
vhsm_xen_device_new(struct vhsm_broker *broker, struct vhsm_store *store,
		    const struct vhsm_identity *identity, bool demand,
		    bool found, struct vhsm_xen_device_list *list);
/* Frees the record; the nodes stay. */
void vhsm_xen_device_free(struct vhsm_xen_device **device);

/* Does all there is to do; it may free the device. */
void vhsm_xen_device_walk(struct vhsm_xen_device *device);

/* A watch event came for it. */
void vhsm_xen_device_event(struct vhsm_xen_device *device);

/* Begins its end: its domain is gone; or it alone is to go, for which its
 * frontend has a while. */
void vhsm_xen_device_domain_gone(struct vhsm_xen_device *device);
void vhsm_xen_device_unplug(struct vhsm_xen_device *device);

/* The broker is stopping: Closing, for the next one to go on from. */
void vhsm_xen_device_suspend(struct vhsm_xen_device *device);

#endif /* VHSM_XEN_DEVICE_H */
