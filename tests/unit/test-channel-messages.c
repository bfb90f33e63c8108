/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: each is read as it was written, and what is not quite one is
 * refused.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/messages.h"
#include "fingerprint/fingerprint.h"

static char why[VHSM_MESSAGE_WHY_LEN];

/* The bytes as they cross the channel; the caller's. */
static char *dump(json_t *json)
{
	char *text;

	ck_assert_ptr_nonnull(json);
	text = json_dumps(json, JSON_COMPACT);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_le(strlen(text), VHSM_FRAME_MAX);
	json_decref(json);
	return text;
}

START_TEST(a_hello_is_read_as_written)
{
	struct vhsm_hello in = { .version = 1, .program = "0.1.0" }, out;
	char *text = dump(vhsm_hello_encode(&in));

	ck_assert_int_eq(vhsm_hello_decode(&out, text, strlen(text), why), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	free(text);
}
END_TEST

START_TEST(a_configuration_is_read_as_written)
{
	struct vhsm_configure in = { .domid = 7, .frames = 49152,
				     .full_ms = 30000, .slice_ms = 50 }, out;
	json_t *checks = json_pack("{s:n, s:{s:i}}", "kernel-text", "yara",
				   "timeout", 5);
	char *text;

	in.checks = checks;
	text = dump(vhsm_configure_encode(&in));
	ck_assert_int_eq(vhsm_configure_decode(&out, text, strlen(text), why),
			 0);
	ck_assert(json_equal(out.checks, checks));
	json_decref(out.checks);
	out.checks = checks;
	ck_assert_mem_eq(&in, &out, sizeof(in));
	json_decref(checks);
	free(text);
}
END_TEST

/* The largest entries a set may have, as many as a part has. */
START_TEST(a_part_of_the_fingerprints_fits_and_is_read_as_written)
{
	struct vhsm_fingerprints_part in = { .part = VHSM_PARTS_MAX - 1,
					     .parts = VHSM_PARTS_MAX }, out;
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	char label[VHSM_FINGERPRINT_LABEL_MAX + 1], *text;
	uint8_t window[VHSM_WINDOW_LEN] = { 1, 2, 3 };

	memset(label, '"', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	for (unsigned i = 0; i < VHSM_PART_ENTRIES; i++) {
		window[15] = (uint8_t)i;
		ck_assert_int_eq(vhsm_fingerprints_add(set, label, window), 0);
	}
	in.set = vhsm_fingerprints_encode(set);
	text = dump(vhsm_fingerprints_part_encode(&in));
	ck_assert_int_eq(vhsm_fingerprints_part_decode(&out, text,
						       strlen(text), why), 0);
	ck_assert_uint_eq(out.part, in.part);
	ck_assert_uint_eq(out.parts, in.parts);
	ck_assert(json_equal(in.set, out.set));
	json_decref(in.set);
	json_decref(out.set);
	vhsm_fingerprints_free(&set);
	free(text);
}
END_TEST

static const char *const bad_parts[] = {
	"{\"part\":0,\"parts\":0,\"set\":{}}",
	"{\"part\":1,\"parts\":1,\"set\":{}}",
	"{\"part\":0,\"parts\":65,\"set\":{}}",
	"{\"part\":-1,\"parts\":1,\"set\":{}}",
	"{\"part\":0,\"parts\":1}",
	"{\"part\":0,\"parts\":1,\"set\":{},\"more\":1}",
};

START_TEST(a_part_that_is_of_no_set_is_refused)
{
	struct vhsm_fingerprints_part out;

	ck_assert_int_eq(vhsm_fingerprints_part_decode(&out, bad_parts[_i],
			 strlen(bad_parts[_i]), why), -EPROTO);
	ck_assert_ptr_null(out.set);
	ck_assert_ptr_nonnull(strstr(why, "fingerprints"));
}
END_TEST

START_TEST(the_most_vcpus_fit_and_every_register_survives)
{
	struct vhsm_sweep_order *in = calloc(1, sizeof(*in));
	struct vhsm_sweep_order *out = calloc(1, sizeof(*out));
	uint8_t *bytes;
	char *text;

	in->number = INT64_MAX;
	in->logged = true;
	in->vcpu_count = VHSM_VCPUS_MAX;
	for (unsigned i = 0; i < VHSM_VCPUS_MAX; i++) {
		bytes = (uint8_t *)&in->vcpu[i];
		for (size_t at = 0; at < sizeof(in->vcpu[i]); at++)
			bytes[at] = (uint8_t)(0x80 + at + i % 32);
		in->vcpu[i].online = 1;
	}
	/* Nothing is said of one that is off. */
	memset(&in->vcpu[5], 0, sizeof(in->vcpu[5]));
	text = dump(vhsm_sweep_order_encode(in));
	ck_assert_int_eq(vhsm_sweep_order_decode(out, text, strlen(text), why),
			 0);
	ck_assert_mem_eq(in, out, sizeof(*in));
	free(text);
	free(in);
	free(out);
}
END_TEST

START_TEST(a_kernel_that_was_found_is_read_as_written)
{
	struct vhsm_found in = { .slide = 0xffffffffffe00000,
				 .release = "6.1.0-44-amd64" }, out;
	char *text = dump(vhsm_found_encode(&in));

	ck_assert_int_eq(vhsm_found_decode(&out, text, strlen(text), why), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	free(text);
}
END_TEST

static void make_finding(struct vhsm_finding *f)
{
	memset(f, 0, sizeof(*f));
	f->check = VHSM_CHECK_SYSCALL_TABLE;
	memset(f->object, 'o', sizeof(f->object) - 1);
	f->address = UINT64_MAX;
	f->physical = 0;
	memset(f->symbol, 's', sizeof(f->symbol) - 1);
	f->confidence = 100;
	f->pid = UINT32_MAX;
	memcpy(f->comm, "evil \"quoted\\", 13);
	f->before_len = VHSM_EVIDENCE_MAX;
	memset(f->before, 0xff, sizeof(f->before));
	f->after_len = 1;
	f->after[0] = 0xe9;
	memset(f->before_code, '\n', sizeof(f->before_code) - 1);
	memset(f->after_code, '~', sizeof(f->after_code) - 1);
	memset(f->detail, ' ', sizeof(f->detail) - 1);
}

START_TEST(a_finding_is_read_as_written)
{
	struct vhsm_finding in, out;
	char *text;

	make_finding(&in);
	text = dump(vhsm_finding_encode(&in));
	ck_assert_int_eq(vhsm_finding_decode(&out, text, strlen(text), why), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	free(text);
}
END_TEST

START_TEST(a_finding_of_the_responders_own_is_none_of_a_monitors)
{
	struct vhsm_finding in, out;
	json_t *json;
	char *text;

	make_finding(&in);
	in.check = VHSM_CHECK_MONITOR_BROKEN;
	json = vhsm_finding_encode(&in);
	text = dump(json);
	ck_assert_int_eq(vhsm_finding_decode(&out, text, strlen(text), why),
			 -EPROTO);
	free(text);
}
END_TEST

static void make_verdict(struct vhsm_verdict *v)
{
	static const enum vhsm_check_number numbers[] = {
		VHSM_CHECK_KERNEL_TEXT, VHSM_CHECK_SYSCALL_TABLE,
		VHSM_CHECK_YARA,
	};

	memset(v, 0, sizeof(*v));
	v->number = 9;
	v->clean = true;
	v->us = 12345;
	v->cpu_us = 1234567;
	v->full_done = 3;
	v->run_count = sizeof(numbers) / sizeof(numbers[0]);
	for (unsigned i = 0; i < v->run_count; i++)
		v->run[i] = (struct vhsm_check_run){
			.check = numbers[i], .finished = true,
			.objects = 10 + i, .explained = i, .us = 100,
		};
}

static int round_trip(const struct vhsm_verdict *in, struct vhsm_verdict *out)
{
	char *text = dump(vhsm_verdict_encode(in));
	int r = vhsm_verdict_decode(out, text, strlen(text), why);

	free(text);
	return r;
}

START_TEST(a_verdict_is_read_as_written)
{
	struct vhsm_verdict in, out;

	make_verdict(&in);
	ck_assert_int_eq(round_trip(&in, &out), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	in.clean = false;
	in.findings = 2;
	in.run[1].finished = false;
	memcpy(in.run[1].error, "no memory", 10);
	memcpy(in.error, "no kernel", 10);
	ck_assert_int_eq(round_trip(&in, &out), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
}
END_TEST

START_TEST(a_verdict_that_gainsays_itself_is_refused)
{
	struct vhsm_verdict in, out;

	make_verdict(&in);
	in.findings = 1;
	ck_assert_int_eq(round_trip(&in, &out), -EPROTO);
	make_verdict(&in);
	in.run_count = 0;
	ck_assert_int_eq(round_trip(&in, &out), -EPROTO);
	make_verdict(&in);
	in.error[0] = 'x';
	ck_assert_int_eq(round_trip(&in, &out), -EPROTO);
	make_verdict(&in);
	in.run[2].finished = false;
	ck_assert_int_eq(round_trip(&in, &out), -EPROTO);
	make_verdict(&in);
	in.run[2].check = in.run[0].check;
	ck_assert_int_eq(round_trip(&in, &out), -EPROTO);
}
END_TEST

START_TEST(what_was_learned_and_log_lines_are_read_as_written)
{
	const struct vhsm_check_info *check =
		vhsm_check_by_number(VHSM_CHECK_CPU_ENTRY), *got;
	json_t *learned = json_pack("[i, s]", 1, "two"), *out;
	char *text = dump(vhsm_learned_encode(check, learned));
	char line[VHSM_LOG_TEXT_LEN];

	ck_assert_int_eq(vhsm_learned_decode(&got, &out, text, strlen(text),
					     why), 0);
	ck_assert_ptr_eq(got, check);
	ck_assert(json_equal(out, learned));
	json_decref(out);
	json_decref(learned);
	free(text);
	text = dump(vhsm_log_encode("all is well"));
	ck_assert_int_eq(vhsm_log_decode(line, text, strlen(text), why), 0);
	ck_assert_str_eq(line, "all is well");
	free(text);
	text = dump(vhsm_learn_failed_encode("no kernel"));
	ck_assert_int_eq(vhsm_learn_failed_decode(line, text, strlen(text),
						  why), 0);
	ck_assert_str_eq(line, "no kernel");
	free(text);
}
END_TEST

/* Each is a message but for one thing. */
static const struct {
	const char *kind, *text;
} refused[] = {
	{ "hello", "" }, { "hello", "{" }, { "hello", "[]" }, { "hello", "1" },
	{ "hello", "{\"version\":1}" },
	{ "hello", "{\"version\":1,\"program\":\"a\",\"more\":0}" },
	{ "hello", "{\"version\":1,\"version\":1,\"program\":\"a\"}" },
	{ "hello", "{\"version\":1,\"program\":\"a\"} {}" },
	{ "hello", "{\"version\":0,\"program\":\"a\"}" },
	{ "hello", "{\"version\":-1,\"program\":\"a\"}" },
	{ "hello", "{\"version\":1.0,\"program\":\"a\"}" },
	{ "hello", "{\"version\":4294967296,\"program\":\"a\"}" },
	{ "hello", "{\"version\":true,\"program\":\"a\"}" },
	{ "hello", "{\"version\":1,\"program\":\"a\\n\"}" },
	{ "hello", "{\"version\":1,\"program\":\"\\u00e9\"}" },
	{ "hello", "{\"version\":1,\"program\":\"a\\u0000\"}" },
	{ "hello", "{\"version\":1,\"program\":\"\\u007f\"}" },
	{ "hello", "{\"version\":1,\"program\":"
		   "\"01234567890123456789012345678901\"}" },
	{ "found", "{\"slide\":\"0x\",\"release\":\"a\"}" },
	{ "found", "{\"slide\":\"0x00\",\"release\":\"a\"}" },
	{ "found", "{\"slide\":\"0xA\",\"release\":\"a\"}" },
	{ "found", "{\"slide\":\"12\",\"release\":\"a\"}" },
	{ "found", "{\"slide\":12,\"release\":\"a\"}" },
	{ "found", "{\"slide\":\"0x10000000000000000\",\"release\":\"a\"}" },
	{ "configure", "{\"domid\":1,\"frames\":0,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":{}}" },
	{ "configure", "{\"domid\":32752,\"frames\":1,\"full_ms\":0,"
		       "\"slice_ms\":5,\"checks\":{}}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":0,"
		       "\"checks\":{}}" },
	{ "configure", "{\"domid\":1,\"frames\":68719476737,\"full_ms\":0,"
		       "\"slice_ms\":5,\"checks\":{}}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":[]}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":{\"no-such\":null}}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":{\"monitor-lost\":null}}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":{\"yara\":7}}" },
	{ "configure", "{\"domid\":1,\"frames\":1,\"full_ms\":0,\"slice_ms\":5,"
		       "\"checks\":{},\"more\":1}" },
	{ "sweep", "{\"number\":0,\"logged\":true,\"vcpus\":[]}" },
	{ "sweep", "{\"number\":1,\"logged\":true,\"vcpus\":{}}" },
	{ "sweep", "{\"number\":1,\"logged\":true,\"vcpus\":[7]}" },
	{ "sweep", "{\"number\":1,\"logged\":true,\"vcpus\":[{}]}" },
	{ "sweep", "{\"number\":1,\"logged\":true,\"vcpus\":[{\"online\":true}]}" },
	{ "sweep", "{\"number\":1,\"logged\":true,\"vcpus\":[{\"online\":false,\"cr3\":\"0x1\"}]}" },
	{ "learned", "{\"check\":\"cpu-entry\"}" },
	{ "learned", "{\"check\":\"none\",\"learned\":1}" },
	{ "learned", "{\"check\":\"monitor-lost\",\"learned\":1}" },
	{ "learned", "{\"check\":\"cpu-entry\",\"learned\":[{\"a\":\"\\u001b]0;x\"}]}" },
	{ "learned", "{\"check\":\"cpu-entry\",\"learned\":{\"\\u009b2J\":1}}" },
	{ "learned", "{\"check\":\"cpu-entry\",\"learned\":\"\\u007f\"}" },
	{ "learn-failed", "{}" },
	{ "learn-failed", "{\"why\":7}" },
	{ "learn-failed", "{\"why\":\"\\u001b[2J\"}" },
	{ "learn-failed", "{\"why\":\"a\",\"more\":1}" },
	{ "log", "{\"text\":7}" },
	{ "log", "{\"text\":\"\\u001b[2J\"}" },
	{ "verdict", "{\"number\":1,\"clean\":true}" },
	{ "finding", "{\"check\":\"yara\"}" },
};

static int decode(const char *kind, const char *text)
{
	static union {
		struct vhsm_hello hello;
		struct vhsm_found found;
		struct vhsm_configure configure;
		struct vhsm_sweep_order sweep;
		struct vhsm_finding finding;
		struct vhsm_verdict verdict;
		char log[VHSM_LOG_TEXT_LEN];
	} u;
	const struct vhsm_check_info *check;
	json_t *learned;
	size_t len = strlen(text);

	if (!strcmp(kind, "hello"))
		return vhsm_hello_decode(&u.hello, text, len, why);
	if (!strcmp(kind, "found"))
		return vhsm_found_decode(&u.found, text, len, why);
	if (!strcmp(kind, "configure"))
		return vhsm_configure_decode(&u.configure, text, len, why);
	if (!strcmp(kind, "sweep"))
		return vhsm_sweep_order_decode(&u.sweep, text, len, why);
	if (!strcmp(kind, "finding"))
		return vhsm_finding_decode(&u.finding, text, len, why);
	if (!strcmp(kind, "verdict"))
		return vhsm_verdict_decode(&u.verdict, text, len, why);
	if (!strcmp(kind, "learn-failed"))
		return vhsm_learn_failed_decode(u.log, text, len, why);
	if (!strcmp(kind, "learned"))
		return vhsm_learned_decode(&check, &learned, text, len, why);
	return vhsm_log_decode(u.log, text, len, why);
}

START_TEST(what_is_not_quite_a_message_is_refused_and_it_says_why)
{
	why[0] = 0;
	ck_assert_msg(decode(refused[_i].kind, refused[_i].text) == -EPROTO,
		      "taken: %s", refused[_i].text);
	ck_assert_ptr_nonnull(strstr(why, refused[_i].kind));
}
END_TEST

/* A member of a good finding at a time is replaced by what it may not be. */
START_TEST(a_finding_with_one_bad_member_is_refused)
{
	static const char *const bad[][2] = {
		{ "check", "\"monitor-lost\"" }, { "check", "\"\"" },
		{ "confidence", "0" }, { "confidence", "101" },
		{ "pid", "-1" }, { "pid", "4294967296" },
		{ "comm", "\"0123456789abcdef\"" },
		{ "before", "\"f\"" }, { "before", "\"FF\"" },
		{ "after", "\"0x\"" }, { "after", "7" },
		{ "after_code", "\"a\\tb\"" }, { "detail", "\"a\\nb\"" },
		{ "address", "18446744073709551615" }, { "object", "null" },
	};
	struct vhsm_finding f;
	json_t *json, *value;

	make_finding(&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json = vhsm_finding_encode(&f);
		value = json_loads(bad[i][1], JSON_DECODE_ANY, NULL);
		if (!value)
			value = json_real(1.5);
		json_object_set_new(json, bad[i][0], value);
		char *text = dump(json);

		ck_assert_msg(vhsm_finding_decode(&f, text, strlen(text),
						  why) == -EPROTO,
			      "taken: %s = %s", bad[i][0], bad[i][1]);
		free(text);
		make_finding(&f);
	}
}
END_TEST

START_TEST(more_bytes_of_evidence_than_there_is_room_for_are_refused)
{
	struct vhsm_finding f;
	char hex[2 * VHSM_EVIDENCE_MAX + 3];
	json_t *json;
	char *text;

	make_finding(&f);
	json = vhsm_finding_encode(&f);
	memset(hex, '0', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = 0;
	json_object_set_new(json, "before", json_string(hex));
	text = dump(json);
	ck_assert_int_eq(vhsm_finding_decode(&f, text, strlen(text), why),
			 -EPROTO);
	free(text);
}
END_TEST

START_TEST(written_frames_are_read_as_written_and_none_beyond_the_guest)
{
	static uint8_t payload[VHSM_FRAME_MAX];
	const uint8_t bits[3] = { 0x81, 0xff, 0xff };
	const uint8_t *got;
	uint64_t first;
	size_t len, got_len;

	len = vhsm_dirty_encode(payload, 64, bits, 20);
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 84, payload,
					   len, why), 0);
	ck_assert_uint_eq(first, 64);
	ck_assert_uint_eq(got_len, 3);
	ck_assert_mem_eq(got, "\x81\xff\x0f", 3);
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 80, payload,
					   len, why), -EPROTO);
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 64, payload,
					   len, why), -EPROTO);
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 84, payload,
					   8, why), -EPROTO);
	payload[0] = 65;		/* not a whole byte of the bitmap */
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 840, payload,
					   len, why), -EPROTO);
	memset(payload, 0xff, 7);	/* overflows, if it is added to */
	payload[0] = 0xf8;
	payload[7] = 0xff;
	ck_assert_int_eq(vhsm_dirty_decode(&first, &got, &got_len, 840, payload,
					   len, why), -EPROTO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *tests = tcase_create("messages");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, a_hello_is_read_as_written);
	tcase_add_test(tests, a_configuration_is_read_as_written);
	tcase_add_test(tests,
		       a_part_of_the_fingerprints_fits_and_is_read_as_written);
	tcase_add_loop_test(tests, a_part_that_is_of_no_set_is_refused, 0,
			    sizeof(bad_parts) / sizeof(bad_parts[0]));
	tcase_add_test(tests, the_most_vcpus_fit_and_every_register_survives);
	tcase_add_test(tests, a_kernel_that_was_found_is_read_as_written);
	tcase_add_test(tests, a_finding_is_read_as_written);
	tcase_add_test(tests,
		a_finding_of_the_responders_own_is_none_of_a_monitors);
	tcase_add_test(tests, a_verdict_is_read_as_written);
	tcase_add_test(tests, a_verdict_that_gainsays_itself_is_refused);
	tcase_add_test(tests,
		       what_was_learned_and_log_lines_are_read_as_written);
	tcase_add_loop_test(tests,
		what_is_not_quite_a_message_is_refused_and_it_says_why, 0,
		sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tests, a_finding_with_one_bad_member_is_refused);
	tcase_add_test(tests,
		more_bytes_of_evidence_than_there_is_room_for_are_refused);
	tcase_add_test(tests,
		written_frames_are_read_as_written_and_none_beyond_the_guest);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
