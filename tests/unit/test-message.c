/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/message.h"

static int a, b;
static union {
	struct vhsm_msg_header hdr;
	uint8_t bytes[VHSM_MSG_MAX + 64];
} out, in;

static void setup(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	a = pair[0];
	b = pair[1];
	memset(&in, 0, sizeof(in));
}

static void message(uint32_t type, uint32_t len)
{
	for (size_t i = 0; i < sizeof(out.bytes); i++)
		out.bytes[i] = i;
	out.hdr.type = type;
	out.hdr.len = len;
}

/* How many descriptors this process has open. */
static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

START_TEST(a_message_arrives_as_sent)
{
	static const uint32_t lengths[] = {
		sizeof(out.hdr), 100, VHSM_MSG_MAX,
	};

	for (int i = 0; i < 3; i++) {
		message(5 + i, lengths[i]);
		ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, NULL, 0), 0);
		ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), 1);
		ck_assert_mem_eq(&in, &out, lengths[i]);
	}
}
END_TEST

START_TEST(lengths_that_cannot_be_are_not_sent)
{
	static const uint32_t lengths[] = {
		0, sizeof(out.hdr) - 1, VHSM_MSG_MAX + 1, UINT32_MAX,
	};
	int fds[VHSM_MSG_FDS + 1] = { 0 };

	for (int i = 0; i < 4; i++) {
		message(1, lengths[i]);
		ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, NULL, 0), -EINVAL);
	}
	message(1, 64);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, fds, VHSM_MSG_FDS + 1),
			 -EINVAL);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EAGAIN);
}
END_TEST

START_TEST(a_length_that_lies_is_refused)
{
	static const uint32_t said[] = { 0, 7, 63, 65, UINT32_MAX };

	for (int i = 0; i < 5; i++) {
		message(1, said[i]);
		ck_assert_int_eq(send(a, &out, 64, 0), 64);
		ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EPROTO);
	}
	message(1, 4);		/* shorter than a header */
	ck_assert_int_eq(send(a, &out, 4, 0), 4);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EPROTO);
}
END_TEST

START_TEST(a_message_too_long_is_refused_and_the_next_arrives)
{
	message(1, VHSM_MSG_MAX);
	ck_assert_int_eq(send(a, &out, VHSM_MSG_MAX + 8, 0), VHSM_MSG_MAX + 8);
	message(2, 16);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, NULL, 0), 0);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EPROTO);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), 1);
	ck_assert_uint_eq(in.hdr.type, 2);
}
END_TEST

START_TEST(the_end_of_the_peer_is_seen)
{
	message(1, 16);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, NULL, 0), 0);
	close(a);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), 1);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), 0);
	ck_assert_int_eq(vhsm_msg_send(b, &out.hdr, NULL, 0), -EPIPE);
}
END_TEST

START_TEST(nothing_there_and_no_room_are_said)
{
	int r = 0;

	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EAGAIN);
	message(1, VHSM_MSG_MAX);
	for (int i = 0; i < 100000 && r == 0; i++)
		r = vhsm_msg_send(a, &out.hdr, NULL, 0);
	ck_assert_int_eq(r, -EAGAIN);
}
END_TEST

START_TEST(descriptors_arrive_open_and_close_on_exec)
{
	int mine[2], fds[VHSM_MSG_FDS];
	unsigned count = 0;
	char byte = 0;

	ck_assert_int_eq(pipe(mine), 0);
	message(9, 24);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, mine, 2), 0);
	close(mine[0]);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, fds, &count), 1);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_ne(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(write(mine[1], "x", 1), 1);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
}
END_TEST

START_TEST(as_many_descriptors_as_allowed_arrive)
{
	int mine[VHSM_MSG_FDS], fds[VHSM_MSG_FDS];
	unsigned count = 0;

	for (unsigned i = 0; i < VHSM_MSG_FDS; i++)
		mine[i] = STDOUT_FILENO;
	message(9, 24);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, mine, VHSM_MSG_FDS), 0);
	ck_assert_int_eq(vhsm_msg_recv(b, &in, fds, &count), 1);
	ck_assert_uint_eq(count, VHSM_MSG_FDS);
}
END_TEST

START_TEST(descriptors_nobody_wants_are_closed_and_the_message_refused)
{
	int mine[3] = { 0, 1, 2 };
	unsigned before;

	message(9, 24);
	ck_assert_int_eq(vhsm_msg_send(a, &out.hdr, mine, 3), 0);
	before = open_fds();
	ck_assert_int_eq(vhsm_msg_recv(b, &in, NULL, NULL), -EPROTO);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(descriptors_of_a_bad_message_are_closed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &out, 64 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	int mine[2] = { 0, 1 }, fds[VHSM_MSG_FDS];
	unsigned count = 0, before;

	message(1, 63);		/* lies about its length */
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(mine));
	memcpy(CMSG_DATA(c), mine, sizeof(mine));
	ck_assert_int_eq(sendmsg(a, &mh, 0), 64);
	before = open_fds();
	ck_assert_int_eq(vhsm_msg_recv(b, &in, fds, &count), -EPROTO);
	ck_assert_uint_eq(open_fds(), before);
	ck_assert_uint_eq(count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *t = tcase_create("message");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_message_arrives_as_sent);
	tcase_add_test(t, lengths_that_cannot_be_are_not_sent);
	tcase_add_test(t, a_length_that_lies_is_refused);
	tcase_add_test(t, a_message_too_long_is_refused_and_the_next_arrives);
	tcase_add_test(t, the_end_of_the_peer_is_seen);
	tcase_add_test(t, nothing_there_and_no_room_are_said);
	tcase_add_test(t, descriptors_arrive_open_and_close_on_exec);
	tcase_add_test(t, as_many_descriptors_as_allowed_arrive);
	tcase_add_test(t,
		descriptors_nobody_wants_are_closed_and_the_message_refused);
	tcase_add_test(t, descriptors_of_a_bad_message_are_closed);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
