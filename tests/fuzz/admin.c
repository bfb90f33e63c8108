/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - fuzzes the admin protocol's envelope: one packet to one call of
 * the handler, or to an error.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

/* Echoes; what a handler is promised is checked. */
static void handler(struct vhsm_rpc_call *call, const char *method,
		    json_t *params, int fd, void *arg)
{
	unsigned *calls = arg;

	(*calls)++;
	MUST(method && *method && json_is_object(params) && fd == -1);
	if (json_object_size(params))
		vhsm_rpc_result(call, json_incref(params));
	else
		vhsm_rpc_error(call, "not-found", "no method %s", method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct vhsm_rpc_server *server;
	static struct event_base *base;
	static unsigned calls;
	unsigned before = calls;

	if (!server) {
		base = event_base_new();
		server = vhsm_rpc_server_new(base, -1, handler, &calls);
		MUST(server);
	}
	vhsm_rpc_dispatch(server, NULL, (const char *)data, len, -1);
	MUST(calls - before <= 1);
	return 0;
}
