/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the responder tells the broker of a guest's keys: until when, of which
 * domain, and again to a broker that has forgotten.
 */
#include <config.h>

#include <unistd.h>

#include "unit/responder-rig.h"

START_TEST(a_lease_ends_at_a_time_and_is_one_domains)
{
	to_clean();
	ck_assert_int_eq(gate_domid, 5);
	ck_assert(!gate_unwatched);
	ck_assert_int_eq(valid_until, web()->watch.clean_ms + 1000);
	ck_assert_int_le(valid_ms, 1000);
	domain_runs(6);
	until(gate_domid == 6);
	ck_assert_int_eq(valid_ms, 0);
	ck_assert_int_eq(valid_until, -1);
}
END_TEST

START_TEST(an_admin_who_ends_a_watch_says_so)
{
	char code[32];
	json_t *result;

	to_clean();
	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(gate_unwatched);
	ck_assert_int_eq(valid_ms, -1);
	ck_assert_int_eq(gate_domid, 5);
	/* Also to a broker that shut them because a device demands a lease. */
	broker_stop();
	run_for(100);
	gate_unwatched = false;
	broker_start();
	until(gate_unwatched);
	ck_assert_int_eq(valid_ms, -1);
}
END_TEST

/* Without a word from the monitor or an admin. */
START_TEST(a_broker_that_was_started_anew_is_told_everything)
{
	act_is("{\"error\":{\"code\":\"unapproved\",\"message\":\"no\"}}",
	       "{\"result\":{\"domid\":9}}");
	domain_runs(5);
	until(in_state(VHSM_WATCH_UNAPPROVED));
	until(gates > 1);
	broker_stop();
	run_for(100);
	gates = 0;
	broker_start();
	until(gates);
	ck_assert_int_eq(valid_ms, 0);
}
END_TEST

START_TEST(a_broker_that_hears_of_the_domain_later_is_told_again)
{
	act_is("{\"error\":{\"code\":\"unapproved\",\"message\":\"no\"}}",
	       "{\"result\":{\"domid\":9}}");
	broker_unaware = true;
	domain_runs(5);
	until(in_state(VHSM_WATCH_UNAPPROVED));
	run_for(300);
	broker_unaware = false;
	gates = 0;
	until(gates);
	/* Now that it has heard it is left alone. */
	gates = 0;
	run_for(2500);
	ck_assert_int_eq(gates, 0);
}
END_TEST

START_TEST(devices_of_one_guest_that_name_several_policies_are_refused)
{
	char code[32];
	json_t *result;

	write_file("lax.conf", "lease-ms = 0\nsweep-ms = 100\n", 0600);
	write_file("web.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n"
		   "vhsm = [ \"keys=a,monitor=lax\", \"keys=c\", "
		   "\"keys=b,monitor=strict\" ]\n", 0600);
	domain_runs(5);
	until(valid_ms == 0);
	run_for(300);
	ck_assert(!acted("boot"));
	ck_assert_int_eq(valid_ms, 0);
	call("watch.list", json_object(), &result, code);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(
		json_array_get(json_object_get(result, "guests"), 0),
		"problem")), "different policies"));
	json_decref(result);
	/* Put right, it is watched when it comes again. */
	write_file("web.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n"
		   "vhsm = [ \"keys=a,monitor=strict\", \"keys=c\", "
		   "\"keys=b,monitor=strict\" ]\n", 0600);
	domain_runs(6);
	until(monitor);
}
END_TEST

START_TEST(a_policy_without_a_lease_that_a_device_demands_is_a_problem)
{
	char code[32];
	json_t *result;

	write_file("strict.conf", "lease-ms = 0\nsweep-ms = 100\n", 0600);
	broker_lease = "never";
	domain_runs(5);
	until(valid_ms == -1);
	until(web()->lease_refused);
	call("watch.list", json_object(), &result, code);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(
		json_array_get(json_object_get(result, "guests"), 0),
		"problem")), "demands a lease"));
	json_decref(result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder-gate");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, a_lease_ends_at_a_time_and_is_one_domains);
	tcase_add_test(all, an_admin_who_ends_a_watch_says_so);
	tcase_add_test(all, a_broker_that_was_started_anew_is_told_everything);
	tcase_add_test(all,
		       a_broker_that_hears_of_the_domain_later_is_told_again);
	tcase_add_test(all,
		devices_of_one_guest_that_name_several_policies_are_refused);
	tcase_add_test(all,
		a_policy_without_a_lease_that_a_device_demands_is_a_problem);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
