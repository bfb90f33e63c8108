/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-rpc-alerts.c - alerts over the admin socket, and as vhsmctl shows them.
 */
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc-alerts.h"

static char dir[] = "/tmp/test-rpc-alerts.XXXXXX";
static char socket_path[64];
static struct vhsm_alerts *alerts;
static struct event_base *base;
static pthread_t thread;
static int stop_pipe[2];
static char uids[20][VHSM_ALERT_UID_LEN];

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	(void)arg;
	if (fd >= 0)
		close(fd);
	if (!vhsm_rpc_alerts(alerts, call, method, params))
		vhsm_rpc_error(call, "bad-request", "no method %s", method);
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

static void alerts_make(unsigned count)
{
	struct vhsm_alert_guest web = {
		.uuid = "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01", .name = "web",
		.domid = 3, .baseline = "web-6.1",
	};
	struct vhsm_policy policy = { .name = "strict" };
	struct vhsm_alert_action revoke = {
		.reaction = VHSM_REACT_REVOKE, .done = true,
		.time_ms = 1763737971500, .text = "4 keys zeroised in 3 ms",
	};
	struct vhsm_finding f = {
		.check = VHSM_CHECK_INLINE_HOOK, .confidence = 95,
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

	for (unsigned i = 0; i < count; i++) {
		snprintf(f.object, sizeof(f.object), "__x64_sys_kill %u", i);
		ck_assert_int_eq(vhsm_alerts_add(alerts, &web, &policy, &f,
			1763737971123, 1763737970100, uids[i], &is_new, why),
			0);
	}
	ck_assert_int_eq(vhsm_alerts_acted(alerts, uids[0], &revoke, why), 0);
}

static void setup(void)
{
	char store[PATH_MAX], file[PATH_MAX], why[VHSM_ALERT_WHY_LEN];
	static int listen_fd;

	memset(dir + strlen(dir) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/responder.sock", dir);
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

START_TEST(a_long_list_comes_in_pages)
{
	json_t *params = json_object(), *result, *next;
	char *code, *error;
	unsigned count = 0;

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
	has(out, "vhsmctl release --domain web");
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
	tcase_add_test(tc, a_long_list_comes_in_pages);
	tcase_add_test(tc, list_prints_a_line_for_each);
	tcase_add_test(tc, show_says_what_was_found_done_and_comes_next);
	tcase_add_test(tc, an_acknowledged_alert_says_so);
	tcase_add_test(tc, a_note_with_control_characters_is_refused);
	tcase_add_test(tc, an_unknown_alert_is_said_to_be_unknown);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
