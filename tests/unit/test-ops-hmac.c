/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "unit/ops-fixture.h"

static const struct {
	uint16_t mechanism;
	size_t len;
} macs[] = {
	{ VHSM_MECH_HMAC | VHSM_HASH_SHA256, 32 },
	{ VHSM_MECH_HMAC | VHSM_HASH_SHA384, 48 },
	{ VHSM_MECH_HMAC | VHSM_HASH_SHA512, 64 },
};
#define MACS 3

static const char message[] = "a message of some length";

/* RFC 4231 test case 4, which the self-test does not use. */
START_TEST(gives_the_published_answers)
{
	static const char *const expected[] = {
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729"
		"665b",
		"3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f57"
		"3b4e6801dd23c4a7d679ccf8a386c674cffb",
		"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361e"
		"e3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb"
		"10a298dd",
	};
	uint8_t bytes[25], input[50], answer[64], out[64];
	struct vhsm_operation o;
	struct key key;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 1;
	memset(input, 0xcd, sizeof(input));
	from_hex(expected[_i], answer, sizeof(answer));
	key_give(&key, VHSM_KEY_HMAC, bytes, sizeof(bytes));
	o = operation(VHSM_OP_MAC, macs[_i].mechanism, input, sizeof(input),
		      out, sizeof(out));
	ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
	ck_assert_uint_eq(o.out_len, macs[_i].len);
	ck_assert_mem_eq(out, answer, macs[_i].len);
	key_drop(&key);
}
END_TEST

START_TEST(a_reused_context_gives_the_same_every_time)
{
	uint8_t first[64], again[64];
	struct vhsm_operation o;
	struct key key;

	key_make(&key, VHSM_KEY_HMAC);
	o = operation(VHSM_OP_MAC, macs[_i].mechanism, message,
		      sizeof(message), first, sizeof(first));
	ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
	for (int i = 0; i < 5; i++) {
		/* other lengths and hashes in between leave no trace */
		o = operation(VHSM_OP_MAC, macs[(_i + i) % MACS].mechanism,
			      message, i, again, sizeof(again));
		ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
		o = operation(VHSM_OP_MAC, macs[_i].mechanism, message,
			      sizeof(message), again, sizeof(again));
		ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
		ck_assert_mem_eq(first, again, macs[_i].len);
	}
	key_drop(&key);
}
END_TEST

START_TEST(only_the_whole_right_mac_verifies)
{
	struct vhsm_operation o, v;
	uint8_t mac[64];
	struct key key;

	key_make(&key, VHSM_KEY_HMAC);
	o = operation(VHSM_OP_MAC, macs[_i].mechanism, message,
		      sizeof(message), mac, sizeof(mac));
	ck_assert_int_eq(run(&key, &o), VHSM_S_OK);
	v = operation(VHSM_OP_MAC_VERIFY, macs[_i].mechanism, message,
		      sizeof(message), NULL, 0);
	memcpy(v.tag, mac, macs[_i].len);
	v.tag_len = macs[_i].len;
	ck_assert_int_eq(run(&key, &v), VHSM_S_OK);
	for (size_t byte = 0; byte < macs[_i].len; byte++) {
		v.tag[byte] ^= 0x10;
		ck_assert_int_eq(run(&key, &v), VHSM_S_BAD_SIGNATURE);
		v.tag[byte] ^= 0x10;
	}
	v.input_len--;
	ck_assert_int_eq(run(&key, &v), VHSM_S_BAD_SIGNATURE);
	v.input_len++;
	for (v.tag_len = 0; v.tag_len < macs[_i].len; v.tag_len++)
		ck_assert_int_eq(run(&key, &v), VHSM_S_BAD_LENGTH);
	key_drop(&key);
}
END_TEST

START_TEST(too_little_room_says_how_much)
{
	struct vhsm_operation o;
	uint8_t out[64] = { 0 };
	struct key key;

	key_make(&key, VHSM_KEY_HMAC);
	o = operation(VHSM_OP_MAC, macs[_i].mechanism, message,
		      sizeof(message), out, macs[_i].len - 1);
	ck_assert_int_eq(run(&key, &o), VHSM_S_TOO_SMALL);
	ck_assert_uint_eq(o.out_len, macs[_i].len);
	ck_assert_uint_eq(out[0], 0);
	o.op = VHSM_OP_ENCRYPT;
	ck_assert_int_eq(run(&key, &o), VHSM_S_BAD_OP);
	key_drop(&key);
}
END_TEST

START_TEST(keys_of_16_to_128_bytes_are_taken)
{
	const struct vhsm_family *family = vhsm_family_of_type(VHSM_KEY_HMAC);
	uint8_t bytes[130] = { 1 };
	struct vhsm_material m = { .type = VHSM_KEY_HMAC, .bytes = bytes };

	for (m.len = 0; m.len <= sizeof(bytes); m.len++) {
		struct vhsm_context *c = family->context_new(&m, NULL);
		bool good = m.len >= 16 && m.len <= 128;

		ck_assert_int_eq(family->check(&m) == 0, good);
		ck_assert_int_eq(c != NULL, good);
		family->context_free(&c);
	}
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, ops_setup, ops_teardown);
	tcase_add_loop_test(t, gives_the_published_answers, 0, MACS);
	tcase_add_loop_test(t, a_reused_context_gives_the_same_every_time, 0,
			    MACS);
	tcase_add_loop_test(t, only_the_whole_right_mac_verifies, 0, MACS);
	tcase_add_loop_test(t, too_little_room_says_how_much, 0, MACS);
	tcase_add_test(t, keys_of_16_to_128_bytes_are_taken);
}

int main(void)
{
	return run_tests("ops-hmac", add);
}
