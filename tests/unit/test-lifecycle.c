/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's state machine: stories of one device, and every combination of
 * what it can be given.
 */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "broker/lifecycle.h"

#define STEPS_MAX 16			/* xen-device.c walks no further */

/* What xen-device.c does, without Xen and at once. */
static void act(struct vhsm_lifecycle *d, enum vhsm_lifecycle_action action)
{
	switch (action) {
	case VHSM_DO_OFFER:
		d->back = VHSM_XENBUS_INIT_WAIT;
		break;
	case VHSM_DO_START:
		d->engine = VHSM_ENGINE_STARTING;
		break;
	case VHSM_DO_SAY_CONNECTED:
		d->back = VHSM_XENBUS_CONNECTED;
		break;
	case VHSM_DO_STOP:
		d->engine = VHSM_ENGINE_STOPPING;
		break;
	case VHSM_DO_SAY_CLOSING:
		d->back = VHSM_XENBUS_CLOSING;
		break;
	case VHSM_DO_SAY_CLOSED:
		d->back = VHSM_XENBUS_CLOSED;
		break;
	case VHSM_DO_REFUSE_STATE:
		d->refused = true;
		break;
	case VHSM_DO_FORGIVE:
		d->refused = false;
		break;
	case VHSM_DO_REMOVE:
	case VHSM_DO_NOTHING:
		break;
	}
}

/* Until there is nothing to do: NOTHING, or REMOVE. */
static enum vhsm_lifecycle_action walk(struct vhsm_lifecycle *d)
{
	enum vhsm_lifecycle_action action;

	for (unsigned i = 0; i < STEPS_MAX; i++) {
		action = vhsm_lifecycle_decide(d);
		if (action == VHSM_DO_NOTHING || action == VHSM_DO_REMOVE)
			return action;
		act(d, action);
	}
	ck_abort_msg("front %d, back %d, engine %d: no end", d->front,
		     d->back, d->engine);
}

static struct vhsm_lifecycle plugged(void)
{
	return (struct vhsm_lifecycle){
		.front = VHSM_XENBUS_INITIALISING,
		.back = VHSM_XENBUS_INITIALISING,
		.online = true,
		.can_start = true,
	};
}

static struct vhsm_lifecycle connected(void)
{
	struct vhsm_lifecycle d = plugged();

	walk(&d);
	d.front = VHSM_XENBUS_INITIALISED;
	walk(&d);
	d.engine = VHSM_ENGINE_UP;
	walk(&d);
	d.front = VHSM_XENBUS_CONNECTED;
	walk(&d);
	return d;
}

START_TEST(a_device_is_offered_then_connected)
{
	struct vhsm_lifecycle d = plugged();

	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_INIT_WAIT);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_NONE);
	d.front = VHSM_XENBUS_INITIALISED;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_INIT_WAIT);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_STARTING);
	d.engine = VHSM_ENGINE_UP;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CONNECTED);
}
END_TEST

START_TEST(no_engine_starts_while_none_may)
{
	struct vhsm_lifecycle d = plugged();

	d.can_start = false;
	walk(&d);
	d.front = VHSM_XENBUS_INITIALISED;
	walk(&d);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_NONE);
	d.can_start = true;
	walk(&d);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_STARTING);
}
END_TEST

START_TEST(a_dead_engine_brings_the_device_back_through_closing)
{
	struct vhsm_lifecycle d = connected();

	d.engine = VHSM_ENGINE_NONE;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSING);
	d.front = VHSM_XENBUS_CLOSED;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_INIT_WAIT);
	d.front = VHSM_XENBUS_INITIALISED;
	walk(&d);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_STARTING);
}
END_TEST

START_TEST(a_closing_frontend_sees_closed_only_after_the_engine_has_unmapped)
{
	struct vhsm_lifecycle d = connected();

	d.front = VHSM_XENBUS_CLOSING;
	walk(&d);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_STOPPING);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSING);
	d.engine = VHSM_ENGINE_NONE;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSED);
	d.front = VHSM_XENBUS_CLOSED;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_INIT_WAIT);
}
END_TEST

START_TEST(a_refused_frontend_stays_closed_until_it_initialises)
{
	struct vhsm_lifecycle d = connected();

	d.engine = VHSM_ENGINE_NONE;
	d.refused = true;
	walk(&d);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSED);
	for (int front = 0; front <= VHSM_XENBUS_CLOSED; front++) {
		if (front == VHSM_XENBUS_INITIALISING)
			continue;
		d.front = front;
		walk(&d);
		ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSED);
		ck_assert(d.refused);
	}
	d.front = VHSM_XENBUS_INITIALISING;
	walk(&d);
	ck_assert(!d.refused);
	ck_assert_int_eq(d.back, VHSM_XENBUS_INIT_WAIT);
}
END_TEST

START_TEST(a_refusal_is_not_forgiven_before_its_time)
{
	struct vhsm_lifecycle d = plugged();

	d.back = VHSM_XENBUS_CLOSED;
	d.refused = true;
	d.can_start = false;
	walk(&d);
	ck_assert(d.refused);
}
END_TEST

START_TEST(a_frontend_connected_out_of_order_is_refused)
{
	struct vhsm_lifecycle d = plugged();

	walk(&d);
	d.front = VHSM_XENBUS_CONNECTED;
	walk(&d);
	ck_assert(d.refused);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSED);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_NONE);
}
END_TEST

START_TEST(a_vanished_domain_waits_for_its_engine_only)
{
	struct vhsm_lifecycle d = connected();

	d.gone = true;
	ck_assert_int_eq(walk(&d), VHSM_DO_NOTHING);
	ck_assert_int_eq(d.engine, VHSM_ENGINE_STOPPING);
	d.engine = VHSM_ENGINE_NONE;
	ck_assert_int_eq(walk(&d), VHSM_DO_REMOVE);
}
END_TEST

START_TEST(an_unplugged_device_goes_when_its_frontend_has_let_go)
{
	struct vhsm_lifecycle d = connected();

	d.online = false;
	ck_assert_int_eq(walk(&d), VHSM_DO_NOTHING);
	ck_assert_int_eq(d.back, VHSM_XENBUS_CLOSING);
	d.engine = VHSM_ENGINE_NONE;
	ck_assert_int_eq(walk(&d), VHSM_DO_NOTHING);
	d.front = VHSM_XENBUS_CLOSED;
	ck_assert_int_eq(walk(&d), VHSM_DO_REMOVE);
}
END_TEST

/* Whatever a guest writes and whatever a crash left: the walk ends, maps
 * nothing it may not, and says Closed only when nothing is mapped. */
START_TEST(every_combination_comes_to_rest)
{
	for (unsigned n = 0; n < 7 * 7 * 4 * 16; n++) {
		struct vhsm_lifecycle d = {
			.front = n % 7,
			.back = n / 7 % 7,
			.engine = n / 49 % 4,
			.online = n / 196 & 1,
			.gone = n / 196 & 2,
			.refused = n / 196 & 4,
			.can_start = n / 196 & 8,
		};
		const struct vhsm_lifecycle was = d;
		enum vhsm_lifecycle_action rest = walk(&d);

		if (rest == VHSM_DO_REMOVE)
			ck_assert_int_eq(d.engine, VHSM_ENGINE_NONE);
		if (d.engine == VHSM_ENGINE_STARTING && !was.engine)
			ck_assert(was.can_start && was.online && !was.gone &&
				  d.front == VHSM_XENBUS_INITIALISED);
		if (d.engine && !was.gone && d.back == VHSM_XENBUS_CLOSED)
			ck_assert_int_eq(was.back, VHSM_XENBUS_CLOSED);
		/* START is only done in InitWait. */
		if (was.engine == VHSM_ENGINE_STARTING &&
		    was.back == VHSM_XENBUS_CONNECTED)
			continue;
		if (d.back == VHSM_XENBUS_CONNECTED && !was.gone)
			ck_assert_int_eq(d.engine, VHSM_ENGINE_UP);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lifecycle");
	TCase *tests = tcase_create("lifecycle");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, a_device_is_offered_then_connected);
	tcase_add_test(tests, no_engine_starts_while_none_may);
	tcase_add_test(tests,
		       a_dead_engine_brings_the_device_back_through_closing);
	tcase_add_test(tests,
	a_closing_frontend_sees_closed_only_after_the_engine_has_unmapped);
	tcase_add_test(tests,
		       a_refused_frontend_stays_closed_until_it_initialises);
	tcase_add_test(tests, a_refusal_is_not_forgiven_before_its_time);
	tcase_add_test(tests, a_frontend_connected_out_of_order_is_refused);
	tcase_add_test(tests, a_vanished_domain_waits_for_its_engine_only);
	tcase_add_test(tests,
		       an_unplugged_device_goes_when_its_frontend_has_let_go);
	tcase_add_test(tests, every_combination_comes_to_rest);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
