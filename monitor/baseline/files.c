/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c - reading, hashing and replacing the store's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "baseline/baseline-internal.h"
#include "common/file.h"

#define PIECE_LEN (256u << 10)

const char *const baseline_files[] = {
	BASELINE_REFERENCE, BASELINE_MODULES, BASELINE_RULES, NULL
};

int baseline_fail(char *why, int error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why, VHSM_BASELINE_WHY_LEN, format, list);
	va_end(list);
	return error;
}

int baseline_path(char path[], const char *dir, const char *name,
		  const char *file, char *why)
{
	int n = snprintf(path, PATH_MAX, "%s/%s%s%s", dir, name,
			 file ? "/" : "", file ? file : "");

	return n < PATH_MAX ? 0 :
	       baseline_fail(why, -ENAMETOOLONG, "%.100s: too long", dir);
}

void baseline_time(char text[BASELINE_TIME_LEN])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	if (!strftime(text, BASELINE_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = 0;
}

/* Opens a regular file: fd with its length, or -errno with why. */
static int open_file(const char *path, size_t max, size_t *len, char *why)
{
	struct stat st;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return baseline_fail(why, -errno, "%.150s: %s", path,
				     strerror(errno));
	if (fstat(fd, &st))
		r = baseline_fail(why, -errno, "%.150s: %s", path,
				  strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = baseline_fail(why, -EINVAL, "%.150s: not a regular file",
				  path);
	else if ((uintmax_t)st.st_size > max)
		r = baseline_fail(why, -EFBIG,
				  "%.150s: longer than %zu bytes", path, max);
	else
		r = 0;
	if (r) {
		close(fd);
		return r;
	}
	*len = (size_t)st.st_size;
	return fd;
}

/* Reads up to len bytes: how many there were, or -errno. */
static ssize_t read_full(int fd, void *bytes, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int baseline_read_file(const char *path, size_t max, char **bytes, size_t *len,
		       char *why)
{
	int fd = open_file(path, max, len, why);
	ssize_t n;

	*bytes = NULL;
	if (fd < 0)
		return fd;
	*bytes = malloc(*len + 1);
	n = *bytes ? read_full(fd, *bytes, *len) : -ENOMEM;
	close(fd);
	if (n == (ssize_t)*len) {
		(*bytes)[n] = 0;
		return 0;
	}
	free(*bytes);
	*bytes = NULL;
	if (n >= 0)
		n = -EBADMSG;			/* became shorter meanwhile */
	return baseline_fail(why, (int)n, "%.150s: %s", path,
			     strerror((int)-n));
}

static int hash_fd(int fd, EVP_MD_CTX *md, uint8_t digest[32])
{
	uint8_t *piece = malloc(PIECE_LEN);
	ssize_t n = -ENOMEM;
	int r = 0;

	if (!piece || !md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		r = -ENOMEM;
	while (!r) {
		n = read_full(fd, piece, PIECE_LEN);
		if (n < 0)
			r = (int)n;
		else if (!EVP_DigestUpdate(md, piece, (size_t)n))
			r = -EIO;
		if (n < (ssize_t)PIECE_LEN)
			break;
	}
	if (!r && !EVP_DigestFinal_ex(md, digest, NULL))
		r = -EIO;
	free(piece);
	return r;
}

/* Of any length: what a toolstack boots is as long as it is. */
int baseline_hash_file(const char *path, uint8_t digest[32], char *why)
{
	EVP_MD_CTX *md;
	size_t len;
	int r, fd = open_file(path, SIZE_MAX, &len, why);

	if (fd < 0)
		return fd;
	md = EVP_MD_CTX_new();
	r = hash_fd(fd, md, digest);
	EVP_MD_CTX_free(md);
	close(fd);
	return r ? baseline_fail(why, r, "%.150s: %s", path, strerror(-r)) : 0;
}

int baseline_hash(const void *bytes, size_t len, uint8_t digest[32])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, digest, NULL) ?
	       0 : -EIO;
}

int baseline_read_json(const char *path, size_t max, json_t **json,
		       uint8_t *digest, char *why)
{
	json_error_t error;
	size_t len = 0;
	char *bytes;
	int r = baseline_read_file(path, max, &bytes, &len, why);

	*json = NULL;
	if (!r && digest && baseline_hash(bytes, len, digest))
		r = baseline_fail(why, -EIO, "OpenSSL has no SHA-256");
	if (!r) {
		*json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
		if (!*json)
			r = baseline_fail(why, -EBADMSG, "%.100s: %.100s",
					  path, error.text);
	}
	free(bytes);
	return r;
}

int baseline_write_json(const char *path, const json_t *json, uint8_t *digest,
			char *why)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
	int r;

	if (!text)
		return baseline_fail(why, -ENOMEM, "no memory");
	if (strlen(text) >= BASELINE_MANIFEST_MAX)
		r = -EFBIG;
	else if (digest && baseline_hash(text, strlen(text), digest))
		r = -EIO;
	else
		r = vhsm_file_replace(path, text, strlen(text), 0644);
	free(text);
	return r ? baseline_fail(why, r, "%.150s: %s", path, strerror(-r)) : 0;
}
