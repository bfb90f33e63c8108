/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - see disk.h.
 *
 * Linux: linux/loop.h; drivers/block/xen-blkback/xenbus.c, whose backend waits
 * for ~/physical-device, opens it, and then shows it in sysfs.
 */
#include <config.h>

#include "responder/act/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define VDEV		"xvda"
#define VDEV_NUMBER	(202u << 8)	/* of xvda, in paths */
#define BACKEND		"backend/vbd/%u/%u/physical-device" /* of dom0 */
#define OPENED		"/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device"
#define SECTOR		512
#define TRIES		16		/* others take loop devices, too */
#define WAIT_MS		10000
#define STEP_MS		10

/* A loop device of its own for the file: its descriptor, or -errno. */
static int loop_take(struct act_disk *disk, int control, int file)
{
	const struct loop_config config = {
		.fd = (unsigned)file,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
	};
	int fd, number, ret;

	number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		return -errno;
	snprintf(disk->path, sizeof(disk->path), "/dev/loop%d", number);
	fd = open(disk->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!ioctl(fd, LOOP_CONFIGURE, &config))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int loop_open(struct vhsm_act *act, struct act_disk *disk, int file)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return vhsm_act_fail(act, "/dev/loop-control: %s (is the "
				     "kernel module loop there?)",
				     strerror(errno));
	disk->fd = -EBUSY;
	for (int i = 0; i < TRIES && disk->fd == -EBUSY; i++)
		disk->fd = loop_take(disk, control, file);
	close(control);
	return disk->fd < 0 ? vhsm_act_fail(act, "no loop device: %s",
					    strerror(-disk->fd)) : 0;
}

int act_disk_open(struct vhsm_act *act, struct act_disk *disk,
		  const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct stat st;

	disk->fd = -1;
	if (file < 0 || fstat(file, &st))
		ret = vhsm_act_fail(act, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !st.st_size || st.st_size % SECTOR)
		ret = vhsm_act_fail(act, "%s is damaged or of an earlier "
				    "version: make the baseline again", path);
	else
		ret = loop_open(act, disk, file);
	if (file >= 0)
		close(file);
	return ret;
}

void act_disk_describe(const struct act_disk *disk, libxl_device_disk *to)
{
	libxl_device_disk_init(to);
	to->pdev_path = strdup(disk->path);
	to->vdev = strdup(VDEV);
	to->backend = LIBXL_DISK_BACKEND_PHY;
	to->format = LIBXL_DISK_FORMAT_RAW;
	/* It would find the device's number, which is known here. */
	to->script = strdup("/bin/true");
	to->readwrite = 0;
}

/* Tells the backend which device it is. */
static int number_write(struct vhsm_act *act, const struct act_disk *disk,
			uint32_t domid)
{
	char path[96], number[32];
	struct xs_handle *xs;
	struct stat st;
	int ret = 0;

	if (fstat(disk->fd, &st))
		return vhsm_act_fail(act, "%s: %s", disk->path,
				     strerror(errno));
	snprintf(path, sizeof(path), BACKEND, domid, VDEV_NUMBER);
	snprintf(number, sizeof(number), "%x:%x", major(st.st_rdev),
		 minor(st.st_rdev));
	xs = xs_open(0);
	if (!xs || !xs_write(xs, XBT_NULL, path, number, strlen(number)))
		ret = vhsm_act_fail(act, "%s: %s", path, strerror(errno));
	if (xs)
		xs_close(xs);
	return ret;
}

int act_disk_join(struct vhsm_act *act, const struct act_disk *disk,
		  uint32_t domid)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	char opened[96];

	if (number_write(act, disk, domid))
		return -1;
	snprintf(opened, sizeof(opened), OPENED, domid, VDEV_NUMBER);
	for (int ms = 0; access(opened, F_OK); ms += STEP_MS) {
		if (ms >= WAIT_MS)
			return vhsm_act_fail(act, "%s is not taken as a disk "
				"of domain %u (is the kernel module "
				"xen-blkback there?)", disk->path, domid);
		nanosleep(&step, NULL);
	}
	return 0;
}

void act_disk_close(struct act_disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
}
