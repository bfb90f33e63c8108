/* SPDX-License-Identifier: Apache-2.0 */
/* xenbus.h - the states of a device, with the numbers of io/xenbus.h of Xen. */
#ifndef VHSM_XENBUS_H
#define VHSM_XENBUS_H

enum vhsm_xenbus_state {
	VHSM_XENBUS_UNKNOWN = 0,	/* no node, or not a state */
	VHSM_XENBUS_INITIALISING = 1,
	VHSM_XENBUS_INIT_WAIT = 2,
	VHSM_XENBUS_INITIALISED = 3,
	VHSM_XENBUS_CONNECTED = 4,
	VHSM_XENBUS_CLOSING = 5,
	VHSM_XENBUS_CLOSED = 6,
};

#endif /* VHSM_XENBUS_H */
