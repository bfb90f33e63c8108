/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts to syslog: syslog(3) is played by us.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "responder/alert-sink.h"
#include "responder/alert.h"

/* As syslog.h has them, whose inline functions must not be here. */
#define AUTHPRIV	(10 << 3)
#define ALERT		1
#define CRIT		2

void openlog(const char *ident, int option, int facility);
void closelog(void);
void syslog(int priority, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...);

static char ident_is[32], line[65536];
static int priority_is, facility_is;
static unsigned lines;

void openlog(const char *ident, int option, int facility)
{
	(void)option;
	snprintf(ident_is, sizeof(ident_is), "%s", ident);
	facility_is = facility;
}

void closelog(void)
{
}

static void log_line(int priority, const char *format, va_list args)
{
	ck_assert_str_eq(format, "%s");
	priority_is = priority;
	vsnprintf(line, sizeof(line), "%s", args);
	lines++;
}

void syslog(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(priority, format, args);
	va_end(args);
}

/* What a fortified build calls. */
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	(void)flag;
	va_start(args, format);
	log_line(priority, format, args);
	va_end(args);
}

static void setup(void)
{
	lines = 0;
	line[0] = ident_is[0] = '\0';
}

START_TEST(an_alert_is_one_line_of_json)
{
	json_t *alert = json_pack("{s:i, s:s}", "severity_id", 4, "message",
				  "100%s of \n it, \xc3\xa9"), *read;

	vhsm_sink_syslog(alert);
	ck_assert_uint_eq(lines, 1);
	ck_assert_ptr_null(strchr(line, '\n'));
	for (const char *p = line; *p; p++)
		ck_assert(*p >= ' ' && *p <= '~');
	read = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(read);
	ck_assert(json_equal(read, alert));
	ck_assert_str_eq(ident_is, "vhsm-responder");
	ck_assert_int_eq(facility_is, AUTHPRIV);
	json_decref(read);
	json_decref(alert);
}
END_TEST

START_TEST(the_severity_decides_the_priority)
{
	static const struct {
		int severity, priority;
	} expected[] = {
		{ 3, CRIT }, { 4, CRIT }, { 5, ALERT }, { 6, ALERT },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		json_t *alert = json_pack("{s:i}", "severity_id",
					  expected[i].severity);

		vhsm_sink_syslog(alert);
		ck_assert_int_eq(priority_is, expected[i].priority | AUTHPRIV);
		json_decref(alert);
	}
}
END_TEST

START_TEST(only_a_policy_that_says_so_sends_to_syslog)
{
	char dir[] = "/tmp/test-alert-sink.XXXXXX", file[64], command[64];
	struct vhsm_alert_guest web = {
		.uuid = "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01", .name = "web",
	};
	struct vhsm_finding f = {
		.check = VHSM_CHECK_KERNEL_TEXT, .confidence = 100,
		.object = "commit_creds", .detail = "differs",
	};
	struct vhsm_policy policy = { .name = "strict" };
	char uid[VHSM_ALERT_UID_LEN], why[VHSM_ALERT_WHY_LEN];
	struct vhsm_alerts *alerts;
	bool is_new;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/alerts.jsonl", dir);
	alerts = vhsm_alerts_open(dir, file, why);
	ck_assert_msg(alerts != NULL, "%s", why);
	ck_assert_int_eq(vhsm_alerts_add(alerts, &web, &policy, &f, 2000, 1000,
					 uid, &is_new, why), 0);
	vhsm_alerts_notify(alerts, &policy, uid);
	ck_assert_uint_eq(lines, 0);
	policy.syslog = true;
	vhsm_alerts_notify(alerts, &policy, uid);
	ck_assert_uint_eq(lines, 1);
	ck_assert_ptr_nonnull(strstr(line, uid));
	ck_assert_int_eq(priority_is, ALERT | AUTHPRIV);
	vhsm_alerts_close(&alerts);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alert-sink");
	TCase *tc = tcase_create("alert-sink");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, an_alert_is_one_line_of_json);
	tcase_add_test(tc, the_severity_decides_the_priority);
	tcase_add_test(tc, only_a_policy_that_says_so_sends_to_syslog);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
