/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.c - what to do next with a device (states: vhsmif.h).
 *
 *              OFFER                  START            engine CONNECTED
 *  Initialising ----> InitWait ---------------------------------> Connected
 *                     |    ^     (front Initialised,    SAY_         |
 *                     |    |      engine STARTING)      CONNECTED    |
 *      refused, front |    |                                         |
 *      closing, or    |    | OFFER: online and front           front closing,
 *      offline        |    | Closed or Initialising           engine gone or
 *                     v    |                                   told to STOP
 *        Closing <---------|------------------------------------------+
 *           |              |
 *           +----------> Closed ---> REMOVE (offline)
 *        engine NONE and
 *        front not Connected
 *
 *  A refused device stays Closed until its frontend is Initialising: FORGIVE,
 *  then OFFER.  A device whose domain is gone only waits for its engine to
 *  end, whatever the states, and is REMOVEd.
 *
 * Each action changes what led to it, so that asking again never repeats it:
 * tests/unit/lifecycle.c walks every combination to its end.
 */
#include <config.h>

#include "broker/lifecycle.h"

/* Whether the frontend still wants the engine it published its rings for. */
static bool front_wants_engine(enum vhsm_xenbus_state front)
{
	return front == VHSM_XENBUS_INITIALISED ||
		front == VHSM_XENBUS_CONNECTED;
}

static enum vhsm_lifecycle_action
decide_with_engine(const struct vhsm_lifecycle *device)
{
	bool wanted = front_wants_engine(device->front) && device->online &&
		!device->gone && !device->refused;

	if (device->engine != VHSM_ENGINE_STOPPING && !wanted)
		return VHSM_DO_STOP;
	if (device->gone)
		return VHSM_DO_NOTHING;
	if (device->engine == VHSM_ENGINE_STOPPING)
		return device->back == VHSM_XENBUS_CLOSING ?
			VHSM_DO_NOTHING : VHSM_DO_SAY_CLOSING;
	if (device->engine == VHSM_ENGINE_UP &&
	    device->back != VHSM_XENBUS_CONNECTED)
		return VHSM_DO_SAY_CONNECTED;
	return VHSM_DO_NOTHING;
}

static enum vhsm_lifecycle_action
decide_init_wait(const struct vhsm_lifecycle *device)
{
	if (device->refused || !device->online)
		return VHSM_DO_SAY_CLOSING;
	switch (device->front) {
	case VHSM_XENBUS_INITIALISED:
		return device->can_start ? VHSM_DO_START : VHSM_DO_NOTHING;
	case VHSM_XENBUS_CLOSING:
		return VHSM_DO_SAY_CLOSING;
	case VHSM_XENBUS_INIT_WAIT:
	case VHSM_XENBUS_CONNECTED:
		return VHSM_DO_REFUSE_STATE;
	default:
		return VHSM_DO_NOTHING;
	}
}

static enum vhsm_lifecycle_action
decide_closing(const struct vhsm_lifecycle *device)
{
	/* Its answer to our Closing is the promise that it no longer uses the
	 * rings; one that is refused has no rings with us. */
	if (device->front == VHSM_XENBUS_CONNECTED && !device->refused)
		return VHSM_DO_NOTHING;
	if (device->front == VHSM_XENBUS_INITIALISED && !device->refused)
		return VHSM_DO_NOTHING;
	return VHSM_DO_SAY_CLOSED;
}

static enum vhsm_lifecycle_action
decide_closed(const struct vhsm_lifecycle *device)
{
	if (!device->online)
		return device->front == VHSM_XENBUS_CLOSING ?
			VHSM_DO_NOTHING : VHSM_DO_REMOVE;
	if (device->refused)
		return device->front == VHSM_XENBUS_INITIALISING &&
			device->can_start ?
			VHSM_DO_FORGIVE : VHSM_DO_NOTHING;
	switch (device->front) {
	case VHSM_XENBUS_CLOSING:
	case VHSM_XENBUS_CONNECTED:
		return VHSM_DO_NOTHING;
	default:
		return VHSM_DO_OFFER;
	}
}

enum vhsm_lifecycle_action
vhsm_lifecycle_decide(const struct vhsm_lifecycle *device)
{
	if (device->engine != VHSM_ENGINE_NONE)
		return decide_with_engine(device);
	if (device->gone)
		return VHSM_DO_REMOVE;
	switch (device->back) {
	case VHSM_XENBUS_INIT_WAIT:
		return decide_init_wait(device);
	case VHSM_XENBUS_CONNECTED:
		return VHSM_DO_SAY_CLOSING;
	case VHSM_XENBUS_CLOSING:
		return decide_closing(device);
	case VHSM_XENBUS_CLOSED:
		return decide_closed(device);
	default:
		return device->online ? VHSM_DO_OFFER : VHSM_DO_SAY_CLOSING;
	}
}
