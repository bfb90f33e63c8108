/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods-change.c - key.set-state, key.delete, unit.destroy, guest.revoke and
 * guest.release.
 *
 *   1. the store, so that the change outlives us
 *   2. engines are told, before anything slow
 *   3. the audit log
 *   4. the answer, when engines have confirmed
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "vault/admin-request.h"
#include "vault/confirm.h"
#include "vault/engine-channel.h"
#include "vault/events.h"
#include "vault/methods.h"
#include "vault/names.h"

static void unconfirmed_record(struct vhsm_admin_request *request,
			       unsigned unconfirmed)
{
	json_t *details;

	details = json_pack("{s:s, s:I}", "method", request->method->name,
			    "engines", (json_int_t)unconfirmed);
	if (request->name[0] != '\0')
		json_object_set_new(details, "key", json_string(request->name));
	vhsm_vault_record(request->vault, VHSM_EV_UNCONFIRMED, request->uuid,
			  details);
	vhsm_vault_commit(request->vault);
}

static void on_confirmed(void *arg, unsigned engines, unsigned unconfirmed)
{
	struct vhsm_admin_request *request = arg;
	json_t *result = json_incref(request->result);

	if (unconfirmed > 0)
		unconfirmed_record(request, unconfirmed);
	json_object_set_new(result, "engines", json_integer(engines));
	json_object_set_new(result, "unconfirmed", json_integer(unconfirmed));
	json_object_set_new(result, "ms", json_integer(vhsm_now_ms() -
						       request->begun_ms));
	if (request->error != 0) {
		json_decref(result);
		vhsm_request_fail(request, request->error, "it is done, but "
				  "not in the audit log yet: %s",
				  strerror(-request->error));
	} else {
		vhsm_request_answer(request, result);
	}
}

static json_t *result_new(const struct vhsm_admin_request *request)
{
	char uuid[UUID_STR_LEN];

	uuid_unparse_lower(request->uuid, uuid);
	return json_pack("{s:s}", "uuid", uuid);
}

/* NULL: the request has been ended. */
static struct vhsm_confirm *confirm_prepare(struct vhsm_admin_request *request)
{
	struct vhsm_confirm *confirm;

	confirm = vhsm_confirm_new(request->vault->base, on_confirmed, request);
	request->result = result_new(request);
	if (confirm != NULL && request->result != NULL)
		return confirm;
	vhsm_confirm_cancel(&confirm);
	vhsm_request_fail(request, -ENOMEM, "out of memory");
	return NULL;
}

static void change_fail(struct vhsm_admin_request *request,
			struct vhsm_confirm *confirm, int r)
{
	vhsm_confirm_cancel(&confirm);
	vhsm_request_fail(request, r, "%s: %s", request->name[0] ?
			  request->name : "unit", vhsm_vault_error_text(r));
}

void vhsm_method_key_set_state(struct vhsm_admin_request *request)
{
	struct vhsm_unit_note note = { VHSM_EV_KEY_STATE, NULL };
	struct vhsm_confirm *confirm;
	const struct vhsm_key *key;
	struct vhsm_unit *unit;
	char text[16];
	uint16_t state;
	int r;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_name(request) ||
	    !vhsm_request_take_text(request, "state", text, sizeof(text)))
		return;
	state = vhsm_key_state_from_name(text);
	if (state == 0 || state == VHSM_KEY_DESTROYED) {
		vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "\"state\" must "
				  "be enabled, disabled or revoked");
		return;
	}
	if (!vhsm_request_find_key(request, &unit, &key))
		return;
	confirm = confirm_prepare(request);
	if (confirm == NULL)
		return;
	note.details = vhsm_request_note(request);
	json_object_set_new(note.details, "from",
			    json_string(vhsm_key_state_name(key->state)));
	json_object_set_new(note.details, "to", json_string(text));
	json_object_set_new(request->result, "name",
			    json_string(request->name));
	json_object_set_new(request->result, "state", json_string(text));
	r = vhsm_unit_set_state(unit, request->name, state, &note);
	if (r != 0) {
		change_fail(request, confirm, r);
		goto out;
	}
	if (state == VHSM_KEY_ENABLED)
		vhsm_channels_offer(request->vault, request->uuid,
				    request->name);
	else
		vhsm_channels_withdraw(request->vault, request->uuid,
				       request->name, state, confirm);
	request->error = vhsm_request_record(request, &note);
	vhsm_confirm_start(confirm);
out:
	json_decref(note.details);
}

void vhsm_method_key_delete(struct vhsm_admin_request *request)
{
	struct vhsm_unit_note note = { VHSM_EV_KEY_DELETED, NULL };
	struct vhsm_confirm *confirm;
	const struct vhsm_key *key;
	struct vhsm_unit *unit;
	int r;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_name(request) ||
	    !vhsm_request_find_key(request, &unit, &key))
		return;
	confirm = confirm_prepare(request);
	if (confirm == NULL)
		return;
	note.details = vhsm_request_note(request);
	json_object_set_new(request->result, "name",
			    json_string(request->name));
	json_object_set_new(request->result, "state",
			    json_string("destroyed"));
	r = vhsm_unit_remove(unit, request->name, &note);
	if (r == 0) {
		vhsm_channels_withdraw(request->vault, request->uuid,
				       request->name, VHSM_KEY_DESTROYED,
				       confirm);
		request->error = vhsm_request_record(request, &note);
		vhsm_confirm_start(confirm);
	} else {
		change_fail(request, confirm, r);
	}
	json_decref(note.details);
}

/* Names of all keys, to be told to engines when the keys are gone. */
static json_t *names_list(struct vhsm_unit *unit)
{
	const struct vhsm_key *key;
	json_t *names = json_array();
	size_t i;

	for (i = 0; (key = vhsm_unit_key_at(unit, i)) != NULL; i++)
		if (json_array_append_new(names, json_string(key->name)) != 0) {
			json_decref(names);
			return NULL;
		}
	return names;
}

static void all_withdraw(struct vhsm_admin_request *request, json_t *names,
			 struct vhsm_confirm *confirm)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		vhsm_channels_withdraw(request->vault, request->uuid,
				       json_string_value(name),
				       VHSM_KEY_DESTROYED, confirm);
}

void vhsm_method_unit_destroy(struct vhsm_admin_request *request)
{
	struct vhsm_unit_note note = { VHSM_EV_UNIT_DESTROYED, NULL };
	struct vhsm_confirm *confirm;
	struct vhsm_unit *unit;
	json_t *names;
	json_int_t count;
	int r = -ENOMEM;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_find_unit(request, &unit))
		return;
	confirm = confirm_prepare(request);
	if (confirm == NULL)
		return;
	names = names_list(unit);
	count = (json_int_t)json_array_size(names);
	note.details = vhsm_request_note(request);
	json_object_set_new(note.details, "keys", json_integer(count));
	json_object_set_new(request->result, "keys", json_integer(count));
	if (names != NULL)
		r = vhsm_unit_destroy(unit, &note);
	if (r == 0) {
		all_withdraw(request, names, confirm);
		request->error = vhsm_request_record(request, &note);
		if (request->error == 0)
			request->error = vhsm_store_erase(request->vault->store,
							  request->uuid);
		vhsm_confirm_start(confirm);
	} else {
		change_fail(request, confirm, r);
	}
	json_decref(names);
	json_decref(note.details);
}

/* A guest's reason: printable, and cut rather than refused, since whoever
 * revokes is in a hurry. */
static bool reason_take(struct vhsm_admin_request *request,
			char reason[VHSM_UNIT_REASON_LEN])
{
	char text[2048];

	if (!vhsm_request_take_text(request, "reason", text, sizeof(text)))
		return false;
	vhsm_log_escape(reason, VHSM_UNIT_REASON_LEN,
			text[0] ? text : "not said",
			text[0] ? strlen(text) : strlen("not said"));
	return true;
}

static json_t *guest_note(struct vhsm_admin_request *request,
			  struct vhsm_unit *unit, const char *reason)
{
	json_t *note = vhsm_request_note(request);
	json_int_t keys = (json_int_t)vhsm_unit_key_count(unit);

	json_object_set_new(note, "keys", json_integer(keys));
	json_object_set_new(note, "reason", json_string(reason));
	json_object_set_new(request->result, "keys", json_integer(keys));
	return note;
}

/*
 * The unit is made if the guest has none: keys it is given later are withheld,
 * too.  Asked again, it tells the engines again and waits for them, which is
 * how an answer with unconfirmed engines is mended.
 */
void vhsm_method_guest_revoke(struct vhsm_admin_request *request)
{
	struct vhsm_unit_note note = { VHSM_EV_GUEST_REVOKED, NULL };
	char reason[VHSM_UNIT_REASON_LEN];
	struct vhsm_confirm *confirm;
	struct vhsm_unit *unit;
	bool change;
	int r;

	if (!vhsm_request_take_uuid(request) || !reason_take(request, reason))
		return;
	r = vhsm_store_unit(request->vault->store, request->uuid, true, &unit,
			    request->why);
	if (r != 0) {
		vhsm_request_fail(request, r, "%s", request->why[0] ?
				  request->why : vhsm_vault_error_text(r));
		return;
	}
	confirm = confirm_prepare(request);
	if (confirm == NULL)
		return;
	change = vhsm_unit_revoked(unit) == NULL;
	note.details = guest_note(request, unit, reason);
	if (change)
		r = vhsm_unit_revoke(unit, reason, &note);
	if (r == 0) {
		vhsm_channels_withdraw_all(request->vault, request->uuid,
					   confirm);
		if (change)
			request->error = vhsm_request_record(request, &note);
		vhsm_confirm_start(confirm);
	} else {
		change_fail(request, confirm, r);
	}
	json_decref(note.details);
}

void vhsm_method_guest_release(struct vhsm_admin_request *request)
{
	struct vhsm_unit_note note = { VHSM_EV_GUEST_RELEASED, NULL };
	char reason[VHSM_UNIT_REASON_LEN];
	struct vhsm_confirm *confirm;
	struct vhsm_unit *unit = NULL;
	int r;

	if (!vhsm_request_take_uuid(request) || !reason_take(request, reason))
		return;
	r = vhsm_store_unit(request->vault->store, request->uuid, false, &unit,
			    request->why);
	confirm = confirm_prepare(request);
	if (confirm == NULL)
		return;
	if (r == VHSM_E_NOT_FOUND) {
		json_object_set_new(request->result, "keys", json_integer(0));
		vhsm_confirm_start(confirm);
		return;
	}
	if (r == 0)
		note.details = guest_note(request, unit, reason);
	if (r == 0 && vhsm_unit_revoked(unit) != NULL) {
		r = vhsm_unit_release(unit, &note);
		if (r == 0) {
			request->error = vhsm_request_record(request, &note);
			vhsm_channels_offer_all(request->vault, request->uuid);
		}
	}
	if (r == 0)
		vhsm_confirm_start(confirm);
	else
		change_fail(request, confirm, r);
	json_decref(note.details);
}
