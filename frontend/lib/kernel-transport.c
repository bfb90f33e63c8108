/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-transport.c - the transport of the guest's driver (vhsm-uapi.h).
 *
 * The driver owns ids, keys and reconnection; here is only the translation.
 * One ioctl submits, waits and reaps.
 */
#include "lib/kernel-transport.h"

#include "kernel/vhsm-uapi.h"
#include "lib/transport-ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PREFIX		"/dev/"
#define DEFAULT_SLICE	(1u << 20)
#define FOR_EVER	0xffffffffu

struct kernel {
	struct vhsm_transport base;
	int fd;
};

static int call_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int call_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

static void *call_map(int fd, size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

struct vhsm_kernel_calls vhsm_kernel_calls = {
	.open = call_open, .ioctl = call_ioctl, .map = call_map,
	.close = close,
};

static struct kernel *kernel_of(struct vhsm_transport *t)
{
	return (struct kernel *)t;
}

static int driver(struct kernel *k, unsigned long request, void *argument)
{
	return vhsm_kernel_calls.ioctl(k->fd, request, argument) < 0 ?
		-errno : 0;
}

static void kernel_close(struct vhsm_transport **t)
{
	struct kernel *k = kernel_of(*t);

	if (k->base.slice)
		munmap(k->base.slice, k->base.slice_len);
	if (k->fd >= 0)
		vhsm_kernel_calls.close(k->fd);
	free(k);
	*t = NULL;
}

/* "PATH[?slice=BYTES]"; path is the caller's to free. */
static int parse(const char *device, char **path, uint64_t *slice_len)
{
	const char *option = strchrnul(device, '?');
	char *end;

	*slice_len = 0;
	if (*option) {
		if (strncmp(option, "?slice=", 7) || option[7] < '0' ||
		    option[7] > '9')
			return -EINVAL;
		errno = 0;
		*slice_len = strtoull(option + 7, &end, 10);
		if (errno || *end || !*slice_len)
			return -EINVAL;
	}
	*path = strndup(device, (size_t)(option - device));
	return *path ? 0 : -ENOMEM;
}

static int get_slice(struct kernel *k, uint64_t len, uint64_t max)
{
	struct vhsm_ioc_slice slice = { .len = len };
	void *map;
	int r;

	if (!len)
		slice.len = max < DEFAULT_SLICE ? max : DEFAULT_SLICE;
	r = driver(k, VHSM_IOC_SLICE, &slice);
	if (r < 0)
		return r;
	/* Offsets on the wire have 32 bits. */
	if (!slice.len || slice.len > UINT32_MAX)
		return -EPROTO;
	map = vhsm_kernel_calls.map(k->fd, slice.len);
	if (map == MAP_FAILED)
		return -errno;
	k->base.slice = map;
	k->base.slice_len = slice.len;
	return 0;
}

static int set_up(struct kernel *k, uint64_t slice_len)
{
	struct vhsm_ioc_info info = { .uapi_version = 0 };
	int r = driver(k, VHSM_IOC_INFO, &info);

	if (r == -ENOTTY)
		return -ENODEV;		/* not a vhsm device */
	if (r < 0)
		return r;
	if (info.uapi_version != VHSM_UAPI_VERSION || !info.ring_slots ||
	    info.ring_slots > 65536)
		return -EPROTO;
	k->base.slots = info.ring_slots;
	k->base.event_fd = k->fd;
	return get_slice(k, slice_len, info.slice_max);
}

static int kernel_open(const char *device, struct vhsm_transport **t)
{
	struct kernel *k = calloc(1, sizeof(*k));
	struct vhsm_transport *base;
	uint64_t slice_len;
	char *path = NULL;
	int r;

	if (!k)
		return -ENOMEM;
	base = &k->base;
	base->ops = &vhsm_transport_kernel;
	k->fd = -1;
	r = parse(device, &path, &slice_len);
	if (r == 0) {
		k->fd = vhsm_kernel_calls.open(path);
		r = k->fd < 0 ? -errno : set_up(k, slice_len);
	}
	free(path);
	if (r < 0) {
		kernel_close(&base);
		return r;
	}
	*t = base;
	return 0;
}

static int kernel_enter(struct vhsm_transport *t, struct vhsm_exchange *x)
{
	struct vhsm_ioc_enter enter = {
		.requests = (uintptr_t)x->requests,
		.responses = (uintptr_t)x->responses,
		.submit = x->submit, .reap = x->reap,
		.wait = x->reap ? x->wait : 0,
		.timeout_ms = x->timeout_ms < 0 ? FOR_EVER :
			(uint32_t)x->timeout_ms,
	};
	const unsigned submit = x->submit, room = x->reap;
	int r = driver(kernel_of(t), VHSM_IOC_ENTER, &enter);

	x->submit = x->reap = 0;
	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return r;
	if (enter.submit > submit || enter.reap > room)
		return -VHSM_E_PROTOCOL;
	x->submit = enter.submit;
	x->reap = enter.reap;
	return 0;
}

static void kernel_wait_room(struct vhsm_transport *t, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct pollfd p = { .fd = kernel_of(t)->fd, .events = POLLOUT };

	/* While the device is away poll returns at once. */
	if (poll(&p, 1, timeout_ms) > 0 && !(p.revents & POLLOUT))
		nanosleep(&pause, NULL);
}

static int kernel_key_open(struct vhsm_transport *t, const char *name,
			   uint32_t *key, struct vhsm_key_info *info)
{
	struct vhsm_ioc_key_open open_key = { .handle = 0 };
	int r;

	memcpy(open_key.name, name, strnlen(name, sizeof(open_key.name)));
	do
		r = driver(kernel_of(t), VHSM_IOC_KEY_OPEN, &open_key);
	while (r == -EINTR);
	if (r < 0)
		return r;
	*key = open_key.handle;
	*info = open_key.info;
	return vhsm_status_error((uint16_t)open_key.status);
}

static int kernel_key_close(struct vhsm_transport *t, uint32_t key)
{
	return driver(kernel_of(t), VHSM_IOC_KEY_CLOSE, &key);
}

static int kernel_key_raw(struct vhsm_transport *t, uint32_t wire,
			  uint32_t *key)
{
	struct vhsm_ioc_key_raw raw = { .wire_handle = wire };
	int r = driver(kernel_of(t), VHSM_IOC_KEY_RAW, &raw);

	*key = raw.handle;
	return r;
}

static int kernel_info(struct vhsm_transport *t, struct vhsm_info *info)
{
	struct vhsm_ioc_info i = { .uapi_version = 0 };
	int r = driver(kernel_of(t), VHSM_IOC_INFO, &i);

	if (r < 0)
		return r;
	info->connected = i.connected != 0;
	info->abi_version = i.abi_version;
	info->connections = i.connections;
	info->requests = i.requests;
	info->notifications_sent = i.notifications_sent;
	info->interrupts = i.interrupts;
	return 0;
}

const struct vhsm_transport_ops vhsm_transport_kernel = {
	.prefix = PREFIX,
	.open = kernel_open,
	.enter = kernel_enter,
	.wait_room = kernel_wait_room,
	.key_open = kernel_key_open,
	.key_close = kernel_key_close,
	.key_raw = kernel_key_raw,
	.info = kernel_info,
	.close = kernel_close,
};
