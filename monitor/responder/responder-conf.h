/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responder-conf.h - responder.conf(5), read once at start.  Where the domains'
 * configurations, the monitor policies and the sockets are, it takes from
 * vhsmd.conf(5), so that broker and responder never disagree about it.
 */
#ifndef VHSM_RESPONDER_CONF_H
#define VHSM_RESPONDER_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/vhsmd-conf.h"

#define VHSM_RESPONDER_CONF SYSCONFDIR "/vhsm/responder.conf"

struct vhsm_responder_conf {
	struct vhsm_config vhsmd;
	char monitor_kernel[PATH_MAX];
	char monitor_ramdisk[PATH_MAX];
	char baseline_dir[PATH_MAX];
	char alert_dir[PATH_MAX];
	char alert_file[PATH_MAX];
	char incident_dir[PATH_MAX];
	char state_file[PATH_MAX];
	char act[PATH_MAX];		/* vhsm-act */
	uint32_t monitor_memory_mib;	/* 32..4096 */
	uint32_t monitor_start_ms;	/* 1000..3600000 */
	uint32_t monitor_hang_ms;	/* 1000..3600000 */
	uint32_t max_guests;		/* 1..4096 */
	bool dirty_log;
};

/* Reads path.  With may_miss, a file that does not exist means the defaults.
 * 0, or -errno; what is wrong has been written to standard error. */
int vhsm_responder_conf_read(struct vhsm_responder_conf *, const char *path,
			     bool may_miss);
/* Safe after a failed read. */
void vhsm_responder_conf_deinit(struct vhsm_responder_conf *);

#endif /* VHSM_RESPONDER_CONF_H */
