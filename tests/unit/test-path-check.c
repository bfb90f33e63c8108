/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-path-check.c - the schema of xenstore, asked through its validator and
 * through the macros made of it.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#define VHSMIF_NO_RING
#include "path-check.h"
#include "vhsm-paths.h"
#include "vhsmif.h"

#define FRONT "/local/domain/7/device/vhsm/0/"
#define BACK "/local/domain/0/backend/vhsm/7/0/"

struct example {
	const char *path;
	const char *value;
};

static void all_are(const struct example *example, size_t count, int verdict)
{
	size_t i;

	for (i = 0; i < count; i++)
		ck_assert_msg(vhsm_path_check(example[i].path, example[i].value,
					      NULL) == verdict,
			      "%s = \"%s\" is not judged %d", example[i].path,
			      example[i].value, verdict);
}
#define ALL_ARE(examples, verdict) \
	all_are(examples, sizeof(examples) / sizeof(examples[0]), verdict)

START_TEST(what_a_healthy_device_holds_is_accepted)
{
	static const struct example good[] = {
		{ FRONT "backend", "/local/domain/0/backend/vhsm/7/0" },
		{ FRONT "backend-id", "0" },
		{ FRONT "state", "4" },
		{ FRONT "version", "1" },
		{ FRONT "multi-queue-num-queues", "8" },
		{ FRONT "ring-page-order", "0" },
		{ FRONT "queue-0/ring-ref0", "8" },
		{ FRONT "queue-7/ring-ref15", "4294967295" },
		{ FRONT "queue-0/event-channel", "12" },
		{ FRONT "queue-0/pool-pages", "8192" },
		{ FRONT "queue-0/pool-directory-ref7", "99" },
		{ BACK "frontend", "/local/domain/7/device/vhsm/0" },
		{ BACK "frontend-id", "7" },
		{ BACK "online", "1" },
		{ BACK "versions", "1" },
		{ BACK "domain", "web" },
		{ BACK "feature-linked-requests", "1" },
		{ BACK "error", "22 queue-0/ring-ref0 is not a number" },
		{ "/local/domain/7/name", "web" },
		{ "/local/domain/7/vm",
		  "/vm/6f6f0d5c-0c69-4a8e-9d2f-0123456789ab" },
		{ "/vm/6f6f0d5c-0c69-4a8e-9d2f-0123456789ab/uuid",
		  "6f6f0d5c-0c69-4a8e-9d2f-0123456789ab" },
	};

	ALL_ARE(good, VHSM_PATH_OK);
}
END_TEST

START_TEST(a_value_not_of_its_type_is_named)
{
	static const struct example bad[] = {
		{ FRONT "state", "0" },
		{ FRONT "state", "7" },
		{ FRONT "state", "44" },
		{ FRONT "version", "2" },
		{ FRONT "version", "" },
		{ FRONT "version", " 1" },
		{ FRONT "version", "01" },
		{ FRONT "version", "+1" },
		{ FRONT "version", "1\n" },
		{ FRONT "multi-queue-num-queues", "0" },
		{ FRONT "multi-queue-num-queues", "9" },
		{ FRONT "ring-page-order", "5" },
		{ FRONT "queue-0/ring-ref0", "0" },
		{ FRONT "queue-0/ring-ref0", "4294967296" },
		{ FRONT "queue-0/ring-ref0", "18446744073709551617" },
		{ FRONT "queue-0/ring-ref0", "0x8" },
		{ FRONT "queue-0/pool-pages", "8193" },
		{ FRONT "backend", "local/domain/0" },
		{ FRONT "backend", "/local//domain" },
		{ BACK "online", "2" },
		{ BACK "versions", "1,1" },
		{ BACK "versions", "1," },
		{ BACK "versions", ",1" },
		{ BACK "versions", "0" },
		{ BACK "domain", "web\x1b[31m" },
		{ "/vm/6f6f0d5c-0c69-4a8e-9d2f-0123456789ab/uuid", "6f6f0d5c" },
	};
	const char *expected = NULL;

	ALL_ARE(bad, VHSM_PATH_BAD_VALUE);
	vhsm_path_check(FRONT "ring-page-order", "9", &expected);
	ck_assert_str_eq(expected, "INTEGER 0..VHSM_MAX_RING_ORDER");
}
END_TEST

START_TEST(a_path_outside_the_schema_is_unknown)
{
	static const struct example unknown[] = {
		{ "", "" },
		{ "/", "" },
		{ FRONT, "" },
		{ FRONT "ring-ref", "8" },
		{ FRONT "queue-8/ring-ref0", "8" },
		{ FRONT "queue-00/ring-ref0", "8" },
		{ FRONT "queue-0/ring-ref16", "8" },
		{ FRONT "queue-0/pool-directory-ref8", "8" },
		{ FRONT "queue-0/ring-ref0/x", "8" },
		{ FRONT "feature-", "1" },
		{ FRONT "feature-A", "1" },
		{ "/local/domain/32752/device/vhsm/0/state", "4" },
		{ "/local/domain/7/device/vif/0/state", "4" },
		{ "/local/domain/7/device/vhsm/65536/state", "4" },
		{ "x/local/domain/7/device/vhsm/0/state", "4" },
		{ "/vm/6F6F0D5C-0c69-4a8e-9d2f-0123456789ab/uuid", "" },
	};
	const char *expected = "";

	ALL_ARE(unknown, VHSM_PATH_UNKNOWN);
	vhsm_path_check("/nowhere", "", &expected);
	ck_assert_ptr_null(expected);
}
END_TEST

START_TEST(the_macros_make_paths_of_the_schema)
{
	char path[200];

	snprintf(path, sizeof(path), VHSM_PATH_FRONTEND_STATE, 7u, 0u);
	ck_assert_str_eq(path, FRONT "state");
	snprintf(path, sizeof(path), VHSM_PATH_BACKEND "/" VHSM_NODE_VERSIONS,
		 0u, 7u, 0u);
	ck_assert_int_eq(vhsm_path_check(path, "1", NULL), VHSM_PATH_OK);
	snprintf(path, sizeof(path), VHSM_PATH_FRONTEND "/"
		 VHSM_NODE_QUEUE_POOL_DIRECTORY_REF, 7u, 0u, 3u, 2u);
	ck_assert_str_eq(path, FRONT "queue-3/pool-directory-ref2");
	ck_assert_int_eq(vhsm_path_check(path, "5", NULL), VHSM_PATH_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("path-check");
	TCase *tests = tcase_create("path-check");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, what_a_healthy_device_holds_is_accepted);
	tcase_add_test(tests, a_value_not_of_its_type_is_named);
	tcase_add_test(tests, a_path_outside_the_schema_is_unknown);
	tcase_add_test(tests, the_macros_make_paths_of_the_schema);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
