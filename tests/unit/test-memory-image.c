/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-memory-image.c - images of a guest's memory: with holes, cut short
 * meanwhile, longer than what is kept of one.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "introspect/guest-memory.h"

#define PAGE VHSM_GUEST_PAGE_SIZE
#define IMAGE_CHUNKS 520u		/* of an image; 512 are kept */

static char path[] = "/tmp/test-memory-image.XXXXXX";

/* Pages 1 and 300 hold a letter each; all else is a hole. */
static int make_image(void)
{
	char letters[PAGE];
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	memset(letters, 'a', sizeof(letters));
	ck_assert_int_eq(pwrite(fd, letters, PAGE, 1 * PAGE), PAGE);
	memset(letters, 'b', sizeof(letters));
	ck_assert_int_eq(pwrite(fd, letters, PAGE, 300 * PAGE), PAGE);
	ck_assert_int_eq(ftruncate(fd, 1000 * PAGE), 0);
	return fd;
}

static struct vhsm_guest_memory *open_image(void)
{
	char why[VHSM_MEMORY_WHY_LEN] = "";
	struct vhsm_guest_memory *m = vhsm_guest_memory_open_image(path, why);

	ck_assert_msg(m, "%s", why);
	return m;
}

static int count_pages(uint64_t address, const uint8_t *bytes, size_t len,
		       void *arg)
{
	(void)address;
	(void)bytes;
	*(uint64_t *)arg += len / PAGE;
	return 0;
}

START_TEST(hole_of_an_image_reads_as_zeros_and_is_not_visited)
{
	int fd = make_image();
	struct vhsm_guest_memory *m = open_image();
	struct vhsm_memory_stats stats;
	char why[VHSM_MEMORY_WHY_LEN], text[2];
	uint64_t pages = 0;

	ck_assert_uint_eq(vhsm_guest_memory_frames(m), 1000);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 1)[PAGE - 1], 'a');
	ck_assert_int_eq(vhsm_guest_memory_page(m, 300)[0], 'b');
	ck_assert_int_eq(vhsm_guest_memory_page(m, 0)[0], 0);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 299)[PAGE - 1], 0);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 999)[0], 0);
	ck_assert_ptr_null(vhsm_guest_memory_page(m, 1000));
	ck_assert_int_eq(vhsm_guest_memory_read(m, 300 * PAGE - 1, text, 2),
			 0);
	ck_assert_int_eq(text[0], 0);
	ck_assert_int_eq(text[1], 'b');
	ck_assert_int_eq(vhsm_guest_memory_walk(m, count_pages, &pages, &stats,
						why), 0);
	ck_assert_uint_eq(pages, stats.pages);
	ck_assert_uint_ge(pages, 2);
	/* Where the file system tells of holes, as nearly all do. */
	if (lseek(fd, 400 * PAGE, SEEK_DATA) < 0 && errno == ENXIO)
		ck_assert_uint_lt(pages, 600);
	vhsm_guest_memory_close(&m);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(image_cut_short_meanwhile_is_no_crash)
{
	int fd = make_image();
	struct vhsm_guest_memory *m = open_image();
	struct vhsm_memory_stats stats;
	char why[VHSM_MEMORY_WHY_LEN];
	uint64_t sum = 0;

	ck_assert_ptr_nonnull(vhsm_guest_memory_page(m, 300));
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 300)[7], 'b');
	vhsm_guest_memory_forget(m);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 300)[7], 0);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 1)[0], 0);
	ck_assert_int_eq(vhsm_guest_memory_walk(m, count_pages, &sum, &stats,
						why), 0);
	vhsm_guest_memory_close(&m);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(last_page_of_an_odd_image_ends_in_zeros)
{
	int fd = make_image();
	struct vhsm_guest_memory *m;

	ck_assert_int_eq(ftruncate(fd, 300 * PAGE + 10), 0);
	m = open_image();
	ck_assert_uint_eq(vhsm_guest_memory_frames(m), 301);
	ck_assert_int_eq(vhsm_guest_memory_page(m, 300)[9], 'b');
	ck_assert_int_eq(vhsm_guest_memory_page(m, 300)[10], 0);
	vhsm_guest_memory_close(&m);
	close(fd);
	unlink(path);
}
END_TEST

/* What is read in a walk, at any place; the walk has a chunk of its own. */
static int read_far(uint64_t address, const uint8_t *bytes, size_t len,
		    void *arg)
{
	struct vhsm_guest_memory *m = arg;
	uint64_t i;

	(void)len;
	if (address % (64 * PAGE))
		return 0;
	for (i = 0; i < IMAGE_CHUNKS; i += 7)
		ck_assert_int_eq(vhsm_guest_memory_page(m, i * 64)[0],
				 (uint8_t)(i % 251 + 1));
	ck_assert_int_eq(bytes[0], address / PAGE / 64 % 251 + 1);
	return 0;
}

START_TEST(image_longer_than_what_is_kept_is_read_right)
{
	struct vhsm_memory_stats stats;
	char why[VHSM_MEMORY_WHY_LEN];
	struct vhsm_guest_memory *m;
	uint8_t page[PAGE] = { 0 };
	int fd = make_image();
	uint64_t i;

	for (i = 0; i < IMAGE_CHUNKS; i++) {
		page[0] = (uint8_t)(i % 251 + 1);
		ck_assert_int_eq(pwrite(fd, page, PAGE,
					(off_t)(i * 64 * PAGE)), PAGE);
	}
	m = open_image();
	for (i = 0; i < 2 * IMAGE_CHUNKS; i++)
		ck_assert_int_eq(
			vhsm_guest_memory_page(m, i % IMAGE_CHUNKS * 64)[0],
			(uint8_t)(i % IMAGE_CHUNKS % 251 + 1));
	ck_assert_int_eq(ftruncate(fd, IMAGE_CHUNKS * 64 * PAGE), 0);
	ck_assert_int_eq(vhsm_guest_memory_walk(m, read_far, m, &stats, why),
			 0);
	ck_assert_uint_ge(stats.pages, IMAGE_CHUNKS);
	vhsm_guest_memory_close(&m);
	close(fd);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory-image");
	TCase *t = tcase_create("memory-image");
	SRunner *runner;
	int failed;

	tcase_add_test(t, hole_of_an_image_reads_as_zeros_and_is_not_visited);
	tcase_add_test(t, image_cut_short_meanwhile_is_no_crash);
	tcase_add_test(t, last_page_of_an_odd_image_ends_in_zeros);
	tcase_add_test(t, image_longer_than_what_is_kept_is_read_right);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
