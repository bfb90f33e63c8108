/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-vectors.c - the golden bytes of xenstore-schema/vectors against the
 * structures of vhsmif.h and the code that judges requests.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/guest-input.h"

#define NAME_FORMAT	"%63[a-z0-9_]"

/* Skips blanks, line ends and comments.  Whether anything follows. */
static bool skip_to_record(FILE *file)
{
	int c;

	while ((c = fgetc(file)) != EOF) {
		if (c == '#')
			while (c != '\n' && c != EOF)
				c = fgetc(file);
		else if (c != '\n' && c != '\t' && c != ' ')
			break;
	}
	ungetc(c, file);
	return c != EOF;
}

static void read_bytes(FILE *file, const char *name, uint8_t *bytes, size_t len)
{
	unsigned value;
	size_t i;

	for (i = 0; i < len; i++) {
		ck_assert_msg(fscanf(file, " %2x", &value) == 1,
			      "%s: byte %zu is missing", name, i);
		bytes[i] = (uint8_t)value;
	}
}

static FILE *open_vectors(const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), VECTORS_DIR "/%s", name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s cannot be read", path);
	return file;
}

START_TEST(every_request_vector_is_judged_as_it_says)
{
	FILE *file = open_vectors("requests");
	struct vhsm_request slot, request;
	unsigned status, pool, count = 0;
	uint32_t need = 0;
	char name[64];

	while (skip_to_record(file)) {
		ck_assert_int_eq(fscanf(file, NAME_FORMAT " %u %u", name, &pool,
					&status), 3);
		read_bytes(file, name, (uint8_t *)&slot, sizeof(slot));
		vhsm_slot_copy(&request, &slot);
		ck_assert_msg(vhsm_request_check(&request, pool, &need) ==
			      status, "%s: judged %d, not %u", name,
			      vhsm_request_check(&request, pool, &need),
			      status);
		count++;
		ck_assert_uint_eq(request.id, count);
	}
	ck_assert_uint_ge(count, 50);
	fclose(file);
}
END_TEST

START_TEST(every_response_vector_is_the_structure)
{
	FILE *file = open_vectors("responses");
	struct vhsm_response golden, made;
	unsigned count = 0;
	char name[64];

	while (skip_to_record(file)) {
		memset(&made, 0, sizeof(made));
		ck_assert_int_eq(fscanf(file, NAME_FORMAT " %" SCNu64
					" %" SCNu16 " %" SCNu16 " %" SCNu32
					" %" SCNu32 " %" SCNu32, name,
					&made.id, &made.op, &made.status,
					&made.out_len, &made.key,
					&made.key_version), 7);
		read_bytes(file, name, (uint8_t *)&golden, sizeof(golden));
		ck_assert_msg(!memcmp(&golden, &made, sizeof(made)),
			      "%s differs", name);
		count++;
	}
	ck_assert_uint_ge(count, 10);
	fclose(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vectors");
	TCase *tests = tcase_create("vectors");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, every_request_vector_is_judged_as_it_says);
	tcase_add_test(tests, every_response_vector_is_the_structure);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
