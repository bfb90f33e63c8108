/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhsm-monitor itself; the responder is not always a friendly one.
 */
#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "unit/scanner-rig.h"

/* Changes a byte of the kernel's text. */
static void tamper(void)
{
	struct vhsm_reference *reference = guest_fixture_reference();
	const uint8_t evil[2] = { 0xeb, 0xfe };
	uint64_t va;

	ck_assert_int_eq(vhsm_reference_symbol(reference, "cap_capable", &va),
			 0);
	guest_fixture_poke(&guest, va + SLIDE + 16, evil, sizeof(evil));
	vhsm_reference_close(&reference);
}

/* --- tests --- */

START_TEST(an_untouched_kernel_is_clean_and_a_changed_one_is_found)
{
	struct vhsm_finding f;
	struct vhsm_verdict v;
	char why[VHSM_MESSAGE_WHY_LEN];
	const void *payload;
	const char *text;
	uint32_t type;
	size_t len;

	begin_clean("{\"kernel-text\": null}");
	tamper();
	/* Pages of an image are read once, until they are forgotten. */
	for (uint64_t n = 2; n < 65; n++) {
		order(n);
		do {
			receive(&type, &payload, &len);
		} while (type == VHSM_FRAME_FINDING);
		ck_assert_uint_eq(type, VHSM_FRAME_VERDICT);
	}
	for (uint64_t n = 65; n < 67; n++) {
		order(n);
		text = expect(VHSM_FRAME_FINDING, &len);
		ck_assert_int_eq(vhsm_finding_decode(&f, text, len, why), 0);
		ck_assert_int_eq(f.check, VHSM_CHECK_KERNEL_TEXT);
		ck_assert_ptr_nonnull(strstr(f.symbol, "cap_capable"));
		expect_verdict(&v, n);
		ck_assert(!v.clean);
		ck_assert_uint_eq(v.findings, 1);
	}
}
END_TEST

START_TEST(a_guest_without_a_kernel_is_not_clean_and_the_next_sweep_is_taken)
{
	const char zeros[4096] = { 0 };
	struct vhsm_verdict v;

	/* The top table: nothing is mapped any more. */
	guest_fixture_write(&guest, guest.root, zeros, sizeof(zeros));
	begin("{\"kernel-text\": null}");
	for (uint64_t n = 1; n < 4; n++) {
		order(n);
		expect_verdict(&v, n);
		ck_assert(!v.clean);
		ck_assert(v.error[0]);
		ck_assert_uint_eq(v.run_count, 0);
	}
}
END_TEST

START_TEST(a_kernel_that_boots_is_not_looked_at_for_as_long_as_that_may_take)
{
	struct vhsm_verdict v;
	uint64_t n = 0;
	size_t len;

	boot_ms = "400";
	begin("{\"kernel-text\": null}");
	order(++n);
	expect_verdict(&v, n);
	ck_assert(!v.clean);
	ck_assert_uint_eq(v.run_count, 0);
	ck_assert_ptr_nonnull(strstr(v.error, "not started a process"));
	usleep(400000);
	order(++n);
	expect(VHSM_FRAME_FOUND, &len);
	expect_verdict(&v, n);
	ck_assert(v.clean);
	ck_assert_uint_eq(v.run_count, 1);
}
END_TEST

START_TEST(registers_that_make_no_sense_are_an_error_of_the_verdict)
{
	struct vhsm_verdict v;

	memset(&guest.vcpu, 0xff, sizeof(guest.vcpu));
	begin("{\"kernel-text\": null}");
	order(1);
	expect_verdict(&v, 1);
	ck_assert(!v.clean);
	ck_assert(v.error[0]);
}
END_TEST

/* Looking at the guest it has nothing left but the guest. */
START_TEST(it_is_locked_before_it_looks_at_the_guest)
{
	struct vhsm_verdict v;
	char path[64], line[256];
	int seen = 0;
	FILE *status;
	size_t len;

	begin("{\"kernel-text\": null}");
	order(1);
	expect(VHSM_FRAME_FOUND, &len);
	expect_verdict(&v, 1);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "r");
	ck_assert_ptr_nonnull(status);
	while (fgets(line, sizeof(line), status)) {
		if (!strcmp(line, "NoNewPrivs:\t1\n") ||
		    !strcmp(line, "Seccomp:\t2\n") ||
		    !strcmp(line, "CapEff:\t0000000000000000\n") ||
		    !strcmp(line, "CapBnd:\t0000000000000000\n"))
			seen++;
		if (!strncmp(line, "Uid:", 4) && geteuid() == 0)
			ck_assert_str_eq(line,
					 "Uid:\t65534\t65534\t65534\t65534\n");
	}
	fclose(status);
#ifdef VHSM_SANITIZED
	ck_assert_int_ge(seen, 0);
#else
	ck_assert_int_ge(seen, geteuid() == 0 ? 3 : 2);
#endif
}
END_TEST

/* The made-up guest has a kernel's text, data and tables and nothing else: what
 * looks at these finds what to look at, the rest says what is missing. */
static const struct {
	enum vhsm_check_number check;
	bool finishes;
} configured[] = {
	{ VHSM_CHECK_KERNEL_TEXT, true },
	{ VHSM_CHECK_KERNEL_RODATA, true },
	{ VHSM_CHECK_SYSCALL_TABLE, true },
	{ VHSM_CHECK_CPU_ENTRY, false },
	{ VHSM_CHECK_INLINE_HOOK, true },
	{ VHSM_CHECK_PROCESS_HIDDEN, false },
	{ VHSM_CHECK_EXEC_UNKNOWN, true },
};

static void all_ran(const struct vhsm_verdict *v)
{
	const size_t count = sizeof(configured) / sizeof(configured[0]);

	/* There are no rules, so there is no YARA. */
	ck_assert_uint_eq(v->run_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct vhsm_check_run *run = v->run;

		while (run < v->run + count &&
		       run->check != configured[i].check)
			run++;
		ck_assert_ptr_ne(run, v->run + count);
		ck_assert_msg(run->finished == configured[i].finishes &&
			      !run->finished == (run->error[0] != '\0') &&
			      (!run->finished || run->objects > 0),
			      "check %d: finished %d, objects %llu, error "
			      "\"%s\"", run->check, run->finished,
			      (unsigned long long)run->objects, run->error);
	}
}

START_TEST(every_configured_check_runs_on_a_real_kernel_or_says_why_not)
{
	struct vhsm_verdict v;
	const void *payload;
	char why[VHSM_MESSAGE_WHY_LEN];
	uint32_t type;
	size_t len;

	begin("{\"kernel-text\": null, \"kernel-rodata\": null,"
	      " \"syscall-table\": null, \"cpu-entry\": null,"
	      " \"inline-hook\": null, \"process-hidden\": null,"
	      " \"exec-unknown\": null, \"yara\": null}");
	for (uint64_t n = 1; n < 4; n++) {
		order(n);
		do
			ck_assert(receive(&type, &payload, &len));
		while (type != VHSM_FRAME_VERDICT);
		ck_assert_int_eq(vhsm_verdict_decode(&v, payload, len, why), 0);
		all_ran(&v);
	}
}
END_TEST

START_TEST(what_a_guest_has_is_learned_when_asked_for)
{
	const struct vhsm_check_info *check;
	struct vhsm_verdict v;
	char why[VHSM_MESSAGE_WHY_LEN];
	const void *payload;
	json_t *learned;
	uint32_t type;
	size_t len;

	begin_clean("{\"kernel-text\": null}");
	ck_assert_int_eq(vhsm_channel_send(channel, VHSM_FRAME_LEARN, NULL, 0),
			 0);
	order(2);
	expect_verdict(&v, 2);
	while (receive(&type, &payload, &len) && type == VHSM_FRAME_LEARNED) {
		ck_assert_int_eq(vhsm_learned_decode(&check, &learned, payload,
						     len, why), 0);
		json_decref(learned);
	}
	ck_assert_uint_eq(type, VHSM_FRAME_LEARN_DONE);
	/* Once. */
	order(3);
	expect_verdict(&v, 3);
	order(4);
	expect_verdict(&v, 4);
}
END_TEST

static void expect_learn_failed(const char *reason)
{
	char why[VHSM_MESSAGE_WHY_LEN], text[VHSM_LOG_TEXT_LEN];
	const char *payload;
	size_t len;

	payload = expect(VHSM_FRAME_LEARN_FAILED, &len);
	ck_assert_int_eq(vhsm_learn_failed_decode(text, payload, len, why), 0);
	ck_assert_str_eq(text, reason);
}

START_TEST(a_guest_that_is_not_clean_teaches_nothing)
{
	struct vhsm_verdict v;
	size_t len;

	tamper();
	begin("{\"kernel-text\": null}");
	ck_assert_int_eq(vhsm_channel_send(channel, VHSM_FRAME_LEARN, NULL, 0),
			 0);
	order(1);
	expect(VHSM_FRAME_FINDING, &len);
	expect(VHSM_FRAME_FOUND, &len);
	expect_verdict(&v, 1);
	expect_learn_failed("the guest is not clean");
	/* Once. */
	order(2);
	expect(VHSM_FRAME_FINDING, &len);
	expect_verdict(&v, 2);
}
END_TEST

START_TEST(a_guest_without_a_kernel_teaches_nothing)
{
	const char zeros[4096] = { 0 };
	struct vhsm_verdict v;

	guest_fixture_write(&guest, guest.root, zeros, sizeof(zeros));
	begin("{\"kernel-text\": null}");
	ck_assert_int_eq(vhsm_channel_send(channel, VHSM_FRAME_LEARN, NULL, 0),
			 0);
	order(1);
	expect_verdict(&v, 1);
	expect_learn_failed(v.error);
}
END_TEST

/* --- a responder that is no good one --- */

START_TEST(it_ends_when_the_responder_does)
{
	begin_clean("{\"kernel-text\": null}");
	vhsm_channel_close(&channel);
	close(raw);
	raw = -1;
	ck_assert_int_eq(exit_status(), 0);
}
END_TEST

START_TEST(an_order_before_the_configuration_is_refused)
{
	size_t len;

	start(guest.path);
	expect(VHSM_FRAME_HELLO, &len);
	order(1);
	expect_refusal("before a configuration");
}
END_TEST

START_TEST(a_baseline_that_cannot_be_read_is_told)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/reference", baseline);
	ck_assert(!truncate(path, 5000) || errno == ENOENT);
	begin("{}");
	expect_refusal("reference");
}
END_TEST

static const struct {
	uint32_t type;
	const char *payload, *text;
} bad[] = {
	{ VHSM_FRAME_CONFIGURE, "{}", "second configuration" },
	{ VHSM_FRAME_SWEEP, "{\"number\":", "not JSON" },
	{ VHSM_FRAME_SWEEP, "{\"number\":1,\"logged\":true,\"vcpus\":[]}", "not higher" },
	{ VHSM_FRAME_DIRTY, "short", "dirty" },
	{ VHSM_FRAME_DIRTY, "\x80\x80\x80\x80\x80\x80\x80\x80\x80", "dirty" },
	{ VHSM_FRAME_VERDICT, "{}", "only a monitor" },
};

START_TEST(a_bad_frame_ends_it_and_it_says_why)
{
	begin_clean("{\"kernel-text\": null}");
	ck_assert_int_eq(vhsm_channel_send(channel, bad[_i].type,
					   bad[_i].payload,
					   strlen(bad[_i].payload)), 0);
	expect_refusal(bad[_i].text);
}
END_TEST

START_TEST(what_is_no_frame_ends_it)
{
	begin_clean("{\"kernel-text\": null}");
	ck_assert_int_eq(write(raw, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	ck_assert_int_eq(exit_status(), 1);
}
END_TEST

/* Nobody reads for a thousand sweeps: they are done, and it still answers. */
START_TEST(a_responder_that_does_not_read_does_not_stop_it)
{
	const void *payload;
	uint32_t type;
	size_t len;
	uint64_t n, last = 0;
	struct vhsm_verdict v;
	char why[VHSM_MESSAGE_WHY_LEN];

	begin_clean("{\"syscall-table\": null}");
	for (n = 2; n < 1000; n++)
		order(n);
	while (last < n - 1) {
		ck_assert(receive(&type, &payload, &len));
		if (type != VHSM_FRAME_VERDICT)
			continue;
		ck_assert_int_eq(vhsm_verdict_decode(&v, payload, len, why), 0);
		ck_assert_uint_gt(v.number, last);
		last = v.number;
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, an_order_before_the_configuration_is_refused);
	tcase_add_test(tests, a_baseline_that_cannot_be_read_is_told);
}

static void add_tests_with_a_kernel(TCase *tests)
{
	tcase_add_test(tests,
		an_untouched_kernel_is_clean_and_a_changed_one_is_found);
	tcase_add_test(tests,
		a_guest_without_a_kernel_is_not_clean_and_the_next_sweep_is_taken);
	tcase_add_test(tests,
		a_kernel_that_boots_is_not_looked_at_for_as_long_as_that_may_take);
	tcase_add_test(tests,
		registers_that_make_no_sense_are_an_error_of_the_verdict);
	tcase_add_test(tests, it_is_locked_before_it_looks_at_the_guest);
	tcase_add_test(tests,
		every_configured_check_runs_on_a_real_kernel_or_says_why_not);
	tcase_add_test(tests, what_a_guest_has_is_learned_when_asked_for);
	tcase_add_test(tests, a_guest_that_is_not_clean_teaches_nothing);
	tcase_add_test(tests, a_guest_without_a_kernel_teaches_nothing);
	tcase_add_test(tests, it_ends_when_the_responder_does);
	tcase_add_loop_test(tests, a_bad_frame_ends_it_and_it_says_why, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tests, what_is_no_frame_ends_it);
	tcase_add_test(tests, a_responder_that_does_not_read_does_not_stop_it);
}

int main(void)
{
	TCase *tests = tcase_create("scanner");

	add_tests(tests);
	if (guest_fixture_kernel())
		add_tests_with_a_kernel(tests);
	return scanner_run(tests);
}
