// SPDX-License-Identifier: Apache-2.0
/*
 * local.c - the transport without Xen: one sealed memfd holds every queue's
 * ring and pool, eventfds stand in for event channels; see local-wire.h.
 *
 * The client is as hostile as a guest.  The memfd must be sealed against
 * shrinking (reading a page that is gone would be SIGBUS) and of exactly the
 * size the message says; the eventfds are made non-blocking here.  A client can
 * undo that and fill or empty them, so a queue waits in event_take and notify
 * where it holds up nobody but its own client.
 */
#include <config.h>

#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct vhsm_transport {
	unsigned queues;
	uint8_t *memory;
	size_t memory_len;
	struct vhsm_queue_memory queue[VHSM_MAX_QUEUES];
	int fds[1 + 2 * VHSM_MAX_QUEUES];	/* as local-wire.h orders them */
	unsigned fd_count;
};

static struct vhsm_transport *local_open(void)
{
	return calloc(1, sizeof(struct vhsm_transport));
}

static int refuse(char *why, int error, const char *text)
{
	snprintf(why, VHSM_TEXT_MAX, "%s", text);
	return error;
}

/* The numbers of the message; all later arithmetic rests on these limits. */
static int check_numbers(const struct vhsm_msg_connect_local *msg,
			 unsigned fd_count, char *why)
{
	if (msg->version != VHSM_VERSION)
		return refuse(why, -EPROTONOSUPPORT,
			      "local: this version of the ABI is not spoken");
	if (!msg->queues || msg->queues > VHSM_MAX_QUEUES)
		return refuse(why, -EINVAL,
			      "local: the number of queues is out of range");
	if (msg->ring_order > VHSM_MAX_RING_ORDER)
		return refuse(why, -EINVAL,
			      "local: the ring's page order is out of range");
	if (!msg->pool_pages || msg->pool_pages > VHSM_MAX_POOL_PAGES)
		return refuse(why, -EINVAL,
			      "local: the number of pool pages is out of range");
	if (fd_count != 1 + 2 * msg->queues)
		return refuse(why, -EINVAL,
			      "local: one memfd and two eventfds a queue must come with the request");
	return 0;
}

static int check_memfd(int fd, size_t len, char *why)
{
	struct statfs fs;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	/* Only tmpfs honours the seals; hugetlbfs faults differently. */
	if (seals < 0 || fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC)
		return refuse(why, -EINVAL,
			      "local: the first descriptor is not a memfd");
	if ((seals & SEALS) != SEALS)
		return refuse(why, -EPERM,
			      "local: the memfd is not sealed against shrinking, growing and further seals");
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return refuse(why, -EPERM,
			      "local: the memfd is sealed against writing");
	if (fstat(fd, &st) || st.st_size != (off_t)len) {
		snprintf(why, VHSM_TEXT_MAX,
			 "local: the memfd has %lld bytes, not the %zu of its rings and pools",
			 (long long)st.st_size, len);
		return -EINVAL;
	}
	return 0;
}

/* An eventfd reads and writes 8 bytes and has no file type in st_mode. */
static int check_eventfd(int fd, char *why)
{
	char path[64], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return refuse(why, -errno,
			      "local: a descriptor cannot be examined in /proc");
	target[n] = '\0';
	if (strcmp(target, "anon_inode:[eventfd]"))
		return refuse(why, -EINVAL,
			      "local: a notification descriptor is not an eventfd");
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
		return refuse(why, -errno,
			      "local: an eventfd cannot be made non-blocking");
	return 0;
}

static void lay_out(struct vhsm_transport *t,
		    const struct vhsm_msg_connect_local *msg)
{
	size_t ring_len = (size_t)VHSM_PAGE_SIZE << msg->ring_order;
	size_t pool_len = (size_t)VHSM_PAGE_SIZE * msg->pool_pages;
	uint8_t *at = t->memory;

	for (unsigned q = 0; q < msg->queues; q++) {
		t->queue[q].ring = at;
		t->queue[q].ring_order = msg->ring_order;
		t->queue[q].pool = at + ring_len;
		t->queue[q].pool_len = pool_len;
		at += ring_len + pool_len;
	}
	t->queues = msg->queues;
}

static int local_connect(struct vhsm_transport *t,
			 const struct vhsm_msg_header *hdr, const int *fds,
			 unsigned fd_count, char *why)
{
	const struct vhsm_msg_connect_local *msg = (const void *)hdr;
	size_t len;
	int r;

	for (; t->fd_count < fd_count &&
	       t->fd_count < sizeof(t->fds) / sizeof(t->fds[0]); t->fd_count++)
		t->fds[t->fd_count] = fds[t->fd_count];
	for (unsigned i = t->fd_count; i < fd_count; i++)
		close(fds[i]);
	if (hdr->type != VHSM_MSG_CONNECT_LOCAL || hdr->len != sizeof(*msg))
		return refuse(why, -EPROTO,
			      "local: not a request to connect locally");
	r = check_numbers(msg, fd_count, why);
	if (r)
		return r;
	len = ((size_t)(1u << msg->ring_order) + msg->pool_pages) *
		VHSM_PAGE_SIZE * msg->queues;
	r = check_memfd(t->fds[0], len, why);
	for (unsigned i = 1; !r && i < fd_count; i++)
		r = check_eventfd(t->fds[i], why);
	if (r)
		return r;
	t->memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 t->fds[0], 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return refuse(why, -errno, "local: the memfd cannot be mapped");
	}
	t->memory_len = len;
	lay_out(t, msg);
	return 0;
}

static unsigned local_queue_count(const struct vhsm_transport *t)
{
	return t->queues;
}

static const struct vhsm_queue_memory *
local_queue(const struct vhsm_transport *t, unsigned q)
{
	return &t->queue[q];
}

static int local_event_fd(const struct vhsm_transport *t, unsigned q)
{
	return t->fds[1 + 2 * q];
}

static bool local_event_take(struct vhsm_transport *t, unsigned q)
{
	uint64_t count;

	return read(t->fds[1 + 2 * q], &count, sizeof(count)) == sizeof(count);
}

static void local_notify(struct vhsm_transport *t, unsigned q)
{
	uint64_t one = 1;
	ssize_t n;

	/* Full means the peer has not looked yet: it is notified already. */
	n = write(t->fds[2 + 2 * q], &one, sizeof(one));
	(void)n;
}

static uint64_t local_grant_maps(const struct vhsm_transport *t)
{
	return t->memory_len / VHSM_PAGE_SIZE;
}

static void local_close(struct vhsm_transport **transport)
{
	struct vhsm_transport *t = *transport;

	*transport = NULL;
	if (!t)
		return;
	if (t->memory)
		munmap(t->memory, t->memory_len);
	while (t->fd_count)
		close(t->fds[--t->fd_count]);
	free(t);
}

const struct vhsm_transport_ops vhsm_transport_local = {
	.name = "local",
	.open = local_open,
	.connect = local_connect,
	.queue_count = local_queue_count,
	.queue = local_queue,
	.event_fd = local_event_fd,
	.event_take = local_event_take,
	.notify = local_notify,
	.grant_maps = local_grant_maps,
	.close = local_close,
};
