/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - a session's life: open, what it knows of itself, close.
 */
#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DEFAULT_DEVICE		"/dev/vhsm0"
#define DEFAULT_RETRY_MS	10000
#define CONTROL_LEN		(VHSM_NAME_MAX + sizeof(struct vhsm_key_info))

static const struct vhsm_transport_ops *const transports[] = {
	&vhsm_transport_kernel,
	&vhsm_transport_local,
};

static int open_transport(const char *device, struct vhsm_transport **t)
{
	size_t i;

	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (!strncmp(device, transports[i]->prefix,
			     strlen(transports[i]->prefix)))
			return transports[i]->open(device, t);
	return -EINVAL;
}

static void init_locks(struct vhsm *h)
{
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->quiet, NULL);
	pthread_cond_init(&h->room, NULL);
}

static int make_events(struct vhsm *h)
{
	struct epoll_event in = { .events = EPOLLIN };

	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->epoll < 0 || h->kick < 0 ||
	    epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->kick, &in) < 0 ||
	    epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->transport->event_fd,
		      &in) < 0)
		return -errno;
	return 0;
}

static int set_up(struct vhsm *h, const char *device)
{
	int r = vhsm_fork_watch();

	if (r < 0)
		return r;
	h->epoch = vhsm_fork_epoch();
	r = open_transport(device, &h->transport);
	if (r < 0)
		return r;
	r = make_events(h);
	if (r < 0)
		return r;
	r = vhsm_table_init(&h->table, h->transport->slots);
	if (r < 0)
		return r;
	r = vhsm_slice_init(&h->slice, h->transport->slice,
			    h->transport->slice_len);
	if (r < 0)
		return r;
	h->control = vhsm_slice_alloc(&h->slice, CONTROL_LEN, 0);
	if (!h->control)
		return -EINVAL;		/* a slice of less than a page */
	h->connected = true;
	return 0;
}

int vhsm_open(const char *device, struct vhsm **handle)
{
	struct vhsm *h;
	int r;

	*handle = NULL;
	if (!device)
		device = getenv("VHSM_DEVICE");
	if (!device || !*device)
		device = DEFAULT_DEVICE;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	init_locks(h);
	h->epoll = h->kick = -1;
	h->retry_ms = DEFAULT_RETRY_MS;
	r = set_up(h, device);
	if (r < 0) {
		vhsm_close(&h);
		return r;
	}
	*handle = h;
	return 0;
}

void vhsm_close(struct vhsm **handle)
{
	struct vhsm *h = *handle;

	if (!h)
		return;
	*handle = NULL;
	/* A child must not wipe what its parent still uses. */
	if (h->slice.extents && vhsm_forked(h))
		h->slice.extent_count = 0;
	vhsm_slice_deinit(&h->slice);
	vhsm_table_deinit(&h->table);
	vhsm_keys_deinit(&h->keys);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->kick >= 0)
		close(h->kick);
	if (h->transport)
		h->transport->ops->close(&h->transport);
	free(h);
}

int vhsm_info(struct vhsm *h, struct vhsm_info *info)
{
	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	memset(info, 0, sizeof(*info));
	info->slice_len = h->slice.len;
	info->ring_slots = h->transport->slots;
	return h->transport->ops->info(h->transport, info);
}

int vhsm_set_retry(struct vhsm *h, unsigned ms)
{
	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	__atomic_store_n(&h->retry_ms, ms, __ATOMIC_RELAXED);
	return 0;
}

void *vhsm_buffer_alloc(struct vhsm *h, size_t len)
{
	void *p;

	if (vhsm_forked(h)) {
		errno = EPERM;
		return NULL;
	}
	p = vhsm_slice_alloc(&h->slice, len, 0);
	if (!p)
		errno = len ? ENOMEM : EINVAL;
	return p;
}

void vhsm_buffer_free(struct vhsm *h, void *buffer)
{
	if (buffer && buffer != h->control && !vhsm_forked(h))
		vhsm_slice_free(&h->slice, buffer);
}

int vhsm_buffer_segment(const struct vhsm *h, const void *p, size_t len,
			struct vhsm_segment *segment)
{
	uintptr_t base = (uintptr_t)h->slice.base, at = (uintptr_t)p;

	*segment = (struct vhsm_segment) { 0, 0 };
	if (!len)
		return 0;
	if (at < base || at - base >= h->slice.len ||
	    len > h->slice.len - (at - base))
		return -EINVAL;
	segment->offset = (uint32_t)(at - base);
	segment->len = (uint32_t)len;
	return 0;
}
