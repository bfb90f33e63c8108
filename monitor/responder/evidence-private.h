/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence-private.h - shared by the files that implement evidence.h.
 */
#ifndef VHSM_EVIDENCE_PRIVATE_H
#define VHSM_EVIDENCE_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define EVIDENCE_SUMS		"SHA256SUMS"
#define EVIDENCE_SIG		"SHA256SUMS.sig"
#define EVIDENCE_PUB		"evidence.pub"
#define EVIDENCE_KEY		"evidence.key"
#define EVIDENCE_IMAGE		"memory.img"
#define EVIDENCE_FILES_MAX	32u
#define EVIDENCE_SIG_LEN	64u	/* Ed25519 */

/* Writes why and returns error. */
int evidence_fail(char *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* 0, or -EBADMSG with why when there is an image without its registers, which
 * are written last. */
int evidence_image_complete(int dir, char *why);

/* 0 when there is no image, or one as it was recorded, which files gets, too;
 * -errno with why. */
int evidence_image_check(int dir, json_t *files, char *why);

/* The text of SHA256SUMS for what is in the folder now but an image of memory,
 * *sums the caller's
 * whatever the result; files (NULL or an array) gets what verify reports. */
int evidence_sums(const char *bundle, char **sums, size_t *len, json_t *files,
		  char *why);

#endif /* VHSM_EVIDENCE_PRIVATE_H */
