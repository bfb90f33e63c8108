/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a frontend publishes, from a table instead of xenstore.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/handshake.h"
#include "common/decimal.h"
#include "path-check.h"

static const struct vhsm_handshake_limits limits = { 4, 4, 4096 };

struct node {
	char name[64];
	char value[64];
	size_t len;
};

static struct node nodes[512];
static size_t node_count;
static size_t reads;

static int table_read(void *arg, const char *name, char *value, size_t room)
{
	(void)arg;
	reads++;
	for (size_t i = 0; i < node_count; i++) {
		if (strcmp(nodes[i].name, name))
			continue;
		memcpy(value, nodes[i].value,
		       nodes[i].len < room ? nodes[i].len : room);
		return nodes[i].len;
	}
	return -ENOENT;
}

static void put_bytes(const char *name, const void *value, size_t len)
{
	size_t i = 0;

	while (i < node_count && strcmp(nodes[i].name, name))
		i++;
	if (i == node_count)
		node_count++;
	snprintf(nodes[i].name, sizeof(nodes[i].name), "%s", name);
	memcpy(nodes[i].value, value, len);
	nodes[i].len = len;
}

static void put(const char *name, const char *value)
{
	put_bytes(name, value, strlen(value));
}

static void take_away(const char *name)
{
	for (size_t i = 0; i < node_count; i++)
		if (!strcmp(nodes[i].name, name))
			nodes[i] = nodes[--node_count];
}

/* A frontend that does everything right. */
static void good(unsigned queues, unsigned order, unsigned pool_pages)
{
	char name[64], value[16];

	node_count = reads = 0;
	put("version", "1");
	snprintf(value, sizeof(value), "%u", queues);
	put("multi-queue-num-queues", value);
	snprintf(value, sizeof(value), "%u", order);
	put("ring-page-order", value);
	for (unsigned q = 0; q < queues; q++) {
		for (unsigned i = 0; i < 1u << order; i++) {
			snprintf(name, sizeof(name), "queue-%u/ring-ref%u", q,
				 i);
			snprintf(value, sizeof(value), "%u", 100 * q + i + 1);
			put(name, value);
		}
		snprintf(name, sizeof(name), "queue-%u/event-channel", q);
		snprintf(value, sizeof(value), "%u", 7 + q);
		put(name, value);
		snprintf(name, sizeof(name), "queue-%u/pool-pages", q);
		snprintf(value, sizeof(value), "%u", pool_pages);
		put(name, value);
		for (unsigned i = 0; i * 1024 < pool_pages; i++) {
			snprintf(name, sizeof(name),
				 "queue-%u/pool-directory-ref%u", q, i);
			snprintf(value, sizeof(value), "%u", 900 + i);
			put(name, value);
		}
	}
}

static int parse(struct vhsm_msg_connect_xen *out, char *why)
{
	why[0] = '\0';
	return vhsm_handshake_parse(table_read, NULL, &limits, out, why);
}

static void refused(const char *naming)
{
	struct vhsm_msg_connect_xen out;
	char why[VHSM_TEXT_MAX];

	ck_assert_int_eq(parse(&out, why), -EINVAL);
	ck_assert_msg(strstr(why, naming) == why, "\"%s\" does not name %s",
		      why, naming);
}

START_TEST(all_nodes_become_numbers)
{
	struct vhsm_msg_connect_xen out;
	char why[VHSM_TEXT_MAX];

	good(3, 2, 1025);
	ck_assert_int_eq(parse(&out, why), 0);
	ck_assert_uint_eq(out.hdr.type, VHSM_MSG_CONNECT_XEN);
	ck_assert_uint_eq(out.hdr.len, sizeof(out));
	ck_assert_uint_eq(out.version, 1);
	ck_assert_uint_eq(out.queues, 3);
	ck_assert_uint_eq(out.ring_order, 2);
	ck_assert_uint_eq(out.queue[2].ring_ref[3], 204);
	ck_assert_uint_eq(out.queue[2].ring_ref[4], 0);
	ck_assert_uint_eq(out.queue[1].event_channel, 8);
	ck_assert_uint_eq(out.queue[0].pool_pages, 1025);
	ck_assert_uint_eq(out.queue[0].directory_ref[0], 900);
	ck_assert_uint_eq(out.queue[0].directory_ref[1], 901);
	ck_assert_uint_eq(out.queue[0].directory_ref[2], 0);
	ck_assert_uint_eq(out.queue[3].pool_pages, 0);
}
END_TEST

START_TEST(what_the_backend_offered_at_most_is_taken)
{
	struct vhsm_msg_connect_xen out;
	char why[VHSM_TEXT_MAX];

	good(limits.max_queues, limits.max_ring_order, limits.max_pool_pages);
	ck_assert_int_eq(parse(&out, why), 0);
	ck_assert_uint_eq(out.queue[3].ring_ref[15], 316);
}
END_TEST

START_TEST(more_than_offered_is_refused_before_it_is_looked_at)
{
	good(5, 0, 1);
	refused("multi-queue-num-queues");
	ck_assert_uint_eq(reads, 2);
	good(1, 5, 1);
	refused("ring-page-order");
	ck_assert_uint_eq(reads, 3);
	good(1, 0, 4097);
	refused("queue-0/pool-pages");
	good(1, 0, 1);
	put("multi-queue-num-queues", "0");
	refused("multi-queue-num-queues");
	good(1, 0, 1);
	put("queue-0/pool-pages", "0");
	refused("queue-0/pool-pages");
}
END_TEST

START_TEST(an_unknown_version_is_refused)
{
	good(1, 0, 1);
	put("version", "2");
	refused("version");
	put("version", "0");
	refused("version");
	put("version", "1,2");
	refused("version");
}
END_TEST

START_TEST(a_feature_that_was_not_offered_is_refused)
{
	char *plain[] = { "state", "version", "queue-0", "features" };
	char *taken[] = { "state", "feature-tele\nport", "queue-0" };
	char why[VHSM_TEXT_MAX];

	ck_assert_int_eq(vhsm_handshake_features(plain, 4, why), 0);
	ck_assert_int_eq(vhsm_handshake_features(NULL, 0, why), 0);
	ck_assert_int_eq(vhsm_handshake_features(taken, 3, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "feature-tele\\x0aport"));
}
END_TEST

START_TEST(every_missing_node_is_named)
{
	static const char *const names[] = {
		"version", "multi-queue-num-queues", "ring-page-order",
		"queue-1/ring-ref1", "queue-1/event-channel",
		"queue-0/pool-pages", "queue-1/pool-directory-ref1",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		good(2, 1, 2048);
		take_away(names[i]);
		refused(names[i]);
	}
}
END_TEST

START_TEST(a_grant_or_port_of_0_is_refused)
{
	good(1, 0, 1);
	put("queue-0/ring-ref0", "0");
	refused("queue-0/ring-ref0");
	good(1, 0, 1);
	put("queue-0/event-channel", "0");
	refused("queue-0/event-channel");
	good(1, 0, 1);
	put("queue-0/pool-directory-ref0", "0");
	refused("queue-0/pool-directory-ref0");
}
END_TEST

START_TEST(the_frontends_bytes_are_escaped_in_the_text)
{
	struct vhsm_msg_connect_xen out;
	char why[VHSM_TEXT_MAX];

	good(1, 0, 1);
	put_bytes("version", "\x1b[2J\0\n1", 7);
	ck_assert_int_eq(parse(&out, why), -EINVAL);
	for (const char *c = why; *c; c++)
		ck_assert(*c >= ' ' && *c < 0x7f);
}
END_TEST

START_TEST(a_value_longer_than_any_number_is_refused)
{
	char value[64];

	memset(value, '1', sizeof(value));
	good(1, 0, 1);
	put_bytes("version", value, sizeof(value));
	refused("version");
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	int ret;
	uint32_t value;
} decimals[] = {
	{ "0", 1, 0, 0 },
	{ "7", 1, 0, 7 },
	{ "4294967295", 10, 0, 4294967295u },
	{ "4294967296", 10, -EINVAL, 0 },
	{ "9999999999", 10, -EINVAL, 0 },
	{ "42949672950", 11, -EINVAL, 0 },
	{ "", 0, -EINVAL, 0 },
	{ "00", 2, -EINVAL, 0 },
	{ "01", 2, -EINVAL, 0 },
	{ "+1", 2, -EINVAL, 0 },
	{ "-1", 2, -EINVAL, 0 },
	{ " 1", 2, -EINVAL, 0 },
	{ "1 ", 2, -EINVAL, 0 },
	{ "1\0", 2, -EINVAL, 0 },
	{ "1\n", 2, -EINVAL, 0 },
	{ "0x1", 3, -EINVAL, 0 },
	{ "1a", 2, -EINVAL, 0 },
};

START_TEST(a_number_is_decimal_and_nothing_else)
{
	uint32_t value = 0;

	ck_assert_int_eq(vhsm_decimal_parse(decimals[_i].text,
					    decimals[_i].len, &value),
			 decimals[_i].ret);
	if (!decimals[_i].ret)
		ck_assert_uint_eq(value, decimals[_i].value);
}
END_TEST

/* The schema's own reader of values shares no code with the parser. */
static bool schema_has(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/7/device/vhsm/0/%s", name);
	return vhsm_path_check(path, value, NULL) == VHSM_PATH_OK;
}

static bool all_are_taken(char *why)
{
	static const struct vhsm_handshake_limits all = {
		VHSM_MAX_QUEUES, VHSM_MAX_RING_ORDER, VHSM_MAX_POOL_PAGES
	};
	struct vhsm_msg_connect_xen out;

	why[0] = '\0';
	return !vhsm_handshake_parse(table_read, NULL, &all, &out, why);
}

static const char *const schema_nodes[] = {
	"version", "multi-queue-num-queues", "ring-page-order",
	"queue-0/ring-ref0", "queue-7/ring-ref15", "queue-3/event-channel",
	"queue-7/pool-pages", "queue-0/pool-directory-ref7",
};

START_TEST(what_is_taken_is_what_the_schema_has)
{
	static const char *const values[] = {
		"0", "1", "2", "4", "5", "8", "9", "00", "01", "08", "", " 1",
		"1 ", "+1", "-1", "0x1", "1\n", "1.0", "one", "8192", "8193",
		"2147483648", "4294967295", "4294967296", "42949672950",
		"99999999999999999999",
	};
	const char *name = schema_nodes[_i];
	char why[VHSM_TEXT_MAX];
	unsigned taken = 0;
	bool ok;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		good(VHSM_MAX_QUEUES, VHSM_MAX_RING_ORDER,
		     VHSM_MAX_POOL_PAGES);
		ck_assert_msg(all_are_taken(why), "%s", why);
		put(name, values[i]);
		ok = all_are_taken(why);
		taken += ok;
		ck_assert_msg(ok == schema_has(name, values[i]),
			      "%s = \"%s\": the schema says otherwise: %s",
			      name, values[i], ok ? "taken" : why);
	}
	ck_assert_uint_gt(taken, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handshake");
	TCase *tests = tcase_create("handshake");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, all_nodes_become_numbers);
	tcase_add_test(tests, what_the_backend_offered_at_most_is_taken);
	tcase_add_test(tests,
		       more_than_offered_is_refused_before_it_is_looked_at);
	tcase_add_test(tests, an_unknown_version_is_refused);
	tcase_add_test(tests, a_feature_that_was_not_offered_is_refused);
	tcase_add_test(tests, every_missing_node_is_named);
	tcase_add_test(tests, a_grant_or_port_of_0_is_refused);
	tcase_add_test(tests, the_frontends_bytes_are_escaped_in_the_text);
	tcase_add_test(tests, a_value_longer_than_any_number_is_refused);
	tcase_add_loop_test(tests, what_is_taken_is_what_the_schema_has, 0,
			    sizeof(schema_nodes) / sizeof(schema_nodes[0]));
	tcase_add_loop_test(tests, a_number_is_decimal_and_nothing_else, 0,
			    sizeof(decimals) / sizeof(decimals[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
