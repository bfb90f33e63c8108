/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's gate as the broker keeps it: what devices demand, what orders give,
 * and which of the two counts.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "broker/guest.h"
#include "broker/vault-child.h"
#include "common/log.h"

static struct vhsm_broker broker;
static struct vhsm_identity web;

void vhsm_vault_guest_event(struct vhsm_vault *vault, const uint8_t uuid[16],
			    enum vhsm_guest_event event, uint32_t from,
			    uint32_t to, uint32_t uid, const char *reason)
{
	(void)vault;
	(void)uuid;
	(void)event;
	(void)uid;
	ck_assert_ptr_nonnull(reason);
	ck_assert_uint_ne(from, to);
}

static void begin(void)
{
	memset(&broker, 0, sizeof(broker));
	vhsm_log_init("test", false);
	broker.base = event_base_new();
	ck_assert_int_eq(vhsm_guests_new(&broker), 0);
	web = (struct vhsm_identity){ .uuid = { 7 }, .domid = 5,
				      .domain = "web" };
}

static void end(void)
{
	vhsm_guests_free(&broker.guests);
	event_base_free(broker.base);
}

static struct vhsm_guest *join(uint32_t domid, bool demand)
{
	struct vhsm_guest *guest;

	web.domid = domid;
	guest = vhsm_guest_join(&broker, &web, demand);
	ck_assert_ptr_nonnull(guest);
	return guest;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000) + t.tv_nsec / 1000000;
}

/* About a domain; valid_ms < 0: without a lease. */
static struct vhsm_gate_order order_of(uint32_t domid, int valid_ms)
{
	return (struct vhsm_gate_order){
		.has_domid = true, .domid = domid,
		.leased = valid_ms >= 0,
		.valid_ms = valid_ms >= 0 ? valid_ms : 0,
		.valid_until_ms = UINT64_MAX, .reason = "test",
	};
}

static int order(struct vhsm_guest *guest, uint32_t domid, int valid_ms)
{
	const struct vhsm_gate_order o = order_of(domid, valid_ms);

	return vhsm_guest_order(guest, &o);
}

#define lease_expect(guest, state) \
	ck_assert_str_eq(vhsm_guest_lease(guest), state)

START_TEST(a_lax_order_does_not_open_what_a_device_demands)
{
	struct vhsm_guest *lax = join(5, false), *strict = join(5, true);

	lease_expect(strict, "never");
	ck_assert_int_eq(order(strict, 5, -1), 0);
	lease_expect(strict, "never");
	ck_assert_int_eq(order(strict, 5, 60000), 0);
	lease_expect(strict, "valid");
	ck_assert_int_eq(order(strict, 5, -1), 0);
	lease_expect(strict, "stale");
	/* Without that device nothing demands one. */
	vhsm_guest_leave(&strict, true);
	lease_expect(lax, "stale");
	ck_assert_int_eq(order(lax, 5, -1), 0);
	lease_expect(lax, "none");
	vhsm_guest_leave(&lax, false);
}
END_TEST

START_TEST(an_admin_who_ends_the_watch_opens_it)
{
	struct vhsm_guest *guest = join(5, true);
	struct vhsm_gate_order o = order_of(5, -1);

	o.unwatched = true;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	lease_expect(guest, "none");
	vhsm_guest_leave(&guest, true);
	/* The next domain is not meant. */
	guest = join(6, true);
	lease_expect(guest, "never");
	vhsm_guest_leave(&guest, true);
}
END_TEST

START_TEST(an_order_that_comes_late_gives_only_what_is_left)
{
	struct vhsm_guest *guest = join(5, true);
	struct vhsm_gate_order o = order_of(5, 8000);
	json_t *json = json_object();

	o.valid_until_ms = now_ms() - 1;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	lease_expect(guest, "never");
	o.valid_until_ms = now_ms() + 500;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	lease_expect(guest, "valid");
	vhsm_guest_describe(guest, json);
	ck_assert_int_le(json_integer_value(json_object_get(json,
						"lease_left_ms")), 500);
	/* Nor does a deadline give more than was said. */
	o.valid_ms = 100;
	o.valid_until_ms = now_ms() + 60000;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	vhsm_guest_describe(guest, json);
	ck_assert_int_le(json_integer_value(json_object_get(json,
						"lease_left_ms")), 100);
	o.valid_ms = 8000;
	o.valid_until_ms = now_ms() - 1;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	lease_expect(guest, "stale");
	json_decref(json);
	vhsm_guest_leave(&guest, true);
}
END_TEST

START_TEST(a_word_on_one_domain_opens_no_other)
{
	struct vhsm_gate_order o = order_of(5, 60000);
	struct vhsm_guest *guest = join(5, true);

	ck_assert_int_eq(order(guest, 5, 60000), 0);
	vhsm_guest_leave(&guest, true);
	/* Not even by a device that demands nothing. */
	guest = join(6, false);
	lease_expect(guest, "never");
	ck_assert_int_eq(order(guest, 5, 60000), -ESTALE);
	ck_assert_int_eq(order(guest, 5, -1), -ESTALE);
	lease_expect(guest, "never");
	/* What takes away does so whichever was meant. */
	o.level = VHSM_GATE_REVOKED;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), -ESTALE);
	ck_assert_uint_eq(vhsm_guest_epoch(guest), 2);
	lease_expect(guest, "never");
	o.level = VHSM_GATE_FULL;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), -ESTALE);
	o.domid = 6;
	ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	lease_expect(guest, "valid");
	vhsm_guest_leave(&guest, false);
}
END_TEST

START_TEST(an_order_before_the_first_device_counts_for_its_domain)
{
	struct vhsm_guest *guest = vhsm_guest_expect(&broker, web.uuid);

	ck_assert_int_eq(order(guest, 5, 60000), 0);
	ck_assert_ptr_eq(join(5, true), guest);
	lease_expect(guest, "valid");
	vhsm_guest_leave(&guest, true);
	guest = join(6, true);
	lease_expect(guest, "never");
	vhsm_guest_leave(&guest, true);
}
END_TEST

START_TEST(a_record_just_made_is_not_the_one_to_go)
{
	struct vhsm_gate_order o = order_of(5, -1);
	struct vhsm_guest *guest;
	uint8_t uuid[16] = { 0 };
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	o.level = VHSM_GATE_REVOKED;
	o.has_domid = false;
	for (unsigned i = 0; i < VHSM_GUESTS_IDLE; i++) {
		uuid[0] = i;
		uuid[1] = i >> 8;
		guest = vhsm_guest_expect(&broker, uuid);
		ck_assert_ptr_nonnull(guest);
		ck_assert_int_eq(vhsm_guest_order(guest, &o), 0);
	}
	memset(uuid, 0xff, sizeof(uuid));
	guest = vhsm_guest_expect(&broker, uuid);
	ck_assert_ptr_eq(vhsm_guest_find(broker.guests, uuid), guest);
	memset(uuid, 0, sizeof(uuid));
	ck_assert_ptr_null(vhsm_guest_find(broker.guests, uuid));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest-gate");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, a_lax_order_does_not_open_what_a_device_demands);
	tcase_add_test(all, an_admin_who_ends_the_watch_opens_it);
	tcase_add_test(all, an_order_that_comes_late_gives_only_what_is_left);
	tcase_add_test(all, a_word_on_one_domain_opens_no_other);
	tcase_add_test(all,
		       an_order_before_the_first_device_counts_for_its_domain);
	tcase_add_test(all, a_record_just_made_is_not_the_one_to_go);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
