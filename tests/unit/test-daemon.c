/* SPDX-License-Identifier: Apache-2.0 */
/* test-daemon.c - how a daemon starts, and is told to end. */
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"

static char dir[] = "/tmp/vhsm-daemon-XXXXXX";
static char run_dir[sizeof(dir) + 8];
static struct vhsm_daemon_events events;

static void setup(void)
{
	vhsm_log_init("test", false);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static struct vhsm_daemon_options read_options(char *first, char *second)
{
	struct vhsm_daemon_options options = { .config = "default" };
	char name[] = "vhsmx", *argv[] = { name, first, second, NULL };

	optind = 1;
	vhsm_daemon_options_read(&options, "vhsmx", "Usage: vhsmx\n",
				 1 + (first != NULL) + (second != NULL), argv);
	return options;
}

START_TEST(options_are_taken)
{
	char config[] = "--config=a", n[] = "-n", v[] = "-v";
	struct vhsm_daemon_options options = read_options(NULL, NULL);

	ck_assert_str_eq(options.config, "default");
	ck_assert(!options.config_given && !options.check && !options.verbose);
	options = read_options(config, n);
	ck_assert_str_eq(options.config, "a");
	ck_assert(options.config_given && options.check && !options.verbose);
	options = read_options(v, NULL);
	ck_assert(!options.config_given && !options.check && options.verbose);
}
END_TEST

START_TEST(help_is_an_answer)
{
	char help[] = "--help";

	read_options(help, NULL);
}
END_TEST

START_TEST(the_version_is_an_answer)
{
	char version[] = "--version";

	read_options(version, NULL);
}
END_TEST

START_TEST(an_unknown_option_is_a_usage_error)
{
	char option[] = "--none-such";

	read_options(option, NULL);
}
END_TEST

START_TEST(an_argument_is_a_usage_error)
{
	char verbose[] = "-v", argument[] = "start";

	read_options(verbose, argument);
}
END_TEST

START_TEST(a_run_directory_has_one_daemon_of_a_kind)
{
	int fd = vhsm_daemon_run_dir_take(run_dir, "a.lock", "vhsmx");
	char path[sizeof(run_dir) + 8];
	struct stat st;
	int other;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(stat(run_dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/a.lock", run_dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(vhsm_daemon_run_dir_take(run_dir, "a.lock", "vhsmx"),
			 -EBUSY);
	other = vhsm_daemon_run_dir_take(run_dir, "b.lock", "vhsmy");
	ck_assert_int_ge(other, 0);
	close(other);
	/* The next one, when the first has ended. */
	close(fd);
	fd = vhsm_daemon_run_dir_take(run_dir, "a.lock", "vhsmx");
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

START_TEST(a_link_in_the_locks_place_is_not_followed)
{
	char path[sizeof(run_dir) + 8], to[sizeof(dir) + 8];

	ck_assert_int_eq(mkdir(run_dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/a.lock", run_dir);
	snprintf(to, sizeof(to), "%s/there", dir);
	ck_assert_int_eq(symlink(to, path), 0);
	ck_assert_int_eq(vhsm_daemon_run_dir_take(run_dir, "a.lock", "vhsmx"),
			 -ELOOP);
	ck_assert_int_ne(access(to, F_OK), 0);
}
END_TEST

START_TEST(a_run_directory_that_cannot_be_made_is_an_error)
{
	ck_assert_int_eq(vhsm_daemon_run_dir_take("/nonexistent/run", "a.lock",
						  "vhsmx"), -ENOENT);
}
END_TEST

static void stop(void *arg)
{
	++*(unsigned *)arg;
	event_base_loopbreak(events.base);
}

START_TEST(either_signal_stops_it)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	unsigned stopped = 0;

	ck_assert_int_eq(vhsm_daemon_events_init(&events, stop, &stopped), 0);
	raise(numbers[_i]);
	event_base_dispatch(events.base);
	ck_assert_uint_eq(stopped, 1);
	vhsm_daemon_events_deinit(&events);
}
END_TEST

static void on_notified(evutil_socket_t fd, short what, void *arg)
{
	char text[64] = "";

	(void)what;
	ck_assert_int_gt(recv(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, "WATCHDOG=1");
	stop(arg);
}

START_TEST(who_started_it_hears_that_it_lives)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct event *heard;
	unsigned times = 0;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	ck_assert_int_eq(vhsm_daemon_events_init(&events, stop, &times), 0);
	heard = event_new(events.base, fd, EV_READ, on_notified, &times);
	ck_assert_int_eq(event_add(heard, NULL), 0);
	event_base_dispatch(events.base);
	ck_assert_uint_eq(times, 1);
	event_free(heard);
	vhsm_daemon_events_deinit(&events);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon");
	TCase *options = tcase_create("options");
	TCase *tests = tcase_create("start");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(options, options_are_taken);
	tcase_add_exit_test(options, help_is_an_answer, 0);
	tcase_add_exit_test(options, the_version_is_an_answer, 0);
	tcase_add_exit_test(options, an_unknown_option_is_a_usage_error,
			    VHSM_EXIT_USAGE);
	tcase_add_exit_test(options, an_argument_is_a_usage_error,
			    VHSM_EXIT_USAGE);
	suite_add_tcase(suite, options);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_run_directory_has_one_daemon_of_a_kind);
	tcase_add_test(tests, a_link_in_the_locks_place_is_not_followed);
	tcase_add_test(tests, a_run_directory_that_cannot_be_made_is_an_error);
	tcase_add_loop_test(tests, either_signal_stops_it, 0, 2);
	tcase_add_test(tests, who_started_it_hears_that_it_lives);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
