/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin protocol between a server in a thread and clients that behave, or
 * do not.
 */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/rpc.h"

static char path[64];
static int listen_fd;
static int stop_pipe[2];
static pthread_t thread;
static struct vhsm_rpc_call *held[16];
static atomic_uint held_count;

static void on_call(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	char text[32] = "";

	(void)arg;
	if (!strcmp(method, "hold")) {
		held[held_count++] = call;
	} else if (!strcmp(method, "read")) {
		if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) < 0)
			vhsm_rpc_error(call, "bad-request", "no descriptor");
		else
			vhsm_rpc_result(call, json_string(text));
	} else if (!strcmp(method, "long")) {
		json_t *list = json_array();

		for (unsigned i = 0; i < VHSM_RPC_MAX; i++)
			json_array_append_new(list, json_integer(i));
		vhsm_rpc_result(call, list);
	} else if (!strcmp(method, "fail")) {
		vhsm_rpc_error(call, "no-such", "%s\xff", "not text: ");
	} else {
		vhsm_rpc_result(call, json_incref(params));
	}
	if (fd >= 0)
		close(fd);
}

static void on_stop(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

static void *serve(void *arg)
{
	struct event_base *base = event_base_new();
	struct vhsm_rpc_server *server = vhsm_rpc_server_new(base, listen_fd,
							     on_call, NULL);
	struct event *stop = event_new(base, stop_pipe[0], EV_READ, on_stop,
				       base);

	(void)arg;
	event_add(stop, NULL);
	event_base_dispatch(base);
	vhsm_rpc_server_free(&server);
	/* Answers to nobody: the server and its peers are gone. */
	for (unsigned i = 0; i < held_count; i++)
		vhsm_rpc_result(held[i], NULL);
	event_free(stop);
	event_base_free(base);
	return NULL;
}

static void server_start(void)
{
	snprintf(path, sizeof(path), "/tmp/vhsm-rpc-%d", getpid());
	listen_fd = vhsm_rpc_listen(path);
	ck_assert_int_ge(listen_fd, 0);
	ck_assert_int_eq(pipe(stop_pipe), 0);
	held_count = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void server_stop(void)
{
	ck_assert_int_eq(write(stop_pipe[1], "", 1), 1);
	pthread_join(thread, NULL);
	close(listen_fd);
	unlink(path);
}

static int client_of(const char *where)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = 10 };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", where);
	ck_assert_int_eq(connect(sock, (void *)&addr, sizeof(addr)), 0);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return sock;
}

static int client(void)
{
	return client_of(path);
}

static void say(int sock, const char *text)
{
	ck_assert_int_eq(send(sock, text, strlen(text), 0), strlen(text));
}

static json_t *hear(int sock)
{
	static char buf[VHSM_RPC_MAX];
	ssize_t len = recv(sock, buf, sizeof(buf), 0);
	json_t *json;

	ck_assert_int_gt(len, 0);
	json = json_loadb(buf, len, 0, NULL);
	ck_assert_ptr_nonnull(json);
	return json;
}

static const char *error_code(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer,
						"error"), "code"));
}

START_TEST(a_call_gets_its_result)
{
	json_t *params = json_pack("{s:i}", "n", 7), *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync(path, "echo", params, -1, &result,
					    &code, &error), 0);
	ck_assert(json_equal(result, params));
	ck_assert_ptr_null(code);
	ck_assert_ptr_null(error);
	json_decref(result);
	json_decref(params);
}
END_TEST

START_TEST(absent_params_are_an_empty_object)
{
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync(path, "echo", NULL, -1, &result,
					    &code, &error), 0);
	ck_assert(json_is_object(result));
	json_decref(result);
}
END_TEST

START_TEST(an_error_has_code_and_text_whatever_bytes_are_in_it)
{
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync(path, "fail", NULL, -1, &result,
					    &code, &error), -EREMOTEIO);
	ck_assert_str_eq(code, "no-such");
	ck_assert_str_eq(error, "not text: ?");
	free(code);
	free(error);
}
END_TEST

START_TEST(a_descriptor_goes_with_a_call)
{
	int fd = memfd_create("test", 0);
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(write(fd, "hello", 5), 5);
	ck_assert_int_eq(vhsm_rpc_call_sync(path, "read", NULL, fd, &result,
					    &code, &error), 0);
	ck_assert_str_eq(json_string_value(result), "hello");
	json_decref(result);
	close(fd);
}
END_TEST

START_TEST(a_result_too_long_for_a_packet_is_an_error)
{
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync(path, "long", NULL, -1, &result,
					    &code, &error), -EREMOTEIO);
	ck_assert_str_eq(code, "too-large");
	free(code);
	free(error);
}
END_TEST

START_TEST(a_daemon_that_is_not_there_is_told_from_an_error)
{
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_call_sync("/nonexistent/socket", "x", NULL,
					    -1, &result, &code, &error),
			 -ENOENT);
	ck_assert_ptr_null(code);
	ck_assert_ptr_nonnull(strstr(error, "is vhsmd running"));
	free(error);
}
END_TEST

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void given_up(const char *where, const char *naming)
{
	double start = seconds();
	json_t *result;
	char *code, *error;

	ck_assert_int_eq(vhsm_rpc_query_sync(where, "hold", NULL, &result,
					     &code, &error), -ETIMEDOUT);
	ck_assert(seconds() - start < VHSM_RPC_QUERY_S + 5);
	ck_assert_ptr_null(result);
	ck_assert_ptr_null(code);
	ck_assert_msg(strstr(error, naming) && strstr(error, "restart"),
		      "%s", error);
	free(error);
}

START_TEST(a_query_of_a_daemon_that_hangs_is_given_up)
{
	char hung[80];
	int fd, other;

	given_up(path, "vhsmd runs but does not answer");
	/* Nor is one waited for that takes no connection. */
	snprintf(hung, sizeof(hung), "%s-responder", path);
	fd = vhsm_rpc_listen(hung);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	other = client_of(hung);
	given_up(hung, "vhsm-responder runs but does not answer");
	close(other);
	close(fd);
	unlink(hung);
}
END_TEST

static const char *const malformed[] = {
	"x", "[]", "{}", "{", "\"\"", "{\"id\":1}",
	"{\"id\":-1,\"method\":\"echo\"}",
	"{\"id\":\"1\",\"method\":\"echo\"}",
	"{\"id\":1,\"method\":7}",
	"{\"id\":1,\"method\":\"\"}",
	"{\"id\":1,\"method\":\"echo\",\"params\":[]}",
	"{\"id\":1,\"method\":\"echo\",\"params\":null}",
	"{\"id\":1,\"method\":\"echo\",\"more\":1}",
	"{\"id\":1,\"id\":1,\"method\":\"echo\"}",
	"{\"id\":1,\"method\":\"echo\"}x",
	"{\"id\":99999999999999999999,\"method\":\"echo\"}",
	"{\"id\":1,\"method\":\"\xff\"}",
};

START_TEST(a_malformed_packet_is_answered_and_the_connection_goes_on)
{
	int sock = client();
	json_t *answer;

	say(sock, malformed[_i]);
	answer = hear(sock);
	ck_assert_str_eq(error_code(answer), "bad-request");
	json_decref(answer);
	say(sock, "{\"id\":5,\"method\":\"echo\"}");
	answer = hear(sock);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "id")), 5);
	ck_assert_ptr_null(error_code(answer));
	json_decref(answer);
	close(sock);
}
END_TEST

START_TEST(a_packet_over_the_limit_is_answered)
{
	static char text[VHSM_RPC_MAX + 1];
	int sock = client(), room = 4 * VHSM_RPC_MAX;
	json_t *answer;

	memset(text, ' ', sizeof(text));
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	ck_assert_int_eq(send(sock, text, sizeof(text), 0), sizeof(text));
	answer = hear(sock);
	ck_assert_str_eq(error_code(answer), "bad-request");
	json_decref(answer);
	close(sock);
}
END_TEST

static void send_fds(int sock, const char *text, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &stop_pipe[0],
		       sizeof(int));
	ck_assert_int_gt(sendmsg(sock, &msg, 0), 0);
}

static unsigned open_descriptors(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

START_TEST(unwanted_descriptors_are_closed)
{
	int sock = client();
	unsigned before;

	say(sock, "{\"id\":1,\"method\":\"echo\"}");
	json_decref(hear(sock));
	before = open_descriptors();
	send_fds(sock, "{\"id\":1,\"method\":\"echo\"}", 2);
	json_decref(hear(sock));
	send_fds(sock, "{\"id\":1,\"method\":\"echo\"}", 16);
	json_decref(hear(sock));
	send_fds(sock, "malformed", 1);
	json_decref(hear(sock));
	ck_assert_uint_eq(open_descriptors(), before);
	close(sock);
}
END_TEST

START_TEST(a_peer_has_only_so_many_calls_outstanding)
{
	int sock = client(), other;

	for (unsigned i = 0; i < 16; i++)
		say(sock, "{\"id\":1,\"method\":\"hold\"}");
	/* Another peer is served meanwhile, so the first was looked at. */
	for (unsigned i = 0; i < 3; i++) {
		other = client();
		say(other, "{\"id\":1,\"method\":\"echo\"}");
		json_decref(hear(other));
		close(other);
	}
	usleep(100000);
	ck_assert_uint_eq(held_count, 4);
	close(sock);
}
END_TEST

START_TEST(a_stale_socket_is_taken_over_and_a_live_one_is_not)
{
	char stale[80];
	struct stat st;
	int fd;

	ck_assert_int_eq(vhsm_rpc_listen(path), -EADDRINUSE);
	snprintf(stale, sizeof(stale), "%s-stale", path);
	close(vhsm_rpc_listen(stale));
	fd = vhsm_rpc_listen(stale);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(stat(stale, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	close(fd);
	unlink(stale);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rpc");
	TCase *tests = tcase_create("rpc");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, server_start, server_stop);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_call_gets_its_result);
	tcase_add_test(tests, absent_params_are_an_empty_object);
	tcase_add_test(tests,
		       an_error_has_code_and_text_whatever_bytes_are_in_it);
	tcase_add_test(tests, a_descriptor_goes_with_a_call);
	tcase_add_test(tests, a_result_too_long_for_a_packet_is_an_error);
	tcase_add_test(tests, a_daemon_that_is_not_there_is_told_from_an_error);
	tcase_add_test(tests, a_query_of_a_daemon_that_hangs_is_given_up);
	tcase_add_loop_test(tests,
		a_malformed_packet_is_answered_and_the_connection_goes_on, 0,
		sizeof(malformed) / sizeof(malformed[0]));
	tcase_add_test(tests, a_packet_over_the_limit_is_answered);
	tcase_add_test(tests, unwanted_descriptors_are_closed);
	tcase_add_test(tests, a_peer_has_only_so_many_calls_outstanding);
	tcase_add_test(tests,
		       a_stale_socket_is_taken_over_and_a_live_one_is_not);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
