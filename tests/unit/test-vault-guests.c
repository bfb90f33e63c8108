/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that is revoked and released, and what of its gate is on disk. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/vault-fixture.h"
#include "unit/vault-server.h"

static uint64_t buf[VHSM_MSG_MAX / 8];
static struct vhsm_msg_key *const key = (void *)buf;
static struct vhsm_msg_key_state *const state = (void *)buf;
static struct vhsm_msg_key keys[8];

static json_t *to_state(const char *name, const char *to)
{
	return json_pack("{s:s, s:s, s:s}", "uuid", FIXTURE_UUID, "name", name,
			 "state", to);
}

static json_int_t number_of(json_t *result, const char *field)
{
	return json_integer_value(json_object_get(result, field));
}

static json_t *because(const char *reason)
{
	return json_pack("{s:s, s:s}", "uuid", FIXTURE_UUID, "reason", reason);
}

/* Every key, each confirmed; then again, as the responder repeats itself. */
static void revoked_guest_loses_its_keys(void)
{
	struct admin_later later;
	unsigned seen = 0;
	int sock, round, i;

	admin_generate("data", "aes-128");
	admin_generate("web", "ec-p256");
	sock = engine_attach("");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 2);
	for (round = 0; round < 2; round++) {
		admin_later_start(&later, "guest.revoke", because("text"));
		for (i = 0; i < 2; i++) {
			ck_assert_uint_eq(engine_recv(sock, buf),
					  VHSM_MSG_KEY_STATE);
			ck_assert_uint_eq(state->state, VHSM_KEY_REVOKED);
			seen |= 1u << state->index;
			if (i == 1) {
				usleep(100000);
				ck_assert_int_eq(later.answered, 0);
			}
			engine_ack(sock, state->index, state->state);
		}
		admin_later_wait(&later);
		ck_assert_int_eq(number_of(later.result, "keys"), 2);
		ck_assert_int_eq(number_of(later.result, "unconfirmed"), 0);
		ck_assert_int_ge(number_of(later.result, "ms"), 100);
		json_decref(later.result);
	}
	ck_assert_uint_eq(seen, 1u << keys[0].index | 1u << keys[1].index);
	close(sock);
}

static void log_must_have(const char *first, const char *second, int count)
{
	char *text = fixture_read(fixture_path("audit/log.jsonl"), NULL);
	char *line, *rest = text;
	int found = 0;

	while ((line = strsep(&rest, "\n")) != NULL)
		found += strstr(line, first) != NULL &&
			 strstr(line, second) != NULL;
	ck_assert_int_eq(found, count);
	free(text);
}

static void withheld_until_released(void)
{
	static const uint8_t zeros[VHSM_MATERIAL_MAX];
	int sock, i;

	admin_generate("data", "aes-128");
	admin_ok("guest.revoke", because("a\nb\"c"));
	admin_ok("guest.revoke", because("again"));
	sock = engine_attach("");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 1);
	admin_generate("made-meanwhile", "aes-128");
	ck_assert_uint_eq(engine_recv(sock, &keys[1]), VHSM_MSG_KEY);
	admin_ok("key.set-state", to_state("data", "enabled"));
	ck_assert_uint_eq(engine_recv(sock, &keys[2]), VHSM_MSG_KEY);
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(keys[i].state, VHSM_KEY_REVOKED);
		ck_assert_uint_eq(keys[i].material_len, 0);
		ck_assert_mem_eq(keys[i].material, zeros, sizeof(zeros));
	}
	admin_ok("guest.release", because("a false alarm"));
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
		ck_assert_uint_eq(key->state, VHSM_KEY_ENABLED);
		ck_assert_uint_eq(key->material_len, 16);
		ck_assert_uint_ge(key->nonce_fixed, 1);
	}
	admin_ok("guest.release", because("twice"));
	log_must_have("\"guest.revoked\"", "a\\\\x0ab", 1);
	log_must_have("\"guest.revoked\"", "\"uid\"", 1);
	log_must_have("\"guest.released\"", "a false alarm", 1);
	log_must_have("\"guest.released\"", "", 1);
	close(sock);
}

/* Keys that a guest gets after it was revoked are no way around it. */
static void guest_without_keys_is_revoked_too(void)
{
	int sock = engine_attach("");

	ck_assert_uint_eq(engine_load(sock, keys, 8), 0);
	admin_ok("guest.release", because("nothing to release"));
	admin_ok("guest.revoke", because("early"));
	admin_generate("data", "aes-128");
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
	ck_assert_uint_eq(key->state, VHSM_KEY_REVOKED);
	ck_assert_uint_eq(key->material_len, 0);
	close(sock);
}

static void guest_events_are_recorded(void)
{
	struct vhsm_msg_guest_event msg = {
		.hdr = { VHSM_MSG_GUEST_EVENT, sizeof(msg) },
		.event = VHSM_GUEST_LEVEL, .from = 0, .to = 3, .uid = 0,
		.reason = "hook in \x1b",
	};

	broker_send(&msg, NULL, 0);
	msg.event = VHSM_GUEST_LEASE;
	msg.from = VHSM_LEASE_STATE_VALID;
	msg.to = VHSM_LEASE_STATE_STALE;
	msg.uid = VHSM_NO_UID;
	broker_send(&msg, NULL, 0);
	msg.to = VHSM_LEASE_STATE_STALE + 1;
	broker_send(&msg, NULL, 0);
	msg.event = VHSM_GUEST_LEASE + 1;
	msg.to = 0;
	broker_send(&msg, NULL, 0);
	msg.event = VHSM_GUEST_LEASE;
	memset(msg.reason, 'x', sizeof(msg.reason));
	broker_send(&msg, NULL, 0);
	admin_generate("commits", "aes-128");
	log_must_have("\"guest.level\"", "\\\\x1b", 1);
	log_must_have("\"guest.level\"", "\"to\":\"revoked\"", 1);
	log_must_have("\"guest.lease\"", "\"to\":\"stale\"", 1);
	log_must_have("\"guest.lease\"", "", 1);
	log_must_have("\"guest.lease\"", "\"uid\"", 0);
}

static void refusal_is_on_disk_when_acked(void)
{
	struct vhsm_msg_refusal msg = {
		.hdr = { VHSM_MSG_REFUSAL, sizeof(msg) }, .seq = 41, .op = 1,
		.status = VHSM_S_NO_KEY, .name_len = 5,
		.untrusted_name = "a\x01\"\n\xff",
	};
	struct vhsm_msg_audit_ack *ack = (void *)buf;
	int sock = engine_attach("");
	char *text;

	engine_load(sock, keys, 8);
	ck_assert_int_eq(engine_send(sock, &msg), 0);
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_AUDIT_ACK);
	ck_assert_uint_eq(ack->seq, 41);
	text = fixture_read(fixture_path("audit/log.jsonl"), NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"request.refused\""));
	ck_assert_ptr_nonnull(strstr(text, "\\\\x01"));
	ck_assert_ptr_nonnull(strstr(text, "\\\\xff"));
	free(text);
	close(sock);
}

/* This process's descriptor of the audit log. */
static int log_descriptor(void)
{
	char path[64], target[256], want[256];
	ssize_t n;
	int fd;

	snprintf(want, sizeof(want), "%s", fixture_path("audit/log.jsonl"));
	for (fd = 3; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (strcmp(target, want) == 0)
			return fd;
	}
	ck_abort_msg("%s is not open", want);
}

static void *revoke_unrecorded(void *unused)
{
	const char *code = NULL;

	(void)unused;
	ck_assert_ptr_null(admin_call("key.set-state",
				      to_state("data", "revoked"), -1, &code));
	return NULL;
}

/* While the log cannot be written, something else is sent to the engine. */
static void refusal_not_on_disk_is_not_acked(void)
{
	struct vhsm_msg_refusal msg = {
		.hdr = { VHSM_MSG_REFUSAL, sizeof(msg) }, .seq = 1, .op = 1,
		.status = VHSM_S_NO_KEY,
	};
	int sock, log, saved, full = open("/dev/full", O_WRONLY);
	struct vhsm_msg_audit_ack *ack = (void *)buf;
	pthread_t admin;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	log = log_descriptor();
	saved = dup(log);
	ck_assert_int_ge(dup2(full, log), 0);
	ck_assert_int_eq(engine_send(sock, &msg), 0);
	usleep(200000);
	pthread_create(&admin, NULL, revoke_unrecorded, NULL);
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
	engine_ack(sock, state->index, state->state);
	pthread_join(admin, NULL);
	ck_assert_int_lt(recv(sock, buf, sizeof(buf), MSG_DONTWAIT), 0);
	ck_assert_int_ge(dup2(saved, log), 0);
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_AUDIT_ACK);
	ck_assert_uint_eq(ack->seq, 1);
	close(saved);
	close(full);
	close(sock);
}

#define SERVED(name, body) START_TEST(name) { server_run(body); } END_TEST

SERVED(revoked_guest_is_zeroised_in_its_engines, revoked_guest_loses_its_keys)
SERVED(revoked_guests_keys_are_withheld_until_it_is_released,
       withheld_until_released)
SERVED(guest_revoked_before_it_has_keys_gets_none,
       guest_without_keys_is_revoked_too)
SERVED(changes_of_a_gate_are_recorded, guest_events_are_recorded)
SERVED(refusal_is_acknowledged_when_on_disk, refusal_is_on_disk_when_acked)
SERVED(refusal_not_on_disk_is_acknowledged_by_nothing_else,
       refusal_not_on_disk_is_not_acked)

int main(void)
{
	Suite *suite = suite_create("vault-guests");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, revoked_guest_is_zeroised_in_its_engines);
	tcase_add_test(tc,
		       revoked_guests_keys_are_withheld_until_it_is_released);
	tcase_add_test(tc, guest_revoked_before_it_has_keys_gets_none);
	tcase_add_test(tc, changes_of_a_gate_are_recorded);
	tcase_add_test(tc, refusal_is_acknowledged_when_on_disk);
	tcase_add_test(tc,
		       refusal_not_on_disk_is_acknowledged_by_nothing_else);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
