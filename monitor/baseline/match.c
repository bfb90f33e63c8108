/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.c - what was a domain booted as?  And two manifests side by side.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/baseline-internal.h"
#include "common/hex.h"

#define SHORT_HEX	12		/* digits of a digest that are shown */
#define SHOWN_MAX	48		/* bytes of a command line */

#define DIFFERS_KERNEL	1u
#define DIFFERS_RAMDISK	2u
#define DIFFERS_CMDLINE	4u

/* How a manifest's boot differs from what was booted: DIFFERS_*. */
static unsigned differences(const json_t *manifest,
			    const struct vhsm_boot *boot)
{
	const json_t *is = json_object_get(manifest, "boot");
	const char *ramdisk =
		json_string_value(json_object_get(is, "ramdisk"));
	char hex[BASELINE_HEX_LEN];
	unsigned differ = 0;

	vhsm_hex_encode(boot->kernel, 32, hex);
	if (strcmp(json_string_value(json_object_get(is, "kernel")), hex))
		differ |= DIFFERS_KERNEL;
	vhsm_hex_encode(boot->ramdisk, 32, hex);
	if (boot->has_ramdisk ? !ramdisk || strcmp(ramdisk, hex) :
				ramdisk != NULL)
		differ |= DIFFERS_RAMDISK;
	if (strcmp(json_string_value(json_object_get(is, "cmdline")),
		   boot->cmdline))
		differ |= DIFFERS_CMDLINE;
	return differ;
}

struct nearest {
	char name[VHSM_BASELINE_NAME_MAX];
	json_t *manifest;
	uint8_t digest[32];		/* of the manifest */
	unsigned differ;
	bool stale;			/* changed since it was approved */
};

/* Where two command lines begin to differ, both from a little before there. */
static void describe_cmdline(const char *booted, const char *approved,
			     char *text, size_t size)
{
	size_t same = 0, from;

	while (booted[same] && booted[same] == approved[same])
		same++;
	from = same > 8 ? same - 8 : 0;
	snprintf(text, size, "command line (booted \"%s%.*s\", approved \"%s%.*s\")",
		 from ? ".." : "", SHOWN_MAX, booted + from, from ? ".." : "",
		 SHOWN_MAX, approved + from);
}

static void describe(const struct nearest *nearest,
		     const struct vhsm_boot *boot, char *text, size_t size)
{
	const json_t *is = json_object_get(nearest->manifest, "boot");
	const char *ramdisk =
		json_string_value(json_object_get(is, "ramdisk"));
	char hex[BASELINE_HEX_LEN];
	size_t at = 0;

	text[0] = 0;
	if (nearest->differ & DIFFERS_KERNEL) {
		vhsm_hex_encode(boot->kernel, 32, hex);
		at += (size_t)snprintf(text, size,
			"kernel (booted %.*s, approved %.*s)", SHORT_HEX, hex,
			SHORT_HEX,
			json_string_value(json_object_get(is, "kernel")));
	}
	if (nearest->differ & DIFFERS_RAMDISK && at < size) {
		vhsm_hex_encode(boot->ramdisk, 32, hex);
		at += (size_t)snprintf(text + at, size - at,
			"%sramdisk (booted %.*s, approved %.*s)",
			at ? ", " : "", SHORT_HEX,
			boot->has_ramdisk ? hex : "none", SHORT_HEX,
			ramdisk ? ramdisk : "none");
	}
	if (nearest->differ & DIFFERS_CMDLINE && at + 2 < size) {
		if (at) {
			memcpy(text + at, ", ", 3);
			at += 2;
		}
		describe_cmdline(boot->cmdline,
				 json_string_value(json_object_get(is,
								   "cmdline")),
				 text + at, size - at);
	}
}

static unsigned count(unsigned bits)
{
	return (unsigned)__builtin_popcount(bits);
}

/* Takes a manifest over if it is nearer than what there is. */
static void consider(struct nearest *nearest, const char *name,
		     json_t *manifest, const uint8_t digest[32],
		     unsigned differ, bool stale)
{
	if (nearest->manifest &&
	    count(nearest->differ) + nearest->stale <= count(differ) + stale) {
		json_decref(manifest);
		return;
	}
	json_decref(nearest->manifest);
	nearest->manifest = manifest;
	memcpy(nearest->digest, digest, sizeof(nearest->digest));
	nearest->differ = differ;
	nearest->stale = stale;
	snprintf(nearest->name, sizeof(nearest->name), "%s", name);
}

/* Looks at each approved baseline's manifest, which may have changed since. */
static void look(const char *dir, const json_t *list,
		 const struct vhsm_boot *boot, struct nearest *nearest)
{
	char why[VHSM_BASELINE_WHY_LEN], hex[BASELINE_HEX_LEN];
	uint8_t digest[32];
	json_t *manifest;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *name =
			json_string_value(json_object_get(entry, "name"));

		if (baseline_manifest_read(dir, name, &manifest, digest, why))
			continue;
		vhsm_hex_encode(digest, 32, hex);
		consider(nearest, name, manifest, digest,
			 differences(manifest, boot),
			 strcmp(hex, json_string_value(json_object_get(entry,
				"manifest"))) != 0);
	}
}

/* One that is not approved, but is what was booted: its name, or "". */
static void look_unapproved(const char *dir, const struct vhsm_boot *boot,
			    char name[VHSM_BASELINE_NAME_MAX])
{
	char why[VHSM_BASELINE_WHY_LEN];
	json_t *names, *manifest;
	uint8_t digest[32];
	size_t i;

	name[0] = 0;
	if (vhsm_baseline_list(dir, &names, why))
		return;
	for (i = 0; !name[0] && i < json_array_size(names); i++) {
		const char *is = json_string_value(json_array_get(names, i));

		if (baseline_manifest_read(dir, is, &manifest, digest, why))
			continue;
		if (!differences(manifest, boot))
			snprintf(name, VHSM_BASELINE_NAME_MAX, "%s", is);
		json_decref(manifest);
	}
	json_decref(names);
}

static int explain(const char *dir, const char *uuid,
		   const struct vhsm_boot *boot, const struct nearest *nearest,
		   char *why)
{
	char text[VHSM_BASELINE_WHY_LEN], name[VHSM_BASELINE_NAME_MAX];

	if (nearest->manifest && !nearest->differ)
		return baseline_fail(why, -ENOENT,
				     "%s was changed since it was approved: vhsmctl baseline approve --domain %s %s",
				     nearest->name, uuid, nearest->name);
	look_unapproved(dir, boot, name);
	if (name[0])
		return baseline_fail(why, -ENOENT,
				     "booted as %s, which is not approved: vhsmctl baseline approve --domain %s %s",
				     name, uuid, name);
	if (!nearest->manifest)
		return baseline_fail(why, -ENOENT,
				     "no baseline is approved for %s, and none is of what was booted: vhsmctl baseline make",
				     uuid);
	describe(nearest, boot, text, sizeof(text));
	return baseline_fail(why, -ENOENT, "not what is approved as %s: %s",
			     nearest->name, text);
}

int baseline_boot_check(const json_t *manifest, const char *name,
			const struct vhsm_boot *boot, char *why)
{
	const struct nearest it = {
		.manifest = (json_t *)manifest,
		.differ = differences(manifest, boot),
	};
	char text[VHSM_BASELINE_WHY_LEN];

	if (!it.differ)
		return 0;
	describe(&it, boot, text, sizeof(text));
	return baseline_fail(why, -EINVAL, "not booted as %s: %s", name, text);
}

int vhsm_baseline_still(const char *folder, const char *digest, char *why)
{
	char dir[PATH_MAX], is[BASELINE_HEX_LEN], *name;
	json_t *manifest = NULL;
	uint8_t bytes[32];
	int r;

	if (snprintf(dir, sizeof(dir), "%s", folder) >= (int)sizeof(dir) ||
	    !(name = strrchr(dir, '/')))
		return baseline_fail(why, -EINVAL, "%.150s: not a baseline's "
				     "folder", folder);
	*name++ = '\0';
	r = vhsm_baseline_read(dir, name, &manifest, bytes, why);
	json_decref(manifest);
	if (r)
		return r;
	vhsm_hex_encode(bytes, 32, is);
	return strcmp(is, digest) ? baseline_fail(why, -ESTALE, "%s was "
		"changed since it was found to be approved", name) : 0;
}

/* 0 with what was found, or -errno with why; *nearest is the caller's. */
static int find(const char *dir, const char *uuid,
		const struct vhsm_boot *boot, struct nearest *nearest,
		char *why)
{
	json_t *list;
	int r = vhsm_baseline_approvals(dir, uuid, &list, why);

	if (r)
		return r;
	look(dir, list, boot, nearest);
	json_decref(list);
	if (nearest->manifest && !nearest->differ && !nearest->stale)
		return 0;
	return explain(dir, uuid, boot, nearest, why);
}

static void found_take(const struct nearest *nearest, char name[],
		       char digest[VHSM_BASELINE_DIGEST_LEN])
{
	snprintf(name, VHSM_BASELINE_NAME_MAX, "%s", nearest->name);
	vhsm_hex_encode(nearest->digest, 32, digest);
}

int vhsm_baseline_find(const char *dir, const char *uuid,
		       const struct vhsm_boot *boot, char name[],
		       char digest[VHSM_BASELINE_DIGEST_LEN], char *why)
{
	struct nearest nearest = { .manifest = NULL };
	int r = find(dir, uuid, boot, &nearest, why);

	if (!r)
		found_take(&nearest, name, digest);
	json_decref(nearest.manifest);
	return r;
}

int vhsm_baseline_match(const char *dir, const char *uuid,
			const struct vhsm_boot *boot, char name[],
			char digest[VHSM_BASELINE_DIGEST_LEN],
			json_t **manifest, char *why)
{
	struct nearest nearest = { .manifest = NULL };
	int r = find(dir, uuid, boot, &nearest, why);
	uint8_t now[32];

	*manifest = NULL;
	if (!r) {
		found_take(&nearest, name, digest);
		r = vhsm_baseline_read(dir, name, manifest, now, why);
	}
	/* Not another one meanwhile. */
	if (!r && memcmp(now, nearest.digest, sizeof(now))) {
		json_decref(*manifest);
		*manifest = NULL;
		r = baseline_fail(why, -EAGAIN, "%s was just changed", name);
	}
	json_decref(nearest.manifest);
	return r;
}
