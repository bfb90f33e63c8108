/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a socket: between two ends that behave, and from one that does
 * not.
 */
#include <config.h>

#include <check.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel/channel.h"
#include "channel/messages.h"

static struct vhsm_channel *monitor, *responder;
static int raw = -1;			/* the other end, without a channel */

static void set_up(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	monitor = vhsm_channel_from_socket(pair[0]);
	responder = vhsm_channel_from_socket(pair[1]);
	ck_assert(monitor && responder);
}

/* Only the monitor has a channel; the test writes bytes itself. */
static void set_up_raw(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	monitor = vhsm_channel_from_socket(pair[0]);
	raw = pair[1];
	ck_assert(monitor);
}

static void tear_down(void)
{
	vhsm_channel_close(&monitor);
	vhsm_channel_close(&responder);
	if (raw >= 0)
		close(raw);
	raw = -1;
}

static int readable(const struct vhsm_channel *c, int ms)
{
	struct pollfd fd = { .fd = vhsm_channel_fd(c), .events = POLLIN };

	return poll(&fd, 1, ms);
}

static void expect(struct vhsm_channel *c, uint32_t type, const void *bytes,
		   size_t len)
{
	const void *payload;
	uint32_t got;
	size_t got_len;

	ck_assert_int_eq(vhsm_channel_recv(c, &got, &payload, &got_len), 1);
	ck_assert_uint_eq(got, type);
	ck_assert_uint_eq(got_len, len);
	ck_assert_mem_eq(payload, bytes, len);
	ck_assert_int_eq(((const char *)payload)[len], 0);
}

static int nothing(struct vhsm_channel *c)
{
	const void *payload;
	uint32_t type;
	size_t len;

	return vhsm_channel_recv(c, &type, &payload, &len);
}

START_TEST(frames_arrive_whole_and_in_order)
{
	ck_assert_int_eq(nothing(responder), 0);
	ck_assert_int_eq(readable(responder, 0), 0);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_HELLO, "one", 3),
			 0);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, NULL, 0),
			 0);
	ck_assert_int_eq(vhsm_channel_send(responder, VHSM_FRAME_SWEEP, "x", 1),
			 0);
	ck_assert_int_eq(readable(responder, 1000), 1);
	expect(responder, VHSM_FRAME_HELLO, "one", 3);
	expect(responder, VHSM_FRAME_LOG, "", 0);
	ck_assert_int_eq(nothing(responder), 0);
	expect(monitor, VHSM_FRAME_SWEEP, "x", 1);
}
END_TEST

START_TEST(the_longest_frame_passes_and_a_longer_one_is_not_sent)
{
	uint8_t *bytes = calloc(1, VHSM_FRAME_MAX + 1);

	memset(bytes, 0xa5, VHSM_FRAME_MAX);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, bytes,
					   VHSM_FRAME_MAX + 1), -EMSGSIZE);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, bytes,
					   VHSM_FRAME_MAX), 0);
	expect(responder, VHSM_FRAME_LOG, bytes, VHSM_FRAME_MAX);
	free(bytes);
}
END_TEST

START_TEST(a_frame_that_comes_byte_by_byte_is_put_together)
{
	const uint32_t header[2] = { htole32(VHSM_FRAME_SWEEP), htole32(4) };
	uint8_t bytes[12];

	memcpy(bytes, header, 8);
	memcpy(bytes + 8, "body", 4);
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(nothing(monitor), 0);
		ck_assert_int_eq(write(raw, bytes + i, 1), 1);
	}
	expect(monitor, VHSM_FRAME_SWEEP, "body", 4);
}
END_TEST

/* {type, length}: neither may be looked at further. */
static const uint32_t bad_header[][2] = {
	{ 0, 4 }, { VHSM_FRAME_LEARN_FAILED + 1, 4 }, { VHSM_FRAME_CONFIGURE - 1, 4 },
	{ VHSM_FRAME_FINGERPRINTS + 1, 4 }, { UINT32_MAX, 4 },
	{ VHSM_FRAME_SWEEP, VHSM_FRAME_MAX + 1 },
	{ VHSM_FRAME_SWEEP, UINT32_MAX },
};

START_TEST(a_bad_header_ends_the_channel_for_good)
{
	const uint32_t bad[2] = { htole32(bad_header[_i][0]),
				  htole32(bad_header[_i][1]) };
	const uint32_t good[2] = { htole32(VHSM_FRAME_SWEEP), 0 };

	ck_assert_int_eq(write(raw, bad, sizeof(bad)), sizeof(bad));
	ck_assert_int_eq(nothing(monitor), -EPROTO);
	ck_assert_int_eq(write(raw, good, sizeof(good)), sizeof(good));
	ck_assert_int_eq(nothing(monitor), -EPROTO);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, "", 0),
			 -EPROTO);
}
END_TEST

/* Sends until it is refused: frames taken. */
static unsigned send_until_full(struct vhsm_channel *c, size_t len)
{
	uint8_t *bytes = calloc(1, len);
	unsigned n = 0;
	int r;

	while (!(r = vhsm_channel_send(c, VHSM_FRAME_FINDING, bytes, len))) {
		bytes[0] = (uint8_t)++n;
		ck_assert_uint_lt(n, 1000);
	}
	ck_assert_int_eq(r, -ENOBUFS);
	free(bytes);
	return n;
}

START_TEST(a_peer_that_does_not_read_costs_a_bounded_backlog)
{
	unsigned sent = send_until_full(monitor, 100000);

	/* The backlog, and what the socket holds. */
	ck_assert_uint_ge(sent, VHSM_CHANNEL_BACKLOG / 100008);
	ck_assert_uint_le(sent, VHSM_CHANNEL_BACKLOG / 100008 + 40);
}
END_TEST

START_TEST(what_was_reserved_is_taken_whole_and_given_back)
{
	enum { LEN = 100000, COUNT = 50 };
	uint8_t *bytes = calloc(1, LEN);
	const void *payload;
	unsigned got = 0;
	uint32_t type;
	size_t len;

	ck_assert_int_eq(vhsm_channel_reserve(monitor, VHSM_CHANNEL_RESERVE +
					      1), -ENOBUFS);
	ck_assert_int_eq(vhsm_channel_reserve(monitor, COUNT *
				(LEN + VHSM_CHANNEL_HEADER)), 0);
	for (unsigned i = 0; i < COUNT; i++)
		ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_FINDING,
						   bytes, LEN), 0);
	/* It does not add up: the same again is too much beside it. */
	ck_assert_int_eq(vhsm_channel_reserve(monitor, VHSM_CHANNEL_RESERVE),
			 -ENOBUFS);
	while (got < COUNT) {
		got += (unsigned)vhsm_channel_recv(responder, &type, &payload,
						   &len);
		ck_assert_int_eq(nothing(monitor), 0);
	}
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, "", 0), 0);
	expect(responder, VHSM_FRAME_LOG, "", 0);
	free(bytes);
}
END_TEST

START_TEST(a_backlog_is_delivered_in_order_when_the_peer_reads_again)
{
	unsigned sent = send_until_full(monitor, 100000), got = 0;
	const uint8_t *bytes;
	const void *payload;
	uint32_t type;
	size_t len;
	int r;

	while (got < sent) {
		r = vhsm_channel_recv(responder, &type, &payload, &len);
		ck_assert_int_ge(r, 0);
		if (r) {
			bytes = payload;
			ck_assert_uint_eq(len, 100000);
			ck_assert_uint_eq(bytes[0], (uint8_t)got++);
			continue;
		}
		/* Room makes the sender's descriptor readable. */
		ck_assert_int_eq(readable(monitor, 1000), 1);
		ck_assert_int_eq(nothing(monitor), 0);
	}
	/* And nothing is waited for any more. */
	ck_assert_int_eq(readable(monitor, 0), 0);
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_LOG, "", 0), 0);
	expect(responder, VHSM_FRAME_LOG, "", 0);
}
END_TEST

START_TEST(frames_of_a_peer_that_went_are_read_first)
{
	ck_assert_int_eq(vhsm_channel_send(monitor, VHSM_FRAME_FINDING, "last",
					   4), 0);
	vhsm_channel_close(&monitor);
	ck_assert_int_eq(readable(responder, 1000), 1);
	expect(responder, VHSM_FRAME_FINDING, "last", 4);
	ck_assert_int_eq(nothing(responder), -EPIPE);
	ck_assert_int_eq(vhsm_channel_send(responder, VHSM_FRAME_SWEEP, "", 0),
			 -EPIPE);
}
END_TEST

START_TEST(a_peer_that_goes_in_mid_frame_is_gone)
{
	const uint32_t header[2] = { htole32(VHSM_FRAME_SWEEP), htole32(9) };

	ck_assert_int_eq(write(raw, header, sizeof(header)), sizeof(header));
	close(raw);
	raw = -1;
	ck_assert_int_eq(nothing(monitor), -EPIPE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *ends = tcase_create("two ends"), *hostile = tcase_create("raw");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(ends, set_up, tear_down);
	tcase_add_test(ends, frames_arrive_whole_and_in_order);
	tcase_add_test(ends,
		       the_longest_frame_passes_and_a_longer_one_is_not_sent);
	tcase_add_test(ends, a_peer_that_does_not_read_costs_a_bounded_backlog);
	tcase_add_test(ends, what_was_reserved_is_taken_whole_and_given_back);
	tcase_add_test(ends,
		a_backlog_is_delivered_in_order_when_the_peer_reads_again);
	tcase_add_test(ends, frames_of_a_peer_that_went_are_read_first);
	suite_add_tcase(suite, ends);
	tcase_add_checked_fixture(hostile, set_up_raw, tear_down);
	tcase_add_test(hostile,
		       a_frame_that_comes_byte_by_byte_is_put_together);
	tcase_add_loop_test(hostile, a_bad_header_ends_the_channel_for_good, 0,
			    sizeof(bad_header) / sizeof(bad_header[0]));
	tcase_add_test(hostile, a_peer_that_goes_in_mid_frame_is_gone);
	suite_add_tcase(suite, hostile);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
