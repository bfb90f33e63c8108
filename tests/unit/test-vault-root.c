/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing, root keys, names. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hex.h"
#include "unit/vault-fixture.h"
#include "vault/names.h"
#include "vault/root.h"
#include "vault/seal.h"
#include "vault/unit.h"
#include "vhsmif.h"

static char why[VHSM_WHY_LEN];

START_TEST(sealed_record_opens_only_as_it_was_sealed)
{
	struct vhsm_sealer *sealer = vhsm_sealer_new(fixture_root);
	uint8_t sealed[48], plain[32], secret[32] = "secret of thirty-two bytes";
	size_t i;

	ck_assert_int_eq(vhsm_sealer_seal(sealer, "key 1", 5, secret, 32,
					  sealed), 0);
	ck_assert_int_eq(vhsm_sealer_open(sealer, "key 1", 5, sealed, 48,
					  plain), 0);
	ck_assert_mem_eq(plain, secret, 32);
	ck_assert_int_eq(vhsm_sealer_open(sealer, "key 2", 5, sealed, 48,
					  plain), VHSM_E_CORRUPT);
	ck_assert_int_eq(vhsm_sealer_open(sealer, "key 1", 5, sealed, 47,
					  plain), VHSM_E_CORRUPT);
	ck_assert_int_eq(vhsm_sealer_open(sealer, "key 1", 5, sealed, 16,
					  plain), VHSM_E_CORRUPT);
	for (i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x80;
		ck_assert_int_eq(vhsm_sealer_open(sealer, "key 1", 5, sealed,
						  48, plain), VHSM_E_CORRUPT);
		sealed[i] ^= 0x80;
	}
	vhsm_sealer_free(&sealer);
}
END_TEST

START_TEST(refused_record_leaves_no_plaintext)
{
	struct vhsm_sealer *sealer = vhsm_sealer_new(fixture_root);
	uint8_t sealed[48], plain[32], zeros[32] = { 0 }, secret[32] = "abc";

	vhsm_sealer_seal(sealer, "a", 1, secret, 32, sealed);
	memset(plain, 0xee, sizeof(plain));
	ck_assert_int_eq(vhsm_sealer_open(sealer, "b", 1, sealed, 48, plain),
			 VHSM_E_CORRUPT);
	ck_assert_mem_eq(plain, zeros, sizeof(plain));
	vhsm_sealer_free(&sealer);
}
END_TEST

START_TEST(derived_keys_differ_by_label_and_context)
{
	uint8_t a[64], b[64], c[64], d[64];

	vhsm_seal_derive(fixture_root, 64, "one", "x", 1, a, 64);
	vhsm_seal_derive(fixture_root, 64, "one", "y", 1, b, 64);
	vhsm_seal_derive(fixture_root, 64, "two", "x", 1, c, 64);
	vhsm_seal_derive(fixture_root, 64, "one", "x", 1, d, 64);
	ck_assert_mem_ne(a, b, 64);
	ck_assert_mem_ne(a, c, 64);
	ck_assert_mem_eq(a, d, 64);
}
END_TEST

static int root_open(const char *scheme, const char *file, bool fresh,
		     uint8_t *key)
{
	char uri[300];

	snprintf(uri, sizeof(uri), "%s:%s", scheme, fixture_path(file));
	why[0] = '\0';
	return vhsm_root_open(uri, fixture_dir, fresh, key, why);
}

START_TEST(missing_root_file_is_made_for_a_new_store_only)
{
	uint8_t key[64], again[64];
	struct stat st;

	ck_assert_int_eq(root_open("file", "root", true, key), 0);
	ck_assert_int_eq(stat(fixture_path("root"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0400);
	ck_assert_int_eq(root_open("file", "root", false, again), 0);
	ck_assert_mem_eq(key, again, 64);
	unlink(fixture_path("root"));
	ck_assert_int_eq(root_open("file", "root", false, again), -ENOENT);
}
END_TEST

START_TEST(another_root_key_is_told_as_wrong)
{
	uint8_t key[64];

	ck_assert_int_eq(root_open("file", "root", true, key), 0);
	fixture_write(fixture_path("other"), "0123456789abcdef0123456789abcdef",
		      32, 0400);
	ck_assert_int_eq(root_open("file", "other", false, key),
			 VHSM_E_WRONG_ROOT);
	ck_assert_ptr_nonnull(strstr(why, "wrong root key"));
}
END_TEST

START_TEST(root_file_open_to_others_is_refused)
{
	uint8_t key[64];

	fixture_write(fixture_path("root"), "0123456789abcdef0123456789abcdef",
		      32, 0440);
	ck_assert_int_eq(root_open("file", "root", true, key), VHSM_E_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "chmod"));
	chmod(fixture_path("root"), 0600);
	ck_assert_int_eq(root_open("file", "root", true, key), 0);
}
END_TEST

START_TEST(short_root_file_is_refused)
{
	uint8_t key[64];

	fixture_write(fixture_path("root"), "0123456789abcdef0123456789abcde",
		      31, 0400);
	ck_assert_int_eq(root_open("file", "root", true, key),
			 VHSM_E_BAD_REQUEST);
}
END_TEST

START_TEST(hexadecimal_root_file_is_the_same_key_as_its_bytes)
{
	static const char hex[] = "000102030405060708090a0b0c0d0e0f"
				  "101112131415161718191A1B1C1D1E1F\n";
	uint8_t raw[32], key[64], same[64];
	size_t i;

	for (i = 0; i < 32; i++)
		raw[i] = (uint8_t)i;
	fixture_write(fixture_path("root"), hex, strlen(hex), 0400);
	fixture_write(fixture_path("raw"), raw, 32, 0400);
	ck_assert_int_eq(root_open("file", "root", true, key), 0);
	ck_assert_int_eq(root_open("file", "raw", false, same), 0);
	ck_assert_mem_eq(key, same, 64);
}
END_TEST

START_TEST(wrong_passphrase_is_told_as_such)
{
	uint8_t key[64], again[64];

	fixture_write(fixture_path("pass"), "correct horse\nignored", 21, 0400);
	ck_assert_int_eq(root_open("passphrase", "pass", true, key), 0);
	ck_assert_int_eq(root_open("passphrase", "pass", false, again), 0);
	ck_assert_mem_eq(key, again, 64);
	chmod(fixture_path("pass"), 0600);
	fixture_write(fixture_path("pass"), "correct house\n", 14, 0400);
	ck_assert_int_eq(root_open("passphrase", "pass", false, again),
			 VHSM_E_WRONG_ROOT);
	ck_assert_ptr_nonnull(strstr(why, "passphrase"));
}
END_TEST

START_TEST(passphrase_parameters_without_sense_are_refused)
{
	static const char bad[] = "{\"version\":1,\"source\":\"passphrase\","
		"\"check\":\"00000000000000000000000000000000"
		"00000000000000000000000000000000\",\"params\":{\"kdf\":"
		"\"scrypt\",\"n\":1099511627776,\"r\":8,\"p\":1,\"salt\":\"00"
		"\"}}";
	uint8_t key[64];

	fixture_write(fixture_path("pass"), "correct horse", 13, 0400);
	fixture_write(fixture_path("root.json"), bad, strlen(bad), 0400);
	ck_assert_int_eq(root_open("passphrase", "pass", false, key),
			 VHSM_E_CORRUPT);
}
END_TEST

START_TEST(source_that_is_not_the_stores_or_unknown_is_refused)
{
	uint8_t key[64];

	ck_assert_int_eq(root_open("file", "root", true, key), 0);
	ck_assert_int_eq(root_open("passphrase", "root", false, key),
			 VHSM_E_WRONG_ROOT);
	ck_assert_int_eq(root_open("tpm9", "root", false, key),
			 VHSM_E_BAD_REQUEST);
}
END_TEST

START_TEST(selection_matches_names_and_globs)
{
	ck_assert(vhsm_selection_matches("", "anything"));
	ck_assert(vhsm_selection_matches("web-tls+web-data", "web-data"));
	ck_assert(!vhsm_selection_matches("web-tls+web-data", "web"));
	ck_assert(vhsm_selection_matches("a+web-*", "web-tls"));
	ck_assert(vhsm_selection_matches("k?", "k1"));
	ck_assert(vhsm_selection_matches("k[!2]", "k1"));
	ck_assert(!vhsm_selection_matches("k[!2]", "k2"));
	ck_assert(!vhsm_selection_matches("web", "web-tls"));
}
END_TEST

START_TEST(selection_that_is_malformed_is_refused)
{
	char longest[200];

	ck_assert(vhsm_selection_check(""));
	ck_assert(vhsm_selection_check("web-*+db"));
	ck_assert(!vhsm_selection_check("+"));
	ck_assert(!vhsm_selection_check("web+"));
	ck_assert(!vhsm_selection_check("a++b"));
	ck_assert(!vhsm_selection_check("a b"));
	ck_assert(!vhsm_selection_check("../x/*"));
	memset(longest, 'a', sizeof(longest));
	longest[199] = '\0';
	ck_assert(!vhsm_selection_check(longest));
}
END_TEST

START_TEST(key_name_rules_are_kept)
{
	char name[66];

	memset(name, 'a', 65);
	name[65] = '\0';
	ck_assert(!vhsm_key_name_check(name));
	name[64] = '\0';
	ck_assert(vhsm_key_name_check(name));
	ck_assert(!vhsm_key_name_check(""));
	ck_assert(!vhsm_key_name_check(".hidden"));
	ck_assert(!vhsm_key_name_check("-x"));
	ck_assert(!vhsm_key_name_check("a/b"));
	ck_assert(vhsm_key_name_check("web-tls.2_x"));
}
END_TEST

START_TEST(uuid_text_is_exact)
{
	uint8_t uuid[16];
	char text[37];

	ck_assert_int_eq(uuid_parse(FIXTURE_UUID, uuid), 0);
	ck_assert_mem_eq(uuid, fixture_uuid, 16);
	uuid_unparse_lower(uuid, text);
	ck_assert_str_eq(text, FIXTURE_UUID);
	ck_assert_int_ne(uuid_parse(FIXTURE_UUID "0", uuid), 0);
	ck_assert_int_ne(uuid_parse("../../../../../../etc/passwd/x.db123",
					  uuid), 0);
	ck_assert_int_ne(uuid_parse(
			 "11111111+2222-3333-4444-555555555555", uuid), 0);
}
END_TEST

START_TEST(hexadecimal_takes_digits_only)
{
	uint8_t byte[1];
	char text[3] = "00";
	int c, good = 0, lower = 0;

	for (c = 1; c < 256; c++) {
		text[1] = (char)c;
		good += vhsm_hex_decode(text, byte, 1) == 0;
		lower += vhsm_hex_decode_lower(text, byte, 1) == 0;
	}
	ck_assert_int_eq(good, 22);
	ck_assert_int_eq(lower, 16);
	ck_assert_int_eq(vhsm_hex_decode("fF", byte, 1), 0);
	ck_assert_uint_eq(byte[0], 0xff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vault-root");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, sealed_record_opens_only_as_it_was_sealed);
	tcase_add_test(tc, refused_record_leaves_no_plaintext);
	tcase_add_test(tc, derived_keys_differ_by_label_and_context);
	tcase_add_test(tc, missing_root_file_is_made_for_a_new_store_only);
	tcase_add_test(tc, another_root_key_is_told_as_wrong);
	tcase_add_test(tc, root_file_open_to_others_is_refused);
	tcase_add_test(tc, short_root_file_is_refused);
	tcase_add_test(tc, hexadecimal_root_file_is_the_same_key_as_its_bytes);
	tcase_add_test(tc, wrong_passphrase_is_told_as_such);
	tcase_add_test(tc, passphrase_parameters_without_sense_are_refused);
	tcase_add_test(tc, source_that_is_not_the_stores_or_unknown_is_refused);
	tcase_add_test(tc, selection_matches_names_and_globs);
	tcase_add_test(tc, selection_that_is_malformed_is_refused);
	tcase_add_test(tc, key_name_rules_are_kept);
	tcase_add_test(tc, uuid_text_is_exact);
	tcase_add_test(tc, hexadecimal_takes_digits_only);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
