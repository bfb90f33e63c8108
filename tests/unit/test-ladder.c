/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From findings to reactions, and to what the keys may do.
 */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "responder/ladder.h"

#define BIT(reaction) (1u << VHSM_REACT_##reaction)
#define CHECKS(check) (UINT64_C(1) << VHSM_CHECK_##check)

static struct vhsm_policy policy;
static struct vhsm_incident incident;
static struct vhsm_watch watch;
static struct vhsm_key_gate gate;

static void begin(void)
{
	memset(&policy, 0, sizeof(policy));
	memset(&incident, 0, sizeof(incident));
	memset(&watch, 0, sizeof(watch));
	policy.lease_ms = 5000;
	policy.on_severity[4] = BIT(RECORD) | BIT(THROTTLE);
	policy.on_severity[5] = BIT(RECORD) | BIT(REVOKE) | BIT(ISOLATE);
	policy.check[VHSM_CHECK_YARA].given = true;
	policy.check[VHSM_CHECK_YARA].reactions = BIT(RECORD);
}

START_TEST(every_finding_brings_the_reactions_of_its_policy)
{
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)),
			  BIT(REVOKE) | BIT(ISOLATE));
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(YARA) | CHECKS(WRITE_EXEC)),
			  BIT(THROTTLE));
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident, CHECKS(YARA)),
			  0);
}
END_TEST

START_TEST(what_is_done_is_not_done_again)
{
	incident.open = true;
	incident.done = BIT(REVOKE);
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)), BIT(ISOLATE));
}
END_TEST

START_TEST(what_fails_is_tried_a_few_times)
{
	incident.tries[VHSM_REACT_ISOLATE] = VHSM_INCIDENT_TRIES - 1;
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)),
			  BIT(REVOKE) | BIT(ISOLATE));
	incident.tries[VHSM_REACT_ISOLATE]++;
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)), BIT(REVOKE));
}
END_TEST

START_TEST(nothing_is_done_to_a_destroyed_guest)
{
	incident.destroyed = true;
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)), 0);
}
END_TEST

START_TEST(a_dry_run_says_everything_once)
{
	policy.dry_run = true;
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)),
			  BIT(REVOKE) | BIT(ISOLATE));
	incident.dry = BIT(REVOKE) | BIT(ISOLATE);
	ck_assert_uint_eq(vhsm_ladder_plan(&policy, &incident,
					   CHECKS(KERNEL_TEXT)), 0);
}
END_TEST

START_TEST(what_protects_at_once_comes_first_and_destruction_last)
{
	uint32_t set = (1u << VHSM_REACTIONS) - 1;
	const enum vhsm_reaction order[] = {
		VHSM_REACT_REVOKE, VHSM_REACT_VERIFY_ONLY,
		VHSM_REACT_THROTTLE, VHSM_REACT_ISOLATE, VHSM_REACT_FREEZE,
		VHSM_REACT_DESTROY,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		ck_assert_int_eq(vhsm_ladder_first(set), order[i]);
		set &= ~(1u << order[i]);
	}
	ck_assert_int_eq(vhsm_ladder_first(set), -1);
}
END_TEST

START_TEST(what_is_only_recorded_leaves_the_lease_be)
{
	ck_assert(vhsm_ladder_tolerates(&policy, &incident, 0));
	ck_assert(vhsm_ladder_tolerates(&policy, &incident, CHECKS(YARA)));
	ck_assert(!vhsm_ladder_tolerates(&policy, &incident, CHECKS(YARA) |
					 CHECKS(KERNEL_TEXT)));
}
END_TEST

START_TEST(the_lease_goes_on_once_the_keys_are_limited_as_the_policy_asks)
{
	policy.check[VHSM_CHECK_YARA].reactions =
		BIT(RECORD) | BIT(THROTTLE) | BIT(VERIFY_ONLY);
	incident.done = BIT(THROTTLE);
	ck_assert(!vhsm_ladder_tolerates(&policy, &incident, CHECKS(YARA)));
	incident.done |= BIT(VERIFY_ONLY);
	ck_assert(vhsm_ladder_tolerates(&policy, &incident, CHECKS(YARA)));
}
END_TEST

START_TEST(what_is_done_besides_to_the_guest_ends_its_lease)
{
	policy.check[VHSM_CHECK_YARA].reactions = BIT(RECORD) | BIT(ISOLATE);
	incident.done = BIT(ISOLATE);
	ck_assert(!vhsm_ladder_tolerates(&policy, &incident, CHECKS(YARA)));
}
END_TEST

START_TEST(a_lease_is_what_is_left_since_the_sweep_was_ordered)
{
	watch.clean_ms = 100000;
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_int_eq(gate.level, VHSM_GATE_FULL);
	ck_assert(gate.leased);
	ck_assert_uint_eq(gate.valid_ms, 3800);
	ck_assert_str_eq(gate.reason, "seen as approved");
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 104999);
	ck_assert_uint_eq(gate.valid_ms, 1);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 105000);
	ck_assert_uint_eq(gate.valid_ms, 0);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, UINT64_MAX);
	ck_assert_uint_eq(gate.valid_ms, 0);
}
END_TEST

START_TEST(a_guest_never_seen_has_no_lease)
{
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert(gate.leased);
	ck_assert_uint_eq(gate.valid_ms, 0);
	ck_assert_int_eq(gate.level, VHSM_GATE_FULL);
	watch.told_unapproved = true;
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_str_eq(gate.reason, "boot not approved");
}
END_TEST

START_TEST(a_policy_without_a_lease_or_a_dry_run_stops_no_keys)
{
	policy.lease_ms = 0;
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert(!gate.leased);
	ck_assert_int_eq(gate.level, VHSM_GATE_FULL);
	policy.lease_ms = 5000;
	policy.dry_run = true;
	incident.open = true;
	incident.dry = BIT(REVOKE);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert(!gate.leased);
	ck_assert_int_eq(gate.level, VHSM_GATE_FULL);
}
END_TEST

START_TEST(the_strictest_level_counts_while_the_incident_is_open)
{
	watch.clean_ms = 100000;
	incident.open = true;
	incident.rate = 7;
	snprintf(incident.reason, sizeof(incident.reason),
		 "kernel-text: _text");
	incident.done = BIT(THROTTLE);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_int_eq(gate.level, VHSM_GATE_THROTTLED);
	ck_assert_uint_eq(gate.rate, 7);
	ck_assert_uint_eq(gate.valid_ms, 3800);
	incident.done |= BIT(VERIFY_ONLY);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_int_eq(gate.level, VHSM_GATE_VERIFY_ONLY);
	incident.done |= BIT(REVOKE);
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_int_eq(gate.level, VHSM_GATE_REVOKED);
	ck_assert_str_eq(gate.reason, "kernel-text: _text");
	incident.open = false;
	vhsm_ladder_gate(&gate, &policy, &incident, &watch, 101200);
	ck_assert_int_eq(gate.level, VHSM_GATE_FULL);
}
END_TEST

START_TEST(an_incident_survives_being_written_down)
{
	struct vhsm_incident back;
	json_t *json;

	incident.open = true;
	snprintf(incident.uid, sizeof(incident.uid),
		 "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01");
	snprintf(incident.reason, sizeof(incident.reason),
		 "kernel-text: _text");
	incident.opened_ms = UINT64_C(1795273200123);
	incident.done = BIT(REVOKE) | BIT(ISOLATE);
	incident.rate = 9;
	incident.isolated_domid = 5;
	incident.isolated = json_pack("{s:[s]}", "nics", "a");
	incident.frozen_domid = 6;
	json = vhsm_incident_encode(&incident);
	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(vhsm_incident_decode(&back, json), 0);
	ck_assert(back.open);
	ck_assert_str_eq(back.uid, incident.uid);
	ck_assert_str_eq(back.reason, incident.reason);
	ck_assert_uint_eq(back.opened_ms, incident.opened_ms);
	ck_assert_uint_eq(back.done, incident.done);
	ck_assert_uint_eq(back.rate, 9);
	ck_assert_uint_eq(back.isolated_domid, 5);
	ck_assert(json_equal(back.isolated, incident.isolated));
	ck_assert_uint_eq(back.frozen_domid, 6);
	ck_assert(!back.destroyed);
	vhsm_incident_deinit(&back);
	json_object_set_new(json, "done", json_pack("[s]", "explode"));
	ck_assert_int_ne(vhsm_incident_decode(&back, json), 0);
	json_decref(json);
	vhsm_incident_deinit(&incident);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ladder");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, NULL);
	tcase_add_test(all, every_finding_brings_the_reactions_of_its_policy);
	tcase_add_test(all, what_is_done_is_not_done_again);
	tcase_add_test(all, what_fails_is_tried_a_few_times);
	tcase_add_test(all, nothing_is_done_to_a_destroyed_guest);
	tcase_add_test(all, a_dry_run_says_everything_once);
	tcase_add_test(all,
		       what_protects_at_once_comes_first_and_destruction_last);
	tcase_add_test(all, what_is_only_recorded_leaves_the_lease_be);
	tcase_add_test(all,
		       the_lease_goes_on_once_the_keys_are_limited_as_the_policy_asks);
	tcase_add_test(all, what_is_done_besides_to_the_guest_ends_its_lease);
	tcase_add_test(all,
		       a_lease_is_what_is_left_since_the_sweep_was_ordered);
	tcase_add_test(all, a_guest_never_seen_has_no_lease);
	tcase_add_test(all,
		       a_policy_without_a_lease_or_a_dry_run_stops_no_keys);
	tcase_add_test(all,
		       the_strictest_level_counts_while_the_incident_is_open);
	tcase_add_test(all, an_incident_survives_being_written_down);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
