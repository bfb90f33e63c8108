/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - reads and checks what a baseline says (vhsm-baseline(5)).
 * Every member is checked, and one that is not known is refused: whoever
 * approves a manifest must be able to rely on all of it being looked at.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "common/hex.h"

static bool is_hash(const json_t *json)
{
	uint8_t digest[32];

	return !vhsm_hex_decode_lower(json_string_value(json), digest, 32);
}

static bool is_text(const json_t *json)
{
	return json_is_string(json);
}

static bool is_hash_or_null(const json_t *json)
{
	return json_is_null(json) || is_hash(json);
}

static bool is_cmdline(const json_t *json)
{
	return json_is_string(json) &&
	       json_string_length(json) < VHSM_CMDLINE_MAX &&
	       strlen(json_string_value(json)) == json_string_length(json);
}

struct member {
	const char *name;
	bool (*check)(const json_t *);
	bool optional;
};

/* Whether an object has these members, as they must be, and no others. */
static bool members_check(const json_t *object, const struct member *member,
			  size_t count, const char **wrong)
{
	size_t found = 0, i;

	*wrong = NULL;
	if (!json_is_object(object))
		return false;
	for (i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, member[i].name);

		if (!value && member[i].optional)
			continue;
		if (!value || !member[i].check(value)) {
			*wrong = member[i].name;
			return false;
		}
		found++;
	}
	return json_object_size(object) == found;
}

#define CHECK(object, table, wrong) \
	members_check(object, table, sizeof(table) / sizeof((table)[0]), wrong)

static bool is_format(const json_t *json)
{
	return json_is_string(json) &&
	       !strcmp(json_string_value(json), "vhsm-baseline");
}

static bool is_version(const json_t *json)
{
	return json_is_integer(json) && json_integer_value(json) == 1;
}

static bool is_boot(const json_t *json)
{
	static const struct member members[] = {
		{ "kernel", is_hash }, { "ramdisk", is_hash_or_null },
		{ "cmdline", is_cmdline }, { "starts", is_hash, true },
	};
	const char *wrong;

	return CHECK(json, members, &wrong);
}

static bool is_modules(const json_t *json)
{
	static const struct member members[] = {
		{ "name", is_text }, { "sha256", is_hash },
	};
	const char *wrong;
	size_t i;

	if (!json_is_array(json))
		return false;
	for (i = 0; i < json_array_size(json); i++)
		if (!CHECK(json_array_get(json, i), members, &wrong))
			return false;
	return true;
}

static bool is_files(const json_t *json)
{
	static const struct member members[] = {
		{ BASELINE_REFERENCE, is_hash },
		{ BASELINE_MODULES, is_hash, true },
		{ BASELINE_RULES, is_hash, true },
	};
	const char *wrong;

	return CHECK(json, members, &wrong);
}

static bool is_object(const json_t *json)
{
	return json_is_object(json);
}

static bool is_learned_from(const json_t *json)
{
	static const struct member members[] = {
		{ "domain", is_text }, { "time", is_text },
	};
	const char *wrong;

	return json_is_null(json) || CHECK(json, members, &wrong);
}

int baseline_manifest_check(const json_t *manifest, const char *name,
			    char *why)
{
	static const struct member members[] = {
		{ "format", is_format }, { "version", is_version },
		{ "name", is_text }, { "made", is_text }, { "boot", is_boot },
		{ "release", is_text }, { "modules", is_modules },
		{ "files", is_files }, { "learned", is_object },
		{ "learned_from", is_learned_from },
	};
	const char *wrong;

	if (!CHECK(manifest, members, &wrong))
		return baseline_fail(why, -EBADMSG, wrong ?
			"%s: its manifest has no good \"%s\"" :
			"%s: its manifest has members that are not known%s",
			name, wrong ? wrong : "");
	if (strcmp(json_string_value(json_object_get(manifest, "name")), name))
		return baseline_fail(why, -EBADMSG,
				     "%s: its manifest is that of another baseline",
				     name);
	return 0;
}

int baseline_manifest_read(const char *dir, const char *name,
			   json_t **manifest, uint8_t digest[32], char *why)
{
	char path[PATH_MAX];
	int r;

	*manifest = NULL;
	if (!vhsm_baseline_name_check(name))
		return baseline_fail(why, -EINVAL,
				     "%.64s: not a baseline's name", name);
	r = baseline_path(path, dir, name, BASELINE_MANIFEST, why);
	if (!r)
		r = baseline_read_json(path, BASELINE_MANIFEST_MAX, manifest,
				       digest, why);
	if (r == -ENOENT)
		return baseline_fail(why, r, "%s: there is no such baseline",
				     name);
	if (!r)
		r = baseline_manifest_check(*manifest, name, why);
	if (r) {
		json_decref(*manifest);
		*manifest = NULL;
	}
	return r;
}

/* A file is as the manifest says, or is not there and not in the manifest. */
static int check_file(const char *dir, const char *name, const char *file,
		      const json_t *files, char *why)
{
	const json_t *expected = json_object_get(files, file);
	uint8_t digest[32];
	char path[PATH_MAX], text[BASELINE_HEX_LEN];
	int r = baseline_path(path, dir, name, file, why);

	if (r)
		return r;
	if (!expected)
		return access(path, F_OK) ? 0 :
		       baseline_fail(why, -EBADMSG,
				     "%s: %s is there, but not in its manifest",
				     name, file);
	r = baseline_hash_file(path, digest, why);
	if (r)
		return r;
	vhsm_hex_encode(digest, 32, text);
	if (!strcmp(text, json_string_value(expected)))
		return 0;
	return baseline_fail(why, -EBADMSG,
			     "%s: %s is not the file of its manifest", name,
			     file);
}

int vhsm_baseline_read(const char *dir, const char *name, json_t **manifest,
		       uint8_t digest[32], char *why)
{
	const char *const *file;
	const json_t *files;
	int r = baseline_manifest_read(dir, name, manifest, digest, why);

	if (r)
		return r;
	files = json_object_get(*manifest, "files");
	for (file = baseline_files; !r && *file; file++)
		r = check_file(dir, name, *file, files, why);
	if (r) {
		json_decref(*manifest);
		*manifest = NULL;
	}
	return r;
}
