/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

static int ends[2];
static char written[8192];

/* Standard error is a pipe from here on; every test has its own process. */
static void setup(void)
{
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	vhsm_log_init("prog", false);
}

static const char *output(void)
{
	ssize_t n = read(ends[0], written, sizeof(written) - 1);

	written[n < 0 ? 0 : n] = '\0';
	return written;
}

START_TEST(a_line_names_its_program)
{
	vhsm_log(LOG_ERR, "cannot do %d", 7);
	ck_assert_str_eq(output(), "prog: cannot do 7\n");
}
END_TEST

START_TEST(the_journal_gets_a_priority)
{
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	vhsm_log_init("prog", false);
	vhsm_log(LOG_WARNING, "careful");
	ck_assert_str_eq(output(), "<4>prog: careful\n");
	setenv("JOURNAL_STREAM", "1:1", 1);	/* somebody else's */
	vhsm_log_init("prog", false);
	vhsm_log(LOG_WARNING, "careful");
	ck_assert_str_eq(output(), "prog: careful\n");
}
END_TEST

START_TEST(debug_is_written_only_when_verbose)
{
	vhsm_log(LOG_DEBUG, "detail");
	ck_assert_str_eq(output(), "");
	vhsm_log_init("prog", true);
	vhsm_log(LOG_DEBUG, "detail");
	ck_assert_str_eq(output(), "prog: detail\n");
}
END_TEST

START_TEST(nobody_can_forge_a_line)
{
	vhsm_log(LOG_ERR, "name %s", "a\nprog: all is well\r\x1b[2J\x7f");
	ck_assert_str_eq(output(), "prog: name a?prog: all is well??[2J?\n");
}
END_TEST

START_TEST(a_long_line_is_cut_and_still_ends)
{
	char longer[4000];
	size_t len;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	vhsm_log(LOG_ERR, "%s", longer);
	len = strlen(output());
	ck_assert_uint_eq(len, 1024);
	ck_assert_int_eq(written[len - 1], '\n');
	ck_assert_int_eq(written[len - 2], 'x');
}
END_TEST

START_TEST(logging_leaves_errno_alone)
{
	close(ends[0]);
	close(STDERR_FILENO);
	errno = ENOTTY;
	vhsm_log(LOG_ERR, "to nobody");
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

START_TEST(a_flood_is_limited_and_then_counted)
{
	struct vhsm_log_limit limit = { .burst = 3, .interval_s = 1000 };

	for (int i = 0; i < 10; i++)
		vhsm_log_limited(&limit, LOG_ERR, "line %d", i);
	ck_assert_str_eq(output(),
			 "prog: line 0\nprog: line 1\nprog: line 2\n");
	ck_assert_uint_eq(limit.suppressed, 7);
	limit.window_start -= 1000;		/* time passes */
	vhsm_log_limited(&limit, LOG_ERR, "line 10");
	ck_assert_str_eq(output(), "prog: 7 more messages like the next were "
			 "not written\nprog: line 10\n");
	ck_assert_uint_eq(limit.suppressed, 0);
}
END_TEST

START_TEST(escape_makes_bytes_printable)
{
	char out[64];

	ck_assert_str_eq(vhsm_log_escape(out, sizeof(out), "web-tls", 7),
			 "web-tls");
	ck_assert_str_eq(vhsm_log_escape(out, sizeof(out),
					 "a\0\n\\\x7f\xff", 6),
			 "a\\x00\\x0a\\x5c\\x7f\\xff");
	ck_assert_str_eq(vhsm_log_escape(out, sizeof(out), "", 0), "");
}
END_TEST

START_TEST(escape_stays_within_its_room)
{
	char out[16];

	for (size_t room = 0; room <= 12; room++) {
		memset(out, 'Z', sizeof(out));
		vhsm_log_escape(out, room, "\n\n\n\n", 4);
		for (size_t i = room; i < sizeof(out); i++)
			ck_assert_int_eq(out[i], 'Z');
		if (room) {
			/* whole escapes, then NUL */
			ck_assert_uint_eq(strlen(out), (room - 1) / 4 * 4);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *t = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_line_names_its_program);
	tcase_add_test(t, the_journal_gets_a_priority);
	tcase_add_test(t, debug_is_written_only_when_verbose);
	tcase_add_test(t, nobody_can_forge_a_line);
	tcase_add_test(t, a_long_line_is_cut_and_still_ends);
	tcase_add_test(t, logging_leaves_errno_alone);
	tcase_add_test(t, a_flood_is_limited_and_then_counted);
	tcase_add_test(t, escape_makes_bytes_printable);
	tcase_add_test(t, escape_stays_within_its_room);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
