/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve.c - which manifests a domain may run under: approved/UUID.json,
 *
 *   {"format": "vhsm-approvals", "version": 1, "uuid": UUID,
 *    "approved": [{"name": ..., "manifest": SHA256, "time": ...}, ...],
 *    "signature": 128 hexadecimal digits}
 *
 * The signature is over a line that says what is signed, and the file without
 * its member "signature", with sorted members and no blanks.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "baseline/baseline-internal.h"
#include "common/file.h"
#include "common/hex.h"

#define APPROVALS_MAX_LEN	(1u << 20)	/* bytes */
#define SIGNED_AS		"vhsm-approvals-1\n"

/* uuid in its one form, so that no path can be made of it. */
static bool uuid_check(const char *uuid)
{
	char text[UUID_STR_LEN];
	uint8_t bytes[16];

	if (uuid_parse(uuid, bytes))
		return false;
	uuid_unparse_lower(bytes, text);
	return !strcmp(text, uuid);
}

static int approvals_path(char path[], const char *dir, const char *uuid,
			  char *why)
{
	char file[UUID_STR_LEN + 8];

	if (!uuid_check(uuid))
		return baseline_fail(why, -EINVAL,
				     "%.64s: not a UUID in lower case", uuid);
	memcpy(file, uuid, UUID_STR_LEN - 1);
	memcpy(file + UUID_STR_LEN - 1, ".json", 6);
	return baseline_path(path, dir, BASELINE_APPROVED, file, why);
}

/* What is signed: the caller's, or NULL without memory. */
static char *signed_text(const json_t *object)
{
	json_t *copy = json_copy((json_t *)object);
	char *text, *joined = NULL;

	if (!copy)
		return NULL;
	json_object_del(copy, "signature");
	text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(copy);
	if (text)
		joined = malloc(sizeof(SIGNED_AS) + strlen(text));
	if (joined) {
		memcpy(joined, SIGNED_AS, sizeof(SIGNED_AS) - 1);
		memcpy(joined + sizeof(SIGNED_AS) - 1, text,
		       strlen(text) + 1);
	}
	free(text);
	return joined;
}

static int check_signature(const char *dir, const json_t *object, char *why)
{
	uint8_t signature[BASELINE_SIGNATURE_LEN];
	char *text;
	int r;

	if (vhsm_hex_decode_lower(json_string_value(json_object_get(object,
								    "signature")),
				  signature, sizeof(signature)))
		return baseline_fail(why, -EBADMSG, "there is no signature");
	text = signed_text(object);
	if (!text)
		return baseline_fail(why, -ENOMEM, "no memory");
	r = baseline_verify(dir, text, strlen(text), signature, why);
	free(text);
	return r;
}

static bool entry_check(const json_t *entry)
{
	uint8_t digest[32];
	const char *name = json_string_value(json_object_get(entry, "name"));

	return name && vhsm_baseline_name_check(name) &&
	       !vhsm_hex_decode_lower(json_string_value(json_object_get(entry,
								"manifest")),
				      digest, 32) &&
	       json_is_string(json_object_get(entry, "time"));
}

/* The signature comes first: what is behind it was written by the store. */
static int check(const char *dir, const char *uuid, const json_t *object,
		 char *why)
{
	char reason[VHSM_BASELINE_WHY_LEN];
	const char *format, *is_for;
	json_t *list;
	int version;
	size_t i;
	int r = check_signature(dir, object, reason);

	if (r)
		return baseline_fail(why, r,
				     "the approvals of %s are not as signed: %.150s",
				     uuid, reason);
	if (json_unpack((json_t *)object, "{s:s,s:i,s:s,s:o,s:o!}", "format",
			&format, "version", &version, "uuid", &is_for,
			"approved", &list, "signature", &(json_t *){ NULL }) ||
	    strcmp(format, "vhsm-approvals") || version != 1 ||
	    !json_is_array(list))
		return baseline_fail(why, -EBADMSG,
				     "the approvals of %s are not in a format that is known",
				     uuid);
	if (strcmp(is_for, uuid))
		return baseline_fail(why, -EBADMSG,
				     "the approvals of %s are those of another domain",
				     uuid);
	for (i = 0; i < json_array_size(list); i++)
		if (!entry_check(json_array_get(list, i)))
			return baseline_fail(why, -EBADMSG,
					     "an approval of %s is damaged",
					     uuid);
	return 0;
}

int vhsm_baseline_approvals(const char *dir, const char *uuid, json_t **list,
			    char *why)
{
	char path[PATH_MAX];
	json_t *object = NULL;
	int r = approvals_path(path, dir, uuid, why);

	*list = NULL;
	if (!r)
		r = baseline_read_json(path, APPROVALS_MAX_LEN, &object, NULL,
				       why);
	if (r == -ENOENT) {
		*list = json_array();
		return *list ? 0 : baseline_fail(why, -ENOMEM, "no memory");
	}
	if (!r)
		r = check(dir, uuid, object, why);
	if (!r)
		*list = json_incref(json_object_get(object, "approved"));
	json_decref(object);
	return r;
}

/* Signs and writes a list; without entries, there is no file. */
static int write_list(const char *dir, const char *uuid, json_t *list,
		      char *why)
{
	uint8_t signature[BASELINE_SIGNATURE_LEN];
	char path[PATH_MAX], hex[2 * BASELINE_HEX_LEN];
	json_t *object;
	char *text = NULL;
	int r = baseline_path(path, dir, BASELINE_APPROVED, NULL, why);

	if (!r && vhsm_file_make_dir(path))
		r = baseline_fail(why, -EIO, "%.150s: cannot be made", path);
	if (!r)
		r = approvals_path(path, dir, uuid, why);
	if (r)
		return r;
	if (json_array_size(list) == 0)
		return unlink(path) ? baseline_fail(why, -errno, "%.150s: %s",
						    path, strerror(errno)) : 0;
	object = json_pack("{s:s,s:i,s:s,s:O}", "format", "vhsm-approvals",
			   "version", 1, "uuid", uuid, "approved", list);
	if (object)
		text = signed_text(object);
	r = text ? baseline_sign(dir, text, strlen(text), signature, why) :
		   baseline_fail(why, -ENOMEM, "no memory");
	if (!r) {
		vhsm_hex_encode(signature, BASELINE_SIGNATURE_LEN, hex);
		if (json_object_set_new(object, "signature", json_string(hex)))
			r = baseline_fail(why, -ENOMEM, "no memory");
	}
	if (!r)
		r = baseline_write_json(path, object, NULL, why);
	free(text);
	json_decref(object);
	return r;
}

static bool is_approved(const json_t *list, const char *name, const char *hex)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		if (!strcmp(json_string_value(json_object_get(entry, "name")),
			    name) &&
		    !strcmp(json_string_value(json_object_get(entry,
							      "manifest")),
			    hex))
			return true;
	}
	return false;
}

/* Takes entries of a name, or all, out of a list: how many. */
static size_t drop(json_t *list, const char *name)
{
	size_t i, dropped = 0;

	for (i = json_array_size(list); i-- > 0;) {
		const json_t *entry = json_array_get(list, i);

		if (name && strcmp(name, json_string_value(
				   json_object_get(entry, "name"))))
			continue;
		json_array_remove(list, i);
		dropped++;
	}
	return dropped;
}

int vhsm_baseline_approve(const char *dir, const char *uuid, const char *name,
			  char *why)
{
	char hex[BASELINE_HEX_LEN], time[BASELINE_TIME_LEN];
	json_t *manifest = NULL, *list = NULL;
	uint8_t digest[32];
	int r, lock = vhsm_baseline_lock(dir, why);

	if (lock < 0)
		return lock;
	r = vhsm_baseline_read(dir, name, &manifest, digest, why);
	if (!r)
		r = vhsm_baseline_approvals(dir, uuid, &list, why);
	if (!r) {
		vhsm_hex_encode(digest, 32, hex);
		baseline_time(time);
		if (is_approved(list, name, hex))
			r = baseline_fail(why, -EALREADY,
					  "%s is approved for %s already",
					  name, uuid);
	}
	/* An older state of the baseline is approved no longer. */
	if (!r)
		drop(list, name);
	if (!r && json_array_append_new(list,
			json_pack("{s:s,s:s,s:s}", "name", name, "manifest",
				  hex, "time", time)))
		r = baseline_fail(why, -ENOMEM, "no memory");
	if (!r)
		r = write_list(dir, uuid, list, why);
	json_decref(list);
	json_decref(manifest);
	close(lock);
	return r;
}

int vhsm_baseline_revoke(const char *dir, const char *uuid, const char *name,
			 char *why)
{
	json_t *list = NULL;
	int r, lock = vhsm_baseline_lock(dir, why);

	if (lock < 0)
		return lock;
	r = vhsm_baseline_approvals(dir, uuid, &list, why);
	if (!r && drop(list, name) == 0)
		r = baseline_fail(why, -ENOENT, "nothing%s%s is approved for %s",
				  name ? " of " : "", name ? name : "", uuid);
	if (!r)
		r = write_list(dir, uuid, list, why);
	json_decref(list);
	close(lock);
	return r;
}
