/* SPDX-License-Identifier: Apache-2.0 */
/* baseline-fixture.c - a store with a baseline, and what is done with it. */
#include "unit/baseline-fixture.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"

char dir[] = "/tmp/baseline.XXXXXX";
char why[VHSM_BASELINE_WHY_LEN];
struct vhsm_boot boot;
json_t *manifest;
char matched_name[VHSM_BASELINE_NAME_MAX];
char matched_digest[VHSM_BASELINE_DIGEST_LEN];

void path_of(char path[], const char *a, const char *b)
{
	ck_assert_int_eq(baseline_path(path, dir, a, b, why), 0);
}

void put(const char *a, const char *b, const char *text)
{
	char path[PATH_MAX];

	path_of(path, a, b);
	ck_assert_int_eq(vhsm_file_replace(path, text, strlen(text), 0644), 0);
}

static json_t *hash_of(const char *a, const char *b)
{
	char path[PATH_MAX], hex[BASELINE_HEX_LEN];
	uint8_t digest[32];

	path_of(path, a, b);
	ck_assert_msg(baseline_hash_file(path, digest, why) == 0, "%s", why);
	vhsm_hex_encode(digest, 32, hex);
	return json_string(hex);
}

void measure(const char *kernel, const char *ramdisk,
		    const char *cmdline)
{
	char kernel_path[PATH_MAX], ramdisk_path[PATH_MAX];

	put("kernel", NULL, kernel);
	path_of(kernel_path, "kernel", NULL);
	path_of(ramdisk_path, "ramdisk", NULL);
	if (ramdisk)
		put("ramdisk", NULL, ramdisk);
	ck_assert_int_eq(vhsm_boot_measure(&boot, kernel_path,
					   ramdisk ? ramdisk_path : NULL,
					   cmdline, why), 0);
}

void make(const char *as)
{
	char path[PATH_MAX], kernel[BASELINE_HEX_LEN];
	char ramdisk[BASELINE_HEX_LEN];
	json_t *json;

	path_of(path, as, NULL);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put(as, BASELINE_REFERENCE, "a reference");
	put(as, BASELINE_MODULES, "some modules");
	put(as, BASELINE_RULES, "rule a { condition: false }");
	vhsm_hex_encode(boot.kernel, 32, kernel);
	vhsm_hex_encode(boot.ramdisk, 32, ramdisk);
	json = json_pack("{s:s,s:i,s:s,s:s,s:{s:s,s:s?,s:s},s:s,s:[{s:s,s:s}],"
			 "s:{s:o,s:o,s:o},s:{},s:n}",
			 "format", "vhsm-baseline", "version", 1, "name", as,
			 "made", "2026-11-21T12:00:00Z",
			 "boot", "kernel", kernel, "ramdisk",
			 boot.has_ramdisk ? ramdisk : NULL, "cmdline",
			 boot.cmdline, "release", "6.1.0-test",
			 "modules", "name", "xen_vhsmfront", "sha256", kernel,
			 "files", "reference", hash_of(as, BASELINE_REFERENCE),
			 "modules", hash_of(as, BASELINE_MODULES),
			 "rules.yar", hash_of(as, BASELINE_RULES),
			 "learned", "learned_from");
	ck_assert_ptr_nonnull(json);
	path_of(path, as, BASELINE_MANIFEST);
	ck_assert_int_eq(baseline_write_json(path, json, NULL, why), 0);
	json_decref(json);
}

void baseline_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	manifest = NULL;
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 quiet");
	make("web");
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void baseline_teardown(void)
{
	json_decref(manifest);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

void approve(const char *as)
{
	ck_assert_msg(vhsm_baseline_approve(dir, UUID, as, why) == 0, "%s",
		      why);
}

int match(const char *uuid)
{
	json_decref(manifest);
	manifest = NULL;
	matched_name[0] = why[0] = 0;
	return vhsm_baseline_match(dir, uuid, &boot, matched_name,
				   matched_digest, &manifest, why);
}

void set(const char *file_a, const char *file_b, const char *object,
	 const char *member, json_t *value)
{
	char path[PATH_MAX];
	json_t *json;

	path_of(path, file_a, file_b);
	ck_assert_int_eq(baseline_read_json(path, 65536, &json, NULL, why), 0);
	ck_assert_int_eq(json_object_set_new(object ?
			 json_object_get(json, object) : json, member, value),
			 0);
	ck_assert_int_eq(baseline_write_json(path, json, NULL, why), 0);
	json_decref(json);
}
