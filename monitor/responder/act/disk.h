/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - a file of dom0 as a monitor domain's disk, read-only: through a
 * loop device that goes away by itself once neither vhsm-act nor the domain's
 * backend has it open.
 */
#ifndef VHSM_ACT_DISK_H
#define VHSM_ACT_DISK_H

#include "responder/act/act.h"

#define ACT_DISK_PATH_LEN	32u

struct act_disk {
	char path[ACT_DISK_PATH_LEN];	/* of the loop device */
	int fd;
};

/* Of a file of whole sectors: 0, or -1 with why. */
int act_disk_open(struct vhsm_act *, struct act_disk *, const char *file);
/* For the configuration of the domain; the first disk it has. */
void act_disk_describe(const struct act_disk *, libxl_device_disk *);
/* Connects the backend of the domain, which was made with it and is still
 * paused, and waits until it has it open: 0, or -1 with why. */
int act_disk_join(struct vhsm_act *, const struct act_disk *, uint32_t domid);
void act_disk_close(struct act_disk *);

#endif /* VHSM_ACT_DISK_H */
