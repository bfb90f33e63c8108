// SPDX-License-Identifier: Apache-2.0
/*
 * The local transport against a client that lies: both ends are here.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/transport.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define PAGES (2 * (2 + 3))		/* two queues: order 1, 3 of pool */

static const struct vhsm_transport_ops *const ops = &vhsm_transport_local;
static struct vhsm_transport *t;
static char why[VHSM_TEXT_MAX];

static struct vhsm_msg_connect_local good_message(void)
{
	struct vhsm_msg_connect_local msg = {
		.hdr = { VHSM_MSG_CONNECT_LOCAL, sizeof(msg) },
		.queues = 2, .ring_order = 1, .pool_pages = 3,
		.version = VHSM_VERSION,
	};

	return msg;
}

static int make_memfd(size_t pages, int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, pages * VHSM_PAGE_SIZE), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int connect_with(const struct vhsm_msg_connect_local *msg, int memfd,
			int event, unsigned count)
{
	int fds[VHSM_MSG_FDS];

	fds[0] = memfd;
	for (unsigned i = 1; i < VHSM_MSG_FDS; i++)
		fds[i] = i < count ? event < 0 ? eventfd(0, 0) : dup(event) :
			-1;
	why[0] = '\0';
	return ops->connect(t, &msg->hdr, fds, count, why);
}

static void setup(void)
{
	t = ops->open();
	ck_assert_ptr_nonnull(t);
}

static void teardown(void)
{
	ops->close(&t);
	ck_assert_ptr_null(t);
}

START_TEST(queues_lie_one_after_another)
{
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(PAGES, SEALS);
	const struct vhsm_queue_memory *q0, *q1;
	uint8_t byte;

	ck_assert_int_eq(connect_with(&msg, memfd, -1, 5), 0);
	ck_assert_uint_eq(ops->queue_count(t), 2);
	ck_assert_uint_eq(ops->grant_maps(t), PAGES);
	q0 = ops->queue(t, 0);
	q1 = ops->queue(t, 1);
	ck_assert_uint_eq(q0->pool_len, 3 * VHSM_PAGE_SIZE);
	ck_assert_ptr_eq(q0->pool, (uint8_t *)q0->ring + 2 * VHSM_PAGE_SIZE);
	ck_assert_ptr_eq(q1->ring, q0->pool + q0->pool_len);
	q1->pool[q1->pool_len - 1] = 0x77;
	ck_assert_int_eq(pread(memfd, &byte, 1, PAGES * VHSM_PAGE_SIZE - 1), 1);
	ck_assert_uint_eq(byte, 0x77);
}
END_TEST

START_TEST(events_pass_both_ways_and_never_block)
{
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(PAGES, SEALS), event = eventfd(0, 0);
	uint64_t one = 1, most = UINT64_MAX - 1;

	ck_assert_int_eq(connect_with(&msg, memfd, event, 5), 0);
	ck_assert(!ops->event_take(t, 0));
	ck_assert_int_eq(write(event, &one, 8), 8);
	ck_assert(ops->event_take(t, 0));
	ck_assert(!ops->event_take(t, 0));
	ops->notify(t, 1);
	ck_assert(ops->event_take(t, 0));
	/* A full counter would block a writer. */
	ck_assert_int_eq(write(event, &most, 8), 8);
	ops->notify(t, 0);
	close(event);
}
END_TEST

START_TEST(memfd_without_each_seal_is_refused)
{
	static const int missing[] = { F_SEAL_SHRINK, F_SEAL_GROW,
				       F_SEAL_SEAL };
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(PAGES, SEALS & ~missing[_i]);

	ck_assert_int_eq(connect_with(&msg, memfd, -1, 5), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "sealed"));
}
END_TEST

START_TEST(memfd_sealed_against_writing_is_refused)
{
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(PAGES, SEALS | F_SEAL_WRITE);

	ck_assert_int_eq(connect_with(&msg, memfd, -1, 5), -EPERM);
}
END_TEST

START_TEST(memfd_of_another_size_is_refused)
{
	static const int pages[] = { 0, PAGES - 1, PAGES + 1, 1000 };
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(pages[_i], SEALS);

	ck_assert_int_eq(connect_with(&msg, memfd, -1, 5), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "bytes"));
}
END_TEST

START_TEST(what_is_no_memfd_is_refused)
{
	struct vhsm_msg_connect_local msg = good_message();

	ck_assert_int_lt(connect_with(&msg, open("/dev/zero", O_RDWR), -1, 5),
			 0);
	ck_assert_ptr_nonnull(strstr(why, "memfd"));
}
END_TEST

START_TEST(what_is_no_eventfd_is_refused)
{
	struct vhsm_msg_connect_local msg = good_message();
	int memfd = make_memfd(PAGES, SEALS), null = open("/dev/null", O_RDWR);

	ck_assert_int_eq(connect_with(&msg, memfd, null, 5), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "eventfd"));
	close(null);
}
END_TEST

START_TEST(wrong_number_of_descriptors_is_refused)
{
	struct vhsm_msg_connect_local msg = good_message();
	unsigned count = _i ? 7 : 3;

	ck_assert_int_eq(connect_with(&msg, make_memfd(PAGES, SEALS), -1,
				      count), -EINVAL);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
	struct vhsm_msg_connect_local msg = good_message();
	uint32_t *numbers[] = {
		&msg.queues, &msg.queues, &msg.ring_order, &msg.pool_pages,
		&msg.pool_pages, &msg.pool_pages, &msg.version, &msg.hdr.len,
	};
	static const uint32_t bad[] = {
		0, VHSM_MAX_QUEUES + 1, VHSM_MAX_RING_ORDER + 1, 0,
		VHSM_MAX_POOL_PAGES + 1, UINT32_MAX, 2, 8,
	};

	*numbers[_i] = bad[_i];
	ck_assert_int_lt(connect_with(&msg, make_memfd(PAGES, SEALS), -1, 5),
			 0);
	ck_assert_str_ne(why, "");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("transport-local");
	TCase *tc = tcase_create("connect");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, queues_lie_one_after_another);
	tcase_add_test(tc, events_pass_both_ways_and_never_block);
	tcase_add_loop_test(tc, memfd_without_each_seal_is_refused, 0, 3);
	tcase_add_test(tc, memfd_sealed_against_writing_is_refused);
	tcase_add_loop_test(tc, memfd_of_another_size_is_refused, 0, 4);
	tcase_add_test(tc, what_is_no_memfd_is_refused);
	tcase_add_test(tc, what_is_no_eventfd_is_refused);
	tcase_add_loop_test(tc, wrong_number_of_descriptors_is_refused, 0, 2);
	tcase_add_loop_test(tc, numbers_out_of_range_are_refused, 0, 8);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
