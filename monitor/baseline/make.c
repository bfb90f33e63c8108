/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make.c - makes a baseline: in a folder beside its place, then renamed to it.
 */
#include "baseline/make.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "checks/yara-rules.h"
#include "common/file.h"
#include "common/hex.h"
#include "kernel-image/builder.h"
#include "kernel-image/module.h"

struct making {
	const struct vhsm_baseline_parts *parts;
	char dir[PATH_MAX];		/* where it is made */
	struct vhsm_boot boot;
	uint8_t started[32];		/* of guest_kernel */
	struct vhsm_reference *reference;
	json_t *modules;
};

static void tell(const struct making *making, const char *step)
{
	if (making->parts->progress)
		making->parts->progress(step, making->parts->arg);
}

static int path_of(const struct making *making, const char *file,
		   char path[PATH_MAX], char *why)
{
	return baseline_path(path, making->dir, file, NULL, why);
}

/* The kernel is read once, to be hashed and to be understood. */
static int make_reference(struct making *making, char *why)
{
	const struct vhsm_baseline_parts *parts = making->parts;
	const char *kernel = parts->guest_kernel ? parts->guest_kernel :
			     parts->kernel;
	char path[PATH_MAX], reason[VHSM_BUILDER_WHY_LEN] = "";
	int r = path_of(making, BASELINE_REFERENCE, path, why);

	if (r)
		return r;
	r = vhsm_reference_make(kernel, path, NULL, reason);
	if (r)
		return baseline_fail(why, r, "%.80s: %.160s", kernel, reason);
	making->reference = vhsm_reference_open(path, reason);
	if (!making->reference)
		return baseline_fail(why, -EIO, "%.200s", reason);
	memcpy(parts->guest_kernel ? making->started : making->boot.kernel,
	       vhsm_reference_image_sha256(making->reference),
	       sizeof(making->started));
	return parts->guest_kernel ?
	       baseline_hash_file(parts->kernel, making->boot.kernel, why) : 0;
}

static int list_modules(struct making *making,
			const struct vhsm_modules_builder *builder)
{
	char hex[BASELINE_HEX_LEN];
	const uint8_t *sha256;
	const char *name;
	size_t i;

	for (i = 0; (name = vhsm_modules_builder_module(builder, i, &sha256));
	     i++) {
		vhsm_hex_encode(sha256, 32, hex);
		if (json_array_append_new(making->modules,
				json_pack("{s:s,s:s}", "name", name, "sha256",
					  hex)))
			return -ENOMEM;
	}
	return 0;
}

static int make_modules(struct making *making, char *why)
{
	char path[PATH_MAX], reason[VHSM_MODULE_WHY_LEN] = "";
	struct vhsm_modules_builder *builder;
	size_t i;
	int r = path_of(making, BASELINE_MODULES, path, why);

	if (r || making->parts->module_count == 0)
		return r;
	builder = vhsm_modules_builder_new(making->reference);
	if (!builder)
		return baseline_fail(why, -ENOMEM, "no memory");
	for (i = 0; !r && i < making->parts->module_count; i++)
		r = vhsm_modules_builder_add(builder,
					     making->parts->modules[i],
					     reason);
	if (!r)
		r = vhsm_modules_builder_write(builder, path, NULL, reason);
	if (!r)
		r = list_modules(making, builder);
	if (r)
		baseline_fail(why, r, "%.200s",
			      reason[0] ? reason : strerror(-r));
	vhsm_modules_builder_free(&builder);
	return r;
}

/* Whether a monitor would take the rules, which is better found out here than
 * by one that does not run them. */
static int check_rules(const struct making *making, char *why)
{
	char reason[VHSM_YARA_WHY_LEN] = "", step[160];
	struct vhsm_yara *yara;
	int r = vhsm_yara_open(&yara, making->parts->rules, reason);

	if (r)
		return baseline_fail(why, r, "%.240s",
				     reason[0] ? reason : strerror(-r));
	snprintf(step, sizeof(step), "reading %u YARA rules%s",
		 vhsm_yara_rules(yara), vhsm_yara_has_filter(yara) ? "" :
		 ", not all of plain text or bytes, which makes scans take "
		 "ten times as long");
	tell(making, step);
	vhsm_yara_close(&yara);
	return 0;
}

static int make_rules(struct making *making, char *why)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	int r;

	if (!making->parts->rules)
		return 0;
	r = baseline_read_file(making->parts->rules, BASELINE_MANIFEST_MAX,
			       &text, &len, why);
	if (!r && strlen(text) != len)
		r = baseline_fail(why, -EINVAL, "%.150s: not a text",
				  making->parts->rules);
	if (!r)
		r = check_rules(making, why);
	if (!r)
		r = path_of(making, BASELINE_RULES, path, why);
	if (!r) {
		r = vhsm_file_make(path, text, len, 0644);
		if (r)
			baseline_fail(why, r, "%.150s: %s", path,
				      strerror(-r));
	}
	free(text);
	return r;
}

/* The digests of the files that were made. */
static int hash_files(const struct making *making, json_t *files, char *why)
{
	char path[PATH_MAX], hex[BASELINE_HEX_LEN];
	const char *const *file;
	uint8_t digest[32];
	int r = 0;

	for (file = baseline_files; !r && *file; file++) {
		r = path_of(making, *file, path, why);
		if (r || access(path, F_OK))
			continue;
		r = baseline_hash_file(path, digest, why);
		if (r)
			break;
		vhsm_hex_encode(digest, 32, hex);
		if (json_object_set_new(files, *file, json_string(hex)))
			r = baseline_fail(why, -ENOMEM, "no memory");
	}
	return r;
}

static int make_manifest(const struct making *making, json_t **manifest,
			 uint8_t digest[32], char *why)
{
	char kernel[BASELINE_HEX_LEN], ramdisk[BASELINE_HEX_LEN];
	char started[BASELINE_HEX_LEN];
	char time[BASELINE_TIME_LEN], path[PATH_MAX];
	json_t *files = json_object();
	int r = hash_files(making, files, why);

	vhsm_hex_encode(making->boot.kernel, 32, kernel);
	vhsm_hex_encode(making->boot.ramdisk, 32, ramdisk);
	vhsm_hex_encode(making->started, 32, started);
	baseline_time(time);
	*manifest = json_pack("{s:s,s:i,s:s,s:s,s:{s:s,s:s?,s:s,s:s*},s:s,s:O,s:O,s:{},s:n}",
		"format", "vhsm-baseline", "version", 1,
		"name", making->parts->name, "made", time,
		"boot", "kernel", kernel, "ramdisk",
		making->boot.has_ramdisk ? ramdisk : NULL, "cmdline",
		making->boot.cmdline, "starts",
		making->parts->guest_kernel ? started : NULL,
		"release", vhsm_reference_release(making->reference),
		"modules", making->modules, "files", files,
		"learned", "learned_from");
	json_decref(files);
	if (!r && !*manifest)
		r = baseline_fail(why, -EINVAL,
				  "the command line is not UTF-8");
	if (!r)
		r = baseline_manifest_check(*manifest, making->parts->name,
					    why);
	if (!r)
		r = path_of(making, BASELINE_MANIFEST, path, why);
	if (!r)
		r = baseline_write_json(path, *manifest, digest, why);
	return r;
}

static int make_all(struct making *making, json_t **manifest,
		    uint8_t digest[32], char *why)
{
	const struct vhsm_baseline_parts *parts = making->parts;
	int r;

	tell(making, "measuring the ramdisk");
	r = baseline_measure_rest(&making->boot, parts->ramdisk,
				  parts->cmdline, why);
	if (!r) {
		tell(making, "reading the kernel");
		r = make_reference(making, why);
	}
	if (!r && parts->module_count) {
		tell(making, "reading the modules");
		r = make_modules(making, why);
	}
	if (!r)
		r = make_rules(making, why);
	if (!r)
		r = make_manifest(making, manifest, digest, why);
	return r;
}

/* Removes what was made so far. */
static void abandon(const struct making *making)
{
	char path[PATH_MAX], why[VHSM_BASELINE_WHY_LEN];
	const char *const *file;

	for (file = baseline_files; *file; file++)
		if (!path_of(making, *file, path, why))
			unlink(path);
	if (!path_of(making, BASELINE_MANIFEST, path, why))
		unlink(path);
	rmdir(making->dir);
}

static int make_locked(struct making *making, const char *dir,
		       json_t **manifest, uint8_t digest[32], char *why)
{
	char path[PATH_MAX];
	int r = baseline_path(path, dir, making->parts->name, NULL, why);

	if (r)
		return r;
	if (!access(path, F_OK))
		return baseline_fail(why, -EEXIST,
				     "there is a baseline %s already",
				     making->parts->name);
	r = baseline_path(making->dir, dir, ".new-XXXXXX", NULL, why);
	if (!r && !mkdtemp(making->dir))
		return baseline_fail(why, -errno, "%.150s: %s", dir,
				     strerror(errno));
	if (!r)
		r = make_all(making, manifest, digest, why);
	if (!r && rename(making->dir, path))
		r = baseline_fail(why, -errno, "%.150s: %s", path,
				  strerror(errno));
	if (r)
		abandon(making);
	else
		vhsm_file_sync_dir(dir);
	return r;
}

int vhsm_baseline_make(const char *dir, const struct vhsm_baseline_parts *parts,
		       json_t **manifest, uint8_t digest[32], char *why)
{
	struct making making = { .parts = parts };
	int r, lock;

	*manifest = NULL;
	if (!vhsm_baseline_name_check(parts->name))
		return baseline_fail(why, -EINVAL,
				     "%.64s: not a baseline's name",
				     parts->name);
	lock = vhsm_baseline_lock(dir, why);
	if (lock < 0)
		return lock;
	making.modules = json_array();
	r = making.modules ?
	    make_locked(&making, dir, manifest, digest, why) :
	    baseline_fail(why, -ENOMEM, "no memory");
	vhsm_reference_close(&making.reference);
	json_decref(making.modules);
	close(lock);
	if (r) {
		json_decref(*manifest);
		*manifest = NULL;
	}
	return r;
}
