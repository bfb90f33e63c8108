/* SPDX-License-Identifier: Apache-2.0 */
#include "common/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VHSM_MSG_FDS * sizeof(int))];
};

int vhsm_msg_send(int sock, const struct vhsm_msg_header *hdr,
		  const int *fds, unsigned fd_count)
{
	struct iovec iov = { (void *)hdr, hdr->len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	if (hdr->len < sizeof(*hdr) || hdr->len > VHSM_MSG_MAX ||
	    fd_count > VHSM_MSG_FDS)
		return -EINVAL;
	if (fd_count) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Takes the descriptors out of mh; what does not fit or is not wanted closes,
 * and *refused says so. */
static unsigned take_fds(struct msghdr *mh, int *fds, bool *refused)
{
	unsigned taken = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds && taken < VHSM_MSG_FDS) {
				fds[taken++] = fd;
				continue;
			}
			close(fd);
			*refused = true;
		}
	}
	return taken;
}

int vhsm_msg_recv(int sock, void *buf, int *fds, unsigned *fd_count)
{
	struct iovec iov = { buf, VHSM_MSG_MAX };
	union control control;
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct vhsm_msg_header *hdr = buf;
	bool refused = false;
	unsigned count;
	ssize_t n;

	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	count = take_fds(&mh, fds, &refused);
	if (n == 0)
		return 0;
	if (refused || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    (size_t)n < sizeof(*hdr) || hdr->len != (size_t)n) {
		while (fds && count)
			close(fds[--count]);
		return -EPROTO;
	}
	if (fd_count)
		*fd_count = count;
	return 1;
}
