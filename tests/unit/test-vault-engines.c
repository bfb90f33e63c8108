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

#include "vault-fixture.h"
#include "vault-server.h"

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
SERVED(revoked_guest_is_zeroised_in_its_engines, revoked_guest_loses_its_keys)
SERVED(revoked_guests_keys_are_withheld_until_it_is_released,
       withheld_until_released)
SERVED(guest_revoked_before_it_has_keys_gets_none,
       guest_without_keys_is_revoked_too)
SERVED(changes_of_a_gate_are_recorded, guest_events_are_recorded)
SERVED(refusal_is_acknowledged_when_on_disk, refusal_is_on_disk_when_acked)
SERVED(refusal_not_on_disk_is_acknowledged_by_nothing_else,
       refusal_not_on_disk_is_not_acked)
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
	tcase_add_test(tc, revoked_guest_is_zeroised_in_its_engines);
	tcase_add_test(tc,
		       revoked_guests_keys_are_withheld_until_it_is_released);
	tcase_add_test(tc, guest_revoked_before_it_has_keys_gets_none);
	tcase_add_test(tc, changes_of_a_gate_are_recorded);
	tcase_add_test(tc, refusal_is_acknowledged_when_on_disk);
	tcase_add_test(tc,
		       refusal_not_on_disk_is_acknowledged_by_nothing_else);
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
