/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives that Linux unpacks: checked with cpio(1), as far as it is there,
 * and by their bytes.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "responder/cpio.h"

#define SKIP 77

static char out_path[] = "/tmp/vhsm-cpio-XXXXXX";
static char in_path[] = "/tmp/vhsm-cpin-XXXXXX";
static int out, in;
static struct vhsm_cpio cpio;

static void begin(void)
{
	out = mkstemp(out_path);
	in = mkstemp(in_path);
	ck_assert_int_ge(out, 0);
	ck_assert_int_ge(in, 0);
}

static void end(void)
{
	close(out);
	close(in);
	unlink(out_path);
	unlink(in_path);
}

/* A number of the header: eight hexadecimal digits. */
static unsigned long field(const char *header, unsigned i)
{
	char digits[9] = "";

	memcpy(digits, header + 6 + 8 * i, 8);
	return strtoul(digits, NULL, 16);
}

START_TEST(an_archive_has_what_was_added)
{
	char bytes[1024];
	const char *at;
	ssize_t len;

	ck_assert_int_eq(write(in, "hello", 5), 5);
	ck_assert_int_eq(vhsm_cpio_begin(&cpio, out, 0), 0);
	ck_assert_int_eq(vhsm_cpio_add_dir(&cpio, "baseline"), 0);
	ck_assert_int_eq(vhsm_cpio_add_file(&cpio, "baseline/x", in), 0);
	ck_assert_int_eq(vhsm_cpio_end(&cpio), 0);
	len = pread(out, bytes, sizeof(bytes), 0);
	ck_assert_int_eq(len, cpio.written);
	ck_assert_int_eq(len % 4, 0);
	ck_assert_int_eq(memcmp(bytes, "070701", 6), 0);
	ck_assert_uint_eq(field(bytes, 1), S_IFDIR | 0500);
	ck_assert_uint_eq(field(bytes, 11), strlen("baseline") + 1);
	ck_assert_str_eq(bytes + 110, "baseline");
	/* 110 + 9 is padded to 120. */
	at = bytes + 120;
	ck_assert_int_eq(memcmp(at, "070701", 6), 0);
	ck_assert_uint_eq(field(at, 1), S_IFREG | 0400);
	ck_assert_uint_eq(field(at, 6), 5);
	ck_assert_str_eq(at + 110, "baseline/x");
	/* 120 + 110 + 11 is padded to 244. */
	ck_assert_int_eq(memcmp(bytes + 244, "hello\0\0\0" "070701", 14), 0);
	ck_assert_str_eq(bytes + 252 + 110, "TRAILER!!!");
}
END_TEST

START_TEST(it_may_follow_an_archive_of_any_length)
{
	char bytes[256];

	for (unsigned offset = 1; offset < 5; offset++) {
		unsigned at = (offset + 3) / 4 * 4;

		ck_assert_int_eq(ftruncate(out, 0), 0);
		ck_assert_int_eq(lseek(out, 0, SEEK_SET), 0);
		ck_assert_int_eq(write(out, "abcd", offset), offset);
		ck_assert_int_eq(vhsm_cpio_begin(&cpio, out, offset), 0);
		ck_assert_int_eq(vhsm_cpio_end(&cpio), 0);
		ck_assert_int_gt(pread(out, bytes, sizeof(bytes), 0), 110);
		ck_assert_int_eq(memcmp(bytes + at, "070701", 6), 0);
		for (unsigned i = offset; i < at; i++)
			ck_assert_int_eq(bytes[i], 0);
	}
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(vhsm_cpio_begin(&cpio, out, 0), 0);
	ck_assert_int_eq(vhsm_cpio_add_file(&cpio, "x", dir), -EINVAL);
	close(dir);
	/* 4 GiB do not fit its field. */
	ck_assert_int_eq(ftruncate(in, INT64_C(1) << 32), 0);
	ck_assert_int_eq(vhsm_cpio_add_file(&cpio, "x", in), -EFBIG);
}
END_TEST

START_TEST(cpio_itself_unpacks_it)
{
	char command[256];

	ck_assert_int_eq(write(in, "hello", 5), 5);
	ck_assert_int_eq(vhsm_cpio_begin(&cpio, out, 0), 0);
	ck_assert_int_eq(vhsm_cpio_add_dir(&cpio, "baseline"), 0);
	ck_assert_int_eq(vhsm_cpio_add_file(&cpio, "baseline/x", in), 0);
	ck_assert_int_eq(vhsm_cpio_end(&cpio), 0);
	snprintf(command, sizeof(command), "test \"$(cpio -i --to-stdout "
		 "baseline/x <%s 2>/dev/null)\" = hello", out_path);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpio");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	bool skipped = false;
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, an_archive_has_what_was_added);
	tcase_add_test(all, it_may_follow_an_archive_of_any_length);
	tcase_add_test(all, what_is_no_file_is_refused);
	skipped = system("command -v cpio >/dev/null") != 0;
	if (skipped)
		puts("cpio is not installed: its test is skipped");
	else
		tcase_add_test(all, cpio_itself_unpacks_it);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : skipped ? SKIP : EXIT_SUCCESS;
}
