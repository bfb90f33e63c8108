/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods-show.c - methods that only look: key.list, key.show, unit.list,
 * vault.status.
 */
#include <config.h>

#include <string.h>

#include "vault/admin-request.h"
#include "vault/engine-channel.h"
#include "vault/key-json.h"
#include "vault/methods.h"
#include "vault/names.h"

#define KEYS_PAGE	200u
#define UNITS_PAGE	1000u

void vhsm_method_key_list(struct vhsm_admin_request *request)
{
	json_t *keys = NULL, *result;
	const struct vhsm_key *key;
	char after[VHSM_NAME_MAX + 1];
	const char *next = NULL;
	uint64_t limit = KEYS_PAGE;
	struct vhsm_unit *unit;
	size_t i;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_text(request, "after", after, sizeof(after)) ||
	    !vhsm_request_take_number(request, "limit", 1, KEYS_PAGE, &limit) ||
	    !vhsm_request_find_unit(request, &unit))
		return;
	keys = json_array();
	for (i = 0; (key = vhsm_unit_key_at(unit, i)) != NULL; i++) {
		if (strcmp(key->name, after) <= 0)
			continue;
		if (json_array_size(keys) == limit) {
			next = vhsm_unit_key_at(unit, i - 1)->name;
			break;
		}
		json_array_append_new(keys, vhsm_key_encode_short(unit,
								  key));
	}
	result = json_pack("{s:o, s:s*}", "keys", keys, "next", next);
	vhsm_request_answer(request, result);
}

void vhsm_method_key_show(struct vhsm_admin_request *request)
{
	const struct vhsm_key *key;
	struct vhsm_unit *unit;

	if (vhsm_request_take_uuid(request) &&
	    vhsm_request_take_name(request) &&
	    vhsm_request_find_key(request, &unit, &key))
		vhsm_request_answer(request, vhsm_key_encode(request->vault,
							     unit, key));
}

static json_t *unit_encode(struct vhsm_vault *vault, const char *text)
{
	uuid_t uuid;

	if (uuid_parse(text, uuid) != 0)
		return NULL;
	return json_pack("{s:s, s:I}", "uuid", text, "engines",
			 (json_int_t)vhsm_channels_count(vault, uuid, NULL));
}

void vhsm_method_unit_list(struct vhsm_admin_request *request)
{
	json_t *all = NULL, *units, *value;
	char after[UUID_STR_LEN];
	const char *next = NULL, *text;
	uint64_t limit = UNITS_PAGE;
	size_t i;
	int r;

	if (!vhsm_request_take_text(request, "after", after, sizeof(after)) ||
	    !vhsm_request_take_number(request, "limit", 1, UNITS_PAGE, &limit))
		return;
	r = vhsm_store_list(request->vault->store, &all);
	if (r != 0) {
		vhsm_request_fail(request, r, "the list of units: %s",
				  vhsm_vault_error_text(r));
		return;
	}
	units = json_array();
	json_array_foreach(all, i, value) {
		text = json_string_value(value);
		if (strcmp(text, after) <= 0)
			continue;
		if (json_array_size(units) == limit) {
			next = json_string_value(json_array_get(all, i - 1));
			break;
		}
		json_array_append_new(units, unit_encode(request->vault, text));
	}
	value = json_pack("{s:o, s:s*}", "units", units, "next", next);
	json_decref(all);
	vhsm_request_answer(request, value);
}

void vhsm_method_vault_status(struct vhsm_admin_request *request)
{
	struct vhsm_vault *vault = request->vault;
	json_t *units = NULL;
	size_t count = 0;

	if (vhsm_store_list(vault->store, &units) == 0)
		count = json_array_size(units);
	json_decref(units);
	vhsm_request_answer(request,
		json_pack("{s:s, s:s, s:o, s:I, s:I, s:o}",
			  "version", PACKAGE_VERSION, "root", vault->root_uri,
			  "started", vhsm_time_encode(vault->started),
			  "units", (json_int_t)count,
			  "audit_seq", (json_int_t)vhsm_audit_seq(vault->audit),
			  "engines", vhsm_channels_encode(vault)));
}
