/* SPDX-License-Identifier: Apache-2.0 */
/* vhsm-monitor is told what its guest's keys look like, and looks for them. */
#include <config.h>

#include "fingerprint/fingerprint.h"
#include "unit/scanner-rig.h"

#define CHECKS	"{\"kernel-text\": null, \"secret-leak\": null}"
#define PLACE	(GUEST_LEN - 5 * 4096 + 700)	/* of a key in memory */

static const uint8_t key[VHSM_WINDOW_LEN] = "\x5a\x01\xc7\x90\x3e\x88\x12"
	"\xf4\x6b\xd9\x20\xa5\x7e\x33\x4c";
static uint64_t number;

static json_t *set_of(unsigned keys)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	uint8_t window[VHSM_WINDOW_LEN];
	json_t *json;

	for (unsigned i = 0; i < keys; i++) {
		memcpy(window, key, sizeof(window));
		window[15] = (uint8_t)i;	/* the first is the key */
		ck_assert_int_eq(vhsm_fingerprints_add(set, i ? "other/1" :
				 "late/1", window), 0);
	}
	json = vhsm_fingerprints_encode(set);
	vhsm_fingerprints_free(&set);
	return json;
}

/* The entries from first on, count of them. */
static void tell(json_t *set, unsigned part, unsigned parts, size_t first,
		 size_t count)
{
	struct vhsm_fingerprints_part p = { .part = part, .parts = parts };
	json_t *all = json_object_get(set, "entries"), *some = json_array();

	for (size_t i = first; i < first + count; i++)
		json_array_append(some, json_array_get(all, i));
	p.set = json_copy(set);
	json_object_set_new(p.set, "entries", some);
	send_json(VHSM_FRAME_FINGERPRINTS, vhsm_fingerprints_part_encode(&p));
	json_decref(p.set);
}

static void tell_all(unsigned keys)
{
	json_t *set = set_of(keys);

	tell(set, 0, 1, 0, keys);
	json_decref(set);
}

/* Sweeps until a full scan is over or has failed: whether the key was found. */
static bool scanned(const char **error)
{
	static struct vhsm_verdict v;
	uint64_t done = v.full_done;
	char why[VHSM_MESSAGE_WHY_LEN];
	const void *payload;
	struct vhsm_finding f;
	bool found = false;
	uint32_t type;
	size_t len;

	*error = NULL;
	do {
		order(++number);
		do {
			ck_assert(receive(&type, &payload, &len));
			if (type != VHSM_FRAME_FINDING)
				continue;
			ck_assert_int_eq(vhsm_finding_decode(&f, payload, len,
							     why), 0);
			ck_assert_str_eq(f.object, "key late/1");
			found = true;
		} while (type != VHSM_FRAME_VERDICT);
		ck_assert_msg(!vhsm_verdict_decode(&v, payload, len, why), "%s",
			      why);
		for (unsigned i = 0; i < v.run_count; i++)
			if (!v.run[i].finished)
				*error = v.run[i].error;
	} while (!*error && v.full_done == done);
	return found;
}

START_TEST(without_being_told_it_does_not_call_the_guest_clean)
{
	const char *error;

	begin(CHECKS);
	ck_assert(!scanned(&error));
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error, "was not told"));
}
END_TEST

START_TEST(a_key_told_before_the_first_sweep_is_found)
{
	const char *error;

	guest_fixture_write(&guest, PLACE, key, sizeof(key));
	begin(CHECKS);
	tell_all(1);
	ck_assert(scanned(&error));
	ck_assert_ptr_null(error);
}
END_TEST

START_TEST(a_key_told_while_it_runs_is_found)
{
	const char *error;

	guest_fixture_write(&guest, PLACE, key, sizeof(key));
	begin(CHECKS);
	tell_all(0);
	ck_assert(!scanned(&error));
	ck_assert_ptr_null(error);
	tell_all(1);
	/* That under way may have been at its end. */
	ck_assert(scanned(&error) || scanned(&error));
	/* And one that is no more is looked for no more. */
	tell_all(0);
	scanned(&error);
	ck_assert(!scanned(&error));
	ck_assert_ptr_null(error);
}
END_TEST

START_TEST(a_set_in_parts_counts_when_it_is_whole)
{
	json_t *set = set_of(3);
	const char *error;

	guest_fixture_write(&guest, PLACE, key, sizeof(key));
	begin(CHECKS);
	tell_all(0);
	tell(set, 0, 3, 0, 1);
	tell(set, 1, 3, 1, 1);
	ck_assert(!scanned(&error));
	tell(set, 2, 3, 2, 1);
	ck_assert(scanned(&error) || scanned(&error));
	ck_assert_ptr_null(error);
	json_decref(set);
}
END_TEST

static const struct {
	struct { unsigned part, parts; } sent[2];
	const char *text;
} bad[] = {
	{ { { 1, 2 }, { 0, 1 } }, "out of order" },
	{ { { 0, 3 }, { 2, 3 } }, "out of order" },
	{ { { 0, 2 }, { 1, 3 } }, "out of order" },
};

START_TEST(parts_out_of_order_end_it)
{
	json_t *set = set_of(1);

	begin(CHECKS);
	for (unsigned i = 0; i < 2; i++)
		tell(set, bad[_i].sent[i].part, bad[_i].sent[i].parts, 0, 1);
	expect_refusal(bad[_i].text);
	json_decref(set);
}
END_TEST

START_TEST(parts_of_two_sets_end_it)
{
	json_t *set = set_of(1), *other = set_of(1);

	begin(CHECKS);
	tell(set, 0, 2, 0, 1);
	tell(other, 1, 2, 0, 1);
	expect_refusal("make no set");
	json_decref(set);
	json_decref(other);
}
END_TEST

START_TEST(what_is_no_set_ends_it)
{
	struct vhsm_fingerprints_part p = { .parts = 1, .set = json_object() };

	begin(CHECKS);
	send_json(VHSM_FRAME_FINGERPRINTS, vhsm_fingerprints_part_encode(&p));
	expect_refusal("not a set of fingerprints");
	json_decref(p.set);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("scanner-keys");

	if (guest_fixture_kernel()) {
		tcase_add_test(tests,
			without_being_told_it_does_not_call_the_guest_clean);
		tcase_add_test(tests,
			       a_key_told_before_the_first_sweep_is_found);
		tcase_add_test(tests, a_key_told_while_it_runs_is_found);
		tcase_add_test(tests, a_set_in_parts_counts_when_it_is_whole);
		tcase_add_loop_test(tests, parts_out_of_order_end_it, 0,
				    sizeof(bad) / sizeof(bad[0]));
		tcase_add_test(tests, parts_of_two_sets_end_it);
		tcase_add_test(tests, what_is_no_set_ends_it);
	}
	return scanner_run(tests);
}
