// SPDX-License-Identifier: GPL-2.0-only
/*
 * hwrng.c - the backend's random bytes for the guest's kernel.
 *
 * A few bytes are kept ready, so that a reader that may not wait gets some at
 * once; when they run out they are fetched anew, in the background for it, or
 * on the spot for one that may wait.  Bytes handed out are wiped here.
 *
 * The backend knows these bytes and may be hostile, so they are credited with
 * little entropy (rng_quality): they add to the kernel's pool, and cannot
 * stand for it.
 */
#include "vhsmfront.h"

/* Fetches until the store is full; under rng_lock.  0 or -errno. */
static int rng_fill(struct vhsm_device *device)
{
	struct vhsm_response response;
	int err;

	err = vhsm_call_run(device, VHSM_OP_RANDOM, NULL, 0, device->rng_bytes,
			    sizeof(device->rng_bytes), &response);
	if (err)
		return err;
	if (response.status != VHSM_S_OK)
		return -EAGAIN;
	device->rng_count = sizeof(device->rng_bytes);
	return 0;
}

static void rng_work(struct work_struct *work)
{
	struct vhsm_device *device =
		container_of(work, struct vhsm_device, rng_work);

	mutex_lock(&device->rng_lock);
	if (!device->rng_count)
		rng_fill(device);
	mutex_unlock(&device->rng_lock);
}

static size_t rng_take(struct vhsm_device *device, void *to, size_t max)
{
	size_t len = min_t(size_t, max, device->rng_count);
	u8 *from = device->rng_bytes + device->rng_count - len;

	memcpy(to, from, len);
	memzero_explicit(from, len);
	device->rng_count -= len;
	return len;
}

static int rng_read(struct hwrng *rng, void *data, size_t max, bool wait)
{
	struct vhsm_device *device = container_of(rng, struct vhsm_device,
						  rng);
	int len, err = 0;

	if (!mutex_trylock(&device->rng_lock)) {
		if (!wait)
			return 0;
		if (mutex_lock_interruptible(&device->rng_lock))
			return -EINTR;
	}
	if (!device->rng_count && wait && READ_ONCE(device->connected))
		err = rng_fill(device);
	len = rng_take(device, data, max);
	mutex_unlock(&device->rng_lock);
	if (!len && !wait && READ_ONCE(device->connected))
		queue_work(vhsm_workqueue, &device->rng_work);
	return len ? len : err;
}

void vhsm_hwrng_init(struct vhsm_device *device)
{
	mutex_init(&device->rng_lock);
	INIT_WORK(&device->rng_work, rng_work);
}

void vhsm_hwrng_register(struct vhsm_device *device)
{
	struct hwrng *rng = &device->rng;
	int err;

	snprintf(device->rng_name, sizeof(device->rng_name), "vhsm.%u",
		 device->id);
	rng->name = device->rng_name;
	rng->read = rng_read;
	rng->quality = vhsm_param_rng_quality;
	err = hwrng_register(rng);
	if (err)
		dev_warn(&device->xdev->dev,
			 "not registered as a source of randomness: error %d\n",
			 err);
	device->rng_registered = !err;
}

/* After the connection's end, which ended any read that was waiting. */
void vhsm_hwrng_unregister(struct vhsm_device *device)
{
	if (device->rng_registered)
		hwrng_unregister(&device->rng);
	cancel_work_sync(&device->rng_work);
}
