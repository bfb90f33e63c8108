/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline-internal.h - shared by the files that implement baseline.h,
 * baseline-store.h and make.h.
 */
#ifndef VHSM_BASELINE_INTERNAL_H
#define VHSM_BASELINE_INTERNAL_H

#include <openssl/evp.h>

#include "baseline/baseline-store.h"
#include "baseline/baseline.h"

#define BASELINE_MANIFEST	"manifest.json"
#define BASELINE_REFERENCE	"reference"
#define BASELINE_MODULES	"modules"
#define BASELINE_RULES		"rules.yar"
#define BASELINE_APPROVED	"approved"	/* a folder */
#define BASELINE_KEY		"signing.key"
#define BASELINE_PUB		"signing.pub"
#define BASELINE_MANIFEST_MAX	(16u << 20)	/* bytes */
#define BASELINE_FILE_MAX	(256u << 20)	/* bytes */
#define BASELINE_SIGNATURE_LEN	64u		/* Ed25519 */
#define BASELINE_HEX_LEN	65u		/* of a SHA-256, with the NUL */
#define BASELINE_TIME_LEN	21u		/* with the NUL */

/* The files a baseline may have beside its manifest, ended by NULL. */
extern const char *const baseline_files[];

/* Writes why and returns error. */
int baseline_fail(char *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Joins dir/name/file (file may be NULL): 0 or -ENAMETOOLONG with why. */
int baseline_path(char path[], const char *dir, const char *name,
		  const char *file, char *why);

/* Now, as RFC 3339 has it, UTC. */
void baseline_time(char text[BASELINE_TIME_LEN]);

/* Reads a whole file of at most max bytes: 0 with *bytes (the caller's,
 * NUL behind them), or -errno with why. */
int baseline_read_file(const char *path, size_t max, char **bytes, size_t *len,
		       char *why);
/* SHA-256 of a regular file: 0 or -errno with why. */
int baseline_hash_file(const char *path, uint8_t digest[32], char *why);
/* SHA-256 of bytes: 0 or -EIO. */
int baseline_hash(const void *bytes, size_t len, uint8_t digest[32]);

/* JSON from a file of at most max bytes, without duplicate members; digest
 * (of the file's bytes) may be NULL. */
int baseline_read_json(const char *path, size_t max, json_t **json,
		       uint8_t *digest, char *why);
/* Replaces a file by JSON; digest as above. */
int baseline_write_json(const char *path, const json_t *json, uint8_t *digest,
			char *why);

/* Whether it is a manifest of that name: 0, or -EBADMSG with why naming what is
 * wrong (manifest.c). */
int baseline_manifest_check(const json_t *manifest, const char *name,
			    char *why);
/* A manifest and its digest, without looking at the other files. */
int baseline_manifest_read(const char *dir, const char *name,
			   json_t **manifest, uint8_t digest[32], char *why);

/* Whether the manifest is of that boot: 0, or -EINVAL with why saying what
 * differs (match.c). */
int baseline_boot_check(const json_t *manifest, const char *name,
			const struct vhsm_boot *, char *why);

/* vhsm_boot_measure, but for the kernel. */
int baseline_measure_rest(struct vhsm_boot *, const char *ramdisk,
			  const char *cmdline, char *why);

/* Signs with the store's key, which is made if there is none (sign.c): 0 or
 * -errno with why. */
int baseline_sign(const char *dir, const void *bytes, size_t len,
		  uint8_t signature[BASELINE_SIGNATURE_LEN], char *why);
/* 0; -EBADMSG when it is not the store's signature of these bytes. */
int baseline_verify(const char *dir, const void *bytes, size_t len,
		    const uint8_t signature[BASELINE_SIGNATURE_LEN],
		    char *why);

#endif /* VHSM_BASELINE_INTERNAL_H */
