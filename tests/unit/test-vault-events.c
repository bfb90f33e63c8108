/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is for the audit log while there is no vault.
 */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/vault-events.h"
#include "common/log.h"
#include "common/message.h"

static struct vhsm_vault_events *events;
static int broker, vault;

static void begin(void)
{
	int fds[2];

	vhsm_log_init("test", false);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, fds), 0);
	broker = fds[0];
	vault = fds[1];
	events = vhsm_vault_events_new();
}

static void end(void)
{
	vhsm_vault_events_free(&events);
	close(broker);
	close(vault);
}

static bool put(int sock, uint32_t number, const char *reason)
{
	struct vhsm_msg_guest_event msg = {
		.hdr = { VHSM_MSG_GUEST_EVENT, sizeof(msg) },
		.event = VHSM_GUEST_LEVEL, .from = number,
	};

	snprintf(msg.reason, sizeof(msg.reason), "%s", reason);
	return vhsm_vault_events_put(events, sock, &msg.hdr, msg.reason);
}

/* The next that the vault gets. */
static const struct vhsm_msg_guest_event *got(void)
{
	_Alignas(8) static char buf[VHSM_MSG_MAX];
	const struct vhsm_msg_guest_event *msg = (void *)buf;

	ck_assert_int_eq(vhsm_msg_recv(vault, buf, NULL, NULL), 1);
	ck_assert_uint_eq(msg->hdr.type, VHSM_MSG_GUEST_EVENT);
	ck_assert_uint_eq(msg->hdr.len, sizeof(*msg));
	return msg;
}

static void nothing(void)
{
	_Alignas(8) char buf[VHSM_MSG_MAX];

	ck_assert_int_ne(vhsm_msg_recv(vault, buf, NULL, NULL), 1);
}

START_TEST(with_a_vault_it_is_sent_at_once_and_as_it_is)
{
	ck_assert(put(broker, 1, "seen as approved"));
	ck_assert_str_eq(got()->reason, "seen as approved");
}
END_TEST

START_TEST(without_one_it_is_sent_later_in_order_and_says_how_late)
{
	const struct vhsm_msg_guest_event *msg;

	for (uint32_t i = 1; i < 4; i++)
		ck_assert(put(-1, i, "revoked"));
	nothing();
	usleep(20000);
	vhsm_vault_events_flush(events, broker);
	for (uint32_t i = 1; i < 4; i++) {
		msg = got();
		ck_assert_uint_eq(msg->from, i);
		ck_assert_ptr_eq(strstr(msg->reason, "revoked (0."),
				 msg->reason);
		ck_assert_ptr_nonnull(strstr(msg->reason, " s ago)"));
	}
	nothing();
	vhsm_vault_events_flush(events, broker);
	nothing();
}
END_TEST

START_TEST(what_comes_next_does_not_overtake_it)
{
	ck_assert(put(-1, 1, ""));
	ck_assert(put(broker, 2, ""));
	ck_assert_uint_eq(got()->from, 1);
	ck_assert_uint_eq(got()->from, 2);
}
END_TEST

START_TEST(a_vault_that_does_not_read_gets_the_rest_when_it_does)
{
	uint32_t sent = 0, seen = 0;

	/* Until the socket is full, and some more. */
	for (uint32_t i = 0; i < VHSM_VAULT_EVENTS_MAX; i++, sent++)
		ck_assert(put(broker, i, "x"));
	while (seen < sent) {
		ck_assert_uint_eq(got()->from, seen);
		seen++;
		vhsm_vault_events_flush(events, broker);
	}
	nothing();
}
END_TEST

START_TEST(a_text_that_fills_its_room_is_cut_not_overrun)
{
	char text[VHSM_TEXT_MAX];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert(put(-1, 1, text));
	vhsm_vault_events_flush(events, broker);
	ck_assert_ptr_nonnull(strstr(got()->reason, "aa (0."));
}
END_TEST

START_TEST(more_than_are_kept_are_refused)
{
	for (uint32_t i = 0; i < VHSM_VAULT_EVENTS_MAX; i++)
		ck_assert(put(-1, i, "x"));
	ck_assert(!put(-1, 0, "x"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vault-events");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, with_a_vault_it_is_sent_at_once_and_as_it_is);
	tcase_add_test(all,
		without_one_it_is_sent_later_in_order_and_says_how_late);
	tcase_add_test(all, what_comes_next_does_not_overtake_it);
	tcase_add_test(all,
		       a_vault_that_does_not_read_gets_the_rest_when_it_does);
	tcase_add_test(all, a_text_that_fills_its_room_is_cut_not_overrun);
	tcase_add_test(all, more_than_are_kept_are_refused);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
