/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c - two manifests side by side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/baseline-internal.h"

#define WHAT_LEN 256u

static json_t *or_null(json_t *json)
{
	return json ? json_incref(json) : json_null();
}

static int note(json_t *out, const char *what, json_t *a, json_t *b)
{
	if (json_equal(a, b) || (!a && !b))
		return 0;
	return json_array_append_new(out,
		json_pack("{s:s,s:o,s:o}", "what", what, "a", or_null(a), "b",
			  or_null(b))) ? -ENOMEM : 0;
}

/* Members of two objects, the first's first. */
static int diff_members(json_t *out, const char *prefix, json_t *a, json_t *b)
{
	char what[WHAT_LEN];
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach(a, key, value) {
		snprintf(what, sizeof(what), "%s.%s", prefix, key);
		r = r ? r : note(out, what, value, json_object_get(b, key));
	}
	json_object_foreach(b, key, value) {
		if (json_object_get(a, key))
			continue;
		snprintf(what, sizeof(what), "%s.%s", prefix, key);
		r = r ? r : note(out, what, NULL, value);
	}
	return r;
}

/* The list of modules as an object, by name. */
static json_t *modules_of(const json_t *manifest)
{
	json_t *modules = json_object_get(manifest, "modules");
	json_t *object = json_object(), *entry;
	size_t i;

	json_array_foreach(modules, i, entry)
		json_object_set(object,
				json_string_value(json_object_get(entry,
								  "name")),
				json_object_get(entry, "sha256"));
	return object;
}

int vhsm_baseline_diff(const json_t *a, const json_t *b, json_t **differences)
{
	json_t *a_modules = modules_of(a), *b_modules = modules_of(b);
	json_t *out = json_array();
	int r = out && a_modules && b_modules ? 0 : -ENOMEM;

	if (!r)
		r = note(out, "release", json_object_get(a, "release"),
			 json_object_get(b, "release"));
	if (!r)
		r = diff_members(out, "boot", json_object_get(a, "boot"),
				 json_object_get(b, "boot"));
	if (!r)
		r = diff_members(out, "modules", a_modules, b_modules);
	if (!r)
		r = diff_members(out, "files", json_object_get(a, "files"),
				 json_object_get(b, "files"));
	if (!r)
		r = diff_members(out, "learned", json_object_get(a, "learned"),
				 json_object_get(b, "learned"));
	json_decref(a_modules);
	json_decref(b_modules);
	if (r)
		json_decref(out);
	*differences = r ? NULL : out;
	return r;
}
