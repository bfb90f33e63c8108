/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint-json.c - a set of fingerprints as JSON, and from a file.
 *
 * Reading trusts nothing: the file may have been written by anyone.  Hex is
 * lower case, so that a set has one form only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "fingerprint/fingerprint-set.h"

#define FORMAT	"vhsm-fingerprints"
#define VERSION	1
#define FILE_MAX_LEN (8u << 20)		/* far over VHSM_FINGERPRINTS_MAX */

static json_t *hex_encode(const uint8_t *bytes, size_t len)
{
	char text[2 * VHSM_FINGERPRINT_SALT_LEN + 1];

	vhsm_hex_encode(bytes, len, text);
	return json_string(text);
}

static bool hex_decode(uint8_t *bytes, size_t len, const json_t *untrusted)
{
	return json_string_length(untrusted) == 2 * len &&
	       !vhsm_hex_decode_lower(json_string_value(untrusted), bytes, len);
}

json_t *vhsm_fingerprints_encode(const struct vhsm_fingerprints *set)
{
	json_t *entries = json_array();
	size_t i;
	int r = 0;

	for (i = 0; entries && !r && i < set->count; i++)
		r = json_array_append_new(entries,
			json_pack("{s:s, s:i, s:o}",
				  "label", set->entry[i].label,
				  "filter", (int)set->entry[i].filter,
				  "digest", hex_encode(set->entry[i].digest,
						VHSM_FINGERPRINT_DIGEST_LEN)));
	if (r) {
		json_decref(entries);
		return NULL;
	}
	return json_pack("{s:s, s:i, s:o, s:o}", "format", FORMAT,
			 "version", VERSION, "salt",
			 hex_encode(set->salt, sizeof(set->salt)),
			 "entries", entries);
}

static int decode_entry(struct vhsm_fingerprints *set, size_t i,
			const json_t *untrusted, char *why)
{
	const json_t *label = json_object_get(untrusted, "label");
	const json_t *filter = json_object_get(untrusted, "filter");
	uint8_t digest[VHSM_FINGERPRINT_DIGEST_LEN];
	const char *wrong = NULL;
	int r = -EINVAL;

	if (json_object_size(untrusted) != 3)
		wrong = "is not an object of label, filter, digest";
	else if (!json_is_string(label) ||
		 strlen(json_string_value(label)) != json_string_length(label))
		wrong = "has a bad label";
	else if (!json_is_integer(filter) || json_integer_value(filter) < 0 ||
		 json_integer_value(filter) > UINT16_MAX)
		wrong = "has a filter that is not 0..65535";
	else if (!hex_decode(digest, sizeof(digest),
			     json_object_get(untrusted, "digest")))
		wrong = "has a digest that is not 32 lower-case hex digits";
	if (!wrong) {
		r = fingerprints_append(set, json_string_value(label),
					(uint16_t)json_integer_value(filter),
					digest);
		if (r == -EINVAL)
			wrong = "has a bad label";
		else if (r)
			wrong = "does not fit";
	}
	if (wrong)
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN, "entry %zu %s", i,
			 wrong);
	return r;
}

/* What is wrong with the object around the entries, or NULL. */
static const char *check_frame(const json_t *untrusted, uint8_t *salt)
{
	const json_t *format = json_object_get(untrusted, "format");
	const json_t *version = json_object_get(untrusted, "version");
	const json_t *entries = json_object_get(untrusted, "entries");

	if (!json_is_string(format) ||
	    strcmp(json_string_value(format), FORMAT))
		return "\"format\" is not \"" FORMAT "\"";
	if (!json_is_integer(version) || json_integer_value(version) != VERSION)
		return "\"version\" is not one this program knows (1)";
	if (json_object_size(untrusted) != 4)
		return "it has members other than format, version, salt, "
			"entries";
	if (!hex_decode(salt, VHSM_FINGERPRINT_SALT_LEN,
			json_object_get(untrusted, "salt")))
		return "\"salt\" is not 64 lower-case hex digits";
	if (!json_is_array(entries) ||
	    json_array_size(entries) > VHSM_FINGERPRINTS_MAX)
		return "\"entries\" is not an array, or too long";
	return NULL;
}

int vhsm_fingerprints_decode(struct vhsm_fingerprints **set,
			     const json_t *untrusted_json, char *why)
{
	uint8_t salt[VHSM_FINGERPRINT_SALT_LEN];
	struct vhsm_fingerprints *made;
	const json_t *entries;
	const char *wrong;
	size_t i;
	int r = 0;

	wrong = check_frame(untrusted_json, salt);
	if (wrong) {
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN,
			 "not a set of fingerprints: %s", wrong);
		return -EINVAL;
	}
	made = fingerprints_new_salted(salt);
	if (!made) {
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	entries = json_object_get(untrusted_json, "entries");
	for (i = 0; !r && i < json_array_size(entries); i++)
		r = decode_entry(made, i, json_array_get(entries, i), why);
	if (r)
		vhsm_fingerprints_free(&made);
	else
		*set = made;
	return r;
}

static size_t read_bounded(void *buffer, size_t len, void *arg)
{
	FILE *file = arg;
	long at = ftell(file);

	if (at < 0 || at + len > FILE_MAX_LEN)
		return (size_t)-1;
	return fread(buffer, 1, len, file);
}

int vhsm_fingerprints_read(struct vhsm_fingerprints **set, const char *path,
			   char *why)
{
	char wrong[VHSM_FINGERPRINT_WHY_LEN];
	json_error_t error;
	json_t *json;
	FILE *file;
	int r;

	file = fopen(path, "re");
	if (!file) {
		r = -errno;
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN, "%.80s: %s", path,
			 strerror(-r));
		return r;
	}
	json = json_load_callback(read_bounded, file, JSON_REJECT_DUPLICATES,
				  &error);
	fclose(file);
	if (!json) {
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN,
			 "%.80s: line %d: %.80s", path, error.line,
			 error.text);
		return -EINVAL;
	}
	r = vhsm_fingerprints_decode(set, json, wrong);
	if (r)
		snprintf(why, VHSM_FINGERPRINT_WHY_LEN, "%.80s: %.110s", path,
			 wrong);
	json_decref(json);
	return r;
}
