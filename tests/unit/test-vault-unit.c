/* SPDX-License-Identifier: Apache-2.0 */
/* Units: what is kept, and what is noticed when somebody edits the file. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/vault-fixture.h"
#include "vault/unit.h"

static const uint8_t material[32] = "the key material, to be found";
static char why[VHSM_WHY_LEN];

static struct vhsm_unit *unit_open(bool create)
{
	struct vhsm_unit *unit;

	ck_assert_int_eq(vhsm_unit_open(&unit, fixture_path("unit.db"),
					fixture_uuid, fixture_root, create,
					why), 0);
	return unit;
}

static int unit_reopen(void)
{
	struct vhsm_unit *unit;
	int r;

	why[0] = '\0';
	r = vhsm_unit_open(&unit, fixture_path("unit.db"), fixture_uuid,
			   fixture_root, false, why);
	vhsm_unit_close(&unit);
	return r;
}

static void key_add(struct vhsm_unit *unit, const char *name)
{
	ck_assert_int_eq(vhsm_unit_add(unit, name, VHSM_KEY_AES_256,
				       VHSM_USE_ENCRYPT | VHSM_USE_DECRYPT,
				       material, sizeof(material), NULL), 0);
}

static void two_keys_make(void)
{
	struct vhsm_unit *unit = unit_open(true);

	key_add(unit, "one");
	key_add(unit, "two");
	vhsm_unit_close(&unit);
}

static void edited_is_corrupt(const char *sql)
{
	fixture_sql(fixture_path("unit.db"), sql);
	ck_assert_msg(unit_reopen() == VHSM_E_CORRUPT, "not noticed: %s", sql);
	ck_assert_str_ne(why, "");
}

START_TEST(keys_survive_reopening)
{
	struct vhsm_unit *unit;
	const struct vhsm_key *key;
	uint8_t out[4096];
	size_t len;

	two_keys_make();
	unit = unit_open(false);
	ck_assert_uint_eq(vhsm_unit_key_count(unit), 2);
	key = vhsm_unit_key_find(unit, "two");
	ck_assert_ptr_nonnull(key);
	ck_assert_uint_eq(key->type, VHSM_KEY_AES_256);
	ck_assert_int_eq(vhsm_unit_unseal(unit, key, &key->versions[0], out,
					  &len), 0);
	ck_assert_uint_eq(len, sizeof(material));
	ck_assert_mem_eq(out, material, len);
	vhsm_unit_close(&unit);
}
END_TEST

START_TEST(names_are_unique_and_checked)
{
	struct vhsm_unit *unit = unit_open(true);

	key_add(unit, "one");
	ck_assert_int_eq(vhsm_unit_add(unit, "one", VHSM_KEY_AES_256, 1,
				       material, 32, NULL), VHSM_E_EXISTS);
	ck_assert_int_eq(vhsm_unit_add(unit, "no/slash", VHSM_KEY_AES_256, 1,
				       material, 32, NULL), VHSM_E_BAD_REQUEST);
	ck_assert(!vhsm_unit_stale(unit));
	vhsm_unit_close(&unit);
}
END_TEST

START_TEST(the_file_holds_no_material)
{
	char *bytes;
	size_t len;

	two_keys_make();
	bytes = fixture_read(fixture_path("unit.db"), &len);
	ck_assert_ptr_null(memmem(bytes, len, material, 16));
	free(bytes);
}
END_TEST

START_TEST(edited_attributes_are_noticed)
{
	two_keys_make();
	edited_is_corrupt("UPDATE keys SET usages = 319 WHERE name = 'one'");
}
END_TEST

START_TEST(edited_state_is_noticed)
{
	struct vhsm_unit *unit;

	two_keys_make();
	unit = unit_open(false);
	ck_assert_int_eq(vhsm_unit_set_state(unit, "one", VHSM_KEY_REVOKED,
					     NULL), 0);
	vhsm_unit_close(&unit);
	edited_is_corrupt("UPDATE keys SET state = 1 WHERE name = 'one'");
}
END_TEST

START_TEST(renamed_key_is_noticed)
{
	two_keys_make();
	edited_is_corrupt("UPDATE keys SET name = 'three' WHERE name = 'two'");
}
END_TEST

START_TEST(swapped_records_are_noticed)
{
	two_keys_make();
	edited_is_corrupt("UPDATE versions SET key = -key;"
			  "UPDATE versions SET key = (SELECT max(id) FROM keys)"
			  " WHERE -key = (SELECT min(id) FROM keys);"
			  "UPDATE versions SET key = (SELECT min(id) FROM keys)"
			  " WHERE key < 0");
}
END_TEST

START_TEST(flipped_bit_of_a_record_is_noticed)
{
	two_keys_make();
	edited_is_corrupt("UPDATE versions SET sealed = zeroblob(48)"
			  " WHERE key = (SELECT max(id) FROM keys)");
}
END_TEST

START_TEST(lowered_nonce_counter_is_noticed)
{
	const char *name = "one";
	struct vhsm_unit *unit;

	two_keys_make();
	unit = unit_open(false);
	ck_assert_int_eq(vhsm_unit_load(unit, &name, 1), 0);
	vhsm_unit_close(&unit);
	edited_is_corrupt("UPDATE versions SET nonce_fixed = 0");
}
END_TEST

START_TEST(removed_key_is_noticed)
{
	two_keys_make();
	edited_is_corrupt("DELETE FROM versions WHERE key = (SELECT id FROM"
			  " keys WHERE name = 'one');"
			  "DELETE FROM keys WHERE name = 'one'");
}
END_TEST

START_TEST(older_record_put_back_is_noticed)
{
	struct vhsm_unit *unit;

	two_keys_make();
	fixture_sql(fixture_path("unit.db"),
		    "CREATE TABLE k AS SELECT * FROM keys;"
		    "CREATE TABLE v AS SELECT * FROM versions");
	unit = unit_open(false);
	ck_assert_int_eq(vhsm_unit_set_state(unit, "one", VHSM_KEY_REVOKED,
					     NULL), 0);
	vhsm_unit_close(&unit);
	/* Both rows as they were when the key was enabled. */
	edited_is_corrupt("REPLACE INTO keys SELECT * FROM k;"
			  "REPLACE INTO versions SELECT * FROM v");
	ck_assert_ptr_nonnull(strstr(why, "manifest"));
}
END_TEST

START_TEST(revoked_guest_stays_revoked_over_reopening_until_released)
{
	struct vhsm_unit *unit;
	const struct vhsm_key *key;

	two_keys_make();
	unit = unit_open(false);
	ck_assert_ptr_null(vhsm_unit_revoked(unit));
	ck_assert_int_eq(vhsm_unit_revoke(unit, "text changed", NULL), 0);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	ck_assert_str_eq(vhsm_unit_revoked(unit), "text changed");
	key = vhsm_unit_key_find(unit, "one");
	ck_assert_uint_eq(key->state, VHSM_KEY_ENABLED);
	ck_assert_uint_eq(vhsm_unit_key_state(unit, key), VHSM_KEY_REVOKED);
	key_add(unit, "three");
	ck_assert_int_eq(vhsm_unit_release(unit, NULL), 0);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	ck_assert_ptr_null(vhsm_unit_revoked(unit));
	key = vhsm_unit_key_find(unit, "three");
	ck_assert_uint_eq(vhsm_unit_key_state(unit, key), VHSM_KEY_ENABLED);
	vhsm_unit_close(&unit);
}
END_TEST

START_TEST(guest_released_or_revoked_in_the_file_is_noticed)
{
	static const char *const edits[] = {
		"DELETE FROM meta WHERE name = 'revoked'",
		"UPDATE meta SET value = x'41' WHERE name = 'revoked'",
		"UPDATE meta SET value = x'' WHERE name = 'revoked'",
		"UPDATE meta SET name = 'x' WHERE name = 'revoked'",
		"UPDATE meta SET value = zeroblob(5000) WHERE name = 'revoked'",
	};
	struct vhsm_unit *unit = unit_open(true);

	key_add(unit, "one");
	ck_assert_int_eq(vhsm_unit_revoke(unit, "why", NULL), 0);
	vhsm_unit_close(&unit);
	edited_is_corrupt(edits[_i]);
}
END_TEST

START_TEST(guest_never_revoked_is_not_so_by_an_edit)
{
	two_keys_make();
	edited_is_corrupt("INSERT INTO meta VALUES ('revoked', x'41')");
}
END_TEST

START_TEST(unit_moved_to_another_domain_does_not_open)
{
	struct vhsm_unit *unit;

	two_keys_make();
	ck_assert_int_eq(vhsm_unit_open(&unit, fixture_path("unit.db"),
					fixture_other_uuid, fixture_root,
					false, why), VHSM_E_CORRUPT);
}
END_TEST

START_TEST(record_of_another_unit_does_not_open)
{
	struct vhsm_unit *other;
	char sql[512];

	two_keys_make();
	ck_assert_int_eq(vhsm_unit_open(&other, fixture_path("other.db"),
					fixture_other_uuid, fixture_root, true,
					why), 0);
	key_add(other, "one");
	key_add(other, "two");
	vhsm_unit_close(&other);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS o; UPDATE versions SET"
		 " sealed = (SELECT sealed FROM o.versions WHERE"
		 " o.versions.key = versions.key)", fixture_path("other.db"));
	edited_is_corrupt(sql);
}
END_TEST

START_TEST(wrong_root_key_opens_nothing)
{
	two_keys_make();
	fixture_root[5] ^= 1;
	ck_assert_int_eq(unit_reopen(), VHSM_E_CORRUPT);
}
END_TEST

START_TEST(rubbish_in_the_file_is_corrupt_not_a_crash)
{
	fixture_write(fixture_path("unit.db"), "this is no database at all, "
		      "but it is long enough to look at: 0123456789", 71,
		      0600);
	ck_assert_int_eq(unit_reopen(), VHSM_E_CORRUPT);
}
END_TEST

START_TEST(newer_format_is_refused)
{
	two_keys_make();
	edited_is_corrupt("PRAGMA user_version = 2");
	ck_assert_ptr_nonnull(strstr(why, "version 2"));
}
END_TEST

START_TEST(absent_unit_is_not_found)
{
	ck_assert_int_eq(unit_reopen(), VHSM_E_NOT_FOUND);
}
END_TEST

START_TEST(nonce_prefixes_never_repeat_over_reopening)
{
	const char *name = "one";
	struct vhsm_unit *unit;
	uint32_t last = 0, now;
	int i;

	two_keys_make();
	for (i = 0; i < 20; i++) {
		unit = unit_open(false);
		ck_assert_int_eq(vhsm_unit_load(unit, &name, 1), 0);
		now = vhsm_unit_key_find(unit, "one")->versions[0].nonce_fixed;
		ck_assert_uint_gt(now, last);
		last = now;
		vhsm_unit_close(&unit);
	}
}
END_TEST

START_TEST(deleted_key_leaves_no_sealed_bytes)
{
	struct vhsm_unit *unit = unit_open(true);
	const struct vhsm_key *key;
	uint8_t sealed[48];
	char *bytes;
	size_t len;

	key_add(unit, "one");
	key = vhsm_unit_key_find(unit, "one");
	memcpy(sealed, key->versions[0].sealed, sizeof(sealed));
	ck_assert_int_eq(vhsm_unit_remove(unit, "one", NULL), 0);
	ck_assert_ptr_null(vhsm_unit_key_find(unit, "one"));
	bytes = fixture_read(fixture_path("unit.db"), &len);
	ck_assert_ptr_null(memmem(bytes, len, sealed, sizeof(sealed)));
	free(bytes);
	bytes = fixture_read(fixture_path("unit.db-wal"), &len);
	ck_assert_ptr_null(memmem(bytes, len, sealed, sizeof(sealed)));
	free(bytes);
	vhsm_unit_close(&unit);
	ck_assert_int_eq(unit_reopen(), 0);
}
END_TEST

START_TEST(destroyed_unit_is_gone_for_good)
{
	struct vhsm_unit *unit = unit_open(true);

	key_add(unit, "one");
	ck_assert_int_eq(vhsm_unit_destroy(unit, NULL), 0);
	ck_assert(vhsm_unit_destroyed(unit));
	ck_assert_uint_eq(vhsm_unit_key_count(unit), 0);
	ck_assert_int_eq(vhsm_unit_erase(&unit), 0);
	ck_assert_int_ne(access(fixture_path("unit.db"), F_OK), 0);
	ck_assert_int_ne(access(fixture_path("unit.db-wal"), F_OK), 0);
}
END_TEST

START_TEST(crash_between_destruction_and_erasure_is_finished)
{
	struct vhsm_unit *unit = unit_open(true);

	key_add(unit, "one");
	ck_assert_int_eq(vhsm_unit_destroy(unit, NULL), 0);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	ck_assert(vhsm_unit_destroyed(unit));
	ck_assert_int_eq(vhsm_unit_erase(&unit), 0);
}
END_TEST

START_TEST(use_is_counted_and_kept)
{
	struct vhsm_unit *unit;
	const struct vhsm_key *key;

	two_keys_make();
	unit = unit_open(false);
	vhsm_unit_count(unit, "one", 10, 2, 4096);
	vhsm_unit_count(unit, "one", 1, 0, 4);
	vhsm_unit_count(unit, "absent", 1, 0, 4);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	key = vhsm_unit_key_find(unit, "one");
	ck_assert_uint_eq(key->operations, 11);
	ck_assert_uint_eq(key->failures, 2);
	ck_assert_uint_eq(key->bytes, 4100);
	vhsm_unit_close(&unit);
}
END_TEST

static int note_take(void *arg, const uint8_t *uuid, const char *event,
		     json_t *details)
{
	int *count = arg;

	ck_assert_mem_eq(uuid, fixture_uuid, 16);
	ck_assert_str_eq(event, "key.generated");
	ck_assert(json_is_object(details));
	(*count)++;
	return 0;
}

START_TEST(note_not_yet_logged_is_handed_over_until_it_is)
{
	struct vhsm_unit_note note = { "key.generated", NULL };
	struct vhsm_unit *unit = unit_open(true);
	int count = 0;

	note.details = json_pack("{s:s}", "key", "one");
	ck_assert_int_eq(vhsm_unit_add(unit, "one", VHSM_KEY_AES_256, 1,
				       material, 32, &note), 0);
	json_decref(note.details);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	ck_assert_int_eq(vhsm_unit_notes(unit, note_take, &count), 0);
	ck_assert_int_eq(count, 1);
	vhsm_unit_notes_done(unit);
	vhsm_unit_close(&unit);
	unit = unit_open(false);
	ck_assert_int_eq(vhsm_unit_notes(unit, note_take, &count), 0);
	ck_assert_int_eq(count, 1);
	vhsm_unit_close(&unit);
}
END_TEST

START_TEST(second_opener_is_told_it_is_busy)
{
	struct vhsm_unit *unit = unit_open(true), *second;

	key_add(unit, "one");
	ck_assert_int_eq(vhsm_unit_open(&second, fixture_path("unit.db"),
					fixture_uuid, fixture_root, false,
					why), VHSM_E_BUSY);
	vhsm_unit_close(&unit);
}
END_TEST

static void tests_add(TCase *tc)
{
	tcase_add_test(tc, keys_survive_reopening);
	tcase_add_test(tc, names_are_unique_and_checked);
	tcase_add_test(tc, the_file_holds_no_material);
	tcase_add_test(tc, edited_attributes_are_noticed);
	tcase_add_test(tc, edited_state_is_noticed);
	tcase_add_test(tc, renamed_key_is_noticed);
	tcase_add_test(tc, swapped_records_are_noticed);
	tcase_add_test(tc, flipped_bit_of_a_record_is_noticed);
	tcase_add_test(tc, lowered_nonce_counter_is_noticed);
	tcase_add_test(tc, removed_key_is_noticed);
	tcase_add_test(tc, older_record_put_back_is_noticed);
	tcase_add_test(tc,
		revoked_guest_stays_revoked_over_reopening_until_released);
	tcase_add_loop_test(tc,
		guest_released_or_revoked_in_the_file_is_noticed, 0, 5);
	tcase_add_test(tc, guest_never_revoked_is_not_so_by_an_edit);
	tcase_add_test(tc, unit_moved_to_another_domain_does_not_open);
	tcase_add_test(tc, record_of_another_unit_does_not_open);
	tcase_add_test(tc, wrong_root_key_opens_nothing);
	tcase_add_test(tc, rubbish_in_the_file_is_corrupt_not_a_crash);
	tcase_add_test(tc, newer_format_is_refused);
	tcase_add_test(tc, absent_unit_is_not_found);
	tcase_add_test(tc, nonce_prefixes_never_repeat_over_reopening);
	tcase_add_test(tc, deleted_key_leaves_no_sealed_bytes);
	tcase_add_test(tc, destroyed_unit_is_gone_for_good);
	tcase_add_test(tc, crash_between_destruction_and_erasure_is_finished);
	tcase_add_test(tc, use_is_counted_and_kept);
	tcase_add_test(tc, note_not_yet_logged_is_handed_over_until_it_is);
	tcase_add_test(tc, second_opener_is_told_it_is_busy);
}

int main(void)
{
	Suite *suite = suite_create("vault-unit");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 30);
	tests_add(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
