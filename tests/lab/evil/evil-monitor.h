/* SPDX-License-Identifier: GPL-2.0-only */
/* evil-monitor.h - between the module evil-monitor and monitor-reach. */
#ifndef EVIL_MONITOR_H
#define EVIL_MONITOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct evil_hypercall {
	__u64 op;
	__u64 arg[5];
};

#define EVIL_HYPERCALL	_IOW('e', 1, struct evil_hypercall)

#endif /* EVIL_MONITOR_H */
