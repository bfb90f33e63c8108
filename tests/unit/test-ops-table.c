/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <sys/wait.h>
#include <unistd.h>

#include "unit/ops-fixture.h"

static const uint16_t types[] = {
	VHSM_KEY_AES_128, VHSM_KEY_AES_256, VHSM_KEY_CHACHA20, VHSM_KEY_HMAC,
	VHSM_KEY_EC_P256, VHSM_KEY_EC_P384, VHSM_KEY_ED25519,
	VHSM_KEY_RSA_2048, VHSM_KEY_RSA_3072, VHSM_KEY_RSA_4096,
};
#define TYPES 10

START_TEST(every_number_finds_its_row_or_none)
{
	const struct vhsm_mechanism *m;
	size_t rows = 0, found = 0;

	for (; (m = vhsm_mechanism_at(rows)); rows++)
		ck_assert_ptr_eq(vhsm_mechanism_find(m->id), m);
	for (unsigned id = 0; id <= 0xffff; id++) {
		m = vhsm_mechanism_find(id);
		if (m)
			found++;
		ck_assert(!m || m->id == id);
	}
	ck_assert_uint_eq(found, rows);
	ck_assert_uint_eq(rows, 15);
	ck_assert_ptr_null(vhsm_mechanism_at(1000000));
}
END_TEST

START_TEST(every_type_has_a_family_uses_and_a_name)
{
	uint16_t type = types[_i];

	ck_assert_ptr_nonnull(vhsm_family_of_type(type));
	ck_assert_uint_ne(vhsm_usages_of_type(type), 0);
	ck_assert_uint_eq(vhsm_usages_of_type(type) & VHSM_USE_CALLER_NONCE, 0);
	ck_assert_ptr_nonnull(vhsm_key_type_name(type));
	ck_assert_uint_eq(vhsm_key_type_from_name(vhsm_key_type_name(type)),
			  type);
}
END_TEST

START_TEST(unknown_types_have_nothing)
{
	static const uint16_t unknown[] = { 0, 5, 15, 35, 0xffff };
	const struct vhsm_mechanism *m = vhsm_mechanism_find(VHSM_MECH_AES_GCM);

	for (size_t i = 0; i < 5; i++) {
		ck_assert_ptr_null(vhsm_family_of_type(unknown[i]));
		ck_assert_uint_eq(vhsm_usages_of_type(unknown[i]), 0);
		ck_assert_ptr_null(vhsm_key_type_name(unknown[i]));
		ck_assert(!vhsm_mechanism_takes(m, unknown[i]));
	}
	ck_assert_uint_eq(vhsm_key_type_from_name("aes"), 0);
	ck_assert_uint_eq(vhsm_key_type_from_name(""), 0);
}
END_TEST

START_TEST(a_callers_nonce_needs_a_permission_of_its_own)
{
	ck_assert_uint_eq(vhsm_usage_of(VHSM_OP_ENCRYPT, 0), VHSM_USE_ENCRYPT);
	ck_assert_uint_eq(vhsm_usage_of(VHSM_OP_ENCRYPT, VHSM_F_CALLER_NONCE),
			  VHSM_USE_ENCRYPT | VHSM_USE_CALLER_NONCE);
	ck_assert_uint_eq(vhsm_usage_of(VHSM_OP_SIGN, VHSM_F_DIGEST),
			  VHSM_USE_SIGN);
	ck_assert_uint_eq(vhsm_usage_of(VHSM_OP_RANDOM, 0), 0);
}
END_TEST

START_TEST(what_takes_long_goes_to_a_worker)
{
	ck_assert(vhsm_operation_is_slow(VHSM_OP_SIGN, VHSM_KEY_RSA_2048));
	ck_assert(vhsm_operation_is_slow(VHSM_OP_VERIFY, VHSM_KEY_EC_P384));
	ck_assert(!vhsm_operation_is_slow(VHSM_OP_VERIFY, VHSM_KEY_RSA_2048));
	ck_assert(!vhsm_operation_is_slow(VHSM_OP_SIGN, VHSM_KEY_EC_P256));
	ck_assert(!vhsm_operation_is_slow(VHSM_OP_ENCRYPT, VHSM_KEY_AES_256));
}
END_TEST

START_TEST(every_status_has_a_name_of_its_own)
{
	static const uint16_t all[] = {
		0, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 200, 201,
		202, 203, 204, 205, 206, 207, 208, 209, 210, 300, 301, 302, 400,
	};
	size_t count = sizeof(all) / sizeof(all[0]);

	for (size_t i = 0; i < count; i++) {
		ck_assert_str_ne(vhsm_status_name(all[i]), "unknown");
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(vhsm_status_name(all[i]),
					 vhsm_status_name(all[j]));
	}
	ck_assert_str_eq(vhsm_status_name(999), "unknown");
}
END_TEST

START_TEST(random_fills_every_length_and_no_more)
{
	static const size_t lengths[] = { 1, 31, 4095, 4096, 4097, 65536 };
	static uint8_t out[65537];

	for (size_t i = 0; i < 6; i++) {
		size_t len = lengths[i], zeroes = 0;

		memset(out, 0, sizeof(out));
		out[len] = 0x5a;
		ck_assert_int_eq(vhsm_ops_random(out, len), VHSM_S_OK);
		ck_assert_uint_eq(out[len], 0x5a);
		for (size_t b = 0; b < len; b++)
			zeroes += out[b] == 0;
		/* one in 256 on average; a block not filled would be 4096 */
		ck_assert(len < 31 || zeroes < len / 64 + 16);
	}
}
END_TEST

START_TEST(a_fork_does_not_repeat_random_bytes)
{
	uint8_t before[16], mine[32], childs[32];
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(vhsm_ops_random(before, sizeof(before)), VHSM_S_OK);
	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int bad = vhsm_ops_random(childs, 32) != VHSM_S_OK ||
			  write(ends[1], childs, 32) != 32;

		_exit(bad);
	}
	ck_assert_int_eq(vhsm_ops_random(mine, sizeof(mine)), VHSM_S_OK);
	ck_assert_int_eq(read(ends[0], childs, sizeof(childs)), 32);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_mem_ne(mine, childs, sizeof(mine));
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, ops_setup, ops_teardown);
	tcase_add_test(t, every_number_finds_its_row_or_none);
	tcase_add_loop_test(t, every_type_has_a_family_uses_and_a_name, 0,
			    TYPES);
	tcase_add_test(t, unknown_types_have_nothing);
	tcase_add_test(t, a_callers_nonce_needs_a_permission_of_its_own);
	tcase_add_test(t, what_takes_long_goes_to_a_worker);
	tcase_add_test(t, every_status_has_a_name_of_its_own);
	tcase_add_test(t, random_fills_every_length_and_no_more);
	tcase_add_test(t, a_fork_does_not_repeat_random_bytes);
}

int main(void)
{
	return run_tests("ops-table", add);
}
