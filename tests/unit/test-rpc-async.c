/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls from within an event loop, to a server in the same loop that answers,
 * does not, goes away, or talks nonsense.
 */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc-async.h"
#include "common/rpc.h"

static char path[64];
static struct event_base *base;
static struct vhsm_rpc_server *server;
static struct vhsm_rpc_async *client;
static struct vhsm_rpc_call *held;
static int listen_fd;
static unsigned connects;

struct got {
	unsigned count;
	json_t *result;
	char code[32];
	char error[160];
};

static void on_answer(void *arg, json_t *result, const char *code,
		      const char *error)
{
	struct got *got = arg;

	got->count++;
	got->result = json_incref(result);
	snprintf(got->code, sizeof(got->code), "%s", code ? code : "");
	snprintf(got->error, sizeof(got->error), "%s", error ? error : "");
}

static void on_connect(void *arg)
{
	(void)arg;
	connects++;
}

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	char text[16] = "";

	(void)arg;
	if (!strcmp(method, "hold")) {
		held = call;
	} else if (!strcmp(method, "fail")) {
		vhsm_rpc_error(call, "no-such", "there is none");
	} else if (!strcmp(method, "read")) {
		ck_assert_int_ge(pread(fd, text, sizeof(text) - 1, 0), 0);
		vhsm_rpc_result(call, json_string(text));
	} else {
		vhsm_rpc_result(call, json_incref(params));
	}
	if (fd >= 0)
		close(fd);
}

static void server_start(void)
{
	listen_fd = vhsm_rpc_listen(path);
	ck_assert_int_ge(listen_fd, 0);
	server = vhsm_rpc_server_new(base, listen_fd, on_call, NULL);
	ck_assert_ptr_nonnull(server);
}

static void server_stop(void)
{
	vhsm_rpc_server_free(&server);
	if (held)
		vhsm_rpc_result(held, NULL);
	held = NULL;
	close(listen_fd);
	unlink(path);
}

static void begin(void)
{
	snprintf(path, sizeof(path), "/tmp/vhsm-async-%d", getpid());
	base = event_base_new();
	server_start();
	connects = 0;
	client = vhsm_rpc_async_new(base, path, on_connect, NULL);
	ck_assert_ptr_nonnull(client);
}

static void end(void)
{
	vhsm_rpc_async_free(&client);
	if (server)
		server_stop();
	event_base_free(base);
}

static void run(const struct got *got)
{
	for (unsigned i = 0; i < 100 && !got->count; i++)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got->count, 1);
}

START_TEST(a_call_is_answered)
{
	struct got got = { 0 }, failed = { 0 };

	vhsm_rpc_async_call(client, "echo", json_pack("{s:i}", "a", 7), -1,
			    1000, on_answer, &got);
	ck_assert_uint_eq(got.count, 0);
	vhsm_rpc_async_call(client, "fail", NULL, -1, 1000, on_answer,
			    &failed);
	run(&got);
	run(&failed);
	ck_assert_int_eq(json_integer_value(json_object_get(got.result, "a")),
			 7);
	ck_assert_ptr_null(failed.result);
	ck_assert_str_eq(failed.code, "no-such");
	ck_assert_str_eq(failed.error, "there is none");
	ck_assert_uint_eq(connects, 1);
	json_decref(got.result);
}
END_TEST

START_TEST(a_descriptor_goes_along)
{
	struct got got = { 0 };
	FILE *f = tmpfile();

	ck_assert_int_gt(fprintf(f, "inside"), 0);
	fflush(f);
	vhsm_rpc_async_call(client, "read", NULL, fileno(f), 1000, on_answer,
			    &got);
	run(&got);
	ck_assert_str_eq(json_string_value(got.result), "inside");
	json_decref(got.result);
	fclose(f);
}
END_TEST

START_TEST(an_answer_that_does_not_come_is_given_up)
{
	struct got slow = { 0 }, got = { 0 };

	vhsm_rpc_async_call(client, "hold", NULL, -1, 50, on_answer, &slow);
	run(&slow);
	ck_assert_ptr_nonnull(strstr(slow.error, "in time"));
	ck_assert_str_eq(slow.code, "");
	/* Coming late it is not taken for another's. */
	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &got);
	vhsm_rpc_result(held, json_string("late"));
	held = NULL;
	run(&got);
	ck_assert(json_is_object(got.result));
	json_decref(got.result);
}
END_TEST

START_TEST(a_daemon_that_is_not_there_fails_the_call_and_is_found_later)
{
	struct got got = { 0 }, again = { 0 };

	server_stop();
	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &got);
	ck_assert_uint_eq(got.count, 0);
	run(&got);
	ck_assert_ptr_nonnull(strstr(got.error, path));
	server_start();
	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &again);
	run(&again);
	ck_assert_str_eq(again.error, "");
	json_decref(again.result);
}
END_TEST

START_TEST(a_daemon_that_goes_away_fails_what_waits_and_is_found_again)
{
	struct got got = { 0 }, again = { 0 };

	vhsm_rpc_async_call(client, "hold", NULL, -1, 5000, on_answer, &got);
	while (!held)
		event_base_loop(base, EVLOOP_ONCE);
	server_stop();
	run(&got);
	ck_assert_str_ne(got.error, "");
	server_start();
	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &again);
	run(&again);
	ck_assert_str_eq(again.error, "");
	ck_assert_uint_eq(connects, 2);
	json_decref(again.result);
}
END_TEST

START_TEST(a_restart_between_two_calls_is_not_noticed)
{
	struct got got = { 0 }, again = { 0 };

	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &got);
	run(&got);
	server_stop();
	server_start();
	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &again);
	run(&again);
	ck_assert_str_eq(again.error, "");
	json_decref(got.result);
	json_decref(again.result);
}
END_TEST

/* It has forgotten what it was told, and nobody has anything to ask it. */
START_TEST(a_daemon_that_is_back_is_noticed_without_a_call)
{
	const struct timeval beat = { 0, 50000 };
	struct got got = { 0 };

	vhsm_rpc_async_call(client, "echo", NULL, -1, 1000, on_answer, &got);
	run(&got);
	json_decref(got.result);
	server_stop();
	/* It takes more than one try. */
	for (unsigned i = 0; i < 30; i++) {
		event_base_loopexit(base, &beat);
		event_base_loop(base, 0);
	}
	ck_assert_uint_eq(connects, 1);
	server_start();
	for (unsigned i = 0; i < 60 && connects < 2; i++) {
		event_base_loopexit(base, &beat);
		event_base_loop(base, 0);
	}
	ck_assert_uint_eq(connects, 2);
}
END_TEST

START_TEST(too_many_calls_are_refused)
{
	struct got got = { 0 };

	for (unsigned i = 0; i < VHSM_RPC_ASYNC_CALLS; i++)
		vhsm_rpc_async_call(client, "echo", NULL, -1, 5000, NULL,
				    NULL);
	vhsm_rpc_async_call(client, "echo", NULL, -1, 5000, on_answer, &got);
	run(&got);
	ck_assert_str_ne(got.error, "");
	ck_assert_ptr_null(got.result);
}
END_TEST

START_TEST(what_waits_is_answered_when_the_client_ends)
{
	struct got got = { 0 };

	vhsm_rpc_async_call(client, "hold", NULL, -1, 5000, on_answer, &got);
	vhsm_rpc_async_free(&client);
	ck_assert_uint_eq(got.count, 1);
	ck_assert_str_eq(got.error, "ended");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rpc-async");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, a_call_is_answered);
	tcase_add_test(all, a_descriptor_goes_along);
	tcase_add_test(all, an_answer_that_does_not_come_is_given_up);
	tcase_add_test(all,
		a_daemon_that_is_not_there_fails_the_call_and_is_found_later);
	tcase_add_test(all,
		a_daemon_that_goes_away_fails_what_waits_and_is_found_again);
	tcase_add_test(all, a_restart_between_two_calls_is_not_noticed);
	tcase_add_test(all, a_daemon_that_is_back_is_noticed_without_a_call);
	tcase_add_test(all, too_many_calls_are_refused);
	tcase_add_test(all, what_waits_is_answered_when_the_client_ends);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
