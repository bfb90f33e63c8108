/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "common/rpc.h"

#define PAGES_MAX 100000		/* a daemon that never ends a list */

/* What daemons answer from memory, and a person waits for. */
static bool is_query(const char *method)
{
	static const char *const queries[] = {
		"status", "vault.status", "device.list", "watch.list",
	};

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (!strcmp(method, queries[i]))
			return true;
	return false;
}

/* Nobody listened, or whoever did has ended meanwhile. */
static bool is_down(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -EPIPE ||
		err == -ECONNRESET;
}

/* may_be_down: that the daemon does not run is no failure. */
static enum ctl_exit call(const struct ctl_args *args, enum ctl_daemon daemon,
			  const char *method, json_t *params, int fd,
			  bool may_be_down, json_t **result)
{
	static const char *const sockets[] = {
		[CTL_BROKER] = "vhsmd.sock", [CTL_VAULT] = "vault.sock",
		[CTL_RESPONDER] = "responder.sock",
	};
	char path[PATH_MAX], *code, *error;
	enum ctl_exit ret = CTL_OK;
	int err;

	snprintf(path, sizeof(path), "%s/%s",
		 args->run_dir ? args->run_dir : RUNDIR "/vhsm",
		 sockets[daemon]);
	err = is_query(method) ?
		vhsm_rpc_query_sync(path, method, params, result, &code,
				    &error) :
		vhsm_rpc_call_sync(path, method, params, fd, result, &code,
				   &error);
	if (err && !(may_be_down && is_down(err))) {
		fprintf(stderr, "vhsmctl: %s\n",
			error ? error : "out of memory");
		ret = code ? CTL_FAILED : CTL_UNREACHABLE;
	}
	free(code);
	free(error);
	json_decref(params);
	return ret;
}

enum ctl_exit ctl_call_fd(const struct ctl_args *args, enum ctl_daemon daemon,
			  const char *method, json_t *params, int fd,
			  json_t **result)
{
	return call(args, daemon, method, params, fd, false, result);
}

enum ctl_exit ctl_call(const struct ctl_args *args, enum ctl_daemon daemon,
		       const char *method, json_t *params, json_t **result)
{
	return call(args, daemon, method, params, -1, false, result);
}

enum ctl_exit ctl_call_if_up(const struct ctl_args *args,
			     enum ctl_daemon daemon, const char *method,
			     json_t *params, json_t **result)
{
	return call(args, daemon, method, params, -1, true, result);
}

void ctl_responder_dir(const struct ctl_args *args, const char *member,
		       const char *usual, char *path)
{
	json_t *status = NULL;
	const char *said;

	ctl_call_if_up(args, CTL_RESPONDER, "status", json_object(), &status);
	said = ctl_text(status, member);
	snprintf(path, PATH_MAX, "%s", said[0] ? said : usual);
	json_decref(status);
}

enum ctl_exit ctl_call_pages(const struct ctl_args *args,
			     enum ctl_daemon daemon, const char *method,
			     json_t *params, const char *list, json_t **joined)
{
	enum ctl_exit ret = CTL_OK;
	json_t *result, *next;

	*joined = json_array();
	for (unsigned i = 0; i < PAGES_MAX; i++) {
		ret = ctl_call(args, daemon, method, json_incref(params),
			       &result);
		if (ret)
			break;
		json_array_extend(*joined, json_object_get(result, list));
		next = json_object_get(result, "next");
		if (!next || json_is_null(next)) {
			json_decref(result);
			break;
		}
		json_object_set(params, "after", next);
		json_decref(result);
	}
	json_decref(params);
	if (ret) {
		json_decref(*joined);
		*joined = NULL;
	}
	return ret;
}

enum ctl_exit ctl_domain_params(const struct ctl_args *args, json_t **params)
{
	enum ctl_exit ret;
	uint8_t uuid[16];
	json_t *found;

	if (!args->domain) {
		fputs("vhsmctl: say whose keys: --domain NAME, ID or UUID\n",
		      stderr);
		return CTL_USAGE;
	}
	/* A UUID needs nobody to look it up. */
	if (!uuid_parse(args->domain, uuid)) {
		char text[UUID_STR_LEN];

		uuid_unparse_lower(uuid, text);
		*params = json_pack("{s:s}", "uuid", text);
		return CTL_OK;
	}
	ret = ctl_call(args, CTL_BROKER, "domain.resolve",
		       json_pack("{s:s}", "domain", args->domain), &found);
	if (ret)
		return ret;
	*params = json_pack("{s:O}", "uuid", json_object_get(found, "uuid"));
	json_decref(found);
	if (*params)
		return CTL_OK;
	fputs("vhsmctl: vhsmd did not tell the domain's UUID\n", stderr);
	return CTL_FAILED;
}

enum ctl_exit ctl_print_json(json_t *json)
{
	int bad = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);

	putchar('\n');
	json_decref(json);
	if (!bad && !fflush(stdout))
		return CTL_OK;
	perror("vhsmctl: standard output");
	return CTL_FAILED;
}

const char *ctl_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

json_int_t ctl_int(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}
