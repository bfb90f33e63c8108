/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-lib-kernel.c - the translation to and from the driver's ioctls, with
 * the system calls replaced by a driver of the test's own.
 */
#include "kernel/vhsm-uapi.h"

#include "lib/kernel-transport.h"
#include "vhsm/vhsm.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	struct vhsm_ioc_info info;
	struct vhsm_request last;
	struct vhsm_response queue[64];
	unsigned queued;
	unsigned enters;
	uint64_t slice_asked;
	char path[64];
	uint32_t status;		/* of KEY_OPEN and of requests */
	int away;			/* so many ENTERs say EAGAIN */
	int gone_times;			/* so many answers say GONE */
	int error;			/* ENTER fails with it */
	bool lies;			/* ENTER says more than it may */
	uint32_t closed_key;
} driver;

static int fake_open(const char *path)
{
	snprintf(driver.path, sizeof(driver.path), "%s", path);
	return eventfd(1, EFD_CLOEXEC);
}

static void *fake_map(int fd, size_t len)
{
	(void)fd;
	return mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void answer(const struct vhsm_request *r)
{
	struct vhsm_response *p = &driver.queue[driver.queued++];

	*p = (struct vhsm_response) {
		.id = r->id, .op = r->op, .status = (uint16_t)driver.status,
	};
	if (driver.gone_times) {
		driver.gone_times--;
		p->status = VHSM_S_GONE;
	} else if (r->op != VHSM_OP_NOP) {
		p->out_len = r->u.seg[VHSM_SEG_OUTPUT].len;
	}
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

static int fake_enter(struct vhsm_ioc_enter *e)
{
	const struct vhsm_request *r = (void *)(uintptr_t)e->requests;
	unsigned i;

	driver.enters++;
	if (driver.error)
		return refuse(driver.error);
	if (driver.away) {
		driver.away--;
		return refuse(EAGAIN);
	}
	for (i = 0; i < e->submit; i++)
		answer(&r[i]);
	if (e->submit)
		driver.last = r[e->submit - 1];
	if (e->reap > driver.queued)
		e->reap = driver.queued;
	if (e->reap)
		memcpy((void *)(uintptr_t)e->responses, driver.queue,
		       e->reap * sizeof(driver.queue[0]));
	driver.queued -= e->reap;
	memmove(driver.queue, driver.queue + e->reap,
		driver.queued * sizeof(driver.queue[0]));
	if (driver.lies)
		e->reap = 1000;
	if (!e->submit && !e->reap)
		return refuse(EAGAIN);
	return 0;
}

static int fake_key_open(struct vhsm_ioc_key_open *k)
{
	k->status = driver.status;
	k->handle = 4242;
	k->info = (struct vhsm_key_info) {
		.type = VHSM_KEY_ED25519, .version = 2,
	};
	memcpy(k->info.name, k->name, sizeof(k->name));
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	switch (request) {
	case VHSM_IOC_INFO:
		*(struct vhsm_ioc_info *)arg = driver.info;
		return 0;
	case VHSM_IOC_SLICE:
		driver.slice_asked = ((struct vhsm_ioc_slice *)arg)->len;
		return 0;
	case VHSM_IOC_KEY_OPEN:
		return fake_key_open(arg);
	case VHSM_IOC_KEY_RAW:
		((struct vhsm_ioc_key_raw *)arg)->handle = 77;
		return 0;
	case VHSM_IOC_KEY_CLOSE:
		driver.closed_key = *(uint32_t *)arg;
		return 0;
	case VHSM_IOC_ENTER:
		return fake_enter(arg);
	default:
		return refuse(ENOTTY);
	}
}

static struct vhsm *h;
static uint32_t key;

static void setup(void)
{
	memset(&driver, 0, sizeof(driver));
	driver.info = (struct vhsm_ioc_info) {
		.uapi_version = VHSM_UAPI_VERSION, .abi_version = 1,
		.connected = 1, .connections = 3, .ring_slots = 32,
		.slice_max = 1u << 19, .requests = 11,
		.notifications_sent = 12, .interrupts = 13,
	};
	vhsm_kernel_calls.open = fake_open;
	vhsm_kernel_calls.ioctl = fake_ioctl;
	vhsm_kernel_calls.map = fake_map;
	ck_assert_int_eq(vhsm_open("/dev/vhsm0", &h), 0);
	ck_assert_int_eq(vhsm_key_open(h, "tls", &key), 0);
}

static void teardown(void)
{
	vhsm_close(&h);
}

START_TEST(the_slice_is_what_was_asked_for_or_the_most_there_is)
{
	struct vhsm *other;
	struct vhsm_info info;

	ck_assert_uint_eq(driver.slice_asked, 1u << 19);
	ck_assert_int_eq(vhsm_open("/dev/vhsm7?slice=8192", &other), 0);
	ck_assert_str_eq(driver.path, "/dev/vhsm7");
	ck_assert_uint_eq(driver.slice_asked, 8192);
	vhsm_info(other, &info);
	ck_assert_uint_eq(info.slice_len, 8192);
	vhsm_close(&other);
}
END_TEST

START_TEST(another_version_of_the_driver_is_refused)
{
	struct vhsm *other;

	driver.info.uapi_version = 2;
	ck_assert_int_eq(vhsm_open("/dev/vhsm0", &other), -EPROTO);
}
END_TEST

START_TEST(counters_are_the_drivers)
{
	struct vhsm_info info;

	ck_assert_int_eq(vhsm_info(h, &info), 0);
	ck_assert_int_eq(info.connected, 1);
	ck_assert_uint_eq(info.connections, 3);
	ck_assert_uint_eq(info.requests, 11);
	ck_assert_uint_eq(info.notifications_sent, 12);
	ck_assert_uint_eq(info.interrupts, 13);
}
END_TEST

START_TEST(a_request_names_the_drivers_handle_and_offsets)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);
	unsigned enters = driver.enters;

	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, "hello", 5,
				   sig, &len), 0);
	ck_assert_uint_eq(driver.enters, enters + 1);
	ck_assert_uint_eq(driver.last.key, 4242);
	ck_assert_uint_eq(driver.last.op, VHSM_OP_SIGN);
	ck_assert_uint_eq(driver.last.mechanism, VHSM_MECH_EDDSA);
	ck_assert_uint_eq(driver.last.u.seg[VHSM_SEG_INPUT].len, 5);
	ck_assert_uint_lt(driver.last.u.seg[VHSM_SEG_INPUT].offset, 1u << 19);
	ck_assert_uint_eq(driver.last.u.seg[VHSM_SEG_AAD].len, 0);
	ck_assert_uint_eq(len, VHSM_SIG_MAX);
}
END_TEST

START_TEST(a_batch_is_one_call_in_and_one_out)
{
	struct vhsm_request r[32];
	struct vhsm_response p[32];
	unsigned enters = driver.enters, i;

	for (i = 0; i < 32; i++)
		vhsm_request_nop(&r[i], 500 + i);
	ck_assert_int_eq(vhsm_submit(h, r, 32), 32);
	ck_assert_int_eq(vhsm_reap(h, p, 32, 32, -1), 32);
	ck_assert_uint_eq(driver.enters, enters + 2);
	for (i = 0; i < 32; i++)
		ck_assert_uint_eq(p[i].id, 500 + i);
}
END_TEST

START_TEST(what_a_key_cannot_be_is_told)
{
	uint32_t other;

	driver.status = VHSM_S_NO_KEY;
	ck_assert_int_eq(vhsm_key_open(h, "nope", &other), -VHSM_E_NO_KEY);
	driver.status = VHSM_S_GONE;
	vhsm_set_retry(h, 50);
	ck_assert_int_eq(vhsm_key_open(h, "tls", &other), -VHSM_E_GONE);
}
END_TEST

START_TEST(keys_are_closed_by_the_drivers_handle)
{
	ck_assert_int_eq(vhsm_key_close(h, key), 0);
	ck_assert_uint_eq(driver.closed_key, 4242);
	ck_assert_int_eq(vhsm_key_raw(h, 5, &key), 0);
	ck_assert_int_eq(vhsm_key_close(h, key), 0);
	ck_assert_uint_eq(driver.closed_key, 77);
}
END_TEST

START_TEST(a_driver_that_takes_nothing_is_asked_again)
{
	uint8_t byte;

	driver.away = 3;
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
}
END_TEST

START_TEST(gone_is_tried_again_until_the_time_is_over)
{
	uint8_t byte;

	driver.gone_times = 3;
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
	driver.gone_times = 1000000;
	vhsm_set_retry(h, 50);
	ck_assert_int_eq(vhsm_random(h, &byte, 1), -VHSM_E_GONE);
}
END_TEST

START_TEST(a_device_gone_for_good_ends_the_session)
{
	uint8_t byte;

	driver.error = ENODEV;
	ck_assert_int_eq(vhsm_random(h, &byte, 1), -ENODEV);
	driver.error = 0;
	ck_assert_int_eq(vhsm_random(h, &byte, 1), -ENODEV);
}
END_TEST

START_TEST(counts_that_cannot_be_are_not_believed)
{
	uint8_t byte;

	driver.lies = true;
	ck_assert_int_eq(vhsm_random(h, &byte, 1), -VHSM_E_PROTOCOL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kernel");
	TCase *t = tcase_create("kernel");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
	tcase_add_test(t,
		the_slice_is_what_was_asked_for_or_the_most_there_is);
	tcase_add_test(t, another_version_of_the_driver_is_refused);
	tcase_add_test(t, counters_are_the_drivers);
	tcase_add_test(t, a_request_names_the_drivers_handle_and_offsets);
	tcase_add_test(t, a_batch_is_one_call_in_and_one_out);
	tcase_add_test(t, what_a_key_cannot_be_is_told);
	tcase_add_test(t, keys_are_closed_by_the_drivers_handle);
	tcase_add_test(t, a_driver_that_takes_nothing_is_asked_again);
	tcase_add_test(t, gone_is_tried_again_until_the_time_is_over);
	tcase_add_test(t, a_device_gone_for_good_ends_the_session);
	tcase_add_test(t, counts_that_cannot_be_are_not_believed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
