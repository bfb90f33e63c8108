// SPDX-License-Identifier: Apache-2.0
/*
 * What the gate lets through, with a clock of the test's: levels, leases,
 * rates, and results whose gate shuts between their making and their
 * publication.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/crypto-memory.h"
#include "engine/call.h"
#include "engine/guard.h"
#include "engine/keys.h"

#define SECOND UINT64_C(1000000000)

static struct vhsm_gate gate;
static struct vhsm_guard guard;
static uint64_t clock_ns;

static uint64_t test_clock(void)
{
	return clock_ns;
}

static void setup(void)
{
	memset(&gate, 0, sizeof(gate));
	gate.epoch = 1;
	gate.lease_until_ns = VHSM_LEASE_NONE;
	vhsm_guard_init(&guard, &gate);
	guard.clock = test_clock;
	clock_ns = 5 * SECOND;
}

static enum vhsm_status enter(uint16_t op)
{
	uint64_t now_ns = 0, epoch;

	return vhsm_guard_enter(&guard, op, &now_ns, &epoch);
}

static enum vhsm_status leave(uint16_t op, uint64_t epoch)
{
	uint64_t now_ns = clock_ns;

	return vhsm_guard_leave(&guard, op, epoch, &now_ns);
}

static const struct {
	uint32_t level;
	enum vhsm_status making, checking;
} levels[] = {
	{ VHSM_GATE_FULL, VHSM_S_OK, VHSM_S_OK },
	{ VHSM_GATE_THROTTLED, VHSM_S_OK, VHSM_S_OK },
	{ VHSM_GATE_VERIFY_ONLY, VHSM_S_VERIFY_ONLY, VHSM_S_OK },
	{ VHSM_GATE_REVOKED, VHSM_S_UNAPPROVED, VHSM_S_UNAPPROVED },
	{ 4, VHSM_S_UNAPPROVED, VHSM_S_UNAPPROVED },
	{ UINT32_MAX, VHSM_S_UNAPPROVED, VHSM_S_UNAPPROVED },
};

START_TEST(a_level_lets_through_what_it_says)
{
	static const uint16_t making[] = {
		VHSM_OP_SIGN, VHSM_OP_ENCRYPT, VHSM_OP_MAC
	}, checking[] = {
		VHSM_OP_VERIFY, VHSM_OP_DECRYPT, VHSM_OP_MAC_VERIFY
	};

	gate.level = levels[_i].level;
	gate.rate = 100;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(enter(making[i]), levels[_i].making);
		ck_assert_int_eq(leave(making[i], 1), levels[_i].making);
		ck_assert_int_eq(enter(checking[i]), levels[_i].checking);
		ck_assert_int_eq(leave(checking[i], 1), levels[_i].checking);
	}
}
END_TEST

START_TEST(a_lease_ends_at_its_time)
{
	gate.lease_until_ns = clock_ns + 10;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_OK);
	clock_ns += 9;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_OK);
	clock_ns += 1;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_LEASE_STALE);
	ck_assert_int_eq(enter(VHSM_OP_VERIFY), VHSM_S_LEASE_STALE);
}
END_TEST

START_TEST(a_lease_not_given_yet_is_shut_at_any_time)
{
	gate.lease_until_ns = 0;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_LEASE_STALE);
	ck_assert_int_eq(enter(VHSM_OP_VERIFY), VHSM_S_LEASE_STALE);
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 1), VHSM_S_LEASE_STALE);
	clock_ns = 0;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_LEASE_STALE);
	clock_ns = UINT64_MAX;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_LEASE_STALE);
}
END_TEST

START_TEST(a_revoked_guest_hears_that_and_not_of_its_lease)
{
	gate.lease_until_ns = _i ? clock_ns - 1 : 0;
	gate.level = VHSM_GATE_REVOKED;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_UNAPPROVED);
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 1), VHSM_S_UNAPPROVED);
}
END_TEST

START_TEST(the_batchs_time_does_not_stretch_a_lease_at_the_end)
{
	uint64_t now_ns = clock_ns, epoch;

	gate.lease_until_ns = clock_ns + 10;
	clock_ns += 11;
	ck_assert_int_eq(vhsm_guard_enter(&guard, VHSM_OP_SIGN, &now_ns,
					  &epoch), VHSM_S_OK);
	ck_assert_int_eq(vhsm_guard_leave(&guard, VHSM_OP_SIGN, epoch,
					  &now_ns), VHSM_S_LEASE_STALE);
	ck_assert_uint_eq(now_ns, clock_ns);
	ck_assert_int_eq(vhsm_guard_enter(&guard, VHSM_OP_SIGN, &now_ns,
					  &epoch), VHSM_S_LEASE_STALE);
}
END_TEST

START_TEST(what_began_under_an_epoch_that_is_over_is_not_published)
{
	gate.epoch = 2;
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 1), VHSM_S_CANCELLED);
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 2), VHSM_S_OK);
	gate.level = VHSM_GATE_VERIFY_ONLY;
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 1), VHSM_S_VERIFY_ONLY);
	ck_assert_int_eq(leave(VHSM_OP_VERIFY, 1), VHSM_S_CANCELLED);
	gate.level = VHSM_GATE_THROTTLED;
	ck_assert_int_eq(leave(VHSM_OP_SIGN, 1), VHSM_S_THROTTLED);
}
END_TEST

static unsigned admitted(unsigned tries)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += enter(VHSM_OP_SIGN) == VHSM_S_OK;
	return count;
}

START_TEST(a_rate_admits_one_seconds_worth_at_once_and_then_its_rate)
{
	static const uint32_t rates[] = { 1, 10, 1000, 1000000 };
	uint32_t rate = rates[_i];

	gate.level = VHSM_GATE_THROTTLED;
	gate.rate = rate;
	ck_assert_uint_eq(admitted(2 * rate), rate);
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_THROTTLED);
	clock_ns += SECOND / rate;
	ck_assert_uint_eq(admitted(10), 1);
	clock_ns += 100 * SECOND;
	ck_assert_uint_eq(admitted(2 * rate), rate);
}
END_TEST

START_TEST(no_rate_admits_nothing)
{
	gate.level = VHSM_GATE_THROTTLED;
	ck_assert_int_eq(enter(VHSM_OP_SIGN), VHSM_S_THROTTLED);
}
END_TEST

/* ---------------------------------------------------------- publication */

static struct vhsm_epoch epoch;
static struct vhsm_keys keys;
static uint8_t pool[16384];
static struct vhsm_call call;

#define AT_NONCE 0
#define AT_TAG 64
#define AT_OUTPUT 8192
#define LEN 1024u

static void load_key(void)
{
	static struct vhsm_msg_key msg;
	struct vhsm_key_version *replaced;
	char name[VHSM_NAME_MAX] = "k";
	size_t len = sizeof(msg.material);
	const char *what;

	ck_assert_int_eq(vhsm_crypto_memory_init(), 0);
	ck_assert_int_eq(vhsm_ops_init(&what), 0);
	vhsm_epoch_init(&epoch);
	ck_assert_int_eq(vhsm_keys_init(&keys, &epoch), 0);
	msg.hdr.len = sizeof(msg);
	msg.name[0] = 'k';
	msg.type = VHSM_KEY_AES_256;
	msg.state = VHSM_KEY_ENABLED;
	msg.usages = VHSM_USE_ENCRYPT | VHSM_USE_DECRYPT;
	msg.version = 1;
	ck_assert_int_eq(vhsm_family_of_type(msg.type)->generate(
		msg.type, msg.material, &len), 0);
	msg.material_len = len;
	ck_assert_int_eq(vhsm_keys_load(&keys, &msg, &replaced), 0);
	call.request.key = vhsm_keys_open(&keys, name)->handle;
}

/* Up to its result, which is in the pool already but for tag and nonce. */
static enum vhsm_status begin(struct vhsm_key_version **v, uint64_t *now_ns)
{
	struct vhsm_thread thread = { .index = 0 };
	struct vhsm_segment *seg = call.request.u.seg;

	load_key();
	call.request.op = VHSM_OP_ENCRYPT;
	call.request.mechanism = VHSM_MECH_AES_GCM;
	seg[VHSM_SEG_PARAM] = (struct vhsm_segment){ AT_NONCE,
						     VHSM_NONCE_LEN };
	seg[VHSM_SEG_TAG] = (struct vhsm_segment){ AT_TAG, VHSM_TAG_LEN };
	seg[VHSM_SEG_INPUT] = (struct vhsm_segment){ 4096, LEN };
	seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){ AT_OUTPUT, LEN };
	ck_assert_int_eq(vhsm_guard_enter(&guard, VHSM_OP_ENCRYPT, now_ns,
					  &call.epoch), VHSM_S_OK);
	ck_assert_int_eq(vhsm_call_find(&call, &keys, v), VHSM_S_OK);
	vhsm_call_prepare(&call, pool);
	return vhsm_call_run(&call, *v, &thread);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len && !*bytes) {
		bytes++;
		len--;
	}
	return !len;
}

static void ck_nothing_published(void)
{
	ck_assert(is_zero(pool + AT_OUTPUT, LEN));
	ck_assert(is_zero(pool + AT_TAG, VHSM_TAG_LEN));
	ck_assert(is_zero(pool + AT_NONCE, VHSM_NONCE_LEN));
}

START_TEST(a_lease_that_runs_out_under_way_takes_the_result_with_it)
{
	struct vhsm_key_version *v;
	uint64_t now_ns = 0;
	enum vhsm_status s;

	gate.lease_until_ns = clock_ns + 100;
	s = begin(&v, &now_ns);
	ck_assert_int_eq(s, VHSM_S_OK);
	ck_assert(!is_zero(pool + AT_OUTPUT, LEN));
	clock_ns += 100;
	s = vhsm_call_publish(&call, &guard, &now_ns, v, pool, s);
	ck_assert_int_eq(s, VHSM_S_LEASE_STALE);
	ck_nothing_published();
}
END_TEST

START_TEST(a_revocation_under_way_takes_the_result_with_it)
{
	struct vhsm_key_version *v;
	uint64_t now_ns = 0;
	enum vhsm_status s = begin(&v, &now_ns);

	gate.level = VHSM_GATE_REVOKED;
	gate.epoch++;
	/* Released again before it is done: still not under this approval. */
	if (_i)
		gate.level = VHSM_GATE_FULL;
	s = vhsm_call_publish(&call, &guard, &now_ns, v, pool, s);
	ck_assert_int_eq(s, _i ? VHSM_S_CANCELLED : VHSM_S_UNAPPROVED);
	ck_nothing_published();
}
END_TEST

START_TEST(an_open_gate_lets_the_result_out)
{
	struct vhsm_key_version *v;
	uint64_t now_ns = 0;
	enum vhsm_status s;

	gate.lease_until_ns = clock_ns + 100;
	s = begin(&v, &now_ns);
	clock_ns += 99;
	s = vhsm_call_publish(&call, &guard, &now_ns, v, pool, s);
	ck_assert_int_eq(s, VHSM_S_OK);
	ck_assert(!is_zero(pool + AT_OUTPUT, LEN));
	ck_assert(!is_zero(pool + AT_TAG, VHSM_TAG_LEN));
}
END_TEST

/* -------------------------------------------------------------- the page */

START_TEST(a_page_that_others_can_write_or_cut_is_no_gate)
{
	static const int seals[] = {
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
		F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE,
		F_SEAL_SHRINK | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
		0,
	};
	int fd = memfd_create("gate", MFD_ALLOW_SEALING);
	char why[VHSM_TEXT_MAX] = "";
	struct vhsm_guard g;

	ck_assert_int_eq(ftruncate(fd, sizeof(gate)), 0);
	if (seals[_i])
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals[_i]), 0);
	ck_assert_int_eq(vhsm_guard_open(&g, fd, why), -EPERM);
	ck_assert_str_ne(why, "");
	close(fd);
}
END_TEST

START_TEST(a_page_of_another_size_is_no_gate)
{
	int fd = memfd_create("gate", MFD_ALLOW_SEALING);
	char why[VHSM_TEXT_MAX];
	struct vhsm_guard g;

	ck_assert_int_eq(ftruncate(fd, sizeof(gate) - 1), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
			       F_SEAL_SEAL | F_SEAL_FUTURE_WRITE), 0);
	ck_assert_int_eq(vhsm_guard_open(&g, fd, why), -EINVAL);
	ck_assert_int_eq(vhsm_guard_open(&g, -1, why), -EINVAL);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine-guard");
	TCase *tc = tcase_create("guard");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, a_level_lets_through_what_it_says, 0,
			    sizeof(levels) / sizeof(levels[0]));
	tcase_add_test(tc, a_lease_ends_at_its_time);
	tcase_add_test(tc, a_lease_not_given_yet_is_shut_at_any_time);
	tcase_add_loop_test(tc, a_revoked_guest_hears_that_and_not_of_its_lease,
			    0, 2);
	tcase_add_test(tc, the_batchs_time_does_not_stretch_a_lease_at_the_end);
	tcase_add_test(tc,
		what_began_under_an_epoch_that_is_over_is_not_published);
	tcase_add_loop_test(tc,
		a_rate_admits_one_seconds_worth_at_once_and_then_its_rate, 0,
		4);
	tcase_add_test(tc, no_rate_admits_nothing);
	tcase_add_test(tc,
		a_lease_that_runs_out_under_way_takes_the_result_with_it);
	tcase_add_loop_test(tc,
		a_revocation_under_way_takes_the_result_with_it, 0, 2);
	tcase_add_test(tc, an_open_gate_lets_the_result_out);
	tcase_add_loop_test(tc, a_page_that_others_can_write_or_cut_is_no_gate,
			    0, 5);
	tcase_add_test(tc, a_page_of_another_size_is_no_gate);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
