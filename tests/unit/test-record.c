/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-record.c - recordings: what is written is what is read again.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "introspect/record.h"

#define PAGE VHSM_GUEST_PAGE_SIZE

static char dir[] = "/tmp/test-record.XXXXXX";
static char from[64], to[64], json[64];
static char why[VHSM_RECORD_WHY_LEN];
static struct vhsm_guest_memory *memory;
static struct vhsm_recording recording;

static void put(const char *path, uint64_t page, char letter)
{
	char letters[PAGE];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	memset(letters, letter, sizeof(letters));
	ck_assert_int_eq(pwrite(fd, letters, PAGE, (off_t)(page * PAGE)), PAGE);
	close(fd);
}

static void setup(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(from, sizeof(from), "%s/from", dir);
	snprintf(to, sizeof(to), "%s/to", dir);
	snprintf(json, sizeof(json), "%s/to.json", dir);
	put(from, 3, 'a');
	put(from, 4000, 'b');
	memory = vhsm_guest_memory_open_image(from, why);
	ck_assert_msg(memory, "%s", why);
	memset(&recording, 0, sizeof(recording));
	snprintf(recording.domain, sizeof(recording.domain), "web");
	recording.paused = true;
	recording.vcpu_count = 2;
	recording.vcpu[1].online = 1;
	recording.vcpu[1].cr3 = UINT64_C(0xfedcba9876543000);
	recording.vcpu[1].idt_limit = 0xfff;
	recording.vcpu[1].lstar = UINT64_MAX;
}

static void teardown(void)
{
	vhsm_guest_memory_close(&memory);
	unlink(from);
	unlink(to);
	unlink(json);
	rmdir(dir);
}

START_TEST(recording_is_read_as_it_was_written)
{
	struct vhsm_recording read;
	struct vhsm_guest_memory *image;
	uint8_t sha256[32];

	ck_assert_msg(!vhsm_record_write(&recording, memory, to, why), "%s",
		      why);
	ck_assert_msg(!vhsm_record_read(&read, to, why), "%s", why);
	ck_assert_str_eq(read.domain, "web");
	ck_assert_str_eq(read.time, recording.time);
	ck_assert(read.paused);
	ck_assert_uint_eq(read.frames, 4001);
	ck_assert_uint_eq(read.vcpu_count, 2);
	ck_assert_mem_eq(read.vcpu, recording.vcpu, sizeof(read.vcpu));
	ck_assert_msg(!vhsm_record_digest(to, sha256, why), "%s", why);
	ck_assert_mem_eq(sha256, read.sha256, 32);
	image = vhsm_guest_memory_open_image(to, why);
	ck_assert_msg(image, "%s", why);
	ck_assert_int_eq(vhsm_guest_memory_page(image, 3)[7], 'a');
	ck_assert_int_eq(vhsm_guest_memory_page(image, 4000)[7], 'b');
	vhsm_guest_memory_close(&image);
}
END_TEST

START_TEST(digest_tells_a_changed_byte)
{
	uint8_t sha256[32];
	int fd;

	ck_assert_int_eq(vhsm_record_write(&recording, memory, to, why), 0);
	fd = open(to, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "c", 1, 4000 * PAGE + 17), 1);
	close(fd);
	ck_assert_int_eq(vhsm_record_digest(to, sha256, why), 0);
	ck_assert_mem_ne(sha256, recording.sha256, 32);
}
END_TEST

START_TEST(digest_does_not_depend_on_where_holes_are)
{
	char zeros[PAGE] = "";
	uint8_t sha256[32];
	int fd;

	ck_assert_int_eq(vhsm_record_write(&recording, memory, to, why), 0);
	fd = open(to, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, zeros, PAGE, 2000 * PAGE), PAGE);
	close(fd);
	ck_assert_int_eq(vhsm_record_digest(to, sha256, why), 0);
	ck_assert_mem_eq(sha256, recording.sha256, 32);
}
END_TEST

START_TEST(existing_file_is_not_overwritten)
{
	put(json, 0, 'x');
	ck_assert_int_eq(vhsm_record_write(&recording, memory, to, why),
			 -EEXIST);
	ck_assert_ptr_nonnull(strstr(why, json));
	ck_assert_int_ne(access(to, F_OK), 0);
	put(to, 0, 'x');
	ck_assert_int_eq(vhsm_record_write(&recording, memory, to, why),
			 -EEXIST);
	ck_assert_int_eq(access(to, F_OK), 0);
}
END_TEST

/* Replaces the first occurrence in FILE.json and expects it refused. */
static void expect_refused(const char *old, const char *new)
{
	struct vhsm_recording read;
	char text[8192] = "", *at;
	FILE *file;

	unlink(to);
	unlink(json);
	ck_assert_int_eq(vhsm_record_write(&recording, memory, to, why), 0);
	file = fopen(json, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	at = strstr(text, old);
	ck_assert_msg(at, "%s", old);
	file = fopen(json, "we");
	fprintf(file, "%.*s%s%s", (int)(at - text), text, new,
		at + strlen(old));
	fclose(file);
	ck_assert_msg(vhsm_record_read(&read, to, why) == -EINVAL,
		      "accepted: %s", new);
	ck_assert_ptr_nonnull(strstr(why, json));
}

START_TEST(damaged_registers_are_refused)
{
	expect_refused("vhsm-recording", "other");
	expect_refused("\"version\": 1", "\"version\": 2");
	expect_refused("\"web\"", "\"w\\u0007b\"");
	expect_refused("0xfedcba9876543000", "0x1fedcba9876543000");
	expect_refused("0xfedcba9876543000", "-1");
	expect_refused("0xfff\"", "0x100000000\"");
	expect_refused("\"lstar\"", "\"lister\"");
	expect_refused("\"frames\": 4001", "\"frames\": -1");
	expect_refused("{", "[");
}
END_TEST

START_TEST(missing_registers_are_an_error_that_names_the_file)
{
	struct vhsm_recording read;

	ck_assert_int_eq(vhsm_record_read(&read, to, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, json));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, recording_is_read_as_it_was_written);
	tcase_add_test(t, digest_tells_a_changed_byte);
	tcase_add_test(t, digest_does_not_depend_on_where_holes_are);
	tcase_add_test(t, existing_file_is_not_overwritten);
	tcase_add_test(t, damaged_registers_are_refused);
	tcase_add_test(t, missing_registers_are_an_error_that_names_the_file);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
