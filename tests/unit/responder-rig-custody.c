/* SPDX-License-Identifier: Apache-2.0 */
/* responder-rig-custody.c - the rig's broker and its vault. */
#include <config.h>

#include "unit/responder-rig.h"

#include <unistd.h>

char level[16], gate_uuid[40];
json_int_t valid_ms, gates, revokes, releases;
json_int_t unconfirmed;
bool vault_broken, broker_silent, broker_unaware, gate_unwatched;
const char *broker_lease;
void (*releasing)(void);
json_int_t valid_until, gate_domid;
const char *vault_keyset, *vault_writes;
unsigned vault_entries, vault_asked;
bool vault_holds;

static struct vhsm_rpc_server *broker, *vault;
static int broker_fd, vault_fd;
static struct {
	struct vhsm_rpc_call *call;
	int fd;
} held;

static void on_broker(struct vhsm_rpc_call *call, const char *method,
		      json_t *params, int fd, void *arg)
{
	json_t *valid = json_object_get(params, "valid_ms");

	(void)fd;
	(void)arg;
	ck_assert_str_eq(method, "guest.gate");
	gates++;
	snprintf(level, sizeof(level), "%s",
		 json_string_value(json_object_get(params, "level")));
	snprintf(gate_uuid, sizeof(gate_uuid), "%s",
		 json_string_value(json_object_get(params, "uuid")));
	valid_ms = json_is_null(valid) ? -1 : json_integer_value(valid);
	valid = json_object_get(params, "valid_until_ms");
	valid_until = json_is_null(valid) ? -1 : json_integer_value(valid);
	valid = json_object_get(params, "domid");
	gate_domid = json_is_null(valid) ? -1 : json_integer_value(valid);
	gate_unwatched = json_is_true(json_object_get(params, "unwatched"));
	if (broker_silent)
		vhsm_rpc_error(call, "failed", "not now");
	else if (broker_unaware)
		vhsm_rpc_error(call, "not-found", "no such domain");
	else
		vhsm_rpc_result(call, json_pack("{s:s,s:i,s:i,s:s}",
						"uuid", gate_uuid, "devices",
						1, "epoch", 2, "lease",
						broker_lease));
}

/* A set of so many entries, which nobody here looks at. */
static void set_write(int fd)
{
	json_t *entries = json_array(), *set;
	char label[32];

	for (unsigned i = 0; i < vault_entries; i++) {
		snprintf(label, sizeof(label), "key/%u", i);
		json_array_append_new(entries, json_pack("{s:s}", "label",
							 label));
	}
	set = json_pack("{s:s,s:o}", "salt", RIG_SALT, "entries", entries);
	ck_assert_int_eq(json_dumpfd(set, fd, JSON_COMPACT), 0);
	json_decref(set);
}

static void on_fingerprints(struct vhsm_rpc_call *call, json_t *params, int fd)
{
	const char *unless = json_string_value(json_object_get(params,
							       "unless"));

	ck_assert_ptr_nonnull(unless);
	ck_assert_int_ge(fd, 0);
	if (vault_holds) {
		vault_holds = false;
		held.call = call;
		held.fd = dup(fd);
		return;
	}
	if (!strcmp(unless, vault_keyset)) {
		vhsm_rpc_result(call, json_pack("{s:s,s:b}", "keyset", unless,
						"unchanged", 1));
		return;
	}
	if (vault_writes)
		ck_assert_int_gt(write(fd, vault_writes, strlen(vault_writes)),
				 0);
	else
		set_write(fd);
	vhsm_rpc_result(call, json_pack("{s:s}", "keyset", vault_keyset));
}

void vault_answers(void)
{
	set_write(held.fd);
	close(held.fd);
	vhsm_rpc_result(held.call, json_pack("{s:s}", "keyset", vault_keyset));
}

static void on_vault(struct vhsm_rpc_call *call, const char *method,
		     json_t *params, int fd, void *arg)
{
	(void)arg;
	vault_asked += !strcmp(method, "key.fingerprints");
	if (vault_broken) {
		vhsm_rpc_error(call, "internal", "not now");
	} else if (!strcmp(method, "guest.revoke")) {
		revokes++;
		vhsm_rpc_result(call, json_pack("{s:i,s:I,s:i}", "keys", 4,
						"unconfirmed", unconfirmed,
						"ms", 3));
	} else if (!strcmp(method, "guest.release")) {
		releases++;
		if (releasing)
			releasing();
		vhsm_rpc_result(call, json_pack("{s:i,s:i}", "keys", 4, "ms",
						1));
	} else if (!strcmp(method, "audit.show")) {
		vhsm_rpc_result(call, json_pack("{s:[]}", "records"));
	} else if (!strcmp(method, "key.fingerprints")) {
		on_fingerprints(call, params, fd);
	} else {
		vhsm_rpc_error(call, "not-found", "no keys");
	}
	if (fd >= 0)
		close(fd);
}

void broker_start(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/vhsmd.sock", dir);
	broker_fd = vhsm_rpc_listen(path);
	broker = vhsm_rpc_server_new(r.base, broker_fd, on_broker, NULL);
}

void broker_stop(void)
{
	vhsm_rpc_server_free(&broker);
	close(broker_fd);
}

void custody_start(void)
{
	char path[128];

	level[0] = gate_uuid[0] = '\0';
	gates = revokes = releases = 0;
	unconfirmed = 0;
	valid_ms = -2;
	vault_broken = broker_silent = broker_unaware = false;
	broker_lease = "none";
	releasing = NULL;
	vault_keyset = "first";
	vault_writes = NULL;
	vault_entries = 2;
	vault_asked = 0;
	vault_holds = false;
	broker_start();
	snprintf(path, sizeof(path), "%s/vault.sock", dir);
	vault_fd = vhsm_rpc_listen(path);
	vault = vhsm_rpc_server_new(r.base, vault_fd, on_vault, NULL);
}

void custody_stop(void)
{
	broker_stop();
	vhsm_rpc_server_free(&vault);
	close(vault_fd);
}
