/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin-request.c - the common part of every method: finding it, its
 * parameters, its end.  Parameters a method does not know are refused, so that
 * a mistyped one is not silently ignored.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "common/clock.h"
#include "common/hex.h"
#include "common/log.h"
#include "vault/admin-request.h"
#include "vault/events.h"

static const struct vhsm_method *method_find(const char *name)
{
	const struct vhsm_method *method;

	for (method = vhsm_methods; method->name != NULL; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

static void request_free(struct vhsm_admin_request *request)
{
	if (request->fd >= 0)
		close(request->fd);
	vhsm_secret_deinit(&request->material);
	json_decref(request->result);
	free(request);
}

void vhsm_request_answer(struct vhsm_admin_request *request, json_t *result)
{
	if (result == NULL)
		vhsm_rpc_error(request->call, "internal", "out of memory");
	else
		vhsm_rpc_result(request->call, result);
	request_free(request);
}

static void refusal_record(struct vhsm_admin_request *request, const char *code,
			   const char *message)
{
	json_t *details;

	details = json_pack("{s:s, s:s, s:s, s:I}", "method",
			    request->method->name, "code", code, "message",
			    message, "uid", (json_int_t)
			    vhsm_rpc_caller_uid(request->call));
	if (request->name[0] != '\0')
		json_object_set_new(details, "key", json_string(request->name));
	vhsm_vault_record(request->vault, VHSM_EV_ADMIN_REFUSED,
			  request->has_uuid ? request->uuid : NULL, details);
	vhsm_vault_commit(request->vault);
}

void vhsm_request_fail(struct vhsm_admin_request *request, int error,
		       const char *format, ...)
{
	const char *code = vhsm_vault_error_code(error);
	char message[VHSM_WHY_LEN], clean[2 * VHSM_WHY_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Parameters in it may be cut in the middle of a character. */
	vhsm_log_escape(clean, sizeof(clean), message, strlen(message));
	if (request->method->audited)
		refusal_record(request, code, clean);
	vhsm_rpc_error(request->call, code, "%s", clean);
	request_free(request);
}

static const char *unknown_param(const struct vhsm_method *method,
				 json_t *params)
{
	char padded[64];
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value) {
		if (snprintf(padded, sizeof(padded), " %s ", name) >=
		    (int)sizeof(padded) ||
		    strchr(name, ' ') != NULL ||
		    strstr(method->params, padded) == NULL)
			return name;
	}
	return NULL;
}

void vhsm_request_handle(struct vhsm_rpc_call *call, const char *method,
			 json_t *params, int fd, void *arg)
{
	struct vhsm_admin_request *request = calloc(1, sizeof(*request));
	const struct vhsm_method *found = method_find(method);
	const char *unknown;

	if (request == NULL || found == NULL) {
		if (found == NULL)
			vhsm_rpc_error(call, "bad-request", "the vault has no "
				       "such method");
		else
			vhsm_rpc_error(call, "internal", "out of memory");
		if (fd >= 0)
			close(fd);
		free(request);
		return;
	}
	request->vault = arg;
	request->call = call;
	request->method = found;
	request->params = params;
	request->fd = fd;
	request->begun_ms = vhsm_now_ms();
	unknown = unknown_param(found, params);
	if (unknown != NULL)
		vhsm_request_fail(request, VHSM_E_BAD_REQUEST,
				  "%s has no parameter \"%.64s\"", found->name,
				  unknown);
	else
		found->run(request);
}

/* --- parameters --- */

bool vhsm_request_take_uuid(struct vhsm_admin_request *request)
{
	const char *text = json_string_value(json_object_get(request->params,
							     "uuid"));

	if (text != NULL && uuid_parse(text, request->uuid) == 0) {
		request->has_uuid = true;
		return true;
	}
	vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "\"uuid\" must be a "
			  "domain's UUID, as xl list -v shows it");
	return false;
}

bool vhsm_request_take_name(struct vhsm_admin_request *request)
{
	const char *text = json_string_value(json_object_get(request->params,
							     "name"));

	if (text != NULL && vhsm_key_name_check(text)) {
		memcpy(request->name, text, strlen(text) + 1);	/* checked */
		return true;
	}
	vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "\"name\" must be 1 to "
			  "%u of A-Z a-z 0-9 . _ -, and begin with none of "
			  ". -", VHSM_NAME_MAX);
	return false;
}

bool vhsm_request_take_text(struct vhsm_admin_request *request, const char *param,
			    char *out, size_t room)
{
	json_t *value = json_object_get(request->params, param);

	out[0] = '\0';
	if (value == NULL)
		return true;
	if (!json_is_string(value) || json_string_length(value) >= room) {
		vhsm_request_fail(request, VHSM_E_BAD_REQUEST,
				  "\"%s\" must be a string shorter than %zu",
				  param, room);
		return false;
	}
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

bool vhsm_request_take_number(struct vhsm_admin_request *request, const char *param,
			      uint64_t min, uint64_t max, uint64_t *number)
{
	json_t *value = json_object_get(request->params, param);
	json_int_t n = json_integer_value(value);

	if (value == NULL)
		return true;
	if (!json_is_integer(value) || n < 0 || (uint64_t)n < min ||
	    (uint64_t)n > max) {
		vhsm_request_fail(request, VHSM_E_BAD_REQUEST,
				  "\"%s\" must be a number from %" PRIu64
				  " to %" PRIu64, param, min, max);
		return false;
	}
	*number = (uint64_t)n;
	return true;
}

bool vhsm_request_take_bool(struct vhsm_admin_request *request, const char *param,
			    bool *value)
{
	json_t *json = json_object_get(request->params, param);

	if (json != NULL && !json_is_boolean(json)) {
		vhsm_request_fail(request, VHSM_E_BAD_REQUEST,
				  "\"%s\" must be true or false", param);
		return false;
	}
	*value = json_is_true(json);
	return true;
}

bool vhsm_request_find_unit(struct vhsm_admin_request *request,
			    struct vhsm_unit **unit)
{
	char uuid[UUID_STR_LEN];
	int r;

	r = vhsm_store_unit(request->vault->store, request->uuid, false, unit,
			    request->why);
	if (r == 0)
		return true;
	uuid_unparse_lower(request->uuid, uuid);
	if (r == VHSM_E_NOT_FOUND)
		vhsm_request_fail(request, r, "domain %s has no keys", uuid);
	else
		vhsm_request_fail(request, r, "%s", request->why[0] ?
				  request->why : vhsm_vault_error_text(r));
	return false;
}

bool vhsm_request_find_key(struct vhsm_admin_request *request,
			   struct vhsm_unit **unit, const struct vhsm_key **key)
{
	if (!vhsm_request_find_unit(request, unit))
		return false;
	*key = vhsm_unit_key_find(*unit, request->name);
	if (*key != NULL)
		return true;
	vhsm_request_fail(request, VHSM_E_NOT_FOUND,
			  "this domain has no key \"%s\"", request->name);
	return false;
}

/* --- records --- */

json_t *vhsm_request_note(struct vhsm_admin_request *request)
{
	char change[17];
	uint8_t random[8];
	json_t *note;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return NULL;
	vhsm_hex_encode(random, sizeof(random), change);
	note = json_pack("{s:s, s:I}", "change", change, "uid",
			 (json_int_t)vhsm_rpc_caller_uid(request->call));
	if (note != NULL && request->name[0] != '\0')
		json_object_set_new(note, "key", json_string(request->name));
	return note;
}

int vhsm_request_record(struct vhsm_admin_request *request,
			const struct vhsm_unit_note *note)
{
	struct vhsm_unit *unit;
	int r;

	r = vhsm_vault_record(request->vault, note->event, request->uuid,
			      json_incref(note->details));
	if (r == 0)
		r = vhsm_vault_commit(request->vault);
	if (r == 0 && vhsm_store_unit(request->vault->store, request->uuid,
				      false, &unit, NULL) == 0)
		vhsm_unit_notes_done(unit);
	return r;
}
