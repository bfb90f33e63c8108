// SPDX-License-Identifier: Apache-2.0
/*
 * xen.c - the transport over Xen: granted pages and event channels.
 *
 * open takes every descriptor (one event-channel handle a queue, so that each
 * queue's thread waits for its own and the library's state is never shared);
 * connect maps, per queue, the directory (read once, unmapped again), the ring
 * and the pool, each as one contiguous range, and binds the channel.  After it
 * no grant operation is made until close.
 *
 * A mapped grant stays valid until we unmap it, whatever the guest does or
 * however it ends, so no access to these pages can fault.
 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "transport/guest-input.h"

#define PAGE_REFS_MAX (VHSM_MAX_QUEUES * (VHSM_MAX_POOL_PAGES + \
					  (1u << VHSM_MAX_RING_ORDER)))

struct xen_queue {
	struct vhsm_queue_memory memory;
	xenevtchn_handle *channel;
	evtchn_port_t port;
};

struct vhsm_transport {
	xengnttab_handle *grants;
	struct xen_queue queue[VHSM_MAX_QUEUES];
	unsigned queues;
	uint64_t maps;
};

static void xen_close(struct vhsm_transport **transport);

static struct vhsm_transport *xen_open(void)
{
	struct vhsm_transport *t = calloc(1, sizeof(*t));
	int error;

	if (!t)
		return NULL;
	t->grants = xengnttab_open(NULL, 0);
	if (!t->grants)
		goto fail;
	for (unsigned q = 0; q < VHSM_MAX_QUEUES; q++) {
		int fd;

		t->queue[q].channel = xenevtchn_open(NULL, 0);
		if (!t->queue[q].channel)
			goto fail;
		/* event_take must never wait. */
		fd = xenevtchn_fd(t->queue[q].channel);
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
			goto fail;
	}
	return t;
fail:
	error = errno;
	xen_close(&t);
	errno = error;
	return NULL;
}

static int refuse(char *why, int error, const char *text)
{
	snprintf(why, VHSM_TEXT_MAX, "%s", text);
	return error;
}

static int check_numbers(const struct vhsm_msg_connect_xen *msg, char *why)
{
	if (msg->version != VHSM_VERSION)
		return refuse(why, -EPROTONOSUPPORT,
			      "xen: this version of the ABI is not spoken");
	if (!msg->queues || msg->queues > VHSM_MAX_QUEUES)
		return refuse(why, -EINVAL,
			      "xen: multi-queue-num-queues is out of range");
	if (msg->ring_order > VHSM_MAX_RING_ORDER)
		return refuse(why, -EINVAL,
			      "xen: ring-page-order is out of range");
	for (unsigned q = 0; q < msg->queues; q++) {
		if (vhsm_directory_pages(msg->queue[q].pool_pages))
			continue;
		snprintf(why, VHSM_TEXT_MAX,
			 "queue %u: pool-pages %u is out of range (1..%u)",
			 q, msg->queue[q].pool_pages, VHSM_MAX_POOL_PAGES);
		return -EINVAL;
	}
	return 0;
}

/*
 * The library says that a range failed, not where.  On this path only, each
 * reference is tried by itself to name the one at fault.
 */
static uint32_t find_bad_ref(struct vhsm_transport *t, uint32_t domid,
			     const uint32_t *refs, uint32_t count, int prot)
{
	for (uint32_t i = 0; i < count; i++) {
		void *page = xengnttab_map_grant_ref(t->grants, domid, refs[i],
						     prot);

		if (!page)
			return refs[i];
		xengnttab_unmap(t->grants, page, 1);
	}
	return 0;
}

static void *map_refs(struct vhsm_transport *t, uint32_t domid, unsigned q,
		      uint32_t *refs, uint32_t count, int prot, char *why)
{
	void *p = xengnttab_map_domain_grant_refs(t->grants, count, domid, refs,
						  prot);
	int error = errno;
	uint32_t bad;

	if (p) {
		t->maps += count;
		return p;
	}
	bad = find_bad_ref(t, domid, refs, count, prot);
	if (bad)
		snprintf(why, VHSM_TEXT_MAX,
			 "queue %u: grant reference %u of domain %u cannot be mapped: %s",
			 q, bad, domid, strerror(error));
	else
		snprintf(why, VHSM_TEXT_MAX,
			 "queue %u: %u grants of domain %u cannot be mapped together (gntdev's limit?): %s",
			 q, count, domid, strerror(error));
	errno = error ? error : EINVAL;
	return NULL;
}

/* Reads the pool's references out of the guest's directory pages, once. */
static int read_directory(struct vhsm_transport *t,
			  const struct vhsm_msg_connect_xen *msg, unsigned q,
			  uint32_t *refs, char *why)
{
	const struct vhsm_msg_queue_xen *mq = &msg->queue[q];
	uint32_t left = mq->pool_pages;

	for (uint32_t d = 0; d < vhsm_directory_pages(mq->pool_pages); d++) {
		uint32_t ref = mq->directory_ref[d];
		uint32_t n = left < VHSM_DIRECTORY_ENTRIES ?
			left : VHSM_DIRECTORY_ENTRIES;
		void *page;

		if (!ref) {
			snprintf(why, VHSM_TEXT_MAX,
				 "queue %u: pool-directory-ref%u is 0", q, d);
			return -EINVAL;
		}
		page = map_refs(t, msg->domid, q, &ref, 1, PROT_READ, why);
		if (!page)
			return -errno;
		vhsm_directory_copy(refs, page, n);
		xengnttab_unmap(t->grants, page, 1);
		refs += n;
		left -= n;
	}
	return 0;
}

/* Every page of every queue must be one of its own. */
static int check_refs(uint32_t *all, size_t count, char *why)
{
	uint32_t bad;

	switch (vhsm_directory_check(all, count, &bad)) {
	case VHSM_DIRECTORY_OK:
		return 0;
	case VHSM_DIRECTORY_ZERO:
		return refuse(why, -EINVAL,
			      "a ring page or pool page has grant reference 0");
	default:
		snprintf(why, VHSM_TEXT_MAX,
			 "grant reference %u is named for two pages", bad);
		return -EINVAL;
	}
}

static int map_queue(struct vhsm_transport *t,
		     const struct vhsm_msg_connect_xen *msg, unsigned q,
		     uint32_t *pool_refs, char *why)
{
	const struct vhsm_msg_queue_xen *mq = &msg->queue[q];
	struct vhsm_queue_memory *m = &t->queue[q].memory;
	uint32_t ring_refs[1u << VHSM_MAX_RING_ORDER];
	int prot = PROT_READ | PROT_WRITE;
	int port;

	memcpy(ring_refs, mq->ring_ref, sizeof(ring_refs));
	m->ring_order = msg->ring_order;
	m->ring = map_refs(t, msg->domid, q, ring_refs, 1u << msg->ring_order,
			   prot, why);
	if (!m->ring)
		return -errno;
	m->pool = map_refs(t, msg->domid, q, pool_refs, mq->pool_pages, prot,
			   why);
	if (!m->pool)
		return -errno;
	m->pool_len = (size_t)mq->pool_pages * VHSM_PAGE_SIZE;
	port = xenevtchn_bind_interdomain(t->queue[q].channel, msg->domid,
					  mq->event_channel);
	if (port < 0) {
		snprintf(why, VHSM_TEXT_MAX,
			 "queue %u: event channel %u of domain %u cannot be bound: %s",
			 q, mq->event_channel, msg->domid, strerror(errno));
		return -errno;
	}
	t->queue[q].port = port;
	t->queues = q + 1;
	return 0;
}

/* pool holds the pools' references in order, all is room for a copy. */
static int connect_queues(struct vhsm_transport *t,
			  const struct vhsm_msg_connect_xen *msg,
			  uint32_t *pool, uint32_t *all, char *why)
{
	size_t pools = 0, count = 0;
	uint32_t *at;
	int r;

	for (unsigned q = 0; q < msg->queues; q++) {
		r = read_directory(t, msg, q, pool + pools, why);
		if (r)
			return r;
		pools += msg->queue[q].pool_pages;
		for (unsigned i = 0; i < 1u << msg->ring_order; i++)
			all[count++] = msg->queue[q].ring_ref[i];
	}
	memcpy(all + count, pool, pools * sizeof(*all));
	r = check_refs(all, count + pools, why);
	at = pool;
	for (unsigned q = 0; !r && q < msg->queues; q++) {
		r = map_queue(t, msg, q, at, why);
		at += msg->queue[q].pool_pages;
	}
	return r;
}

/* The handles of queues the guest did not ask for are not kept. */
static void close_spare_channels(struct vhsm_transport *t)
{
	for (unsigned q = t->queues; q < VHSM_MAX_QUEUES; q++) {
		xenevtchn_close(t->queue[q].channel);
		t->queue[q].channel = NULL;
	}
}

static int xen_connect(struct vhsm_transport *t,
		       const struct vhsm_msg_header *hdr, const int *fds,
		       unsigned fd_count, char *why)
{
	const struct vhsm_msg_connect_xen *msg = (const void *)hdr;
	uint32_t *pool = NULL, *all = NULL;
	int r;

	while (fd_count)
		close(fds[--fd_count]);
	if (hdr->type != VHSM_MSG_CONNECT_XEN || hdr->len != sizeof(*msg))
		return refuse(why, -EPROTO,
			      "xen: not a request to connect over Xen");
	r = check_numbers(msg, why);
	if (r)
		return r;
	pool = calloc(PAGE_REFS_MAX, sizeof(*pool));
	all = calloc(PAGE_REFS_MAX, sizeof(*all));
	if (pool && all)
		r = connect_queues(t, msg, pool, all, why);
	else
		r = refuse(why, -ENOMEM, "xen: out of memory");
	free(pool);
	free(all);
	if (!r)
		close_spare_channels(t);
	return r;
}

static unsigned xen_queue_count(const struct vhsm_transport *t)
{
	return t->queues;
}

static const struct vhsm_queue_memory *
xen_queue(const struct vhsm_transport *t, unsigned q)
{
	return &t->queue[q].memory;
}

static int xen_event_fd(const struct vhsm_transport *t, unsigned q)
{
	return xenevtchn_fd(t->queue[q].channel);
}

static bool xen_event_take(struct vhsm_transport *t, unsigned q)
{
	int port = xenevtchn_pending(t->queue[q].channel);

	/* Unmasked before the ring is looked at: what comes after is seen. */
	if (port < 0)
		return false;
	xenevtchn_unmask(t->queue[q].channel, port);
	return true;
}

static void xen_notify(struct vhsm_transport *t, unsigned q)
{
	xenevtchn_notify(t->queue[q].channel, t->queue[q].port);
}

static uint64_t xen_grant_maps(const struct vhsm_transport *t)
{
	return t->maps;
}

/*
 * By the kernel's means alone: an engine that has been locked may no longer
 * make an ioctl to unbind or unmap, and need not.  A channel is unbound when
 * its descriptor closes, grants are given back when the last mapping and the
 * descriptor go.
 */
static void close_queue(struct xen_queue *queue)
{
	struct vhsm_queue_memory *m = &queue->memory;

	if (queue->channel)
		xenevtchn_close(queue->channel);
	if (m->pool && m->pool_len)
		munmap(m->pool, m->pool_len);
	if (m->ring)
		munmap(m->ring, (size_t)VHSM_PAGE_SIZE << m->ring_order);
}

static void xen_close(struct vhsm_transport **transport)
{
	struct vhsm_transport *t = *transport;

	*transport = NULL;
	if (!t)
		return;
	for (unsigned q = 0; q < VHSM_MAX_QUEUES; q++)
		close_queue(&t->queue[q]);
	if (t->grants)
		xengnttab_close(t->grants);
	free(t);
}

const struct vhsm_transport_ops vhsm_transport_xen = {
	.name = "xen",
	.open = xen_open,
	.connect = xen_connect,
	.queue_count = xen_queue_count,
	.queue = xen_queue,
	.event_fd = xen_event_fd,
	.event_take = xen_event_take,
	.notify = xen_notify,
	.grant_maps = xen_grant_maps,
	.close = xen_close,
};
