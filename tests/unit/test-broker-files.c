/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files an admin writes: vhsmd.conf, and the vhsm line of an xl.cfg.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/monitor.h"
#include "common/xlcfg.h"

#define WEB "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01"
#define DB "7A5F3C1E-0B7E-4D43-9C54-6A1D0F2E8B02"

static char dir[64];

static void dir_make(void)
{
	snprintf(dir, sizeof(dir), "/tmp/vhsm-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void dir_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *file(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	return path;
}

START_TEST(without_a_file_every_option_has_a_default)
{
	struct vhsm_config config;

	ck_assert_int_eq(vhsm_config_read(&config, "/nonexistent/vhsmd.conf",
					  true), 0);
	ck_assert_str_eq(config.store_dir, LOCALSTATEDIR "/lib/vhsm");
	ck_assert_str_eq(config.run_dir, RUNDIR "/vhsm");
	ck_assert_str_eq(config.local_socket, "");
	ck_assert_str_eq(config.config_dirs[0], "/etc/xen");
	ck_assert_uint_eq(config.config_dir_count, 1);
	ck_assert_int_eq(config.xen, VHSM_XEN_AUTO);
	ck_assert_uint_ge(config.workers, 1);
	vhsm_config_deinit(&config);
	ck_assert_int_eq(vhsm_config_read(&config, "/nonexistent/vhsmd.conf",
					  false), -ENOENT);
	vhsm_config_deinit(&config);
}
END_TEST

START_TEST(a_file_sets_what_it_names)
{
	struct vhsm_config config;

	ck_assert_int_eq(vhsm_config_read(&config, file("vhsmd.conf",
		"# comment\n"
		"store-dir = \"/srv/keys\"\n"
		"xen = off\n"
		"max-ring-page-order = 0\n"
		"engine-user = \"\"\n"
		"config-dirs = { \"/a\", \"/b\" }\n"), false), 0);
	ck_assert_str_eq(config.store_dir, "/srv/keys");
	ck_assert_int_eq(config.xen, VHSM_XEN_OFF);
	ck_assert_uint_eq(config.max_ring_order, 0);
	ck_assert_str_eq(config.engine_user, "");
	ck_assert_str_eq(config.config_dirs[1], "/b");
	ck_assert_uint_eq(config.config_dir_count, 2);
	vhsm_config_deinit(&config);
}
END_TEST

static const char *const bad_configs[] = {
	"workers = 0\n", "workers = 17\n", "max-queues = 9\n",
	"max-ring-page-order = 5\n", "max-pool-pages = 0\n",
	"spin-us = -1\n", "xen = perhaps\n", "run-dir = \"relative\"\n",
	"local-socket = \"relative\"\n", "config-dirs = { \"relative\" }\n",
	"no-such-option = 1\n", "store-dir = \n",
};

START_TEST(what_cannot_be_is_refused)
{
	struct vhsm_config config;

	ck_assert_int_eq(vhsm_config_read(&config, file("vhsmd.conf",
						bad_configs[_i]), false),
			 -EINVAL);
	vhsm_config_deinit(&config);
}
END_TEST

START_TEST(a_device_line_is_split_into_its_settings)
{
	struct vhsm_xlcfg_device device;
	char why[VHSM_XLCFG_WHY];

	ck_assert_int_eq(vhsm_xlcfg_device_parse(" keys=web-tls+db*, x=y ",
						 &device, why), 0);
	ck_assert_str_eq(device.keys, "web-tls+db*");
	ck_assert_int_eq(vhsm_xlcfg_device_parse("", &device, why), 0);
	ck_assert_str_eq(device.keys, "");
	ck_assert_str_eq(device.monitor, "");
	ck_assert_int_eq(vhsm_xlcfg_device_parse("keys=a,monitor=strict",
						 &device, why), 0);
	ck_assert_str_eq(device.monitor, "strict");
}
END_TEST

static const char *const bad_lines[] = {
	"keys", "keys=", "keys=a b", "keys=a++b", "keys=+a", "keys=a+",
	"keys=.hidden", "keys=-a", "keys=a/b", "keys=\xc3\xa4",
	"keys=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"keys=a, policy=web", "monitor=", "monitor=../strict",
};

START_TEST(a_device_line_that_is_wrong_or_not_enforceable_is_refused)
{
	struct vhsm_xlcfg_device device;
	char why[VHSM_XLCFG_WHY] = "";

	ck_assert_int_eq(vhsm_xlcfg_device_parse(bad_lines[_i], &device, why),
			 -EINVAL);
	ck_assert_str_ne(why, "");
}
END_TEST

static int find(const char *uuid_text, const char *name,
		struct vhsm_xlcfg *cfg)
{
	char *dirs[] = { dir };
	uint8_t uuid[16];

	if (uuid_text)
		ck_assert_int_eq(uuid_parse(uuid_text, uuid), 0);
	return vhsm_xlcfg_find(dirs, 1, uuid_text ? uuid : NULL, name, cfg);
}

START_TEST(a_domains_file_is_found_by_uuid_before_name)
{
	struct vhsm_xlcfg cfg;

	file("a.cfg", "name = \"web\"\nvhsm = [ \"keys=wrong\" ]\n");
	file("b.cfg", "name = \"old-name\"\nuuid = \"" WEB "\"\n"
	     "vhsm = [ \"keys=right\", \"keys=second\" ]\n");
	file("c.txt", "name = \"web\"\nuuid = \"" WEB "\"\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), 0);
	ck_assert_uint_eq(cfg.device_count, 2);
	ck_assert_str_eq(cfg.device[0].keys, "right");
	ck_assert_str_eq(cfg.device[1].keys, "second");
	ck_assert(cfg.has_uuid);
}
END_TEST

START_TEST(a_name_does_not_find_a_file_with_another_uuid)
{
	struct vhsm_xlcfg cfg;

	file("a.cfg", "name = \"web\"\nuuid = \"" DB "\"\n"
	     "vhsm = [ \"keys=of-the-other\" ]\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), -ENOENT);
	ck_assert_int_eq(find(DB, "other", &cfg), 0);
	ck_assert_int_eq(find(NULL, "web", &cfg), 0);
}
END_TEST

START_TEST(two_files_that_fit_as_well_are_not_guessed_between)
{
	struct vhsm_xlcfg cfg;

	file("a.cfg", "name = \"web\"\n");
	file("b.cfg", "name = \"web\"\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), -EEXIST);
	file("b.cfg", "name = \"web\"\nuuid = \"" WEB "\"\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), 0);
	file("a.cfg", "name = \"backup\"\nuuid = \"" WEB "\"\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), 0);
	ck_assert_str_eq(cfg.name, "web");
}
END_TEST

START_TEST(a_broken_file_hides_no_other)
{
	struct vhsm_xlcfg cfg;

	file("a.cfg", "name = \"web\nvhsm = [[[[\n");
	file("b.cfg", "name = \"web\"\nvhsm = [ \"keys=a\" ]\n");
	ck_assert_int_eq(find(WEB, "web", &cfg), 0);
	ck_assert_uint_eq(cfg.device_count, 1);
}
END_TEST

START_TEST(a_wrong_vhsm_line_plugs_nothing_and_says_why)
{
	struct vhsm_xlcfg cfg;

	ck_assert_int_eq(vhsm_xlcfg_read(file("a.cfg", "name = \"web\"\n"
		"vhsm = [ \"keys=a\", \"keys=b, policy=web\" ]\n"), &cfg),
		0);
	ck_assert_uint_eq(cfg.device_count, 0);
	ck_assert_ptr_nonnull(strstr(cfg.error, "policy=web"));
	ck_assert_int_eq(vhsm_xlcfg_read(file("a.cfg", "name = \"web\"\n"
		"vhsm = \"keys=a\"\n"), &cfg), 0);
	ck_assert_str_ne(cfg.error, "");
}
END_TEST

/* Whether a device's keys depend on a lease, by its monitor policy. */
static const struct {
	const char *policy, *name;
	int ret;
	bool demand;
} leases[] = {
	{ "lease-ms = 5000\n", "some", 0, true },
	{ "lease-ms = 0\n", "some", 0, false },
	{ "lease-ms = 5000\ndry-run = true\n", "some", 0, false },
	{ "lease-ms = 5000\n", "", 0, false },
	/* What cannot be read may demand one. */
	{ "lease-ms = soon\n", "some", -EINVAL, true },
	{ "lease-ms = 0\n", "other", -ENOENT, true },
	{ "lease-ms = 0\n", "../some", -EINVAL, true },
};

START_TEST(a_lease_is_demanded_unless_the_policy_says_that_none_is)
{
	char why[VHSM_TEXT_MAX] = "";
	bool demand;

	file("some.conf", leases[_i].policy);
	ck_assert_int_eq(vhsm_monitor_read(dir, leases[_i].name, &demand, why),
			 leases[_i].ret);
	ck_assert_int_eq(demand, leases[_i].demand);
	ck_assert(!leases[_i].ret || strstr(why, "monitor="));
}
END_TEST

START_TEST(a_uuid_is_read_and_written)
{
	char text[UUID_STR_LEN];
	uint8_t uuid[16];

	ck_assert_int_eq(uuid_parse(DB, uuid), 0);
	uuid_unparse_lower(uuid, text);
	ck_assert_str_eq(text, "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b02");
	ck_assert_int_ne(uuid_parse("7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b0",
					 uuid), 0);
	ck_assert_int_ne(uuid_parse("7a5f3c1e00b7e-4d43-9c54-6a1d0f2e8b01",
					 uuid), 0);
	ck_assert_int_ne(uuid_parse("7a5f3c1g-0b7e-4d43-9c54-6a1d0f2e8b01",
					 uuid), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker-files");
	TCase *tests = tcase_create("broker-files");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, dir_make, dir_remove);
	tcase_add_test(tests, without_a_file_every_option_has_a_default);
	tcase_add_test(tests, a_file_sets_what_it_names);
	tcase_add_loop_test(tests, what_cannot_be_is_refused, 0,
			    sizeof(bad_configs) / sizeof(bad_configs[0]));
	tcase_add_test(tests, a_device_line_is_split_into_its_settings);
	tcase_add_loop_test(tests,
		a_device_line_that_is_wrong_or_not_enforceable_is_refused, 0,
		sizeof(bad_lines) / sizeof(bad_lines[0]));
	tcase_add_test(tests, a_domains_file_is_found_by_uuid_before_name);
	tcase_add_test(tests, a_name_does_not_find_a_file_with_another_uuid);
	tcase_add_test(tests, two_files_that_fit_as_well_are_not_guessed_between);
	tcase_add_test(tests, a_broken_file_hides_no_other);
	tcase_add_test(tests, a_wrong_vhsm_line_plugs_nothing_and_says_why);
	tcase_add_loop_test(tests,
		a_lease_is_demanded_unless_the_policy_says_that_none_is, 0,
		sizeof(leases) / sizeof(leases[0]));
	tcase_add_test(tests, a_uuid_is_read_and_written);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
