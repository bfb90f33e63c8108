/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-inspect.c - vhsm-inspect as it is called: what it prints and with what
 * it ends, of a real kernel that was moved, and tampered with.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "introspect/record.h"
#include "kernel-image/builder.h"
#include "unit/guest-fixture.h"

#define MEMORY	(UINT64_C(256) << 20)
#define SLIDE	(UINT64_C(64) << 20)
#define SKIP	77

static struct guest_fixture f;
static char dir[] = "/tmp/test-inspect.XXXXXX";
static char reference_path[64], image[64];
static struct vhsm_reference *reference;
static char output[65536];

static void setup(void)
{
	char why[VHSM_BUILDER_WHY_LEN] = "";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(reference_path, sizeof(reference_path), "%s/reference", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	guest_fixture_reference_file(reference_path);
	reference = vhsm_reference_open(reference_path, why);
	ck_assert_msg(reference, "%s", why);
	guest_fixture_init(&f, MEMORY, false);
	guest_fixture_load_kernel(&f, reference, SLIDE, 0);
}

static void teardown(void)
{
	char json[80];

	guest_fixture_deinit(&f);
	vhsm_reference_close(&reference);
	unlink(reference_path);
	unlink(image);
	snprintf(json, sizeof(json), "%s.json", image);
	unlink(json);
	ck_assert_int_eq(rmdir(dir), 0);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

/* A recording of the guest as it is now. */
static void record(void)
{
	static struct vhsm_recording recording;
	char why[VHSM_RECORD_WHY_LEN];

	recording.vcpu_count = 1;
	recording.vcpu[0] = f.vcpu;
	ck_assert_msg(!vhsm_record_write(&recording, f.memory, image, why),
		      "%s", why);
}

/* Runs it with these arguments: its exit status, with output filled. */
static int run(const char *arguments)
{
	char command[512];
	FILE *pipe;
	size_t len;
	int status;

	snprintf(command, sizeof(command), "./vhsm-inspect %s 2>&1",
		 arguments);
	pipe = popen(command, "re");
	ck_assert_ptr_nonnull(pipe);
	len = fread(output, 1, sizeof(output) - 1, pipe);
	output[len] = '\0';
	status = pclose(pipe);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run_on_image(const char *command, const char *more)
{
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "%s -i %s -r %s %s", command,
		 image, reference_path, more);
	return run(arguments);
}

static uint64_t symbol(const char *name)
{
	uint64_t va;

	ck_assert_int_eq(vhsm_reference_symbol(reference, name, &va), 0);
	return va + SLIDE;
}

START_TEST(moved_kernel_is_clean)
{
	record();
	ck_assert_msg(!run_on_image("check", "-c kernel-text,kernel-rodata"),
		      "%s", output);
	ck_assert_ptr_nonnull(strstr(output, "\n0 findings\n"));
}
END_TEST

START_TEST(tampered_text_is_a_finding_with_evidence)
{
	json_t *json, *finding;

	guest_fixture_poke(&f, symbol("commit_creds") + 32, "\xe9\1\2\3\4", 5);
	record();
	ck_assert_int_eq(run_on_image("check", "-c kernel-text"), 4);
	ck_assert_ptr_nonnull(strstr(output, "commit_creds"));
	ck_assert_int_eq(run_on_image("check", "-c kernel-text -j"), 4);
	json = json_loads(output, 0, NULL);
	ck_assert_msg(json, "%s", output);
	ck_assert(json_is_false(json_object_get(json, "clean")));
	finding = json_array_get(json_object_get(json, "findings"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(finding, "check")),
			 "kernel-text");
	json_decref(json);
}
END_TEST

START_TEST(check_that_cannot_read_is_no_approval)
{
	/* the list of tasks leads into nowhere */
	record();
	ck_assert_int_eq(run_on_image("check", "-c process-hidden"), 1);
	ck_assert_ptr_nonnull(strstr(output, "not every check could run"));
}
END_TEST

START_TEST(another_kernel_is_an_error)
{
	uint64_t zero = 0;

	guest_fixture_write(&f, f.root + 8 * 511, &zero, sizeof(zero));
	record();
	ck_assert_int_eq(run_on_image("info", ""), 1);
	ck_assert_ptr_nonnull(strstr(output, "no text like"));
	ck_assert_int_eq(run_on_image("check", ""), 1);
}
END_TEST

START_TEST(a_recording_that_was_changed_is_told)
{
	FILE *file;

	record();
	run_on_image("info", "");
	ck_assert_ptr_null(strstr(output, "not as it was recorded"));
	file = fopen(image, "r+e");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, 8 * 4096 + 5, SEEK_SET), 0);
	ck_assert_int_eq(fputc('x', file), 'x');
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(run_on_image("info", ""), 1);
	ck_assert_ptr_nonnull(strstr(output, "not as it was recorded"));
}
END_TEST

START_TEST(wrong_options_are_explained)
{
	static const char *const wrong[] = {
		"", "nonsense", "info", "info -i x", "info -r x",
		"info -i x -d y -r z", "check -i x -r y -b z", "record -d x",
		"record -o x", "record -i x -o y", "info check", "--nonsense",
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(run(wrong[i]) == 2, "%s", wrong[i]);
		ck_assert_msg(strstr(output, "vhsm-inspect: "), "%s: %s",
			      wrong[i], output);
	}
	ck_assert_int_eq(run("check -i /nonesuch -r x"), 1);
	record();
	ck_assert_int_eq(run_on_image("check", "-c no-such-check"), 1);
	ck_assert_ptr_nonnull(strstr(output, "no-such-check"));
	ck_assert_int_eq(run("--help"), 0);
	ck_assert_int_eq(run("--version"), 0);
	ck_assert_ptr_nonnull(strstr(output, "vhsm-inspect 0"));
}
END_TEST

START_TEST(checks_are_listed_in_words_and_for_scripts)
{
	json_t *json;
	size_t lines = 0;

	ck_assert_int_eq(run("checks"), 0);
	ck_assert_ptr_nonnull(strstr(output, "kernel-text        T1014 "));
	for (const char *p = output; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_int_eq(run("checks --json"), 0);
	json = json_loads(output, 0, NULL);
	ck_assert_msg(json, "%s", output);
	ck_assert_uint_eq(json_array_size(json), lines);
	ck_assert_str_eq(json_string_value(json_object_get(
		json_array_get(json, 0), "name")), "kernel-text");
	ck_assert_int_eq(json_integer_value(json_object_get(
		json_array_get(json, 0), "severity_id")), 5);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inspect");
	TCase *t = tcase_create("inspect");
	SRunner *runner;
	int failed;

	if (!guest_fixture_kernel()) {
		puts("no kernel to test with (tests/lab/fetch)");
		return SKIP;
	}
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, moved_kernel_is_clean);
	tcase_add_test(t, tampered_text_is_a_finding_with_evidence);
	tcase_add_test(t, check_that_cannot_read_is_no_approval);
	tcase_add_test(t, another_kernel_is_an_error);
	tcase_add_test(t, a_recording_that_was_changed_is_told);
	tcase_add_test(t, wrong_options_are_explained);
	tcase_add_test(t, checks_are_listed_in_words_and_for_scripts);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
