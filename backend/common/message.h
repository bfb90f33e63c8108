/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - one message between two of our processes over an AF_UNIX
 * SOCK_SEQPACKET socket: a header, a fixed structure, perhaps descriptors.
 *
 * Every process validates what its siblings send as it would a stranger's: a
 * message of the wrong size for its type is an error of the sender, and the
 * receiver closes the connection.
 */
#ifndef VHSM_MESSAGE_H
#define VHSM_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_MSG_MAX	8192u	/* bytes of a whole message */
#define VHSM_MSG_FDS	20u	/* descriptors of a message */

struct vhsm_msg_header {
	uint32_t type;		/* enum vhsm_msg_type, protocol.h */
	uint32_t len;		/* of the whole message, header included */
};

/*
 * Sends msg (hdr->len bytes) with fd_count descriptors, which stay the
 * caller's.  Blocks if the socket does.  0 or -errno; EAGAIN when a
 * non-blocking socket is full, EPIPE when the peer is gone.
 */
int vhsm_msg_send(int sock, const struct vhsm_msg_header *hdr,
		  const int *fds, unsigned fd_count);

/*
 * Receives one message into buf (at least VHSM_MSG_MAX bytes, aligned for any
 * structure).  fds (room for VHSM_MSG_FDS) and *fd_count take descriptors,
 * now the caller's, close-on-exec; with fds NULL any that come are closed and
 * the message is refused.  Returns 1 with a message, 0 at end of file, -errno;
 * EAGAIN when a non-blocking socket has none, EPROTO when truncated or its
 * length is not what the header says.
 */
int vhsm_msg_recv(int sock, void *buf, int *fds, unsigned *fd_count);

#endif /* VHSM_MESSAGE_H */
