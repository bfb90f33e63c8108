/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline/baseline-store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "common/file.h"

bool vhsm_baseline_name_check(const char *name)
{
	size_t i, len = strlen(name);

	if (len == 0 || len >= VHSM_BASELINE_NAME_MAX || name[0] == '.' ||
	    !strcmp(name, BASELINE_APPROVED))
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) ||
		    (!isalnum((unsigned char)name[i]) &&
		     !strchr("._-", name[i])))
			return false;
	return true;
}

int vhsm_baseline_lock(const char *dir, char *why)
{
	char path[PATH_MAX];
	int fd, r = baseline_path(path, dir, ".lock", NULL, why);

	if (r)
		return r;
	r = vhsm_file_make_dir(dir);
	if (r)
		return baseline_fail(why, r, "%.150s: %s", dir, strerror(-r));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return baseline_fail(why, -errno, "%.150s: %s", path,
				     strerror(errno));
	do {
		r = flock(fd, LOCK_EX);
	} while (r && errno == EINTR);
	if (!r)
		return fd;
	r = -errno;
	close(fd);
	return baseline_fail(why, r, "%.150s: %s", path, strerror(-r));
}

static int compare(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
		      json_string_value(*(json_t *const *)b));
}

/* Sorts an array of strings. */
static int sort(json_t **array)
{
	size_t i, count = json_array_size(*array);
	json_t **list = calloc(count + 1, sizeof(*list));
	json_t *sorted = json_array();
	int r = list && sorted ? 0 : -ENOMEM;

	for (i = 0; !r && i < count; i++)
		list[i] = json_array_get(*array, i);
	if (!r)
		qsort(list, count, sizeof(*list), compare);
	for (i = 0; !r && i < count; i++)
		if (json_array_append(sorted, list[i]))
			r = -ENOMEM;
	free(list);
	json_decref(*array);
	*array = r ? NULL : sorted;
	if (r)
		json_decref(sorted);
	return r;
}

/* Names in a folder, less a suffix that they must have. */
static int list_dir(const char *path, const char *suffix, json_t **names,
		    char *why)
{
	size_t suffix_len = strlen(suffix);
	struct dirent *entry;
	DIR *dir = opendir(path);
	int r = 0;

	*names = json_array();
	if (!*names)
		r = -ENOMEM;
	if (!dir && errno != ENOENT)
		r = -errno;
	while (!r && dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len <= suffix_len || entry->d_name[0] == '.' ||
		    strcmp(entry->d_name + len - suffix_len, suffix))
			continue;
		if (json_array_append_new(*names,
			json_stringn(entry->d_name, len - suffix_len)))
			r = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	if (!r)
		r = sort(names);
	if (!r)
		return 0;
	json_decref(*names);
	*names = NULL;
	return baseline_fail(why, r, "%.150s: %s", path, strerror(-r));
}

int vhsm_baseline_list(const char *dir, json_t **names, char *why)
{
	char path[PATH_MAX];
	size_t i;
	int r = list_dir(dir, "", names, why);

	for (i = r ? 0 : json_array_size(*names); i-- > 0;) {
		const char *name =
			json_string_value(json_array_get(*names, i));

		if (!vhsm_baseline_name_check(name) ||
		    baseline_path(path, dir, name, BASELINE_MANIFEST, why) ||
		    access(path, F_OK))
			json_array_remove(*names, i);
	}
	return r;
}

int vhsm_baseline_approved_domains(const char *dir, json_t **uuids, char *why)
{
	char path[PATH_MAX];
	int r = baseline_path(path, dir, BASELINE_APPROVED, NULL, why);

	return r ? r : list_dir(path, ".json", uuids, why);
}

int vhsm_baseline_remove(const char *dir, const char *name, char *why)
{
	char path[PATH_MAX];
	const char *const *file;
	int r, lock;

	if (!vhsm_baseline_name_check(name))
		return baseline_fail(why, -EINVAL,
				     "%.64s: not a baseline's name", name);
	lock = vhsm_baseline_lock(dir, why);
	if (lock < 0)
		return lock;
	/* The manifest first: without it there is no baseline. */
	r = baseline_path(path, dir, name, BASELINE_MANIFEST, why);
	if (!r && unlink(path))
		r = baseline_fail(why, -errno, "%s: %s", name,
				  errno == ENOENT ?
				  "there is no such baseline" :
				  strerror(errno));
	for (file = baseline_files; !r && *file; file++)
		if (!baseline_path(path, dir, name, *file, why))
			unlink(path);
	if (!r && !baseline_path(path, dir, name, NULL, why) && rmdir(path))
		r = baseline_fail(why, -errno, "%.150s: %s", path,
				  strerror(errno));
	close(lock);
	return r;
}

static int learned_write(const char *dir, const char *name, const char *uuid,
			 json_t *manifest, json_t *learned, char *why)
{
	char path[PATH_MAX], time[BASELINE_TIME_LEN];
	int r = baseline_path(path, dir, name, BASELINE_MANIFEST, why);

	if (r)
		return r;
	baseline_time(time);
	if (json_object_set(manifest, "learned", learned) ||
	    json_object_set_new(manifest, "learned_from",
				json_pack("{s:s,s:s}", "domain", uuid, "time",
					  time)))
		return baseline_fail(why, -ENOMEM, "no memory");
	return baseline_write_json(path, manifest, NULL, why);
}

int vhsm_baseline_set_learned(const char *dir, const char *name,
			      const char *uuid, const struct vhsm_boot *boot,
			      json_t *learned, bool *changed, char *why)
{
	json_t *manifest = NULL;
	uint8_t digest[32];
	int r, lock = vhsm_baseline_lock(dir, why);

	*changed = false;
	if (lock < 0)
		return lock;
	r = vhsm_baseline_read(dir, name, &manifest, digest, why);
	if (!r)
		r = baseline_boot_check(manifest, name, boot, why);
	if (!r && !json_is_object(learned))
		r = baseline_fail(why, -EINVAL,
				  "what was learned is not an object");
	/* The same again is no new baseline: its approval holds. */
	if (!r && !json_equal(json_object_get(manifest, "learned"), learned)) {
		r = learned_write(dir, name, uuid, manifest, learned, why);
		*changed = !r;
	}
	json_decref(manifest);
	close(lock);
	return r;
}
