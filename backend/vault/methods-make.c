/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods-make.c - key.generate and key.import.
 *
 * The key is made on a thread; the store is the loop's, so whether the name is
 * free is asked before, to spare the work, and decided after.
 */
#include <errno.h>
#include <string.h>

#include "vault/admin-request.h"
#include "vault/engine-channel.h"
#include "vault/events.h"
#include "vault/import.h"
#include "vault/key-json.h"
#include "vault/methods.h"
#include "vault/names.h"

static bool take_type(struct vhsm_admin_request *request, bool required)
{
	char text[32];

	if (!vhsm_request_take_text(request, "type", text, sizeof(text)))
		return false;
	if (text[0] == '\0' && !required)
		return true;
	request->type = vhsm_key_type_from_name(text);
	if (request->type != 0)
		return true;
	vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "\"%s\" is no type of "
			  "key; see vhsmctl key generate --help", text);
	return false;
}

static bool take_usages(struct vhsm_admin_request *request)
{
	json_t *usages = json_object_get(request->params, "usages");

	if (usages == NULL ||
	    (vhsm_usages_decode(usages, &request->usages) == 0 &&
	     request->usages != 0))
		return true;
	vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "\"usages\" must be a "
			  "list of sign, verify, encrypt, decrypt, mac, "
			  "mac-verify, caller-nonce");
	return false;
}

/* The usages asked for, or all; none that the type cannot do. */
static bool decide_usages(struct vhsm_admin_request *request)
{
	uint32_t possible = vhsm_usages_of_type(request->type);
	bool caller_nonce;

	if (!vhsm_request_take_bool(request, "caller_nonce", &caller_nonce))
		return false;
	if (request->usages == 0)
		request->usages = possible;
	if (caller_nonce)
		request->usages |= VHSM_USE_CALLER_NONCE;
	if (vhsm_key_type_has_nonce(request->type))
		possible |= VHSM_USE_CALLER_NONCE;
	if ((request->usages & ~possible) == 0)
		return true;
	vhsm_request_fail(request, VHSM_E_BAD_REQUEST, "a key of type %s "
			  "cannot be used for all of \"usages\"",
			  vhsm_key_type_name(request->type));
	return false;
}

static bool check_free(struct vhsm_admin_request *request)
{
	struct vhsm_unit *unit;

	if (vhsm_store_unit(request->vault->store, request->uuid, false, &unit,
			    NULL) != 0 ||
	    vhsm_unit_key_find(unit, request->name) == NULL)
		return true;
	vhsm_request_fail(request, VHSM_E_EXISTS, "this domain has a key "
			  "\"%s\" already; delete it first, or choose another "
			  "name", request->name);
	return false;
}

static json_t *make_note(struct vhsm_admin_request *request)
{
	json_t *note = vhsm_request_note(request);

	json_object_set_new(note, "type",
			    json_string(vhsm_key_type_name(request->type)));
	json_object_set_new(note, "usages",
			    vhsm_usages_encode(request->usages));
	return note;
}

static void key_answer(struct vhsm_admin_request *request)
{
	const struct vhsm_key *key;
	struct vhsm_unit *unit;

	if (vhsm_request_find_key(request, &unit, &key))
		vhsm_request_answer(request, vhsm_key_encode(request->vault,
							     unit, key));
}

/* Puts the request's material into the store, and answers. */
static void key_store(struct vhsm_admin_request *request, const char *event)
{
	struct vhsm_unit_note note = { event, make_note(request) };
	struct vhsm_unit *unit;
	int r;

	r = vhsm_store_unit(request->vault->store, request->uuid, true, &unit,
			    request->why);
	if (r == 0)
		r = vhsm_unit_add(unit, request->name, request->type,
				  request->usages, request->material.bytes,
				  request->material.len, &note);
	if (r != 0) {
		vhsm_request_fail(request, r, "key \"%s\": %s", request->name,
				  request->why[0] ? request->why :
				  vhsm_vault_error_text(r));
	} else if ((r = vhsm_request_record(request, &note)) != 0) {
		vhsm_request_fail(request, r, "key \"%s\" is made, but not in "
				  "the audit log yet: %s", request->name,
				  strerror(-r));
	} else {
		vhsm_channels_offer(request->vault, request->uuid,
				    request->name);
		key_answer(request);
	}
	json_decref(note.details);
}

static void generate_run(struct vhsm_job *job)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;
	size_t len = VHSM_MATERIAL_MAX;

	request->error = vhsm_family_of_type(request->type)->generate(
		request->type, request->material.bytes, &len);
	request->material.len = len;
}

static void generate_done(struct vhsm_job *job, bool cancelled)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;

	if (cancelled)
		vhsm_request_fail(request, VHSM_E_BUSY, "the vault is ending");
	else if (request->error != 0)
		vhsm_request_fail(request, -EIO, "key \"%s\" could not be "
				  "generated", request->name);
	else
		key_store(request, VHSM_EV_KEY_GENERATED);
}

void vhsm_method_key_generate(struct vhsm_admin_request *request)
{
	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_name(request) || !take_type(request, true) ||
	    !take_usages(request) || !decide_usages(request) ||
	    !check_free(request))
		return;
	if (vhsm_secret_init(&request->material, VHSM_MATERIAL_MAX) != 0) {
		vhsm_request_fail(request, -ENOMEM, "out of secure memory");
		return;
	}
	request->job.run = generate_run;
	request->job.done = generate_done;
	if (vhsm_jobs_add(request->vault->jobs, &request->job) != 0)
		vhsm_request_fail(request, VHSM_E_BUSY,
				  "too many keys are being made; try again");
}

void vhsm_method_key_import(struct vhsm_admin_request *request)
{
	struct vhsm_secret bytes = VHSM_SECRET_NONE;
	int r;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_name(request) || !take_type(request, false) ||
	    !take_usages(request) || !check_free(request))
		return;
	r = vhsm_import_read(request->fd, &bytes, request->why);
	if (r == 0)
		r = vhsm_import_decode(&bytes, &request->type,
				       &request->material, request->why);
	vhsm_secret_deinit(&bytes);
	if (r != 0)
		vhsm_request_fail(request, r, "%s", request->why[0] ?
				  request->why : vhsm_vault_error_text(r));
	else if (decide_usages(request))
		key_store(request, VHSM_EV_KEY_IMPORTED);
}
