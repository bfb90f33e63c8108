/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-fingerprint.c - sets of fingerprints: what they take, what they refuse,
 * what they do not give away.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fingerprint/fingerprint.h"

static const uint8_t window[VHSM_WINDOW_LEN] = "0123456789abcdef";
static const char good[] =
	"{\"format\":\"vhsm-fingerprints\",\"version\":1,\"salt\":"
	"\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\","
	"\"entries\":[{\"label\":\"k\",\"filter\":7,\"digest\":"
	"\"000102030405060708090a0b0c0d0e0f\"}]}";

static bool set_knows(const struct vhsm_fingerprints *set, const uint8_t *bytes)
{
	struct vhsm_confirmer *c = vhsm_confirmer_new(set);
	struct vhsm_filter_key key;
	uint64_t half[2];
	size_t entry;
	int r;

	ck_assert_ptr_nonnull(c);
	vhsm_fingerprints_filter_key(set, &key);
	memcpy(half, bytes, sizeof(half));
	r = vhsm_confirmer_find(c, vhsm_filter_hash(&key, half[0], half[1]),
				bytes, &entry);
	ck_assert_int_ge(r, 0);
	vhsm_confirmer_free(&c);
	return r == 1;
}

/* Decodes good with one substring replaced. */
static int decode_changed(const char *from, const char *to)
{
	struct vhsm_fingerprints *set = NULL;
	char why[VHSM_FINGERPRINT_WHY_LEN] = "";
	char text[2048];
	const char *at = strstr(good, from);
	json_t *json;
	int r;

	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
		 at + strlen(from));
	json = json_loads(text, JSON_DECODE_ANY, NULL);
	ck_assert_msg(json != NULL, "test data: %s", text);
	r = vhsm_fingerprints_decode(&set, json, why);
	ck_assert(r == 0 || *why);
	ck_assert((r == 0) == (set != NULL));
	vhsm_fingerprints_free(&set);
	json_decref(json);
	return r;
}

START_TEST(parts_of_one_set_are_joined_and_another_sets_are_not)
{
	struct vhsm_fingerprints *set = NULL, *part = NULL;
	struct vhsm_fingerprints *other = vhsm_fingerprints_new();
	char why[VHSM_FINGERPRINT_WHY_LEN];
	json_t *json;

	ck_assert_int_eq(vhsm_fingerprints_add(other, "k", window), 0);
	json = vhsm_fingerprints_encode(other);
	ck_assert_int_eq(vhsm_fingerprints_decode(&part, json, why), 0);
	json_array_clear(json_object_get(json, "entries"));
	ck_assert_int_eq(vhsm_fingerprints_decode(&set, json, why), 0);
	ck_assert(!set_knows(set, window));
	ck_assert_int_eq(vhsm_fingerprints_join(set, part), 0);
	ck_assert(set_knows(set, window));
	vhsm_fingerprints_free(&other);
	other = vhsm_fingerprints_new();
	ck_assert_int_eq(vhsm_fingerprints_join(other, part), -EINVAL);
	ck_assert_uint_eq(vhsm_fingerprints_count(other), 0);
	json_decref(json);
	vhsm_fingerprints_free(&set);
	vhsm_fingerprints_free(&part);
	vhsm_fingerprints_free(&other);
}
END_TEST

START_TEST(a_set_knows_what_was_added_and_nothing_else)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	uint8_t other[VHSM_WINDOW_LEN];
	size_t bit;

	ck_assert_int_eq(vhsm_fingerprints_add(set, "k", window), 0);
	ck_assert(set_knows(set, window));
	for (bit = 0; bit < 8 * sizeof(other); bit++) {
		memcpy(other, window, sizeof(other));
		other[bit / 8] ^= 1 << (bit % 8);
		ck_assert(!set_knows(set, other));
	}
	vhsm_fingerprints_free(&set);
	ck_assert_ptr_null(set);
}
END_TEST

START_TEST(json_round_trip_keeps_every_entry)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new(), *read = NULL;
	char why[VHSM_FINGERPRINT_WHY_LEN];
	uint8_t bytes[VHSM_WINDOW_LEN];
	char label[16];
	json_t *json;
	int i;

	memcpy(bytes, window, sizeof(bytes));
	for (i = 0; i < 300; i++) {
		memcpy(bytes, &i, sizeof(i));
		snprintf(label, sizeof(label), "key %d", i);
		ck_assert_int_eq(vhsm_fingerprints_add(set, label, bytes), 0);
	}
	json = vhsm_fingerprints_encode(set);
	ck_assert_int_eq(vhsm_fingerprints_decode(&read, json, why), 0);
	ck_assert_uint_eq(vhsm_fingerprints_count(read), 300);
	for (i = 0; i < 300; i++) {
		memcpy(bytes, &i, sizeof(i));
		ck_assert(set_knows(read, bytes));
		snprintf(label, sizeof(label), "key %d", i);
		ck_assert_str_eq(vhsm_fingerprints_label(read, i), label);
	}
	ck_assert_ptr_null(vhsm_fingerprints_label(read, 300));
	json_decref(json);
	vhsm_fingerprints_free(&set);
	vhsm_fingerprints_free(&read);
}
END_TEST

START_TEST(a_secret_is_added_at_both_ends_and_reversed)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	uint8_t secret[48], reversed[48];
	size_t i;

	for (i = 0; i < sizeof(secret); i++) {
		secret[i] = (uint8_t)(i * 7 + 1);
		reversed[sizeof(secret) - 1 - i] = secret[i];
	}
	ck_assert_int_eq(vhsm_fingerprints_add_secret(set, "s", secret, 48), 0);
	ck_assert_uint_eq(vhsm_fingerprints_count(set), 6);
	for (i = 0; i <= 32; i += 16) {
		ck_assert(set_knows(set, secret + i));
		ck_assert(set_knows(set, reversed + i));
	}
	ck_assert(!set_knows(set, secret + 1));
	ck_assert_int_eq(vhsm_fingerprints_add_secret(set, "t", secret, 16), 0);
	ck_assert_uint_eq(vhsm_fingerprints_count(set), 8);
	ck_assert_int_eq(vhsm_fingerprints_add_secret(set, "t", secret, 15),
			 -EINVAL);
	vhsm_fingerprints_free(&set);
}
END_TEST

START_TEST(reversed_and_swapped_forms_tell_nothing_more)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	uint8_t swapped[VHSM_WINDOW_LEN];
	uint32_t word;
	size_t i;

	for (i = 0; i < sizeof(swapped); i += 4) {
		memcpy(&word, window + i, 4);
		word = __builtin_bswap32(word);
		memcpy(swapped + i, &word, 4);
	}
	vhsm_fingerprints_add_secret(set, "k", window, sizeof(window));
	vhsm_fingerprints_add_secret(set, "k", swapped, sizeof(swapped));
	ck_assert_uint_eq(vhsm_fingerprints_count(set), 4);
	for (i = 1; i < 4; i++)
		ck_assert_uint_eq(vhsm_fingerprints_filter(set, i),
				  vhsm_fingerprints_filter(set, 0));
	vhsm_fingerprints_free(&set);
}
END_TEST

START_TEST(two_sets_of_one_secret_share_nothing)
{
	struct vhsm_fingerprints *a = vhsm_fingerprints_new();
	struct vhsm_fingerprints *b = vhsm_fingerprints_new();
	json_t *x, *y;

	vhsm_fingerprints_add(a, "k", window);
	vhsm_fingerprints_add(b, "k", window);
	x = vhsm_fingerprints_encode(a);
	y = vhsm_fingerprints_encode(b);
	ck_assert(!json_equal(json_object_get(x, "salt"),
			      json_object_get(y, "salt")));
	ck_assert(!json_equal(json_object_get(x, "entries"),
			      json_object_get(y, "entries")));
	json_decref(x);
	json_decref(y);
	vhsm_fingerprints_free(&a);
	vhsm_fingerprints_free(&b);
}
END_TEST

START_TEST(constant_fill_and_bad_labels_are_refused)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	char label[VHSM_FINGERPRINT_LABEL_MAX + 2];
	uint8_t fill[VHSM_WINDOW_LEN];

	memset(fill, 0xa5, sizeof(fill));
	ck_assert_int_eq(vhsm_fingerprints_add(set, "k", fill), -EINVAL);
	ck_assert_int_eq(vhsm_fingerprints_add(set, "", window), -EINVAL);
	ck_assert_int_eq(vhsm_fingerprints_add(set, "a\nb", window), -EINVAL);
	memset(label, 'x', sizeof(label));
	label[sizeof(label) - 1] = '\0';
	ck_assert_int_eq(vhsm_fingerprints_add(set, label, window), -EINVAL);
	label[sizeof(label) - 2] = '\0';
	ck_assert_int_eq(vhsm_fingerprints_add(set, label, window), 0);
	vhsm_fingerprints_free(&set);
}
END_TEST

START_TEST(malformed_json_is_refused)
{
	static const char *const change[][2] = {
		{ good, "[]" },
		{ good, "7" },
		{ "vhsm-fingerprints", "fingerprints" },
		{ "\"version\":1", "\"version\":2" },
		{ "\"version\":1", "\"version\":\"1\"" },
		{ "\"version\":1", "\"version\":1,\"more\":1" },
		{ "\"000102030405060708090a0b0c0d0e0f10", "\"00010203" },
		{ "1e1f\"", "1e1G\"" },
		{ "1e1f\"", "1E1F\"" },
		{ "\"label\":\"k\"", "\"label\":\"\"" },
		{ "\"label\":\"k\"", "\"label\":7" },
		{ "\"label\":\"k\"", "\"label\":\"k\",\"more\":1" },
		{ "\"label\":\"k\"", "\"label\":\"\\u00e9\"" },
		{ "\"label\":\"k\"", "\"label\":\"\\n\"" },
		{ "\"filter\":7", "\"filter\":-1" },
		{ "\"filter\":7", "\"filter\":65536" },
		{ "\"filter\":7", "\"filter\":7.0" },
		{ "\"filter\":7", "\"filler\":7" },
		{ "0e0f\"}", "0e\"}" },
		{ "0e0f\"}", "0e0f00\"}" },
		{ "{\"label\"", "7,{\"label\"" },
		{ "\"entries\":[", "\"entries\":{},\"x\":[" },
	};
	size_t i;

	ck_assert_int_eq(decode_changed("k", "k"), 0);
	ck_assert_int_eq(decode_changed("\"filter\":7", "\"filter\":65535"), 0);
	for (i = 0; i < sizeof(change) / sizeof(change[0]); i++)
		ck_assert_msg(decode_changed(change[i][0], change[i][1]) ==
			      -EINVAL, "%s -> %s is accepted", change[i][0],
			      change[i][1]);
}
END_TEST

START_TEST(a_set_is_read_from_a_file)
{
	char dir[] = "/tmp/test-fingerprint-XXXXXX", path[64];
	struct vhsm_fingerprints *set = vhsm_fingerprints_new(), *read = NULL;
	char why[VHSM_FINGERPRINT_WHY_LEN] = "";
	struct stat st;
	json_t *json;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/web.fp", dir);
	vhsm_fingerprints_add(set, "k", window);
	json = vhsm_fingerprints_encode(set);
	ck_assert_int_eq(json_dump_file(json, path, JSON_COMPACT), 0);
	json_decref(json);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(vhsm_fingerprints_read(&read, path, why), 0);
	ck_assert(set_knows(read, window));
	vhsm_fingerprints_free(&read);
	ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
	ck_assert_int_eq(vhsm_fingerprints_read(&read, path, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, path));
	unlink(path);
	ck_assert_int_eq(vhsm_fingerprints_read(&read, path, why), -ENOENT);
	ck_assert_int_eq(rmdir(dir), 0);
	vhsm_fingerprints_free(&set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fingerprint");
	TCase *tests = tcase_create("fingerprint");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests,
		       parts_of_one_set_are_joined_and_another_sets_are_not);
	tcase_add_test(tests, a_set_knows_what_was_added_and_nothing_else);
	tcase_add_test(tests, json_round_trip_keeps_every_entry);
	tcase_add_test(tests, a_secret_is_added_at_both_ends_and_reversed);
	tcase_add_test(tests, reversed_and_swapped_forms_tell_nothing_more);
	tcase_add_test(tests, two_sets_of_one_secret_share_nothing);
	tcase_add_test(tests, constant_fill_and_bad_labels_are_refused);
	tcase_add_test(tests, malformed_json_is_refused);
	tcase_add_test(tests, a_set_is_read_from_a_file);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
