/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods-fingerprints.c - key.fingerprints: what a domain's secrets would
 * look like in memory, as salted fingerprints, for the memory search.
 *
 * Symmetric keys and schedules are said whole, block by block; long numbers by
 * their first, middle and last blocks, in both byte orders.  Windows that are
 * constant fill are left out by the set itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events.h"
#include "file.h"
#include "fingerprint.h"
#include "methods.h"
#include "request.h"
#include "traces.h"

#define INLINE_MAX 98304u
#define LABEL_MAX (VHSM_NAME_MAX + 32u)	/* NAME/VERSION what */

struct collect {
	struct vhsm_fingerprints *set;
	const struct vhsm_key *key;
	uint32_t version;
};

static int blocks_add(struct collect *c, const char *label,
		      const uint8_t *bytes, size_t len)
{
	char full[LABEL_MAX + 24];
	size_t at;
	int r = 0;

	for (at = 0; at + VHSM_WINDOW_LEN <= len && r == 0;
	     at += VHSM_WINDOW_LEN) {
		snprintf(full, sizeof(full), "%s +%zu", label, at);
		r = vhsm_fingerprints_add(c->set, full, bytes + at);
		if (r == -EINVAL)	/* constant fill */
			r = 0;
	}
	return r;
}

static int on_trace(void *arg, const char *what, const uint8_t *bytes,
		    size_t len)
{
	struct collect *c = arg;
	char label[LABEL_MAX];
	int r;

	snprintf(label, sizeof(label), "%s/%u %s", c->key->name, c->version,
		 what);
	if (strcmp(what, "key") == 0 ||
	    strncmp(what, "schedule", strlen("schedule")) == 0)
		return blocks_add(c, label, bytes, len);
	if (len < VHSM_WINDOW_LEN)
		return 0;
	r = vhsm_fingerprints_add_secret(c->set, label, bytes, len);
	return r == -EINVAL ? 0 : r;
}

static int key_collect(struct vhsm_unit *unit, const struct vhsm_key *key,
		       struct vhsm_fingerprints *set,
		       struct vhsm_secret *scratch)
{
	struct collect c = { set, key, 0 };
	unsigned i;
	int r = 0;

	for (i = 0; i < key->version_count && r == 0; i++) {
		c.version = key->versions[i].version;
		r = vhsm_unit_unseal(unit, key, &key->versions[i],
				     scratch->bytes, &scratch->len);
		if (r == 0)
			r = vhsm_traces_walk(key->type, scratch->bytes,
					     scratch->len, on_trace, &c);
	}
	return r;
}

static int unit_collect(struct vhsm_unit *unit, struct vhsm_fingerprints *set)
{
	struct vhsm_secret scratch;
	const struct vhsm_key *key;
	size_t i;
	int r;

	r = vhsm_secret_init(&scratch, VHSM_MATERIAL_MAX);
	for (i = 0; r == 0 && (key = vhsm_unit_key_at(unit, i)) != NULL; i++)
		r = key_collect(unit, key, set, &scratch);
	vhsm_secret_deinit(&scratch);
	return r;
}

/* To the descriptor: a regular file, so that writing cannot hang us. */
static int text_write(int fd, const char *text)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return VHSM_E_BAD_REQUEST;
	return vhsm_file_write_all(fd, text, strlen(text));
}

static void set_answer(struct vhsm_admin_request *request, json_t *json,
		       json_int_t keys, json_int_t entries)
{
	char uuid[VHSM_UUID_TEXT_LEN + 1];
	char *text = json_dumps(json, JSON_COMPACT);
	int r = text == NULL ? -ENOMEM : 0;

	vhsm_uuid_encode(request->uuid, uuid);
	if (r == 0 && request->fd >= 0)
		r = text_write(request->fd, text);
	else if (r == 0 && strlen(text) > INLINE_MAX)
		r = VHSM_E_FULL;
	free(text);
	if (r == VHSM_E_FULL)
		vhsm_request_fail(request, r, "too long for an answer: attach "
				  "a file to write to");
	else if (r != 0)
		vhsm_request_fail(request, r, "the attached file cannot be "
				  "written: %s", vhsm_vault_error_text(r));
	else if (request->fd >= 0)
		vhsm_request_answer(request,
			json_pack("{s:s, s:I, s:I}", "uuid", uuid, "keys", keys,
				  "entries", entries));
	else
		vhsm_request_answer(request,
			json_pack("{s:O}", "fingerprints", json));
}

void vhsm_method_key_fingerprints(struct vhsm_admin_request *request)
{
	struct vhsm_fingerprints *set;
	json_int_t keys, entries;
	struct vhsm_unit *unit;
	json_t *json = NULL;
	int r = -ENOMEM;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_find_unit(request, &unit))
		return;
	set = vhsm_fingerprints_new();
	if (set != NULL)
		r = unit_collect(unit, set);
	keys = (json_int_t)vhsm_unit_key_count(unit);
	entries = set != NULL ? (json_int_t)vhsm_fingerprints_count(set) : 0;
	if (r == 0) {
		json = vhsm_fingerprints_encode(set);
		r = vhsm_vault_record(request->vault, VHSM_EV_KEY_FINGERPRINTS,
			request->uuid, json_pack("{s:I, s:I, s:I}", "uid",
				(json_int_t)vhsm_rpc_caller_uid(request->call),
				"keys", keys, "entries", entries));
	}
	if (r == 0)
		r = vhsm_vault_commit(request->vault);
	vhsm_fingerprints_free(&set);
	if (r != 0 || json == NULL)
		vhsm_request_fail(request, r != 0 ? r : -ENOMEM,
				  "fingerprints: %s",
				  vhsm_vault_error_text(r != 0 ? r : -ENOMEM));
	else
		set_answer(request, json, keys, entries);
	json_decref(json);
}
