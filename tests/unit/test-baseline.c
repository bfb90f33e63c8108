/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-baseline.c - a store of baselines approves what was approved, says why
 * when it does not, and is not fooled by a changed file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline-internal.h"
#include "file.h"

#define UUID	"4f2e9a60-6a35-4d0e-9c0d-0123456789ab"
#define OTHER	"4f2e9a60-6a35-4d0e-9c0d-0123456789ac"

static char dir[] = "/tmp/baseline.XXXXXX";
static char why[VHSM_BASELINE_WHY_LEN];
static struct vhsm_boot boot;
static json_t *manifest;
static char name[VHSM_BASELINE_NAME_MAX];
static char found[VHSM_BASELINE_DIGEST_LEN];

static void path_of(char path[], const char *a, const char *b)
{
	ck_assert_int_eq(baseline_path(path, dir, a, b, why), 0);
}

static void put(const char *a, const char *b, const char *text)
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
	baseline_hex(digest, hex);
	return json_string(hex);
}

static void measure(const char *kernel, const char *ramdisk,
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

/* A baseline of what was measured last. */
static void make(const char *as)
{
	char path[PATH_MAX], kernel[BASELINE_HEX_LEN];
	char ramdisk[BASELINE_HEX_LEN];
	json_t *json;

	path_of(path, as, NULL);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put(as, BASELINE_REFERENCE, "a reference");
	put(as, BASELINE_MODULES, "some modules");
	put(as, BASELINE_RULES, "rule a { condition: false }");
	baseline_hex(boot.kernel, kernel);
	baseline_hex(boot.ramdisk, ramdisk);
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

static void setup(void)
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

static void teardown(void)
{
	json_decref(manifest);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static void approve(const char *as)
{
	ck_assert_msg(vhsm_baseline_approve(dir, UUID, as, why) == 0, "%s",
		      why);
}

static int match(const char *uuid)
{
	json_decref(manifest);
	manifest = NULL;
	name[0] = why[0] = 0;
	return vhsm_baseline_match(dir, uuid, &boot, name, found, &manifest,
				   why);
}

START_TEST(an_approved_boot_matches)
{
	approve("web");
	ck_assert_msg(match(UUID) == 0, "%s", why);
	ck_assert_str_eq(name, "web");
	ck_assert_str_eq(json_string_value(json_object_get(manifest, "name")),
			 "web");
	measure("a kernel", NULL, "quiet");
	make("bare");
	approve("bare");
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_str_eq(name, "bare");
}
END_TEST

START_TEST(nothing_is_approved_by_itself)
{
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "booted as web, which is not "
				     "approved"));
	ck_assert_ptr_nonnull(strstr(why, "vhsmctl baseline approve --domain "
				     UUID " web"));
	ck_assert_ptr_null(manifest);
	/* Nor for another domain. */
	approve("web");
	ck_assert_int_eq(match(OTHER), -ENOENT);
	measure("unknown", NULL, "");
	ck_assert_int_eq(match(OTHER), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "no baseline is approved"));
}
END_TEST

START_TEST(what_differs_is_named)
{
	approve("web");
	measure("another kernel", "a ramdisk", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "not what is approved as web: "
				     "kernel (booted "));
	ck_assert_ptr_null(strstr(why, "ramdisk"));
	measure("a kernel", "another", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "web: ramdisk (booted "));
	measure("a kernel", NULL, "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "ramdisk (booted none, approved "));
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 init=/bin/sh");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "command line (booted "
				     "\"..v/xvda1 init=/bin/sh\", approved "
				     "\"..v/xvda1 quiet\")"));
	measure("b", "b", "b");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert(strstr(why, "kernel") && strstr(why, "ramdisk") &&
		  strstr(why, "command line"));
}
END_TEST

START_TEST(the_nearest_baseline_is_named)
{
	measure("b", "b", "b");
	make("far");
	approve("web");
	approve("far");
	measure("b", "b", "c");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "approved as far: command line"));
	measure("a kernel", "c", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "approved as web: ramdisk"));
}
END_TEST

START_TEST(a_changed_file_is_refused)
{
	static const char *const files[] = {
		BASELINE_REFERENCE, BASELINE_MODULES, BASELINE_RULES,
	};
	uint8_t digest[32];
	char path[PATH_MAX];

	approve("web");
	put("web", files[_i], "something else");
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, files[_i]));
	ck_assert_ptr_null(manifest);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why),
			 -EBADMSG);
	path_of(path, "web", files[_i]);
	unlink(path);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, path));
}
END_TEST

START_TEST(a_file_that_is_not_in_the_manifest_is_refused)
{
	json_t *json, *files;
	uint8_t digest[32];
	char path[PATH_MAX];

	path_of(path, "web", BASELINE_MANIFEST);
	ck_assert_int_eq(baseline_read_json(path, 65536, &json, NULL, why), 0);
	files = json_object_get(json, "files");
	json_object_del(files, "rules.yar");
	ck_assert_int_eq(baseline_write_json(path, json, NULL, why), 0);
	json_decref(json);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "rules.yar is there, but not in"));
}
END_TEST

/* Sets one member of a JSON file, given by its path in it. */
static void set(const char *file_a, const char *file_b, const char *object,
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

START_TEST(a_changed_manifest_is_approved_no_longer)
{
	approve("web");
	set("web", BASELINE_MANIFEST, NULL, "release", json_string("6.2"));
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "web was changed since it was "
				     "approved"));
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	/* A command line slipped in does not help who boots it. */
	set("web", BASELINE_MANIFEST, "boot", "cmdline",
	    json_string("init=/bin/sh"));
	measure("a kernel", "a ramdisk", "init=/bin/sh");
	ck_assert_int_eq(match(UUID), -ENOENT);
}
END_TEST

START_TEST(a_manifest_must_be_whole)
{
	static const struct {
		const char *object, *member, *value, *says;
	} wrong[] = {
		{ NULL, "format", "\"other\"", "format" },
		{ NULL, "version", "2", "version" },
		{ NULL, "name", "\"db\"", "another baseline" },
		{ NULL, "made", "null", "made" },
		{ NULL, "boot", "{}", "boot" },
		{ "boot", "kernel", "\"12\"", "boot" },
		{ "boot", "ramdisk", "3", "boot" },
		{ "boot", "cmdline", "\"a\\u0000b\"", "u0000" },
		{ "boot", "extra", "1", "boot" },
		{ "boot", "starts", "null", "boot" },
		{ NULL, "modules", "[{}]", "modules" },
		{ NULL, "files", "{}", "files" },
		{ "files", "../../etc/shadow", "\"\"", "files" },
		{ NULL, "learned", "[]", "learned" },
		{ NULL, "learned_from", "1", "learned_from" },
		{ NULL, "extra", "1", "not known" },
	};
	uint8_t digest[32];

	set("web", BASELINE_MANIFEST, wrong[_i].object, wrong[_i].member,
	    json_loads(wrong[_i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL,
		       NULL));
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &manifest, digest,
					    why), -EBADMSG);
	ck_assert_msg(strstr(why, wrong[_i].says), "%s", why);
}
END_TEST

START_TEST(approvals_are_signed)
{
	char file[] = UUID ".json", path[PATH_MAX], text[BASELINE_HEX_LEN];
	json_t *list;

	ck_assert_int_eq(vhsm_baseline_signer(dir, text, why), -ENOENT);
	approve("web");
	ck_assert_int_eq(vhsm_baseline_signer(dir, text, why), 0);
	ck_assert_uint_eq(strlen(text), 64);
	ck_assert_int_eq(vhsm_baseline_approvals(dir, UUID, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 1);
	json_decref(list);
	set(BASELINE_APPROVED, file, NULL, "version", json_integer(2));
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "not as signed"));
	set(BASELINE_APPROVED, file, NULL, "version", json_integer(1));
	ck_assert_int_eq(match(UUID), 0);
	set(BASELINE_APPROVED, file, NULL, "signature", json_string("00"));
	ck_assert_int_eq(match(UUID), -EBADMSG);
	put(BASELINE_APPROVED, file, "{");
	ck_assert_int_eq(match(UUID), -EBADMSG);
	/* Not mended by approving: who looks must find out why. */
	ck_assert_int_eq(vhsm_baseline_approve(dir, UUID, "web", why),
			 -EBADMSG);
	path_of(path, BASELINE_APPROVED, file);
	unlink(path);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
}
END_TEST

START_TEST(approvals_of_one_domain_are_not_anothers)
{
	char from[PATH_MAX], to[PATH_MAX];

	approve("web");
	path_of(from, BASELINE_APPROVED, UUID ".json");
	path_of(to, BASELINE_APPROVED, OTHER ".json");
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(match(OTHER), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "those of another domain"));
}
END_TEST

START_TEST(a_foreign_key_signs_nothing)
{
	char key[PATH_MAX], public[PATH_MAX];

	approve("web");
	path_of(key, BASELINE_KEY, NULL);
	path_of(public, BASELINE_PUB, NULL);
	unlink(key);
	unlink(public);
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why), 0);
	ck_assert_int_eq(match(OTHER), 0);
	ck_assert_int_eq(match(UUID), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "not that of the store's key"));
}
END_TEST

START_TEST(the_signing_key_is_private)
{
	char path[PATH_MAX];
	struct stat st;

	umask(0);
	approve("web");
	path_of(path, BASELINE_KEY, NULL);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(vhsm_baseline_approve(dir, OTHER, "web", why),
			 -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "0600"));
}
END_TEST

START_TEST(revoked_is_not_approved)
{
	json_t *list;

	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, NULL, why), -ENOENT);
	measure("b", "b", "b");
	make("far");
	approve("web");
	approve("far");
	ck_assert_int_eq(vhsm_baseline_approve(dir, UUID, "far", why),
			 -EALREADY);
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "far", why), 0);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "far", why), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, NULL, why), 0);
	ck_assert_int_eq(vhsm_baseline_approved_domains(dir, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(what_was_learned_wants_approval)
{
	json_t *learned = json_pack("{s:{s:i}}", "syscall-table", "entries",
				    450);
	json_t *before, *after, *differences;
	uint8_t digest[32];
	bool changed;

	approve("web");
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &before, digest, why),
			 0);
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", UUID, &boot,
						   learned, &changed, why), 0);
	ck_assert(changed);
	ck_assert_int_eq(match(UUID), -ENOENT);
	ck_assert_int_eq(vhsm_baseline_read(dir, "web", &after, digest, why),
			 0);
	ck_assert(json_equal(json_object_get(after, "learned"), learned));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(
			 after, "learned_from"), "domain")), UUID);
	ck_assert_int_eq(vhsm_baseline_diff(before, after, &differences), 0);
	ck_assert_uint_eq(json_array_size(differences), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(
			 differences, 0), "what")), "learned.syscall-table");
	json_decref(differences);
	json_decref(before);
	json_decref(after);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	/* The same once more changes nothing. */
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", OTHER, &boot,
						   learned, &changed, why), 0);
	ck_assert(!changed);
	ck_assert_int_eq(match(UUID), 0);
	json_decref(learned);
}
END_TEST

START_TEST(nothing_is_learned_from_another_boot)
{
	json_t *learned = json_pack("{s:{s:i}}", "syscall-table", "entries",
				    450);
	bool changed = true;

	approve("web");
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 init=/bin/sh");
	ck_assert_int_eq(vhsm_baseline_set_learned(dir, "web", UUID, &boot,
						   learned, &changed, why),
			 -EINVAL);
	ck_assert(!changed);
	ck_assert_ptr_nonnull(strstr(why, "init=/bin/sh"));
	measure("a kernel", "a ramdisk", "root=/dev/xvda1 quiet");
	ck_assert_int_eq(match(UUID), 0);
	json_decref(learned);
}
END_TEST

START_TEST(a_boot_is_read_as_written)
{
	json_t *json = vhsm_boot_encode(&boot);
	struct vhsm_boot read;

	ck_assert_int_eq(vhsm_boot_decode(&read, json), 0);
	ck_assert_mem_eq(&read, &boot, sizeof(boot));
	json_object_set_new(json, "kernel", json_string("00"));
	ck_assert_int_eq(vhsm_boot_decode(&read, json), -EINVAL);
	json_decref(json);
	measure("a kernel", NULL, "");
	json = vhsm_boot_encode(&boot);
	ck_assert_ptr_null(json_object_get(json, "ramdisk"));
	ck_assert_int_eq(vhsm_boot_decode(&read, json), 0);
	ck_assert_mem_eq(&read, &boot, sizeof(boot));
	json_object_set_new(json, "more", json_null());
	ck_assert_int_eq(vhsm_boot_decode(&read, json), -EINVAL);
	json_decref(json);
}
END_TEST

START_TEST(what_is_found_is_what_matches)
{
	char as[VHSM_BASELINE_NAME_MAX], digest[VHSM_BASELINE_DIGEST_LEN];

	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 -ENOENT);
	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 0);
	ck_assert_str_eq(as, name);
	ck_assert_str_eq(digest, found);
	ck_assert_uint_eq(strlen(digest), 64);
	ck_assert_int_eq(vhsm_baseline_revoke(dir, UUID, "web", why), 0);
	ck_assert_int_eq(vhsm_baseline_find(dir, UUID, &boot, as, digest, why),
			 -ENOENT);
}
END_TEST

/* Between the match and the monitor's start. */
START_TEST(a_baseline_that_changed_since_is_noticed)
{
	char folder[PATH_MAX], digest[BASELINE_HEX_LEN];

	approve("web");
	ck_assert_int_eq(match(UUID), 0);
	memcpy(digest, found, sizeof(digest));
	path_of(folder, "web", NULL);
	ck_assert_int_eq(vhsm_baseline_still(folder, digest, why), 0);
	digest[0] = digest[0] == '0' ? '1' : '0';
	ck_assert_int_eq(vhsm_baseline_still(folder, digest, why), -ESTALE);
	memcpy(digest, found, sizeof(digest));
	put("web", BASELINE_MODULES, "other modules");
	ck_assert_int_lt(vhsm_baseline_still(folder, digest, why), 0);
	ck_assert_int_lt(vhsm_baseline_still("web", digest, why), 0);
}
END_TEST

START_TEST(names_cannot_lead_out_of_the_store)
{
	static const char *const bad[] = {
		"", ".", "..", "../web", "a/b", ".web", "approved", "a b",
		"caf\303\251", "a\n",
		"0123456789012345678901234567890123456789012345678901234567890123",
	};
	uint8_t digest[32];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!vhsm_baseline_name_check(bad[i]), "%s", bad[i]);
		ck_assert_int_eq(vhsm_baseline_read(dir, bad[i], &manifest,
						    digest, why), -EINVAL);
		ck_assert_int_eq(vhsm_baseline_remove(dir, bad[i], why),
				 -EINVAL);
	}
	ck_assert(vhsm_baseline_name_check("web-6.1_a.B"));
	ck_assert_int_eq(vhsm_baseline_approve(dir, "../../etc/x", "web", why),
			 -EINVAL);
	ck_assert_int_eq(vhsm_baseline_approve(dir,
			 "4F2E9A60-6A35-4D0E-9C0D-0123456789AB", "web", why),
			 -EINVAL);
}
END_TEST

START_TEST(lists_name_what_is_there)
{
	json_t *list;
	char path[PATH_MAX];

	measure("b", "b", "b");
	make("a-first");
	path_of(path, "no-manifest", NULL);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(vhsm_baseline_list(dir, &list, why), 0);
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)),
			 "a-first");
	json_decref(list);
	ck_assert_int_eq(vhsm_baseline_remove(dir, "web", why), 0);
	ck_assert_int_eq(vhsm_baseline_remove(dir, "web", why), -ENOENT);
	path_of(path, "web", NULL);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(vhsm_baseline_list("/nonexistent/store", &list, why),
			 0);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

START_TEST(what_cannot_be_measured_is_an_error)
{
	char path[PATH_MAX], longest[VHSM_CMDLINE_MAX + 1];

	path_of(path, "kernel", NULL);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, NULL, longest, why),
			 -E2BIG);
	longest[VHSM_CMDLINE_MAX - 1] = 0;
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, NULL, longest, why),
			 0);
	ck_assert_int_eq(vhsm_boot_measure(&boot, "/nonexistent", NULL, "",
					   why), -ENOENT);
	ck_assert_int_eq(vhsm_boot_measure(&boot, path, "/nonexistent", "",
					   why), -ENOENT);
	ck_assert_int_eq(vhsm_boot_measure(&boot, "/dev/zero", NULL, "", why),
			 -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("baseline");
	TCase *tests = tcase_create("baseline");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, an_approved_boot_matches);
	tcase_add_test(tests, nothing_is_approved_by_itself);
	tcase_add_test(tests, what_differs_is_named);
	tcase_add_test(tests, the_nearest_baseline_is_named);
	tcase_add_loop_test(tests, a_changed_file_is_refused, 0, 3);
	tcase_add_test(tests, a_file_that_is_not_in_the_manifest_is_refused);
	tcase_add_test(tests, a_changed_manifest_is_approved_no_longer);
	tcase_add_loop_test(tests, a_manifest_must_be_whole, 0, 15);
	tcase_add_test(tests, approvals_are_signed);
	tcase_add_test(tests, approvals_of_one_domain_are_not_anothers);
	tcase_add_test(tests, a_foreign_key_signs_nothing);
	tcase_add_test(tests, the_signing_key_is_private);
	tcase_add_test(tests, revoked_is_not_approved);
	tcase_add_test(tests, what_was_learned_wants_approval);
	tcase_add_test(tests, nothing_is_learned_from_another_boot);
	tcase_add_test(tests, a_boot_is_read_as_written);
	tcase_add_test(tests, what_is_found_is_what_matches);
	tcase_add_test(tests, a_baseline_that_changed_since_is_noticed);
	tcase_add_test(tests, names_cannot_lead_out_of_the_store);
	tcase_add_test(tests, lists_name_what_is_there);
	tcase_add_test(tests, what_cannot_be_measured_is_an_error);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
