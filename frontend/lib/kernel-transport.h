/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-transport.h - the system calls of the kernel transport, in a table so
 * that a test can stand in for the driver.
 */
#ifndef VHSM_KERNEL_TRANSPORT_H
#define VHSM_KERNEL_TRANSPORT_H

#include <stddef.h>

/* Each as the system call so named: -1 and errno on error. */
struct vhsm_kernel_calls {
	int (*open)(const char *path);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	void *(*map)(int fd, size_t len);
	int (*close)(int fd);
};

extern struct vhsm_kernel_calls vhsm_kernel_calls;

#endif /* VHSM_KERNEL_TRANSPORT_H */
