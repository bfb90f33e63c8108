/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * vhsm-uapi.h - /dev/vhsmN: what a guest's programs may ask of the driver.
 *
 * An open file is a session of its own: it has one private slice of the pool,
 * its own key handles and its own completions.  Nothing of another file can be
 * named, so nothing of it can be reached; the driver checks every offset,
 * length, handle and id before the request reaches the ring.
 *
 * Usual order: open, VHSM_IOC_SLICE, mmap, VHSM_IOC_KEY_OPEN, then
 * VHSM_IOC_ENTER as often as wanted, or poll(2) between submitting and reaping.
 * POLLIN: a response waits; POLLOUT: a request can be submitted; POLLHUP: the
 * device is gone for good; POLLERR: it is away and may come back.
 *
 * The requests and responses are those of vhsmif.h with three differences:
 * offsets count from the start of the slice; "key" is a handle given by
 * VHSM_IOC_KEY_OPEN; VHSM_OP_KEY_OPEN itself is refused (VHSM_S_BAD_OP).
 *
 * While the backend is away (it restarts, the guest was migrated) outstanding
 * requests complete with VHSM_S_GONE and the driver reconnects by itself.
 * Slices and key handles stay valid: the driver opens the keys again by name.
 */
#ifndef VHSM_UAPI_H
#define VHSM_UAPI_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#ifndef VHSMIF_NO_RING
#define VHSMIF_NO_RING
#endif
#endif
#include "vhsmif.h"

#define VHSM_UAPI_VERSION 1

struct vhsm_ioc_info {
	vhsm_u32 uapi_version;		/* VHSM_UAPI_VERSION */
	vhsm_u32 abi_version;		/* of vhsmif.h, as negotiated; 0: away */
	vhsm_u32 connected;		/* 1 while requests are served */
	vhsm_u32 connections;		/* how often the device has connected */
	vhsm_u32 queues;
	vhsm_u32 ring_slots;		/* per queue */
	vhsm_u64 slice_max;		/* bytes a slice may have at most */
	vhsm_u64 requests;		/* counters since the module was loaded */
	vhsm_u64 notifications_sent;
	vhsm_u64 interrupts;
	vhsm_u64 reserved[4];
};

struct vhsm_ioc_slice {
	vhsm_u64 len;			/* [in] wished, [out] given: whole pages */
};

struct vhsm_ioc_key_open {
	char name[VHSM_NAME_MAX];	/* [in] NUL padded */
	vhsm_u32 handle;		/* [out] */
	vhsm_u32 status;		/* [out] enum vhsm_status */
	struct vhsm_key_info info;	/* [out] */
};

/*
 * Names a handle of the wire itself, unchecked, and binds it to this file.
 * Needs CAP_SYS_RAWIO: a hostile kernel could do as much, and the backend must
 * refuse it; this is how that is shown without one.
 */
struct vhsm_ioc_key_raw {
	vhsm_u32 wire_handle;		/* [in] */
	vhsm_u32 handle;		/* [out] */
};

/*
 * Submit and reap in one call.  Submits up to "submit" requests, then waits
 * until "wait" responses are there or the time is over, then copies up to
 * "reap".  A request the driver refuses is answered like any other, with its
 * status.  Returns 0 when anything was submitted or reaped; EAGAIN when
 * nothing could be; ENODEV when the device is gone for good; EINTR.
 */
struct vhsm_ioc_enter {
	vhsm_u64 requests;		/* [in] struct vhsm_request * */
	vhsm_u64 responses;		/* [out] struct vhsm_response * */
	vhsm_u32 submit;		/* [in] how many, [out] how many were */
	vhsm_u32 reap;			/* [in] room for, [out] how many came */
	vhsm_u32 wait;			/* [in] wait for at least so many */
	vhsm_u32 timeout_ms;		/* [in] 0xffffffff: for ever */
};

#define VHSM_IOC_INFO		_IOR('K', 0xb0, struct vhsm_ioc_info)
#define VHSM_IOC_SLICE		_IOWR('K', 0xb1, struct vhsm_ioc_slice)
#define VHSM_IOC_KEY_OPEN	_IOWR('K', 0xb2, struct vhsm_ioc_key_open)
#define VHSM_IOC_KEY_CLOSE	_IOW('K', 0xb3, vhsm_u32)
#define VHSM_IOC_ENTER		_IOWR('K', 0xb4, struct vhsm_ioc_enter)
#define VHSM_IOC_KEY_RAW	_IOWR('K', 0xb5, struct vhsm_ioc_key_raw)

#endif /* VHSM_UAPI_H */
