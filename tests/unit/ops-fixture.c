/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "unit/ops-fixture.h"

#include <stdlib.h>

void ops_setup(void)
{
	const char *what = "nothing";

	ck_assert_msg(vhsm_ops_init(&what) == 0, "self-test failed: %s", what);
}

void ops_teardown(void)
{
	vhsm_ops_deinit();
}

size_t from_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t len = strlen(hex) / 2;

	ck_assert_uint_le(len, room);
	for (size_t i = 0; i < len; i++) {
		char byte[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = strtoul(byte, NULL, 16);
	}
	return len;
}

static void key_open(struct key *key, uint16_t type)
{
	key->material.type = type;
	key->material.bytes = key->bytes;
	key->context = key->family->context_new(&key->material, &key->nonces);
	ck_assert_ptr_nonnull(key->context);
}

void key_make(struct key *key, uint16_t type)
{
	memset(key, 0, sizeof(*key));
	key->family = vhsm_family_of_type(type);
	ck_assert_ptr_nonnull(key->family);
	key->material.len = sizeof(key->bytes);
	ck_assert_int_eq(key->family->generate(type, key->bytes,
					       &key->material.len), 0);
	key_open(key, type);
}

void key_give(struct key *key, uint16_t type, const void *bytes, size_t len)
{
	memset(key, 0, sizeof(*key));
	key->family = vhsm_family_of_type(type);
	ck_assert_ptr_nonnull(key->family);
	ck_assert_uint_le(len, sizeof(key->bytes));
	memcpy(key->bytes, bytes, len);
	key->material.len = len;
	key_open(key, type);
}

void key_drop(struct key *key)
{
	key->family->context_free(&key->context);
	ck_assert_ptr_null(key->context);
}

struct vhsm_operation operation(uint16_t op, uint16_t mechanism,
				const void *input, size_t input_len,
				void *output, size_t output_len)
{
	return (struct vhsm_operation){
		.op = op, .mechanism = mechanism,
		.input = input, .input_len = input_len,
		.output = output, .output_len = output_len,
	};
}

enum vhsm_status run(struct key *key, struct vhsm_operation *o)
{
	return key->family->run(key->context, o);
}

int run_tests(const char *name, void (*add)(TCase *))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	add(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
