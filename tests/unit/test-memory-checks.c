/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-memory-checks.c - the checks of all memory, YARA and leaked keys, over
 * a made-up guest: what they find, whose it is, what they leave out, and that
 * they stop at their deadline and go on.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/checks.h"
#include "checks/frame-owner.h"
#include "fingerprint/fingerprint.h"
#include "unit/task-fixture.h"

#define SKIP		77
#define PLACE		(UINT64_C(8) << 20)	/* below the kernel */
#define USER_VA		UINT64_C(0x0000555500000000)
#define MARKER		"vhsm-lab-marker"

static struct vhsm_reference *reference;
static struct task_fixture f;
static char dir[] = "/tmp/memory-checks.XXXXXX";
static char path[64], why[VHSM_CHECK_WHY_LEN];
static uint8_t key[32];
static void *state;
static const uint8_t other[VHSM_WINDOW_LEN] = "\xd1\x0b\x97\x5e\x33\xfa\x08"
	"\x6c\x44\xb9\x12\x7f\xe0\x2d\x81";
static struct {
	unsigned count;
	struct vhsm_finding last;
} found;
static uint8_t *dirty;

static void note(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	(void)sweep;
	found.count++;
	found.last = *finding;
}

static void write_rules(const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/rules.yar", dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void write_fingerprints(void)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	json_t *json;
	size_t i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)((i + 1) * 0x9e3779b97f4a7c15 >> 56);
	ck_assert_int_eq(vhsm_fingerprints_add_secret(set, "web-tls/1 raw",
						      key, sizeof(key)), 0);
	snprintf(path, sizeof(path), "%s/fingerprints.json", dir);
	json = vhsm_fingerprints_encode(set);
	ck_assert_int_eq(json_dump_file(json, path, JSON_COMPACT), 0);
	json_decref(json);
	vhsm_fingerprints_free(&set);
}

static void setup_reference(void)
{
	reference = task_fixture_reference();
	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_rules("rule lab { strings: $a = \"" MARKER "\" condition: $a }");
	write_fingerprints();
	dirty = calloc(1, TASK_FIXTURE_MEMORY / GUEST_PAGE / 8 + 1);
}

static void teardown_reference(void)
{
	vhsm_reference_close(&reference);
	snprintf(path, sizeof(path), "%s/rules.yar", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/fingerprints.json", dir);
	unlink(path);
	rmdir(dir);
	free(dirty);
}

static int open_check(const struct vhsm_check *check, const char *options)
{
	json_t *json = options ? json_loads(options, 0, NULL) : NULL;
	struct vhsm_check_setup setup = {
		.reference = reference, .baseline_dir = dir, .options = json,
	};
	int r;

	*why = '\0';
	r = check->open(&setup, &state, why);
	json_decref(json);
	return r;
}

static void setup(void)
{
	task_fixture_init(&f, reference);
	memset(dirty, 0, TASK_FIXTURE_MEMORY / GUEST_PAGE / 8 + 1);
}

static void teardown(void)
{
	task_fixture_deinit(&f);
}

/* One whole scan; the number of slices. */
static unsigned scan(const struct vhsm_check *check, uint64_t deadline_ns,
		     const uint8_t *written)
{
	struct vhsm_sweep sweep = {
		.kernel = &f.kernel, .number = 1, .report = note,
		.deadline_ns = deadline_ns, .dirty = written,
	};
	unsigned slices = 1;
	int r;

	memset(&found, 0, sizeof(found));
	while ((r = check->run(state, &sweep, why)) == VHSM_CHECK_MORE)
		slices++;
	ck_assert_msg(!r, "%s", why);
	return slices;
}

/* A process with the frame at physical mapped at USER_VA. */
static void add_owner(uint64_t physical)
{
	struct fixture_task t = task_fixture_add(&f, 33, "holder", 1000,
						 f.init_task);
	uint64_t mm = task_fixture_alloc(&f, 2048);
	uint64_t pgd = (f.heap + GUEST_PAGE - 1) & ~(GUEST_PAGE - 1);
	uint64_t slot = 8 * (USER_VA >> 39 & 511);

	f.heap = pgd + GUEST_PAGE;
	guest_fixture_map(&f.guest, USER_VA, physical, GUEST_PAGE,
			  VHSM_MAP_USER | VHSM_MAP_WRITE, GUEST_PAGE);
	guest_fixture_poke_u64(&f.guest, pgd + slot,
			       guest_fixture_read_u64(&f.guest,
						      f.guest.root + slot));
	task_fixture_set(&f, mm, VHSM_L_mm_struct__pgd, pgd);
	task_fixture_set(&f, t.va, VHSM_L_task_struct__mm, mm);
}

static void mark_dirty(uint64_t physical)
{
	uint64_t gfn = physical / GUEST_PAGE;

	dirty[gfn / 8] |= (uint8_t)(1u << (gfn % 8));
}

/* The tests that hold for both, by loop: 0 YARA, 1 keys. */
static const struct vhsm_check *const checks[] = {
	&vhsm_check_yara, &vhsm_check_secret_leak,
};

static void put(int which, uint64_t physical)
{
	if (which == 0)
		guest_fixture_write(&f.guest, physical, MARKER, strlen(MARKER));
	else
		/* one window, so that no other is found in its place */
		guest_fixture_write(&f.guest, physical, key, VHSM_WINDOW_LEN);
}

static void clear(uint64_t physical)
{
	static const uint8_t zeros[64];

	guest_fixture_write(&f.guest, physical, zeros, sizeof(zeros));
	vhsm_guest_memory_forget(f.kernel.memory);
}

START_TEST(nothing_is_found_where_nothing_is)
{
	ck_assert_msg(!open_check(checks[_i], NULL), "%s", why);
	scan(checks[_i], UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, 0);
	checks[_i]->close(state);
}
END_TEST

START_TEST(it_is_found_with_its_place)
{
	put(_i, PLACE + 100);
	ck_assert_int_eq(open_check(checks[_i], NULL), 0);
	scan(checks[_i], UINT64_MAX, NULL);
	ck_assert_uint_ge(found.count, 1);
	ck_assert_uint_eq(found.last.pid, 0);
	ck_assert_uint_ge(found.last.physical, PLACE + 100);
	ck_assert_uint_lt(found.last.physical, PLACE + 100 + sizeof(key));
	ck_assert_str_eq(found.last.object, _i ? "key web-tls/1 raw" :
			 "rule lab");
	ck_assert_ptr_nonnull(strstr(found.last.detail, "no process maps"));
	checks[_i]->close(state);
}
END_TEST

START_TEST(its_process_is_named)
{
	put(_i, PLACE + 100);
	add_owner(PLACE);
	ck_assert_int_eq(open_check(checks[_i], NULL), 0);
	scan(checks[_i], UINT64_MAX, NULL);
	ck_assert_uint_eq(found.last.pid, 33);
	ck_assert_str_eq(found.last.comm, "holder");
	ck_assert_uint_eq(found.last.address & ~(GUEST_PAGE - 1), USER_VA);
	ck_assert_str_eq(found.last.object, _i ? "key web-tls/1 raw in pid 33" :
			 "rule lab in pid 33");
	checks[_i]->close(state);
}
END_TEST

/* Tables that lead to themselves: each process has as many as one may, and all
 * together have more than are read for one answer. */
START_TEST(tables_without_an_end_are_not_read_to_it)
{
	static uint8_t map[TASK_FIXTURE_MEMORY / GUEST_PAGE / 8 + 1];
	uint64_t pgd = (f.heap + GUEST_PAGE - 1) & ~(GUEST_PAGE - 1), mm;
	uint64_t physical = TASK_FIXTURE_HEAP_AT + (pgd - TASK_FIXTURE_HEAP);
	struct fixture_task t;

	f.heap = pgd + GUEST_PAGE;
	for (unsigned i = 0; i < 24; i++)
		guest_fixture_poke_u64(&f.guest, pgd + 8 * i, physical | 7);
	mm = task_fixture_alloc(&f, 2048);
	task_fixture_set(&f, mm, VHSM_L_mm_struct__pgd, pgd);
	for (unsigned pid = 2; pid < 60; pid++) {
		t = task_fixture_add(&f, pid, "loop", 0, f.init_task);
		task_fixture_set(&f, t.va, VHSM_L_task_struct__mm, mm);
		if (pid == 10)
			ck_assert_int_eq(vhsm_user_frames(&f.kernel, map,
				TASK_FIXTURE_MEMORY / GUEST_PAGE, why), 0);
	}
	ck_assert_int_eq(vhsm_user_frames(&f.kernel, map,
			 TASK_FIXTURE_MEMORY / GUEST_PAGE, why), -E2BIG);
}
END_TEST

START_TEST(it_is_found_across_two_frames)
{
	int before;

	for (before = 1; before < 15; before++) {
		put(_i, PLACE + GUEST_PAGE - (uint64_t)before);
		ck_assert_int_eq(open_check(checks[_i], NULL), 0);
		scan(checks[_i], UINT64_MAX, NULL);
		ck_assert_uint_ge(found.count, 1);
		checks[_i]->close(state);
	}
}
END_TEST

/* Opens the check, which has scanned all memory; what is put there afterwards
 * is seen when its frame is read again. */
static void open_scanned(const struct vhsm_check *check)
{
	ck_assert_int_eq(open_check(check, NULL), 0);
	scan(check, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, 0);
	vhsm_guest_memory_forget(f.kernel.memory);
}

START_TEST(frames_that_were_not_written_are_left_out)
{
	open_scanned(checks[_i]);
	put(_i, PLACE + 100);
	mark_dirty(PLACE + GUEST_PAGE);
	scan(checks[_i], UINT64_MAX, dirty);
	ck_assert_uint_eq(found.count, 0);
	mark_dirty(PLACE);
	scan(checks[_i], UINT64_MAX, dirty);
	ck_assert_uint_ge(found.count, 1);
	checks[_i]->close(state);
}
END_TEST

/* Its end, or its beginning, was there before. */
START_TEST(a_written_frame_is_joined_with_its_neighbours)
{
	unsigned side;

	for (side = 0; side < 2; side++) {
		memset(dirty, 0, TASK_FIXTURE_MEMORY / GUEST_PAGE / 8 + 1);
		mark_dirty(PLACE + side * GUEST_PAGE);
		clear(PLACE + GUEST_PAGE - 8);
		open_scanned(checks[_i]);
		put(_i, PLACE + GUEST_PAGE - 8);
		scan(checks[_i], UINT64_MAX, dirty);
		ck_assert_uint_ge(found.count, 1);
		checks[_i]->close(state);
	}
}
END_TEST

START_TEST(a_slice_ends_at_its_deadline_and_the_next_goes_on)
{
	put(_i, TASK_FIXTURE_MEMORY / 2);
	ck_assert_int_eq(open_check(checks[_i], NULL), 0);
	ck_assert_uint_gt(scan(checks[_i], 0, NULL), 10);
	ck_assert_uint_ge(found.count, 1);
	/* and a second scan begins anew */
	ck_assert_uint_gt(scan(checks[_i], 0, NULL), 10);
	ck_assert_uint_ge(found.count, 1);
	checks[_i]->close(state);
}
END_TEST

/* Another key's, which nobody has written since. */
static struct vhsm_fingerprints *set_of(const uint8_t *window, const char *name)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();

	ck_assert_int_eq(vhsm_fingerprints_add(set, name, window), 0);
	return set;
}

START_TEST(all_memory_is_searched_for_keys_told_later)
{
	const struct vhsm_check *check = &vhsm_check_secret_leak;

	guest_fixture_write(&f.guest, PLACE + 100, other, sizeof(other));
	open_scanned(check);
	ck_assert_int_eq(check->fingerprints(state, set_of(other, "late/1"),
					     why), 0);
	scan(check, UINT64_MAX, dirty);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_str_eq(found.last.object, "key late/1");
	/* Once: then what is written suffices. */
	scan(check, UINT64_MAX, dirty);
	ck_assert_uint_eq(found.count, 0);
	check->close(state);
}
END_TEST

START_TEST(keys_told_in_the_middle_of_a_scan_are_searched_for_from_the_start)
{
	const struct vhsm_check *check = &vhsm_check_secret_leak;
	struct vhsm_sweep sweep = { .kernel = &f.kernel, .number = 1,
				    .report = note };
	unsigned i;

	guest_fixture_write(&f.guest, 64, other, sizeof(other));
	ck_assert_int_eq(open_check(check, NULL), 0);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(check->run(state, &sweep, why),
				 VHSM_CHECK_MORE);
	ck_assert_int_eq(check->fingerprints(state, set_of(other, "late/1"),
					     why), 0);
	scan(check, UINT64_MAX, dirty);
	ck_assert_uint_eq(found.count, 1);
	check->close(state);
}
END_TEST

START_TEST(keys_that_are_to_be_told_fail_the_check_until_they_are)
{
	const struct vhsm_check *check = &vhsm_check_secret_leak;
	const struct vhsm_check_setup setup = { .reference = reference,
						.fingerprints_told = true };
	struct vhsm_sweep sweep = { .kernel = &f.kernel, .number = 1,
				    .report = note,
				    .deadline_ns = UINT64_MAX };

	guest_fixture_write(&f.guest, PLACE, other, sizeof(other));
	ck_assert_int_eq(check->open(&setup, &state, why), 0);
	ck_assert_int_eq(check->run(state, &sweep, why), -ENODATA);
	ck_assert_ptr_nonnull(strstr(why, "was not told"));
	/* A guest that has none. */
	ck_assert_int_eq(check->fingerprints(state, vhsm_fingerprints_new(),
					     why), 0);
	scan(check, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, 0);
	ck_assert_int_eq(check->fingerprints(state, set_of(other, "late/1"),
					     why), 0);
	scan(check, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, 1);
	check->close(state);
}
END_TEST

START_TEST(a_key_is_reported_without_its_bytes)
{
	put(1, PLACE + 100);
	ck_assert_int_eq(open_check(&vhsm_check_secret_leak, NULL), 0);
	scan(&vhsm_check_secret_leak, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.last.before_len + found.last.after_len, 0);
	ck_assert_uint_eq(found.last.after[0], 0);
	vhsm_check_secret_leak.close(state);
}
END_TEST

START_TEST(a_scope_looks_only_where_it_says)
{
	static const struct {
		const char *options;
		unsigned owned, not_owned;
	} scopes[] = {
		{ "{\"scope\": \"all\"}", 1, 1 },
		{ "{\"scope\": \"processes\"}", 1, 0 },
		{ "{\"scope\": \"kernel\"}", 0, 1 },
	};

	put(0, PLACE + 100);
	ck_assert_msg(!open_check(&vhsm_check_yara, scopes[_i].options), "%s",
		      why);
	scan(&vhsm_check_yara, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, scopes[_i].not_owned);
	add_owner(PLACE);
	scan(&vhsm_check_yara, UINT64_MAX, NULL);
	ck_assert_uint_eq(found.count, scopes[_i].owned);
	vhsm_check_yara.close(state);
}
END_TEST

START_TEST(options_that_are_not_known_are_refused)
{
	ck_assert_int_eq(open_check(&vhsm_check_yara, "{\"scope\": \"some\"}"),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "some"));
	ck_assert_int_eq(open_check(&vhsm_check_yara, "{\"speed\": \"1\"}"),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "speed"));
}
END_TEST

START_TEST(a_baseline_without_the_file_leaves_the_check_out)
{
	char name[64], away[72];
	int r;

	snprintf(name, sizeof(name), "%s/%s", dir,
		 _i ? "fingerprints.json" : "rules.yar");
	snprintf(away, sizeof(away), "%s.away", name);
	ck_assert_int_eq(rename(name, away), 0);
	r = open_check(checks[_i], NULL);
	ck_assert_int_eq(rename(away, name), 0);
	ck_assert_int_eq(r, -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory-checks");
	TCase *tests = tcase_create("memory-checks");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("SKIP: no kernel to test with (VHSM_TEST_KERNEL)");
		return SKIP;
	}
	runner = srunner_create(suite);
	tcase_add_unchecked_fixture(tests, setup_reference, teardown_reference);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, nothing_is_found_where_nothing_is, 0, 2);
	tcase_add_loop_test(tests, it_is_found_with_its_place, 0, 2);
	tcase_add_loop_test(tests, its_process_is_named, 0, 2);
	tcase_add_test(tests, all_memory_is_searched_for_keys_told_later);
	tcase_add_test(tests,
		keys_told_in_the_middle_of_a_scan_are_searched_for_from_the_start);
	tcase_add_test(tests,
		       keys_that_are_to_be_told_fail_the_check_until_they_are);
	tcase_add_test(tests, tables_without_an_end_are_not_read_to_it);
	tcase_add_loop_test(tests, it_is_found_across_two_frames, 0, 2);
	tcase_add_loop_test(tests, frames_that_were_not_written_are_left_out,
			    0, 2);
	tcase_add_loop_test(tests, a_written_frame_is_joined_with_its_neighbours,
			    0, 2);
	tcase_add_loop_test(tests, a_slice_ends_at_its_deadline_and_the_next_goes_on,
			    0, 2);
	tcase_add_test(tests, a_key_is_reported_without_its_bytes);
	tcase_add_loop_test(tests, a_scope_looks_only_where_it_says, 0, 3);
	tcase_add_test(tests, options_that_are_not_known_are_refused);
	tcase_add_loop_test(tests, a_baseline_without_the_file_leaves_the_check_out,
			    0, 2);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
