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

#include <openssl/evp.h>

#include "common/file.h"
#include "common/hex.h"
#include "fingerprint/fingerprint.h"
#include "vault/admin-request.h"
#include "vault/events.h"
#include "vault/methods.h"
#include "vault/traces.h"

#define INLINE_MAX 98304u
#define KEYSET_LEN 32u			/* hexadecimal digits */
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

/* The answer to one who gave a descriptor: SET is written, or unchanged. */
static json_t *summary(const struct vhsm_admin_request *request,
		       const char *keyset, json_int_t keys, json_int_t entries)
{
	char uuid[UUID_STR_LEN];

	uuid_unparse_lower(request->uuid, uuid);
	return json_pack("{s:s, s:I, s:I, s:s}", "uuid", uuid, "keys", keys,
			 "entries", entries, "keyset", keyset);
}

static void set_answer(struct vhsm_admin_request *request, json_t *json,
		       json_t *told)
{
	char *text = json_dumps(json, JSON_COMPACT);
	int r = text == NULL || told == NULL ? -ENOMEM : 0;

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
		vhsm_request_answer(request, json_incref(told));
	else
		vhsm_request_answer(request,
			json_pack("{s:O}", "fingerprints", json));
	json_decref(told);
}

/*
 * Which keys there are, as text: a digest of each version's identity, which is
 * never used again in a unit, and of when it was made, for units that are made
 * anew.  unit may be NULL: there are none.
 */
static int keyset_make(struct vhsm_unit *unit, char keyset[KEYSET_LEN + 1])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	const struct vhsm_key *key;
	unsigned v;
	size_t i;
	bool ok;

	ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	for (i = 0; ok && unit != NULL &&
	     (key = vhsm_unit_key_at(unit, i)) != NULL; i++)
		for (v = 0; ok && v < key->version_count; v++) {
			const uint64_t identity[] = {
				key->id, key->versions[v].version,
				(uint64_t)key->versions[v].created,
			};

			ok = EVP_DigestUpdate(md, identity,
					      sizeof(identity)) == 1;
		}
	ok = ok && EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	if (ok)
		vhsm_hex_encode(digest, KEYSET_LEN / 2, keyset);
	return ok ? 0 : -EIO;
}

/* The unit; *unit is NULL for a domain without, where that is no error. */
static bool unit_find(struct vhsm_admin_request *request, bool may_lack,
		      struct vhsm_unit **unit)
{
	if (may_lack && vhsm_store_unit(request->vault->store, request->uuid,
			false, unit, request->why) == VHSM_E_NOT_FOUND) {
		*unit = NULL;
		return true;
	}
	return vhsm_request_find_unit(request, unit);
}

static void all_collect(struct vhsm_admin_request *request,
			struct vhsm_unit *unit, const char *keyset)
{
	struct vhsm_fingerprints *set = vhsm_fingerprints_new();
	json_int_t keys = 0, entries = 0;
	json_t *json = NULL;
	int r = set == NULL ? -ENOMEM : 0;

	if (r == 0 && unit != NULL) {
		r = unit_collect(unit, set);
		keys = (json_int_t)vhsm_unit_key_count(unit);
		entries = (json_int_t)vhsm_fingerprints_count(set);
	}
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
		set_answer(request, json,
			   summary(request, keyset, keys, entries));
	json_decref(json);
}

void vhsm_method_key_fingerprints(struct vhsm_admin_request *request)
{
	bool asks = json_object_get(request->params, "unless") != NULL;
	char unless[KEYSET_LEN + 1], keyset[KEYSET_LEN + 1];
	struct vhsm_unit *unit;
	json_t *same;
	int r;

	if (!vhsm_request_take_uuid(request) ||
	    !vhsm_request_take_text(request, "unless", unless,
				    sizeof(unless)) ||
	    !unit_find(request, asks, &unit))
		return;
	r = keyset_make(unit, keyset);
	if (r != 0) {
		vhsm_request_fail(request, r, "fingerprints: %s",
				  vhsm_vault_error_text(r));
		return;
	}
	if (!asks || strcmp(unless, keyset) != 0) {
		all_collect(request, unit, keyset);
		return;
	}
	same = summary(request, keyset, unit == NULL ? 0 :
		       (json_int_t)vhsm_unit_key_count(unit), 0);
	json_object_set_new(same, "unchanged", json_true());
	vhsm_request_answer(request, same);
}
