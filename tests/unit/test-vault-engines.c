/* SPDX-License-Identifier: Apache-2.0 */
/* What engines get, when, and what becomes of one that misbehaves. */
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

static json_t *named(const char *name)
{
	return json_pack("{s:s, s:s}", "uuid", FIXTURE_UUID, "name", name);
}

static json_t *to_state(const char *name, const char *to)
{
	return json_pack("{s:s, s:s, s:s}", "uuid", FIXTURE_UUID, "name", name,
			 "state", to);
}

static json_int_t number_of(json_t *result, const char *field)
{
	return json_integer_value(json_object_get(result, field));
}

static void selected_keys_only(void)
{
	int sock;

	admin_generate("web-tls", "ec-p256");
	admin_generate("web-data", "aes-256");
	admin_generate("mail", "ed25519");
	sock = engine_attach("web-*");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 2);
	ck_assert_str_eq(keys[0].name, "web-data");
	ck_assert_uint_eq(keys[0].material_len, 32);
	ck_assert_uint_eq(keys[0].state, VHSM_KEY_ENABLED);
	ck_assert_uint_eq(keys[0].nonce_fixed, 1);
	ck_assert_str_eq(keys[1].name, "web-tls");
	ck_assert_uint_ne(keys[0].index, keys[1].index);
	close(sock);
}

static void other_domain_gets_nothing(void)
{
	struct vhsm_msg_attach msg = {
		.hdr = { VHSM_MSG_ATTACH, sizeof(msg) }, .uuid = { 0x99 },
	};
	int pair[2];

	admin_generate("web-tls", "ec-p256");
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	broker_send(&msg, &pair[1], 1);
	close(pair[1]);
	ck_assert_uint_eq(engine_load(pair[0], keys, 8), 0);
	close(pair[0]);
}

static void prefixes_never_shared(void)
{
	uint32_t seen[6];
	int sock, i, j;

	admin_generate("data", "aes-128");
	for (i = 0; i < 6; i++) {
		sock = engine_attach("");
		ck_assert_uint_eq(engine_load(sock, keys, 8), 1);
		seen[i] = keys[0].nonce_fixed;
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
		close(sock);
	}
}

/* The key's first message waits behind others when it is enabled. */
static void prefix_of_a_waiting_key_is_new(void)
{
	char name[16];
	int sock, i;

	admin_generate("z", "aes-128");
	sock = engine_attach("");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 1);
	ck_assert_uint_eq(keys[0].nonce_fixed, 1);
	close(sock);
	for (i = 0; i < 80; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		admin_generate(name, "hmac");
	}
	admin_ok("key.set-state", to_state("z", "disabled"));
	sock = engine_attach("");
	usleep(200000);
	admin_ok("key.set-state", to_state("z", "enabled"));
	do {
		ck_assert_uint_ne(engine_recv(sock, buf), 0);
		if (key->hdr.type == VHSM_MSG_KEY && !strcmp(key->name, "z"))
			ck_assert_uint_gt(key->nonce_fixed, 1);
	} while (key->hdr.type != VHSM_MSG_KEY || strcmp(key->name, "z"));
	close(sock);
}

static void new_key_is_pushed(void)
{
	int sock = engine_attach("web-*");

	ck_assert_uint_eq(engine_load(sock, keys, 8), 0);
	admin_generate("mail", "aes-128");
	admin_generate("web-data", "aes-128");
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
	ck_assert_str_eq(key->name, "web-data");
	close(sock);
}

static void answer_waits_for_the_ack(void)
{
	struct admin_later later;
	int sock;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	admin_later_start(&later, "key.set-state", to_state("data", "revoked"));
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
	ck_assert_uint_eq(state->index, keys[0].index);
	ck_assert_uint_eq(state->state, VHSM_KEY_REVOKED);
	usleep(300000);
	ck_assert_int_eq(later.answered, 0);
	engine_ack(sock, state->index, state->state);
	admin_later_wait(&later);
	ck_assert_int_eq(number_of(later.result, "engines"), 1);
	ck_assert_int_eq(number_of(later.result, "unconfirmed"), 0);
	json_decref(later.result);
	close(sock);
}

static void silent_engine_is_reported(void)
{
	json_t *result;
	int sock;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	result = admin_call("key.delete", named("data"), -1, NULL);
	ck_assert_int_eq(number_of(result, "unconfirmed"), 1);
	json_decref(result);
	/* A late one is no violation. */
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
	engine_ack(sock, state->index, state->state);
	admin_generate("next", "aes-128");
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
	close(sock);
}

static void ended_engine_needs_no_ack(void)
{
	struct admin_later later;
	int sock;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	admin_later_start(&later, "key.set-state",
			  to_state("data", "disabled"));
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
	close(sock);
	admin_later_wait(&later);
	ck_assert_int_eq(number_of(later.result, "unconfirmed"), 0);
	json_decref(later.result);
}

/* It may live on, with the key: nothing says that it obeyed. */
static void cut_off_engine_is_reported(void)
{
	struct vhsm_msg_simple nonsense = {
		{ VHSM_MSG_KEY, sizeof(nonsense) }
	};
	struct admin_later later;
	int sock;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	admin_later_start(&later, "key.set-state", to_state("data", "revoked"));
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
	ck_assert_int_eq(engine_send(sock, &nonsense), 0);
	admin_later_wait(&later);
	ck_assert_int_eq(number_of(later.result, "engines"), 1);
	ck_assert_int_eq(number_of(later.result, "unconfirmed"), 1);
	json_decref(later.result);
	close(sock);
}

static void disabled_key_has_no_material(void)
{
	static const uint8_t zeros[VHSM_MATERIAL_MAX];
	int sock;

	admin_generate("data", "aes-128");
	admin_ok("key.set-state", to_state("data", "disabled"));
	sock = engine_attach("");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 1);
	ck_assert_uint_eq(keys[0].state, VHSM_KEY_DISABLED);
	ck_assert_uint_eq(keys[0].material_len, 0);
	ck_assert_mem_eq(keys[0].material, zeros, sizeof(zeros));
	admin_ok("key.set-state", to_state("data", "enabled"));
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
	ck_assert_uint_eq(key->index, keys[0].index);
	ck_assert_uint_eq(key->material_len, 16);
	ck_assert_uint_gt(key->nonce_fixed, keys[0].nonce_fixed);
	close(sock);
}

/* Each of these ends the channel, and only that. */
static void message_ends_the_channel(const void *msg)
{
	int sock = engine_attach("");

	ck_assert_uint_eq(engine_load(sock, keys, 8), 1);
	ck_assert_int_eq(engine_send(sock, msg), 0);
	ck_assert_uint_eq(engine_recv(sock, buf), 0);
	close(sock);
}

static void hostile_engine_loses_its_channel(void)
{
	struct vhsm_msg_refusal refusal = {
		.hdr = { VHSM_MSG_REFUSAL, sizeof(refusal) }, .seq = 1,
		.name_len = VHSM_NAME_MAX + 1,
	};
	struct vhsm_msg_counters counters = {
		.hdr = { VHSM_MSG_COUNTERS, sizeof(counters) },
		.index = VHSM_MAX_KEYS,
	};
	struct vhsm_msg_key_state ack = {
		.hdr = { VHSM_MSG_KEY_STATE_ACK, sizeof(ack) },
		.state = VHSM_KEY_REVOKED,
	};
	struct vhsm_msg_simple simple = {
		{ VHSM_MSG_KEY, sizeof(simple) }
	};
	int good;

	admin_generate("data", "aes-128");
	good = engine_attach("");
	engine_load(good, keys, 8);
	message_ends_the_channel(&refusal);
	message_ends_the_channel(&counters);
	message_ends_the_channel(&ack);
	message_ends_the_channel(&simple);
	simple.hdr.type = VHSM_MSG_REFUSAL;	/* of the wrong size */
	message_ends_the_channel(&simple);
	counters.index = keys[0].index;
	counters.version = 2;			/* there is none */
	message_ends_the_channel(&counters);
	refusal.name_len = 0;
	refusal.seq = 0;			/* not after the last */
	message_ends_the_channel(&refusal);
	admin_generate("more", "aes-128");
	ck_assert_uint_eq(engine_recv(good, buf), VHSM_MSG_KEY);
	close(good);
}

/* 2000 at once is more than any honest engine has in a minute. */
static void flooding_engine_is_ended(void)
{
	struct vhsm_msg_refusal msg = {
		.hdr = { VHSM_MSG_REFUSAL, sizeof(msg) }, .op = 1,
		.status = VHSM_S_NO_KEY,
	};
	int sock = engine_attach(""), r = 0;

	engine_load(sock, keys, 8);
	for (msg.seq = 1; msg.seq <= 2000 && r == 0; msg.seq++)
		r = engine_send(sock, &msg);
	do
		r = vhsm_msg_recv(sock, buf, NULL, NULL);
	while (r == 1);
	ck_assert_msg(r == 0 || r == -ECONNRESET, "%s", strerror(-r));
	close(sock);
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	close(sock);
}

static void engine_that_does_not_read_is_ended(void)
{
	int sock, i;

	for (i = 0; i < 3; i++)
		close(engine_attach(""));
	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	/* Each enabling queues a message; the socket holds a few dozen. */
	for (i = 0; i < 2500; i++)
		admin_ok("key.set-state", to_state("data", "enabled"));
	while (engine_recv(sock, buf) == VHSM_MSG_KEY)
		;
	close(sock);
	admin_ok("key.list", json_pack("{s:s}", "uuid", FIXTURE_UUID));
}

static void counters_are_shown_and_recorded(void)
{
	struct vhsm_msg_counters msg = {
		.hdr = { VHSM_MSG_COUNTERS, sizeof(msg) }, .version = 1,
		.operations = 5, .failures = 2, .bytes = 1000,
	};
	json_t *result, *counters;
	char *text;
	int sock;

	admin_generate("data", "aes-128");
	sock = engine_attach("");
	engine_load(sock, keys, 8);
	msg.index = keys[0].index;
	ck_assert_int_eq(engine_send(sock, &msg), 0);
	ck_assert_int_eq(engine_send(sock, &msg), 0);
	close(sock);
	usleep(100000);
	result = admin_call("key.show", named("data"), -1, NULL);
	counters = json_object_get(result, "counters");
	ck_assert_int_eq(number_of(counters, "operations"), 10);
	ck_assert_int_eq(number_of(counters, "bytes"), 2000);
	json_decref(result);
	text = fixture_read(fixture_path("audit/log.jsonl"), NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"key.used\""));
	ck_assert_ptr_nonnull(strstr(text, "\"operations\":10"));
	free(text);
}

static void destroyed_unit_takes_keys_from_engines(void)
{
	struct admin_later later;
	int sock, i;

	admin_generate("a", "aes-128");
	admin_generate("b", "ed25519");
	sock = engine_attach("");
	ck_assert_uint_eq(engine_load(sock, keys, 8), 2);
	admin_later_start(&later, "unit.destroy",
			  json_pack("{s:s}", "uuid", FIXTURE_UUID));
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY_STATE);
		ck_assert_uint_eq(state->state, VHSM_KEY_DESTROYED);
		engine_ack(sock, state->index, state->state);
	}
	admin_later_wait(&later);
	ck_assert_int_eq(number_of(later.result, "keys"), 2);
	ck_assert_int_eq(number_of(later.result, "unconfirmed"), 0);
	json_decref(later.result);
	admin_refused("not-found", "key.list",
		      json_pack("{s:s}", "uuid", FIXTURE_UUID));
	admin_generate("a", "aes-128");
	ck_assert_uint_eq(engine_recv(sock, buf), VHSM_MSG_KEY);
	close(sock);
}

static void brokers_nonsense_is_survived(void)
{
	struct vhsm_msg_attach attach = {
		.hdr = { VHSM_MSG_ATTACH, sizeof(attach) },
	};
	struct vhsm_msg_device_event event = {
		.hdr = { VHSM_MSG_DEVICE_EVENT, sizeof(event) }, .event = 99,
	};
	int pair[2];

	broker_send(&attach, NULL, 0);		/* without its socket */
	broker_send(&event, NULL, 0);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	memset(attach.keys, 'a', sizeof(attach.keys));	/* no end */
	broker_send(&attach, pair, 1);
	snprintf(attach.keys, sizeof(attach.keys), "a/../b");
	broker_send(&attach, pair, 1);
	close(pair[0]);
	ck_assert_uint_eq(recv(pair[1], buf, sizeof(buf), 0), 0);
	close(pair[1]);
	event.event = VHSM_EVENT_VIOLATION;
	broker_send(&event, NULL, 0);
	admin_ok("vault.status", json_object());
}

#define SERVED(name, body) START_TEST(name) { server_run(body); } END_TEST

SERVED(engine_gets_the_keys_its_device_selects, selected_keys_only)
SERVED(domain_without_keys_gets_none, other_domain_gets_nothing)
SERVED(engines_never_share_a_nonce_prefix, prefixes_never_shared)
SERVED(key_enabled_while_it_waits_has_a_prefix_of_its_own,
       prefix_of_a_waiting_key_is_new)
SERVED(generated_key_is_pushed_to_engines_that_may_use_it, new_key_is_pushed)
SERVED(revocation_is_answered_after_the_engines_ack, answer_waits_for_the_ack)
SERVED(engine_that_does_not_confirm_is_reported, silent_engine_is_reported)
SERVED(engine_that_ends_counts_as_confirmed, ended_engine_needs_no_ack)
SERVED(engine_that_is_cut_off_is_reported, cut_off_engine_is_reported)
SERVED(disabled_key_travels_without_material, disabled_key_has_no_material)
SERVED(malformed_message_ends_that_channel_only,
       hostile_engine_loses_its_channel)
SERVED(engine_that_floods_the_log_is_ended, flooding_engine_is_ended)
SERVED(engine_that_never_reads_is_ended, engine_that_does_not_read_is_ended)
SERVED(use_of_keys_is_counted, counters_are_shown_and_recorded)
SERVED(destroyed_units_keys_are_withdrawn,
       destroyed_unit_takes_keys_from_engines)
SERVED(brokers_malformed_messages_are_dropped, brokers_nonsense_is_survived)

int main(void)
{
	Suite *suite = suite_create("vault-engines");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, engine_gets_the_keys_its_device_selects);
	tcase_add_test(tc, domain_without_keys_gets_none);
	tcase_add_test(tc, engines_never_share_a_nonce_prefix);
	tcase_add_test(tc,
		       key_enabled_while_it_waits_has_a_prefix_of_its_own);
	tcase_add_test(tc, generated_key_is_pushed_to_engines_that_may_use_it);
	tcase_add_test(tc, revocation_is_answered_after_the_engines_ack);
	tcase_add_test(tc, engine_that_does_not_confirm_is_reported);
	tcase_add_test(tc, engine_that_ends_counts_as_confirmed);
	tcase_add_test(tc, engine_that_is_cut_off_is_reported);
	tcase_add_test(tc, disabled_key_travels_without_material);
	tcase_add_test(tc, malformed_message_ends_that_channel_only);
	tcase_add_test(tc, engine_that_floods_the_log_is_ended);
	tcase_add_test(tc, engine_that_never_reads_is_ended);
	tcase_add_test(tc, use_of_keys_is_counted);
	tcase_add_test(tc, destroyed_units_keys_are_withdrawn);
	tcase_add_test(tc, brokers_malformed_messages_are_dropped);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
