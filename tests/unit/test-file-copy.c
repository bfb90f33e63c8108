/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of sparse files: every byte arrives, and a hole costs nothing.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file-copy.h"

#define MIB	(1024 * 1024)
#define HUGE	((off_t)64 << 30)	/* bytes; reading them takes minutes */

static int in, out;

static int temporary(void)
{
	char path[] = "test-file-copy-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	return fd;
}

static void setup(void)
{
	in = temporary();
	out = temporary();
}

static void teardown(void)
{
	close(in);
	close(out);
}

static void put(off_t at, const char *text)
{
	ck_assert_int_eq(pwrite(in, text, strlen(text), at), strlen(text));
}

static void ck_assert_copied(off_t at, const char *text)
{
	char got[64];

	ck_assert_int_eq(pread(out, got, strlen(text), at), strlen(text));
	ck_assert_mem_eq(got, text, strlen(text));
}

static struct stat stat_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st;
}

START_TEST(an_empty_file_stays_empty)
{
	ck_assert_int_eq(vhsm_file_copy(in, out), 0);
	ck_assert_int_eq(stat_of(out).st_size, 0);
}
END_TEST

START_TEST(a_file_without_holes_is_copied_byte_for_byte)
{
	enum { LEN = 200001 };
	static unsigned char from[LEN], to[LEN + 1];

	for (int i = 0; i < LEN; i++)
		from[i] = (unsigned char)(i * 7 + i / 251 + 1);
	ck_assert_int_eq(write(in, from, LEN), LEN);
	ck_assert_int_eq(vhsm_file_copy(in, out), 0);
	ck_assert_int_eq(pread(out, to, sizeof(to), 0), LEN);
	ck_assert_mem_eq(from, to, LEN);
}
END_TEST

START_TEST(a_hole_is_neither_read_nor_written)
{
	put(0, "first");
	put(HUGE / 2 + 12345, "middle");
	put(HUGE, "last");
	if (lseek(in, MIB, SEEK_DATA) == MIB)
		return;			/* this file system knows no holes */
	ck_assert_int_eq(vhsm_file_copy(in, out), 0);
	ck_assert_int_eq(stat_of(out).st_size, HUGE + 4);
	ck_assert_int_lt(stat_of(out).st_blocks * 512, MIB);
	ck_assert_copied(0, "first");
	ck_assert_copied(HUGE / 2 + 12345, "middle");
	ck_assert_copied(HUGE, "last");
}
END_TEST

START_TEST(a_hole_at_the_end_keeps_its_length)
{
	put(0, "first");
	ck_assert_int_eq(ftruncate(in, HUGE), 0);
	if (lseek(in, MIB, SEEK_DATA) == MIB)
		return;			/* this file system knows no holes */
	ck_assert_int_eq(vhsm_file_copy(in, out), 0);
	ck_assert_int_eq(stat_of(out).st_size, HUGE);
	ck_assert_copied(0, "first");
}
END_TEST

START_TEST(zeros_that_were_written_become_holes)
{
	static const char zeros[MIB];

	ck_assert_int_eq(write(in, zeros, MIB), MIB);
	put(MIB, "end");
	ck_assert_int_eq(vhsm_file_copy(in, out), 0);
	ck_assert_int_eq(stat_of(out).st_size, MIB + 3);
	ck_assert_int_lt(stat_of(out).st_blocks * 512, MIB);
	ck_assert_int_eq(lseek(out, 0, SEEK_DATA), MIB);
	ck_assert_copied(MIB, "end");
}
END_TEST

START_TEST(a_pipe_is_refused)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(vhsm_file_copy(ends[0], out), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(a_full_disk_is_told)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	put(0, "first");
	ck_assert_int_eq(vhsm_file_copy(in, full), -ENOSPC);
	close(full);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file-copy");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, an_empty_file_stays_empty);
	tcase_add_test(all, a_file_without_holes_is_copied_byte_for_byte);
	tcase_add_test(all, a_hole_is_neither_read_nor_written);
	tcase_add_test(all, a_hole_at_the_end_keeps_its_length);
	tcase_add_test(all, zeros_that_were_written_become_holes);
	tcase_add_test(all, a_pipe_is_refused);
	tcase_add_test(all, a_full_disk_is_told);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
