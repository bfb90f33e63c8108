/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The responder and a monitor that behaves, keeps silent, breaks the protocol
 * or lies.
 */
#include <config.h>

#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "unit/responder-rig.h"

START_TEST(a_clean_guest_has_a_lease_that_counts_from_the_order)
{
	unsigned dirty = 0;

	to_sweep();
	ck_assert_int_eq(valid_ms, 0);
	sweep_await(NULL);
	run_for(200);
	verdict(1, true);
	until(valid_ms > 0);
	ck_assert_int_le(valid_ms, 800);
	ck_assert_str_eq(level, "full");
	ck_assert_str_eq(gate_uuid, UUID);
	ck_assert_uint_eq(sweep_await(&dirty), 2);
	/* That of the beginning, and the one in which something was written. */
	ck_assert_uint_eq(dirty, 2);
	ck_assert_uint_eq(alert_count("finding"), 0);
}
END_TEST

/* Each reading costs the guest a fault for every page it then writes. */
START_TEST(the_log_is_read_when_a_full_scan_may_begin_and_not_before)
{
	unsigned dirty = 0, n;

	to_sweep();
	sweep_await(&dirty);
	ck_assert(!rig_logged);		/* it has only begun */
	verdict(1, true);
	sweep_await(&dirty);
	ck_assert(rig_logged);
	ck_assert_uint_eq(dirty, 2);
	for (n = 2; n < 5; n++) {
		verdict(n, true);
		ck_assert_uint_eq(sweep_await(&dirty), n + 1);
		ck_assert(rig_logged);
		ck_assert_uint_eq(dirty, 2);
	}
	/* One that got lost is told to the monitor. */
	web()->monitor.dirty.on = false;
	web()->monitor.log_due_ms = 0;
	verdict(5, true);
	sweep_await(&dirty);
	ck_assert(!rig_logged);
	verdict(6, true);
	sweep_await(&dirty);
	ck_assert(rig_logged);
	ck_assert_uint_eq(dirty, 4);
}
END_TEST

START_TEST(an_unapproved_boot_raises_an_alert_and_has_no_lease)
{
	act_is("{\"error\":{\"code\":\"unapproved\",\"message\":\"the command "
	       "line differs\"}}", "{\"result\":{\"domid\":9}}");
	domain_runs(5);
	until(in_state(VHSM_WATCH_UNAPPROVED));
	until(alert_count("boot-unapproved") == 1);
	until(valid_ms == 0);
	ck_assert_str_eq(level, "full");
	ck_assert(!acted("monitor-start"));
	/* Nothing is measured again meanwhile, and once it is approved all
	 * goes on by itself. */
	act_is(MATCHED, "{\"result\":{\"domid\":9}}");
	run_for(VHSM_WATCH_RECHECK_MS + 300);
	ck_assert_ptr_null(monitor);
	approved("web-6.1", "d1");
	until(monitor);
}
END_TEST

START_TEST(tampering_stops_the_keys_before_anything_slow)
{
	json_t *alerts;
	char *text;

	to_clean();
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(!strcmp(level, "revoked"));
	verdict(2, false);
	until(revokes == 1);
	until(acted("isolate"));
	until(web()->incident.done & 1u << VHSM_REACT_ISOLATE);
	until(acted("seal"));
	alerts = alerts_of("syscall-table");
	ck_assert_uint_eq(json_array_size(alerts), 1);
	text = json_dumps(alerts, 0);
	ck_assert_ptr_nonnull(strstr(text, "epoch 2"));
	ck_assert_ptr_nonnull(strstr(text, "4 keys withheld"));
	free(text);
	json_decref(alerts);
	/* Found again, it is the same alert, and nothing is done twice. */
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	verdict(3, false);
	sweep_await(NULL);
	ck_assert_int_eq(revokes, 1);
	ck_assert_uint_eq(alert_count("syscall-table"), 1);
	ck_assert_str_eq(level, "revoked");
	/* Another thing is another alert, which says what is in effect. */
	finding(VHSM_CHECK_CPU_ENTRY, "LSTAR");
	until(alert_count("in effect since") == 1);
	ck_assert_int_eq(revokes, 1);
}
END_TEST

START_TEST(what_is_only_recorded_renews_the_lease)
{
	uint64_t ordered;

	to_clean();
	sweep_await(NULL);
	ordered = web()->watch.ordered_ms;
	ck_assert_uint_lt(web()->watch.clean_ms, ordered);
	valid_ms = -2;
	finding(VHSM_CHECK_YARA, "rule x");
	verdict(2, false);
	until(valid_ms != -2);
	ck_assert_uint_eq(web()->watch.clean_ms, ordered);
	ck_assert_uint_eq(alert_count("yara"), 1);
	ck_assert(!web()->incident.open);
}
END_TEST

START_TEST(a_sweep_in_which_a_check_failed_renews_nothing)
{
	struct vhsm_verdict v;

	to_clean();
	v = verdict_of(sweep_await(NULL), false);
	v.findings = 0;
	v.run[0].finished = false;
	snprintf(v.run[0].error, sizeof(v.run[0].error), "text unreadable");
	say(VHSM_FRAME_VERDICT, vhsm_verdict_encode(&v));
	until(in_state(VHSM_WATCH_RESTING));
	until(strstr(web()->problem, "text unreadable"));
	ck_assert_uint_lt(web()->watch.clean_ms, web()->watch.ordered_ms);
}
END_TEST

START_TEST(a_silent_monitor_lets_the_lease_run_out_and_is_remade)
{
	to_clean();
	sweep_await(NULL);
	until(alert_count("monitor-lost") == 1);
	until(acted("monitor-stop"));
	until(in_state(VHSM_WATCH_CONNECTING) && web()->monitor.channel);
	hello();
	sweep_await(NULL);
	until(valid_ms == 0 || vhsm_now_ms() - web()->watch.clean_ms > 1000);
	ck_assert_uint_eq(alert_count("monitor-lost"), 1);
}
END_TEST

START_TEST(a_monitor_that_ends_is_remade)
{
	to_clean();
	vhsm_channel_close(&monitor);
	until(alert_count("monitor-lost") == 1);
	until(monitor);
	hello();
	verdict(sweep_await(NULL), true);
	until(in_state(VHSM_WATCH_RESTING));
}
END_TEST

/* Frames no monitor sends. */
static const struct {
	uint32_t type;
	const char *payload;
} garbage[] = {
	{ VHSM_FRAME_VERDICT, "" },
	{ VHSM_FRAME_VERDICT, "{}" },
	{ VHSM_FRAME_VERDICT, "\xff\xfe" },
	{ VHSM_FRAME_VERDICT, "{\"number\":1" },
	{ VHSM_FRAME_FINDING, "[]" },
	{ VHSM_FRAME_FINDING, "{\"check\":\"monitor-lost\"}" },
	{ VHSM_FRAME_FOUND, "null" },
	{ VHSM_FRAME_LOG, "{\"text\":1}" },
	{ VHSM_FRAME_LOG, "{\"text\":\"\\u001b[2J\"}" },
	{ VHSM_FRAME_LEARNED, "{\"check\":\"cpu-entry\",\"learned\":1}" },
	{ VHSM_FRAME_LEARN_DONE, "" },
	{ VHSM_FRAME_LEARN_FAILED, "{\"why\":\"no\"}" },
	{ VHSM_FRAME_HELLO, "{\"version\":1,\"program\":\"x\"}" },
	{ VHSM_FRAME_CONFIGURE, "{}" },
	{ VHSM_FRAME_SWEEP, "{}" },
	{ VHSM_FRAME_DIRTY, "" },
};

START_TEST(a_monitor_that_talks_nonsense_is_remade)
{
	to_sweep();
	vhsm_channel_send(monitor, garbage[_i].type, garbage[_i].payload,
			  strlen(garbage[_i].payload));
	broken_expect();
}
END_TEST

START_TEST(framing_that_is_none_is_refused)
{
	static const uint8_t huge[8] = { 4, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f };

	to_sweep();
	ck_assert_int_eq(write(monitor_fd, huge, sizeof(huge)), 8);
	broken_expect();
}
END_TEST

START_TEST(nothing_is_heard_before_hello)
{
	domain_runs(5);
	until(monitor);
	verdict(1, true);
	broken_expect();
}
END_TEST

START_TEST(a_verdict_nobody_asked_for_is_a_lie)
{
	to_sweep();
	verdict(7, true);
	broken_expect();
	ck_assert_int_eq(valid_ms, 0);
}
END_TEST

START_TEST(a_clean_verdict_after_a_finding_is_a_lie)
{
	to_sweep();
	sweep_await(NULL);
	finding(VHSM_CHECK_YARA, "rule x");
	verdict(1, true);
	broken_expect();
	ck_assert_int_eq(valid_ms, 0);
}
END_TEST

START_TEST(a_clean_verdict_with_a_failed_check_is_a_lie)
{
	struct vhsm_verdict v;

	to_sweep();
	v = verdict_of(1, true);
	v.run[0].finished = false;
	sweep_await(NULL);
	say(VHSM_FRAME_VERDICT, vhsm_verdict_encode(&v));
	broken_expect();
}
END_TEST

START_TEST(a_clean_verdict_without_any_check_is_a_lie)
{
	struct vhsm_verdict v;

	to_sweep();
	v = verdict_of(1, true);
	v.run_count = 0;
	sweep_await(NULL);
	say(VHSM_FRAME_VERDICT, vhsm_verdict_encode(&v));
	broken_expect();
	ck_assert_int_eq(valid_ms, 0);
}
END_TEST

START_TEST(a_flood_of_findings_is_cut_off)
{
	char object[32];

	to_sweep();
	sweep_await(NULL);
	for (unsigned i = 0; i <= VHSM_FINDINGS_MAX; i++) {
		snprintf(object, sizeof(object), "rule %u", i);
		finding(VHSM_CHECK_YARA, object);
		/* They do not all fit the socket. */
		event_base_loop(r.base, EVLOOP_NONBLOCK);
	}
	broken_expect();
}
END_TEST

START_TEST(a_rebooted_guest_is_measured_again)
{
	to_clean();
	domain_runs(6);
	until(acted("monitor-stop"));
	until(valid_ms == 0);
	until(in_state(VHSM_WATCH_CONNECTING) && monitor);
	ck_assert_uint_eq(web()->domain.domid, 6);
	until(web()->monitor.channel);
	hello();
	verdict(sweep_await(NULL), true);
	until(valid_ms > 0);
}
END_TEST

START_TEST(a_guest_that_is_gone_leaves_nothing)
{
	to_clean();
	domain_runs(0);
	until(acted("monitor-stop"));
	until(in_state(VHSM_WATCH_ABSENT));
	domain_runs(0);
	ck_assert_ptr_null(web());
	ck_assert_uint_eq(r.guest_count, 0);
}
END_TEST

static void tampered(void)
{
	to_clean();
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	verdict(2, false);
	until(acted("seal"));
	until(!web()->reaction);
}

START_TEST(a_reboot_releases_nothing)
{
	tampered();
	domain_runs(6);
	until(in_state(VHSM_WATCH_CONNECTING) && web()->monitor.channel);
	hello();
	verdict(sweep_await(NULL), true);
	sweep_await(NULL);
	ck_assert_str_eq(level, "revoked");
	ck_assert(web()->incident.open);
}
END_TEST

START_TEST(a_restart_of_the_responder_releases_nothing)
{
	tampered();
	vhsm_state_save(&r);
	responder_stop();
	level[0] = '\0';
	responder_start();
	ck_assert_int_eq(vhsm_state_load(&r), 0);
	ck_assert(web()->incident.open);
	domain_runs(5);
	until(!strcmp(level, "revoked"));
	/* Its devices are still away, and known. */
	ck_assert(web()->incident.done & 1u << VHSM_REACT_ISOLATE);
	ck_assert_uint_eq(web()->incident.isolated_domid, 5);
}
END_TEST

START_TEST(release_gives_everything_back)
{
	char code[32], path[128];
	json_t *result, *rejoin;

	tampered();
	call("release", json_pack("{s:s,s:s}", "domain", "web", "reason",
				  "patched"), &result, code);
	ck_assert_str_eq(code, "");
	ck_assert(json_is_false(json_object_get(result, "destroyed")));
	json_decref(result);
	ck_assert_int_eq(releases, 1);
	until(!strcmp(level, "full"));
	ck_assert(!web()->incident.open);
	snprintf(path, sizeof(path), "%s/rejoin", dir);
	rejoin = json_load_file(path, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(
		json_object_get(rejoin, "nics"), 0), "devid")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(rejoin, "domid")),
			 5);
	json_decref(rejoin);
}
END_TEST

START_TEST(a_quarantine_that_is_not_there_is_told)
{
	write_file("strict.conf", "lease-ms = 1000\nsweep-ms = 100\n"
		   "quarantine-bridge = \"quarantine0\"\n"
		   "on critical { reactions = { \"isolate\" } }\n", 0600);
	write_file("isolated", "{\"result\":{\"nics\":[{\"devid\":0},"
		   "{\"devid\":1}],\"disks\":[{}],\"moved\":1,\"note\":"
		   "\"device 1 cannot be plugged\"}}", 0600);
	tampered();
	ck_assert_uint_eq(alert_count("1 network device moved to quarantine0, "
				      "1 network device unplugged (device 1 "
				      "cannot be plugged), 1 disk unplugged"),
			  1);
	ck_assert(web()->incident.done & 1u << VHSM_REACT_ISOLATE);
}
END_TEST

START_TEST(a_dry_run_says_and_does_nothing)
{
	json_t *alerts;
	char *text;

	write_file("strict.conf", "dry-run = true\nlease-ms = 1000\n"
		   "sweep-ms = 100\non critical { reactions = { \"revoke\", "
		   "\"freeze\" } }\n", 0600);
	to_sweep();
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	verdict(1, false);
	sweep_await(NULL);
	until(valid_ms == -1);
	ck_assert_str_eq(level, "full");
	ck_assert_int_eq(revokes, 0);
	ck_assert_uint_eq(paused, 0);
	alerts = alerts_of("syscall-table");
	text = json_dumps(alerts, 0);
	ck_assert_ptr_nonnull(strstr(text, "would be done"));
	free(text);
	json_decref(alerts);
}
END_TEST

START_TEST(a_freeze_pauses_at_once_and_keeps_memory)
{
	char code[32];
	json_t *result;

	to_clean();
	call("react", json_pack("{s:s,s:s}", "domain", "web", "reaction",
				"freeze"), &result, code);
	ck_assert_str_eq(code, "");
	ck_assert_uint_eq(paused, 1);
	json_decref(result);
	until(acted("freeze"));
	until(acted("seal") && !web()->reaction);
	call("release", json_pack("{s:s}", "domain", "5"), &result, code);
	ck_assert_str_eq(code, "");
	ck_assert_uint_eq(unpaused, 1);
	json_decref(result);
}
END_TEST

START_TEST(a_broker_that_fails_is_told_again)
{
	to_clean();
	broker_silent = true;
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(!strcmp(level, "revoked"));
	broker_silent = false;
	gates = 0;
	/* Without a word from the monitor. */
	until(gates >= 1);
	ck_assert_str_eq(level, "revoked");
}
END_TEST

START_TEST(a_monitor_whose_domain_is_gone_is_not_waited_for)
{
	struct vhsm_domain_seen seen[] = {
		{ .domid = 5, .uuid = UUID, .name = "web" },
		{ .uuid = OTHER, .name = VHSM_MONITOR_PREFIX "web" },
	};

	r.conf.monitor_hang_ms = 60000;
	to_clean();
	sweep_await(NULL);
	seen[1].domid = web()->monitor.domid;
	ck_assert_uint_ne(seen[1].domid, 0);
	vhsm_roster_changed(seen, 2, &r);
	ck_assert(in_state(VHSM_WATCH_SWEEPING));
	vhsm_roster_changed(seen, 1, &r);
	until(acted("monitor-stop"));
	ck_assert_uint_eq(alert_count("monitor-lost"), 1);
}
END_TEST

START_TEST(an_admin_starts_and_stops_a_watch)
{
	struct vhsm_domain_seen seen[] = {
		{ .domid = 7, .uuid = OTHER, .name = "db" },
	};
	char code[32];
	json_t *result;

	vhsm_roster_changed(seen, 1, &r);
	ck_assert_uint_eq(r.guest_count, 0);
	call("watch.start", json_pack("{s:s,s:s}", "domain", "db", "policy",
				      "none"), &result, code);
	ck_assert_str_eq(code, "not-found");
	call("watch.start", json_pack("{s:s,s:s}", "domain", "db", "policy",
				      "strict"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(acted("monitor-start"));
	call("watch.list", json_object(), &result, code);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "guests")),
			  1);
	json_decref(result);
	call("watch.stop", json_pack("{s:s}", "domain", OTHER), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(valid_ms == -1);
	ck_assert_str_eq(level, "full");
	until(acted("monitor-stop"));
	until(vhsm_watched_find(&r, OTHER)->watch.state == VHSM_WATCH_ABSENT);
	/* Nor does another look at the domains start it again. */
	vhsm_roster_changed(seen, 1, &r);
	ck_assert_str_eq(vhsm_watch_state_name(vhsm_watched_find(&r, OTHER)
					       ->watch.state), "absent");
}
END_TEST

START_TEST(a_watch_with_an_open_incident_is_not_stopped)
{
	char code[32];
	json_t *result;

	tampered();
	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "busy");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("responder");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all,
		       a_clean_guest_has_a_lease_that_counts_from_the_order);
	tcase_add_test(all,
		       an_unapproved_boot_raises_an_alert_and_has_no_lease);
	tcase_add_test(all,
		       the_log_is_read_when_a_full_scan_may_begin_and_not_before);
	tcase_add_test(all, tampering_stops_the_keys_before_anything_slow);
	tcase_add_test(all, what_is_only_recorded_renews_the_lease);
	tcase_add_test(all, a_sweep_in_which_a_check_failed_renews_nothing);
	tcase_add_test(all,
		       a_silent_monitor_lets_the_lease_run_out_and_is_remade);
	tcase_add_test(all, a_monitor_that_ends_is_remade);
	tcase_add_loop_test(all, a_monitor_that_talks_nonsense_is_remade, 0,
			    sizeof(garbage) / sizeof(garbage[0]));
	tcase_add_test(all, framing_that_is_none_is_refused);
	tcase_add_test(all, nothing_is_heard_before_hello);
	tcase_add_test(all, a_verdict_nobody_asked_for_is_a_lie);
	tcase_add_test(all, a_clean_verdict_after_a_finding_is_a_lie);
	tcase_add_test(all, a_clean_verdict_with_a_failed_check_is_a_lie);
	tcase_add_test(all, a_clean_verdict_without_any_check_is_a_lie);
	tcase_add_test(all, a_flood_of_findings_is_cut_off);
	tcase_add_test(all, a_rebooted_guest_is_measured_again);
	tcase_add_test(all, a_guest_that_is_gone_leaves_nothing);
	tcase_add_test(all, a_reboot_releases_nothing);
	tcase_add_test(all, a_restart_of_the_responder_releases_nothing);
	tcase_add_test(all, release_gives_everything_back);
	tcase_add_test(all, a_quarantine_that_is_not_there_is_told);
	tcase_add_test(all, a_dry_run_says_and_does_nothing);
	tcase_add_test(all, a_freeze_pauses_at_once_and_keeps_memory);
	tcase_add_test(all, a_broker_that_fails_is_told_again);
	tcase_add_test(all, a_monitor_whose_domain_is_gone_is_not_waited_for);
	tcase_add_test(all, an_admin_starts_and_stops_a_watch);
	tcase_add_test(all, a_watch_with_an_open_incident_is_not_stopped);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
