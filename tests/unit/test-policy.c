/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor policies: the defaults, what a file may say, and that one with
 * anything wrong in it is no policy.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/policy.h"

#define BIT(reaction) (1u << VHSM_REACT_##reaction)

static char dir[64];
static char why[VHSM_POLICY_WHY_LEN];
static struct vhsm_policy policy;

static void dir_make(void)
{
	snprintf(dir, sizeof(dir), "/tmp/vhsm-policy-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void dir_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Reads text as the policy "test". */
static int read_text(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/test.conf", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	return vhsm_policy_read(&policy, dir, "test", why);
}

START_TEST(an_empty_file_has_every_default)
{
	const struct vhsm_check_info *info;

	ck_assert_int_eq(read_text(""), 0);
	ck_assert_str_eq(policy.name, "test");
	ck_assert_uint_eq(policy.lease_ms, 5000);
	ck_assert_uint_eq(vhsm_policy_lease(&policy), 5000);
	ck_assert_uint_eq(policy.sweep_ms, 1000);
	ck_assert_uint_eq(policy.full_ms, 30000);
	ck_assert_uint_eq(policy.slice_ms, 50);
	ck_assert(!policy.dry_run);
	ck_assert_uint_eq(policy.throttle_rate, 10);
	ck_assert_str_eq(policy.quarantine_bridge, "");
	ck_assert(policy.isolate_disks);
	ck_assert_str_eq(policy.command, "");
	ck_assert(!policy.syslog);
	for (unsigned i = 0; (info = vhsm_check_row(i)); i++)
		ck_assert_int_eq(policy.checks >> info->number & 1,
				 info->cadence != VHSM_CADENCE_NONE);
	ck_assert_uint_eq(policy.on_severity[3], BIT(RECORD));
	ck_assert_uint_eq(policy.on_severity[4], BIT(RECORD) | BIT(REVOKE));
	ck_assert_uint_eq(policy.on_severity[5], BIT(RECORD) | BIT(REVOKE));
}
END_TEST

START_TEST(every_option_is_obeyed)
{
	ck_assert_int_eq(read_text(
		"lease-ms = 60000  # a minute\n"
		"sweep-ms = 250\nfull-ms = 0\nslice-ms = 5\ndry-run = true\n"
		"checks = { \"kernel-text\", \"yara\" }\n"
		"throttle-rate = 3\nquarantine-bridge = \"xenbr9\"\n"
		"isolate-disks = false\ncommand = \"/usr/bin/tell\"\n"
		"syslog = true\n"
		"on medium { reactions = { \"throttle\", \"verify-only\" } }\n"
		"on critical { reactions = { \"revoke\", \"isolate\","
		" \"freeze\", \"destroy\" } }\n"
		"check yara { reactions = { \"record\" }"
		" options = \"{\\\"a\\\": 1}\" }\n"), 0);
	ck_assert_uint_eq(policy.lease_ms, 60000);
	ck_assert_uint_eq(policy.sweep_ms, 250);
	ck_assert_uint_eq(policy.full_ms, 0);
	ck_assert_uint_eq(policy.slice_ms, 5);
	ck_assert(policy.dry_run);
	ck_assert_uint_eq(policy.checks, UINT64_C(1) << VHSM_CHECK_KERNEL_TEXT |
			  UINT64_C(1) << VHSM_CHECK_YARA);
	ck_assert_uint_eq(policy.throttle_rate, 3);
	ck_assert_str_eq(policy.quarantine_bridge, "xenbr9");
	ck_assert(!policy.isolate_disks);
	ck_assert_str_eq(policy.command, "/usr/bin/tell");
	ck_assert(policy.syslog);
	ck_assert_uint_eq(policy.on_severity[3], BIT(RECORD) | BIT(THROTTLE) |
			  BIT(VERIFY_ONLY));
	ck_assert_uint_eq(policy.on_severity[5], BIT(RECORD) | BIT(REVOKE) |
			  BIT(ISOLATE) | BIT(FREEZE) | BIT(DESTROY));
	ck_assert_str_eq(policy.check[VHSM_CHECK_YARA].options, "{\"a\": 1}");
}
END_TEST

START_TEST(a_check_goes_before_its_severity)
{
	ck_assert_int_eq(read_text(
		"on critical { reactions = { \"destroy\" } }\n"
		"check syscall-table { reactions = { \"throttle\" } }\n"
		"check kernel-text { options = \"{}\" }\n"
		"check monitor-lost { reactions = { \"record\" } }\n"), 0);
	ck_assert_uint_eq(vhsm_policy_reactions(&policy,
						VHSM_CHECK_SYSCALL_TABLE),
			  BIT(RECORD) | BIT(THROTTLE));
	/* Options alone leave the severity's reactions. */
	ck_assert_uint_eq(vhsm_policy_reactions(&policy,
						VHSM_CHECK_KERNEL_TEXT),
			  BIT(RECORD) | BIT(DESTROY));
	ck_assert_uint_eq(vhsm_policy_reactions(&policy,
						VHSM_CHECK_MONITOR_LOST),
			  BIT(RECORD));
	ck_assert_uint_eq(vhsm_policy_reactions(&policy, 63), BIT(RECORD));
}
END_TEST

START_TEST(a_dry_run_demands_no_lease)
{
	ck_assert_int_eq(read_text("dry-run = true\nlease-ms = 5000\n"), 0);
	ck_assert_uint_eq(policy.lease_ms, 5000);
	ck_assert_uint_eq(vhsm_policy_lease(&policy), 0);
}
END_TEST

/* What is wrong, and what the complaint must name. */
static const struct {
	const char *text;
	const char *named;
} wrongs[] = {
	{ "lease-ms = 499\nsweep-ms = 100\n", "test.conf:1: lease-ms" },
	{ "lease-ms = 3600001\n", "lease-ms" },
	{ "sweep-ms = 99\n", "sweep-ms" },
	{ "sweep-ms = 0\n", "sweep-ms" },
	{ "\n\nfull-ms = 999\n", "test.conf:3: full-ms" },
	{ "slice-ms = 4\n", "slice-ms" },
	{ "slice-ms = -1\n", "slice-ms" },
	{ "throttle-rate = 0\n", "throttle-rate" },
	{ "lease-ms = 2000\nsweep-ms = 1000\n", "twice sweep-ms" },
	{ "checks = { }\n", "none is named" },
	{ "checks = { \"yara\" }\n", "none is named" },
	{ "checks = { \"kernel-txt\" }\n", "kernel-txt" },
	/* Not the monitor's to make. */
	{ "checks = { \"monitor-lost\" }\n", "monitor-lost" },
	{ "on bad { }\n", "on bad" },
	{ "on high { reactions = { \"explode\" } }\n", "explode" },
	{ "on high { }\non high { }\n", "test.conf:2" },
	{ "check high { }\n", "check high" },
	{ "check yara { options = \"[1]\" }\n", "options" },
	{ "check yara { options = \"{\" }\n", "options" },
	/* It would be thought to be obeyed. */
	{ "check secret-leak { options = \"{\\\"scope\\\": 1}\" }\n",
	  "check secret-leak" },
	{ "check blinded { options = \"{\\\"a\\\": 1}\" }\n", "check blinded" },
	{ "quarantine-bridge = \"a bridge\"\n", "quarantine-bridge" },
	{ "quarantine-bridge = \"bridge-far-too-long\"\n",
	  "quarantine-bridge" },
	{ "command = \"bin/tell\"\n", "command" },
	{ "lease = 1\n", "'lease'" },
	{ "lease-ms = soon\n", "lease-ms" },
	{ "on high { reactions = {", "test.conf:1" },
	{ "dry-run = perhaps\n", "dry-run" },
};

START_TEST(a_file_with_anything_wrong_is_no_policy)
{
	ck_assert_int_eq(read_text(wrongs[_i].text), -EINVAL);
	ck_assert_msg(strstr(why, wrongs[_i].named), "\"%s\": %s",
		      wrongs[_i].text, why);
	ck_assert_uint_eq(policy.lease_ms, 0);
	ck_assert_str_eq(policy.name, "");
}
END_TEST

START_TEST(only_a_policy_of_the_folder_can_be_named)
{
	static const char *const bad[] = {
		"", ".", "..", "../x", "/etc/x", "a/b", "-x", ".x", "a b",
		"a\n", "caf\xc3\xa9",
		"1234567890123456789012345678901234567890123456789012345678901"
		"234",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!vhsm_policy_name_check(bad[i]), "%s", bad[i]);
		ck_assert_int_eq(vhsm_policy_read(&policy, dir, bad[i], why),
				 -EINVAL);
	}
	ck_assert(vhsm_policy_name_check("strict-2.0_b"));
	ck_assert_int_eq(vhsm_policy_read(&policy, dir, "none", why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "none.conf"));
}
END_TEST

START_TEST(a_folder_is_no_policy)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/test.conf", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(vhsm_policy_read(&policy, dir, "test", why), -EINVAL);
	ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(reactions_have_names)
{
	for (int i = 0; i < VHSM_REACTIONS; i++)
		ck_assert_int_eq(vhsm_reaction_by_name(vhsm_reaction_name(i)),
				 i);
	ck_assert_ptr_null(vhsm_reaction_name(VHSM_REACTIONS));
	ck_assert_int_eq(vhsm_reaction_by_name("none"), -1);
}
END_TEST

START_TEST(what_is_shipped_is_sound)
{
	ck_assert_msg(!vhsm_policy_read(&policy, POLICIES, "strict", why),
		      "%s", why);
	ck_assert_uint_gt(vhsm_policy_lease(&policy), 0);
	ck_assert_uint_eq(vhsm_policy_reactions(&policy,
						VHSM_CHECK_SYSCALL_TABLE),
			  BIT(RECORD) | BIT(REVOKE));
	ck_assert_msg(!vhsm_policy_read(&policy, POLICIES, "lockdown", why),
		      "%s", why);
	ck_assert_uint_eq(vhsm_policy_reactions(&policy,
						VHSM_CHECK_SYSCALL_TABLE),
			  BIT(RECORD) | BIT(REVOKE) | BIT(ISOLATE));
	ck_assert_msg(!vhsm_policy_read(&policy, POLICIES, "watch", why),
		      "%s", why);
	ck_assert_uint_eq(vhsm_policy_lease(&policy), 0);
	for (unsigned i = 0; vhsm_check_row(i); i++)
		ck_assert_uint_eq(vhsm_policy_reactions(&policy,
					vhsm_check_row(i)->number),
				  BIT(RECORD));
	ck_assert_msg(!vhsm_policy_read(&policy, POLICIES, "dry-run", why),
		      "%s", why);
	ck_assert(policy.dry_run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *files = tcase_create("files");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(files, dir_make, dir_remove);
	tcase_add_test(files, an_empty_file_has_every_default);
	tcase_add_test(files, every_option_is_obeyed);
	tcase_add_test(files, a_check_goes_before_its_severity);
	tcase_add_test(files, a_dry_run_demands_no_lease);
	tcase_add_loop_test(files, a_file_with_anything_wrong_is_no_policy, 0,
			    sizeof(wrongs) / sizeof(wrongs[0]));
	tcase_add_test(files, only_a_policy_of_the_folder_can_be_named);
	tcase_add_test(files, a_folder_is_no_policy);
	tcase_add_test(files, reactions_have_names);
	tcase_add_test(files, what_is_shipped_is_sound);
	suite_add_tcase(suite, files);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
