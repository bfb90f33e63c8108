/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-search.c - the search finds a window wherever it lies, and nothing
 * else; over plain memory and over an image file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "introspect/guest-memory.h"
#include "introspect/search.h"

#define PAGE 4096u

struct found {
	size_t count;
	size_t entry;
	uint64_t address;
};

static struct vhsm_fingerprints *set;
static uint8_t window[VHSM_WINDOW_LEN];
static uint8_t memory[4 * PAGE];

static int note(size_t entry, uint64_t address, void *arg)
{
	struct found *found = arg;

	found->count++;
	found->entry = entry;
	found->address = address;
	return 0;
}

static void setup(void)
{
	size_t i;

	set = vhsm_fingerprints_new();
	ck_assert_ptr_nonnull(set);
	srand(1);
	for (i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(rand() >> 8);
	memset(memory + PAGE, 0, PAGE);		/* zeros are stepped over */
	for (i = 0; i < sizeof(window); i++)
		window[i] = (uint8_t)(0x90 + i);
	ck_assert_int_eq(vhsm_fingerprints_add(set, "first", memory + 7), 0);
	ck_assert_int_eq(vhsm_fingerprints_add(set, "window", window), 0);
	memory[7] ^= 1;				/* so that it is not there */
}

static void teardown(void)
{
	vhsm_fingerprints_free(&set);
}

/* Feeds memory in pieces of at most piece bytes. */
static struct found search(size_t piece)
{
	struct found found = { 0 };
	struct vhsm_search *s = vhsm_search_new(set, note, &found);
	size_t at, len;

	ck_assert_ptr_nonnull(s);
	for (at = 0; at < sizeof(memory); at += len) {
		len = sizeof(memory) - at < piece ? sizeof(memory) - at : piece;
		ck_assert_int_eq(vhsm_search_feed(s, 0x10000 + at, memory + at,
						  len), 0);
	}
	vhsm_search_free(&s);
	return found;
}

START_TEST(a_window_is_found_at_every_offset)
{
	struct found found;
	uint8_t kept[VHSM_WINDOW_LEN];
	size_t at;

	for (at = 0; at <= sizeof(memory) - sizeof(window); at++) {
		memcpy(kept, memory + at, sizeof(kept));
		memcpy(memory + at, window, sizeof(window));
		found = search(PAGE);
		ck_assert_uint_eq(found.count, 1);
		ck_assert_uint_eq(found.entry, 1);
		ck_assert_uint_eq(found.address, 0x10000 + at);
		memcpy(memory + at, kept, sizeof(kept));
	}
	ck_assert_uint_eq(search(PAGE).count, 0);
}
END_TEST

START_TEST(pieces_of_any_size_find_it_once)
{
	size_t piece;

	memcpy(memory + 2 * PAGE - 5, window, sizeof(window));
	for (piece = 1; piece < 200; piece++) {
		ck_assert_uint_eq(search(piece).count, 1);
		ck_assert_uint_eq(search(piece).address,
				  0x10000 + 2 * PAGE - 5);
	}
}
END_TEST

START_TEST(pages_that_are_not_neighbours_do_not_join)
{
	struct found found = { 0 };
	struct vhsm_search *s = vhsm_search_new(set, note, &found);

	memcpy(memory + PAGE - 8, window, sizeof(window));
	vhsm_search_feed(s, 0, memory, PAGE);
	vhsm_search_feed(s, 2 * PAGE, memory + PAGE, PAGE);
	ck_assert_uint_eq(found.count, 0);
	vhsm_search_feed(s, 0, memory, PAGE);
	vhsm_search_feed(s, PAGE, memory + PAGE, PAGE);
	ck_assert_uint_eq(found.count, 1);
	vhsm_search_free(&s);
}
END_TEST

START_TEST(a_near_miss_is_not_found)
{
	size_t bit;

	for (bit = 0; bit < 8 * sizeof(window); bit++) {
		memcpy(memory + 1001, window, sizeof(window));
		memory[1001 + bit / 8] ^= 1 << (bit % 8);
		ck_assert_uint_eq(search(PAGE).count, 0);
	}
}
END_TEST

START_TEST(a_window_partly_zero_is_found_among_zeros)
{
	uint8_t sparse[VHSM_WINDOW_LEN] = { 0 };
	size_t at;

	sparse[15] = 1;
	ck_assert_int_eq(vhsm_fingerprints_add(set, "sparse", sparse), 0);
	for (at = PAGE; at <= 2 * PAGE - sizeof(sparse); at++) {
		memory[at + 15] = 1;
		ck_assert_uint_eq(search(sizeof(memory)).count, 1);
		memory[at + 15] = 0;
	}
}
END_TEST

static int stop(size_t entry, uint64_t address, void *arg)
{
	(void)entry;
	(void)address;
	(*(int *)arg)++;
	return 42;
}

START_TEST(the_callback_can_end_the_search)
{
	int calls = 0;
	struct vhsm_search *s = vhsm_search_new(set, stop, &calls);

	memcpy(memory, window, sizeof(window));
	memcpy(memory + 100, window, sizeof(window));
	ck_assert_int_eq(vhsm_search_feed(s, 0, memory, sizeof(memory)), 42);
	ck_assert_int_eq(calls, 1);
	vhsm_search_free(&s);
}
END_TEST

static int feed(uint64_t address, const uint8_t *bytes, size_t len, void *arg)
{
	return vhsm_search_feed(arg, address, bytes, len);
}

START_TEST(an_image_is_searched_to_its_last_byte)
{
	char path[] = "/tmp/test-search-XXXXXX", why[VHSM_MEMORY_WHY_LEN];
	const off_t size = (3 << 20) + 123;	/* not whole pages */
	struct vhsm_memory_stats stats;
	struct found found = { 0 };
	struct vhsm_search *s = vhsm_search_new(set, note, &found);
	struct vhsm_guest_memory *image;
	int fd = mkstemp(path);

	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(pwrite(fd, window, 16, (1 << 20) - 8), 16);
	ck_assert_int_eq(pwrite(fd, window, 16, size - 16), 16);
	image = vhsm_guest_memory_open_image(path, why);
	ck_assert_ptr_nonnull(image);
	ck_assert_int_eq(vhsm_guest_memory_walk(image, feed, s, &stats, why),
			 0);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_uint_eq(found.address, size - 16);
	/* what the file leaves out may not count */
	ck_assert_uint_ge(stats.pages, 3);
	ck_assert_uint_le(stats.pages, (3 << 20) / PAGE + 1);
	ck_assert_uint_eq(stats.unreadable, 0);
	vhsm_guest_memory_close(&image);
	vhsm_search_free(&s);
	close(fd);
	unlink(path);
	ck_assert_ptr_null(vhsm_guest_memory_open_image(path, why));
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_ptr_null(vhsm_guest_memory_open_image("/", why));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("search");
	TCase *tests = tcase_create("search");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_window_is_found_at_every_offset);
	tcase_add_test(tests, pieces_of_any_size_find_it_once);
	tcase_add_test(tests, pages_that_are_not_neighbours_do_not_join);
	tcase_add_test(tests, a_near_miss_is_not_found);
	tcase_add_test(tests, a_window_partly_zero_is_found_among_zeros);
	tcase_add_test(tests, the_callback_can_end_the_search);
	tcase_add_test(tests, an_image_is_searched_to_its_last_byte);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
