/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence-image.c - a bundle's image of memory, which SHA256SUMS vouches for
 * through memory.img.json alone: most of the file may be holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/image-digest.h"
#include "responder/evidence-private.h"

#define REGISTERS	EVIDENCE_IMAGE ".json"

static int open_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
			O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EBADMSG;
}

int evidence_image_complete(int dir, char *why)
{
	if (faccessat(dir, EVIDENCE_IMAGE, F_OK, AT_SYMLINK_NOFOLLOW) ||
	    !faccessat(dir, REGISTERS, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	return evidence_fail(why, -EBADMSG, EVIDENCE_IMAGE ": is not whole, "
			     "for it has no " REGISTERS);
}

/* The digest that the recording says its image has. */
static int digest_said(int dir, char hex[65], char *why)
{
	int fd = open_file(dir, REGISTERS);
	json_t *json = fd < 0 ? NULL :
		json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(json, "sha256"));
	bool good = text && strlen(text) == 64 &&
		strspn(text, "0123456789abcdef") == 64;

	if (good)
		memcpy(hex, text, 65);
	json_decref(json);
	if (fd >= 0)
		close(fd);
	return good ? 0 : evidence_fail(why, -EBADMSG, REGISTERS
					": has no digest of the image");
}

static int digest_is(int fd, char hex[65], char *why)
{
	uint8_t digest[32];
	int r = vhsm_image_digest(fd, digest);

	if (r)
		return evidence_fail(why, r, EVIDENCE_IMAGE ": %s",
				     strerror(-r));
	for (unsigned i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

int evidence_image_check(int dir, json_t *files, char *why)
{
	char said[65], is[65];
	struct stat st;
	int fd, r;

	if (faccessat(dir, REGISTERS, F_OK, AT_SYMLINK_NOFOLLOW))
		return evidence_image_complete(dir, why);
	fd = open_file(dir, EVIDENCE_IMAGE);
	if (fd < 0)
		return evidence_fail(why, fd == -ENOENT ? -EBADMSG : fd,
			EVIDENCE_IMAGE ": %s", fd == -ENOENT ?
			"was removed" : strerror(-fd));
	r = digest_said(dir, said, why);
	if (!r)
		r = digest_is(fd, is, why);
	if (!r && strcmp(said, is))
		r = evidence_fail(why, -EBADMSG, EVIDENCE_IMAGE ": recorded "
				  "as %s, but it is %s", said, is);
	if (!r && !fstat(fd, &st))
		json_array_append_new(files, json_pack("{s:s, s:I, s:s}",
			"name", EVIDENCE_IMAGE, "bytes", (json_int_t)st.st_size,
			"sha256", is));
	close(fd);
	return r;
}
