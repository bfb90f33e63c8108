/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.h - what a device's monitor= means for the broker: whether its keys
 * depend on an integrity lease.  The policy itself is the responder's
 * (vhsm-policy(5)).
 */
#ifndef VHSM_MONITOR_H
#define VHSM_MONITOR_H

#include <stdbool.h>

/*
 * Reads the policy of that name in dir; "" is no policy, which demands
 * nothing.  0 with *demand; or -errno with why (VHSM_TEXT_MAX), and *demand
 * true: what cannot be read may demand one.
 */
int vhsm_monitor_read(const char *dir, const char *name, bool *demand,
		      char *why);

#endif /* VHSM_MONITOR_H */
