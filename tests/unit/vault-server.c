/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/vault-server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ops/ops.h"
#include "unit/vault-fixture.h"
#include "vault/vault.h"

static char socket_path[128];
static int broker;

static void *test_thread(void *arg)
{
	void (*test)(void);

	memcpy(&test, arg, sizeof(test));
	test();
	close(broker);			/* which ends the vault's loop */
	return NULL;
}

void server_run(void (*test)(void))
{
	struct vhsm_vault_config config = {
		.store = fixture_dir,
		.root_uri = "test",
		.units_max = 4,
		.audit_file_max = 1 << 20,
	};
	struct event_base *base = event_base_new();
	struct vhsm_msg_simple ready;
	struct vhsm_vault vault;
	char why[VHSM_WHY_LEN] = "";
	const char *what;
	int pair[2], admin;
	pthread_t thread;

	ck_assert_int_eq(vhsm_ops_init(&what), 0);
	snprintf(socket_path, sizeof(socket_path), "%s/sock", fixture_dir);
	admin = vhsm_rpc_listen(socket_path);
	ck_assert_int_ge(admin, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	broker = pair[0];
	ck_assert_msg(vhsm_vault_open(&vault, base, &config, fixture_root,
				      why) == 0, "%s", why);
	ck_assert_int_eq(vhsm_vault_start(&vault, admin, pair[1]), 0);
	ck_assert_int_eq(recv(broker, &ready, sizeof(ready), 0), sizeof(ready));
	ck_assert_uint_eq(ready.hdr.type, VHSM_MSG_READY);
	ck_assert_int_eq(pthread_create(&thread, NULL, test_thread, &test), 0);
	event_base_dispatch(base);
	pthread_join(thread, NULL);
	vhsm_vault_close(&vault, "the test ended");
	event_base_free(base);
	close(admin);
	close(pair[1]);
	vhsm_ops_deinit();
}

json_t *admin_call(const char *method, json_t *params, int fd,
		   const char **code)
{
	static _Thread_local char last_code[64];
	char *error_code = NULL, *error = NULL;
	json_t *result = NULL;
	int r;

	r = vhsm_rpc_call_sync(socket_path, method, params, fd, &result,
			       &error_code, &error);
	json_decref(params);
	snprintf(last_code, sizeof(last_code), "%s",
		 error_code ? error_code : "");
	if (code != NULL)
		*code = last_code;
	else
		ck_assert_msg(r == 0, "%s: %s", method, error);
	free(error_code);
	free(error);
	return r == 0 ? result : NULL;
}

void admin_ok(const char *method, json_t *params)
{
	json_decref(admin_call(method, params, -1, NULL));
}

void admin_refused(const char *code, const char *method, json_t *params)
{
	const char *got;
	json_t *result;

	ck_assert_ptr_nonnull(params);
	result = admin_call(method, params, -1, &got);
	ck_assert_msg(result == NULL, "%s was not refused", method);
	ck_assert_str_eq(got, code);
}

void admin_generate(const char *name, const char *type)
{
	admin_ok("key.generate", json_pack("{s:s, s:s, s:s}", "uuid",
					   FIXTURE_UUID, "name", name, "type",
					   type));
}

static void *later_thread(void *arg)
{
	struct admin_later *later = arg;

	later->result = admin_call(later->method, later->params, -1, NULL);
	later->answered = 1;
	return NULL;
}

void admin_later_start(struct admin_later *later, const char *method,
		       json_t *params)
{
	later->method = method;
	later->params = params;
	later->result = NULL;
	later->answered = 0;
	pthread_create(&later->thread, NULL, later_thread, later);
}

json_t *admin_later_wait(struct admin_later *later)
{
	pthread_join(later->thread, NULL);
	return later->result;
}

void broker_send(const void *msg, const int *fds, unsigned fd_count)
{
	ck_assert_int_eq(vhsm_msg_send(broker, msg, fds, fd_count), 0);
}

int engine_attach(const char *keys)
{
	struct vhsm_msg_attach msg = {
		.hdr = { VHSM_MSG_ATTACH, sizeof(msg) },
		.domid = 7,
		.domain = "web",
	};
	const struct timeval patience = { 3, 0 };
	int pair[2];

	memcpy(msg.uuid, fixture_uuid, sizeof(msg.uuid));
	snprintf(msg.keys, sizeof(msg.keys), "%s", keys);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	broker_send(&msg, &pair[1], 1);
	close(pair[1]);
	return pair[0];
}

uint32_t engine_recv(int sock, void *buf)
{
	int r = vhsm_msg_recv(sock, buf, NULL, NULL);

	ck_assert_msg(r >= 0, "nothing came: %s", strerror(-r));
	return r == 0 ? 0 : ((struct vhsm_msg_header *)buf)->type;
}

unsigned engine_load(int sock, struct vhsm_msg_key *keys, unsigned max)
{
	static _Thread_local uint64_t buf[VHSM_MSG_MAX / 8];
	unsigned count = 0;
	uint32_t type;

	while ((type = engine_recv(sock, buf)) == VHSM_MSG_KEY) {
		ck_assert_uint_lt(count, max);
		memcpy(&keys[count++], buf, sizeof(keys[0]));
	}
	ck_assert_uint_eq(type, VHSM_MSG_KEYS_DONE);
	return count;
}

int engine_send(int sock, const void *msg)
{
	return vhsm_msg_send(sock, msg, NULL, 0);
}

void engine_ack(int sock, uint32_t index, uint32_t state)
{
	struct vhsm_msg_key_state ack = {
		.hdr = { VHSM_MSG_KEY_STATE_ACK, sizeof(ack) },
		.index = index,
		.state = state,
	};

	ck_assert_int_eq(engine_send(sock, &ack), 0);
}
