/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That what was decided about a guest is done, to the domain that it is: over
 * reboots, restarts, acts that take long, and what is found meanwhile.
 */
#include <config.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "unit/responder-rig.h"

#define BIT(reaction) (1u << VHSM_REACT_##reaction)

static bool calloc_fails;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(count, size);
}

static void policy_is(const char *reactions)
{
	char text[256];

	snprintf(text, sizeof(text), "lease-ms = 0\nsweep-ms = 100\n"
		 "command = \"%s/told\"\non critical { reactions = { %s } }\n",
		 dir, reactions);
	write_file("strict.conf", text, 0600);
	snprintf(text, sizeof(text), "#!/bin/sh\ncat >> %s/heard\n", dir);
	write_file("told", text, 0700);
}

static bool heard(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/heard", dir);
	return !access(path, F_OK);
}

static bool done(unsigned reaction)
{
	return web()->incident.done & reaction;
}

/* It is found to have been tampered with. */
static void tampered(void)
{
	to_sweep();
	sweep_await(NULL);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
}

static void monitor_again(void)
{
	until(in_state(VHSM_WATCH_CONNECTING) && web()->monitor.channel);
	hello();
}

static void restart(void)
{
	responder_stop();
	responder_start();
	ck_assert_int_eq(vhsm_state_load(&r), 0);
}

START_TEST(a_rebooted_guest_is_isolated_again)
{
	tampered();
	until(done(BIT(ISOLATE)));
	ck_assert_uint_eq(alert_count("; not taken: pci"), 1);
	domain_runs(6);
	until(done(BIT(ISOLATE)) && web()->incident.isolated_domid == 6);
	ck_assert_uint_eq(act_count("isolate"), 2);
}
END_TEST

START_TEST(a_reboot_does_not_overtake_an_isolation)
{
	act_hold("isolate", true);
	tampered();
	until(acted("isolate"));
	domain_runs(_i);
	if (!_i)
		domain_runs(6);
	run_for(50);
	act_hold("isolate", false);
	until(done(BIT(ISOLATE)));
	ck_assert_uint_eq(web()->incident.isolated_domid, 6);
	ck_assert_uint_eq(act_count("isolate"), 2);
}
END_TEST

START_TEST(a_guest_that_is_being_built_is_isolated_when_it_is)
{
	tampered();
	until(done(BIT(ISOLATE)));
	write_file("devices", "{\"result\":{\"nics\":[],\"disks\":[],"
		   "\"built\":false}}", 0600);
	domain_runs(6);
	until(act_count("devices") > 2);
	ck_assert_uint_eq(act_count("isolate"), 1);
	write_file("devices", "{\"result\":{\"nics\":[],\"disks\":[],"
		   "\"built\":true}}", 0600);
	until(done(BIT(ISOLATE)));
}
END_TEST

START_TEST(a_reboot_does_not_overtake_a_destruction)
{
	policy_is("\"destroy\"");
	write_file("destroyed", "{\"result\":{\"ran\":false}}", 0600);
	tampered();
	until(acted("destroy"));
	until(alert_count("one in its place is destroyed") == 1);
	ck_assert(!web()->incident.destroyed);
	domain_runs(0);
	run_for(50);
	write_file("destroyed", "{\"result\":{\"ran\":true}}", 0600);
	domain_runs(6);
	until(web()->incident.destroyed);
	ck_assert(done(BIT(DESTROY)));
}
END_TEST

START_TEST(a_destroyed_guest_that_is_made_again_is_reacted_to)
{
	policy_is("\"destroy\"");
	tampered();
	until(web()->incident.destroyed);
	domain_runs(0);
	until(in_state(VHSM_WATCH_ABSENT));
	domain_runs(6);
	ck_assert(!web()->incident.destroyed);
	monitor_again();
	sweep_await(NULL);
	ck_assert_uint_eq(act_count("destroy"), 1);
	finding(VHSM_CHECK_SYSCALL_TABLE, "sys_call_table[62]");
	until(act_count("destroy") == 2);
	until(web()->incident.destroyed);
}
END_TEST

START_TEST(a_frozen_guest_that_is_made_again_stands)
{
	policy_is("\"freeze\"");
	tampered();
	until(done(BIT(FREEZE)));
	ck_assert_uint_eq(paused, 1);
	domain_runs(6);
	until(done(BIT(FREEZE)));
	ck_assert_uint_eq(paused, 2);
	ck_assert_uint_eq(web()->incident.frozen_domid, 6);
}
END_TEST

START_TEST(what_fails_is_tried_again_by_itself)
{
	write_file("isolated", "{\"error\":{\"code\":\"failed\",\"message\":"
		   "\"not now\"}}", 0600);
	tampered();
	until(web()->incident.tries[VHSM_REACT_ISOLATE] == 1);
	write_file("isolated", "{\"result\":{\"nics\":[],\"disks\":[]}}",
		   0600);
	until(done(BIT(ISOLATE)));
	ck_assert_uint_eq(alert_count("not now"), 1);
}
END_TEST

START_TEST(a_restart_resumes_what_was_pending)
{
	act_hold("isolate", true);
	tampered();
	until(acted("isolate"));
	/* Killed while the devices are being taken: which is on disk. */
	restart();
	ck_assert(web()->incident.open);
	ck_assert_uint_eq(json_array_size(json_object_get(
		web()->incident.isolated, "nics")), 1);
	ck_assert_uint_eq(web()->incident.isolated_domid, 5);
	act_hold("isolate", false);
	domain_runs(5);
	until(done(BIT(ISOLATE)));
	ck_assert_uint_eq(json_array_size(json_object_get(
		web()->incident.isolated, "nics")), 1);
	ck_assert_uint_eq(alert_count("1 network device unplugged"), 1);
}
END_TEST

START_TEST(sinks_do_not_wait_for_a_memory_image)
{
	policy_is("\"revoke\", \"freeze\"");
	act_hold("freeze", true);
	tampered();
	until(heard());
	ck_assert(acted("freeze"));
	ck_assert(!done(BIT(FREEZE)));
	act_hold("freeze", false);
	until(done(BIT(FREEZE)));
}
END_TEST

START_TEST(sinks_are_told_after_a_restart)
{
	policy_is("\"isolate\"");
	act_hold("isolate", true);
	tampered();
	until(acted("isolate"));
	ck_assert(!heard());
	restart();
	act_hold("isolate", false);
	domain_runs(5);
	until(heard());
}
END_TEST

static bool problem_has(const char *text)
{
	char code[32];
	json_t *result;
	bool has;

	call("watch.list", json_object(), &result, code);
	has = strstr(json_string_value(json_object_get(json_array_get(
		json_object_get(result, "guests"), 0), "problem")), text);
	json_decref(result);
	return has;
}

START_TEST(engines_that_do_not_confirm_are_asked_again)
{
	uint64_t first;

	unconfirmed = 1;
	tampered();
	until(revokes == 1);
	first = vhsm_now_ms();
	until(problem_has("engines have not confirmed"));
	until(revokes == 2);
	/* Not with every sweep, that is every 100 ms. */
	ck_assert_uint_ge(vhsm_now_ms() - first, 1900);
	ck_assert(!web()->vault_told);
	ck_assert_uint_eq(alert_count("engines did not confirm 1"), 1);
	ck_assert_uint_eq(alert_count("zeroised in"), 0);
	unconfirmed = 0;
	until(web()->vault_told);
	ck_assert(!problem_has("engines"));
	ck_assert_uint_eq(alert_count("4 keys withheld by the vault, zeroised"),
			  1);
}
END_TEST

/* What is logged goes to a file from now on; the process is this test's own. */
static void log_keep(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/log", dir);
	ck_assert_ptr_nonnull(freopen(path, "w", stderr));
}

static unsigned log_count(const char *text)
{
	char path[128], line[1024];
	unsigned count = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", dir);
	log = fopen(path, "r");
	ck_assert_ptr_nonnull(log);
	while (fgets(line, sizeof(line), log))
		count += strstr(line, text) != NULL;
	fclose(log);
	return count;
}

/* Never asked more often than once a minute, and an admin is told. */
START_TEST(engines_that_never_confirm_are_asked_ever_less_often)
{
	static const unsigned waits[] = { 2, 4, 8, 16, 32, 60, 60 };
	int64_t due;

	unconfirmed = 1;
	log_keep();
	tampered();
	for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		until(revokes == i + 1 && !web()->vault_busy);
		due = (int64_t)(web()->vault_after_ms - vhsm_now_ms());
		ck_assert_int_le(due, waits[i] * 1000);
		ck_assert_int_gt(due, waits[i] * 500);	/* a slow machine */
		ck_assert_uint_eq(log_count("asked 5 times"), i >= 4);
		/* The time has come. */
		web()->vault_after_ms = 0;
	}
	ck_assert(problem_has("asked 7 times"));
}
END_TEST

START_TEST(what_is_found_during_a_release_refuses_it)
{
	char code[32];
	json_t *result;

	tampered();
	verdict(1, false);
	until(acted("seal") && !web()->reaction && web()->vault_told);
	act_hold("rejoin", true);
	ask("release", json_pack("{s:s,s:s}", "domain", "web", "reason",
				 "all is well"));
	until(acted("rejoin"));
	sweep_await(NULL);
	finding(VHSM_CHECK_CPU_ENTRY, "LSTAR");
	until(alert_count("LSTAR") == 1);
	act_hold("rejoin", false);
	answer(&result, code);
	ck_assert_str_eq(code, "failed");
	ck_assert(web()->incident.open);
	ck_assert_int_eq(releases, 0);
	/* The devices that came back are taken again. */
	until(act_count("isolate") == 2 && done(BIT(ISOLATE)));
	ck_assert_str_eq(level, "revoked");
	/* Once it was seen, it can be released. */
	until(!web()->reaction);
	call("release", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	ck_assert(!web()->incident.open);
}
END_TEST

static void comes_again(void)
{
	domain_runs(6);
}

/* What was still to be done about it is not done about the next one. */
START_TEST(a_guest_that_comes_while_it_is_released_is_not_stopped)
{
	char code[32];
	json_t *result;

	policy_is("\"freeze\"");
	act_hold("freeze", true);
	tampered();
	until(acted("freeze"));
	domain_runs(0);
	act_hold("freeze", false);
	until(!web()->reaction);
	ck_assert(web()->incident.pending & BIT(FREEZE));
	ck_assert_uint_eq(paused, 1);
	releasing = comes_again;
	call("release", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	ck_assert(!web()->incident.open);
	ck_assert_uint_eq(paused, 1);
}
END_TEST

static void goes_away(void)
{
	domain_runs(0);
}

START_TEST(a_release_is_answered_though_the_guest_is_gone_meanwhile)
{
	char code[32];
	json_t *result;

	/* Without an incident or a monitor nothing else keeps the record. */
	act_is("{\"error\":{\"code\":\"unapproved\",\"message\":\"no\"}}", "");
	domain_runs(5);
	until(in_state(VHSM_WATCH_UNAPPROVED));
	releasing = goes_away;
	call("release", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	domain_runs(0);
	ck_assert_ptr_null(web());
}
END_TEST

START_TEST(a_reason_is_not_cut_inside_a_character)
{
	char code[32], reason[401] = "x";
	json_t *result;

	for (unsigned i = 1; i + 1 < sizeof(reason); i += 2)
		memcpy(reason + i, "\xc3\xbc", 2);
	reason[399] = '\0';
	tampered();
	until(acted("seal") && !web()->reaction && web()->vault_told);
	call("release", json_pack("{s:s,s:s}", "domain", "web", "reason",
				  reason), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	ck_assert_int_eq(releases, 1);
}
END_TEST

START_TEST(a_guest_with_an_odd_problem_is_still_listed)
{
	json_t *guest;

	to_sweep();
	vhsm_watched_problem(web(), "its command line is \"%.2s\"",
			     "x\xc3\xbc");
	guest = vhsm_watched_json(web());
	ck_assert_ptr_nonnull(guest);
	json_decref(guest);
}
END_TEST

START_TEST(a_name_that_may_mean_two_guests_means_none)
{
	struct vhsm_domain_seen seen[] = {
		{ .domid = 7, .uuid = OTHER, .name = "db" },
		{ .domid = 8, .uuid = UUID, .name = "web" },
		{ .domid = 9, .uuid = THIRD, .name = "7" },
	};
	char code[32];
	json_t *result;

	vhsm_roster_changed(seen, 3, &r);
	call("watch.start", json_pack("{s:s,s:s}", "domain", "db", "policy",
				      "strict"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	call("react", json_pack("{s:s,s:s}", "domain", "7", "reaction",
				"throttle"), &result, code);
	ck_assert_str_eq(code, "ambiguous");
	/* A record of one that is gone has the name of one that runs. */
	snprintf(seen[0].uuid, sizeof(seen[0].uuid), "%s", FOURTH);
	vhsm_roster_changed(seen, 2, &r);
	call("react", json_pack("{s:s,s:s}", "domain", "db", "reaction",
				"throttle"), &result, code);
	ck_assert_str_eq(code, "ambiguous");
	call("react", json_pack("{s:s,s:s}", "domain", OTHER, "reaction",
				"throttle"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	/* The one that runs is watched, under a record of its own. */
	call("watch.start", json_pack("{s:s,s:s}", "domain", "db", "policy",
				      "strict"), &result, code);
	ck_assert_str_eq(json_string_value(json_object_get(result, "uuid")),
			 FOURTH);
	json_decref(result);
	call("react", json_pack("{s:s,s:s}", "domain", OTHER, "reaction",
				"isolate"), &result, code);
	ck_assert_str_eq(code, "failed");
}
END_TEST

START_TEST(a_watch_that_was_stopped_shuts_nothing_later)
{
	char code[32];
	json_t *result;

	act_hold("monitor-start", true);
	domain_runs(5);
	until(acted("monitor-start"));
	call("watch.stop", json_pack("{s:s}", "domain", "web"), &result, code);
	ck_assert_str_eq(code, "");
	json_decref(result);
	until(valid_ms == -1);
	act_hold("monitor-start", false);
	until(acted("monitor-stop"));
	until(in_state(VHSM_WATCH_ABSENT));
	run_for(100);
	ck_assert_int_eq(valid_ms, -1);
	ck_assert_str_eq(level, "full");
}
END_TEST

START_TEST(without_memory_nothing_stays_busy)
{
	json_int_t before;

	tampered();
	until(web()->vault_told && !web()->gate_busy);
	before = gates;
	web()->vault_told = false;
	calloc_fails = true;
	vhsm_keys_gate(web(), web()->incident.uid, BIT(REVOKE));
	calloc_fails = false;
	ck_assert_uint_eq(web()->gate_busy, 0);
	ck_assert(!web()->vault_busy);
	/* And all of it is told again. */
	until(gates > before && web()->vault_told);
}
END_TEST

static atomic_bool written;		/* the alert is */

/* A broker that opens the alerts' file, a pipe, for reading once it has heard
 * of the revocation, and not before. */
static void *slow_disk(void *arg)
{
	int *listener = arg, sock = accept(*listener, NULL, NULL), fd;
	char text[4096], path[128];
	ssize_t len;

	do {
		len = recv(sock, text, sizeof(text) - 1, 0);
		ck_assert_int_gt(len, 0);
		text[len] = '\0';
	} while (!strstr(text, "\"revoked\""));
	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	fd = open(path, O_RDONLY);
	while (read(fd, text, sizeof(text)) >= 0 && !atomic_load(&written))
		usleep(1000);
	close(fd);
	close(sock);
	return NULL;
}

START_TEST(the_gate_does_not_wait_for_the_alert_on_disk)
{
	const struct vhsm_finding f = {
		.check = VHSM_CHECK_SYSCALL_TABLE, .confidence = 90,
		.object = "sys_call_table[62]",
	};
	pthread_t thread;
	char path[128];
	int listener;

	to_clean();
	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/slow.sock", dir);
	listener = vhsm_rpc_listen(path);
	ck_assert_int_eq(fcntl(listener, F_SETFL, 0), 0);
	vhsm_rpc_async_free(&r.broker);
	r.broker = vhsm_rpc_async_new(r.base, path, NULL, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, slow_disk, &listener),
			 0);
	/* Would wait for ever, if it wrote first. */
	vhsm_findings_add(web(), &f);
	ck_assert_uint_eq(alert_count("sys_call_table[62]"), 1);
	atomic_store(&written, true);
	pthread_join(thread, NULL);
	close(listener);
}
END_TEST

static void tests_add(TCase *all)
{
	tcase_add_test(all, a_rebooted_guest_is_isolated_again);
	tcase_add_loop_test(all, a_reboot_does_not_overtake_an_isolation, 6, 7);
	tcase_add_loop_test(all, a_reboot_does_not_overtake_an_isolation, 0, 1);
	tcase_add_test(all, a_guest_that_is_being_built_is_isolated_when_it_is);
	tcase_add_test(all, a_reboot_does_not_overtake_a_destruction);
	tcase_add_test(all, a_destroyed_guest_that_is_made_again_is_reacted_to);
	tcase_add_test(all, a_frozen_guest_that_is_made_again_stands);
	tcase_add_test(all, what_fails_is_tried_again_by_itself);
	tcase_add_test(all, a_restart_resumes_what_was_pending);
	tcase_add_test(all, sinks_do_not_wait_for_a_memory_image);
	tcase_add_test(all, sinks_are_told_after_a_restart);
	tcase_add_test(all, engines_that_do_not_confirm_are_asked_again);
	tcase_add_test(all,
		       engines_that_never_confirm_are_asked_ever_less_often);
	tcase_add_test(all, what_is_found_during_a_release_refuses_it);
	tcase_add_test(all,
		       a_guest_that_comes_while_it_is_released_is_not_stopped);
	tcase_add_test(all,
		a_release_is_answered_though_the_guest_is_gone_meanwhile);
	tcase_add_test(all, a_reason_is_not_cut_inside_a_character);
	tcase_add_test(all, a_guest_with_an_odd_problem_is_still_listed);
	tcase_add_test(all, a_name_that_may_mean_two_guests_means_none);
	tcase_add_test(all, a_watch_that_was_stopped_shuts_nothing_later);
	tcase_add_test(all, without_memory_nothing_stays_busy);
	tcase_add_test(all, the_gate_does_not_wait_for_the_alert_on_disk);
}

int main(void)
{
	Suite *suite = suite_create("responder-react");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, begin, end);
	tests_add(all);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
