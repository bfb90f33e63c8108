/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.c - what a bundle has: its folder, its files, their digests.
 */
#include "responder/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "responder/evidence-private.h"

#define READ_LEN 65536u

int vhsm_evidence_begin(const char *dir, const char *uid, char *path,
			char *why)
{
	int r;

	if (strchr(uid, '/') || uid[0] == '.' || snprintf(path, PATH_MAX,
	    "%s/%s", dir, uid) >= PATH_MAX)
		return evidence_fail(why, -EINVAL, "%s: not a name of a bundle",
				     uid);
	r = vhsm_file_make_dir(dir);
	if (!r)
		r = vhsm_file_make_dir(path);
	return r ? evidence_fail(why, r, "%s: %s", path, strerror(-r)) : 0;
}

static int put(const char *bundle, const char *name, const char *text,
	       size_t len, char *why)
{
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", bundle, name) >=
	    (int)sizeof(path))
		return evidence_fail(why, -ENAMETOOLONG, "%s: too long",
				     bundle);
	r = vhsm_file_replace(path, text, len, 0600);
	return r ? evidence_fail(why, r, "%s: %s", path, strerror(-r)) : 0;
}

int vhsm_evidence_add(const char *bundle, const char *name, const json_t *json,
		      char *why)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	int r = text ? put(bundle, name, text, strlen(text), why) :
		evidence_fail(why, -ENOMEM, "out of memory");

	free(text);
	return r;
}

int vhsm_evidence_add_lines(const char *bundle, const char *name,
			    const json_t *array, char *why)
{
	char *text = NULL;
	const json_t *line;
	size_t len = 0, i;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return evidence_fail(why, -ENOMEM, "out of memory");
	json_array_foreach((json_t *)array, i, line) {
		json_dumpf(line, f, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', f);
	}
	r = fclose(f) ? evidence_fail(why, -ENOMEM, "out of memory") :
		put(bundle, name, text, len, why);
	free(text);
	return r;
}

static int digest_file(int fd, uint8_t digest[32], uint64_t *bytes)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t *buf = malloc(READ_LEN);
	ssize_t n = 0;
	int r = md && buf && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ?
		0 : -ENOMEM;

	*bytes = 0;
	while (!r && (n = read(fd, buf, READ_LEN)) > 0) {
		*bytes += n;
		if (EVP_DigestUpdate(md, buf, n) != 1)
			r = -EIO;
	}
	if (!r && n < 0)
		r = -errno;
	if (!r && EVP_DigestFinal_ex(md, digest, NULL) != 1)
		r = -EIO;
	EVP_MD_CTX_free(md);
	free(buf);
	return r;
}

/* Of one entry of a bundle's folder; digest in hexadecimal. */
static int entry_digest(int dir, const char *name, char hex[65],
			uint64_t *bytes, char *why)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
			O_NONBLOCK), r = 0;
	uint8_t digest[32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EBADMSG;
	if (!r)
		r = digest_file(fd, digest, bytes);
	if (r)
		evidence_fail(why, r, "%s: %s", name, r == -EBADMSG ?
			      "not a regular file" : strerror(-r));
	for (unsigned i = 0; !r && i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	if (fd >= 0)
		close(fd);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file's name stands in a line, so it is of harmless bytes alone. */
static bool name_check(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
		      "XYZ0123456789._-") == strlen(name) && name[0] != '.';
}

static bool is_seal(const char *name)
{
	return !strcmp(name, EVIDENCE_SUMS) || !strcmp(name, EVIDENCE_SIG) ||
		!strcmp(name, EVIDENCE_PUB);
}

bool vhsm_evidence_sealed(const char *bundle)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/" EVIDENCE_SIG, bundle) <
		(int)sizeof(path) && !access(path, F_OK);
}

/* The names of a bundle's files, sorted; a NULL ends them. */
static int names_read(const char *bundle, char *names[EVIDENCE_FILES_MAX + 1],
		      char *why)
{
	DIR *dir = opendir(bundle);
	struct dirent *entry;
	unsigned count = 0;
	int r = 0;

	if (!dir)
		return evidence_fail(why, -errno, "%s: %s", bundle,
				     strerror(errno));
	while (!r && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, "..") || is_seal(entry->d_name) ||
		    !strcmp(entry->d_name, EVIDENCE_IMAGE))
			continue;
		if (!name_check(entry->d_name) || count == EVIDENCE_FILES_MAX)
			r = evidence_fail(why, -EBADMSG,
				"%s: has what no bundle has: a file too many, "
				"or with an odd name", bundle);
		else if (!(names[count] = strdup(entry->d_name)))
			r = evidence_fail(why, -ENOMEM, "out of memory");
		else
			count++;
	}
	closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	return r;
}

int evidence_sums(const char *bundle, char **sums, size_t *len, json_t *files,
		  char *why)
{
	char *names[EVIDENCE_FILES_MAX + 1] = { NULL }, hex[65];
	int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FILE *f = open_memstream(sums, len);
	uint64_t bytes = 0;
	int r = dir < 0 || !f ? evidence_fail(why, -errno, "%s: %s", bundle,
					      strerror(errno)) :
		names_read(bundle, names, why);

	if (!r)
		r = evidence_image_complete(dir, why);
	for (unsigned i = 0; !r && names[i]; i++) {
		r = entry_digest(dir, names[i], hex, &bytes, why);
		if (r)
			break;
		fprintf(f, "%s  %s\n", hex, names[i]);
		if (files)
			json_array_append_new(files, json_pack(
				"{s:s, s:I, s:s}", "name", names[i], "bytes",
				(json_int_t)bytes, "sha256", hex));
	}
	for (unsigned i = 0; i < EVIDENCE_FILES_MAX; i++)
		free(names[i]);
	if (f && fclose(f) && !r)
		r = evidence_fail(why, -ENOMEM, "out of memory");
	if (dir >= 0)
		close(dir);
	return r;
}
