/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.h - the state machine of one Xen device, as a pure function.
 *
 * It is driven by levels, not by edges: from everything known of a device it
 * says the one next thing to do.  Whoever walks it does that, records it, and
 * asks again until there is nothing to do.  So a missed, repeated or reordered
 * xenstore event changes nothing, and a broker that finds a device in any
 * state after a crash just asks.
 */
#ifndef VHSM_LIFECYCLE_H
#define VHSM_LIFECYCLE_H

#include <stdbool.h>

#include "common/xenbus.h"

enum vhsm_engine_phase {
	VHSM_ENGINE_NONE = 0,		/* nothing of the guest is mapped */
	VHSM_ENGINE_STARTING,
	VHSM_ENGINE_UP,
	VHSM_ENGINE_STOPPING,		/* told to stop, not gone yet */
};

struct vhsm_lifecycle {
	enum vhsm_xenbus_state front;	/* as last read; the guest's word */
	enum vhsm_xenbus_state back;	/* as last written */
	enum vhsm_engine_phase engine;
	bool online;			/* the device is to be there */
	bool gone;			/* its domain is not */
	bool refused;			/* "error" is set */
	bool can_start;			/* vault ready, no back-off running */
};

enum vhsm_lifecycle_action {
	VHSM_DO_NOTHING = 0,
	VHSM_DO_OFFER,			/* versions and limits, InitWait */
	VHSM_DO_START,			/* read nodes, start an engine */
	VHSM_DO_SAY_CONNECTED,
	VHSM_DO_STOP,			/* tell the engine to stop */
	VHSM_DO_SAY_CLOSING,
	VHSM_DO_SAY_CLOSED,
	VHSM_DO_REFUSE_STATE,		/* the frontend's makes no sense here */
	VHSM_DO_FORGIVE,		/* remove "error" */
	VHSM_DO_REMOVE,			/* nodes and record */
};

enum vhsm_lifecycle_action
vhsm_lifecycle_decide(const struct vhsm_lifecycle *device);

#endif /* VHSM_LIFECYCLE_H */
