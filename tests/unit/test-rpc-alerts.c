/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-rpc-alerts.c - alerts over the admin socket, and as vhsmctl shows them.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/image-digest.h"
#include "responder/evidence.h"
#include "responder/rpc-alerts.h"

static char dir[] = "/tmp/test-rpc-alerts.XXXXXX";
static char socket_path[64];
static struct vhsm_alerts *alerts;
static struct event_base *base;
static pthread_t thread;
static int stop_pipe[2];
static char uids[21][VHSM_ALERT_UID_LEN];
/* Folders as no default has them. */
static char keys[PATH_MAX], incidents[PATH_MAX];
static atomic_uint lists;		/* calls of alerts.list */

static void alert_make(unsigned i, enum vhsm_check_number check);

/* What the responder is asked for besides alerts; and, by this test, for an
 * alert, which only the server's thread may make. */
static void other_call(struct vhsm_rpc_call *call, const char *method,
		       json_t *params)
{
	if (!strcmp(method, "status")) {
		vhsm_rpc_result(call, json_pack("{s:s, s:s}", "alert_dir",
						keys, "baseline_dir", keys));
	} else if (!strcmp(method, "make")) {
		alert_make(20, json_integer_value(json_object_get(params,
								  "check")));
		vhsm_rpc_result(call, json_object());
	} else {
		vhsm_rpc_error(call, "bad-request", "no method %s", method);
	}
}

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	const struct vhsm_rpc_alerts of = { alerts, keys, incidents };

	(void)arg;
	if (fd >= 0)
		close(fd);
	lists += !strcmp(method, "alerts.list");
	if (!vhsm_rpc_alerts(&of, call, method, params))
		other_call(call, method, params);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void *serve(void *arg)
{
	int listen_fd = *(int *)arg;
	struct vhsm_rpc_server *server = vhsm_rpc_server_new(base, listen_fd,
							     on_call, NULL);
	struct event *stop = event_new(base, stop_pipe[0], EV_READ, on_stop,
				       base);

	event_add(stop, NULL);
	event_base_dispatch(base);
	event_free(stop);
	vhsm_rpc_server_free(&server);
	return NULL;
}

static void alert_make(unsigned i, enum vhsm_check_number check)
{
	struct vhsm_alert_guest web = {
		.uuid = "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01", .name = "web",
		.domid = 3, .baseline = "web-6.1",
	};
	struct vhsm_policy policy = { .name = "strict" };
	struct vhsm_finding f = {
		.check = check, .confidence = 95,
		.address = 0xffffffff810a5b40, .before_len = 5, .after_len = 5,
		.before = { 0x55, 0x48, 0x89, 0xe5, 0x53 },
		.after = { 0xe9, 0xbb, 0x44, 0xf6, 0x3e },
		.symbol = "__x64_sys_kill+0x0",
		.before_code = "push rbp\nmov rbp, rsp\npush rbx\n",
		.after_code = "jmp 0xffffffffc0200000\n",
		.detail = "__x64_sys_kill begins with a jump to module evil",
	};
	char why[VHSM_ALERT_WHY_LEN];
	bool is_new;

	snprintf(f.object, sizeof(f.object), "__x64_sys_kill %u", i);
	ck_assert_int_eq(vhsm_alerts_add(alerts, &web, &policy, &f,
		1763737971123, 1763737970100, uids[i], &is_new, why), 0);
}

static void alerts_make(unsigned count)
{
	struct vhsm_alert_action revoke = {
		.reaction = VHSM_REACT_REVOKE, .done = true,
		.time_ms = 1763737971500, .text = "4 keys zeroised in 3 ms",
	};
	char why[VHSM_ALERT_WHY_LEN];

	for (unsigned i = 0; i < count; i++)
		alert_make(i, VHSM_CHECK_INLINE_HOOK);
	ck_assert_int_eq(vhsm_alerts_acted(alerts, uids[0], &revoke, why), 0);
}

static void setup(void)
{
	char store[PATH_MAX], file[PATH_MAX], why[VHSM_ALERT_WHY_LEN];
	static int listen_fd;

	memset(dir + strlen(dir) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/responder.sock", dir);
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	snprintf(incidents, sizeof(incidents), "%s/incidents", dir);
	snprintf(store, sizeof(store), "%s/alerts", dir);
	snprintf(file, sizeof(file), "%s/alerts.jsonl", dir);
	alerts = vhsm_alerts_open(store, file, why);
	ck_assert_ptr_nonnull(alerts);
	alerts_make(20);
	listen_fd = vhsm_rpc_listen(socket_path);
	ck_assert_int_ge(listen_fd, 0);
	base = event_base_new();
	ck_assert_int_eq(pipe(stop_pipe), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &listen_fd), 0);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	ck_assert_int_eq(write(stop_pipe[1], "x", 1), 1);
	pthread_join(thread, NULL);
	event_base_free(base);
	vhsm_alerts_close(&alerts);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What a command line of vhsmctl prints; *status its exit status. */
static const char *ctl(const char *args, int *status)
{
	static char out[65536];
	char command[PATH_MAX];
	size_t len;
	FILE *f;

	snprintf(command, sizeof(command), "./vhsmctl %s --run-dir %s 2>&1",
		 args, dir);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	len = fread(out, 1, sizeof(out) - 1, f);
	out[len] = '\0';
	*status = WEXITSTATUS(pclose(f));
	return out;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part,
		      text);
}

/* A lot was noted about each. */
static void notes_make(void)
{
	char note[401], why[VHSM_ALERT_WHY_LEN];

	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	for (unsigned i = 0; i < 20; i++)
		for (unsigned n = 0; n < 64; n++)
			ck_assert_int_eq(vhsm_alerts_ack(alerts, uids[i], 0,
							 note, why), 0);
}

START_TEST(a_long_list_comes_in_pages)
{
	json_t *params = json_object(), *result, *next;
	char *code, *error;
	unsigned count = 0;

	if (_i)
		notes_make();
	do {
		ck_assert_int_eq(vhsm_rpc_call_sync(socket_path, "alerts.list",
			params, -1, &result, &code, &error), 0);
		count += json_array_size(json_object_get(result, "alerts"));
		next = json_object_get(result, "next");
		json_object_set(params, "after", next);
		json_decref(result);
	} while (json_is_integer(json_object_get(params, "after")));
	json_decref(params);
	ck_assert_uint_eq(count, 20);
}
END_TEST

START_TEST(list_prints_a_line_for_each)
{
	const char *out, *p;
	unsigned lines = 0;
	int status;

	out = ctl("alerts list --domain web", &status);
	ck_assert_int_eq(status, 0);
	for (p = out; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_eq(lines, 20);
	has(out, "Critical");
	has(out, "inline-hook");
	has(out, uids[7]);
	out = ctl("alerts list --domain db", &status);
	ck_assert_str_eq(out, "no open alerts\n");
}
END_TEST

START_TEST(show_says_what_was_found_done_and_comes_next)
{
	char args[64];
	const char *out;
	int status;

	snprintf(args, sizeof(args), "alerts show %s", uids[0]);
	out = ctl(args, &status);
	ck_assert_int_eq(status, 0);
	has(out, "Critical: Function prologue replaced by a jump");
	has(out, "__x64_sys_kill begins with a jump to module evil");
	has(out, "approved  55 48 89 e5 53");
	has(out, "found     e9 bb 44 f6 3e");
	has(out, "jmp 0xffffffffc0200000");
	has(out, "T1014 Rootkit");
	has(out, "revoke: 4 keys zeroised in 3 ms");
	has(out, "15:12:51.500     +1.400 s  revoke");
	has(out, "vhsmctl release --domain 7a5f3c1e-");
	ck_assert_ptr_null(strstr(out, "baseline approve"));
	ck_assert_ptr_null(strstr(out, "evidence "));
}
END_TEST

/* Another alert is made, as the responder would. */
static void make_one(enum vhsm_check_number check)
{
	json_t *params = json_pack("{s:i}", "check", (int)check), *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync(socket_path, "make", params, -1,
					    &result, &code, &error), 0);
	json_decref(params);
	json_decref(result);
}

static const struct {
	enum vhsm_check_number check;
	const char *next;
} nexts[] = {
	{ VHSM_CHECK_BOOT_UNAPPROVED, "vhsmctl baseline approve --domain "
	  "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01 NAME\n" },
	{ VHSM_CHECK_BOOT_UNAPPROVED, "vhsmctl baseline make --name NAME "
	  "--domain 7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01 --modules DIR\n" },
	{ VHSM_CHECK_MONITOR_LOST, "vhsmctl monitor show --domain 7a5f3c1e-" },
	{ VHSM_CHECK_MONITOR_BROKEN, "vhsmctl react --domain 7a5f3c1e-0b7e-"
	  "4d43-9c54-6a1d0f2e8b01 freeze\n" },
	{ VHSM_CHECK_MODULE_UNAPPROVED, "--modules DIR\n" },
	{ VHSM_CHECK_SECRET_LEAK, "vhsmctl key revoke --domain 7a5f3c1e-" },
};

START_TEST(what_comes_next_depends_on_what_was_found)
{
	char args[64];
	int status;

	make_one(nexts[_i].check);
	snprintf(args, sizeof(args), "alerts show %s", uids[20]);
	has(ctl(args, &status), nexts[_i].next);
	has(ctl(args, &status), "vhsmctl alerts ack");
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A recording of a little memory. */
static void image_add(const char *bundle, char *why)
{
	json_t *memory = json_pack("{s:s}", "of", "the guest"), *recording;
	char path[PATH_MAX + 16], hex[65];
	uint8_t digest[32];
	int fd;

	ck_assert_int_eq(vhsm_evidence_add(bundle, "memory.img", memory, why),
			 0);
	json_decref(memory);
	snprintf(path, sizeof(path), "%s/memory.img", bundle);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(vhsm_image_digest(fd, digest), 0);
	close(fd);
	for (unsigned i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	recording = json_pack("{s:s}", "sha256", hex);
	ck_assert_int_eq(vhsm_evidence_add(bundle, "memory.img.json", recording,
					   why), 0);
	json_decref(recording);
}

/* What the responder keeps of an incident. */
static void bundle_make(const char *uid, bool seal)
{
	char bundle[PATH_MAX], why[VHSM_EVIDENCE_WHY_LEN];

	ck_assert_int_eq(vhsm_evidence_begin(incidents, uid, bundle, why), 0);
	image_add(bundle, why);
	if (seal)
		ck_assert_int_eq(vhsm_evidence_seal(bundle, keys, why), 0);
}

static bool exported(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/out/%s", dir, name);
	return !access(path, F_OK);
}

static const char *export(unsigned i, int *status)
{
	char args[PATH_MAX + 80];

	snprintf(args, sizeof(args), "alerts export %s --out %s/out", uids[i],
		 dir);
	return ctl(args, status);
}

START_TEST(evidence_is_where_the_responder_keeps_it)
{
	char args[PATH_MAX + 80], show[64];
	const char *out;
	int status;

	bundle_make(uids[2], true);
	snprintf(show, sizeof(show), "alerts show %s", uids[2]);
	has(ctl(show, &status), incidents);
	out = export(2, &status);
	ck_assert_msg(status == 0, "%s", out);
	has(out, "memory.img");
	has(out, "whole, and signed by key");
	ck_assert(exported("memory.img"));
	/* Nor does it need to be told the key. */
	snprintf(args, sizeof(args), "alerts verify %s/out", dir);
	has(ctl(args, &status), "whole, and signed by key");
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(evidence_that_is_not_yet_whole_is_said_to_be)
{
	char show[64];
	const char *out;
	int status;

	bundle_make(uids[2], false);
	snprintf(show, sizeof(show), "alerts show %s", uids[2]);
	has(ctl(show, &status), "not sealed yet");
	out = export(2, &status);
	ck_assert_int_eq(status, 0);
	has(out, "not sealed yet");
	ck_assert(!exported("memory.img") && exported("alert.json"));
}
END_TEST

START_TEST(evidence_is_made_with_the_responders_key)
{
	char path[PATH_MAX + 16];
	int status;

	has(export(1, &status), "without audit records");
	ck_assert_int_eq(status, 0);
	ck_assert(exported("alert.json") && exported("SHA256SUMS.sig"));
	snprintf(path, sizeof(path), "%s/evidence.key", keys);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(baselines_are_where_the_responder_keeps_them)
{
	char path[PATH_MAX + 32];
	int status;

	ck_assert_int_eq(mkdir(keys, 0700), 0);
	snprintf(path, sizeof(path), "%s/odd", keys);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/odd/manifest.json", keys);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	has(ctl("baseline show odd", &status), "odd/manifest.json");
	has(ctl("baseline show odd --store /tmp/none", &status), "no such");
}
END_TEST

/* vhsmctl alerts follow, and its process: the shell becomes it. */
static FILE *follow(const char *options, pid_t *pid)
{
	char command[PATH_MAX], line[32];
	unsigned before = lists;
	FILE *f;

	snprintf(command, sizeof(command), "echo $$; exec ./vhsmctl alerts "
		 "follow %s --run-dir %s", options, dir);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	*pid = strtol(line, NULL, 10);
	/* It has seen the past, in pages of 8. */
	while (lists < before + 3)
		usleep(10000);
	return f;
}

static void follow_end(FILE *f, pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	pclose(f);
}

START_TEST(follow_prints_what_comes_and_what_changes)
{
	char line[512], args[64];
	int status;
	pid_t pid;
	FILE *f = follow("", &pid);

	make_one(VHSM_CHECK_KERNEL_TEXT);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	has(line, uids[20]);
	has(line, "kernel-text");
	snprintf(args, sizeof(args), "alerts ack %s", uids[5]);
	ctl(args, &status);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	has(line, uids[5]);
	follow_end(f, pid);
}
END_TEST

START_TEST(follow_all_begins_with_the_past)
{
	char line[16384];
	pid_t pid;
	FILE *f = follow("--all --json", &pid);
	json_t *alert;

	for (unsigned i = 0; i < 20; i++) {
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
		alert = json_loads(line, 0, NULL);
		ck_assert_ptr_nonnull(alert);
		json_decref(alert);
	}
	make_one(VHSM_CHECK_KERNEL_TEXT);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	has(line, uids[20]);
	follow_end(f, pid);
}
END_TEST

START_TEST(follow_ends_with_the_responder)
{
	int status;

	ck_assert_int_eq(unlink(socket_path), 0);
	has(ctl("alerts follow", &status), "is vhsm-responder running?");
	ck_assert_int_eq(status, 3);
}
END_TEST

START_TEST(an_acknowledged_alert_says_so)
{
	char args[128];
	int status;

	snprintf(args, sizeof(args), "alerts ack %s --note 'on it'", uids[3]);
	ctl(args, &status);
	ck_assert_int_eq(status, 0);
	snprintf(args, sizeof(args), "alerts show %s", uids[3]);
	has(ctl(args, &status), "acknowledged by uid 0: on it");
}
END_TEST

START_TEST(a_note_with_control_characters_is_refused)
{
	char args[128];
	int status;

	snprintf(args, sizeof(args), "alerts ack %s --note 'a\nb'", uids[3]);
	has(ctl(args, &status), "control characters");
	ck_assert_int_eq(status, 1);
}
END_TEST

START_TEST(an_unknown_alert_is_said_to_be_unknown)
{
	int status;

	has(ctl("alerts show 00000000-0000-4000-8000-000000000000", &status),
	    "no alert has this UID");
	ck_assert_int_eq(status, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rpc-alerts");
	TCase *tc = tcase_create("rpc-alerts");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_long_list_comes_in_pages, 0, 2);
	tcase_add_test(tc, list_prints_a_line_for_each);
	tcase_add_test(tc, show_says_what_was_found_done_and_comes_next);
	tcase_add_loop_test(tc, what_comes_next_depends_on_what_was_found, 0,
			    sizeof(nexts) / sizeof(nexts[0]));
	tcase_add_test(tc, evidence_is_where_the_responder_keeps_it);
	tcase_add_test(tc, evidence_that_is_not_yet_whole_is_said_to_be);
	tcase_add_test(tc, evidence_is_made_with_the_responders_key);
	tcase_add_test(tc, baselines_are_where_the_responder_keeps_them);
	tcase_add_test(tc, follow_prints_what_comes_and_what_changes);
	tcase_add_test(tc, follow_all_begins_with_the_past);
	tcase_add_test(tc, follow_ends_with_the_responder);
	tcase_add_test(tc, an_acknowledged_alert_says_so);
	tcase_add_test(tc, a_note_with_control_characters_is_refused);
	tcase_add_test(tc, an_unknown_alert_is_said_to_be_unknown);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
